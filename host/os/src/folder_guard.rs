//! Who owns a folder and who can write into it. It must never know what the folder is for.

use std::path::Path;

use cap_std::fs::{Metadata, MetadataExt as _};
use rustix::fs::Mode;

use crate::file_path::{self, AsFilePath};
use crate::files::FileError;

/// The superuser: what belongs to root can be changed by root only, who can change everything in any case.
const ROOT: u32 = 0;
/// The mode bits of everybody but the owner.
const OTHERS: u32 = 0o077;
/// The mode bit that lets every user write.
const WORLD_WRITABLE: u32 = 0o002;
/// The mode bit that lets the group write.
const GROUP_WRITABLE: u32 = 0o020;

/// Why a folder is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} is not a folder, or is a link; give a folder")]
    NotFolder { path: String },
    #[error(
        "{path} belongs to user {owner}, and this process runs as user {user}; give a folder of user {user}"
    )]
    Owner { path: String, owner: u32, user: u32 },
    #[error("{path} is open to other users (mode {mode:o}); run: chmod {fix} {path}")]
    Open {
        path: String,
        mode: u32,
        /// The argument of `chmod` that closes it.
        fix: &'static str,
    },
}

/// Who besides its owner may write into a folder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FolderWriters {
    /// Nobody.
    Owner,
    /// The group with this number.
    Group(u32),
}

/// Makes sure that no file or folder that this process makes from now on can be written by another user. To be called
/// before there is a second thread.
pub fn close_new_files() {
    // The mask can only be read by setting it.
    let mask = rustix::process::umask(Mode::empty());
    rustix::process::umask(mask | Mode::WOTH | Mode::WGRP);
}

/// Lets the group write files and folders that are made from now on. To be called before there is a second thread.
pub fn let_group_write() {
    let mask = rustix::process::umask(Mode::empty());
    rustix::process::umask(mask.difference(Mode::WGRP));
}

/// Makes a folder that its owner alone can enter, or checks that an existing one is such a folder.
///
/// # Errors
///
/// Returns [`FolderError`] if it cannot be made, is a link, belongs to another user, or is open to others.
pub fn private_folder(path: &Path) -> Result<(), FolderError> {
    let found = make(path, 0o700)?;
    check_owner(path, &found)?;
    check_mode(path, &found, OTHERS, "go-rwx")
}

/// Makes a folder with a mode of its own, where it is missing.
///
/// # Errors
///
/// Returns [`FolderError`] if it cannot be made.
pub fn made_folder(path: &(impl AsFilePath + ?Sized), mode: u32) -> Result<(), FolderError> {
    make(path, mode).map(drop)
}

/// Makes a folder, or checks of an existing one that nobody but its owner and `writers` can change what is in it.
///
/// # Errors
///
/// Returns [`FolderError`] if it cannot be made, belongs to another user, or lets others write.
pub fn guarded_folder(
    path: &(impl AsFilePath + ?Sized),
    writers: FolderWriters,
) -> Result<(), FolderError> {
    make(path, 0o755)?;
    // The folder that a link leads to: an operator may name a folder on another disk by a link of their own. Of a
    // folder that is opened once it is the opened one: what is checked is what is used.
    let found = file_path::metadata(path).map_err(FileError::at("read", path))?;
    let path = path.whole();
    check_owner(path, &found)?;
    check_mode(path, &found, WORLD_WRITABLE, "o-w")?;
    match writers {
        FolderWriters::Group(group) if group == found.gid() => Ok(()),
        FolderWriters::Owner | FolderWriters::Group(_) => {
            check_mode(path, &found, GROUP_WRITABLE, "g-w")
        }
    }
}

/// The folder's own metadata, made first where it is missing; a link's is the link's.
fn make(path: &(impl AsFilePath + ?Sized), mode: u32) -> Result<Metadata, FolderError> {
    // The mode is set as the folder is made: set later, there would be a moment in which others could enter.
    file_path::make_folder(path, mode).map_err(FileError::at("create folder", path))?;
    let found = file_path::link_metadata(path).map_err(FileError::at("read", path))?;
    Ok(found)
}

/// Checks that a file or folder belongs to this process's user or to root.
fn check_owner(path: &Path, found: &Metadata) -> Result<(), FolderError> {
    let user = rustix::process::geteuid().as_raw();
    let owner = found.uid();
    if owner == user || owner == ROOT {
        return Ok(());
    }
    // Their owner can write into it at any time, whatever its mode says now.
    let path = path.display().to_string();
    Err(FolderError::Owner { path, owner, user })
}

fn check_mode(
    path: &Path,
    found: &Metadata,
    closed: u32,
    fix: &'static str,
) -> Result<(), FolderError> {
    let path = || path.display().to_string();
    if !found.is_dir() {
        return Err(FolderError::NotFolder { path: path() });
    }
    let mode = found.mode() & 0o7777;
    if mode & closed == 0 {
        return Ok(());
    }
    Err(FolderError::Open {
        path: path(),
        mode,
        fix,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_private_folder_is_its_owners_alone() {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("new/cache");
        private_folder(&folder).unwrap();
        let mode = fs::metadata(&folder).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        private_folder(&folder).unwrap();
        for open in [0o701, 0o710, 0o750, 0o777, 0o1777] {
            chmod(&folder, open);
            let refused = private_folder(&folder).unwrap_err().to_string();
            assert!(refused.contains("chmod go-rwx"), "{open:o}: {refused}");
        }
        chmod(&folder, 0o700);
        // Whoever may replace a link chooses the folder.
        let link = around.path().join("link");
        symlink(&folder, &link).unwrap();
        assert!(private_folder(&link).is_err());
    }

    #[test]
    fn a_guarded_folder_is_written_by_its_owner_and_the_named_group() {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("data");
        guarded_folder(&folder, FolderWriters::Owner).unwrap();
        let group = fs::metadata(&folder).unwrap().gid();
        let named = FolderWriters::Group(group);
        let other = FolderWriters::Group(group.wrapping_add(1));
        let table = [
            (0o755, FolderWriters::Owner, true),
            (0o775, FolderWriters::Owner, false),
            (0o775, other, false),
            (0o775, named, true),
            (0o777, named, false),
            (0o757, FolderWriters::Owner, false),
            (0o1777, named, false),
        ];
        for (mode, writers, taken) in table {
            chmod(&folder, mode);
            let found = guarded_folder(&folder, writers);
            assert_eq!(found.is_ok(), taken, "{mode:o} {writers:?}: {found:?}");
        }
    }
}
