//! Hostile input: whatever the bytes, an answer comes back and nothing panics.

use alloc::{string::String, vec::Vec};
use core::str::from_utf8;

use proptest::prelude::*;

use super::{ORIGIN, journal, key};
use crate::{
    audit::Auditor,
    bundle,
    checkpoint::Checkpoint,
    cosignature::Cosigned,
    entry::Chain,
    frame::FrameReader,
    inclusion::inclusion_proof,
    key::VerifierKey,
    note::Note,
    proof::TlogProof,
    tile::{self, TileName},
};

fn read(bytes: &[u8]) {
    let keys = [key(ORIGIN, 1)];
    let _ = Note::parse(bytes).map(|note| note.verify(&keys).is_ok());
    let _ = Checkpoint::open(bytes, &keys);
    let _ = Cosigned::open(bytes, &keys, &keys);
    let _ = TlogProof::parse(bytes).map(|proof| proof.verify(&keys, &keys).is_ok());
    let _ = Chain::new().check(bytes);
    let _ = tile::decode(bytes);
    let _ = bundle::decode(bytes);
    if let Ok(text) = from_utf8(bytes) {
        let _ = VerifierKey::parse(text);
        let _ = TileName::parse(text);
        let _ = Checkpoint::parse_foreign(text);
    }
    let (mut reader, mut auditor, mut at) = (FrameReader::new(), Auditor::new(key(ORIGIN, 1)), 0);
    while let Ok(parsed) = reader.parse(&bytes[at..]) {
        at += parsed.consumed;
        let Some(frame) = parsed.frame else { break };
        let _ = auditor.frame(frame);
    }
}

/// Bytes that look right for a while.
fn seeds() -> Vec<Vec<u8>> {
    let journal = journal(10, 5);
    let proof = TlogProof {
        extra: Some(journal.entries[3].clone()),
        index: 3,
        hashes: inclusion_proof(&journal.leaves, 3, 10).unwrap(),
        checkpoint: journal.notes[1].clone(),
    };
    let texts: [String; 4] = [
        journal.notes[1].clone(),
        std::format!("{proof}"),
        std::format!("{}", key(ORIGIN, 1)),
        String::from("tile/0/x001/x234/067.p/12"),
    ];
    texts
        .into_iter()
        .map(String::into_bytes)
        .chain([journal.bytes])
        .collect()
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes);
    }

    #[test]
    fn nearly_right_bytes_never_panic(
        which in 0..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..6),
    ) {
        let mut bytes = seeds().swap_remove(which);
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        read(&bytes);
    }
}
