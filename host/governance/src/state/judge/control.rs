//! Judges policies, verdicts and exceptions. It must never evaluate a policy.

use counterfoil_trading::time::UnixNanos;

use super::{ActContext, LedgerState};
use crate::act::{ExceptionSubject, GateVerdict, PolicyException};
use crate::role::Role;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome, GateReason};

/// The longest exception, in nanoseconds: 90 days, as for a delegation.
const EXCEPTION_NANOS_MAX: i64 = 90 * 86_400 * 1_000_000_000;

/// Denies putting the bundle in force that is in force already.
pub(super) fn policy_set(state: &LedgerState, bundle: Digest) -> super::Judgment {
    if state.policy() != Some(bundle) {
        return Ok(());
    }
    let why = format!("policy bundle {bundle} is already in force");
    Err(Denial::new(
        Rule::PolicyRepeated,
        why,
        "nothing is left to do",
    ))
}

/// A verdict has reasons if it fails, limits if it passes the gate for limits, and passes only by the policy
/// in force.
pub(super) fn verdict(state: &LedgerState, verdict: &GateVerdict) -> super::Judgment {
    let passed = verdict.outcome == GateOutcome::Pass;
    let limits = passed && verdict.gate == Gate::Limits;
    let has_code = |reason: &GateReason| !reason.code.trim().is_empty();
    let wrong = if !verdict.reasons.iter().all(has_code) {
        Some("a reason has no code")
    } else if !passed && verdict.reasons.is_empty() {
        Some("it fails without a reason")
    } else if limits != verdict.limits.is_some() {
        Some("a verdict has limits if it passes the gate for limits, and in no other case")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        let why = format!("incomplete verdict: {wrong}");
        let hint = "evaluate the policy again and record its verdict";
        return Err(Denial::new(Rule::VerdictIncomplete, why, hint));
    }
    // A verdict is its recorder's claim until the archived input is evaluated again. A pass by a bundle that
    // was not put in force must not open a gate even until then.
    if passed && state.policy() != Some(verdict.bundle) {
        return Err(state.other_policy(verdict.bundle));
    }
    Ok(())
}

/// An exception names its rule, reason, control, owner and end, and is granted by another principal than its
/// owner.
pub(super) fn exception_grant(
    state: &LedgerState,
    context: ActContext<'_>,
    exception: &PolicyException,
) -> super::Judgment {
    let (owner, time) = (&exception.owner, context.time);
    let texts = [
        ("rule", &exception.rule),
        ("reason", &exception.reason),
        ("control", &exception.control),
    ];
    let empty = texts.iter().find(|(_, text)| text.trim().is_empty());
    let missing = empty.map(|(name, _)| format!("it names no {name}"));
    let over = (exception.until <= time).then(|| "it ends before it begins".to_owned());
    let unknown = (!state.principals.contains_key(owner))
        .then(|| format!("its owner {owner} is not a principal"));
    if let Some(what) = missing.or(over).or(unknown) {
        let why = format!("incomplete exception: {what}");
        let hint = "give a rule, a reason, a control, an owner and an end in the future";
        return Err(Denial::new(Rule::ExceptionIncomplete, why, hint));
    }
    fit(exception, time)?;
    // A mistyped digest would waive nothing, and the mistake would show only when the gate stays shut.
    if let ExceptionSubject::Component(component) = &exception.subject {
        state.registry.component(component)?;
    }
    if owner != context.by {
        return Ok(());
    }
    let why = format!("{owner} owns the exception and may not grant it");
    let who = state.who(&[Role::Approver], time, &[owner]);
    Err(Denial::new(Rule::DutyException, why, who))
}

/// An exception waives rules of the policy only, for 90 days at most.
fn fit(exception: &PolicyException, time: UnixNanos) -> super::Judgment {
    let longest = time.0.saturating_add(EXCEPTION_NANOS_MAX);
    // The rules of the ledger separate people's duties: an exception to one of them would be a way around
    // every signature.
    let (why, hint) = if Rule::parse(&exception.rule).is_some() {
        let why = format!(
            "{} is a rule of the ledger, and no exception waives those",
            exception.rule
        );
        (why, "name a rule of the policy by the code in its verdict")
    } else if exception.until.0 > longest {
        let why = "an exception lasts 90 days at most".to_owned();
        (why, "grant it for less, and again if it is still needed")
    } else {
        return Ok(());
    };
    Err(Denial::new(Rule::ExceptionUnfit, why, hint))
}

/// Denies ending an exception that has ended.
pub(super) fn exception_end(
    state: &LedgerState,
    context: ActContext<'_>,
    granted: u64,
) -> super::Judgment {
    let found = state.exceptions.get(&granted);
    if found.is_some_and(|exception| exception.holds(context.time)) {
        return Ok(());
    }
    let why = format!("record {granted} is not an open exception");
    let hint = "counterfoil change exception list shows the open ones";
    Err(Denial::new(Rule::ExceptionUnknown, why, hint))
}
