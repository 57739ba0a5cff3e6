//! Files that the program was given: plain files, within a length. It must never wait for a file or read a device.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

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
    let at = |error: io::Error| format!("{}: {error}", path.display());
    let refused = || {
        format!(
            "{}: not a plain file; copy what it gives into one",
            path.display()
        )
    };
    // Looked at before it is opened: opening some devices does something already.
    if !fs::metadata(path).map_err(at)?.is_file() {
        return Err(refused());
    }
    // Without waiting: a pipe put in the file's place since then would block the open for as long as its owner likes.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| at(error.into()))?;
    let file = File::from(file);
    if !file.metadata().map_err(at)?.is_file() {
        return Err(refused());
    }
    Ok(file)
}

/// The bytes of a plain file with at most so many of them.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    // Counted while they are read: a file grows after its length was asked for.
    open(path)?
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if u64::try_from(bytes.len()).is_ok_and(|found| found <= bytes_max) {
        return Ok(bytes);
    }
    Err(format!(
        "{}: longer than {bytes_max} bytes, so not what is expected here",
        path.display()
    ))
}
