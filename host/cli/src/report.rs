//! A run's result as tables and JSON. Amounts are exact decimal texts.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use counterfoil_report::{OrderSummary, RunFacts};
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::run::journal::{JournalReader, ReadJournalError};
use counterfoil_runner::store::data_dir::{DataDir, Execution};
use counterfoil_trading::execution::{Delivery, Fill};
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::{self, Manifest};
use counterfoil_trading::record::{
    CloseReason, CloseRecord, DecisionRecord, DeliveriesRecord, FaultRecord, KIND_DECISION,
    KIND_DELIVERIES, KIND_FAULT, KIND_STOP, KIND_WIND_DOWN, RequestCounts, StopCause, StopRecord,
    WindDownRecord, record_kind,
};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Quantity};
use serde_json::{Value, json};

use crate::output::{CommandAnswer, print_block, print_fields, print_line, print_table};

/// One fill with the index of its bar.
pub(crate) struct FillRow {
    pub(crate) bar: u64,
    pub(crate) fill: Fill,
}

/// All fills of a journal.
pub(crate) fn fills(execution: &Execution) -> Result<Vec<FillRow>> {
    let mut reader = JournalReader::open(&execution.journal())?;
    let mut next_index: BTreeMap<u32, u64> = BTreeMap::new();
    let mut rows = Vec::new();
    while let Some(body) = reader.next_body()? {
        match record_kind(body).map_err(ReadJournalError::from)? {
            KIND_DECISION => {
                let decision = DecisionRecord::decode(body).map_err(ReadJournalError::from)?;
                next_index.insert(
                    decision.bar.get().instrument.0,
                    decision.index.saturating_add(1),
                );
            }
            KIND_DELIVERIES => {
                let all = DeliveriesRecord::decode(body).map_err(ReadJournalError::from)?;
                for delivery in all.deliveries {
                    if let Delivery::Fill(fill) = delivery {
                        // Deliveries come before the decisions of their slice, so the bar of the
                        // fill is the next one of its instrument.
                        let bar = next_index.get(&fill.instrument.0).copied().unwrap_or(0);
                        rows.push(FillRow { bar, fill });
                    }
                }
            }
            _ => {}
        }
    }
    Ok(rows)
}

