//! How much of a ledger was seen here, kept beside the keys, and by a server in the data too: a shorter or another ledger
//! is refused. It must never replace the verification of a ledger.

use std::path::PathBuf;

use crate::seen_place::{SEEN_FOLDER, make_folder_of, seen_path};
use counterfoil_base::digest::Digest;
use counterfoil_governance::ledger::{LedgerMark, PrefixDigests};
use counterfoil_journal::hash::Hash;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{FileError, facts_of, open_plain, read_plain, unnamed_in, write_whole};
use counterfoil_os::lock::FileLock;
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::store::keys::KeyDir;
use serde::{Deserialize, Serialize};

/// Bytes of the file: it holds four values.
const FILE_BYTES_MAX: u64 = 4_096;

/// Why a ledger is not the one that was seen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerSeenError {
    /// Records that were seen are gone, or others are in their place.
    #[error(
        "the ledger does not begin with the {size} records that were seen here (root {root}): an older copy would \
         revive keys that were revoked since; restore the newer ledger, or delete {} to accept this one", path.display()
    )]
    Other {
        size: u64,
        root: String,
        path: PathBuf,
    },
    /// What was seen cannot be read or kept.
    #[error(
        "cannot read or write {}, which holds how much of the ledger was seen here: {reason}; repair the file, or \
         delete it to accept the ledger as it is", path.display()
    )]
    File { path: PathBuf, reason: String },
}

/// What was seen: the records, their root, and the bytes that hold them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct SeenFile {
    size: u64,
    root: String,
    length: u64,
    bytes: String,
}

impl SeenFile {
    fn mark(&self) -> Option<LedgerMark> {
        Some(LedgerMark {
            size: self.size,
            root: Hash(Digest::from_hex(&self.root)?.0),
            length: self.length,
            bytes: Digest::from_hex(&self.bytes)?,
        })
    }
}

/// The file with what was seen of one ledger.
#[derive(Clone, Debug)]
pub struct LedgerSeen {
    path: FilePath,
    /// Whether it is kept only where the file can be written.
    is_optional: bool,
}

impl LedgerSeen {
    /// The file at `path`.
    #[must_use]
    pub const fn new(path: FilePath) -> Self {
        Self {
            path,
            is_optional: false,
        }
    }

    /// The file in the key folder about the ledger of a data directory; `None` for whoever does not hold the log's key, as
    /// an auditor. An older copy of the whole data directory does not take it back.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerSeenError`] if the folders cannot be read.
    pub fn beside_keys(keys: &KeyDir, data: &DataDir) -> Result<Option<Self>, LedgerSeenError> {
        let path = seen_path(keys, data, "ledger", "json");
        let path = path.map_err(|error| LedgerSeenError::File {
            path: keys.path().join(SEEN_FOLDER).path().to_path_buf(),
            reason: error.to_string(),
        })?;
        // A service may have a key folder that it cannot write.
        let is_optional = true;
        Ok(path.map(|path| Self { path, is_optional }))
    }

    /// What was seen before. Looked at in front of the ledger, which only grows: what another process appends and keeps
    /// in between is no difference.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerSeenError`] if the file is no such file.
    pub fn look(&self) -> Result<SeenBefore, LedgerSeenError> {
        let mark = self.read()?;
        let seen = self.clone();
        Ok(SeenBefore { mark, seen })
    }

    /// Keeps what was seen, durably, if it is more than before.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerSeenError`] if the file cannot be written, or is no such file.
    pub fn keep(&self, mark: &LedgerMark) -> Result<(), LedgerSeenError> {
        let seen = SeenFile {
            size: mark.size,
            root: hex::encode(mark.root.0),
            length: mark.length,
            bytes: mark.bytes.hex(),
        };
        let text = serde_json::to_vec(&seen).map_err(|error| self.file(&error))?;
        match self.write(mark.size, &text) {
            // No command fails for what it could not note, on a full disk or in a folder that it may not write.
            Err(LedgerSeenError::File { .. }) if self.is_optional => Ok(()),
            written => written,
        }
    }

    /// Whether what is seen can be kept. Nothing is left behind.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerSeenError`] if the folder is missing or cannot be written.
    pub fn can_keep(&self) -> Result<(), LedgerSeenError> {
        let folder = self.path.parent();
        let tried = folder.map_or(Ok(()), |folder| unnamed_in(&folder).map(drop));
        tried.map_err(|error| self.file(&error.source))
    }

    fn write(&self, size: u64, text: &[u8]) -> Result<(), LedgerSeenError> {
        let failed = |error: FileError| self.file(&error.source);
        make_folder_of(&self.path).map_err(failed)?;
        // One at a time: of two processes the slower would otherwise take back what the other has seen.
        let _alone = FileLock::wait_for(&self.path.with_extension("lock")).map_err(failed)?;
        if self.read()?.is_some_and(|before| before.size >= size) {
            return Ok(());
        }
        // Whole or not at all: after a crash in the middle the earlier file stands, which accepts every later ledger
        // that begins with the same records.
        write_whole(&self.path, text).map_err(failed)
    }

