//! The page's part on orders: what was approved, refused and rejected, and what never filled. It must never
//! leave a reader without the reason that the records give.

use super::HtmlPage;
use crate::number::count_text;
use crate::order_texts::{obstacles_text, order_text, unfilled_text, working_text};
use crate::render::RunReport;
use crate::sentences::plural;

pub(super) fn orders(page: &mut HtmlPage, render: &RunReport<'_>) {
    let orders = &render.facts.orders;
    page.raw("<h2>Orders</h2>\n<p>The risk gate approved ");
    page.text(&count_text(orders.approved));
    page.raw(" of the strategy\u{2019}s requests and refused ");
    page.text(&count_text(orders.refused.values().sum()));
    page.raw("; there were ");
    page.text(&count_text(orders.fills));
    page.raw(plural(orders.fills, " fill", " fills"));
    if orders.clamped > 0 {
        page.raw(", ");
        page.text(&count_text(orders.clamped));
        page.raw(" of them with slippage capped at the bar\u{2019}s range");
    }
    page.element(", and ", &working_text(orders), "");
    if orders.margin_calls > 0 {
        page.raw(". <strong>Margin calls: ");
        page.text(&count_text(orders.margin_calls));
        page.raw("</strong>");
    }
    page.raw(".</p>\n");
    // Accepted, filled and the like are the normal course; what went wrong is listed.
    let rejected = orders
        .events
        .iter()
        .filter(|((status, _), _)| ["rejected", "canceled", "expired"].contains(status));
    let refused = orders
        .refused
        .iter()
        .map(|(code, count)| ("refused", *code, *count));
    let rows: Vec<(&str, &str, u64)> = refused
        .chain(rejected.map(|((status, code), count)| (*status, *code, *count)))
        .collect();
    outcomes(page, &rows);
    never_filled(page, render);
}

fn outcomes(page: &mut HtmlPage, rows: &[(&str, &str, u64)]) {
    if rows.is_empty() {
        return;
    }
    page.raw("<div class=\"scroll\"><table><thead><tr><th>Outcome</th><th>Code</th>");
    page.raw("<th class=\"n\">Count</th></tr></thead><tbody>\n");
    for (outcome, code, count) in rows {
        page.element("<tr><td>", outcome, "</td>");
        page.element("<td>", code, "</td>");
        page.element("<td class=\"n\">", &count_text(*count), "</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n");
}

/// The orders without a fill, and what stood in their way.
fn never_filled(page: &mut HtmlPage, render: &RunReport<'_>) {
    let unfilled = &render.facts.orders.unfilled;
    let Some(text) = unfilled_text(unfilled) else {
        return;
    };
    page.element("<p><strong>Never filled:</strong> ", &text, ".</p>\n");
    page.raw("<div class=\"scroll\"><table><thead><tr><th class=\"n\">Entry</th><th>Order</th>");
    page.raw("<th>Outcome</th><th class=\"n\">Bars</th><th>What stood in the way</th>");
    page.raw("</tr></thead><tbody>\n");
    for order in &unfilled.first {
        page.element("<tr><td class=\"n\">", &order.entry.to_string(), "</td>");
        let text = order_text(&order.order, &render.facts.instruments);
        page.element("<td class=\"nowrap\">", &text, "</td>");
        let outcome = format!("{} {}", order.outcome, order.code);
        page.element("<td>", outcome.trim_end(), "</td>");
        page.element("<td class=\"n\">", &count_text(order.bars), "</td>");
        page.element("<td class=\"why\">", &obstacles_text(order), "</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n<p class=\"note\">Bars are those on which the venue had the order. ");
    let listed = u64::try_from(unfilled.first.len()).unwrap_or(u64::MAX);
    if listed < unfilled.count {
        page.element("The first ", &count_text(listed), " are listed. ");
    }
    page.raw("The entry is the journal index of the decision that requested it.</p>\n");
}
