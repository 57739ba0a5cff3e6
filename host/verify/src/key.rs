//! The log's public key as an auditor gets it: a file of 32 bytes in one of four spellings.
//! Where the key came from, and whether to trust it, is the auditor's own business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_journal::key::{KeyError, VerifierKey};

/// The Ed25519 public key that a log's checkpoints are signed with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PublicKey([u8; 32]);

/// Why a key file holds no key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// None of the spellings fits.
    #[error(
        "the key file holds no key: expected a line name+id+key, or 32 bytes as 64 hex digits, as \
         base64, or raw"
    )]
    Spelling,
    /// The line looks like a verifier key and is none, or the key is not usable.
    #[error("the key file's key is refused: {0}")]
    Key(#[from] KeyError),
}

impl PublicKey {
    /// The key in a file: a line `name+id+key` (of which only the key counts), 64 hex digits,
    /// base64, or the 32 bytes themselves.
    ///
    /// # Errors
    ///
    /// Returns [`PublicKeyError`] if it is none of them, or no key that can be verified with.
    pub fn parse(file: &[u8]) -> Result<Self, PublicKeyError> {
        let text = core::str::from_utf8(file).ok().map(str::trim);
        let bytes = match text {
            Some(line) if line.contains('+') && !is_base64_key(line) => {
                *VerifierKey::parse(line)?.public_key()
            }
            Some(line) => spelled(line)
                .or_else(|| file.try_into().ok())
                .ok_or(PublicKeyError::Spelling)?,
            None => file.try_into().map_err(|_| PublicKeyError::Spelling)?,
        };
        Self::new(bytes)
    }

    /// The key of these 32 bytes.
    ///
    /// # Errors
    ///
    /// Returns [`PublicKeyError::Key`] if no signature can be verified with it.
    pub fn new(bytes: [u8; 32]) -> Result<Self, PublicKeyError> {
        // Any name will do to see whether the key is usable.
        VerifierKey::new("key", &bytes)?;
        Ok(Self(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of the log of this origin: a log's key is named like its origin.
    pub(crate) fn of_log(&self, origin: &str) -> Result<VerifierKey, KeyError> {
        VerifierKey::new(origin, &self.0)
    }
}

fn is_base64_key(line: &str) -> bool {
    STANDARD.decode(line).is_ok_and(|bytes| bytes.len() == 32)
}

fn spelled(line: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex::decode_to_slice(line, &mut bytes).is_ok() {
        return Some(bytes);
    }
    STANDARD.decode(line).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use counterfoil_journal::signer::{Ed25519Signer, Signer as _};

    use super::*;

    #[test]
    fn a_key_reads_in_all_four_spellings_and_nothing_else() {
        let bytes = Ed25519Signer::from_seed(&[7; 32]).verifying_key();
        let vkey = VerifierKey::new("another/log", &bytes).unwrap().to_string();
        let spellings = [
            bytes.to_vec(),
            hex::encode(bytes).into_bytes(),
            format!("{}\n", STANDARD.encode(bytes)).into_bytes(),
            format!("{vkey}\n").into_bytes(),
        ];
        for file in spellings {
            assert_eq!(PublicKey::parse(&file).unwrap().bytes(), &bytes);
        }
        for file in [
            &b""[..],
            b"key",
            b"a+b+c",
            &[0; 32],
            &[0xff; 31],
            &[b'0'; 64],
        ] {
            assert!(PublicKey::parse(file).is_err(), "{file:?}");
        }
    }
}
