//! The physical file: bytes go to its end, and become durable when told.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use counterfoil_journal::frame::MAGIC;

use counterfoil_os::files::{FileError, sync_folder};

/// An append-only file.
#[derive(Debug)]
pub struct JournalFile {
    file: File,
    path: PathBuf,
}

impl JournalFile {
    /// A new journal at `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if it exists or cannot be made.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(FileError::at("create", path))?;
        file.write_all(MAGIC)
            .map_err(FileError::at("write", path))?;
        file.sync_all().map_err(FileError::at("sync", path))?;
        if let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        Ok(Self {
            file,
            path: path.to_path_buf(),
        })
    }

    /// The journal at `path`, cut to its first `length` bytes, to write on. One of no bytes begins
    /// anew; it may be missing then.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if it cannot be opened or cut.
    pub fn go_on(path: &Path, length: u64) -> Result<Self, FileError> {
        if length == 0 && !path.try_exists().map_err(FileError::at("look for", path))? {
            return Self::create(path);
        }
        let mut file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(FileError::at("open", path))?;
        file.set_len(length).map_err(FileError::at("cut", path))?;
        if length == 0 {
            file.write_all(MAGIC)
                .map_err(FileError::at("write", path))?;
        }
        file.sync_all().map_err(FileError::at("sync", path))?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
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

    /// Makes what was appended durable.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if the system could not say that it is.
    pub fn sync(&mut self) -> Result<(), FileError> {
        self.file
            .sync_data()
            .map_err(FileError::at("sync", &self.path))
    }
}
