//! How a run ended, read from its closed journal for the ledger. It must never trust a journal whose last
//! checkpoint the log's key did not sign.

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{NOT_STARTED, RunEnd};
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::consistency::TreeHead;
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_journal::tree::Tree;
use counterfoil_os::files::{FileError, own_facts_of};
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::record::{CloseRecord, KIND_CLOSE, KIND_STOP, StopRecord, record_kind};

use crate::orders::gateway::order_log::{OrderLogError, orders_head};
use crate::run::end_cause::RunEndCause;
use crate::run::journal::{JournalReader, ReadJournalError, head_of};
use crate::run::opening::FIRST_EXECUTION;
use crate::run::signed_prefix::SignedPrefix;
use crate::store::data_dir::{DataDir, DataDirError, Execution};

/// Why it could not be read how a run ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunEndError {
    /// The run's origin is not the name of a key.
    #[error("invalid origin of the run: {0}")]
    Origin(#[from] VerifierKeyError),
    #[error(transparent)]
    Journal(#[from] ReadJournalError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Orders(#[from] OrderLogError),
    /// Orders were sent, and the journal of their decisions is gone.
    #[error(
        "run {run} has no journal, and its order log has {orders} orders; restore the journal from a copy"
    )]
    JournalGone {
        /// The run's short name.
        run: String,
        orders: usize,
    },
}

/// The end of an execution; `None` while its journal has signed entries, and none that closes it.
///
/// An execution without a signed entry ended before it started. The caller must know that no process runs it.
///
/// # Errors
///
/// Returns [`RunEndError`] if a log cannot be read, or if orders were sent and the journal of their decisions is gone.
pub fn run_end(
    data: &DataDir,
    run: &Digest,
    key: &[u8; 32],
) -> Result<Option<RunEnd>, RunEndError> {
    let executions = data.executions_of(run)?;
    // A live run has one execution; a folder beside it is somebody else's.
    let first = executions.iter().find(|one| one.number == FIRST_EXECUTION);
    let Some(execution) = first else {
        return Ok(Some(not_started(*run, empty())));
    };
    let path = execution.journal();
    let signed = match own_facts_of(&path)? {
        None => 0,
        Some(_) => SignedPrefix::scan(&path)?.entries,
    };
    let orders = orders_head(execution, key)?;
    if signed > 0 {
        return closed_end(execution, key, orders.head);
    }
    // Each decision is signed and durable before its order leaves. Orders without a journal mean that it was taken
    // away, and a run that did trade must not be recorded as one that did not start.
    if orders.sent > 0 {
        let run = execution.short();
        let orders = orders.sent;
        return Err(RunEndError::JournalGone { run, orders });
    }
    Ok(Some(not_started(*run, orders.head)))
}

/// The end of a run that did not start.
fn not_started(run: Digest, orders: TreeHead) -> RunEnd {
    RunEnd {
        run,
        execution: FIRST_EXECUTION,
        journal: empty(),
        orders,
        decisions: DecisionDigest::default().value(),
        reason: NOT_STARTED.to_owned(),
    }
}

fn empty() -> TreeHead {
    head_of(&Tree::new())
}

/// The end of an execution whose journal is closed.
fn closed_end(
    execution: &Execution,
    key: &[u8; 32],
    orders: TreeHead,
) -> Result<Option<RunEnd>, RunEndError> {
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
        journal: TreeHead {
            size: signed.size,
            root: signed.root,
        },
        orders,
        decisions: close.decision_digest,
        reason: cause.to_string(),
    }))
}
