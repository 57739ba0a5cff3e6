//! The log's signing key: made at first use in a folder apart from the data, readable by its
//! owner only, and used through the journal's `Signer` trait, which a key service can implement. It
//! must never be made where another key has signed: an intact log would no longer verify.

mod people;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_journal::signer::{Ed25519Signer, SignError, Signer};

use crate::store::data_dir::{DataDir, DataDirError};
use counterfoil_os::files::{self, FileError};

pub use people::{OwnKey, PEOPLE_FOLDER, PeopleKeys};

/// The secret key's file: 64 hex digits, the seed of RFC 8032.
pub const SECRET_FILE: &str = "log-signing.key";
/// The public key's file: 64 hex digits, for auditors.
pub const PUBLIC_FILE: &str = "log-signing.pub";

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The data directory could not be read.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// Somebody else could read the secret key.
    #[error(
        "{path} can be read by others (mode {mode:o}); run: chmod 600 {path}, and consider the key known"
    )]
    Open {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold a key.
    #[error(
        "{path} does not hold 64 hex digits; restore it from your backup, or move it away to get a new key"
    )]
    Malformed {
        /// The file.
        path: String,
    },
    /// The folder knows the log's key, and does not hold it.
    #[error(
        "{folder} holds {PUBLIC_FILE} alone, so whoever has this folder can verify and not sign; give \
         the --key-dir of whoever holds {SECRET_FILE}, or restore it from a backup"
    )]
    SecretMissing {
        /// The key folder.
        folder: String,
    },
    /// Something in the data is signed, and by no key of this folder.
    #[error(
        "{signed} was signed by a key that is not in {folder}, and a new one would not verify it; \
         give the --key-dir of whoever signed it, or another --data-dir to begin anew"
    )]
    SignedBefore {
        /// The key folder.
        folder: String,
        /// What is signed.
        signed: String,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes for a new key: {0}")]
    Random(String),
    /// Somebody else could put a key in the folder, or take one away.
    #[error("{path} can be written by others (mode {mode:o}); run: chmod go-w {path}")]
    FolderOpen {
        /// The folder.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// Whoever gets a copy of the data would get the keys with it.
    #[error(
        "the keys of people may not lie in the data directory: {path} is in {data}; give another folder with --key-dir"
    )]
    InData {
        /// The key folder.
        path: String,
        /// The data directory.
        data: String,
    },
    /// The name cannot be part of a file's name.
    #[error("{name:?} cannot be the name of a key's file")]
    Name {
        /// The name.
        name: String,
    },
}

/// The folder that holds the keys.
#[derive(Clone, Debug)]
pub struct KeyDir {
    path: PathBuf,
    /// Whose logs the key signs: where one of them is, no key is made.
    data: Option<DataDir>,
}

impl KeyDir {
    /// The folder at `path`; it need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, data: None }
    }

    /// The same for the logs in this data directory: where one of them is signed, no key is made.
    #[must_use]
    pub fn of(self, data: &DataDir) -> Self {
        let data = Some(data.clone());
        Self { data, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The signer. Its key is made at first use, in a folder without any, for data in which nothing
    /// is signed yet.
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if the key cannot be read, is open to others, cannot be made, or may not
    /// be made since another key has signed.
    pub fn signer(&self) -> Result<Ed25519Signer, KeyError> {
        let path = self.path.join(SECRET_FILE);
        if !path.exists() {
            self.check_unsigned()?;
        }
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder
            .create(&self.path)
            .map_err(FileError::at("create folder", &self.path))?;
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match created {
            Ok(file) => self.fill(&path, file)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(FileError::at("create", &path)(error).into()),
        }
        let signer = Ed25519Signer::from_seed(&read_secret(&path)?);
        let public = hex::encode(signer.verifying_key());
        files::write_whole(
            &self.path.join(PUBLIC_FILE),
            format!("{public}\n").as_bytes(),
        )?;
        Ok(signer)
    }

    /// The public key.
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if there is no key yet or it cannot be read.
    pub fn public_key(&self) -> Result<[u8; 32], KeyError> {
        read_public(&self.path.join(PUBLIC_FILE))
    }

    /// The public half of the secret key that lies there; nothing if none does.
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if it cannot be read, or is open to others.
    pub fn secret_public(&self) -> Result<Option<[u8; 32]>, KeyError> {
        let path = self.path.join(SECRET_FILE);
        if !path.exists() {
            return Ok(None);
        }
        let signer = Ed25519Signer::from_seed(&read_secret(&path)?);
        Ok(Some(signer.verifying_key()))
    }

    /// Whether no other key has signed here, as far as the folder and the data show.
    fn check_unsigned(&self) -> Result<(), KeyError> {
        let folder = || self.path.display().to_string();
        if self.path.join(PUBLIC_FILE).exists() {
            let folder = folder();
            return Err(KeyError::SecretMissing { folder });
        }
        let Some(data) = &self.data else {
            return Ok(());
        };
        let Some(signed) = data.signed()? else {
            return Ok(());
        };
        let (folder, signed) = (folder(), signed.display().to_string());
        Err(KeyError::SignedBefore { folder, signed })
    }

    fn fill(&self, path: &Path, mut file: fs::File) -> Result<(), KeyError> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::Random(error.to_string()))?;
        let written = writeln!(file, "{}", hex::encode(seed)).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // A key file that is not whole would lock the owner out: take it away again.
            let _best_effort = fs::remove_file(path);
            return Err(FileError::at("write", path)(error).into());
        }
        files::sync_folder(&self.path)?;
        Ok(())
    }
}

