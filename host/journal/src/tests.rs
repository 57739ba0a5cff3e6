//! Tests that need more than one module, or more than a screen: published vectors, other
//! implementations as oracles, and the table of tampering.

mod hostile;
mod notes;
mod oracles;
mod proofs;
mod tamper;
mod tiles;
mod vectors;

use alloc::vec::Vec;

use crate::{
    checkpoint::Checkpoint,
    entry::Chain,
    frame::{MAGIC, write_checkpoint, write_entry},
    hash::Hash,
    key::VerifierKey,
    salt::RecordSalt,
    signer::{Ed25519Signer, Signer},
    tree::Tree,
};

const ORIGIN: &str = "counterfoil.example/run/1";

fn signer(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[seed; 32])
}

fn key(name: &str, seed: u8) -> VerifierKey {
    VerifierKey::new(name, &signer(seed).verifying_key()).unwrap()
}

/// A journal's bytes, the end of each frame, and its leaf hashes.
struct Journal {
    bytes: Vec<u8>,
    /// Where each frame begins; the last number is the length.
    starts: Vec<usize>,
    leaves: Vec<Hash>,
    entries: Vec<Vec<u8>>,
    notes: Vec<alloc::string::String>,
}

/// A journal of `entries` entries with a checkpoint after every `cadence` of them.
fn journal(entries: usize, cadence: usize) -> Journal {
    let mut journal = Journal {
        bytes: MAGIC.to_vec(),
        starts: Vec::new(),
        leaves: Vec::new(),
        entries: Vec::new(),
        notes: Vec::new(),
    };
    let (mut chain, mut tree) = (Chain::new(), Tree::new());
    for n in 1..=entries {
        let mut entry = Vec::new();
        let body = std::format!("body {n}{}", "!".repeat(n % 7));
        let leaf = chain
            .link(RecordSalt::default(), body.as_bytes(), &mut entry)
            .unwrap();
        tree.push(leaf);
        journal.starts.push(journal.bytes.len());
        write_entry(&entry, &mut journal.bytes).unwrap();
        journal.leaves.push(leaf);
        journal.entries.push(entry);
        if n % cadence == 0 {
            let (size, root) = (chain.size(), tree.root());
            let checkpoint = Checkpoint {
                origin: ORIGIN.into(),
                size,
                root,
            };
            let note = checkpoint.sign(&signer(1)).unwrap();
            journal.starts.push(journal.bytes.len());
            write_checkpoint(&note, &mut journal.bytes).unwrap();
            journal.notes.push(note);
        }
    }
    journal.starts.push(journal.bytes.len());
    journal
}
