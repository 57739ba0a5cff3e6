//! The decision digest: what backtest, live, replay and every back end must agree on.

use counterfoil_base::digest::Digest;
use sha2::{Digest as _, Sha256};

/// A running SHA-256 over deterministic parts, each behind its length as four bytes, big-endian.
#[derive(Clone, Debug, Default)]
pub struct DecisionDigest {
    hasher: Sha256,
}

impl DecisionDigest {
    /// Adds one part.
    pub fn add(&mut self, part: &[u8]) {
        // An entry holds at most 65,535 bytes, so the length always fits.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        // The length separates the parts: without it the same bytes, cut elsewhere, would give the same
        // digest.
        self.hasher.update(length.to_be_bytes());
        self.hasher.update(part);
    }

    /// The digest of all parts so far.
    #[must_use]
    pub fn value(&self) -> Digest {
        Digest::finish(self.hasher.clone())
    }
}
