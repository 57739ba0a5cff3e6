//! How a run ended, as its closed journal says and the ledger takes it. It must never take the word
//! of a journal whose last checkpoint the log's key did not sign.

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::RunEnd;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::key::VerifierKey;
use counterfoil_trading::record::{CloseRecord, KIND_CLOSE, KIND_STOP, StopRecord, record_kind};

use crate::error::RunnerError;
use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::Execution;

/// The end of an execution; `None` while its journal has no closing record that is signed.
///
/// # Errors
///
/// Returns [`RunnerError`] if the journal cannot be read.
pub fn ending(execution: &Execution, key: &[u8; 32]) -> Result<Option<RunEnd>, RunnerError> {
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
    let signed = journal.last_checkpoint();
    let signed = signed.and_then(|(entries, note)| {
        let checkpoint = Checkpoint::open_own(note.as_bytes(), &key).ok()?;
        (checkpoint.size == *entries && *entries == journal.index()).then_some(checkpoint)
    });
    let (Some(close), Some(signed)) = (close, signed) else {
        return Ok(None);
    };
    let mut run = [0; 32];
    if hex::decode_to_slice(&execution.run, &mut run).is_err() {
        return Ok(None);
    }
    let reason = match stop {
        None => close.reason.name().to_owned(),
        Some(stop) => format!("{}: {}", stop.cause.name(), stop.message),
    };
    Ok(Some(RunEnd {
        run: Digest(run),
        execution: execution.number,
        tree_size: signed.size,
        root: Digest(signed.root.0),
        decisions: Digest(close.decision_digest),
        reason,
    }))
}
