//! The lock of one execution: the process that holds it may append to the journal. It must never know what
//! is appended.

use crate::store::data_dir::Execution;
use counterfoil_os::files::{FileError, is_there};
use counterfoil_os::lock::FileLock;

/// The lock's file in an execution's folder. Only the kernel's lock on it counts, not that it exists.
pub const LOCK_FILE: &str = "lock";

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The file could not be opened or locked.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process appends to this journal.
    #[error(
        "another process is running run {run} and holds {path}; only one process may append to a journal"
    )]
    Held {
        /// The run's short name.
        run: String,
        /// The lock's file.
        path: String,
    },
}

/// The right to append to one journal, released when dropped. The kernel releases it when the
/// process is killed, so that no lock is ever left behind.
#[derive(Debug)]
#[must_use]
pub struct RunLock {
    _lock: FileLock,
}

impl RunLock {
    /// Takes the lock, without waiting for another holder.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if another process holds it, or that is unknown.
    pub fn acquire(execution: &Execution) -> Result<Self, LockError> {
        let path = execution.folder.join(LOCK_FILE);
        let lock = FileLock::try_take(&path)?.ok_or_else(|| LockError::Held {
            run: execution.short(),
            path: path.display().to_string(),
        })?;
        Ok(Self { _lock: lock })
    }
}

/// Whether a process holds the lock. To find out, a free lock is taken for a moment.
///
/// # Errors
///
/// Returns [`FileError`] if the file cannot be opened.
pub fn is_held(execution: &Execution) -> Result<bool, FileError> {
    if !is_there(&execution.folder.join(LOCK_FILE))? {
        return Ok(false);
    }
    match RunLock::acquire(execution) {
        Ok(_) => Ok(false),
        Err(LockError::Held { .. }) => Ok(true),
        Err(LockError::File(error)) => Err(error),
    }
}
