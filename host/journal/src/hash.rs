//! Leaf and node hashes of the Merkle tree, padded in place for speed. This file knows
//! SHA-256 and the two domain bytes, never what an entry holds.

use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::block_api::compress256;

/// Hashed before an entry, so that no entry can pass for a node.
///
/// Source: RFC 6962 section 2.1.
const LEAF_PREFIX: u8 = 0x00;

/// Hashed before two child hashes.
const NODE_PREFIX: u8 = 0x01;

/// SHA-256's initial state.
///
/// Source: FIPS 180-4 section 5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 of nothing.
const EMPTY: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The longest entry that is copied whole into a stack buffer before hashing: four blocks
/// less the prefix byte, the padding byte and the length. Records of a run are about 160
/// bytes, so they take this path.
const SHORT_ENTRY_BYTES_MAX: usize = 4 * 64 - 1 - 9;

/// A SHA-256 value: an entry's leaf hash, a node, or a root.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash in `text`, or nothing if it is not 32 bytes of base64 as RFC
    /// 4648 section 4 writes them.
    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        // Room for what 44 characters can hold at most; a longer text does not fit.
        let mut bytes = [0; 33];
        let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
        bytes.get(..length)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The leaf hash of an entry: SHA-256(0x00 || entry).
///
/// Source: RFC 6962 section 2.1.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut state = INITIAL;
    // Nearly all entries: prefix, entry and padding in one buffer, hashed by one call.
    if entry.len() <= SHORT_ENTRY_BYTES_MAX {
        let mut blocks = [[0; 64]; 4];
        let (prefix, rest) = blocks.as_flattened_mut().split_at_mut(1);
        prefix.copy_from_slice(&[LEAF_PREFIX]);
        let used = pad(rest, entry, entry.len(), 1);
        compress256(&mut state, blocks.split_at(used).0);
        return output(state);
    }
    let (head, rest) = entry.split_at(63);
    let mut first = [LEAF_PREFIX; 64];
    first.split_at_mut(1).1.copy_from_slice(head);
    compress256(&mut state, &[first]);
    let (whole, tail) = rest.as_chunks();
    compress256(&mut state, whole);
    let mut last = [[0; 64]; 2];
    let used = pad(last.as_flattened_mut(), tail, entry.len(), 0);
    compress256(&mut state, last.split_at(used).0);
    output(state)
}

/// The hash of an inner node: SHA-256(0x01 || left || right).
///
/// Source: RFC 6962 section 2.1.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut blocks = [[0; 64]; 2];
    let (message, padding) = blocks.as_flattened_mut().split_at_mut(65);
    let (prefix, children) = message.split_at_mut(1);
    prefix.copy_from_slice(&[NODE_PREFIX]);
    let (first, second) = children.split_at_mut(32);
    first.copy_from_slice(&left.0);
    second.copy_from_slice(&right.0);
    // 65 bytes are 520 bits.
    padding.split_at_mut(1).0.copy_from_slice(&[0x80]);
    padding.split_at_mut(61).1.copy_from_slice(&[0x02, 0x08]);
    let mut state = INITIAL;
    compress256(&mut state, &blocks);
    output(state)
}

/// The root of a tree without entries: SHA-256 of nothing.
///
/// Source: RFC 6962 section 2.1.
#[must_use]
pub const fn empty_root() -> Hash {
    Hash(EMPTY)
}

/// Writes `tail`, the padding byte and the message length to `to`, which is zeroed and
/// begins `skipped` bytes into its first block; the answer is the number of blocks used.
///
/// The message is the prefix byte and `entry_bytes` bytes more.
fn pad(to: &mut [u8], tail: &[u8], entry_bytes: usize, skipped: usize) -> usize {
    let bits = u64::try_from(entry_bytes)
        .unwrap_or(u64::MAX)
        .wrapping_add(1)
        .wrapping_mul(8);
    let blocks = tail
        .len()
        .wrapping_add(skipped)
        .wrapping_add(9)
        .div_ceil(64);
    let end = blocks.wrapping_mul(64).wrapping_sub(skipped);
    let (to, _) = to.split_at_mut(end);
    let (message, padding) = to.split_at_mut(tail.len());
    message.copy_from_slice(tail);
    padding.split_at_mut(1).0.copy_from_slice(&[0x80]);
    let length_at = padding.len().wrapping_sub(8);
    padding
        .split_at_mut(length_at)
        .1
        .copy_from_slice(&bits.to_be_bytes());
    blocks
}

/// HMAC-SHA256 under one key, of messages of eight bytes: two compressions each, since the state behind the padded key
/// is kept, and no buffers in between, since a run of a million bars takes a million of them.
///
/// Source: RFC 2104.
#[derive(Clone)]
pub(crate) struct KeyedHash {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl KeyedHash {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let padded = |pad: u8| {
            let mut block = [pad; 64];
            for (to, from) in block.iter_mut().zip(key) {
                *to ^= *from;
            }
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            state
        };
        Self {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    /// The code of a number, as eight bytes, big-endian.
    pub(crate) fn of(&self, number: u64) -> Hash {
        let inner = after_one_block(self.inner, &number.to_be_bytes());
        after_one_block(self.outer, &inner.0)
    }
}

/// The hash of a message that ends with at most 55 bytes behind its first block, given the state behind that block.
fn after_one_block(mut state: [u32; 8], tail: &[u8]) -> Hash {
    let mut block = [[0; 64]];
    // The padding counts the block before as bytes of the message.
    pad(
        block.as_flattened_mut(),
        tail,
        tail.len().wrapping_add(63),
        0,
    );
    compress256(&mut state, &block);
    output(state)
}

/// The state as bytes, big-endian.
fn output(state: [u32; 8]) -> Hash {
    let mut bytes = [0; 32];
    for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    Hash(bytes)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use sha2::{Digest, Sha256};

    use super::*;

    fn digest(parts: &[&[u8]]) -> Hash {
        let mut sha = Sha256::new();
        for part in parts {
            sha.update(part);
        }
        Hash(sha.finalize().into())
    }

    #[test]
    fn the_fast_path_agrees_with_the_digest_interface() {
        let bytes: Vec<u8> = (0..65_535_u32)
            .map(|n| (n.wrapping_mul(167) >> 3).to_le_bytes()[0])
            .collect();
        let lengths = (0..=700).chain([4095, 4096, 4097, 65_534, 65_535]);
        for length in lengths {
            let entry = &bytes[..length];
            assert_eq!(leaf_hash(entry), digest(&[&[0], entry]), "{length} bytes");
        }
        for n in 0..100_usize {
            let left = digest(&[&n.to_be_bytes()]);
            let right = digest(&[&left.0]);
            assert_eq!(node_hash(&left, &right), digest(&[&[1], &left.0, &right.0]));
        }
        assert_eq!(empty_root(), digest(&[]));
    }

    #[test]
    fn a_hash_is_shown_as_lowercase_hex() {
        let shown = std::format!("{} {:?}", Hash([0xab; 32]), Hash([0x01; 32]));
        assert_eq!(
            shown,
            std::format!("{} {}", "ab".repeat(32), "01".repeat(32))
        );
    }
}
