//! The Merkle tree over the leaf hashes of a journal, kept as its full subtrees only: 64
//! hashes at most. It never sees an entry.

use alloc::vec::Vec;

use crate::hash::{Hash, empty_root, node_hash};

/// The number of leaves in a subtree of height 8: one full tile.
///
/// Source: C2SP tlog-tiles, Merkle tree.
pub const SUBTREE_LEAVES: usize = 256;

/// Why a subtree cannot be added.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    #[error("a subtree of {SUBTREE_LEAVES} leaves cannot begin at a tree size of {size}")]
    NotOnBoundary { size: u64 },
}

/// A tree that grows at its right edge and holds what its root needs.
///
/// Source: RFC 6962 section 2.1.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tree {
    size: u64,
    /// The roots of the full subtrees, the largest first: one for each one-bit of `size`.
    subtrees: Vec<Hash>,
}

impl Tree {
    /// A tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            size: 0,
            subtrees: Vec::new(),
        }
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf at the right edge.
    pub fn push(&mut self, leaf: Hash) {
        // Each one-bit at the low end of the size is a full subtree that the new leaf completes; so a push costs one
        // node hash on average, and the state stays below 64 hashes for any journal.
        self.carry(leaf, self.size.trailing_ones());
        // 2^64 leaves cannot be pushed one by one.
        self.size = self.size.saturating_add(1);
    }

    /// Adds 256 leaves at the right edge, given the root of their subtree
    /// (see [`subtree_root`]).
    ///
    /// # Errors
    ///
    /// Returns [`TreeError::NotOnBoundary`] if the size is not a multiple of 256.
    pub fn push_subtree(&mut self, root: Hash) -> Result<(), TreeError> {
        // Elsewhere the 256 leaves would straddle two subtrees, and the root would be one that no leaf-by-leaf tree has.
        let (subtrees, rest) = (self.size >> 8, self.size & 0xff);
        if rest != 0 {
            return Err(TreeError::NotOnBoundary { size: self.size });
        }
        self.carry(root, subtrees.trailing_ones());
        self.size = self.size.saturating_add(256);
        Ok(())
    }

    /// The root hash; of a tree without leaves, SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        // From the right: RFC 6962 joins the small subtrees first. Another sequence gives another root over the same leaves.
        let from_the_right = self.subtrees.iter().rev().copied();
        from_the_right
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or(empty_root())
    }

    /// Joins a new subtree with the `joins` ones of its size and up that are at the right
    /// edge, as a carry in binary addition does.
    fn carry(&mut self, subtree: Hash, joins: u32) {
        let joined = (0..joins).fold(subtree, |right, _| match self.subtrees.pop() {
            Some(left) => node_hash(&left, &right),
            None => right,
        });
        self.subtrees.push(joined);
    }
}

impl Extend<Hash> for Tree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf);
        }
    }
}

impl FromIterator<Hash> for Tree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}

/// The root of the tree over `leaves`, of any number.
///
/// Over 256 leaves it is what [`Tree::push_subtree`] takes, so that subtrees can be hashed
/// side by side.
#[must_use]
pub fn subtree_root(leaves: &[Hash]) -> Hash {
    leaves.iter().copied().collect::<Tree>().root()
}

/// Splits a tree of two leaves or more as the specification does: on the left the largest
/// power of two that is smaller than the number of leaves.
///
/// Source: RFC 6962 section 2.1.
pub(crate) fn split(leaves: &[Hash]) -> Option<(&[Hash], &[Hash])> {
    let last = leaves.len().checked_sub(1)?;
    leaves.split_at_checked(1 << last.checked_ilog2()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_subtree_is_pushed_only_where_one_ended() {
        let leaf = |n: u64| crate::hash::leaf_hash(&n.to_be_bytes());
        let mut by_leaf = Tree::new();
        let mut by_subtree = Tree::new();
        for start in (0..2048).step_by(SUBTREE_LEAVES) {
            let leaves: Vec<Hash> = (start..start + 256).map(leaf).collect();
            by_leaf.extend(leaves.iter().copied());
            by_subtree.push_subtree(subtree_root(&leaves)).unwrap();
            assert_eq!(by_subtree, by_leaf);
        }
        by_leaf.push(leaf(2048));
        let error = by_leaf.push_subtree(Hash::default()).unwrap_err();
        assert_eq!(error, TreeError::NotOnBoundary { size: 2049 });
        assert_eq!(by_leaf.size(), 2049);
    }
}
