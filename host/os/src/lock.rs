//! The one way to take a file lock. It must never know what a lock protects.
//!
//! The kernel holds these locks for the process and releases them when it dies, however it dies: no lock is ever
//! left behind, and an existing lock file does not show who holds it.

use std::fs::{File, TryLockError};
use std::io;

use crate::file_path::AsFilePath;
use crate::files::{FileError, open_or_make};

/// A lock on a file, released when dropped.
#[derive(Debug)]
#[must_use]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock on the file at `path`, which is made if it is missing; `None` if another holder has it.
    ///
    /// The file is never removed: a process that opened the old file and one that made a new one of the same
    /// name would both believe that they hold the lock.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if the file cannot be opened or locked.
    pub fn try_take(path: &(impl AsFilePath + ?Sized)) -> Result<Option<Self>, FileError> {
        // Not emptied: the file may be another's, and its bytes are not ours before the lock is.
        Self::try_of(open_or_make(path)?).map_err(FileError::at("lock", path))
    }

    /// Waits for the lock on the file at `path`, which is made if it is missing, and never removed.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if the file cannot be opened or locked.
    pub fn wait_for(path: &(impl AsFilePath + ?Sized)) -> Result<Self, FileError> {
        Self::wait_of(open_or_make(path)?).map_err(FileError::at("lock", path))
    }

    /// Takes the lock on an open file; `None` if another holder has it.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if the file cannot be locked.
    pub fn try_of(file: File) -> io::Result<Option<Self>> {
        Ok(try_lock(&file)?.then_some(Self { _file: file }))
    }

    /// Waits for the lock on an open file.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if the file cannot be locked.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that locks a file"
    )]
    pub fn wait_of(file: File) -> io::Result<Self> {
        file.lock()?;
        Ok(Self { _file: file })
    }
}

/// Locks an open file that its owner keeps using; `false` if another holder has the lock. Closing the file
/// releases it.
///
/// # Errors
///
/// Returns the operating system's error if the file cannot be locked.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that locks a file"
)]
pub fn try_lock(file: &File) -> io::Result<bool> {
    // Not "locked by a process that is gone": the kernel dropped that lock with the process.
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_one_holder_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, "bytes of another").unwrap();
        let held = FileLock::try_take(&path).unwrap().unwrap();
        assert!(FileLock::try_take(&path).unwrap().is_none());
        assert!(!try_lock(&File::open(&path).unwrap()).unwrap());
        drop(held);
        let again = FileLock::wait_of(File::open(&path).unwrap()).unwrap();
        assert!(FileLock::try_take(&path).unwrap().is_none());
        drop(again);
        assert_eq!(std::fs::read(&path).unwrap(), b"bytes of another");
    }
}
