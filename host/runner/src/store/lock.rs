//! The lock of one execution: whoever holds it may append to the journal. It must never know what
//! is appended.

use crate::store::data_dir::Execution;
use counterfoil_os::files::FileError;
use counterfoil_os::lock::FileLock;

/// The lock's file in an execution's folder. What counts is who holds it, not that it is there.
pub const LOCK_FILE: &str = "lock";

/// Why the lock is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The file could not be opened or locked.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process appends to this journal.
    #[error(
        "run {run} is under way in another process, which holds {path}; only one may append to a journal"
    )]
    Held {
        /// The run's short name.
        run: String,
        /// The lock's file.
        path: String,
    },
}

/// The right to append to one journal, given back when dropped. The kernel gives it back when the
/// process is killed, so that no lock is ever left behind.
#[derive(Debug)]
#[must_use]
pub struct RunLock {
    _lock: FileLock,
}

impl RunLock {
    /// Takes the lock, or says at once who has it.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if another process holds it, or it cannot be told.
    pub fn take(execution: &Execution) -> Result<Self, LockError> {
        let path = execution.folder.join(LOCK_FILE);
        let lock = FileLock::try_take(&path)?.ok_or_else(|| LockError::Held {
            run: execution.short(),
            path: path.display().to_string(),
        })?;
        Ok(Self { _lock: lock })
    }
}

/// Whether a process holds the lock. It is taken for a moment to find out, if nobody has it.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be told.
pub fn is_held(execution: &Execution) -> Result<bool, FileError> {
    if !execution.folder.join(LOCK_FILE).exists() {
        return Ok(false);
    }
    match RunLock::take(execution) {
        Ok(_) => Ok(false),
        Err(LockError::Held { .. }) => Ok(true),
        Err(LockError::File(error)) => Err(error),
    }
}
