//! Inclusion proofs: that a leaf is at an index of a tree of some size. Hashes in,
//! hashes out; it never sees an entry.

use alloc::vec::Vec;

use crate::{
    hash::{Hash, node_hash},
    tree::{split, subtree_root},
};

/// Why a proof cannot be made, or is invalid.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    #[error("there is no entry {index} in a tree of size {size}")]
    NoSuchEntry { index: u64, size: u64 },
    #[error("a tree of size {size} cannot be made from {leaves} leaves")]
    TooFewLeaves { size: u64, leaves: usize },
    #[error("a tree of size {older} cannot have grown to size {newer}")]
    Shrunk { older: u64, newer: u64 },
    #[error("a proof of {hashes} hashes is too short or too long for these sizes")]
    Length { hashes: usize },
    #[error("the proof leads to the older root {computed}, the tree's is {expected}")]
    OlderRoot { computed: Hash, expected: Hash },
    #[error("the proof leads to the root {computed}, the tree's is {expected}")]
    Root { computed: Hash, expected: Hash },
}

/// The first `size` of `leaves`.
pub(crate) fn first(leaves: &[Hash], size: u64) -> Result<&[Hash], ProofError> {
    let too_few = ProofError::TooFewLeaves {
        size,
        leaves: leaves.len(),
    };
    usize::try_from(size)
        .ok()
        .and_then(|size| leaves.get(..size))
        .ok_or(too_few)
}

/// The proof that the leaf at `index` is in the tree over the first `size` of `leaves`,
/// from the leaf's sibling up to the root's child.
///
/// # Errors
///
/// Returns [`ProofError::TooFewLeaves`] or [`ProofError::NoSuchEntry`].
///
/// Source: RFC 6962 section 2.1.1.
pub fn inclusion_proof(leaves: &[Hash], index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    let mut subtree = first(leaves, size)?;
    let no_such = ProofError::NoSuchEntry { index, size };
    let mut at = usize::try_from(index).map_err(|_| no_such)?;
    if at >= subtree.len() {
        return Err(no_such);
    }
    let mut proof = Vec::new();
    while let Some((left, right)) = split(subtree) {
        if let Some(at_right) = at.checked_sub(left.len()) {
            proof.push(subtree_root(left));
            (subtree, at) = (right, at_right);
        } else {
            proof.push(subtree_root(right));
            subtree = left;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that `leaf` is at `index` of the tree of `size` with the root `root`.
///
/// # Errors
///
/// Returns a [`ProofError`] if the index is not in the tree, or if the proof is too short,
/// too long, or leads to another root.
///
/// Source: RFC 9162 section 2.1.3.2.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    // A tree without leaves has no last index, and then nothing is included.
    let last = match size.checked_sub(1) {
        Some(last) if index <= last => last,
        _ => return Err(ProofError::NoSuchEntry { index, size }),
    };
    let length = ProofError::Length {
        hashes: proof.len(),
    };
    // `at` is the leaf's ancestor on the current level, `edge` the rightmost node of that level. Both come from index
    // and size alone, so a proof cannot choose on which side its hashes are joined.
    let (mut at, mut edge, mut computed) = (index, last, *leaf);
    for sibling in proof {
        // More hashes than levels. Joining them on would let an attacker append hashes until the root matches that of
        // another tree.
        if edge == 0 {
            return Err(length);
        }
        if at & 1 == 1 || at == edge {
            computed = node_hash(sibling, &computed);
            // At the right edge a node without a sibling moves up as it is.
            let up = if at & 1 == 1 {
                0
            } else {
                at.trailing_zeros().min(63)
            };
            (at, edge) = (at >> up, edge >> up);
        } else {
            computed = node_hash(&computed, sibling);
        }
        (at, edge) = (at >> 1, edge >> 1);
    }
    // Fewer hashes than levels: an inner node would pass for the root.
    if edge != 0 {
        return Err(length);
    }
    if computed != *root {
        return Err(ProofError::Root {
            computed,
            expected: *root,
        });
    }
    Ok(())
}
