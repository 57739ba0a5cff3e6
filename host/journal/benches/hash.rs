//! What hashing and signing cost, for records of 160 bytes:
//! `cargo bench -p counterfoil-journal`.

use core::hint::black_box;

use counterfoil_journal::{
    entry::Chain,
    hash::{Hash, leaf_hash, node_hash},
    salt::LogSalts,
    tree::{SUBTREE_LEAVES, Tree, subtree_root},
};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

/// A record's size in the trials of `docs`.
const RECORD: [u8; 160] = [0x5a; 160];

/// So many entries a sample, so that the clock's resolution does not matter.
const ENTRIES: usize = 4096;

#[divan::bench]
fn leaf(bencher: Bencher<'_, '_>) {
    let entry = [0x5a; 192];
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| leaf_hash(black_box(&entry)));
}

#[divan::bench]
fn node(bencher: Bencher<'_, '_>) {
    let (left, right) = (Hash([1; 32]), Hash([2; 32]));
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| node_hash(black_box(&left), black_box(&right)));
}

#[divan::bench]
fn salt(bencher: Bencher<'_, '_>) {
    let salts = LogSalts::new(&[7; 32], "counterfoil/run/ab/1");
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench(|| salts.at(black_box(77)));
}

#[divan::bench]
fn link_4096_records(bencher: Bencher<'_, '_>) {
    let salts = LogSalts::new(&[7; 32], "counterfoil/run/ab/1");
    let mut out = Vec::with_capacity(1024);
    bencher.counter(ItemsCount::new(ENTRIES)).bench_local(|| {
        let mut chain = Chain::new();
        for _ in 0..ENTRIES {
            out.clear();
            let _ = black_box(chain.link(salts.at(chain.size()), black_box(&RECORD), &mut out));
        }
        chain.last()
    });
}

#[divan::bench]
fn link_and_push_4096_records(bencher: Bencher<'_, '_>) {
    let salts = LogSalts::new(&[7; 32], "counterfoil/run/ab/1");
    let mut out = Vec::with_capacity(1024);
    bencher.counter(ItemsCount::new(ENTRIES)).bench_local(|| {
        let (mut chain, mut tree) = (Chain::new(), Tree::new());
        for _ in 0..ENTRIES {
            out.clear();
            if let Ok(leaf) = chain.link(salts.at(chain.size()), black_box(&RECORD), &mut out) {
                tree.push(leaf);
            }
        }
        tree.root()
    });
}

#[divan::bench]
fn subtree_of_256(bencher: Bencher<'_, '_>) {
    let leaves = vec![Hash([3; 32]); SUBTREE_LEAVES];
    bencher
        .counter(ItemsCount::new(SUBTREE_LEAVES))
        .bench(|| subtree_root(black_box(&leaves)));
}
