//! Files that are whole or absent, and durable folders. It must never know what a file holds.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use tempfile::NamedTempFile;

/// A file or folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct FileError {
    /// The verb of the sentence: `open`, `rename to`.
    pub action: &'static str,
    pub path: String,
    pub source: io::Error,
}

impl FileError {
    /// Adds the action and the path to an I/O error.
    pub fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self {
            action,
            path: path.display().to_string(),
            source,
        }
    }
}

/// Writes a whole file, in place of an older one. A crash leaves the old file or the new one, never a part.
///
/// # Errors
///
/// Returns [`FileError`] if a step fails. The old file is still there if writing failed; if only the last sync of
/// the folder failed, either may survive a crash.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let folder = folder_of(path);
    let temp = temporary(folder, &mut tempfile::Builder::new())?;
    filled(temp, path, bytes)?
        .persist(path)
        .map_err(|error| FileError::at("rename to", path)(error.error))?;
    // Without this, the rename itself may be lost in a crash, after the caller reported success.
    sync_folder(folder)
}

/// Writes a whole file that can be made again, in place of an older one: atomic, but not durable.
///
/// # Errors
///
/// Returns [`FileError`] if a step fails; the old file is still there.
pub fn write_whole_unsynced(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut temp = temporary(folder_of(path), &mut tempfile::Builder::new())?;
    temp.write_all(bytes)
        .map_err(FileError::at("write", path))?;
    temp.persist(path)
        .map_err(|error| FileError::at("rename to", path)(error.error))?;
    Ok(())
}

/// Writes a whole file that must not exist yet. A crash leaves the whole file or none.
///
/// # Errors
///
/// Returns [`FileError`] if the file exists or a step fails.
pub fn create_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    create(path, bytes, &mut tempfile::Builder::new())
}

/// Writes a whole file that must not exist yet and that only its owner may read, from its first byte.
///
/// # Errors
///
/// Returns [`FileError`] if the file exists or a step fails.
#[cfg(unix)]
pub fn create_secret(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt as _;

    // A mode set after the write would leave a moment in which another user can open the file.
    let mut builder = tempfile::Builder::new();
    create(
        path,
        bytes,
        builder.permissions(fs::Permissions::from_mode(0o600)),
    )
}

/// Makes a folder and those above it.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be made.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(FileError::at("create folder", path))
}

/// Makes the names in a folder durable.
///
/// # Errors
///
/// Returns [`FileError`] if the folder cannot be opened or synced.
pub fn sync_folder(path: &Path) -> Result<(), FileError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(FileError::at("sync folder", path))
}

/// Makes everything on the file system of `file` durable; false where the system has no such call.
///
/// It fails for what could not be written since `file` was opened (Linux 5.8 and newer).
///
/// # Errors
///
/// Returns the system's error.
pub fn sync_file_system(file: &File) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        rustix::fs::syncfs(file)?;
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _no_such_call = file;
        Ok(false)
    }
}

/// Reads a whole file.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be read, or is a pipe or device.
pub fn read_whole(path: &Path) -> Result<Vec<u8>, FileError> {
    read_plain(path, u64::MAX)
}

/// Reads a whole file, or as much as `bytes_max` of it.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be read, or is a pipe or device.
pub fn read_plain(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    // Counted while it is read: a file can grow after its length was asked for.
    open_plain(path)?
        .take(bytes_max)
        .read_to_end(&mut bytes)
        .map_err(FileError::at("read", path))?;
    Ok(bytes)
}

/// Opens a plain file to read. A pipe in its place would make the reader wait for as long as its owner likes, and a
/// device may have no end.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be opened, or is a pipe or device.
pub fn open_plain(path: &Path) -> Result<File, FileError> {
    let at = || FileError::at("open", path);
    let refuse = || io::Error::other("not a plain file; copy what it gives into one");
    // Looked at before it is opened: opening some devices does something already.
    if !fs::metadata(path).map_err(at())?.is_file() {
        return Err(at()(refuse()));
    }
    // Without waiting: a pipe may have been put in the file's place since then.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty());
    let file = File::from(file.map_err(|error| at()(error.into()))?);
    if !file.metadata().map_err(at())?.is_file() {
        return Err(at()(refuse()));
    }
    Ok(file)
}

fn create(
    path: &Path,
    bytes: &[u8],
    builder: &mut tempfile::Builder<'_, '_>,
) -> Result<(), FileError> {
    let folder = folder_of(path);
    // Two processes that create the same file both write their own, and the second rename fails: a look at
    // the path beforehand would let the later one replace the earlier.
    filled(temporary(folder, builder)?, path, bytes)?
        .persist_noclobber(path)
        .map_err(|error| FileError::at("create", path)(error.error))?;
    sync_folder(folder)
}

/// The folder of a file. The parent of a bare name is empty, which no call accepts for the current folder.
fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// A temporary file in the folder of the final one: a rename is atomic only within a file system.
fn temporary(
    folder: &Path,
    builder: &mut tempfile::Builder<'_, '_>,
) -> Result<NamedTempFile, FileError> {
    builder
        .prefix(".tmp-")
        .tempfile_in(folder)
        .map_err(FileError::at("write into", folder))
}

fn filled(mut temp: NamedTempFile, path: &Path, bytes: &[u8]) -> Result<NamedTempFile, FileError> {
    temp.write_all(bytes)
        .map_err(FileError::at("write", path))?;
    // Before the rename: a name may become durable before the contents, and a crash would leave an empty file.
    temp.as_file()
        .sync_all()
        .map_err(FileError::at("sync", path))?;
    Ok(temp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_whole(&path, b"first").unwrap();
        write_whole_unsynced(&path, b"second").unwrap();
        assert_eq!(read_whole(&path).unwrap(), b"second");
        let refused = create_whole(&path, b"third").unwrap_err();
        assert_eq!(refused.source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read_whole(&path).unwrap(), b"second");
        // No temporary file stays behind, the refused one included.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = write_whole(&folder.path().join("none/file"), b"x").unwrap_err();
        assert!(
            missing.to_string().starts_with("cannot write into "),
            "{missing}"
        );
    }

    /// Without the test's own end of it, opening a pipe waits for ever.
    #[test]
    #[cfg(unix)]
    fn pipes_and_devices_are_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        for path in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
            let refused = read_whole(path).unwrap_err().to_string();
            assert!(refused.contains("not a plain file"), "{refused}");
        }
        let file = folder.path().join("file");
        fs::write(&file, "12345").unwrap();
        assert_eq!(read_plain(&file, 3).unwrap(), b"123");
    }

    #[test]
    #[cfg(unix)]
    fn a_secret_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_secret(&path, b"seed").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(create_secret(&path, b"other").is_err());
    }
}
