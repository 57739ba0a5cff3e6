//! What can be proved of a list of byte strings: hash chain, Merkle tree, signed
//! checkpoints, proofs and tiles. An entry is opaque bytes here; this crate must never
//! name trading, std or file paths.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod audit;
pub mod bundle;
pub mod checkpoint;
pub mod consistency;
pub mod cosignature;
mod decimal;
pub mod entry;
pub mod frame;
pub mod hash;
pub mod inclusion;
pub mod key;
pub mod note;
pub mod proof;
pub mod public_key;
pub mod salt;
pub mod signer;
pub mod span;
pub mod tile;
pub mod tree;
mod witness_message;

#[cfg(test)]
mod tests;
