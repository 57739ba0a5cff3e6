//! The logs' two secrets: the signing key and the salt key, generated at first use in a folder apart from the data,
//! readable by their owner only, and used through the journal's `LogSigner` trait, which a key service can implement.
//! A signing key must never be generated where another has signed: an intact log would no longer verify.

mod people;

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_base::keyed_hash::keyed_hash;
use counterfoil_journal::salt::{LogKey, LogSalts, LogSigner};
use counterfoil_journal::signer::{Ed25519Signer, SignError, Signer};
use counterfoil_os::file_path::{AsFilePath, FilePath};
use counterfoil_os::files::{self, FileError};
use counterfoil_os::folder_guard::{FolderError, FolderWriters, guarded_folder, made_folder};
use hmac::Mac as _;

use crate::store::data_dir::{DataDir, DataDirError};

pub use people::{PEOPLE_FOLDER, PeopleKeys, PersonKey};

/// The secret key's file: 64 hex digits, the seed of RFC 8032.
pub const SECRET_FILE: &str = "log-signing.key";
/// The public key's file: 64 hex digits, for auditors.
pub const PUBLIC_FILE: &str = "log-signing.pub";
/// The salt key's file: 64 hex digits, from which the salt of each record is computed.
pub const SALT_FILE: &str = "log-salt.key";

/// Bytes of a key's file: its digits and an end of line, with room for what editors add.
const KEY_BYTES_MAX: u64 = 256;

/// Why a key could not be used or generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyDirError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// Other users could read the secret key.
    #[error(
        "{path} is readable by other users (mode {mode:o}); run: chmod 600 {path}, and treat the key as exposed"
    )]
    Open { path: String, mode: u32 },
    #[error(
        "{path} does not hold 64 hex digits; restore it from your backup, or move it away to get a new key"
    )]
    Malformed { path: String },
    /// The folder holds the public half of the log's key alone.
    #[error(
        "{folder} holds {PUBLIC_FILE} alone, which verifies and does not sign; give the --key-dir that holds \
         {SECRET_FILE}, or restore it from a backup"
    )]
    SecretMissing { folder: String },
    /// A log in the data directory was signed by a key that is not in this folder.
    #[error(
        "{signed} was signed by a key that is not in {folder}, and a new key would not verify it; give the \
         --key-dir of the key that signed it, or start over with another --data-dir"
    )]
    SignedBefore {
        folder: String,
        /// The path of the signed log.
        signed: String,
    },
    #[error("the operating system gave no random bytes for a new key: {0}")]
    Random(String),
    /// The folder is another user's, or is no folder.
    #[error(transparent)]
    Folder(FolderError),
    /// Other users could add or remove keys.
    #[error("{path} is writable by other users (mode {mode:o}); run: chmod go-w {path}")]
    FolderOpen { path: String, mode: u32 },
    /// A copy of the data directory would contain the keys.
    #[error(
        "keys must be outside the data directory: {path} is in {data}; give another folder with --key-dir"
    )]
    InData { path: String, data: String },
    /// The name cannot be part of a file's name.
    #[error("{name:?} cannot be the name of a key's file")]
    Name { name: String },
}

/// The folder with the log's signing key.
#[derive(Clone, Debug)]
pub struct KeyDir {
    path: FilePath,
    /// The data whose logs the key signs. While it holds a signed log, no key is generated.
    data: Option<DataDir>,
}

