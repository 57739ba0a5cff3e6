//! A full subtree's entries, checked without the rest of the tree: an entry holds the link to the one
//! before it, so spans can be hashed side by side and joined afterwards.

use alloc::vec::Vec;

use crate::{
    entry::{EntryError, GENESIS, split},
    hash::{Hash, leaf_hash},
    tree::{SUBTREE_LEAVES, subtree_root},
};

/// Why entries are not a span.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LeafSpanError {
    #[error("a span is {SUBTREE_LEAVES} entries, not {entries}")]
    Count { entries: usize },
    #[error(transparent)]
    Entry(#[from] EntryError),
}

/// 256 entries in a chain, whose first link is yet to be joined to what comes before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeafSpan {
    link: Hash,
    last: Hash,
    root: Hash,
}

impl LeafSpan {
    /// The span of `entries`, which begin at the index `start`. Each is hashed once.
    ///
    /// # Errors
    ///
    /// Returns [`LeafSpanError::Count`] if they are not 256, or [`LeafSpanError::Entry`] with the
    /// index of the first entry that does not follow the one before it.
    pub fn check(entries: &[&[u8]], start: u64) -> Result<Self, LeafSpanError> {
        // Another number is not one node of the tree, and its root would be joined at the wrong height.
        if entries.len() != SUBTREE_LEAVES {
            return Err(LeafSpanError::Count {
                entries: entries.len(),
            });
        }
        let (mut link, mut last) = (GENESIS, None);
        let mut leaves = Vec::with_capacity(SUBTREE_LEAVES);
        for (&entry, at) in entries.iter().zip(0..) {
            let index = start.saturating_add(at);
            let (found, _) = split(entry, index)?;
            match last {
                // The first link stays open: the entry before it may be hashed on another thread. The auditor joins the two.
                None => link = found,
                Some(expected) if expected != found => {
                    return Err(EntryError::LinkBroken {
                        index,
                        expected,
                        found,
                    }
                    .into());
                }
                Some(_) => {}
            }
            let leaf = leaf_hash(entry);
            leaves.push(leaf);
            last = Some(leaf);
        }
        Ok(Self {
            link,
            last: last.unwrap_or(GENESIS),
            root: subtree_root(&leaves),
        })
    }

    /// The first entry's chain link.
    #[must_use]
    pub const fn link(&self) -> Hash {
        self.link
    }

    /// The last entry's leaf hash.
    #[must_use]
    pub const fn last(&self) -> Hash {
        self.last
    }

    /// The root of the subtree over the entries.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// How many entries a span holds: 256.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        256
    }
}
