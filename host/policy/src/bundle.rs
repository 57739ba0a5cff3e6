//! A policy bundle: a folder of Rego files and one data file, and the canonical encoding that its digest is taken
//! of. It must never know what the files mean.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use counterfoil_trading::cbor::{self, CborError, CborReader};

use counterfoil_base::digest::Digest;

/// The first item of a bundle's encoding.
pub const FORMAT: &str = "counterfoil/policy-bundle/1";
/// The largest bundle, in bytes of its encoding: the starter bundle has some ten thousand.
pub const BUNDLE_BYTES_MAX: usize = 1 << 20;
/// The most files of a bundle.
pub const FILES_MAX: usize = 256;
/// The most parts of a file's path in the bundle: a deeper file is a mistake, or a loop of mounts.
const DEPTH_MAX: usize = 8;
/// The name of the data file, in the bundle's own folder.
pub const DATA_FILE: &str = "data.json";
/// The ending of the name of a file with policy or tests.
const POLICY_END: &str = ".rego";
/// The ending of the name of a file with tests.
const TEST_END: &str = "_test.rego";

/// The place of a bundle that was not read from a folder.
const UNREAD: &str = "the policy bundle";

/// Why the files are not a policy bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A folder without a policy file, or none at all.
    #[error("no policy in {place}; `counterfoil policy init` writes a starter policy")]
    Missing {
        /// The folder, or "the policy bundle" where it was not read from a folder.
        place: String,
    },
    #[error("cannot read {path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("{path} does not belong in a policy bundle: {why}")]
    File { path: String, why: &'static str },
    #[error(
        "{place} has more than {FILES_MAX} files; remove what is not policy, or name another folder"
    )]
    Files {
        /// As in [`BundleError::Missing`].
        place: String,
    },
    #[error(
        "{place} has {bytes} bytes of policy or more, and at most {BUNDLE_BYTES_MAX} are allowed; remove what is \
         not policy"
    )]
    TooLarge {
        /// As in [`BundleError::Missing`].
        place: String,
        bytes: usize,
    },
    #[error("malformed policy bundle: {0}")]
    Form(#[from] CborError),
    #[error("malformed policy bundle: not the canonical encoding of {FORMAT}")]
    Other,
}

/// A policy bundle: files by their path in it, with `/` between the parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bundle {
    files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// A bundle of these files.
    ///
    /// # Errors
    ///
    /// Returns [`BundleError`] if a file does not belong in a bundle, or there are none or too many.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Result<Self, BundleError> {
        Self::checked(files, UNREAD)
    }

    /// A bundle of these files, which come from `place`.
    fn checked(files: BTreeMap<String, Vec<u8>>, place: &str) -> Result<Self, BundleError> {
        let place = || place.to_owned();
        for path in files.keys() {
            check_path(path)?;
        }
        // A bundle without a policy would be undefined at every gate, which reads like a policy that refuses.
        if !files.keys().any(|path| is_policy(path)) {
            return Err(BundleError::Missing { place: place() });
        }
        if files.len() > FILES_MAX {
            return Err(BundleError::Files { place: place() });
        }
        // The encoding is measured, not the files: it is what the archive stores and the evaluating process
        // reads.
        let bundle = Self { files };
        let bytes = bundle.encode().len();
        if bytes > BUNDLE_BYTES_MAX {
            let place = place();
            return Err(BundleError::TooLarge { place, bytes });
        }
        Ok(bundle)
    }

    /// The bundle in a folder. Hidden files are skipped; any other file that does not belong in a bundle is
    /// refused, so that a policy file with a mistyped name is not left out unnoticed.
    ///
    /// # Errors
    ///
    /// Returns [`BundleError`] that names the file or the folder.
    pub fn read(folder: &Path) -> Result<Self, BundleError> {
        let place = folder.display().to_string();
        let mut walk = BundleWalk {
            place: place.clone(),
            files: BTreeMap::new(),
            bytes: 0,
        };
        // Not through a link: what it points to can change between the check and the read.
        match fs::symlink_metadata(folder) {
            Ok(found) if found.is_dir() => walk.folder(folder, "", 0)?,
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(io_error(folder)(source));
            }
            Ok(_) | Err(_) => {}
        }
        if !walk.files.keys().any(|path| is_policy(path)) {
            return Err(BundleError::Missing { place });
        }
        Self::checked(walk.files, &place)
    }

    /// The canonical encoding: deterministic CBOR (RFC 8949, 4.2.1) of
    /// `["counterfoil/policy-bundle/1", [+ [path: tstr, content: bstr]]]`, the files in the order
    /// of their paths' bytes, each path once.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        cbor::put_array(&mut out, 2);
        cbor::put_text(&mut out, FORMAT);
        cbor::put_array(&mut out, self.files.len());
        for (path, content) in &self.files {
            cbor::put_array(&mut out, 2);
            cbor::put_text(&mut out, path);
            cbor::put_bytes(&mut out, content);
        }
        out
    }

    /// Decodes a bundle from its canonical encoding.
    ///
    /// # Errors
    ///
    /// Returns [`BundleError`] if the bytes are not exactly what [`Bundle::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        // Before anything is decoded: the bytes come from a folder that other processes can write.
        let place = || UNREAD.to_owned();
        if bytes.len() > BUNDLE_BYTES_MAX {
            let (place, bytes) = (place(), bytes.len());
            return Err(BundleError::TooLarge { place, bytes });
        }
        let mut reader = CborReader::new(bytes);
        reader.array_of(2, "a policy bundle")?;
        let format = reader.text()?;
        let count = reader.array()?;
        if count > FILES_MAX {
            return Err(BundleError::Files { place: place() });
        }
        let mut files = BTreeMap::new();
        for _ in 0..count {
            reader.array_of(2, "a file of a policy bundle")?;
            let path = reader.text()?;
            files.insert(path, reader.byte_string()?.to_vec());
        }
        let bundle = Self::new(files)?;
        // Encoded again and compared: a second encoding of the same files would be a second digest of one policy.
        if format != FORMAT || bundle.encode() != bytes {
            return Err(BundleError::Other);
        }
        Ok(bundle)
    }

    /// SHA-256 of the canonical encoding.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// Every file, by path.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// The files with policy: no tests, no data.
    pub fn policies(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        self.files.iter().filter(|(path, _)| is_policy(path))
    }

    /// The files with tests.
    pub fn tests(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        self.files.iter().filter(|(path, _)| is_test(path))
    }

    /// The data file.
    #[must_use]
    pub fn data(&self) -> Option<&Vec<u8>> {
        self.files.get(DATA_FILE)
    }
}

