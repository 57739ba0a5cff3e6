//! The journal's file and its writers. One append-only file of framed entries and every
//! checkpoint; what is in it is the truth.

mod any;
mod file;
mod pipelined;
mod reader;
mod sealer;

pub use any::{AnyJournal, Sealing};
pub use file::JournalFile;
pub use pipelined::PipelinedJournal;
pub use reader::{JournalReader, ReadJournalError};
pub use sealer::{Sealed, Sealer};

use counterfoil_journal::entry::EntryError;
use counterfoil_journal::frame::FrameError;
use counterfoil_journal::signer::SignError;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{Journal, RecordBytes};

use crate::store::files::FileError;

/// Why the journal did not take a record. Its state is unknown then: the run stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The record is no entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The entry or checkpoint is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The signer did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The record is none.
    #[error("a record does not read back: {0}")]
    Record(#[from] counterfoil_trading::cbor::CborError),
    /// A record was decided again and came out differently.
    #[error("entry {index} comes out differently when it is decided again")]
    Differs {
        /// The entry.
        index: u64,
    },
    /// What is recorded could not be read.
    #[error("a recorded record cannot be read: {0}")]
    Recorded(String),
    /// The writing thread ended before it was told to.
    #[error("the journal's writing thread is gone")]
    ThreadGone,
}

/// A journal of a run: a door for records that also knows the decision digest.
pub trait RunJournal: Journal<Error = JournalError> {
    /// The decision digest over all records accepted so far.
    ///
    /// # Errors
    ///
    /// Returns [`JournalError`] if a record that was accepted could not be written.
    fn digest(&mut self) -> Result<DecisionDigest, JournalError>;

    /// Makes everything accepted so far durable, and ends the journal.
    ///
    /// # Errors
    ///
    /// As [`RunJournal::digest`].
    fn finish(self) -> Result<(), JournalError>;
}

/// A journal that hashes and signs before `accept` returns. With cadence 1 each decision is
/// durable and signed then; otherwise records wait for a large write.
#[derive(Debug)]
pub struct InlineJournal(pub Sealer);

impl Journal for InlineJournal {
    type Error = JournalError;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), JournalError> {
        self.0.add(record)?;
        if self.0.cadence() == 1 {
            self.0.write()?;
        }
        Ok(())
    }
}

impl RunJournal for InlineJournal {
    fn digest(&mut self) -> Result<DecisionDigest, JournalError> {
        Ok(self.0.digest().clone())
    }

    fn finish(mut self) -> Result<(), JournalError> {
        self.0.finish()
    }
}
