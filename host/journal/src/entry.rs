//! An entry: its chain link, which is the leaf hash of the entry before it, its salt, and its body. The body is
//! opaque here, and nothing in this file knows where entries are kept.

use alloc::vec::Vec;

use crate::hash::{Hash, leaf_hash};
use crate::salt::{RecordSalt, SALT_BYTES};

/// The most an entry may hold, in bytes: an entry bundle has a 16-bit length.
///
/// Source: C2SP tlog-tiles, log entries.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// The chain link's length in bytes.
pub const LINK_BYTES: usize = 32;

/// The most a body may hold, in bytes.
pub const BODY_BYTES_MAX: usize = ENTRY_BYTES_MAX - HEAD_BYTES;

/// The bytes in front of a body: chain link and salt.
pub const HEAD_BYTES: usize = LINK_BYTES + SALT_BYTES;

/// The chain link of entry 0.
pub const GENESIS: Hash = Hash([0; 32]);

/// Why an entry does not continue a chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    #[error("entry {index} would hold a body of {body_bytes} bytes, more than {BODY_BYTES_MAX}")]
    BodyTooLong { index: u64, body_bytes: usize },
    #[error("entry {index} holds {entry_bytes} bytes, more than {ENTRY_BYTES_MAX}")]
    TooLong { index: u64, entry_bytes: usize },
    #[error(
        "entry {index} holds {entry_bytes} bytes, fewer than its chain link and salt of {HEAD_BYTES}"
    )]
    TooShort { index: u64, entry_bytes: usize },
    #[error(
        "entry {index} does not follow the entry before it: its chain link is {found}, the leaf \
         hash before it is {expected}"
    )]
    LinkBroken {
        index: u64,
        expected: Hash,
        found: Hash,
    },
}

/// The end of a chain of entries: where the next one links to.
///
/// An entry's bytes are the leaf hash of the entry before it ([`GENESIS`] for entry 0), its salt and its body, so that
/// one hash serves chain and tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chain {
    last: Hash,
    size: u64,
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

impl Chain {
    /// A chain without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            last: GENESIS,
            size: 0,
        }
    }

    /// The leaf hash of the last entry, or [`GENESIS`].
    #[must_use]
    pub const fn last(&self) -> Hash {
        self.last
    }

    /// The number of entries so far, which is the index of the next.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The leaf hash of the next entry, whose bytes are appended to `out`.
    ///
    /// # Errors
    ///
    /// Returns [`EntryError::BodyTooLong`], and leaves the chain and `out` as they were.
    pub fn link(
        &mut self,
        salt: RecordSalt,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Hash, EntryError> {
        // Refused before it is linked: an entry that fits no bundle could be signed but never published.
        if body.len() > BODY_BYTES_MAX {
            return Err(EntryError::BodyTooLong {
                index: self.size,
                body_bytes: body.len(),
            });
        }
        let start = out.len();
        out.reserve(body.len().saturating_add(HEAD_BYTES));
        out.extend_from_slice(&self.last.0);
        out.extend_from_slice(&salt.0);
        out.extend_from_slice(body);
        let leaf = leaf_hash(out.split_at(start).1);
        self.advance(leaf);
        Ok(leaf)
    }

    /// The leaf hash and the body of `entry`, which must be the next of this chain.
    ///
    /// # Errors
    ///
    /// Returns an [`EntryError`] if the entry's length is not allowed or its link is not
    /// the last leaf hash; the chain stays as it was.
    pub fn check<'a>(&mut self, entry: &'a [u8]) -> Result<(Hash, &'a [u8]), EntryError> {
        let (link, body) = split(entry, self.size)?;
        // The link is part of the entry's own hash, so a changed entry breaks the next one, and a moved or inserted one
        // breaks at its own place.
        if link != self.last {
            let (index, expected) = (self.size, self.last);
            return Err(EntryError::LinkBroken {
                index,
                expected,
                found: link,
            });
        }
        let leaf = leaf_hash(entry);
        self.advance(leaf);
        Ok((leaf, body))
    }

    /// Skips `entries` entries that were checked elsewhere, the last of which has
    /// the leaf hash `last`.
    pub(crate) fn skip(&mut self, entries: u64, last: Hash) {
        self.last = last;
        // A journal would need 2^64 entries to stop counting here.
        self.size = self.size.saturating_add(entries);
    }

    fn advance(&mut self, leaf: Hash) {
        self.skip(1, leaf);
    }
}

/// The chain link and the body of the entry at `index`, unchecked.
///
/// # Errors
///
/// Returns [`EntryError::TooLong`] or [`EntryError::TooShort`].
pub fn split(entry: &[u8], index: u64) -> Result<(Hash, &[u8]), EntryError> {
    let entry_bytes = entry.len();
    if entry_bytes > ENTRY_BYTES_MAX {
        return Err(EntryError::TooLong { index, entry_bytes });
    }
    // The salt only makes the leaf hash unguessable. A reader needs nothing of it.
    let parts = entry.split_first_chunk::<LINK_BYTES>();
    let Some((link, Some((_salt, body)))) =
        parts.map(|(link, rest)| (link, rest.split_first_chunk::<SALT_BYTES>()))
    else {
        return Err(EntryError::TooShort { index, entry_bytes });
    };
    Ok((Hash(*link), body))
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use super::*;

    #[test]
    fn what_is_linked_checks_and_carries_its_body() {
        let (mut writer, mut reader) = (Chain::new(), Chain::new());
        for body in [&b"one"[..], b"", &vec![7; BODY_BYTES_MAX]] {
            let mut entry = vec![];
            let before = writer.last();
            let leaf = writer.link(RecordSalt([9; 16]), body, &mut entry).unwrap();
            assert_eq!(entry, [&before.0[..], &[9; 16], body].concat());
            assert_eq!(reader.check(&entry).unwrap(), (leaf, body));
            assert_eq!(reader, writer);
        }
        assert_eq!(writer.size(), 3);
    }

    #[track_caller]
    fn check(chain: &mut Chain, entry: &[u8], message: &str) {
        let before = *chain;
        let error = chain.check(entry).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(*chain, before);
    }

    #[test]
    fn what_does_not_follow_is_refused_by_index() {
        let mut chain = Chain::new();
        check(&mut chain, &[0; 47], "entry 0 holds 47 bytes, fewer");
        check(
            &mut chain,
            &vec![0; ENTRY_BYTES_MAX + 1],
            "entry 0 holds 65536 bytes, more",
        );
        check(&mut chain, &[1; 56], "entry 0 does not follow");
        chain.check(&[0; 56]).unwrap();
        check(&mut chain, &[0; 56], "entry 1 does not follow");
        let before = chain;
        let mut out = vec![1, 2];
        let long = vec![0; BODY_BYTES_MAX + 1];
        let error = chain
            .link(RecordSalt::default(), &long, &mut out)
            .unwrap_err();
        assert_eq!(
            error,
            EntryError::BodyTooLong {
                index: 1,
                body_bytes: 65_488
            }
        );
        assert_eq!((chain, out), (before, vec![1, 2]));
    }
}
