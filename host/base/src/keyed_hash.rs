//! HMAC-SHA256 under a key of 32 bytes. It must never know what is authenticated.

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;

/// HMAC-SHA256 under this key, with nothing in it yet.
///
/// Source: RFC 2104.
#[must_use]
pub fn keyed_hash(key: &[u8; 32]) -> Hmac<Sha256> {
    // RFC 2104 pads a key that is shorter than a block with zeros. Given at that length it cannot be refused.
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new(&block.into())
}
