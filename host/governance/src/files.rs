//! The ledger's physical file: opened by one writer, appended to, made durable when told. It must
//! never know what the bytes mean.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A file or folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct FileError {
    /// What was being done.
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

/// An append-only file that one writer holds.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    path: PathBuf,
}

impl LogFile {
    /// A new file at `path`, which must not exist, that holds `bytes`.
    pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        let folder = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        // Whole or not there: a crash never leaves a ledger without its first record.
        let mut temp = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempfile_in(folder)
            .map_err(FileError::at("write into", folder))?;
        temp.write_all(bytes)
            .map_err(FileError::at("write", path))?;
        temp.as_file()
            .sync_all()
            .map_err(FileError::at("sync", path))?;
        temp.persist_noclobber(path)
            .map_err(|error| FileError::at("create", path)(error.error))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(FileError::at("sync folder", folder))?;
        Self::open(path).map(|(file, _)| file)
    }

    /// The file at `path` and what it holds; refused while another writer has it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<u8>), FileError> {
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .open(path)
            .map_err(FileError::at("open", path))?;
        file.try_lock().map_err(|error| {
            FileError::at("lock (another program writes it)", path)(error.into())
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
