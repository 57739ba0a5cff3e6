//! The log's public key as an auditor gets it: a file of 32 bytes in one of four spellings.
//! Where the key came from, and whether to trust it, is the auditor's own business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_journal::public_key::PublicKey;

/// Why a key file holds no usable key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    #[error(
        "no public key in the key file: expected a line name+id+key, or 32 bytes as 64 hex digits, as base64, or \
         raw"
    )]
    Spelling,
    #[error("unusable public key in the key file: {0}")]
    Key(#[from] VerifierKeyError),
}

/// The Ed25519 public key in a file: a line `name+id+key` (of which only the key counts), 64 hex digits, base64, or
/// the 32 bytes themselves.
///
/// # Errors
///
/// Returns [`KeyFileError`] if it is in another form, or if no signature can be verified with the key.
pub fn parse_key_file(file: &[u8]) -> Result<PublicKey, KeyFileError> {
    let text = core::str::from_utf8(file).ok().map(str::trim);
    let bytes = match text {
        // Base64 may hold a plus as well. Read as a key line it would be refused, and a good key with it.
        Some(line) if line.contains('+') && !is_base64_key(line) => {
            *VerifierKey::parse(line)?.public_key()
        }
        Some(line) => spelled(line)
            .or_else(|| file.try_into().ok())
            .ok_or(KeyFileError::Spelling)?,
        None => file.try_into().map_err(|_| KeyFileError::Spelling)?,
    };
    // Under a key of small order one signature fits many messages, so that the writer of the journal could have
    // signed anything afterwards: it is refused here, before a verdict names it. Any key name does for the check.
    VerifierKey::new("key", &bytes)?;
    Ok(PublicKey(bytes))
}

/// The verifier key of the log of this origin: a log's key is named like its origin.
///
/// # Errors
///
/// Returns [`VerifierKeyError`] if the origin cannot be a key's name, or no signature can be verified with the key.
pub(crate) fn log_key(key: &PublicKey, origin: &str) -> Result<VerifierKey, VerifierKeyError> {
    VerifierKey::new(origin, &key.0)
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
            assert_eq!(parse_key_file(&file), Ok(PublicKey(bytes)));
        }
        for file in [
            &b""[..],
            b"key",
            b"a+b+c",
            &[0; 32],
            &[0xff; 31],
            &[b'0'; 64],
        ] {
            assert!(parse_key_file(file).is_err(), "{file:?}");
        }
    }
}