impl KeyDir {
    /// The folder at `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path: FilePath::folder(path),
            data: None,
        }
    }

    /// The same folder for the logs in this data directory. While one of them is signed, no key is generated.
    #[must_use]
    pub fn for_data(self, data: &DataDir) -> Self {
        let data = Some(data.clone());
        Self { data, ..self }
    }

    /// The folder, opened once.
    #[must_use]
    pub const fn path(&self) -> &FilePath {
        &self.path
    }

    /// The signer and salts of the logs. The signing key is generated at first use, if the folder has no key and the
    /// data no signed log; the salt key if it is missing.
    ///
    /// # Errors
    ///
    /// Returns [`KeyDirError`] if the key cannot be read, is readable by other users, cannot be generated, or must not
    /// be generated because another key has signed.
    pub fn signer(&self) -> Result<LogKey, KeyDirError> {
        let path = self.path.join(SECRET_FILE);
        // Before anything is created. A wrong --key-dir would otherwise get a fresh key, and the next entry of an
        // existing log would carry a signature that no auditor knows.
        if !files::is_there(&path)? {
            self.check_unsigned()?;
        }
        match &self.data {
            Some(data) => guard_key_folder(&self.path, data.root())?,
            // A folder of keys alone, in tests.
            None => make_key_folder(&self.path)?,
        }
        self.generate_once(&path)?;
        // A salt key that was lost can be replaced: no check of a log needs it, and records that are written already
        // keep their salts.
        let salt_path = self.path.join(SALT_FILE);
        self.generate_once(&salt_path)?;
        let signer = Ed25519Signer::from_seed(&read_secret(&path)?);
        let public = hex::encode(signer.verifying_key());
        // Derived from the secret each time: if the process stopped between the two files, or an old public key was
        // restored from a backup, auditors still get the key that signs.
        let public_path = self.path.join(PUBLIC_FILE);
        // Not where it is right: a service may have its keys in a folder that it cannot write.
        if read_public(&public_path).ok() != Some(signer.verifying_key()) {
            files::write_whole(&public_path, format!("{public}\n").as_bytes())?;
        }
        Ok(LogKey::new(signer, read_secret(&salt_path)?))
    }

    /// The public key in the folder.
    ///
    /// # Errors
    ///
    /// Returns [`KeyDirError`] if there is no key yet, it cannot be read, or others can write the folder.
    pub fn public_key(&self) -> Result<[u8; 32], KeyDirError> {
        // Whoever can put a key into the folder chooses what verifies.
        if files::is_folder(&self.path)? {
            guard_writers(&self.path)?;
        }
        read_public(&self.path.join(PUBLIC_FILE))
    }

    /// The public half of the secret key in the folder; `None` without a secret key.
    ///
    /// # Errors
    ///
    /// Returns [`KeyDirError`] if it cannot be read, or is readable by other users.
    pub fn secret_public(&self) -> Result<Option<[u8; 32]>, KeyDirError> {
        let path = self.path.join(SECRET_FILE);
        if !files::is_there(&path)? {
            return Ok(None);
        }
        let signer = Ed25519Signer::from_seed(&read_secret(&path)?);
        Ok(Some(signer.verifying_key()))
    }

    /// Whether the folder has the log's signing key.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        files::is_there(&self.path.join(SECRET_FILE)).unwrap_or(true)
    }

    /// The secret that seals the search index; `None` without the salt key that it is made from.
    #[must_use]
    pub fn index_secret(&self) -> Option<[u8; 32]> {
        let salt = read_secret(&self.path.join(SALT_FILE)).ok()?;
        // A key of its own: what is sealed with it must not tell anything of a record's salt.
        let mut code = keyed_hash(&salt);
        code.update(b"counterfoil/index");
        Some(code.finalize().into_bytes().into())
    }

    /// Checks that neither the folder nor the data shows a signature of another key.
    fn check_unsigned(&self) -> Result<(), KeyDirError> {
        let folder = || self.path.display().to_string();
        if files::is_there(&self.path.join(PUBLIC_FILE))? {
            let folder = folder();
            return Err(KeyDirError::SecretMissing { folder });
        }
        let Some(data) = &self.data else {
            return Ok(());
        };
        let Some(signed) = data.find_signed_log()? else {
            return Ok(());
        };
        let (folder, signed) = (folder(), signed.display().to_string());
        Err(KeyDirError::SignedBefore { folder, signed })
    }

    /// A new secret at `path`, unless there is one.
    fn generate_once(&self, path: &FilePath) -> Result<(), KeyDirError> {
        if files::is_there(path)? {
            return Ok(());
        }
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyDirError::Random(error.to_string()))?;
        // Of two first starts at once one finds the other's key there, whole, and uses it.
        let text = format!("{}\n", hex::encode(seed));
        if let Err(error) = files::create_secret(path, text.as_bytes())
            && !files::is_there(path)?
        {
            return Err(error.into());
        }
        // Durable before it signs, also where another start has just made it: a crash could lose it otherwise, and
        // leave logs that it signed.
        files::sync_folder(&self.path)?;
        Ok(())
    }
}

fn make_key_folder(folder: &FilePath) -> Result<(), KeyDirError> {
    made_folder(folder, 0o700).map_err(KeyDirError::Folder)
}

