//! The top of the page: what this is, whether its journal verifies, and the first figures. It
//! must never leave a failed verification in small print.

use super::HtmlPage;
use crate::facts::RunEnding;
use crate::number::count_text;
use crate::render::RunReport;
use crate::sentences::{self, FigureTone};

pub(super) fn head(page: &mut HtmlPage, render: &RunReport<'_>) {
    let kind = sentences::kind(&render.manifest.data);
    page.element("<header>\n<p class=\"over\">", kind, " report</p>\n");
    page.element("<h1>Run ", &render.subject.short, "</h1>\n");
    if let Some(strategy) = &render.subject.strategy {
        page.element("<p class=\"lead\">", &strategy.name, " ");
        page.element("", &strategy.version, "</p>\n");
    }
    let subject = sentences::subject(render);
    page.element("<p class=\"lead\">", &subject, "</p>\n</header>\n");
    verdict(page, render);
    ending(page, render);
    refused_inputs(page, render);
    page.raw("<div class=\"tiles\">\n");
    for tile in sentences::headline(render) {
        page.element("<div class=\"tile\"><span>", tile.name, "</span>");
        page.raw(match tile.tone {
            FigureTone::Plain => "<b>",
            FigureTone::Gain => "<b class=\"gain\">",
            FigureTone::Loss => "<b class=\"loss\">",
        });
        page.element("", &tile.value, "</b>");
        page.element("<span>", &tile.below, "</span></div>\n");
    }
    page.raw("</div>\n");
}

fn verdict(page: &mut HtmlPage, render: &RunReport<'_>) {
    let verdict = &render.subject.verdict;
    if verdict.good {
        page.raw("<div class=\"box good\"><p><strong>The journal verifies.</strong> ");
        page.raw("It is intact, signed and complete, and every fill and amount follows from the ");
        page.raw("rules. <a href=\"#check\">What that proves and how to check it</a></p></div>\n");
        return;
    }
    // Above every figure and announced by screen readers: the figures below may be forged.
    page.raw("<div class=\"box bad\" role=\"alert\"><p><strong>This journal does not verify. ");
    page.raw("Trust nothing on this page.</strong></p>");
    page.raw("<p>The verifier reported:</p>");
    page.element("<pre>", verdict.text.trim_end(), "</pre></div>\n");
}

fn ending(page: &mut HtmlPage, render: &RunReport<'_>) {
    match render.facts.ending {
        RunEnding::EndOfData => {}
        RunEnding::NotClosed => {
            page.raw("<div class=\"box warn\"><p><strong>The run is not closed.</strong> It is ");
            page.raw("still running, or its process was stopped. The figures below cover the ");
            page.raw("journal so far.</p></div>\n");
        }
        RunEnding::Stopped => {
            page.raw("<div class=\"box warn\"><p><strong>The host stopped the run");
            if let Some((cause, message)) = &render.facts.stop {
                page.element(": ", cause, "");
                page.raw(".</strong></p>");
                if !message.is_empty() {
                    page.element("<p>", message, "</p>");
                }
            } else {
                page.raw(".</strong></p>");
            }
            page.raw("</div>\n");
        }
        RunEnding::Fault => {
            page.raw("<div class=\"box warn\"><p><strong>The strategy failed");
            if let Some(fault) = &render.facts.fault {
                page.element(": ", fault.name, " in ");
                page.element("", fault.callback, "");
                // A fault in `init` has no slice yet.
                if let Some(time) = fault.slice_close {
                    let time = time.date_or_time();
                    page.element(", slice closing ", &time, "");
                }
            }
            page.raw(".</strong> The run ended there.</p>");
            if let Some(fault) = &render.facts.fault {
                if !fault.message.is_empty() {
                    page.element("<p>Its message: ", &fault.message, "</p>");
                }
                if !fault.trace.is_empty() {
                    page.element("<pre>", fault.trace.trim_end(), "</pre>");
                }
            }
            page.raw("</div>\n");
        }
    }
}

fn refused_inputs(page: &mut HtmlPage, render: &RunReport<'_>) {
    /// Reasons shown; `report.json` has all.
    const SHOWN: usize = 5;
    let inputs = &render.facts.refused_inputs;
    let total: u64 = inputs.values().sum();
    // Shown on top, because a run that refused inputs decided on fewer than were sent to it.
    if total == 0 {
        return;
    }
    page.raw("<div class=\"box warn\"><p><strong>");
    page.text(&count_text(total));
    page.raw(sentences::plural(
        total,
        " input was refused",
        " inputs were refused",
    ));
    page.raw("</strong> and recorded; the strategy never sees them.</p><ul>");
    for (reason, count) in inputs.iter().take(SHOWN) {
        page.element("<li>", reason, " (");
        page.element("", &count_text(*count), ")</li>");
    }
    page.raw("</ul>");
    if inputs.len() > SHOWN {
        page.raw("<p>All reasons are in report.json.</p>");
    }
    page.raw("</div>\n");
}
