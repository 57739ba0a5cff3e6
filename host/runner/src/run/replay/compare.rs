//! A journal that compares records with the recorded ones instead of writing. It must never decide which of the two
//! is right.

use counterfoil_trading::journal::{Journal, RecordBytes};
use counterfoil_trading::record::{RunRecord, digested_part};
use counterfoil_trading::run::{RunError, StepOutcome};

use super::recorded_slices::RecordedSlice;
use super::{RecordDifference, ReplayError};
use crate::run::journal::ReadJournalError;

/// Compares the records of one slice.
pub(super) struct ReplayComparer<'a> {
    recorded: &'a RecordedSlice,
    next: usize,
}

/// Why a step was stopped.
#[derive(Debug)]
pub(super) enum ReplayStop {
    Read(ReadJournalError),
    Difference(Box<RecordDifference>),
}

impl core::fmt::Display for ReplayStop {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Difference(found) => write!(f, "entry {} differs", found.index),
        }
    }
}

impl<'a> ReplayComparer<'a> {
    pub(super) const fn new(recorded: &'a RecordedSlice) -> Self {
        Self { recorded, next: 0 }
    }

    /// Records that replayed as recorded.
    pub(super) fn identical(&self) -> u64 {
        u64::try_from(self.next).unwrap_or(u64::MAX)
    }

    /// The difference in this slice, if any, after a step with this outcome.
    ///
    /// # Errors
    ///
    /// Returns [`ReplayError`] if the step failed for another reason than a difference.
    pub(super) fn difference(
        &self,
        outcome: Result<StepOutcome, RunError<ReplayStop>>,
    ) -> Result<Option<RecordDifference>, ReplayError> {
        match outcome {
            // A step that went well may have made fewer records than the journal has: without this check, decisions
            // inserted after the genuine ones would replay as identical.
            Ok(_) => {
                let missing = self.recorded.record(self.next);
                Ok(missing.map(|(index, body)| RecordDifference {
                    index,
                    recorded: RunRecord::decode(body).ok().map(Box::new),
                    replayed: None,
                }))
            }
            Err(RunError::Journal(ReplayStop::Difference(found))) => Ok(Some(*found)),
            Err(RunError::Journal(ReplayStop::Read(error))) => Err(error.into()),
            Err(other) => Err(ReplayError::Step(other.to_string())),
        }
    }

    /// The index after the slice's last entry.
    fn end(&self) -> u64 {
        let last = self
            .recorded
            .records()
            .checked_sub(1)
            .and_then(|last| self.recorded.record(last));
        last.map_or(0, |(index, _)| index.saturating_add(1))
    }
}

impl Journal for ReplayComparer<'_> {
    type Error = ReplayStop;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), ReplayStop> {
        // The closing record is compared at the end, by the digest that it states.
        let Some(part) = record.digested else {
            return Ok(());
        };
        let recorded = self.recorded.record(self.next);
        if let Some((_, body)) = recorded {
            // Only the deterministic part counts. Fuel and times are outside it and may differ per machine.
            let there = digested_part(body).map_err(|error| ReplayStop::Read(error.into()))?;
            if there == Some(part) {
                self.next = self.next.saturating_add(1);
                return Ok(());
            }
        }
        Err(ReplayStop::Difference(Box::new(RecordDifference {
            index: recorded.map_or_else(|| self.end(), |(index, _)| index),
            recorded: recorded.and_then(|(_, body)| RunRecord::decode(body).ok().map(Box::new)),
            replayed: RunRecord::decode(record.body).ok().map(Box::new),
        })))
    }
}