/// The fault of a journal, if it has one.
pub(crate) fn fault(
    execution: &Execution,
) -> Result<Option<(FaultRecord, Option<DecisionRecord>)>> {
    let mut reader = JournalReader::open(&execution.journal())?;
    let mut first_unanswered = None;
    while let Some(body) = reader.next_body()? {
        match record_kind(body).map_err(ReadJournalError::from)? {
            // The decision at which the guest failed comes before the fault record, which does not
            // name its bar.
            KIND_DECISION if first_unanswered.is_none() => {
                let decision = DecisionRecord::decode(body).map_err(ReadJournalError::from)?;
                if decision.requests.is_none() {
                    first_unanswered = Some(decision);
                }
            }
            KIND_FAULT => {
                let fault = FaultRecord::decode(body).map_err(ReadJournalError::from)?;
                return Ok(Some((fault, first_unanswered)));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The host's stop of a run, and the number of orders that it canceled and of positions that it flattened.
struct HostStop {
    record: StopRecord,
    canceled: usize,
    flattened: usize,
}

/// The host's stop of a journal, if it has one.
fn stop(execution: &Execution) -> Result<Option<HostStop>> {
    let mut reader = JournalReader::open(&execution.journal())?;
    let mut found: Option<HostStop> = None;
    while let Some(body) = reader.next_body()? {
        match record_kind(body).map_err(ReadJournalError::from)? {
            KIND_STOP => {
                found = Some(HostStop {
                    record: StopRecord::decode(body).map_err(ReadJournalError::from)?,
                    canceled: 0,
                    flattened: 0,
                });
            }
            KIND_WIND_DOWN => {
                let part = WindDownRecord::decode(body).map_err(ReadJournalError::from)?;
                if let Some(stop) = &mut found {
                    stop.canceled += part.canceled.len();
                    stop.flattened += part.flattened.len();
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

pub(crate) fn fill_json(
    row: &FillRow,
    instruments: &[Instrument],
    facts: &RunFacts,
) -> Result<Value> {
    let fill = &row.fill;
    let instrument = instruments
        .get(fill.instrument.index())
        // An error and not a placeholder: a fill of an unknown instrument means that journal and
        // manifest do not belong together.
        .context("a fill names an instrument that the manifest does not have")?;
    Ok(json!({
        "instrument": instrument.symbol(),
        "ticker": facts.ticker(fill.instrument, fill.time),
        "bar": row.bar,
        "time": fill.time.date_or_time(),
        "side": fill.side.name(),
        "quantity": instrument.quantity_text(fill.quantity),
        "price": instrument.price_text(fill.price),
        "reference-price": instrument.price_text(fill.reference_price),
        "fee": fill.fee.to_text(),
        "liquidity": fill.liquidity.name(),
        "slippage": fill.slippage.to_text(),
        "leaves-quantity": instrument.quantity_text(fill.leaves_quantity),
        "client-order-id": fill.client_order_id.0,
        "clamped": fill.clamped,
    }))
}

pub(crate) fn print_fills(
    rows: &[FillRow],
    instruments: &[Instrument],
    facts: &RunFacts,
) -> Result<()> {
    let head = [
        "instrument",
        "bar",
        "time",
        "side",
        "quantity",
        "price",
        "fee",
    ];
    let mut lines = vec![head.map(String::from).to_vec()];
    for row in rows {
        let fill = &row.fill;
        let instrument = instruments.get(fill.instrument.index());
        let instrument =
            instrument.context("a fill names an instrument that the manifest does not have")?;
        lines.push(vec![
            facts.ticker(fill.instrument, fill.time).to_owned(),
            row.bar.to_string(),
            fill.time.date_or_time(),
            fill.side.name().to_owned(),
            instrument.quantity_text(fill.quantity),
            instrument.price_text(fill.price),
            fill.fee.to_text(),
        ]);
    }
    print_table(&lines);
    Ok(())
}

/// The closing record in JSON.
fn close_json(manifest: &Manifest, close: &CloseRecord, positions: &[Quantity]) -> Result<Value> {
    let setup = manifest.setup()?;
    let positions: serde_json::Map<String, Value> = setup
        .instruments
        .iter()
        .zip(positions)
        .map(|(instrument, held)| {
            (
                instrument.symbol().to_owned(),
                json!(instrument.quantity_text(*held)),
            )
        })
        .collect();
    let RequestCounts { approved, refused } = close.requests;
    Ok(json!({
        "ended": close.reason.name(),
        "decision-digest": close.decision_digest.to_string(),
        "bars": close.decisions,
        "fills": close.fills,
        "requests-approved": approved,
        "requests-refused": refused,
        "final-cash": close.cash.to_text(),
        "final-position": positions,
        "final-equity": close.equity.to_text(),
        "fees": close.fees.to_text(),
        "slippage": close.slippage.to_text(),
        "realized": close.realized.to_text(),
        "borrow": close.borrow.to_text(),
        "dividends": close.dividends.to_text(),
    }))
}

/// The trace with names and lines, where the data directory has the component's symbols.
pub(crate) fn readable_trace(data: &DataDir, manifest: &Manifest, trace: &str) -> String {
    let symbols = manifest::digest("component", &manifest.component)
        .ok()
        .and_then(|component| data.symbols(&component));
    symbols.map_or_else(|| trace.to_owned(), |symbols| symbols.explain(trace))
}

pub(crate) fn outcome_json(
    data: &DataDir,
    manifest: &Manifest,
    outcome: &ExecutionOutcome,
    orders: &OrderSummary,
) -> Result<Value> {
    let mut value = close_json(manifest, &outcome.close, &outcome.positions)?;
    value["run-id"] = json!(outcome.execution.run);
    value["execution"] = json!(outcome.execution.number);
    value["component"] = json!(manifest.component);
    value["journal"] = json!(outcome.execution.journal().path());
    value["manifest"] = json!(outcome.execution.folder.join("manifest.json").path());
    value["orders"] = orders.json();
    // Read again from the journal: the closing record states that there was a fault, and not which.
    if outcome.close.reason == CloseReason::Fault
        && let Some((fault, _)) = fault(&outcome.execution)?
    {
        value["fault"] = json!({
            "name": fault.fault.name(),
            "callback": fault.callback.name(),
            "time": fault.slice_close().map(UnixNanos::date_or_time),
            "message": fault.message,
            "trace": readable_trace(data, manifest, &fault.trace),
        });
    }
    if let Some(found) = stop_of(outcome)? {
        let HostStop { record, .. } = &found;
        value["stop"] = json!({
            "cause": record.stop.cause.name(),
            "message": record.stop.message,
            "asked-by": record.stop.by,
            "time": record.last_close().map(UnixNanos::date_or_time),
            "orders-canceled": found.canceled,
            "positions-flattened": found.flattened,
        });
    }
    Ok(value)
}

/// The record of the host's stop, if it stopped the run.
fn stop_of(outcome: &ExecutionOutcome) -> Result<Option<HostStop>> {
    match outcome.close.reason {
        CloseReason::Stopped => stop(&outcome.execution),
        CloseReason::EndOfData | CloseReason::Fault => Ok(None),
    }
}

/// Yes if the run decided its whole feed.
pub(crate) fn answer_of(outcome: &ExecutionOutcome) -> Result<CommandAnswer> {
    // A feed that ended stopped the run as planned; every other stop has cut it short, and a script
    // must see that.
    let is_end = match outcome.close.reason {
        CloseReason::EndOfData => true,
        CloseReason::Fault => false,
        CloseReason::Stopped => {
            stop_of(outcome)?.is_some_and(|found| found.record.stop.cause == StopCause::FeedEnded)
        }
    };
    Ok(CommandAnswer::yes_if(is_end))
}

pub(crate) fn print_outcome(
    data: &DataDir,
    manifest: &Manifest,
    outcome: &ExecutionOutcome,
    orders: &OrderSummary,
) -> Result<()> {
    let setup = manifest.setup()?;
    let close = &outcome.close;
    let held = held_text(&setup.instruments, &outcome.positions);
    let mut rows = vec![
        (
            "run",
            format!(
                "{} (execution {})",
                outcome.execution.run.hex(),
                outcome.execution.number
            ),
        ),
        ("decision digest", close.decision_digest.hex()),
        ("bars decided", close.decisions.to_string()),
    ];
    rows.extend(orders.lines());
    rows.extend([
        ("final cash", close.cash.to_text()),
        ("final position", held),
        ("final equity", close.equity.to_text()),
    ]);
    let costs = [
        ("fees", close.fees),
        ("slippage", close.slippage),
        ("borrow fees", close.borrow),
    ];
    // Three lines of zeros hide what they have in common: the result is before costs.
    if costs.iter().all(|(_, cost)| *cost == Money::ZERO) {
        rows.push(("costs", "no fees, slippage or borrow fees".to_owned()));
    } else {
        rows.extend(costs.map(|(name, cost)| (name, cost.to_text())));
    }
    rows.extend([
        ("dividends", close.dividends.to_text()),
        ("journal", outcome.execution.journal().display().to_string()),
    ]);
    print_fields(&rows);
    if close.reason == CloseReason::Fault
        && let Some((mut fault, at)) = fault(&outcome.execution)?
    {
        fault.trace = readable_trace(data, manifest, &fault.trace);
        print_line("");
        print_block(&fault_text(&fault, at.as_ref(), &setup.instruments));
        if let Some(limit) = limit_to_raise(&fault.message) {
            print_line(&format!(
                "  run it again with --set limits.{limit}=VALUE, or with the limits in a file: --limits FILE"
            ));
        }
    }
    if let Some(HostStop { record, .. }) = stop_of(outcome)? {
        let stop = record.stop;
        print_line("");
        let (cause, message) = (stop.cause.name(), stop.message);
        print_line(&format!("stopped by the host: {cause}: {message}"));
    }
    let short = outcome.execution.short();
    print_line("");
    print_line(&format!(
        "next: counterfoil report {short}   counterfoil verify {short}   counterfoil replay {short}   \
         counterfoil run show {short} --fills"
    ));
    Ok(())
}

/// The first limit that the message of a fault says to raise.
fn limit_to_raise(message: &str) -> Option<&str> {
    let (limit, _) = message.strip_prefix("raise limits.")?.split_once(' ')?;
    Some(limit)
}

/// The positions that are not flat, by instrument.
fn held_text(instruments: &[Instrument], positions: &[Quantity]) -> String {
    let held: Vec<String> = instruments
        .iter()
        .zip(positions)
        .filter(|(_, held)| held.0 != 0)
        .map(|(instrument, held)| {
            format!(
                "{} {}",
                instrument.symbol(),
                instrument.quantity_text(*held)
            )
        })
        .collect();
    if held.is_empty() {
        return "flat".to_owned();
    }
    held.join(", ")
}

/// The fault as text: which, where, and the guest's own message and trace.
pub(crate) fn fault_text(
    fault: &FaultRecord,
    at: Option<&DecisionRecord>,
    instruments: &[Instrument],
) -> String {
    let bar = at.map_or_else(String::new, |decision| {
        let symbol = instruments.get(decision.bar.get().instrument.index());
        let symbol = symbol.map_or("?", Instrument::symbol);
        let fuel = decision.circumstances.fuel;
        format!(" on bar {} of {symbol}, {fuel} fuel used", decision.index)
    });
    let slice = fault.slice_close().map_or_else(String::new, |close| {
        format!(", slice closing {}", close.date_or_time())
    });
    let (name, callback) = (fault.fault.name(), fault.callback.name());
    let mut text = format!("strategy fault: {name} in {callback}{bar}{slice}");
    // Message and trace are the guest's texts. They come after the host's line, which they cannot
    // replace.
    if !fault.message.is_empty() {
        let message = fault.message.replace('\n', "\n    ");
        let _infallible = write!(text, "\n  message: {message}");
    }
    for line in fault.trace.lines() {
        let _infallible = write!(text, "\n  {line}");
    }
    text
}
