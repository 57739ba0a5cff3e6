//! Resources that a run used, read from its journal and folder. It must never know whose budget they count
//! against.

use counterfoil_os::files::{FileError, names_in, own_facts_of};
use counterfoil_trading::record::{DecisionRecord, KIND_DECISION, record_kind};

use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::Execution;

/// Why the usage of a run could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunUsageError {
    #[error(transparent)]
    Folder(#[from] FileError),
    #[error(transparent)]
    Journal(#[from] ReadJournalError),
}

/// Resources that the executions of one run used so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RunUsage {
    /// Fuel of all decisions.
    pub fuel: u64,
    /// From the receipt of the first bar to the last decision, in nanoseconds of the host's clock; 0 over a
    /// snapshot, whose journal has no clock.
    pub wall_nanos: u64,
    /// Bytes of all files in the folders.
    pub bytes: u64,
}

/// The sum over these executions. A journal may grow while it is read.
///
/// # Errors
///
/// Returns [`RunUsageError`] if a journal or a folder cannot be read.
pub fn run_usage(executions: &[Execution]) -> Result<RunUsage, RunUsageError> {
    let mut sum = RunUsage::default();
    for execution in executions {
        let used = execution_usage(execution)?;
        sum.fuel = sum.fuel.saturating_add(used.fuel);
        sum.wall_nanos = sum.wall_nanos.saturating_add(used.wall_nanos);
        sum.bytes = sum.bytes.saturating_add(used.bytes);
    }
    Ok(sum)
}

fn execution_usage(execution: &Execution) -> Result<RunUsage, RunUsageError> {
    let mut reader = JournalReader::open(&execution.journal())?;
    let (mut fuel, mut first, mut last) = (0_u64, None, None);
    while let Some(body) = reader.next_body()? {
        if record_kind(body).map_err(ReadJournalError::from)? != KIND_DECISION {
            continue;
        }
        let decision = DecisionRecord::decode(body).map_err(ReadJournalError::from)?;
        fuel = fuel.saturating_add(decision.circumstances.fuel);
        if let Some((received, decided)) = decision.circumstances.times {
            first = first.or(Some(received));
            last = Some(decided);
        }
    }
    let wall = match (first, last) {
        (Some(first), Some(last)) => last.0.saturating_sub(first.0),
        (None, _) | (_, None) => 0,
    };
    let folder = &execution.folder;
    let mut bytes = 0_u64;
    // Everything in the folder, not the journal alone: order logs and kept tails fill the disk as well.
    for name in names_in(folder)? {
        // Of a link its own length: what it leads to is not the run's.
        let found = own_facts_of(&folder.join(name))?;
        bytes = bytes.saturating_add(found.map_or(0, |found| found.len()));
    }
    Ok(RunUsage {
        fuel,
        // A wall clock that was set back must not turn into a credit for the budget.
        wall_nanos: u64::try_from(wall).unwrap_or(0),
        bytes,
    })
}
