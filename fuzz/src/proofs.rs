//! Signed notes, checkpoints, proofs and tiles. It must never know what an entry says.

use counterfoil_journal::bundle;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::consistency::{TreeHead, verify_consistency};
use counterfoil_journal::cosignature::Cosigned;
use counterfoil_journal::hash::Hash;
use counterfoil_journal::inclusion::verify_inclusion;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::note::Note;
use counterfoil_journal::proof::TlogProof;
use counterfoil_journal::tile::{self as tiles, TileName};
use counterfoil_verify::verify_proof;

use crate::journals::public_key;

/// The key of the corpora under any name, as log and as witness.
fn keys(name: &str) -> Vec<VerifierKey> {
    let key = public_key();
    let log = VerifierKey::new(name, &key.0);
    let witness = VerifierKey::witness(name, &key.0);
    log.into_iter().chain(witness).collect()
}

/// A note and a checkpoint that are read are written back as the same bytes; what is opened by a
/// key was read without one.
pub fn note(bytes: &[u8]) {
    let parsed = Note::parse(bytes);
    let text = core::str::from_utf8(bytes).unwrap_or_default();
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.encode(), text);
    }
    let name = text.lines().next().unwrap_or_default();
    let keys = keys(name);
    let opened = Checkpoint::open(bytes, &keys);
    let foreign = Checkpoint::open_foreign(bytes, &keys);
    let _ = Cosigned::open(bytes, &keys, &keys);
    if let Some(log) = keys.first() {
        let own = Checkpoint::open_own(bytes, log);
        assert!(own.is_err() || own == opened, "{own:?} {opened:?}");
    }
    let Ok(note) = parsed else {
        assert!(opened.is_err() && foreign.is_err());
        return;
    };
    assert_eq!(note.to_string().as_bytes(), bytes, "written back otherwise");
    if let Ok(opened) = opened {
        assert_eq!(opened.encode(), note.text());
        assert_eq!(foreign, Ok(opened));
    }
}

/// A proof that is read is written back as the same bytes; one that holds was read.
pub fn proof(bytes: &[u8]) {
    let held = verify_proof(bytes, &public_key(), None);
    let Ok(proof) = TlogProof::parse(bytes) else {
        assert!(held.is_err());
        return;
    };
    assert_eq!(
        proof.to_string().as_bytes(),
        bytes,
        "written back otherwise"
    );
    if let Ok(held) = held {
        assert_eq!(held.index, proof.index);
        assert!(held.index < held.tree_size);
    }
}

/// Two sizes and hashes from the bytes: a proof of any shape is refused or holds. One without
/// hashes holds for trees of one entry, and for equal trees, alone.
pub fn tree(bytes: &[u8]) {
    let Some((numbers, rest)) = bytes.split_first_chunk::<16>() else {
        return;
    };
    let (index, size) = numbers.split_at(8);
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let (index, size) = (number(index), number(size));
    let hashes: Vec<Hash> = rest.as_chunks().0.iter().copied().map(Hash).collect();
    let Some((leaf, hashes)) = hashes.split_first() else {
        return;
    };
    let (root, hashes) = hashes.split_first().unwrap_or((leaf, &[]));
    let included = verify_inclusion(leaf, index, size, hashes, root);
    if included.is_ok() {
        assert!(index < size, "{index} in a tree of {size}");
        assert_eq!(hashes.is_empty(), size == 1);
    }
    let older = TreeHead {
        size: index,
        root: *leaf,
    };
    let newer = TreeHead { size, root: *root };
    if verify_consistency(&older, &newer, hashes).is_ok() {
        assert!(index <= size, "{index} before {size}");
        assert!(index != size || leaf == root, "one size, two roots");
    }
}

/// A tile's name, a tile and a bundle that are read are written back as the same bytes.
pub fn tile(bytes: &[u8]) {
    if let Ok(name) = core::str::from_utf8(bytes).map(TileName::parse)
        && let Ok(name) = name
    {
        assert_eq!(name.to_string().as_bytes(), bytes);
    }
    if let Ok(hashes) = tiles::decode(bytes) {
        assert_eq!(tiles::encode(&hashes), bytes);
    }
    if let Ok(entries) = bundle::decode(bytes) {
        let mut written = Vec::new();
        for entry in entries {
            bundle::encode_entry(entry, &mut written).expect("an entry of a bundle");
        }
        assert_eq!(written, bytes);
    }
}
