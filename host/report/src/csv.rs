//! Tables as CSV (RFC 4180) with exact decimals. A text from outside that a spreadsheet would
//! take for a formula gets an apostrophe in front; the Arrow files hold texts as they are.

use counterfoil_base::text::begins_formula;
use counterfoil_trading::decimal;
use serde_json::Value;

use crate::facts::RunFacts;
use crate::figures::ReportFigures;
use crate::trade::{RoundTrip, TradeEnd};

const TRADES: &str = "number,instrument,ticker,direction,opened,closed,bars,entered,exited,entry_price,\
exit_price,entry_value,exit_value,open_value,action_cash,gross,fees,borrow,slippage,net,return,fills,opened_by_entry,\
closed_by_entry,open_reason,close_reason";

const EQUITY: &str = "time,cash,equity,exposure,drawdown";

/// One row a trade; `None` when an amount does not fit.
pub(crate) fn trades(facts: &RunFacts) -> Option<String> {
    let mut out = format!("{TRADES}\n");
    for (place, trade) in facts.trades.iter().enumerate() {
        let cells = trade_cells(facts, place, trade)?;
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    Some(out)
}

fn trade_cells(facts: &RunFacts, place: usize, trade: &RoundTrip) -> Option<Vec<String>> {
    let instrument = facts.instruments.get(trade.instrument.index())?;
    let (entry, exit) = trade.average_prices(instrument);
    let price =
        |price: Option<i128>| price.map_or(String::new(), |price| decimal::format(price, 9));
    let closed = trade.closed.as_ref();
    let by = |end: Option<&TradeEnd>| end.and_then(|end| end.entry).map(|entry| entry.to_string());
    let reason = |end: Option<&TradeEnd>| {
        let reason = end.and_then(|end| end.reason.as_deref());
        reason.map(foreign).unwrap_or_default()
    };
    Some(vec![
        place.saturating_add(1).to_string(),
        foreign(instrument.symbol()),
        foreign(facts.ticker(trade.instrument, trade.opened.time)),
        trade.direction.name().to_owned(),
        trade.opened.time.rfc3339(),
        closed.map(|end| end.time.rfc3339()).unwrap_or_default(),
        trade
            .bars()
            .map(|bars| bars.to_string())
            .unwrap_or_default(),
        instrument.quantity_text(trade.entered),
        instrument.quantity_text(trade.exited),
        price(entry),
        price(exit),
        trade.entry_value.to_text(),
        trade.exit_value.to_text(),
        trade.open_value.to_text(),
        trade.actions.to_text(),
        trade.gross()?.to_text(),
        trade.fees.to_text(),
        trade.borrow.to_text(),
        trade.slippage.to_text(),
        trade.net()?.to_text(),
        trade.return_on_entry().map(float).unwrap_or_default(),
        trade.fills.to_string(),
        by(Some(&trade.opened)).unwrap_or_default(),
        by(closed).unwrap_or_default(),
        reason(Some(&trade.opened)),
        reason(closed),
    ])
}

/// One row a slice.
pub(crate) fn equity(facts: &RunFacts, figures: &ReportFigures) -> String {
    let mut out = format!("{EQUITY}\n");
    // One drawdown for each slice, both made from the same list.
    for (slice, drawdown) in facts.slices.iter().zip(&figures.drawdowns) {
        let row = [
            slice.time.rfc3339(),
            slice.cash.to_text(),
            slice.equity.to_text(),
            slice.exposure.to_text(),
            float(*drawdown),
        ];
        out.push_str(&row.join(","));
        out.push('\n');
    }
    out
}

/// One row a figure; an undefined one has an empty value. What is more than a value is left to
/// `report.json`.
pub(crate) fn figures(statistics: &Value) -> String {
    let mut out = "figure,value\n".to_owned();
    for (name, value) in statistics.as_object().into_iter().flatten() {
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => foreign(text),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => continue,
        };
        out.push_str(&[name.as_str(), text.as_str()].join(","));
        out.push('\n');
    }
    out
}

/// The shortest text that reads back as the same float.
pub(crate) fn float(value: f64) -> String {
    // Debug and not Display: it writes 1e300 in six characters instead of 301, and -0.0 as such.
    format!("{value:?}")
}

/// A text from outside as one field.
pub(crate) fn foreign(text: &str) -> String {
    // A strategy chooses symbols and reasons. A spreadsheet runs a cell that begins so: with
    // `=HYPERLINK(…)` it would send other cells to an address of the strategy's author.
    let text = if begins_formula(text) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    // Quoted with an apostrophe too: some readers drop one that begins an unquoted field. And with what separates fields
    // elsewhere: a spreadsheet that cuts at semicolons or tabs would find a formula behind one.
    if text.contains([',', ';', '\t', '"', '\n', '\r', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_is_one_field_and_no_formula() {
        let table = [
            ("ABC", "ABC"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("-1", "\"'-1\""),
            ("＝1+1", "\"'＝1+1\""),
            (" =1", "\"' =1\""),
            ("a;=1", "\"a;=1\""),
            ("", ""),
        ];
        for (text, expect) in table {
            assert_eq!(foreign(text), expect);
        }
    }
}
