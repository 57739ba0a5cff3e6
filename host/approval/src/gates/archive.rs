//! The archive of policy evaluations: bundles, inputs and limits under the digest of their bytes. It must never
//! know what the bytes mean.
//!
//! ```text
//! DATA/policy/<sha256>
//! ```

use counterfoil_base::digest::Digest;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};
use counterfoil_policy::bundle::BUNDLE_BYTES_MAX;
use counterfoil_policy::child::INPUT_BYTES_MAX;

use counterfoil_runner::store::content::{ContentError, read_content};
use counterfoil_runner::store::data_dir::DataDir;

/// Bytes of one archived file at most: the larger of a bundle and an input.
const BYTES_MAX: usize = if BUNDLE_BYTES_MAX > INPUT_BYTES_MAX {
    BUNDLE_BYTES_MAX
} else {
    INPUT_BYTES_MAX
};

/// Why bytes could not be archived or read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyArchiveError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The archive has no file of this digest.
    #[error("{digest} is not in the archive {folder}; restore it from a copy")]
    Missing {
        digest: Digest,
        /// The archive's folder.
        folder: String,
    },
    /// The file's bytes do not have the digest in its name.
    #[error(
        "the archive's {path} was changed: its bytes have digest {found}; restore it from a copy"
    )]
    Changed {
        /// The file.
        path: String,
        /// The digest of its bytes now.
        found: Digest,
    },
    /// Neither a bundle nor an input is that long.
    #[error("the archive's {path} has {bytes} bytes, more than {BYTES_MAX}")]
    TooLong { path: String, bytes: u64 },
}

/// The archive of a data directory.
#[derive(Clone, Debug)]
pub struct PolicyArchive {
    folder: FilePath,
}

impl PolicyArchive {
    /// The archive of this data directory.
    #[must_use]
    pub fn new(data: &DataDir) -> Self {
        let folder = data.root().join("policy");
        Self { folder }
    }

    /// Archives bytes durably, and returns their digest.
    ///
    /// # Errors
    ///
    /// Returns [`PolicyArchiveError`] if they cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, PolicyArchiveError> {
        let digest = Digest::of(bytes);
        files::make_folder(&self.folder)?;
        // Written whole under its digest: a crash leaves no part of a file under a name that the ledger
        // records, and a second write has the same bytes.
        files::write_whole(&self.path(&digest), bytes)?;
        Ok(digest)
    }

    /// The bytes with this digest, checked against it.
    ///
    /// # Errors
    ///
    /// Returns [`PolicyArchiveError`] if they are missing, too long, or were changed.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, PolicyArchiveError> {
        let path = self.path(digest);
        // The bound of what was stored: a file that was replaced by a huge one is not read into memory.
        let bytes_max = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX);
        // The folder is not trusted: a process that can write there could give the policy other inputs than those
        // that the ledger names.
        read_content(&path, digest, bytes_max).map_err(|error| {
            let path = path.display().to_string();
            match error {
                ContentError::File(error) => error.into(),
                ContentError::Missing => PolicyArchiveError::Missing {
                    digest: *digest,
                    folder: self.folder.display().to_string(),
                },
                ContentError::Changed { found } => PolicyArchiveError::Changed { path, found },
                ContentError::TooLong { bytes, .. } => PolicyArchiveError::TooLong { path, bytes },
            }
        })
    }

    fn path(&self, digest: &Digest) -> FilePath {
        self.folder.join(digest.hex())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_read_holds_the_bytes_against_their_name() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let archive = PolicyArchive::new(&data);
        let digest = archive.put(b"one").unwrap();
        assert_eq!(archive.put(b"one").unwrap(), digest, "twice is once");
        assert_eq!(archive.get(&digest).unwrap(), b"one");
        fs::write(archive.path(&digest), b"two").unwrap();
        let error = archive.get(&digest).unwrap_err().to_string();
        assert!(error.contains("was changed"), "{error}");
        fs::write(archive.path(&digest), vec![b' '; BYTES_MAX + 1]).unwrap();
        let error = archive.get(&digest).unwrap_err().to_string();
        assert!(error.contains("more than"), "{error}");
        fs::remove_file(archive.path(&digest)).unwrap();
        let error = archive.get(&digest).unwrap_err().to_string();
        assert!(error.contains("is not in the archive"), "{error}");
    }
}
