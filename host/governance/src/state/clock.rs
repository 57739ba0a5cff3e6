//! The ledger's clock: no act is older than the newest before it, unless two people set the clock back. It must never
//! let a time that has passed come again in any other way.

use core::fmt;

use counterfoil_trading::time::UnixNanos;

use super::LedgerState;
use crate::act::Act;
use crate::record::SignedAct;

/// Nanoseconds that a clock may be behind the ledger's and its acts still count as of that time: two minutes.
pub const CLOCK_STEP_MAX: i64 = 120_000_000_000;

/// The newest time of all acts so far, or since the clock was set back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct LedgerClock(Option<UnixNanos>);

impl LedgerClock {
    pub(super) fn pass(&mut self, time: UnixNanos) {
        self.0 = self.0.max(Some(time));
    }

    pub(super) const fn reset(&mut self, time: UnixNanos) {
        self.0 = Some(time);
    }
}

/// An act that is older than the ledger's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BackDated {
    pub time: UnixNanos,
    /// The ledger's clock.
    pub clock: UnixNanos,
}

impl fmt::Display for BackDated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its time {} is before {}, the newest time in the ledger before it",
            self.time.rfc3339(),
            self.clock.rfc3339()
        )
    }
}

impl LedgerState {
    /// The ledger's clock: the newest time of its acts, or since two people set it back; none before the first.
    #[must_use]
    pub const fn clock(&self) -> Option<UnixNanos> {
        self.clock.0
    }

    /// Checks that an act is not older than the ledger's clock. One function for appending and for verifying.
    ///
    /// # Errors
    ///
    /// Returns [`BackDated`] if it is, and does not belong to setting the clock back.
    pub fn check_time(&self, signed: &SignedAct) -> Result<(), BackDated> {
        // An actor signs the time of its own act. If times could run backwards, an expired key could sign for the day
        // on which it was still valid.
        match self.clock.0.filter(|clock| signed.time < *clock) {
            Some(clock) if !self.sets_clock_back(&signed.act) => Err(BackDated {
                time: signed.time,
                clock,
            }),
            None | Some(_) => Ok(()),
        }
    }

    /// Whether an act is one of those by which people set the clock back: they are of the right time, and could never
    /// be recorded after a record of the year 2200 otherwise.
    fn sets_clock_back(&self, act: &Act) -> bool {
        // Not under a break-glass: one person alone could make every expired key valid again.
        let meant = if let Act::ChangePropose { act } = act {
            Some(act.as_ref())
        } else if let Act::ChangeApprove { proposed } | Act::ChangeWithdraw { proposed, .. } = act {
            self.changes.get(proposed).map(|change| &change.act)
        } else {
            Some(act)
        };
        matches!(meant, Some(Act::ClockReset { .. }))
    }
}
