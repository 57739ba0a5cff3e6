//! Who can sign: a key in memory, or a device that never shows its key. Nothing here knows
//! what is signed.

use alloc::string::String;
use core::fmt;

use ed25519_dalek::{Signer as _, SigningKey};

use crate::key::VerifierKeyError;

/// Why nothing was signed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    #[error("cannot sign under this name")]
    Name(#[from] VerifierKeyError),
    #[error("a note's text ends in a newline and holds no other control character")]
    Text,
    #[error("the time {time} is beyond 2^63 - 1")]
    Time { time: u64 },
    #[error("the signer did not sign: {reason}")]
    Unavailable { reason: String },
}

/// The holder of an Ed25519 key: memory, a hardware module, a key management service.
pub trait Signer {
    /// The public key that the signatures verify with.
    fn verifying_key(&self) -> [u8; 32];

    /// The Ed25519 signature over `message`.
    ///
    /// # Errors
    ///
    /// Returns [`SignError::Unavailable`] if the holder of the key did not sign.
    ///
    /// Source: RFC 8032 section 5.1.6.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// A key in memory, wiped when dropped.
#[derive(Clone)]
pub struct Ed25519Signer {
    key: SigningKey,
}

impl Ed25519Signer {
    /// The signer of a 32-byte seed. The caller wipes the seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self {
            key: SigningKey::from_bytes(seed),
        }
    }
}

impl Signer for Ed25519Signer {
    fn verifying_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.key.sign(message).to_bytes())
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Signer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds only if dropping a `T` wipes it.
    const fn wiped_on_drop<T: zeroize::ZeroizeOnDrop>() {}

    #[test]
    fn a_signer_signs_like_the_specification_and_shows_nothing() {
        const { wiped_on_drop::<SigningKey>() };
        // Source: RFC 8032 section 7.1, test 1.
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec,
            0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03,
            0x1c, 0xae, 0x7f, 0x60,
        ];
        let signer = Ed25519Signer::from_seed(&seed);
        assert!(
            signer
                .verifying_key()
                .starts_with(&[0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1])
        );
        assert!(
            signer
                .sign(b"")
                .unwrap()
                .starts_with(&[0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60])
        );
        assert_eq!(std::format!("{signer:?}"), "Ed25519Signer { .. }");
    }
}
