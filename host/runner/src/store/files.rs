//! Files that are whole or not there: temp file, fsync, rename, fsync of the folder.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A file or folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct FileError {
    /// What was being done.
    pub action: &'static str,
    /// To what.
    pub path: String,
    /// Why not.
    pub source: io::Error,
}

/// Names the action and the path of an I/O error.
pub(crate) fn at<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError {
        action,
        path: path.display().to_string(),
        source,
    }
}

/// Writes a whole file. A crash leaves the old one or the new one, never a part.
///
/// # Errors
///
/// Returns [`FileError`] if any step fails; the file is as it was then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    // The parent of a bare name is empty, which no call takes for the current folder.
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let mut temp = tempfile::Builder::new()
        .prefix(".tmp-")
        .tempfile_in(&folder)
        .map_err(at("write into", &folder))?;
    temp.write_all(bytes).map_err(at("write", path))?;
    temp.as_file().sync_all().map_err(at("sync", path))?;
    temp.persist(path)
        .map_err(|error| at("rename to", path)(error.error))?;
    sync_folder(&folder)
}

/// Makes a folder and those above it.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be made.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(at("create folder", path))
}

/// Makes the names in a folder durable.
///
/// # Errors
///
/// Returns [`FileError`] if the folder cannot be opened or synced.
pub fn sync_folder(path: &Path) -> Result<(), FileError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(at("sync folder", path))
}

/// Reads a whole file.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be read.
pub fn read_whole(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(at("read", path))
}
