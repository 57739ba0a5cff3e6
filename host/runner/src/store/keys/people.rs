//! Personal signing keys: one file per key, apart from the data, readable by its owner only, and used through the
//! journal's `Signer` trait, which a key service or a hardware key can implement. It must never know what a principal
//! may do.

use counterfoil_journal::signer::{Ed25519Signer, Signer};
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};

use super::{KeyDir, KeyDirError, guard_key_folder, read_secret};

/// The folder of personal keys in the key folder.
pub const PEOPLE_FOLDER: &str = "people";
/// The extension of a key file.
const ENDING: &str = ".key";

/// The folder with personal keys.
#[derive(Clone, Debug)]
pub struct PeopleKeys {
    folder: FilePath,
}

/// A key in the folder.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PersonKey {
    /// The principal's name, in its one form.
    pub name: String,
    pub public: [u8; 32],
}

impl PeopleKeys {
    /// The folder below `keys`, created if it is missing.
    ///
    /// # Errors
    ///
    /// Returns [`KeyDirError`] if other users can write to it, or if it is in the data directory `data`, copies of which
    /// are given to auditors.
    pub fn open(keys: &KeyDir, data: &FilePath) -> Result<Self, KeyDirError> {
        let folder = keys.path().join(PEOPLE_FOLDER);
        // The folder above too: a user who can write there can exchange the whole folder for one with keys of their
        // own.
        guard_key_folder(keys.path(), data)?;
        guard_key_folder(&folder, data)?;
        // By a link within the key folder it is in another one than the one above.
        let real = folder.real().map_err(FileError::at("find", &folder))?;
        if let Some(above) = real.parent() {
            guard_key_folder(&FilePath::folder(above), data)?;
        }
        Ok(Self { folder })
    }

    /// The folder below `keys` for inspection, not for signing: its permissions are not checked.
    #[must_use]
    pub fn unchecked(keys: &KeyDir) -> Self {
        let folder = keys.path().join(PEOPLE_FOLDER);
        Self { folder }
    }

    /// Generates a key for `name` and returns the public key.
    ///
    /// # Errors
    ///
    /// Returns [`KeyDirError`] if the name cannot be part of a file name, or the file cannot be written.
    pub fn make(&self, name: &str) -> Result<[u8; 32], KeyDirError> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyDirError::Random(error.to_string()))?;
        let public = Ed25519Signer::from_seed(&seed).verifying_key();
        let path = self.path(name, &public)?;
        // Written under a temporary name that only the owner can read, synced, then renamed: the ledger takes in the
        // public key after this returns, so a key that principals act with is never half a file. An existing key is
        // never replaced.
        files::create_secret(&path, format!("{}\n", hex::encode(seed)).as_bytes())?;
        Ok(public)
    }

    /// All keys in the folder, by name.
    ///
    /// # Errors
    ///
    /// Returns [`KeyDirError`] if the folder cannot be read.
    pub fn all(&self) -> Result<Vec<PersonKey>, KeyDirError> {
        let mut all = Vec::new();
        for name in files::names_in(&self.folder)? {
            all.extend(parse_name(&name));
        }
        all.sort();
        Ok(all)
    }

    /// The signer with this key of `name`.
    ///
    /// # Errors
    ///
    /// Returns [`KeyDirError`] if the file is missing, is readable by other users, or holds another key.
    pub fn signer(
        &self,
        name: &str,
        public: &[u8; 32],
    ) -> Result<Box<dyn Signer + Send>, KeyDirError> {
        let path = self.path(name, public)?;
        let signer = Ed25519Signer::from_seed(&read_secret(&path)?);
        // The name of the file is only a claim. With a copied file under another principal's name, acts would be
        // signed by one key and recorded as another's.
        if signer.verifying_key() != *public {
            return Err(KeyDirError::Malformed {
                path: path.display().to_string(),
            });
        }
        Ok(Box::new(signer))
    }

    /// The file of a key.
    ///
    /// # Errors
    ///
    /// Returns [`KeyDirError`] if the name cannot be part of a file name.
    pub fn path(&self, name: &str, public: &[u8; 32]) -> Result<FilePath, KeyDirError> {
        let file = format!("{name}.{}{ENDING}", hex::encode(public));
        // A slash would lead out of the folder whose permissions were checked.
        let plain = !name.is_empty() && !name.contains(['/', '\0']);
        if !plain {
            return Err(KeyDirError::Name {
                name: name.to_owned(),
            });
        }
        Ok(self.folder.join(file))
    }
}

