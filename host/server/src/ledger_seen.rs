//! How much of the ledger a server has seen, kept over restarts: a shorter or another ledger is refused. It must never
//! replace the verification of a ledger.

use std::path::PathBuf;

use counterfoil_base::digest::Digest;
use counterfoil_governance::ledger::LedgerMark;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{FileError, facts_of, read_plain, write_whole};
use serde::{Deserialize, Serialize};

/// Bytes of the file: it holds four values.
const FILE_BYTES_MAX: u64 = 4_096;

/// Why a ledger is not the one that was seen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LedgerSeenError {
    /// Records that were seen are gone, or others are in their place.
    #[error(
        "the ledger does not begin with the {size} records that this runner has seen (root {root}): an older copy would \
         revive keys that were revoked since; restore the newer ledger, or delete {} to accept this one", path.display()
    )]
    Other {
        size: u64,
        root: String,
        path: PathBuf,
    },
    /// What was seen cannot be read or kept.
    #[error(
        "cannot read or write {}, which holds how much of the ledger this runner has seen: {reason}; repair the file, or \
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

/// The file with what was seen, in the data directory.
#[derive(Clone, Debug)]
pub(crate) struct LedgerSeen {
    path: FilePath,
}

impl LedgerSeen {
    pub(crate) const fn new(path: FilePath) -> Self {
        Self { path }
    }

    /// Checks that a ledger begins with what was seen.
    pub(crate) fn check(&self, ledger: &[u8]) -> Result<(), LedgerSeenError> {
        let Some(seen) = self.read()? else {
            return Ok(());
        };
        // By the bytes and not by the records: every checkpoint between them is covered too, and the ledger's
        // verification has already joined bytes, records and root.
        let known = usize::try_from(seen.length).ok();
        let known = known.and_then(|length| ledger.get(..length));
        if known.is_some_and(|bytes| Digest::of(bytes).hex() == seen.bytes) {
            return Ok(());
        }
        Err(LedgerSeenError::Other {
            size: seen.size,
            root: seen.root,
            path: self.path.path().to_path_buf(),
        })
    }

    /// Keeps what was seen, durably.
    pub(crate) fn keep(&self, mark: &LedgerMark) -> Result<(), LedgerSeenError> {
        let seen = SeenFile {
            size: mark.size,
            root: hex::encode(mark.root.0),
            length: mark.length,
            bytes: mark.bytes.hex(),
        };
        if self.read()?.as_ref() == Some(&seen) {
            return Ok(());
        }
        let text = serde_json::to_vec(&seen).map_err(|error| self.file(&error))?;
        // Whole or not at all: after a crash in the middle the earlier file stands, which accepts every later ledger
        // that begins with the same records.
        write_whole(&self.path, &text).map_err(|error| self.file(&error))
    }

    fn read(&self) -> Result<Option<SeenFile>, LedgerSeenError> {
        let Some(bytes) = read_file(&self.path).map_err(|error| self.file(&error.source))? else {
            return Ok(None);
        };
        // Unreadable is refused and not taken for absent: a torn file would otherwise accept any ledger.
        let seen = serde_json::from_slice(&bytes).map_err(|error| self.file(&error))?;
        Ok(Some(seen))
    }

    fn file(&self, error: &dyn core::fmt::Display) -> LedgerSeenError {
        LedgerSeenError::File {
            path: self.path.path().to_path_buf(),
            reason: error.to_string(),
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
            root: counterfoil_journal::hash::Hash([7; 32]),
            length: u64::try_from(ledger.len()).unwrap(),
            bytes: Digest::of(ledger),
        }
    }

    /// An old copy of the ledger, put back while the server was down, revived a revoked key.
    #[test]
    fn a_shorter_or_another_ledger_is_refused_until_the_file_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen.json");
        let seen = LedgerSeen::new(FilePath::named(path.clone()));
        seen.check(b"any").unwrap();
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
            assert_eq!(seen.check(ledger).is_ok(), good, "{ledger:?}");
        }
        let error = seen.check(b"one").unwrap_err().to_string();
        assert!(
            error.contains("the 2 records") && error.contains("seen.json"),
            "{error}"
        );
        for torn in ["", "{", "{\"size\":1}"] {
            fs::write(&path, torn).unwrap();
            assert!(seen.check(b"one two").is_err(), "{torn:?}");
            assert!(seen.keep(&mark(b"one two", 2)).is_err(), "{torn:?}");
        }
        fs::remove_file(&path).unwrap();
        seen.check(b"one").unwrap();
    }
}
