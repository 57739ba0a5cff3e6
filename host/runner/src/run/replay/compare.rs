//! A journal that compares with the recorded one instead of writing. It must never know which of
//! the two is right.

use counterfoil_trading::journal::{Journal, RecordBytes};
use counterfoil_trading::record::{RunRecord, digested_part};
use counterfoil_trading::run::{RunError, RunProgress};

use super::Difference;
use super::recorded::Recorded;
use crate::error::RunnerError;
use crate::run::journal::ReadJournalError;

/// Compares the records of one slice.
pub(super) struct Comparer<'a> {
    recorded: &'a Recorded,
    next: usize,
}

/// Why a step was stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// A recorded record cannot be read.
    Read(ReadJournalError),
    /// A record came out differently.
    Difference(Box<Difference>),
}

impl core::fmt::Display for Stop {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Difference(found) => write!(f, "entry {} differs", found.index),
        }
    }
}

impl<'a> Comparer<'a> {
    pub(super) const fn new(recorded: &'a Recorded) -> Self {
        Self { recorded, next: 0 }
    }

    /// Records that came out as recorded.
    pub(super) fn identical(&self) -> u64 {
        u64::try_from(self.next).unwrap_or(u64::MAX)
    }

    /// The difference in this slice, if there is one, after a step with this outcome.
    ///
    /// # Errors
    ///
    /// Returns [`RunnerError`] if it cannot be told.
    pub(super) fn difference(
        &self,
        outcome: Result<RunProgress, RunError<Stop>>,
    ) -> Result<Option<Difference>, RunnerError> {
        match outcome {
            Ok(_) => {
                let missing = self.recorded.record(self.next);
                Ok(missing.map(|(index, body)| Difference {
                    index,
                    recorded: RunRecord::decode(body).ok().map(Box::new),
                    replayed: None,
                }))
            }
            Err(RunError::Journal(Stop::Difference(found))) => Ok(Some(*found)),
            Err(RunError::Journal(Stop::Read(error))) => Err(error.into()),
            Err(other) => Err(RunError::Host(other.to_string()).into()),
        }
    }

    /// The entry after the slice's last one.
    fn end(&self) -> u64 {
        let last = self.recorded.records().checked_sub(1);
        let last = last.and_then(|last| self.recorded.record(last));
        last.map_or(0, |(index, _)| index.saturating_add(1))
    }
}

impl Journal for Comparer<'_> {
    type Error = Stop;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), Stop> {
        let Some(part) = record.digested else {
            return Ok(());
        };
        let recorded = self.recorded.record(self.next);
        if let Some((_, body)) = recorded {
            let there = digested_part(body).map_err(|error| Stop::Read(error.into()))?;
            if there == Some(part) {
                self.next = self.next.saturating_add(1);
                return Ok(());
            }
        }
        Err(Stop::Difference(Box::new(Difference {
            index: recorded.map_or_else(|| self.end(), |(index, _)| index),
            recorded: recorded.and_then(|(_, body)| RunRecord::decode(body).ok().map(Box::new)),
            replayed: RunRecord::decode(record.body).ok().map(Box::new),
        })))
    }
}
