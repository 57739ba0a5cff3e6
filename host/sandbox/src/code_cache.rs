//! Compiled code kept between calls, in a folder that no other user can enter. Whoever could put a file there would
//! choose the machine code that this process runs: each entry is named and authenticated under a secret of this
//! user, and what does not match is deleted and compiled again. It must never be in a folder that is copied with data.
//!
//! ```text
//! CACHE/key                    the secret, 64 hex digits
//! CACHE/<64 hex digits>/code/  the code of one component for one engine and one program, in wasmtime's form
//! CACHE/<64 hex digits>/mac    the HMAC of its name and files
//! ```

mod entry;

use core::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use counterfoil_base::digest::Digest;
use counterfoil_base::keyed_hash::keyed_hash;
use counterfoil_os::files::{self, FileError, MetadataExt as _};
use counterfoil_os::folder_guard::{FolderError, private_folder};
use counterfoil_os::lock::FileLock;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use self::entry::read_code_files;

/// The secret's file.
const KEY_FILE: &str = "key";
/// The file whose lock is held while entries change place.
const LOCK_FILE: &str = "lock";
/// The file that authenticates an entry's code.
const MAC_FILE: &str = "mac";
/// The folder of an entry's code.
const CODE_FOLDER: &str = "code";
/// The beginning of the name of a folder in which code is being compiled.
const WORK_PREFIX: &str = ".new-";
/// Entries kept; the one that was not used for longest goes first.
const ENTRIES_MAX: usize = 256;
/// Bytes of all entries kept: one of an interpreter has tens of megabytes, and a sweep of them would fill a disk.
const BYTES_MAX: u64 = 2 << 30;
/// Folders inside each other in an entry, of which bytes are counted.
const DEPTH_MAX: usize = 5;
/// What the MACs of this layout begin with: another layout's never match.
const LAYOUT: &[u8] = b"counterfoil/code-cache/1\n";

/// Why compiled code could not be kept or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodeCacheError {
    #[error("cannot use the folder of compiled code")]
    Folder(#[from] FolderError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} does not hold 64 hex digits; delete it: compiled code is made again")]
    Key { path: String },
    #[error("the operating system gave no random bytes for a new key: {reason}")]
    Random { reason: String },
    #[error("no compiled code was left in {path}: is its disk full?")]
    NothingKept { path: String },
}

/// The compiled code of one user, for one program.
#[derive(Clone, Eq, PartialEq)]
pub struct CodeCache {
    root: PathBuf,
    key: [u8; 32],
    program: Digest,
}

