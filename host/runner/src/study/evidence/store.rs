//! The folder of evidence: documents under the digest of their bytes, by component. It must never know what a document
//! says.
//!
//! ```text
//! DATA/evidence/<component>/<sha256>.json
//! ```

use counterfoil_base::digest::Digest;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};

use crate::store::content::{ContentError, read_content};
use crate::store::data_dir::DataDir;

/// The largest document that is read, in bytes. Genuine ones have a few thousand.
pub(super) const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// Why a document of evidence could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceStoreError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("evidence {digest} is not in {folder}; restore it, or validate again")]
    Missing { digest: Digest, folder: String },
    /// The bytes do not have the digest in the file's name.
    #[error("evidence {path} was changed: its bytes have digest {found}")]
    Changed {
        path: String,
        /// The digest of its bytes now.
        found: Digest,
    },
    #[error("evidence {path} has {bytes} bytes, more than {DOCUMENT_BYTES_MAX}")]
    TooLong { path: String, bytes: u64 },
}

/// The evidence for one component.
#[derive(Clone, Debug)]
pub struct EvidenceStore {
    folder: FilePath,
}

impl EvidenceStore {
    /// The evidence for the component with this digest.
    #[must_use]
    pub fn new(data: &DataDir, component: &Digest) -> Self {
        let folder = data.root().join("evidence").join(component.hex());
        Self { folder }
    }

    /// Stores a document and returns its digest.
    ///
    /// # Errors
    ///
    /// Returns [`EvidenceStoreError`] if it cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, EvidenceStoreError> {
        let digest = Digest::of(bytes);
        // Durable before its digest is returned: the caller records the digest in the ledger, where a reference to a
        // file that a crash lost would block every later promotion.
        files::make_folder(&self.folder)?;
        files::write_whole(&self.path(&digest), bytes)?;
        Ok(digest)
    }

    /// The document with this digest, checked against it.
    ///
    /// # Errors
    ///
    /// Returns [`EvidenceStoreError`] if it is missing, too long, or was changed.
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, EvidenceStoreError> {
        let path = self.path(digest);
        read_content(&path, digest, DOCUMENT_BYTES_MAX).map_err(|error| {
            let path = path.display().to_string();
            match error {
                ContentError::File(error) => error.into(),
                ContentError::Missing => EvidenceStoreError::Missing {
                    digest: *digest,
                    folder: self.folder.display().to_string(),
                },
                ContentError::Changed { found } => EvidenceStoreError::Changed { path, found },
                ContentError::TooLong { bytes, .. } => EvidenceStoreError::TooLong { path, bytes },
            }
        })
    }

    /// The digests of all documents, sorted.
    ///
    /// # Errors
    ///
    /// Returns [`EvidenceStoreError`] if the folder cannot be read.
    pub fn all(&self) -> Result<Vec<Digest>, EvidenceStoreError> {
        let mut all = Vec::new();
        if !files::is_folder(&self.folder)? {
            return Ok(all);
        }
        for name in files::names_in(&self.folder)? {
            // Other files in the folder, such as temporary ones of a crash, are not evidence.
            all.extend(name.strip_suffix(".json").and_then(Digest::from_hex));
        }
        all.sort_unstable();
        Ok(all)
    }

    fn path(&self, digest: &Digest) -> FilePath {
        self.folder.join(format!("{}.json", digest.hex()))
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
        let store = EvidenceStore::new(&data, &Digest([7; 32]));
        assert_eq!(store.all().unwrap(), Vec::<Digest>::new());
        let (first, second) = (store.put(b"{}").unwrap(), store.put(b"[]").unwrap());
        assert_eq!(store.put(b"{}").unwrap(), first, "twice is once");
        let mut both = vec![first, second];
        both.sort_unstable();
        assert_eq!(store.all().unwrap(), both);
        assert_eq!(store.get(&first).unwrap(), b"{}");
        fs::write(store.path(&first), "{ }").unwrap();
        let error = store.get(&first).unwrap_err().to_string();
        assert!(error.contains("was changed"), "{error}");
        fs::remove_file(store.path(&first)).unwrap();
        let error = store.get(&first).unwrap_err().to_string();
        assert!(error.contains("is not in"), "{error}");
        let big = vec![b' '; usize::try_from(DOCUMENT_BYTES_MAX).unwrap() + 1];
        let big = store.put(&big).unwrap();
        let error = store.get(&big).unwrap_err().to_string();
        assert!(error.contains("more than"), "{error}");
        // Another component's evidence is another folder's.
        let other = EvidenceStore::new(&data, &Digest([8; 32]));
        assert!(other.get(&second).is_err());
    }
}
