//! Digests of beginnings of a ledger's bytes, each byte hashed once where that can be: a mark, what was seen before and
//! the end of the ledger are three lengths of nearly all of it. What the bytes mean is not known here.

use counterfoil_base::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::LedgerMark;

/// The digests of the first bytes of a ledger, by their number.
#[derive(Clone, Debug)]
pub struct PrefixDigests<'a> {
    bytes: &'a [u8],
    /// What was hashed, the shortest first.
    hashed: Vec<(usize, Sha256)>,
}

impl<'a> PrefixDigests<'a> {
    /// Nothing hashed yet.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            hashed: Vec::new(),
        }
    }

    /// All bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The first `length` bytes, hashed; `None` if there are fewer.
    pub(super) fn hashed(&mut self, length: u64) -> Option<Sha256> {
        let length = usize::try_from(length).ok()?;
        let place = self.hashed.partition_point(|(before, _)| *before <= length);
        let nearest = place.checked_sub(1).and_then(|at| self.hashed.get(at));
        let (start, mut hash) = nearest.cloned().unwrap_or_default();
        if start == length && place > 0 {
            return Some(hash);
        }
        hash.update(self.bytes.get(start..length)?);
        self.hashed.insert(place, (length, hash.clone()));
        Some(hash)
    }

    /// Whether the bytes begin with those that a mark was made of.
    pub fn begin_with(&mut self, mark: &LedgerMark) -> bool {
        self.hashed(mark.length)
            .is_some_and(|hash| Digest::finish(hash) == mark.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_beginning_has_its_digest_whatever_was_asked_before(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            lengths in proptest::collection::vec(0_usize..320, 0..12),
        ) {
            let mut digests = PrefixDigests::new(&bytes);
            for length in lengths {
                let found = digests.hashed(u64::try_from(length).unwrap()).map(Digest::finish);
                prop_assert_eq!(found, bytes.get(..length).map(Digest::of));
            }
        }
    }
}
