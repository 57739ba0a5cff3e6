//! The first part in which two records differ, by the name of the field.

use counterfoil_trading::record::{
    CloseRecord, DecisionRecord, DeliveriesRecord, FaultRecord, MarginCallRecord, RunRecord,
    StopRecord,
};

use crate::describe::kind_name;

/// The name of the first field that differs.
pub(crate) fn first_difference(journal: &RunRecord, rules: &RunRecord) -> String {
    let field = match (journal, rules) {
        (RunRecord::Decision(one), RunRecord::Decision(other)) => decision(one, other),
        (RunRecord::Deliveries(one), RunRecord::Deliveries(other)) => {
            return deliveries(one, other);
        }
        (RunRecord::Fault(one), RunRecord::Fault(other)) => fault(one, other),
        (RunRecord::Stop(one), RunRecord::Stop(other)) => stop(one, other),
        (RunRecord::Close(one), RunRecord::Close(other)) => close(one, other),
        (RunRecord::MarginCall(one), RunRecord::MarginCall(other)) => margin_call(one, other),
        (one, other) => {
            return format!(
                "kind of record ({} or {})",
                kind_name(one),
                kind_name(other)
            );
        }
    };
    field.unwrap_or("encoding").to_owned()
}

fn first(fields: &[(&'static str, bool)]) -> Option<&'static str> {
    let differs = fields.iter().find(|(_, same)| !same);
    differs.map(|(name, _)| *name)
}

fn decision(one: &DecisionRecord, other: &DecisionRecord) -> Option<&'static str> {
    let (by, with) = (&one.circumstances, &other.circumstances);
    first(&[
        ("bar", one.bar == other.bar),
        ("bar index", one.index == other.index),
        ("requests", one.requests == other.requests),
        ("risk verdicts", one.verdicts == other.verdicts),
        ("cash", one.cash == other.cash),
        ("equity", one.equity == other.equity),
        ("position", one.position == other.position),
        ("fuel", by.fuel == with.fuel),
        ("plans and tokens", by.plans == with.plans),
        ("times", by.times == with.times),
    ])
}

fn deliveries(one: &DeliveriesRecord, other: &DeliveriesRecord) -> String {
    if one.time != other.time {
        return "time".to_owned();
    }
    let pairs = one.deliveries.iter().zip(&other.deliveries);
    let place = pairs.take_while(|(a, b)| a == b).count();
    if place < one.deliveries.len().max(other.deliveries.len()) {
        format!("delivery {}", place.saturating_add(1))
    } else {
        "fuel".to_owned()
    }
}

fn fault(one: &FaultRecord, other: &FaultRecord) -> Option<&'static str> {
    first(&[
        ("callback", one.callback == other.callback),
        ("time", one.time == other.time),
        ("fault", one.fault == other.fault),
        ("message", one.message == other.message),
        ("action", one.action == other.action),
        ("canceled orders", one.canceled == other.canceled),
        ("flattening orders", one.flattened == other.flattened),
        ("trace", one.trace == other.trace),
    ])
}

fn stop(one: &StopRecord, other: &StopRecord) -> Option<&'static str> {
    first(&[
        ("cause", one.stop == other.stop),
        ("time", one.time == other.time),
        ("action", one.action == other.action),
        ("canceled orders", one.canceled == other.canceled),
        ("flattening orders", one.flattened == other.flattened),
        ("plans and tokens", one.plans == other.plans),
    ])
}

fn margin_call(one: &MarginCallRecord, other: &MarginCallRecord) -> Option<&'static str> {
    first(&[
        ("time", one.time == other.time),
        ("equity", one.equity == other.equity),
        ("requirement", one.requirement == other.requirement),
        ("canceled orders", one.canceled == other.canceled),
        ("flattening orders", one.orders == other.orders),
        ("plans and tokens", one.plans == other.plans),
    ])
}

fn close(one: &CloseRecord, other: &CloseRecord) -> Option<&'static str> {
    first(&[
        ("reason", one.reason == other.reason),
        ("decisions", one.decisions == other.decisions),
        ("fills", one.fills == other.fills),
        ("requests", one.requests == other.requests),
        (
            "decision digest",
            one.decision_digest == other.decision_digest,
        ),
        ("cash", one.cash == other.cash),
        ("equity", one.equity == other.equity),
        ("fees", one.fees == other.fees),
        ("slippage", one.slippage == other.slippage),
        ("realized", one.realized == other.realized),
        ("borrow fees", one.borrow == other.borrow),
        ("dividends", one.dividends == other.dividends),
        ("positions", one.positions == other.positions),
    ])
}
