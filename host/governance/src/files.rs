//! The ledger's file: locked by one writer, appended to, and synced. It must never know what the bytes
//! mean.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A file or folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct FileError {
    pub action: &'static str,
    pub path: String,
    pub source: io::Error,
}

impl FileError {
    /// Names the action and the path of an I/O error.
    pub fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self {
            action,
            path: path.display().to_string(),
            source,
        }
    }
}

/// An append-only file that one writer has locked.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    path: PathBuf,
}

impl LogFile {
    /// Creates a file with `bytes` at `path`, which must not exist.
    pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        let folder = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        // A temporary file, synced and then renamed: a crash leaves the whole ledger or none, never an
        // empty file that no command could open or create again.
        let mut temp = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempfile_in(folder)
            .map_err(FileError::at("write into", folder))?;
        temp.write_all(bytes)
            .map_err(FileError::at("write", path))?;
        temp.as_file()
            .sync_all()
            .map_err(FileError::at("sync", path))?;
        // Two processes that create the same ledger at once: the second fails here, instead of replacing
        // the first one's records.
        temp.persist_noclobber(path)
            .map_err(|error| FileError::at("create", path)(error.error))?;
        // The name is in the folder: without this sync a power cut could lose the file after the caller
        // was told that the ledger exists.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(FileError::at("sync folder", folder))?;
        Self::open(path).map(|(file, _)| file)
    }

    /// Opens the file at `path` and reads it; fails while another writer has it locked.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<u8>), FileError> {
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .open(path)
            .map_err(FileError::at("open", path))?;
        // An advisory lock that dies with its process: a crashed writer never blocks the next one.
        file.try_lock().map_err(|error| {
            FileError::at("lock (another process writes it)", path)(error.into())
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(FileError::at("read", path))?;
        let path = path.to_path_buf();
        Ok((Self { file, path }, bytes))
    }

    /// Appends bytes and makes them durable.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all(bytes)
            .map_err(FileError::at("write", &self.path))?;
        self.file
            .sync_data()
            .map_err(FileError::at("sync", &self.path))
    }

    /// Cuts the file after `length` bytes.
    pub(crate) fn cut(&mut self, length: u64) -> Result<(), FileError> {
        self.file
            .set_len(length)
            .map_err(FileError::at("cut", &self.path))?;
        self.file
            .sync_all()
            .map_err(FileError::at("sync", &self.path))
    }
}

/// Reads a whole file.
pub(crate) fn read_whole(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(FileError::at("read", path))
}