impl fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeCache")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl CodeCache {
    /// The cache in `root`, made if it is missing, for the program with this digest.
    ///
    /// # Errors
    ///
    /// Returns [`CodeCacheError`] if the folder belongs to another user or is open to others, or its secret cannot be
    /// read or made.
    pub fn open(root: &Path, program: Digest) -> Result<Self, CodeCacheError> {
        private_folder(root)?;
        let key = read_or_make_key(&root.join(KEY_FILE))?;
        Ok(Self {
            root: root.to_path_buf(),
            key,
            program,
        })
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The checked code of a component for an engine of this code digest; made by `compile` in the folder it is given, if there is none.
    ///
    /// # Errors
    ///
    /// Returns what `compile` returned, or [`CodeCacheError`] as `E` if the code cannot be kept.
    pub(crate) fn code_of<E: From<CodeCacheError>>(
        &self,
        component: &Digest,
        engine: &Digest,
        compile: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        let name = self.name_of(component, engine);
        let entry = self.root.join(&name);
        let code = entry.join(CODE_FOLDER);
        if self.is_authentic(&entry, &name) {
            // Best effort: an entry that cannot be marked as used is only made again sooner.
            let _best_effort = files::touch(&entry);
            return Ok(code);
        }
        self.prepare(&entry, &name)?;
        // Compiled beside its place: a name in this cache is a whole entry, whenever the process ends.
        let work = tempfile::Builder::new()
            .prefix(WORK_PREFIX)
            .tempdir_in(&self.root)
            .map_err(FileError::at("write into", &self.root))
            .map_err(CodeCacheError::from)?;
        // In a folder of its own: wasmtime deletes what it does not know beside its files.
        let made = work.path().join(CODE_FOLDER);
        files::make_folder(&made).map_err(CodeCacheError::from)?;
        compile(&made)?;
        self.authenticate(work.path(), &name)?;
        let _lock = self.lock()?;
        // Another process was faster, and its code is as good. It may be open there: it is not replaced.
        if !self.is_authentic(&entry, &name) {
            remove(&entry)?;
            fs::rename(work.path(), &entry)
                .map_err(FileError::at("rename to", &entry))
                .map_err(CodeCacheError::from)?;
        }
        Ok(code)
    }

    /// Makes room for an entry that is missing or not authentic: cut by a crash, damaged, or put there by somebody
    /// else. Nothing of it was opened.
    fn prepare(&self, entry: &Path, name: &str) -> Result<(), CodeCacheError> {
        let _lock = self.lock()?;
        // Looked at once more: another process may have put it right since.
        if !self.is_authentic(entry, name) {
            remove(entry)?;
        }
        self.make_room()
    }

    /// Held while entries are removed and renamed, and never while a component is compiled.
    fn lock(&self) -> Result<FileLock, CodeCacheError> {
        Ok(FileLock::wait_for(&self.root.join(LOCK_FILE))?)
    }

    /// An entry's name tells whoever reads the folder nothing about which components its user runs.
    fn name_of(&self, component: &Digest, engine: &Digest) -> String {
        let mut mac = keyed_hash(&self.key);
        mac.update(LAYOUT);
        for digest in [component, engine, &self.program] {
            mac.update(digest.bytes());
        }
        hex::encode(mac.finalize().into_bytes())
    }

    /// Whether an entry holds exactly what this user's program wrote there.
    fn is_authentic(&self, entry: &Path, name: &str) -> bool {
        let stated = fs::read(entry.join(MAC_FILE)).unwrap_or_default();
        let mut mac = [0; 32];
        hex::decode_to_slice(stated.trim_ascii(), &mut mac).is_ok()
            && self.mac_of(entry, name).is_ok_and(|computed| {
                computed.is_some_and(|found| found.verify_slice(&mac).is_ok())
            })
    }

    fn authenticate(&self, work: &Path, name: &str) -> Result<(), CodeCacheError> {
        let Some(mac) = self.mac_of(work, name)? else {
            // wasmtime reports a file that it could not write nowhere.
            let path = self.root.display().to_string();
            return Err(CodeCacheError::NothingKept { path });
        };
        let text = hex::encode(mac.finalize().into_bytes());
        Ok(files::create_whole(&work.join(MAC_FILE), text.as_bytes())?)
    }

    /// The MAC of an entry's name and code files; `None` if there are none, or more than one component makes.
    fn mac_of(&self, entry: &Path, name: &str) -> Result<Option<Hmac<Sha256>>, CodeCacheError> {
        let Some(code) = read_code_files(&entry.join(CODE_FOLDER))? else {
            return Ok(None);
        };
        let mut mac = keyed_hash(&self.key);
        mac.update(LAYOUT);
        // The name too: an entry that is moved is another component's code.
        mac.update(name.as_bytes());
        for (path, bytes) in &code {
            for part in [path.as_bytes(), bytes] {
                // With its length, so that no byte can move from one file, or its name, to the next.
                let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
                mac.update(&length.to_be_bytes());
                mac.update(part);
            }
        }
        Ok(Some(mac))
    }

    /// Removes what was not used for longest until there is room for one more; folders that a killed process left are
    /// among them.
    fn make_room(&self) -> Result<(), CodeCacheError> {
        let mut made = Vec::new();
        let folder = fs::read_dir(&self.root).map_err(FileError::at("read folder", &self.root))?;
        for found in folder {
            let found = found.map_err(FileError::at("read folder", &self.root))?;
            let name = found.file_name().to_string_lossy().into_owned();
            // Nothing else is removed: the folder may hold what is not this cache's.
            if !name.starts_with(WORK_PREFIX) && Digest::from_hex(&name).is_none() {
                continue;
            }
            let time = found.metadata().and_then(|metadata| metadata.modified());
            made.push(KeptCode {
                used: time.ok(),
                bytes: bytes_in(&found.path(), DEPTH_MAX)?,
                path: found.path(),
            });
        }
        surplus(made).iter().try_for_each(|path| remove(path))
    }
}

