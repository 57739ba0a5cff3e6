//! Other people's implementations of the same specifications, asked the same questions.

use alloc::{boxed::Box, collections::BTreeMap, string::ToString, vec, vec::Vec};

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use signed_note::{StandardVerifier, VerifierList};
use tlog_tiles::{HashReader, Tile};

use super::{key, signer};
use crate::{
    checkpoint::Checkpoint,
    consistency::consistency_proof,
    hash::{Hash, leaf_hash},
    inclusion::inclusion_proof,
    note::Note,
    tile::{TileKind, TileName, tiles_of},
    tree::Tree,
};

/// The hashes that the oracle wants stored, by its own numbering.
#[derive(Default)]
struct Stored(BTreeMap<u64, tlog_tiles::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[index]).collect())
    }
}

/// The oracle's tree over `entries`, and our leaf hashes of them.
fn trees(entries: &[Vec<u8>]) -> (Stored, Vec<Hash>) {
    let mut stored = Stored::default();
    for (entry, n) in entries.iter().zip(0..) {
        let hashes = tlog_tiles::stored_hashes(n, entry, &stored).unwrap();
        stored
            .0
            .extend((tlog_tiles::stored_hash_index(0, n)..).zip(hashes));
    }
    (
        stored,
        entries.iter().map(|entry| leaf_hash(entry)).collect(),
    )
}

fn theirs(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(hash.0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn roots_and_proofs_are_theirs(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..400),
        at in any::<prop::sample::Index>(), older in any::<prop::sample::Index>(),
    ) {
        let size = entries.len() as u64;
        let (stored, leaves) = trees(&entries);
        let tree: Tree = leaves.iter().copied().collect();
        prop_assert_eq!(tree.root().0, tlog_tiles::tree_hash(size, &stored).unwrap().0);
        let index = at.index(entries.len()) as u64;
        let proof = tlog_tiles::prove_record(size, index, &stored).unwrap();
        prop_assert_eq!(inclusion_proof(&leaves, index, size).unwrap(), theirs(&proof));
        let older = older.index(entries.len()) as u64 + 1;
        let growth = tlog_tiles::prove_tree(size, older, &stored).unwrap();
        prop_assert_eq!(consistency_proof(&leaves, older, size).unwrap(), theirs(&growth));
    }

    #[test]
    fn paths_are_theirs(level in 0..64_u8, index in 0..u64::MAX / 1000, width in 1..=256_u16) {
        let name = TileName::new(TileKind::Hashes(level), index, width).unwrap();
        // Their path begins with the tile's height, which the specification fixes at 8.
        let path = Tile::new(8, level, index, width.into(), false).path();
        prop_assert_eq!(name.to_string(), path.replacen("tile/8/", "tile/", 1));
    }

    #[test]
    fn they_open_our_notes(
        lines in prop::collection::vec("[ -~à-ü—]{0,30}", 1..6),
        name in "[a-z./]{1,20}", seed in any::<u8>(),
    ) {
        let text = lines.join("\n") + "\n";
        let note = Note::sign(&text, &name, &signer(seed)).unwrap().to_string();
        let read = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
        let verifier = StandardVerifier::new(&key(&name, seed).to_string()).unwrap();
        let (verified, rest) = read.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
        prop_assert_eq!((verified.len(), rest.len()), (1, 0));
        prop_assert_eq!(read.text(), text.as_bytes());
        let parsed = Note::parse(note.as_bytes()).unwrap();
        prop_assert_eq!(parsed.text(), text);
    }

    #[test]
    fn they_read_and_refuse_the_same_notes_and_checkpoints(
        at in any::<prop::sample::Index>(), byte in prop::sample::select(&b"\n\r a+=0\xe2\x80\x94"[..]),
        insert in any::<bool>(),
    ) {
        let checkpoint = Checkpoint { origin: "a.b".into(), size: 10, root: Hash([7; 32]) };
        let mut bytes = checkpoint.sign(&signer(1)).unwrap().into_bytes();
        let at = at.index(bytes.len());
        if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        let ours = Note::parse(&bytes);
        let other = signed_note::Note::from_bytes(&bytes);
        prop_assert_eq!(ours.is_ok(), other.is_ok(), "{:?}", alloc::string::String::from_utf8_lossy(&bytes));
        if let Ok(note) = ours {
            let theirs = tlog_tiles::Checkpoint::from_bytes(note.text().as_bytes());
            let ours = Checkpoint::parse_foreign(note.text());
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?}", note.text());
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                prop_assert_eq!(ours.origin, theirs.origin());
                prop_assert_eq!((ours.size, ours.root.0), (theirs.size(), theirs.hash().0));
            }
        }
    }
}

#[test]
fn their_signer_makes_our_note() {
    let ours = key("log.example", 5);
    let secret = STANDARD.encode([&[1][..], &[5; 32]].concat());
    let text = std::format!("PRIVATE+KEY+log.example+{}+{secret}", ours.id());
    let theirs = signed_note::StandardSigner::new(&text).unwrap();
    let mut note = signed_note::Note::new(b"text\n", &[]).unwrap();
    note.add_sigs(&[&theirs]).unwrap();
    let note = note.to_bytes();
    let signed = Note::sign("text\n", "log.example", &signer(5)).unwrap();
    assert_eq!(signed.to_string().as_bytes(), note);
    assert!(Note::parse(&note).unwrap().verify(&[ours]).is_ok());
}

#[test]
fn a_trees_tiles_are_theirs() {
    for size in [0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000, 1 << 24] {
        let ours: Vec<_> = tiles_of(size)
            .filter(|name| name.kind() != TileKind::Entries)
            .map(|name| name.to_string())
            .collect();
        let theirs: Vec<_> = Tile::new_tiles(8, 0, size)
            .iter()
            .map(|tile| tile.path().replacen("tile/8/", "tile/", 1))
            .collect();
        assert_eq!(ours, theirs, "size {size}");
    }
}
