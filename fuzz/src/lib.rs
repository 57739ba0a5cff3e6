//! What every parser of bytes from outside must hold, as one function for each: it takes any bytes,
//! and panics where a promise is broken. It must never know whether a fuzzer or a test calls it.
//!
//! No parser may panic, and what it accepts must be written back as the same bytes wherever a
//! format has one spelling. See README.md for how to run them.

#![forbid(unsafe_code)]

#[cfg(feature = "engine")]
mod engine;
mod files;
mod journals;
mod ledgers;
mod mutate;
mod policies;
mod proofs;
mod records;
mod venues;

#[cfg(feature = "engine")]
pub use engine::{admission, feed};
pub use files::{csv, key, manifest, number};
pub use journals::{KEY_SEED, forged, frames, journal};
pub use ledgers::{LEDGER_KEYS, LEDGER_ORIGIN, act, ledger};
pub use mutate::mutations;
pub use policies::{bundle, verdict};
pub use proofs::{note, proof, tile, tree};
pub use records::record;
pub use venues::{VENUE_SEEDS, alpaca, binance, broker, page};

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of the wrapper in `fuzz_targets` and of the folder in `corpus`.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// How many changed inputs the ordinary tests try; fewer where one takes long.
    pub mutations: usize,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("frames", frames, 2_000),
    target("journal", journal, 1_000),
    target("forged", forged, 1_000),
    target("record", record, 20_000),
    target("act", act, 20_000),
    target("ledger", ledger, 20),
    target("bundle", bundle, 2_000),
    target("verdict", verdict, 5_000),
    target("manifest", manifest, 2_000),
    target("note", note, 5_000),
    target("proof", proof, 2_000),
    target("tree", tree, 5_000),
    target("tile", tile, 20_000),
    target("key", key, 5_000),
    target("number", number, 20_000),
    target("csv", csv, 300),
    target("binance", binance, 10_000),
    target("alpaca", alpaca, 10_000),
    target("broker", broker, 10_000),
    target("page", page, 10_000),
    #[cfg(feature = "engine")]
    target("feed", feed, 5_000),
    #[cfg(feature = "engine")]
    target("admission", admission, 2_000),
];

const fn target(name: &'static str, run: fn(&[u8]), mutations: usize) -> Target {
    Target {
        name,
        run,
        mutations,
    }
}