fn is_test(path: &str) -> bool {
    path.ends_with(TEST_END)
}

fn is_policy(path: &str) -> bool {
    path.ends_with(POLICY_END) && !is_test(path)
}

/// Checks a file's path in a bundle: one spelling on every system, without escaping.
fn check_path(path: &str) -> Result<(), BundleError> {
    let wrong = |why| {
        let path = path.to_owned();
        Err(BundleError::File { path, why })
    };
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    // No empty part and no leading dot: neither an absolute path nor `..` can name a file outside the bundle.
    if !path.split('/').all(plain) {
        return wrong(
            "a name has only ASCII letters, digits and ._-, and must begin without a dot",
        );
    }
    if path.split('/').count() > DEPTH_MAX {
        return wrong("it is too deep in folders");
    }
    if path != DATA_FILE && !path.ends_with(POLICY_END) {
        return wrong("only files *.rego and one data.json belong there");
    }
    Ok(())
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> BundleError + '_ {
    |source| BundleError::Io {
        path: path.display().to_string(),
        source,
    }
}

/// The files found so far. It stops at the limits, whatever the folder holds.
struct BundleWalk {
    /// The bundle's folder.
    place: String,
    files: BTreeMap<String, Vec<u8>>,
    bytes: usize,
}

impl BundleWalk {
    fn folder(&mut self, folder: &Path, before: &str, depth: usize) -> Result<(), BundleError> {
        for entry in fs::read_dir(folder).map_err(io_error(folder))? {
            let entry = entry.map_err(io_error(folder))?;
            let full = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            // Editors and version control leave such files; a policy never depends on one.
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{before}{name}");
            let kind = entry.file_type().map_err(io_error(&full))?;
            // The depth is bounded because a folder can be mounted into itself.
            if kind.is_dir() && depth < DEPTH_MAX {
                self.folder(&full, &format!("{path}/"), depth + 1)?;
            } else if kind.is_file() {
                check_path(&path)?;
                self.file(&full, path)?;
            } else {
                let why = "it is a link or a special file, or is too deep in folders";
                return Err(BundleError::File { path, why });
            }
        }
        Ok(())
    }

    fn file(&mut self, full: &Path, path: String) -> Result<(), BundleError> {
        use std::io::Read as _;
        // The length in the folder is not trusted: a file can grow while it is read, and a device has no end.
        let most = u64::try_from(BUNDLE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut content = Vec::new();
        fs::File::open(full)
            .and_then(|file| file.take(most).read_to_end(&mut content))
            .map_err(io_error(full))?;
        self.bytes += content.len();
        if self.bytes >= BUNDLE_BYTES_MAX {
            let (place, bytes) = (self.place.clone(), self.bytes);
            return Err(BundleError::TooLarge { place, bytes });
        }
        self.files.insert(path, content);
        // Checked file by file: a folder with a million files must not be read to its end first.
        if self.files.len() > FILES_MAX {
            let place = self.place.clone();
            return Err(BundleError::Files { place });
        }
        Ok(())
    }
}
