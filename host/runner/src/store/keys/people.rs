//! The keys that people act with: one file a key, apart from the data, readable by its owner only,
//! and used through the journal's `Signer` trait, which a key service or a hardware key can
//! implement. It must never know what a name may do.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use counterfoil_journal::signer::{Ed25519Signer, Signer};

use super::{KeyDir, KeyError, read_secret};
use counterfoil_os::files::{self, FileError};

/// The folder for them in the key folder.
pub const PEOPLE_FOLDER: &str = "people";
/// What the name of a key's file ends with.
const ENDING: &str = ".key";

/// The folder with the keys of people.
#[derive(Clone, Debug)]
pub struct PeopleKeys {
    folder: PathBuf,
}

/// A key that lies in the folder.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct OwnKey {
    /// Whose it is, in the one form of the name.
    pub name: String,
    /// The public key.
    pub public: [u8; 32],
}

impl PeopleKeys {
    /// The folder below `keys`, made if it is not there.
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if others can write in it, or if it lies in the data directory `data`,
    /// of which copies are made and handed on.
    pub fn open(keys: &KeyDir, data: &Path) -> Result<Self, KeyError> {
        let folder = keys.path().join(PEOPLE_FOLDER);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(FileError::at("create folder", &folder))?;
        // After every link: what counts is where the bytes lie.
        let real = folder
            .canonicalize()
            .map_err(FileError::at("find", &folder))?;
        let data = data.canonicalize().map_err(FileError::at("find", data))?;
        if real.starts_with(&data) {
            return Err(KeyError::InData {
                path: real.display().to_string(),
                data: data.display().to_string(),
            });
        }
        for path in [Some(real.as_path()), real.parent()].into_iter().flatten() {
            let mode = fs::metadata(path)
                .map_err(FileError::at("read", path))?
                .permissions();
            let mode = mode.mode() & 0o7777;
            if mode & 0o022 != 0 {
                let path = path.display().to_string();
                return Err(KeyError::FolderOpen { path, mode });
            }
        }
        Ok(Self { folder })
    }

    /// The folder below `keys`, to look at and not to sign by: whether others can write in it was
    /// not asked.
    pub(crate) fn unchecked(keys: &KeyDir) -> Self {
        let folder = keys.path().join(PEOPLE_FOLDER);
        Self { folder }
    }

    /// Makes a key for `name` and returns the public key.
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if the name cannot be that of a file, or the file cannot be made.
    pub fn make(&self, name: &str) -> Result<[u8; 32], KeyError> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::Random(error.to_string()))?;
        let public = Ed25519Signer::from_seed(&seed).verifying_key();
        let path = self.path(name, &public)?;
        files::create_secret(&path, format!("{}\n", hex::encode(seed)).as_bytes())?;
        Ok(public)
    }

    /// Every key in the folder, by name.
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if the folder cannot be read.
    pub fn all(&self) -> Result<Vec<OwnKey>, KeyError> {
        let mut all = Vec::new();
        for entry in
            fs::read_dir(&self.folder).map_err(FileError::at("read folder", &self.folder))?
        {
            let entry = entry.map_err(FileError::at("read folder", &self.folder))?;
            all.extend(parse_name(&entry.file_name().to_string_lossy()));
        }
        all.sort();
        Ok(all)
    }

    /// Whoever signs with this key of `name`'s.
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if the file is not there, can be read by others, or holds another key.
    pub fn signer(
        &self,
        name: &str,
        public: &[u8; 32],
    ) -> Result<Box<dyn Signer + Send>, KeyError> {
        let path = self.path(name, public)?;
        let signer = Ed25519Signer::from_seed(&read_secret(&path)?);
        if signer.verifying_key() != *public {
            return Err(KeyError::Malformed {
                path: path.display().to_string(),
            });
        }
        Ok(Box::new(signer))
    }

    pub(crate) fn path(&self, name: &str, public: &[u8; 32]) -> Result<PathBuf, KeyError> {
        let file = format!("{name}.{}{ENDING}", hex::encode(public));
        let plain = !name.is_empty() && !name.contains(['/', '\0']);
        if !plain {
            return Err(KeyError::Name {
                name: name.to_owned(),
            });
        }
        Ok(self.folder.join(file))
    }
}

fn parse_name(file: &str) -> Option<OwnKey> {
    let (name, digits) = file.strip_suffix(ENDING)?.rsplit_once('.')?;
    let mut public = [0; 32];
    hex::decode_to_slice(digits, &mut public).ok()?;
    let name = name.to_owned();
    Some(OwnKey { name, public })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, KeyDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let keys = KeyDir::new(folder.path().join("keys"));
        (folder, keys, data)
    }

    fn mode(path: &Path, mode: u32) {
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
            "the file's name says which key it holds"
        );
        let path = people.path("bob", &first).unwrap();
        let found = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, 0o600);
        for open in [0o640, 0o604, 0o660] {
            mode(&path, open);
            let Err(error) = people.signer("bob", &first) else {
                panic!("a key that others can read was used");
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
        for folder in [keys.path().to_path_buf(), keys.path().join(PEOPLE_FOLDER)] {
            mode(&folder, 0o770);
            let error = PeopleKeys::open(&keys, &data).unwrap_err();
            assert!(error.to_string().contains("chmod go-w"), "{error}");
            mode(&folder, 0o700);
        }
        PeopleKeys::open(&keys, &data).unwrap();
        let inside = KeyDir::new(data.join("keys"));
        let error = PeopleKeys::open(&inside, &data).unwrap_err();
        assert!(matches!(error, KeyError::InData { .. }), "{error}");
        // Through a link too.
        let link = data.parent().unwrap().join("link");
        std::os::unix::fs::symlink(&data, &link).unwrap();
        let error = PeopleKeys::open(&KeyDir::new(link.join("keys")), &data).unwrap_err();
        assert!(matches!(error, KeyError::InData { .. }), "{error}");
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        let (_folder, keys, data) = place();
        let people = PeopleKeys::open(&keys, &data).unwrap();
        for name in ["", "../bob", "a/b", "a\0b"] {
            assert!(people.make(name).is_err(), "{name:?}");
        }
        // Dots are letters like others: the file's name goes on behind them.
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
