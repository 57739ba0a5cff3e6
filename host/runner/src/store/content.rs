//! Files named by the digest of their bytes. It must never know what the bytes mean.

use std::io::{self, ErrorKind, Read as _};

use counterfoil_base::digest::Digest;
use counterfoil_os::file_path::AsFilePath;
use counterfoil_os::files::{FileError, open_plain};

/// Why a file named by a digest could not be read. Not `non_exhaustive`: each reader has an error of its own for every
/// cause.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the file is missing")]
    Missing,
    /// The bytes do not have the digest that names the file.
    #[error("the file was changed: its bytes have digest {found}")]
    Changed { found: Digest },
    /// No file of its kind is stored with so many bytes.
    #[error("the file has {bytes} bytes, more than {bytes_max}")]
    TooLong { bytes: u64, bytes_max: u64 },
}

/// The bytes at `path`, checked against the digest that names them. `bytes_max` is the most that a file of this kind
/// is stored with.
///
/// # Errors
///
/// Returns [`ContentError`] if the file is missing, cannot be read, is too long, or was changed.
pub fn read_content(
    path: &(impl AsFilePath + ?Sized),
    digest: &Digest,
    bytes_max: u64,
) -> Result<Vec<u8>, ContentError> {
    let failed = |error: io::Error| {
        if error.kind() == ErrorKind::NotFound {
            ContentError::Missing
        } else {
            FileError::at("read", path)(error).into()
        }
    };
    let too_long = |bytes: u64| ContentError::TooLong { bytes, bytes_max };
    let file = open_plain(path).map_err(|error| failed(error.source))?;
    // The size first: another user of the data folder could otherwise fill this process's memory.
    let length = file.metadata().map_err(failed)?.len();
    if length > bytes_max {
        return Err(too_long(length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // Bounded again: a file can grow while it is read, and a device has no end.
    let mut file = file.take(bytes_max.saturating_add(1));
    file.read_to_end(&mut bytes).map_err(failed)?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > bytes_max {
        return Err(too_long(length));
    }
    // The digest comes from a signed record, so the file itself needs no trust: changed bytes are never used.
    let found = Digest::of(&bytes);
    if found == *digest {
        Ok(bytes)
    } else {
        Err(ContentError::Changed { found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_only_under_their_digest_and_within_their_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let digest = Digest::of(b"four");
        let read = |bytes_max| {
            let read = read_content(&path, &digest, bytes_max);
            read.map_err(|error| error.to_string())
        };
        assert_eq!(read(4), Err("the file is missing".to_owned()));
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read(4), Ok(b"four".to_vec()));
        assert_eq!(read(3), Err("the file has 4 bytes, more than 3".to_owned()));
        std::fs::write(&path, "five").unwrap();
        assert!(read(4).unwrap_err().contains("was changed"));
        // A device says that it has no bytes, and has no end.
        let read = read_content(std::path::Path::new("/dev/zero"), &digest, 4);
        assert!(matches!(read, Err(ContentError::File(_))), "{read:?}");
    }
}