fn parse_name(file: &str) -> Option<PersonKey> {
    let (name, digits) = file.strip_suffix(ENDING)?.rsplit_once('.')?;
    let mut public = [0; 32];
    hex::decode_to_slice(digits, &mut public).ok()?;
    let name = name.to_owned();
    Some(PersonKey { name, public })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn place() -> (tempfile::TempDir, KeyDir, FilePath) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let keys = KeyDir::new(folder.path().join("keys"));
        let data = FilePath::folder(data);
        (folder, keys, data)
    }

    fn mode(path: &FilePath, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_is_for_its_owner_only_and_signs_for_its_name() {
        let (_folder, keys, data) = place();
        let people = PeopleKeys::open(&keys, &data).unwrap();
        let (first, second) = (people.make("bob").unwrap(), people.make("bob").unwrap());
        assert_ne!(first, second, "every key is new");
        let all = people.all().unwrap();
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|key| key.name == "bob"));
        assert_eq!(
            people.signer("bob", &first).unwrap().verifying_key(),
            first,
            "the file's name states which key it holds"
        );
        let path = people.path("bob", &first).unwrap();
        let found = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, 0o600);
        for open in [0o640, 0o604, 0o660] {
            mode(&path, open);
            let Err(error) = people.signer("bob", &first) else {
                panic!("a key that other users can read was used");
            };
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        // The file of one key under the name of another.
        mode(&path, 0o600);
        fs::copy(&path, people.path("bob", &second).unwrap()).unwrap();
        assert!(people.signer("bob", &second).is_err());
        assert!(people.signer("carol", &first).is_err());
    }

    #[test]
    fn a_folder_that_others_can_write_or_that_is_part_of_the_data_is_refused() {
        let (_folder, keys, data) = place();
        PeopleKeys::open(&keys, &data).unwrap();
        for folder in [keys.path().clone(), keys.path().join(PEOPLE_FOLDER)] {
            mode(&folder, 0o770);
            let error = PeopleKeys::open(&keys, &data).unwrap_err();
            assert!(error.to_string().contains("chmod go-w"), "{error}");
            mode(&folder, 0o700);
        }
        PeopleKeys::open(&keys, &data).unwrap();
        let inside = KeyDir::new(data.path().join("keys"));
        let error = PeopleKeys::open(&inside, &data).unwrap_err();
        assert!(matches!(error, KeyDirError::InData { .. }), "{error}");
        // Through a link too.
        let link = data.path().parent().unwrap().join("link");
        std::os::unix::fs::symlink(&data, &link).unwrap();
        let error = PeopleKeys::open(&KeyDir::new(link.join("keys")), &data).unwrap_err();
        assert!(matches!(error, KeyDirError::InData { .. }), "{error}");
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        let (_folder, keys, data) = place();
        let people = PeopleKeys::open(&keys, &data).unwrap();
        for name in ["", "../bob", "a/b", "a\0b"] {
            assert!(people.make(name).is_err(), "{name:?}");
        }
        // Dots are letters like others: the file's name continues after them.
        people.make("..").unwrap();
        people.make("b.o.b").unwrap();
        let names: Vec<String> = people
            .all()
            .unwrap()
            .into_iter()
            .map(|key| key.name)
            .collect();
        assert_eq!(names, ["..", "b.o.b"]);
    }
}
