//! An Ed25519 public key as a value that prints itself and checks signatures. It must never know whose it is.

use core::fmt;

/// An Ed25519 public key, shown as hex.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Whether `signature` over `message` is by this key. A key of small order, under which one
    /// signature fits many messages, has signed nothing.
    ///
    /// Source: RFC 8032 section 5.1.7.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        // Strict: the lax check lets keys and commitments of small order pass, under which one signature verifies for
        // many messages.
        ed25519_dalek::VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }

    /// Whether anything could be signed by this key.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).is_ok_and(|key| !key.is_weak())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
