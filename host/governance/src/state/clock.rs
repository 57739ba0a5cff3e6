//! The ledger's clock: no act is older than the newest before it, unless two people set the clock back. It must never
//! let a time that has passed come again in any other way.

use core::fmt;

use counterfoil_trading::time::UnixNanos;

use super::{ChangeEnd, LedgerState};
use crate::act::Act;
use crate::record::SignedAct;
use crate::registry::RecordRef;

/// Nanoseconds that a clock may be behind the ledger's and its acts still count as of that time: two minutes.
pub const CLOCK_STEP_MAX: i64 = 120_000_000_000;

/// What the clock showed after each record, by index: the newest time so far, or since it was set back.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct LedgerClock(Vec<UnixNanos>);

impl LedgerClock {
    fn now(&self) -> Option<UnixNanos> {
        self.0.last().copied()
    }

    pub(super) fn pass(&mut self, time: UnixNanos) {
        self.0.push(self.now().map_or(time, |now| now.max(time)));
    }

    fn reset(&mut self, time: UnixNanos) {
        if let Some(now) = self.0.last_mut() {
            *now = time;
        }
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
    pub fn clock(&self) -> Option<UnixNanos> {
        self.clock.now()
    }

    /// The record with which the clock passed this time for good; none if it is not ahead of it, or was from the first
    /// record on.
    #[must_use]
    pub fn first_ahead(&self, time: UnixNanos) -> Option<u64> {
        let now = self.clock()?;
        if now.0.saturating_sub(time.0) <= CLOCK_STEP_MAX {
            return None;
        }
        let before = self.clock.0.iter().rposition(|clock| *clock <= time)?;
        u64::try_from(before).ok()?.checked_add(1)
    }

    /// Checks that an act is not older than the ledger's clock. One function for appending and for verifying.
    ///
    /// # Errors
    ///
    /// Returns [`BackDated`] if it is, and does not belong to setting the clock back.
    pub fn check_time(&self, signed: &SignedAct) -> Result<(), BackDated> {
        // An actor signs the time of its own act. If times could run backwards, an expired key could sign for the day
        // on which it was still valid.
        match self.clock().filter(|clock| signed.time < *clock) {
            Some(clock) if !self.sets_clock_back(&signed.act) => Err(BackDated {
                time: signed.time,
                clock,
            }),
            None | Some(_) => Ok(()),
        }
    }

    /// Whether an act is one of those by which people set the clock back: they are of the right time, and could never
    /// be recorded after a record of the year 2200 otherwise. Their signers are judged at the ledger's clock too.
    pub(super) fn sets_clock_back(&self, act: &Act) -> bool {
        let meant = if let Act::ChangePropose { act } = act {
            Some(act.as_ref())
        } else if let Act::ChangeApprove { proposed } | Act::ChangeWithdraw { proposed, .. } = act {
            self.changes.get(proposed).map(|change| &change.act)
        } else {
            Some(act)
        };
        // An emergency is none: one person alone could make every expired key valid again.
        matches!(meant, Some(Act::ClockReset { .. }))
    }

    /// Sets the clock back, and ends what was given at times that are still to come: a break-glass of four hours would
    /// otherwise be open for as long as the clock was fast.
    pub(super) fn reset_clock(&mut self, record_ref: &RecordRef) {
        let time = record_ref.time;
        self.clock.reset(time);
        let reason = "the ledger's clock was set back".to_owned();
        let end = |given: &RecordRef, ended: &mut Option<(String, RecordRef)>| {
            if given.time > time && ended.is_none() {
                *ended = Some((reason.clone(), record_ref.clone()));
            }
        };
        for change in self.changes.values_mut() {
            // Every other proposal to set the clock back as well: a leftover one could be signed years later.
            let is_meant =
                change.record_ref.time > time || matches!(change.act, Act::ClockReset { .. });
            if is_meant && change.ended.is_none() {
                change.ended = Some((ChangeEnd::Withdrawn(reason.clone()), record_ref.clone()));
            }
        }
        for one in self.broken.values_mut() {
            end(&one.record_ref, &mut one.closed);
        }
        for one in self.delegations.values_mut() {
            end(&one.record_ref, &mut one.ended);
        }
        for one in self.exceptions.values_mut() {
            end(&one.record_ref, &mut one.ended);
        }
        for one in self.authorizations.values_mut() {
            end(&one.record_ref, &mut one.withdrawn);
        }
        self.books
            .excesses
            .retain(|_, one| one.record_ref.time <= time);
        // They open no gate any more; what they opened stays.
        let verdicts = &self.verdicts;
        for all in self.verdicts_of.values_mut() {
            all.retain(|index| {
                verdicts
                    .get(index)
                    .is_some_and(|one| one.record_ref.time <= time)
            });
        }
    }
}
