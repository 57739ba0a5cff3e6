//! The journal's file: bytes are appended, and are durable after a sync. It must never know what they mean.

use std::fs::File;
use std::io::Write as _;

use counterfoil_journal::frame::MAGIC;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{FileError, create_append, is_there, open_append, sync_folder};

/// An append-only file.
#[derive(Debug)]
pub struct JournalFile {
    file: File,
    path: FilePath,
}

impl JournalFile {
    /// A new journal at `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if it exists or cannot be made.
    pub fn create(path: &FilePath) -> Result<Self, FileError> {
        let mut file = create_append(path)?;
        file.write_all(MAGIC)
            .map_err(FileError::at("write", path))?;
        // First the bytes, then the name: a crash between the two leaves no journal, and one that has a name
        // begins with the magic bytes. Both are durable before a decision is made.
        file.sync_all().map_err(FileError::at("sync", path))?;
        if let Some(folder) = path.parent() {
            sync_folder(&folder)?;
        }
        Ok(Self {
            file,
            path: path.clone(),
        })
    }

    /// The journal at `path`, cut to its first `length` bytes, for appending. With length 0 it starts over, and
    /// the file may be missing.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if it cannot be opened or cut.
    pub fn reopen(path: &FilePath, length: u64) -> Result<Self, FileError> {
        if length == 0 && !is_there(path)? {
            return Self::create(path);
        }
        let mut file = open_append(path)?;
        // The caller has a durable copy of what is cut here. Appending after an unsigned tail would join new
        // entries to bytes that nothing vouches for.
        file.set_len(length).map_err(FileError::at("cut", path))?;
        if length == 0 {
            file.write_all(MAGIC)
                .map_err(FileError::at("write", path))?;
        }
        // Size and content, not content alone: after a crash the old length would bring the cut bytes back.
        file.sync_all().map_err(FileError::at("sync", path))?;
        Ok(Self {
            file,
            path: path.clone(),
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if they were not all written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all(bytes)
            .map_err(FileError::at("write", &self.path))
    }

    /// Makes the appended bytes durable.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if the operating system did not confirm it.
    pub fn sync(&mut self) -> Result<(), FileError> {
        // A failed sync is never tried again: the kernel may have dropped the pages and would then report
        // success for bytes that are lost. The error ends the run.
        self.file
            .sync_data()
            .map_err(FileError::at("sync", &self.path))
    }
}