/// An entry as its folder shows it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct KeptCode {
    used: Option<SystemTime>,
    bytes: u64,
    path: PathBuf,
}

/// The entries that leave no room for one more, the one that was not used for longest first.
fn surplus(mut made: Vec<KeptCode>) -> Vec<PathBuf> {
    made.sort();
    let mut count = made.len();
    let mut bytes = made
        .iter()
        .fold(0_u64, |sum, one| sum.saturating_add(one.bytes));
    let mut gone = Vec::new();
    for one in made {
        if count < ENTRIES_MAX && bytes < BYTES_MAX {
            break;
        }
        count = count.saturating_sub(1);
        bytes = bytes.saturating_sub(one.bytes);
        gone.push(one.path);
    }
    gone
}

/// The bytes of the files below a path. What another process removes meanwhile counts nothing.
fn bytes_in(path: &Path, depth: usize) -> Result<u64, FileError> {
    let Some(found) = files::own_facts_of(path)? else {
        return Ok(0);
    };
    if !found.is_dir() || depth == 0 {
        return Ok(found.len());
    }
    let mut sum = 0_u64;
    for name in files::names_in(path).unwrap_or_default() {
        sum = sum.saturating_add(bytes_in(&path.join(name), depth.saturating_sub(1))?);
    }
    Ok(sum)
}

/// Whether a folder holds the code of one component.
pub(crate) fn has_code(folder: &Path) -> Result<bool, CodeCacheError> {
    Ok(read_code_files(folder)?.is_some())
}

/// Removes an entry, or whatever else has its name; a link itself and not what it leads to.
fn remove(path: &Path) -> Result<(), CodeCacheError> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let removed = if found.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    // Two processes may remove the same entry.
    match removed {
        Err(_) if path.exists() => removed.map_err(FileError::at("remove", path))?,
        _ => {}
    }
    Ok(())
}

fn read_or_make_key(path: &Path) -> Result<[u8; 32], CodeCacheError> {
    if let Some(found) = files::own_facts_of(path)?
        && (!found.is_file() || found.mode() & 0o077 != 0)
    {
        // Whoever could read it could have made code that this user runs. With a new one no earlier entry fits, and
        // all code is compiled again.
        files::remove_tree(path)?;
    }
    if !path.exists() {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| CodeCacheError::Random {
            reason: error.to_string(),
        })?;
        // Of two first calls at once one finds the other's, whole.
        if let Err(error) = files::create_secret(path, hex::encode(key).as_bytes())
            && !path.exists()
        {
            return Err(error.into());
        }
    }
    let mut key = [0; 32];
    let text = files::read_whole(path)?;
    hex::decode_to_slice(text.trim_ascii(), &mut key).map_err(|_| CodeCacheError::Key {
        path: path.display().to_string(),
    })?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let kept = |used: u64, bytes: u64| KeptCode {
            used: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(used)),
            bytes,
            path: PathBuf::from(used.to_string()),
        };
        let gone = |made| surplus(made).len();
        assert_eq!(gone((1..256).map(|used| kept(used, 1)).collect()), 0);
        assert_eq!(gone((0..256).map(|used| kept(used, 1)).collect()), 1);
        let half = BYTES_MAX / 2;
        let full = vec![kept(3, 1), kept(1, half), kept(2, half)];
        assert_eq!(surplus(full), [PathBuf::from("1")]);
        assert_eq!(gone(vec![kept(1, BYTES_MAX + 1), kept(2, BYTES_MAX)]), 2);
    }

    /// It was read whatever its mode: code that another user had signed with it would have run.
    #[test]
    fn a_secret_that_others_can_read_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("code");
        let secret = |cache: CodeCache| cache.key;
        let first = secret(CodeCache::open(&root, Digest::of(b"program")).unwrap());
        let path = root.join(KEY_FILE);
        for mode in [0o644, 0o640, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let next = secret(CodeCache::open(&root, Digest::of(b"program")).unwrap());
            assert_ne!(next, first, "mode {mode:o}");
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let again = secret(CodeCache::open(&root, Digest::of(b"program")).unwrap());
            assert_eq!(again, next);
        }
    }
}