/// The public key in a file of 64 hex digits.
///
/// # Errors
///
/// Returns [`KeyError`] if the file cannot be read or holds something else.
pub fn read_public(path: &Path) -> Result<[u8; 32], KeyError> {
    parse(path, &files::read_whole(path)?)
}

fn read_secret(path: &Path) -> Result<[u8; 32], KeyError> {
    let mode = fs::metadata(path)
        .map_err(FileError::at("read", path))?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open {
            path: path.display().to_string(),
            mode,
        });
    }
    parse(path, &files::read_whole(path)?)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<[u8; 32], KeyError> {
    let mut key = [0; 32];
    hex::decode_to_slice(bytes.trim_ascii(), &mut key).map_err(|_| KeyError::Malformed {
        path: path.display().to_string(),
    })?;
    Ok(key)
}

/// 32 random hex digits, for what must differ from every other.
///
/// # Errors
///
/// Returns [`KeyError`] if the operating system gave no random bytes.
pub fn random_hex() -> Result<String, KeyError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| KeyError::Random(error.to_string()))?;
    Ok(hex::encode(bytes))
}

/// One signer for several logs.
#[derive(Clone)]
pub struct SharedSigner(Arc<Mutex<Box<dyn Signer + Send>>>);

impl SharedSigner {
    /// Shares the signer.
    #[must_use]
    pub fn new(signer: Box<dyn Signer + Send>) -> Self {
        Self(Arc::new(Mutex::new(signer)))
    }
}

impl core::fmt::Debug for SharedSigner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SharedSigner").finish_non_exhaustive()
    }
}

impl Signer for SharedSigner {
    fn verifying_key(&self) -> [u8; 32] {
        let signer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signer.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let signer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signer.sign(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_only_where_no_other_has_signed() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(&folder.path().join("data")).unwrap();
        let dir = |name: &str| KeyDir::new(folder.path().join(name)).of(&data);
        // Nothing is signed yet, and the second use finds the key of the first.
        let key = dir("keys").signer().unwrap().verifying_key();
        assert_eq!(dir("keys").signer().unwrap().verifying_key(), key);
        // Whoever has the public half alone verifies, and gets no key of their own instead.
        let public = fs::read(dir("keys").path().join(PUBLIC_FILE)).unwrap();
        fs::create_dir(dir("auditor").path()).unwrap();
        fs::write(dir("auditor").path().join(PUBLIC_FILE), &public).unwrap();
        let error = dir("auditor").signer().unwrap_err();
        assert!(matches!(error, KeyError::SecretMissing { .. }), "{error}");
        let kept = fs::read(dir("auditor").path().join(PUBLIC_FILE)).unwrap();
        assert_eq!(kept, public);
        assert!(!dir("auditor").path().join(SECRET_FILE).exists());
        // Nor does an empty folder where a journal or a ledger is.
        let ledger = data.root().join("ledger/desk.ledger");
        let journal = data.root().join("runs/00/1/journal");
        for signed in [ledger, journal] {
            fs::create_dir_all(signed.parent().unwrap()).unwrap();
            fs::write(&signed, "signed").unwrap();
            let error = dir("empty").signer().unwrap_err();
            assert!(matches!(error, KeyError::SignedBefore { .. }), "{error}");
            assert!(!dir("empty").path().exists());
            fs::remove_file(&signed).unwrap();
        }
        dir("empty").signer().unwrap();
    }
}
