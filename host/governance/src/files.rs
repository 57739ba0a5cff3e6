//! The ledger's file: locked by one writer, appended to, and synced. It must never know what the bytes
//! mean.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write as _};
use std::path::PathBuf;

use counterfoil_os::file_path::AsFilePath;
use counterfoil_os::files::{FileError, create_whole, open_append};
use counterfoil_os::lock::try_lock;

/// An append-only file that one writer has locked.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    path: PathBuf,
}

impl LogFile {
    /// Creates a file with `bytes` at `path`, which must not exist.
    pub(crate) fn create(
        path: &(impl AsFilePath + ?Sized),
        bytes: &[u8],
    ) -> Result<Self, FileError> {
        // Written whole and never over an existing file: a crash leaves the whole ledger or none, and of
        // two processes that create the same ledger the second fails.
        create_whole(path, bytes)?;
        Self::open(path).map(|(file, _)| file)
    }

    /// Opens the file at `path` and reads it; fails while another writer has it locked.
    pub(crate) fn open(path: &(impl AsFilePath + ?Sized)) -> Result<(Self, Vec<u8>), FileError> {
        Self::open_from(path, 0, &[])
    }

    /// Opens the file at `path` and reads the bytes after the first `known`, which must end with `tail`; fails while
    /// another writer has it locked.
    pub(crate) fn open_from(
        path: &(impl AsFilePath + ?Sized),
        known: u64,
        tail: &[u8],
    ) -> Result<(Self, Vec<u8>), FileError> {
        let file = open_append(path)?;
        // An advisory lock that dies with its process: a crashed writer never blocks the next one.
        if !try_lock(&file).map_err(FileError::at("lock", path))? {
            let busy = ErrorKind::WouldBlock.into();
            return Err(FileError::at("lock (another process writes it)", path)(
                busy,
            ));
        }
        let bytes = rest(&file, known, tail).map_err(FileError::at("read", path))?;
        let path = path.whole().to_path_buf();
        Ok((Self { file, path }, bytes))
    }

    /// Appends bytes and makes them durable.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file
            // A full disk or a crash can cut this write short. The bytes then end before their checkpoint, and
            // the next opening cuts them off.
            .write_all(bytes)
            .map_err(FileError::at("write", &self.path))?;
        self.file
            // Only after this sync may a caller act on the record: without it a power cut could take back the
            // start of a run whose orders are already at a venue.
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

/// The bytes of a file after the first `known`, which must end with `tail`.
fn rest(mut file: impl Read + Seek, known: u64, tail: &[u8]) -> io::Result<Vec<u8>> {
    let length = u64::try_from(tail.len()).unwrap_or(u64::MAX);
    file.seek(SeekFrom::Start(known.saturating_sub(length)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // A file that was cut, or put in the place of the one that was read.
    if bytes.strip_prefix(tail).is_none() {
        let why = "its first bytes are not those that were read before";
        return Err(io::Error::new(ErrorKind::InvalidData, why));
    }
    Ok(bytes.split_off(tail.len()))
}
