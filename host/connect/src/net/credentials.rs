//! A key and its secret, from a file that only its owner can read or from the environment. It must
//! never show the secret: neither in a debug text nor in an error.

use core::fmt;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde::Deserialize;

use crate::net::secret::SecretText;

/// Names of the headers that carry the key and the secret.
///
/// Source: "Authentication" of the Alpaca API documentation.
pub const KEY_HEADERS: [&str; 2] = ["apca-api-key-id", "apca-api-secret-key"];

/// The most bytes of a credentials file.
const FILE_BYTES_MAX: u64 = 4 << 10;

/// A key's name and its secret.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    key: String,
    secret: String,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    /// The file can be read by others.
    #[error(
        "{path} is readable by other users (mode {mode:o}); run `chmod 600 {path}`, and replace the key: others may have read it"
    )]
    Open { path: String, mode: u32 },
    /// The file holds something else.
    #[error("{path} is not a credentials file; expected {{\"key\": \"...\", \"secret\": \"...\"}}")]
    Malformed { path: String },
    /// A variable is not set.
    #[error("environment variable {name} is not set")]
    Variable { name: String },
    /// Key or secret is empty or contains something other than visible ASCII.
    #[error("invalid key or secret: use visible ASCII characters only, at least one")]
    Letters,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialsFile {
    key: String,
    secret: String,
}

impl Credentials {
    /// Credentials of a key and its secret.
    ///
    /// # Errors
    ///
    /// Returns [`CredentialsError::Letters`] if one of them cannot be a header value.
    pub fn new(key: &str, secret: &str) -> Result<Self, CredentialsError> {
        // A line end in a key would add a header of its own to every request.
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if !plain(key) || !plain(secret) {
            return Err(CredentialsError::Letters);
        }
        Ok(Self {
            key: key.to_owned(),
            secret: secret.to_owned(),
        })
    }

    /// The key's name; not the secret.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Reads credentials from a file: `{"key": "...", "secret": "..."}`, readable by its owner
    /// only.
    ///
    /// # Errors
    ///
    /// Returns [`CredentialsError`] if the file cannot be read, is readable by others or holds
    /// something else.
    pub fn from_file(path: &Path) -> Result<Self, CredentialsError> {
        let name = path.display().to_string();
        let failed = |source| CredentialsError::File {
            path: name.clone(),
            source,
        };
        // The permissions of the open file, not of its path: between two look-ups of the path
        // another file could take its place.
        let file = std::fs::File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(CredentialsError::Open { path: name, mode });
        }
        let mut text = String::new();
        // Bounded: the path may name a device or another large file by mistake.
        file.take(FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
        // Without the parser's own error, which would repeat what it read.
        let held: CredentialsFile =
            serde_json::from_str(&text).map_err(|_| CredentialsError::Malformed { path: name })?;
        Self::new(&held.key, &held.secret)
    }

    /// The credentials in two variables, as `lookup` finds them.
    ///
    /// # Errors
    ///
    /// Returns [`CredentialsError::Variable`] if one is not set.
    pub fn from_variables(
        [key, secret]: [&str; 2],
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialsError> {
        let get = |name: &str| {
            lookup(name).ok_or_else(|| CredentialsError::Variable {
                name: name.to_owned(),
            })
        };
        Self::new(&get(key)?, &get(secret)?)
    }

    /// Key and secret, for the one message that must contain them.
    pub(crate) fn reveal(&self) -> [&str; 2] {
        [&self.key, &self.secret]
    }

    /// The headers of a request.
    pub(crate) fn headers(&self) -> Vec<(&'static str, SecretText)> {
        let [key, secret] = KEY_HEADERS;
        vec![
            (key, SecretText(self.key.clone())),
            (secret, SecretText(self.secret.clone())),
        ]
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};

    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_refused_and_nothing_shows_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alpaca.json");
        write(&path, r#"{"key":"PK1","secret":"hush"}"#).unwrap();
        set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let error = Credentials::from_file(&path).unwrap_err();
        assert!(error.to_string().contains("mode 640"), "{error}");
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let credentials = Credentials::from_file(&path).unwrap();
        assert_eq!(credentials.reveal(), ["PK1", "hush"]);
        let shown = format!("{credentials:?} {:?}", credentials.headers());
        assert!(!shown.contains("hush") && !shown.contains("PK1"), "{shown}");
        write(&path, r#"{"key":"PK1","secret":["hush"]}"#).unwrap();
        let error = Credentials::from_file(&path).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"));
    }

    #[test]
    fn variables_are_asked_by_name() {
        let lookup = |name: &str| (name == "K").then(|| "key".to_owned());
        let error = Credentials::from_variables(["K", "S"], lookup).unwrap_err();
        assert_eq!(error.to_string(), "environment variable S is not set");
        let both = Credentials::from_variables(["K", "K"], lookup).unwrap();
        assert_eq!(both.reveal(), ["key", "key"]);
        assert!(Credentials::new("a\r\nb", "c").is_err());
        assert!(Credentials::new("a", "").is_err());
    }
}
