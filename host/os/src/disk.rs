//! How full a disk is.

use std::io;
use std::path::Path;

/// The bytes that this process may still write to the disk of a file or folder.
///
/// # Errors
///
/// Returns the operating system's error.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
