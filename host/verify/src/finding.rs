//! What is wrong with a journal, and at which record. How it was found is not known here.

use core::fmt;

use counterfoil_journal::audit::AuditError;
use counterfoil_journal::frame::FrameError;
use counterfoil_journal::key::VerifierKeyError;
use counterfoil_trading::cbor::CborError;
use counterfoil_trading::manifest::ManifestError;
use counterfoil_trading::time::UnixNanos;

use counterfoil_base::text::harmless_line;

/// A defect of the journal, and the record at which it shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The record's index.
    pub index: u64,
    /// The record's kind, such as `decision`, where it is known.
    pub kind: Option<&'static str>,
    /// The ticker of the record's instrument, where it has one.
    pub instrument: Option<String>,
    /// The close time of the record's bar or slice, where it has one.
    pub close_time: Option<UnixNanos>,
    pub cause: FindingCause,
}

impl Finding {
    /// A finding at a record of which nothing else is known.
    pub(crate) const fn at(index: u64, cause: FindingCause) -> Self {
        Self {
            index,
            kind: None,
            instrument: None,
            close_time: None,
            cause,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.index)?;
        if let Some(kind) = self.kind {
            write!(f, ", a {kind} record")?;
        }
        if let Some(instrument) = &self.instrument {
            write!(f, " of {}", harmless_line(instrument))?;
        }
        if let Some(time) = self.close_time {
            write!(f, " closing at {}", time.rfc3339())?;
        }
        // On one line: a reason from the journal could otherwise begin a line of its own that reads like a verdict.
        write!(f, ": {}", harmless_line(&self.cause.to_string()))
    }
}

/// The cause of a finding.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FindingCause {
    #[error("the journal contains no complete record")]
    Empty,
    #[error("the journal ends within its opening: its first checkpoint was never written")]
    OpeningTorn,
    #[error("no checkpoint follows: nothing in this journal is signed")]
    NothingSigned,
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error(
        "this record was changed, or records after it were removed: the next one links to other \
         bytes"
    )]
    Changed,
    #[error("this record does not belong here: it was inserted, moved, or its chain link changed")]
    Misplaced,
    #[error("{0}")]
    Audit(#[from] AuditError),
    #[error("invalid origin of the run: {0}")]
    Key(#[from] VerifierKeyError),
    #[error("the checkpoint that must follow this record is missing")]
    CheckpointMissing,
    #[error("a checkpoint follows this record where the cadence has none")]
    CheckpointExtra,
    #[error("a journal begins with an open record and all parts of its manifest and commitments")]
    NotOpen,
    #[error("a second opening")]
    OpenAgain,
    #[error("a record after the one that ended the run")]
    AfterEnd,
    #[error("invalid record: {0}")]
    Record(#[from] CborError),
    #[error("the record is not in canonical form")]
    NotCanonical,
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    #[error("the commitments do not fit the manifest's data source and instruments")]
    Commitments,
    #[error("the bar cannot join its slice: {reason}")]
    Slice { reason: String },
    #[error("the rules reject this record: {reason}")]
    Rules { reason: String },
    #[error("{found} {what}; the manifest's limits ({limit}) allow {most}")]
    BeyondLimit {
        what: &'static str,
        found: u64,
        /// The names of the limits.
        limit: &'static str,
        most: u64,
    },
    #[error(
        "the re-run gives a different record; first difference: {field}; journal: {journal}; re-run: \
         {rules}"
    )]
    Differs {
        field: String,
        journal: String,
        rules: String,
    },
}
