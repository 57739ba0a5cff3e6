//! The folder of evidence: pieces under the digest of their bytes, by component. It must never know
//! what a piece says.
//!
//! ```text
//! DATA/evidence/<component>/<sha256>.json
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::store::data_dir::DataDir;
use counterfoil_os::files::{self, FileError};

/// The largest piece that is read, in bytes: one is a few thousand.
pub(super) const PIECE_BYTES_MAX: u64 = 1 << 20;

/// Why a piece of evidence is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is none of this digest.
    #[error("evidence sha256:{digest} is not in {folder}; restore it, or validate again")]
    Missing {
        /// Which.
        digest: String,
        /// Where it was looked for.
        folder: String,
    },
    /// The file holds something else than its name says.
    #[error("evidence {path} was changed: its bytes have digest sha256:{found}")]
    Changed {
        /// The file.
        path: String,
        /// What it holds now.
        found: String,
    },
    /// More than any piece needs.
    #[error("evidence {path} holds {bytes} bytes, more than {PIECE_BYTES_MAX}")]
    TooLong {
        /// The file.
        path: String,
        /// How many it holds.
        bytes: u64,
    },
}

/// The evidence for one component.
#[derive(Clone, Debug)]
pub struct EvidenceStore {
    folder: PathBuf,
}

impl EvidenceStore {
    /// That for the component with this digest.
    #[must_use]
    pub fn new(data: &DataDir, component: &[u8; 32]) -> Self {
        let folder = data.root().join("evidence").join(hex::encode(component));
        Self { folder }
    }

    /// Keeps a piece, and returns its digest.
    ///
    /// # Errors
    ///
    /// Returns [`EvidenceError`] if it cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<[u8; 32], EvidenceError> {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        files::make_folder(&self.folder)?;
        files::write_whole(&self.path(&digest), bytes)?;
        Ok(digest)
    }

    /// The piece with this digest, checked against it.
    ///
    /// # Errors
    ///
    /// Returns [`EvidenceError`] if it is missing or was changed.
    pub fn get(&self, digest: &[u8; 32]) -> Result<Vec<u8>, EvidenceError> {
        let path = self.path(digest);
        let found = fs::metadata(&path).and_then(|found| {
            let bytes = found.len();
            let too_long = bytes > PIECE_BYTES_MAX;
            if too_long {
                Ok(Err(bytes))
            } else {
                fs::read(&path).map(Ok)
            }
        });
        let path = || path.display().to_string();
        match found {
            Ok(Ok(bytes)) => {
                let found: [u8; 32] = Sha256::digest(&bytes).into();
                if found == *digest {
                    return Ok(bytes);
                }
                let (path, found) = (path(), hex::encode(found));
                Err(EvidenceError::Changed { path, found })
            }
            Ok(Err(bytes)) => Err(EvidenceError::TooLong {
                path: path(),
                bytes,
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(EvidenceError::Missing {
                digest: hex::encode(digest),
                folder: self.folder.display().to_string(),
            }),
            Err(error) => Err(FileError::at("read", &self.path(digest))(error).into()),
        }
    }

    /// The digests of every piece, in order.
    ///
    /// # Errors
    ///
    /// Returns [`EvidenceError`] if the folder cannot be read.
    pub fn all(&self) -> Result<Vec<[u8; 32]>, EvidenceError> {
        let mut all = Vec::new();
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(all),
            Err(error) => return Err(FileError::at("read folder", &self.folder)(error).into()),
        };
        for entry in entries {
            let entry = entry.map_err(FileError::at("read folder", &self.folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let mut digest = [0; 32];
            let digits = name.strip_suffix(".json").unwrap_or_default();
            if hex::decode_to_slice(digits, &mut digest).is_ok() {
                all.push(digest);
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("{}.json", hex::encode(digest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_read_holds_the_bytes_against_their_name() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let store = EvidenceStore::new(&data, &[7; 32]);
        assert_eq!(store.all().unwrap(), Vec::<[u8; 32]>::new());
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
        let big = vec![b' '; usize::try_from(PIECE_BYTES_MAX).unwrap() + 1];
        let big = store.put(&big).unwrap();
        let error = store.get(&big).unwrap_err().to_string();
        assert!(error.contains("more than"), "{error}");
        // Another component's evidence is another folder's.
        let other = EvidenceStore::new(&data, &[8; 32]);
        assert!(other.get(&second).is_err());
    }
}
