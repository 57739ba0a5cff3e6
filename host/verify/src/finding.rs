//! What is wrong with a journal, and at which record. How it was found is not known here.

use core::fmt;

use counterfoil_journal::audit::AuditError;
use counterfoil_journal::frame::FrameError;
use counterfoil_journal::key::VerifierKeyError;
use counterfoil_trading::cbor::CborError;
use counterfoil_trading::manifest::ManifestError;
use counterfoil_trading::time::UnixNanos;

use counterfoil_base::text::harmless_line;

/// One thing that is wrong, and the record at which it shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The record's index.
    pub index: u64,
    /// The record's kind, such as `decision`, where it can be told.
    pub kind: Option<&'static str>,
    /// The ticker of the record's instrument, where it has one.
    pub instrument: Option<String>,
    /// The close time of the record's bar or slice, where it has one.
    pub close_time: Option<UnixNanos>,
    /// What is wrong.
    pub cause: FindingCause,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.index)?;
        if let Some(kind) = self.kind {
            write!(f, ", a {kind} record")?;
        }
        if let Some(instrument) = &self.instrument {
            write!(f, " of {instrument}")?;
        }
        if let Some(time) = self.close_time {
            write!(f, " closing at {}", time.rfc3339())?;
        }
        write!(f, ": {}", harmless_line(&self.cause.to_string()))
    }
}

/// What is wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FindingCause {
    /// There is no first record.
    #[error("the journal holds no whole record")]
    Empty,
    /// No checkpoint covers anything.
    #[error("no checkpoint follows: nothing in this journal is signed")]
    NothingSigned,
    /// The bytes are no journal's.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// The next record is well formed and links to another record than this one.
    #[error(
        "this record was changed, or records after it were removed: the next one links to other \
         bytes"
    )]
    Changed,
    /// This record does not follow the one before it, nor does the next follow this one.
    #[error("this record does not belong here: it was inserted, moved, or its chain link changed")]
    Misplaced,
    /// A chain or checkpoint does not hold.
    #[error("{0}")]
    Audit(#[from] AuditError),
    /// The log's name cannot be a key's name.
    #[error("the run's origin cannot be checked: {0}")]
    Key(#[from] VerifierKeyError),
    /// A checkpoint is not where it must be.
    #[error("the checkpoint that must follow this record is missing")]
    CheckpointMissing,
    /// A checkpoint is where none belongs.
    #[error("a checkpoint follows this record where the cadence has none")]
    CheckpointExtra,
    /// The first record is of another kind.
    #[error("the first record must be the open record")]
    NotOpen,
    /// An open record that is not the first.
    #[error("a second open record")]
    OpenAgain,
    /// A record after the closing record, or after the fault that ended the run.
    #[error("a record after the one that ended the run")]
    AfterEnd,
    /// The body is no record.
    #[error("the body is no record: {0}")]
    Record(#[from] CborError),
    /// The body is a record in another spelling than the canonical one.
    #[error("the record is not in canonical form")]
    NotCanonical,
    /// The manifest in the open record does not hold.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    /// The open record's commitments are not one for each of the manifest's instruments.
    #[error("the commitments do not fit the manifest's data source and instruments")]
    Commitments,
    /// Two bars that cannot stand in one slice, or a bar of an unknown instrument.
    #[error("the bar cannot join its slice: {reason}")]
    Slice {
        /// Why.
        reason: String,
    },
    /// The rules refuse to go on from the journal's own records.
    #[error("the rules cannot go on from here: {reason}")]
    Rules {
        /// Why.
        reason: String,
    },
    /// The rules give another record.
    #[error(
        "the rules give another record; the first difference is in: {field}\n  \
         the journal says: {journal}\n  the rules give:   {rules}"
    )]
    Differs {
        /// The first part that differs.
        field: String,
        /// The journal's record in plain words.
        journal: String,
        /// The record that the rules give, in plain words.
        rules: String,
    },
}