    fn read(&self) -> Result<Option<LedgerMark>, LedgerSeenError> {
        let Some(bytes) = read_file(&self.path).map_err(|error| self.file(&error.source))? else {
            return Ok(None);
        };
        // Unreadable is refused and not taken for absent: a torn file would otherwise accept any ledger.
        let seen: SeenFile = serde_json::from_slice(&bytes).map_err(|error| self.file(&error))?;
        let mark = seen.mark();
        let mark = mark.ok_or_else(|| self.file(&"the root or the digest in it is not one"))?;
        Ok(Some(mark))
    }

    fn file(&self, error: &dyn core::fmt::Display) -> LedgerSeenError {
        LedgerSeenError::File {
            path: self.path.path().to_path_buf(),
            reason: error.to_string(),
        }
    }
}

/// What was seen of a ledger before it was read.
#[derive(Clone, Debug)]
pub struct SeenBefore {
    /// What was seen; `None` before the first look.
    pub mark: Option<LedgerMark>,
    /// Where it was seen.
    pub seen: LedgerSeen,
}

impl SeenBefore {
    /// Checks that a ledger begins with what was seen.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerSeenError`] if it does not.
    pub fn check(&self, ledger: &mut PrefixDigests<'_>) -> Result<(), LedgerSeenError> {
        let Some(seen) = &self.mark else {
            return Ok(());
        };
        // By the bytes and not by the records: every checkpoint between them is covered too, and the ledger's
        // verification has already joined bytes, records and root.
        if ledger.begin_with(seen) {
            return Ok(());
        }
        Err(LedgerSeenError::Other {
            size: seen.size,
            root: seen.root.to_string(),
            path: self.seen.path.path().to_path_buf(),
        })
    }

    /// Keeps what was read of the ledger in this file, if it is more than before and durable there: after a crash of the
    /// machine what was seen must not be more than what is left.
    ///
    /// # Errors
    ///
    /// As [`LedgerSeen::keep`].
    pub fn keep_read(&self, mark: &LedgerMark, ledger: &FilePath) -> Result<(), LedgerSeenError> {
        if self.mark.is_some_and(|before| before.size >= mark.size) {
            return Ok(());
        }
        let synced = open_plain(ledger).map(|file| file.sync_data());
        match synced {
            Ok(Ok(())) => self.seen.keep(mark),
            // It was read a moment ago; what cannot be made durable is not kept.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}

fn read_file(path: &FilePath) -> Result<Option<Vec<u8>>, FileError> {
    let Some(found) = facts_of(path)? else {
        return Ok(None);
    };
    if !found.is_file() || found.len() > FILE_BYTES_MAX {
        let why = std::io::Error::other("it is no file of four values");
        return Err(FileError::at("read", path)(why));
    }
    read_plain(path, FILE_BYTES_MAX).map(Some)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn mark(ledger: &[u8], size: u64) -> LedgerMark {
        LedgerMark {
            size,
            root: Hash([7; 32]),
            length: u64::try_from(ledger.len()).unwrap(),
            bytes: Digest::of(ledger),
        }
    }

    fn check(seen: &LedgerSeen, ledger: &[u8]) -> Result<(), LedgerSeenError> {
        seen.look()?.check(&mut PrefixDigests::new(ledger))
    }

    #[test]
    fn a_folder_that_is_missing_keeps_nothing_and_trying_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("seen");
        let seen = LedgerSeen::new(FilePath::named(inside.join("seen.json")));
        let error = seen.can_keep().unwrap_err().to_string();
        assert!(error.contains("seen.json"), "{error}");
        fs::create_dir(&inside).unwrap();
        seen.can_keep().unwrap();
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
    }

    /// An old copy of the ledger, put back while the server was down, revived a revoked key.
    #[test]
    fn a_shorter_or_another_ledger_is_refused_until_the_file_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen.json");
        let seen = LedgerSeen::new(FilePath::named(path.clone()));
        check(&seen, b"any").unwrap();
        seen.keep(&mark(b"one two", 2)).unwrap();
        //     ledger, whether it is accepted
        for (ledger, good) in [
            (&b"one two"[..], true),
            (b"one two three", true),
            (b"one", false),
            (b"one too", false),
            (b"other one two", false),
            (b"", false),
        ] {
            assert_eq!(check(&seen, ledger).is_ok(), good, "{ledger:?}");
        }
        let error = check(&seen, b"one").unwrap_err().to_string();
        assert!(
            error.contains("the 2 records") && error.contains("seen.json"),
            "{error}"
        );
        // What a slower process saw is no less than what was seen.
        seen.keep(&mark(b"one", 1)).unwrap();
        assert!(check(&seen, b"one").is_err());
        let digit = "{\"size\":2,\"root\":\"7\",\"length\":7,\"bytes\":\"07\"}";
        for torn in ["", "{", "{\"size\":1}", digit] {
            fs::write(&path, torn).unwrap();
            assert!(seen.look().is_err(), "{torn:?}");
            assert!(seen.keep(&mark(b"one two", 2)).is_err(), "{torn:?}");
        }
        fs::remove_file(&path).unwrap();
        check(&seen, b"one").unwrap();
    }
}
