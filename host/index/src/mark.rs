//! How much of a ledger was verified before, under a secret of the key folder: a command then judges only what was added.
//! It must never be taken from anybody who has not the secret.

use counterfoil_governance::ledger::LedgerMark;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{FileError, make_folder, read_plain, write_whole_unsynced};

use crate::seal::{IndexSeal, IndexSecret};

/// The most bytes of a mark's file.
const MARK_BYTES_MAX: u64 = 4_096;

/// The mark in the file at `path` of the ledger `origin`; `None` if there is none that the secret made.
#[must_use]
pub fn read_mark(path: &FilePath, origin: &str, secret: &IndexSecret) -> Option<LedgerMark> {
    let bytes = read_plain(path, MARK_BYTES_MAX).ok()?;
    let seal = IndexSeal::decode(&bytes, secret)?;
    // The seal of an index is no mark, and a mark is no index's.
    (seal.origin == origin && seal.files.is_none()).then_some(seal.mark)
}

/// Writes a mark. It is not synced: one that is lost costs a verification.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be written.
pub fn write_mark(
    path: &FilePath,
    origin: &str,
    mark: LedgerMark,
    secret: &IndexSecret,
) -> Result<(), FileError> {
    if let Some(folder) = path.parent() {
        make_folder(&folder)?;
    }
    let seal = IndexSeal {
        origin: origin.to_owned(),
        mark,
        files: None,
    };
    write_whole_unsynced(path, seal.encode(secret).as_bytes())
}
