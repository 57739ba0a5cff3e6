//! Chooses the journal writer by cadence and sealing thread. The choice must never change a byte of the file.

use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{Journal, RecordBytes};

use super::{InlineJournal, JournalError, PipelinedJournal, RunJournal, Sealer};

/// On which thread records are hashed, signed and written. It changes no byte of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sealing {
    /// On a thread of its own, where the cadence lets records wait: one run gets two cores.
    OwnThread,
    /// On the run's thread: as many runs at once as there are cores.
    RunThread,
}

/// Inline where every decision must be durable before its orders leave or where other runs need the other
/// cores, else pipelined.
#[derive(Debug)]
pub enum AnyJournal {
    Inline(Box<InlineJournal>),
    Pipelined(PipelinedJournal),
}

impl AnyJournal {
    /// The journal for this cadence; at cadence 1 it seals inline in any case.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if the thread could not be started.
    pub fn start(sealer: Sealer, cadence: u64, sealing: Sealing) -> std::io::Result<Self> {
        // At cadence 1 `accept` promises that the decision is durable, which a second thread would only do later.
        if cadence == 1 || sealing == Sealing::RunThread {
            return Ok(Self::Inline(Box::new(InlineJournal(sealer))));
        }
        PipelinedJournal::start(sealer).map(Self::Pipelined)
    }
}

impl Journal for AnyJournal {
    type Error = JournalError;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), JournalError> {
        match self {
            Self::Inline(journal) => journal.accept(record),
            Self::Pipelined(journal) => journal.accept(record),
        }
    }
}

impl RunJournal for AnyJournal {
    fn digest(&mut self) -> Result<DecisionDigest, JournalError> {
        match self {
            Self::Inline(journal) => journal.digest(),
            Self::Pipelined(journal) => journal.digest(),
        }
    }

    fn finish(self) -> Result<(), JournalError> {
        match self {
            Self::Inline(journal) => journal.finish(),
            Self::Pipelined(journal) => journal.finish(),
        }
    }
}
