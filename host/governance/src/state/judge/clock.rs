//! Judges whether the ledger's clock may be set back. It must never change the state.

use super::changes::check_reason;
use super::{ActContext, Judgment, LedgerState};
use crate::rule::{Denial, Rule};
use crate::state::CLOCK_STEP_MAX;

pub(super) fn reset(state: &LedgerState, context: ActContext<'_>, reason: &str) -> Judgment {
    check_reason(reason)?;
    // What differs by less needs no reset: acts wait that long by themselves.
    let clock = state.clock().unwrap_or(context.time);
    if clock.0.saturating_sub(context.time.0) <= CLOCK_STEP_MAX {
        let why = format!(
            "the ledger's clock, {}, is not ahead of this act's time {}",
            clock.rfc3339(),
            context.time.rfc3339()
        );
        let hint = "nothing is left to set back";
        return Err(Denial::new(Rule::ClockRight, why, hint));
    }
    Ok(())
}
