//! Files that are whole or absent, and durable folders. It must never know what a file holds.

use core::sync::atomic::{AtomicU64, Ordering};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};

pub use cap_std::fs::{Metadata, MetadataExt};

use crate::file_path::{self, AsFilePath};

/// Names that are tried for a temporary file: those of processes that died stay behind.
const NAMES_TRIED_MAX: u32 = 10_000;

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
    pub fn at<'a>(
        action: &'static str,
        path: &'a (impl AsFilePath + ?Sized),
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self {
            action,
            path: path.whole().display().to_string(),
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
pub fn write_whole(path: &(impl AsFilePath + ?Sized), bytes: &[u8]) -> Result<(), FileError> {
    let temp = TempEntry::beside(path)?.filled(path, bytes)?;
    // Without the folder's sync, the rename itself may be lost in a crash, after the caller reported success.
    sync(&temp.replace(path)?, path)
}

/// Writes a whole file that can be made again, in place of an older one: atomic, but not durable.
///
/// # Errors
///
/// Returns [`FileError`] if a step fails; the old file is still there.
pub fn write_whole_unsynced(
    path: &(impl AsFilePath + ?Sized),
    bytes: &[u8],
) -> Result<(), FileError> {
    let mut temp = TempEntry::beside(path)?;
    temp.file
        .write_all(bytes)
        .map_err(FileError::at("write", path))?;
    temp.replace(path).map(drop)
}

/// Writes a whole file that must not exist yet. A crash leaves the whole file or none.
///
/// # Errors
///
/// Returns [`FileError`] if the file exists or a step fails.
pub fn create_whole(path: &(impl AsFilePath + ?Sized), bytes: &[u8]) -> Result<(), FileError> {
    let temp = TempEntry::beside(path)?.filled(path, bytes)?;
    // Two processes that create the same file both write their own, and the second one's name is taken: a look at
    // the path beforehand would let the later one replace the earlier.
    sync(&temp.place_new(path)?, path)
}

/// Writes a whole file that must not exist yet and that only its owner may read, from its first byte.
///
/// # Errors
///
/// Returns [`FileError`] if the file exists or a step fails.
pub fn create_secret(path: &(impl AsFilePath + ?Sized), bytes: &[u8]) -> Result<(), FileError> {
    // Every new file begins with a mode that opens it to its owner alone: a mode set after the write would leave a
    // moment in which another user can open it.
    create_whole(path, bytes)
}

/// Makes a folder and those above it.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be made.
pub fn make_folder(path: &(impl AsFilePath + ?Sized)) -> Result<(), FileError> {
    file_path::make_folder(path, 0o777).map_err(FileError::at("create folder", path))
}

/// Makes a folder that must not exist yet, in one that does. Of two processes that make it at once, one fails.
///
/// # Errors
///
/// Returns [`FileError`] if it exists or cannot be made.
pub fn create_folder(path: &(impl AsFilePath + ?Sized)) -> Result<(), FileError> {
    let made = file_path::open_parent(path).and_then(|(folder, name)| folder.create_dir(name));
    made.map_err(FileError::at("create folder", path))
}

/// Makes the names in a folder durable.
///
/// # Errors
///
/// Returns [`FileError`] if the folder cannot be opened or synced.
pub fn sync_folder(path: &(impl AsFilePath + ?Sized)) -> Result<(), FileError> {
    file_path::open_folder(path)
        .and_then(|folder| sync_names(&folder))
        .map_err(FileError::at("sync folder", path))
}

/// The names in a folder, sorted.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be read.
pub fn names_in(path: &(impl AsFilePath + ?Sized)) -> Result<Vec<String>, FileError> {
    let at = || FileError::at("read folder", path);
    let folder = file_path::open_folder(path).map_err(at())?;
    let mut names = Vec::new();
    for entry in folder.entries().map_err(at())? {
        let entry = entry.map_err(at())?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// What is at a path, behind its links; `None` if there is nothing.
///
/// # Errors
///
/// Returns [`FileError`] if that is unknown.
pub fn facts_of(path: &(impl AsFilePath + ?Sized)) -> Result<Option<Metadata>, FileError> {
    known(file_path::metadata(path)).map_err(FileError::at("read", path))
}

/// What is at a path, of a link the link itself; `None` if there is nothing.
///
/// # Errors
///
/// Returns [`FileError`] if that is unknown.
pub fn own_facts_of(path: &(impl AsFilePath + ?Sized)) -> Result<Option<Metadata>, FileError> {
    known(file_path::link_metadata(path)).map_err(FileError::at("read", path))
}

/// When a file was last written; `None` where the file system does not know.
#[must_use]
pub fn modified(found: &Metadata) -> Option<std::time::SystemTime> {
    found
        .modified()
        .ok()
        .map(cap_std::time::SystemTime::into_std)
}

/// Marks a file or folder as changed now.
///
/// # Errors
///
/// Returns [`FileError`] if it is not this user's, or is gone.
pub fn touch(path: &(impl AsFilePath + ?Sized)) -> Result<(), FileError> {
    let now = rustix::fs::Timespec {
        tv_sec: 0,
        tv_nsec: rustix::fs::UTIME_NOW,
    };
    let times = rustix::fs::Timestamps {
        last_access: now,
        last_modification: now,
    };
    let changed = file_path::open_parent(path).and_then(|(folder, name)| {
        // Of a link the link's own: nothing outside is marked.
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        Ok(rustix::fs::utimensat(folder, name, &times, flags)?)
    });
    changed.map_err(FileError::at("mark", path))
}

/// Whether there is a folder at a path.
///
/// # Errors
///
/// Returns [`FileError`] if that is unknown.
pub fn is_folder(path: &(impl AsFilePath + ?Sized)) -> Result<bool, FileError> {
    Ok(facts_of(path)?.is_some_and(|found| found.is_dir()))
}

/// Whether there is anything at a path.
///
/// # Errors
///
/// Returns [`FileError`] if that is unknown.
pub fn is_there(path: &(impl AsFilePath + ?Sized)) -> Result<bool, FileError> {
    Ok(facts_of(path)?.is_some())
}

/// Moves a file or folder, in place of an older one. A link is moved, and not what it leads to.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be moved.
pub fn rename(
    from: &(impl AsFilePath + ?Sized),
    to: &(impl AsFilePath + ?Sized),
) -> Result<(), FileError> {
    let moved = file_path::open_parent(from).and_then(|(folder, name)| {
        let (target, new_name) = file_path::open_parent(to)?;
        folder.rename(name, &target, new_name)
    });
    moved.map_err(FileError::at("move", from))
}

/// Removes a file, or a link; false if there is none.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be removed.
pub fn remove_file(path: &(impl AsFilePath + ?Sized)) -> Result<bool, FileError> {
    let removed = file_path::open_parent(path).and_then(|(folder, name)| folder.remove_file(name));
    removed_or_gone(removed).map_err(FileError::at("remove", path))
}

/// Removes a folder and everything in it, or a file in its place; false if there is none. Links are removed, and not
/// what they lead to.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be removed.
pub fn remove_tree(path: &(impl AsFilePath + ?Sized)) -> Result<bool, FileError> {
    let removed = file_path::open_parent(path).and_then(|(folder, name)| {
        if folder.symlink_metadata(&name)?.is_dir() {
            folder.remove_dir_all(name)
        } else {
            folder.remove_file(name)
        }
    });
    removed_or_gone(removed).map_err(FileError::at("remove", path))
}

/// Removes a folder that is empty.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be removed.
pub fn remove_folder(path: &(impl AsFilePath + ?Sized)) -> Result<(), FileError> {
    let removed = file_path::open_parent(path).and_then(|(folder, name)| folder.remove_dir(name));
    removed.map_err(FileError::at("remove", path))
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
pub fn read_whole(path: &(impl AsFilePath + ?Sized)) -> Result<Vec<u8>, FileError> {
    read_plain(path, u64::MAX)
}

/// Reads a whole file, or as much as `bytes_max` of it.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be read, or is a pipe or device.
pub fn read_plain(path: &(impl AsFilePath + ?Sized), bytes_max: u64) -> Result<Vec<u8>, FileError> {
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
pub fn open_plain(path: &(impl AsFilePath + ?Sized)) -> Result<File, FileError> {
    let at = || FileError::at("open", path);
    // Looked at before it is opened: opening some devices does something already.
    if !file_path::metadata(path).map_err(at())?.is_file() {
        return Err(at()(not_plain()));
    }
    // Without waiting: a pipe may have been put in the file's place since then.
    open_checked(path, OpenOptions::new().read(true))
}

/// Opens a plain file to read it, and to append to it.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be opened, or is a pipe or device.
pub fn open_append(path: &(impl AsFilePath + ?Sized)) -> Result<File, FileError> {
    // The kernel writes at the end of the file, whatever position this process last read.
    open_checked(path, OpenOptions::new().read(true).append(true))
}

/// Makes a file that must not exist yet, to append to it.
///
/// # Errors
///
/// Returns [`FileError`] if it exists or cannot be made.
pub fn create_append(path: &(impl AsFilePath + ?Sized)) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    file_path::open(path, options.append(true).create_new(true))
        .map_err(FileError::at("create", path))
}

/// Opens a plain file to write it from its beginning, made if it is missing.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be opened, or is a pipe or device.
pub fn open_emptied(path: &(impl AsFilePath + ?Sized)) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    open_checked(path, options.write(true).create(true).truncate(true))
}

/// Opens a file to write, made if it is missing; its bytes are left as they are.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be opened, or is a pipe or device.
pub fn open_or_make(path: &(impl AsFilePath + ?Sized)) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    open_checked(path, options.write(true).create(true).truncate(false))
}

/// A file without a name in this folder, gone with the process.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be made.
pub fn unnamed_in(folder: &(impl AsFilePath + ?Sized)) -> Result<File, FileError> {
    let opened = file_path::open_folder(folder);
    let temp = opened.and_then(TempEntry::new);
    let temp = temp.map_err(FileError::at("write into", folder))?;
    // Its name goes when the entry is dropped; the open file stays.
    temp.file
        .try_clone()
        .map_err(FileError::at("write into", folder))
}

fn open_checked(
    path: &(impl AsFilePath + ?Sized),
    options: &mut OpenOptions,
) -> Result<File, FileError> {
    let at = || FileError::at("open", path);
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    // As wide as the kernel's own default, in which the process's mask then closes what it must.
    options.custom_flags(flags.cast_signed());
    let file = file_path::open(path, options).map_err(at())?;
    if file.metadata().map_err(at())?.is_file() {
        return Ok(file);
    }
    Err(at()(not_plain()))
}

fn not_plain() -> io::Error {
    io::Error::other("not a plain file; copy what it gives into one")
}

fn known(found: io::Result<Metadata>) -> io::Result<Option<Metadata>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn removed_or_gone(removed: io::Result<()>) -> io::Result<bool> {
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn sync(folder: &Dir, path: &(impl AsFilePath + ?Sized)) -> Result<(), FileError> {
    let folder_path = path.whole().parent().unwrap_or(Path::new("."));
    sync_names(folder).map_err(FileError::at("sync folder", folder_path))
}

fn sync_names(folder: &Dir) -> io::Result<()> {
    // Opened once more to read: the handle itself leads to files and does nothing else.
    folder.open(".")?.sync_all()
}

/// A temporary file in the folder of the final one: a rename is atomic only within a file system. Removed when dropped.
struct TempEntry {
    folder: Dir,
    name: String,
    file: File,
    is_placed: bool,
}

impl TempEntry {
    fn beside(path: &(impl AsFilePath + ?Sized)) -> Result<Self, FileError> {
        let folder = path.whole().parent().unwrap_or(Path::new("."));
        file_path::open_parent(path)
            .and_then(|(folder, _)| Self::new(folder))
            .map_err(FileError::at("write into", folder))
    }

    fn new(folder: Dir) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);

        let mut options = OpenOptions::new();
        // New, so that neither a link nor another process's file is written; open to its owner alone.
        options.read(true).write(true).create_new(true).mode(0o600);
        for _ in 0..NAMES_TRIED_MAX {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!(".tmp-{}-{number}", std::process::id());
            match folder.open_with(&name, &options) {
                Ok(file) => {
                    return Ok(Self {
                        folder,
                        name,
                        file: file.into_std(),
                        is_placed: false,
                    });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        let why = "too many temporary files; remove those whose names begin with .tmp-";
        Err(io::Error::new(ErrorKind::AlreadyExists, why))
    }

    fn filled(
        mut self,
        path: &(impl AsFilePath + ?Sized),
        bytes: &[u8],
    ) -> Result<Self, FileError> {
        self.file
            .write_all(bytes)
            .map_err(FileError::at("write", path))?;
        // Before the rename: a name may become durable before the contents, and a crash would leave an empty file.
        self.file.sync_all().map_err(FileError::at("sync", path))?;
        Ok(self)
    }

    /// Gives the file its name in place of an older one; a link of that name is replaced, not followed.
    fn replace(mut self, path: &(impl AsFilePath + ?Sized)) -> Result<Dir, FileError> {
        let at = || FileError::at("rename to", path);
        let folder = self.folder.try_clone().map_err(at())?;
        folder
            .rename(&self.name, &folder, name_of(path).map_err(at())?)
            .map_err(at())?;
        self.is_placed = true;
        Ok(folder)
    }

    /// Gives the file its name, which must be free.
    fn place_new(mut self, path: &(impl AsFilePath + ?Sized)) -> Result<Dir, FileError> {
        let at = || FileError::at("create", path);
        let folder = self.folder.try_clone().map_err(at())?;
        let name = name_of(path).map_err(at())?;
        if rename_to_free(&folder, &self.name, name).map_err(at())? {
            self.is_placed = true;
        } else {
            // A second name, which must be free as well; the first goes with the entry.
            folder.hard_link(&self.name, &folder, name).map_err(at())?;
        }
        Ok(folder)
    }
}

impl Drop for TempEntry {
    fn drop(&mut self) {
        if !self.is_placed {
            // A name that stays is skipped by the next file.
            let _best_effort = self.folder.remove_file(&self.name);
        }
    }
}

/// Renames a file unless the new name is taken; false where system or file system cannot.
fn rename_to_free(folder: &Dir, from: &str, to: &std::ffi::OsStr) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{RenameFlags, renameat_with};
        use rustix::io::Errno;

        match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _no_such_call = (folder, from, to);
        Ok(false)
    }
}

fn name_of(path: &(impl AsFilePath + ?Sized)) -> io::Result<&std::ffi::OsStr> {
    let name = path.whole().file_name();
    name.ok_or_else(|| ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::Mode;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_whole(&path, b"first").unwrap();
        write_whole_unsynced(&path, b"second").unwrap();
        assert_eq!(read_whole(&path).unwrap(), b"second");
        let refused = create_whole(&path, b"third").unwrap_err();
        assert_eq!(refused.source.kind(), ErrorKind::AlreadyExists);
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
