//! Judges whether the ledger's clock may be set back, and by whom. It must never change the state.

use super::{ActContext, Judgment, LedgerState, authentic_key, check_reason};
use crate::act::{Act, ApprovalClass};
use crate::rule::{Denial, Rule};
use crate::state::ProposedChange;

/// Checks that the record named is the one with which the clock passed this act's time.
pub(super) fn reset(
    state: &LedgerState,
    context: ActContext<'_>,
    ahead: u64,
    reason: &str,
) -> Judgment {
    check_reason(reason)?;
    signer(state, context)?;
    let first = state.first_ahead(context.time);
    if first == Some(ahead) {
        return Ok(());
    }
    let time = context.time.rfc3339();
    let why = match first {
        Some(first) => {
            format!("the clock passed {time} with record {first}, not with record {ahead}")
        }
        None => format!(
            "the ledger's clock is not ahead of this act's time {time}, or was from its first record on"
        ),
    };
    let hint = "set this machine's clock right; counterfoil ledger reset-clock finds the record";
    Err(Denial::new(Rule::ClockUnfit, why, hint))
}

/// Checks the proposal of a reset that is signed: the ledger has not gone on since, and the signature is not older.
pub(super) fn proposal(
    state: &LedgerState,
    context: ActContext<'_>,
    change: &ProposedChange,
) -> Judgment {
    if !matches!(change.act, Act::ClockReset { .. }) {
        return Ok(());
    }
    // A leftover proposal would otherwise be signed years later, at a time at which it had not expired.
    if change.clock == state.clock() && change.record_ref.time <= context.time {
        return Ok(());
    }
    let why = format!(
        "the ledger has gone on since record {} proposed to set its clock back",
        change.record_ref.index
    );
    Err(Denial::new(Rule::ChangeOver, why, "propose it again"))
}

/// Checks a signer of an act that sets the clock back, at the ledger's clock: its own time is the signer's choice, so a
/// key or a delegation that has expired would count.
pub(super) fn signer(state: &LedgerState, context: ActContext<'_>) -> Judgment {
    let time = state
        .clock()
        .map_or(context.time, |clock| clock.max(context.time));
    authentic_key(state, ActContext { time, ..context })?;
    let by = context.by;
    if !state.belongs(ApprovalClass::Administration, by) {
        let why = format!(
            "{by} is no member of the class administration, and a delegate does not set the clock back"
        );
        let who = state.who_signs(ApprovalClass::Administration, time, &[by]);
        return Err(Denial::new(Rule::RoleMissing, why, who));
    }
    // Otherwise one person would make the second one under a break-glass.
    let owed = state.broken.iter().find(|(_, broken)| {
        broken.retrospective.is_none() && state.raised_by(broken, by, context.key)
    });
    let Some((opened, _)) = owed else {
        return Ok(());
    };
    let why = format!(
        "{by} owes role or key to the break-glass of record {opened}, which has no retrospective yet"
    );
    let hint = "have an approver or compliance sign its retrospective";
    Err(Denial::new(Rule::DutyBreakGlass, why, hint))
}