/// Makes a folder of keys, or checks that it is apart from the data directory `data` and that its owner alone can
/// change what is in it.
fn guard_key_folder(folder: &FilePath, data: &FilePath) -> Result<(), KeyDirError> {
    make_key_folder(folder)?;
    // Links are resolved first: a link out of the data directory is fine, and a link into it is not, since what
    // counts is where the bytes are.
    let real = folder.real().map_err(FileError::at("find", folder))?;
    let data = data.real().map_err(FileError::at("find", data))?;
    if real.starts_with(&data) {
        return Err(KeyDirError::InData {
            path: real.display().to_string(),
            data: data.display().to_string(),
        });
    }
    guard_writers(folder)
}

/// Checks that nobody but its owner can change what is in a folder.
fn guard_writers(folder: &FilePath) -> Result<(), KeyDirError> {
    guarded_folder(folder, FolderWriters::Owner).map_err(|error| {
        if let FolderError::Open { path, mode, .. } = error {
            return KeyDirError::FolderOpen { path, mode };
        }
        KeyDirError::Folder(error)
    })
}

/// The public key in a file of 64 hex digits.
///
/// # Errors
///
/// Returns [`KeyDirError`] if the file cannot be read or holds something else.
pub fn read_public(path: &(impl AsFilePath + ?Sized)) -> Result<[u8; 32], KeyDirError> {
    parse(path, &files::read_plain(path, KEY_BYTES_MAX)?)
}

fn read_secret(path: &FilePath) -> Result<[u8; 32], KeyDirError> {
    // Checked at every use and not only at creation: a restored backup or a careless chmod opens the key to other
    // users, who could then sign false histories.
    let file = files::open_plain(path)?;
    // Of the file that is read: one that takes its place later is another one.
    let found = file.metadata().map_err(FileError::at("read", path))?;
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyDirError::Open {
            path: path.display().to_string(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(KEY_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(FileError::at("read", path))?;
    parse(path, &bytes)
}

fn parse(path: &(impl AsFilePath + ?Sized), bytes: &[u8]) -> Result<[u8; 32], KeyDirError> {
    let mut key = [0; 32];
    hex::decode_to_slice(bytes.trim_ascii(), &mut key).map_err(|_| KeyDirError::Malformed {
        path: path.whole().display().to_string(),
    })?;
    Ok(key)
}

/// 32 random hex digits, for names that must be unique.
///
/// # Errors
///
/// Returns [`KeyDirError`] if the operating system gave no random bytes.
pub fn random_hex() -> Result<String, KeyDirError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| KeyDirError::Random(error.to_string()))?;
    Ok(hex::encode(bytes))
}

/// One signer shared by several logs.
#[derive(Clone)]
pub struct SharedSigner(Arc<Mutex<Box<dyn LogSigner + Send>>>);

impl SharedSigner {
    /// Shares the signer.
    #[must_use]
    pub fn new(signer: Box<dyn LogSigner + Send>) -> Self {
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

impl LogSigner for SharedSigner {
    fn salts(&self, origin: &str) -> LogSalts {
        let signer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signer.salts(origin)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_is_made_only_where_no_other_has_signed() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(&folder.path().join("data")).unwrap();
        let dir = |name: &str| KeyDir::new(folder.path().join(name)).for_data(&data);
        // Nothing is signed yet, and the second use finds the key of the first.
        let key = dir("keys").signer().unwrap().verifying_key();
        assert_eq!(dir("keys").signer().unwrap().verifying_key(), key);
        // A folder with the public half alone is for verifying: a new key in it would sign logs that its
        // public half does not verify.
        let public = fs::read(dir("keys").path().join(PUBLIC_FILE)).unwrap();
        fs::create_dir(dir("auditor").path()).unwrap();
        fs::write(dir("auditor").path().join(PUBLIC_FILE), &public).unwrap();
        let error = dir("auditor").signer().unwrap_err();
        assert!(
            matches!(error, KeyDirError::SecretMissing { .. }),
            "{error}"
        );
        let kept = fs::read(dir("auditor").path().join(PUBLIC_FILE)).unwrap();
        assert_eq!(kept, public);
        assert!(!dir("auditor").path().join(SECRET_FILE).path().exists());
        // Nor does an empty folder where a journal or a ledger is.
        let ledger = data.root().join("ledger/desk.ledger");
        let journal = data.root().join("runs/00/1/journal");
        for signed in [ledger, journal] {
            fs::create_dir_all(signed.parent().unwrap()).unwrap();
            fs::write(&signed, "signed").unwrap();
            let error = dir("empty").signer().unwrap_err();
            assert!(matches!(error, KeyDirError::SignedBefore { .. }), "{error}");
            assert!(!dir("empty").path().path().exists());
            fs::remove_file(&signed).unwrap();
        }
        dir("empty").signer().unwrap();
    }
}
