//! The run, the proofs about it, and the commands that check it. It must never claim more than
//! the verifier's result.

use counterfoil_trading::manifest::{DataSource, Manifest};

use super::HtmlPage;
use crate::number::count_text;
use crate::render::{ReportError, RunReport};
use crate::sentences;

fn row(page: &mut HtmlPage, name: &str, value: &str) {
    page.element("<tr><th>", name, "</th>");
    page.element("<td>", value, "</td></tr>\n");
}

fn digest(page: &mut HtmlPage, name: &str, value: &str) {
    page.element("<tr><th>", name, "</th>");
    page.element("<td class=\"digest\">", value, "</td></tr>\n");
}

pub(super) fn what_ran(page: &mut HtmlPage, render: &RunReport<'_>) -> Result<(), ReportError> {
    let (subject, manifest, facts) = (render.subject, render.manifest, render.facts);
    page.raw("<h2>What ran</h2>\n<table class=\"facts\"><tbody>\n");
    digest(page, "Run", &subject.run.to_string());
    row(page, "Execution", &subject.execution.to_string());
    if let Some(strategy) = &subject.strategy {
        let strategy = format!("{} {}", strategy.name, strategy.version);
        row(page, "Strategy", &strategy);
    }
    digest(page, "Component", &manifest.component);
    match &manifest.data {
        DataSource::Snapshot { id, from, to } => {
            digest(page, "Snapshot", id);
            let end = |end: &Option<String>, none: &str| end.clone().unwrap_or(none.to_owned());
            if from.is_some() || to.is_some() {
                let range = format!("{} to {}", end(from, "its start"), end(to, "its end"));
                row(page, "Requested range", &range);
            }
        }
        DataSource::Feed {
            name, start_nonce, ..
        } => {
            row(page, "Feed", name);
            row(page, "Start nonce", start_nonce);
        }
    }
    // Missing where the verifier did not reach the end: a digest of half a run proves nothing.
    if let Some(decisions) = subject.decision_digest {
        digest(page, "Decision digest", &decisions.to_string());
    }
    let bars = count_text(facts.decisions());
    let bars = match facts.ends() {
        Some((first, last)) => format!(
            "{bars}, closing {} to {}",
            first.date_or_time(),
            last.date_or_time()
        ),
        None => bars,
    };
    row(page, "Bars decided", &bars);
    row(page, "Parameters", &parameters(render));
    let account = &manifest.account;
    let account = format!(
        "{} of {}: {} account, {} {}",
        account.name, account.owner, account.kind, account.cash, account.currency
    );
    row(page, "Account", &account);
    row(page, "Costs", &costs(manifest));
    row(page, "Host", &facts.host);
    page.raw("</tbody></table>\n<details><summary>The manifest, with every limit</summary>\n");
    // By way of a value, whose keys are sorted: the page's bytes follow from the manifest alone.
    let value = serde_json::to_value(manifest)?;
    let text = serde_json::to_string_pretty(&value)?;
    page.element("<pre>", &text, "</pre></details>\n");
    Ok(())
}

/// The parameters that the run used: all of them where the component's description is here.
fn parameters(render: &RunReport<'_>) -> String {
    let Some(strategy) = &render.subject.strategy else {
        let stated = render.manifest.parameters.iter();
        let stated = stated.map(|(name, value)| format!("{name} = {value}"));
        let others = "others as the component\u{2019}s defaults".to_owned();
        return stated.chain([others]).collect::<Vec<_>>().join(", ");
    };
    let texts = strategy.parameters.iter().map(|parameter| {
        let default = if parameter.is_default {
            " (default)"
        } else {
            ""
        };
        format!("{} = {}{default}", parameter.name, parameter.value)
    });
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() {
        return "none".to_owned();
    }
    texts.join(", ")
}

/// The rates of costs, or that there are none.
fn costs(manifest: &Manifest) -> String {
    let costs = &manifest.costs;
    let cap = &costs.volume_cap_bps;
    if sentences::charges_nothing(manifest) {
        return format!("no fees, slippage or borrow fees; volume cap {cap} bps");
    }
    format!(
        "fee {} bps, slippage {} bps, volume cap {cap} bps, borrow {} bps a year; all in the manifest",
        costs.fee_bps, costs.slippage_bps, costs.borrow_bps
    )
}

fn command(page: &mut HtmlPage, what: &str, command: &str) {
    page.element("<p class=\"note\">", what, "</p>\n");
    page.element("<div class=\"command\"><code>", command, "</code>");
    page.raw("<button class=\"copy\" type=\"button\" hidden>Copy</button></div>\n");
}

pub(super) fn how_to_check(page: &mut HtmlPage, render: &RunReport<'_>) {
    let (subject, facts) = (render.subject, render.facts);
    page.raw("<h2 id=\"check\">What is proven, and how to check it</h2>\n");
    if subject.verdict.good {
        page.raw("<p>When this report was made, the auditor\u{2019}s library read the journal ");
        page.raw("with the log\u{2019}s public key and reported:</p>\n");
    } else {
        page.raw("<p><strong class=\"loss\">Nothing is proven by this report: the journal does ");
        page.raw("not verify.</strong> The auditor\u{2019}s library reported:</p>\n");
    }
    // The verifier's own words, whole: a summary of them would be a second opinion.
    page.element("<pre>", subject.verdict.text.trim_end(), "</pre>\n");
    if subject.verdict.good {
        // What is not proven is shown beside what is, or a reader takes a clean journal for a good
        // strategy.
        page.raw("<ul>\n<li><strong>Proven:</strong> nothing in the journal was changed, removed ");
        page.raw("or added since it was signed; every bar has its decision; every refusal, ");
        page.raw("fill, fee and amount is what the rules give for the recorded answers.</li>\n");
        page.raw("<li><strong>Proven by a replay:</strong> the component of this digest gives ");
        page.raw("these answers on these bars.</li>\n");
        page.raw("<li><strong>Not proven:</strong> that this file is unaltered (make it ");
        page.raw("again: the same run gives the same bytes), that the public key is the right ");
        page.raw("one, that the bars are what the market did, or that past results will repeat.");
        page.raw("</li>\n</ul>\n");
    }
    let run = &subject.short;
    let verify = format!("counterfoil verify {run}");
    command(
        page,
        "Check hashes, signatures, rules and completeness:",
        &verify,
    );
    let replay = format!("counterfoil replay {run}");
    command(
        page,
        "Replay the component and compare every decision:",
        &replay,
    );
    let (first, asking) = facts.first_entries;
    // A decision with an order shows more than the first bar, on which most strategies do nothing.
    if let Some(entry) = asking.or(first) {
        let proof = format!("counterfoil proof {run} --entry {entry}");
        let what = "Export the proof of one decision to its own file; the trades above name the \
                    entries whose decisions requested them:";
        command(page, what, &proof);
    }
    let report = format!("counterfoil report {run}");
    command(page, "Make this report again:", &report);
    page.raw("<p class=\"note\">An auditor needs only ");
    page.raw(
        "<code>counterfoil-verify</code>, the journal and the public key; docs/start/AUDIT.md ",
    );
    page.raw("explains how.</p>\n");
}
