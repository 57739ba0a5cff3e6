//! What verification costs a record, with the re-run and without:
//! `cargo bench -p counterfoil-verify`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on may fail")]

#[path = "../tests/common/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod common;

use common::{Plan, bars, key, manifest, run, seal, signer, snapshot};
use counterfoil_verify::{VerifyOptions, verify_journal};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

/// Bars of one journal: enough that chunks and threads are as in a long one.
const BARS: u64 = 100_000;

/// A journal in which the strategy orders on one bar of so many.
fn journal(every: u64) -> (Vec<u8>, usize) {
    let manifest = manifest(1, 4096, &snapshot());
    let bars = bars(1, BARS);
    let plan = Plan {
        every,
        fails_at: None,
        burst: 0,
    };
    let bodies = run(&manifest, &bars, &bars, plan);
    (seal(&bodies, &manifest, &signer()), bodies.len())
}

fn measure(bencher: Bencher<'_, '_>, every: u64, integrity_only: bool) {
    let (bytes, records) = journal(every);
    bencher.counter(ItemsCount::new(records)).bench(|| {
        let options = VerifyOptions {
            integrity_only,
            ..VerifyOptions::default()
        };
        let report = verify_journal(&bytes[..], &key(), options).unwrap();
        assert!(report.is_good());
        report.entries
    });
}

#[divan::bench(args = [100, 1], sample_count = 20)]
fn with_the_rerun(bencher: Bencher<'_, '_>, orders_every: u64) {
    measure(bencher, orders_every, false);
}

#[divan::bench(args = [100, 1], sample_count = 20)]
fn integrity_only(bencher: Bencher<'_, '_>, orders_every: u64) {
    measure(bencher, orders_every, true);
}
