//! Files that the program was given: plain files, within a length. It must never wait for a file or read a device.

use std::fs::File;
use std::path::Path;

use counterfoil_os::files::{FileError, open_plain, read_plain};

/// The most bytes of a public key's file: four spellings of 32 bytes and a name fit many times.
pub(crate) const KEY_BYTES_MAX: u64 = 4_096;
/// The most bytes of a proof: the longest entry in base64, 63 hashes and a checkpoint take a third of it.
pub(crate) const PROOF_BYTES_MAX: u64 = 256 << 10;
/// The most bytes of a manifest: with 10,000 instruments it has about two million.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// The most bytes of a file with an account's limits, which has about a thousand.
pub(crate) const LIMITS_BYTES_MAX: u64 = 64 << 10;

/// A plain file, open for reading.
pub(crate) fn open(path: &Path) -> Result<File, String> {
    open_plain(path).map_err(|error| at(path, &error))
}

/// The bytes of a plain file with at most so many of them.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    // One byte more: a file grows after its length was asked for.
    let bytes = read_plain(path, bytes_max.saturating_add(1)).map_err(|error| at(path, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|found| found <= bytes_max) {
        return Ok(bytes);
    }
    Err(format!(
        "{}: longer than {bytes_max} bytes, so not what is expected here",
        path.display()
    ))
}

/// The path first, as in every other answer of this program.
fn at(path: &Path, error: &FileError) -> String {
    format!("{}: {}", path.display(), error.source)
}
