//! Whether policies, verdicts and exceptions are what they must be.

use counterfoil_trading::time::UnixNanos;

use super::{Doing, State};
use crate::act::{Exception, Subject, Verdict};
use crate::role::Role;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome, GateReason};

/// The longest exception, in nanoseconds: 90 days, as for a delegation.
const EXCEPTION_NANOS_MAX: i64 = 90 * 86_400 * 1_000_000_000;

/// A bundle is put in force once; putting it in force again would say nothing.
pub(super) fn policy_set(state: &State, bundle: Digest) -> super::Verdict {
    if state.policy() != Some(bundle) {
        return Ok(());
    }
    let why = format!("policy bundle {bundle} is in force");
    Err(Denial::new(
        Rule::PolicyRepeated,
        why,
        "nothing is left to do",
    ))
}

/// A verdict says why it failed, gives limits where limits were asked for, and passes nothing but
/// by the policy in force.
pub(super) fn verdict(state: &State, verdict: &Verdict) -> super::Verdict {
    let passed = verdict.outcome == GateOutcome::Pass;
    let limits = passed && verdict.gate == Gate::Limits;
    let told = |one: &GateReason| !one.code.trim().is_empty();
    let wrong = if !verdict.reasons.iter().all(told) {
        Some("a reason has no code")
    } else if !passed && verdict.reasons.is_empty() {
        Some("it fails without a reason")
    } else if limits != verdict.limits.is_some() {
        Some("limits stand in a verdict that passes the gate for limits, and in no other")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        let why = format!("the verdict cannot be recorded: {wrong}");
        let way = "ask the policy again and record what it says";
        return Err(Denial::new(Rule::VerdictIncomplete, why, way));
    }
    if passed && state.policy() != Some(verdict.bundle) {
        return Err(state.other_policy(verdict.bundle));
    }
    Ok(())
}

/// Nobody grants an exception that they answer for; and it says what stands in for the rule, until
/// when.
pub(super) fn exception_grant(
    state: &State,
    doing: Doing<'_>,
    exception: &Exception,
) -> super::Verdict {
    let (owner, time) = (&exception.owner, doing.time);
    let texts = [
        ("rule", &exception.rule),
        ("reason", &exception.reason),
        ("control", &exception.control),
    ];
    let empty = texts.iter().find(|(_, text)| text.trim().is_empty());
    let missing = empty.map(|(name, _)| format!("it names no {name}"));
    let over = (exception.until <= time).then(|| "it is over before it begins".to_owned());
    let unknown = (!state.principals.contains_key(owner))
        .then(|| format!("its owner {owner} is no principal"));
    if let Some(what) = missing.or(over).or(unknown) {
        let why = format!("the exception cannot be granted: {what}");
        let way = "ask again with a rule, a reason, a control, an owner and an end to come";
        return Err(Denial::new(Rule::ExceptionIncomplete, why, way));
    }
    fit(exception, time)?;
    if let Subject::Component(component) = &exception.subject {
        state.registry.component(component)?;
    }
    if owner != doing.by {
        return Ok(());
    }
    let why = format!("{owner} would grant an exception to themselves");
    let who = state.who(&[Role::Approver], time, &[owner]);
    Err(Denial::new(Rule::DutyException, why, who))
}

/// No exception bends a rule of the ledger, and none becomes the rule by lasting.
fn fit(exception: &Exception, time: UnixNanos) -> super::Verdict {
    let longest = time.0.saturating_add(EXCEPTION_NANOS_MAX);
    let (why, way) = if Rule::parse(&exception.rule).is_some() {
        let why = format!(
            "{} is a rule of the ledger, and none of them gives way to an exception",
            exception.rule
        );
        (why, "name a rule of the policy, as its verdict names it")
    } else if exception.until.0 > longest {
        let why = "an exception holds for 90 days at most".to_owned();
        (
            why,
            "grant it for less, and again if it is still needed then",
        )
    } else {
        return Ok(());
    };
    Err(Denial::new(Rule::ExceptionUnfit, why, way))
}

/// Only what holds can be ended.
pub(super) fn exception_end(state: &State, doing: Doing<'_>, granted: u64) -> super::Verdict {
    let found = state.exceptions.get(&granted);
    if found.is_some_and(|one| one.holds(doing.time)) {
        return Ok(());
    }
    let why = format!("record {granted} grants no exception that still holds");
    let way = "counterfoil exception list shows those that do";
    Err(Denial::new(Rule::ExceptionUnknown, why, way))
}
