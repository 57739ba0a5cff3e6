//! The first part in which two records differ, by the name of the field.

use counterfoil_trading::record::{
    CloseRecord, DecisionRecord, DeliveriesRecord, FaultRecord, MarginCallRecord, RunRecord,
    StopRecord, WindDownRecord,
};

use crate::describe::kind_name;

/// The name of the first field that differs.
pub(crate) fn first_difference(journal: &RunRecord, rules: &RunRecord) -> String {
    let field = match (journal, rules) {
        (RunRecord::Decision(journal), RunRecord::Decision(rules)) => decision(journal, rules),
        (RunRecord::Deliveries(journal), RunRecord::Deliveries(rules)) => {
            return deliveries(journal, rules);
        }
        (RunRecord::Fault(journal), RunRecord::Fault(rules)) => fault(journal, rules),
        (RunRecord::Stop(journal), RunRecord::Stop(rules)) => stop(journal, rules),
        (RunRecord::Close(journal), RunRecord::Close(rules)) => close(journal, rules),
        (RunRecord::MarginCall(journal), RunRecord::MarginCall(rules)) => {
            margin_call(journal, rules)
        }
        (RunRecord::WindDown(journal), RunRecord::WindDown(rules)) => wind_down(journal, rules),
        (RunRecord::Positions(_), RunRecord::Positions(_)) => Some("positions"),
        (RunRecord::Inputs(_), RunRecord::Inputs(_)) => Some("inputs"),
        (journal, rules) => {
            return format!(
                "kind of record ({} or {})",
                kind_name(journal),
                kind_name(rules)
            );
        }
    };
    field.unwrap_or("encoding").to_owned()
}

fn first(fields: &[(&'static str, bool)]) -> Option<&'static str> {
    let differs = fields.iter().find(|(_, same)| !same);
    differs.map(|(name, _)| *name)
}

fn decision(journal: &DecisionRecord, rules: &DecisionRecord) -> Option<&'static str> {
    let (recorded, derived) = (&journal.circumstances, &rules.circumstances);
    first(&[
        ("bar", journal.bar == rules.bar),
        ("bar index", journal.index == rules.index),
        ("requests", journal.requests == rules.requests),
        ("risk verdicts", journal.verdicts == rules.verdicts),
        ("cash", journal.cash == rules.cash),
        ("equity", journal.equity == rules.equity),
        ("position", journal.position == rules.position),
        ("fuel", recorded.fuel == derived.fuel),
        ("plans and tokens", recorded.plans == derived.plans),
        ("times", recorded.times == derived.times),
    ])
}

fn deliveries(journal: &DeliveriesRecord, rules: &DeliveriesRecord) -> String {
    if journal.time != rules.time {
        return "time".to_owned();
    }
    let pairs = journal.deliveries.iter().zip(&rules.deliveries);
    let place = pairs.take_while(|(a, b)| a == b).count();
    if place < journal.deliveries.len().max(rules.deliveries.len()) {
        format!("delivery {}", place.saturating_add(1))
    } else {
        "fuel".to_owned()
    }
}

fn fault(journal: &FaultRecord, rules: &FaultRecord) -> Option<&'static str> {
    first(&[
        ("callback", journal.callback == rules.callback),
        ("time", journal.time == rules.time),
        ("fault", journal.fault == rules.fault),
        ("message", journal.message == rules.message),
        ("action", journal.action == rules.action),
        ("trace", journal.trace == rules.trace),
    ])
}

fn stop(journal: &StopRecord, rules: &StopRecord) -> Option<&'static str> {
    first(&[
        ("cause", journal.stop == rules.stop),
        ("time", journal.time == rules.time),
        ("action", journal.action == rules.action),
    ])
}

fn wind_down(journal: &WindDownRecord, rules: &WindDownRecord) -> Option<&'static str> {
    first(&[
        ("canceled orders", journal.canceled == rules.canceled),
        ("flattening orders", journal.flattened == rules.flattened),
        ("plans and tokens", journal.plans == rules.plans),
    ])
}

fn margin_call(journal: &MarginCallRecord, rules: &MarginCallRecord) -> Option<&'static str> {
    first(&[
        ("time", journal.time == rules.time),
        ("equity", journal.equity == rules.equity),
        ("requirement", journal.requirement == rules.requirement),
        ("canceled orders", journal.canceled == rules.canceled),
        ("flattening orders", journal.orders == rules.orders),
        ("plans and tokens", journal.plans == rules.plans),
    ])
}

fn close(journal: &CloseRecord, rules: &CloseRecord) -> Option<&'static str> {
    first(&[
        ("reason", journal.reason == rules.reason),
        ("decisions", journal.decisions == rules.decisions),
        ("fills", journal.fills == rules.fills),
        ("requests", journal.requests == rules.requests),
        (
            "decision digest",
            journal.decision_digest == rules.decision_digest,
        ),
        ("cash", journal.cash == rules.cash),
        ("equity", journal.equity == rules.equity),
        ("fees", journal.fees == rules.fees),
        ("slippage", journal.slippage == rules.slippage),
        ("realized", journal.realized == rules.realized),
        ("borrow fees", journal.borrow == rules.borrow),
        ("dividends", journal.dividends == rules.dividends),
        (
            "positions",
            journal.positions_sha256 == rules.positions_sha256,
        ),
    ])
}
