//! How a run ended, read from its closed journal for the ledger. It must never trust a journal whose last
//! checkpoint the log's key did not sign.

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::RunEnd;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_trading::record::{CloseRecord, KIND_CLOSE, KIND_STOP, StopRecord, record_kind};

use crate::run::end_cause::RunEndCause;
use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::Execution;

/// Why it could not be read how a run ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunEndError {
    /// The run's origin is not the name of a key.
    #[error("invalid origin of the run: {0}")]
    Origin(#[from] VerifierKeyError),
    #[error(transparent)]
    Journal(#[from] ReadJournalError),
}

/// The end of an execution; `None` while its journal has no closing record that is signed.
///
/// # Errors
///
/// Returns [`RunEndError`] if the journal cannot be read.
pub fn run_end(execution: &Execution, key: &[u8; 32]) -> Result<Option<RunEnd>, RunEndError> {
    let key = VerifierKey::new(&execution.origin(), key)?;
    let mut journal = JournalReader::open(&execution.journal())?;
    let mut stop = None;
    let mut close = None;
    while let Some(body) = journal.next_body()? {
        match record_kind(body) {
            Ok(KIND_STOP) => {
                let record = StopRecord::decode(body).map_err(ReadJournalError::from)?;
                stop = Some(record.stop);
            }
            Ok(KIND_CLOSE) => {
                close = Some(CloseRecord::decode(body).map_err(ReadJournalError::from)?);
            }
            _ => {}
        }
    }
    // The checkpoint must cover every entry, not most of them: with bytes appended after it, a forged closing
    // record would get into the ledger under a genuine signature.
    let signed = journal.last_checkpoint().and_then(|(entries, note)| {
        let checkpoint = Checkpoint::open_own(note.as_bytes(), &key).ok()?;
        (checkpoint.size == *entries && *entries == journal.index()).then_some(checkpoint)
    });
    let (Some(close), Some(signed)) = (close, signed) else {
        return Ok(None);
    };
    let cause = stop.map_or(RunEndCause::Closed(close.reason), RunEndCause::Stopped);
    Ok(Some(RunEnd {
        run: execution.run,
        execution: execution.number,
        tree_size: signed.size,
        root: Digest(signed.root.0),
        decisions: close.decision_digest,
        reason: cause.to_string(),
    }))
}
