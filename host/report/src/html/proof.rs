//! What ran, what is proven of it, and the commands that check it. It must never claim more than
//! the verifier said.

use counterfoil_trading::manifest::DataSource;

use super::Page;
use crate::number::count_text;
use crate::report::{Render, RenderError};

fn row(page: &mut Page, name: &str, value: &str) {
    page.element("<tr><th>", name, "</th>");
    page.element("<td>", value, "</td></tr>\n");
}

fn digest(page: &mut Page, name: &str, value: &str) {
    page.element("<tr><th>", name, "</th>");
    page.element("<td class=\"digest\">", value, "</td></tr>\n");
}

pub(super) fn what_ran(page: &mut Page, render: &Render<'_>) -> Result<(), RenderError> {
    let (subject, manifest, facts) = (render.subject, render.manifest, render.facts);
    page.raw("<h2>What ran</h2>\n<table class=\"facts\"><tbody>\n");
    digest(page, "Run", &format!("sha256:{}", subject.run));
    row(page, "Execution", &subject.execution.to_string());
    digest(page, "Component", &manifest.component);
    match &manifest.data {
        DataSource::Snapshot { id, from, to } => {
            digest(page, "Snapshot", id);
            let end = |end: &Option<String>, none: &str| end.clone().unwrap_or(none.to_owned());
            if from.is_some() || to.is_some() {
                let range = format!("{} to {}", end(from, "its start"), end(to, "its end"));
                row(page, "Range asked for", &range);
            }
        }
        DataSource::Feed {
            name, start_nonce, ..
        } => {
            row(page, "Feed", name);
            row(page, "Start nonce", start_nonce);
        }
    }
    if let Some(hex) = &subject.decision_digest {
        digest(page, "Decision digest", &format!("sha256:{hex}"));
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
    let parameters: Vec<String> = manifest
        .parameters
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let parameters = if parameters.is_empty() {
        "the component\u{2019}s own".to_owned()
    } else {
        parameters.join(", ")
    };
    row(page, "Parameters", &parameters);
    let account = &manifest.account;
    let account = format!(
        "{} of {}: {} account, {} {}",
        account.name, account.owner, account.kind, account.cash, account.currency
    );
    row(page, "Account", &account);
    let costs = &manifest.costs;
    let costs = format!(
        "fee {} bps, slippage {} bps, volume cap {} bps, borrow {} bps a year; all in the manifest",
        costs.fee_bps, costs.slippage_bps, costs.volume_cap_bps, costs.borrow_bps
    );
    row(page, "Costs", &costs);
    row(page, "Host", &facts.host);
    page.raw("</tbody></table>\n<details><summary>The manifest, with every limit</summary>\n");
    let value = serde_json::to_value(manifest)?;
    let text = serde_json::to_string_pretty(&value)?;
    page.element("<pre>", &text, "</pre></details>\n");
    Ok(())
}

fn command(page: &mut Page, what: &str, command: &str) {
    page.element("<p class=\"note\">", what, "</p>\n");
    page.element("<div class=\"command\"><code>", command, "</code>");
    page.raw("<button class=\"copy\" type=\"button\" hidden>Copy</button></div>\n");
}

pub(super) fn how_to_check(page: &mut Page, render: &Render<'_>) {
    let (subject, facts) = (render.subject, render.facts);
    page.raw("<h2 id=\"check\">What is proven, and how to check it</h2>\n");
    if subject.verdict.good {
        page.raw("<p>When this report was made, the auditor\u{2019}s library read the journal ");
        page.raw("with the log\u{2019}s public key and said:</p>\n");
    } else {
        page.raw("<p><strong class=\"loss\">Nothing is proven by this report: the journal does ");
        page.raw("not verify.</strong> The auditor\u{2019}s library said:</p>\n");
    }
    page.element("<pre>", subject.verdict.text.trim_end(), "</pre>\n");
    if subject.verdict.good {
        page.raw("<ul>\n<li><strong>Proven:</strong> nothing in the journal was changed, removed ");
        page.raw("or added since it was signed; every bar has its decision; every refusal, ");
        page.raw("fill, fee and amount is what the rules give for the recorded answers.</li>\n");
        page.raw("<li><strong>Proven by a replay:</strong> the component of this digest gives ");
        page.raw("these answers on these bars.</li>\n");
        page.raw("<li><strong>Not proven:</strong> that this file is as it was made (make it ");
        page.raw("again: the same run gives the same bytes), that the public key is the right ");
        page.raw("one, that the bars are what the market did, or that any of it happens again.");
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
        "Let the component decide again and compare every decision:",
        &replay,
    );
    let (first, asking) = facts.first_entries;
    if let Some(entry) = asking.or(first) {
        let proof = format!("counterfoil proof {run} --entry {entry}");
        let what = "Write the proof of one decision as a file of its own; the trades above name \
                    the entries that asked for them:";
        command(page, what, &proof);
    }
    let report = format!("counterfoil report {run}");
    command(page, "Make this report again:", &report);
    page.raw("<p class=\"note\">An auditor needs no part of this program but ");
    page.raw("<code>counterfoil-verify</code>, the journal and the public key; docs/AUDIT.md ");
    page.raw("says how.</p>\n");
}
