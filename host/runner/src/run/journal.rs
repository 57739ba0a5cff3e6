//! The journal's file and its writers: one append-only file of framed entries and checkpoints. Everything
//! else that is known of a run is derived from it.

mod any;
mod file;
mod pipelined;
mod reader;
mod record_sink;
mod sealer;
mod signed_head;

pub use any::{AnyJournal, Sealing};
pub use file::JournalFile;
pub use pipelined::PipelinedJournal;
pub use reader::{JournalReader, ReadJournalError};
pub use record_sink::RecordSink;
pub use sealer::{JournalHead, Sealer};
pub use signed_head::{RunHeads, SignedHead, head_of, journal_head};

use counterfoil_journal::entry::EntryError;
use counterfoil_journal::frame::FrameError;
use counterfoil_journal::signer::SignError;
use counterfoil_os::files::FileError;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{Journal, RecordBytes, RecordSeal};

/// Why the journal did not accept a record. What reached the disk is unknown then, so the run stops and a
/// resumption finds out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    #[error(transparent)]
    File(#[from] FileError),
    /// The record does not fit an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The entry or checkpoint does not fit a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("malformed record: {0}")]
    Record(#[from] counterfoil_trading::cbor::CborError),
    /// Replay of a resumed run gives another record than the journal holds.
    #[error("entry {index} replays differently from its record")]
    Differs { index: u64 },
    /// The recorded part of a resumed run could not be read.
    #[error("cannot read a recorded entry: {0}")]
    Recorded(String),
    /// The writing thread ended early.
    #[error("the journal's writing thread ended early")]
    ThreadGone,
}

/// A run's journal, which also keeps the decision digest.
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
        let seal = record.seal;
        self.0.add(record)?;
        // The receipt that lets orders out is made of this return. If the process stops before the sync, no
        // order has left; if it stops after it, the resumed run finds the decision in the journal.
        // What waits for a later record's checkpoint is written with it: one write for each decision.
        if self.0.cadence() == 1 && seal != RecordSeal::Later {
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
