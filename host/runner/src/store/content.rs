//! Files named by the digest of their bytes. It must never know what the bytes mean.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use counterfoil_base::digest::Digest;
use counterfoil_os::files::FileError;

/// Why a file named by a digest could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the file is missing")]
    Missing,
    /// The bytes do not have the digest that names the file.
    #[error("the file was changed: its bytes have digest {found}")]
    Changed { found: Digest },
}

/// The bytes at `path`, checked against the digest that names them.
///
/// # Errors
///
/// Returns [`ContentError`] if the file is missing, cannot be read, or was changed.
pub fn read_content(path: &Path, digest: &Digest) -> Result<Vec<u8>, ContentError> {
    let bytes = fs::read(path).map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            ContentError::Missing
        } else {
            FileError::at("read", path)(error).into()
        }
    })?;
    // The digest comes from a signed record, so the file itself needs no trust: changed bytes are never used.
    let found = Digest::of(&bytes);
    if found == *digest {
        Ok(bytes)
    } else {
        Err(ContentError::Changed { found })
    }
}
