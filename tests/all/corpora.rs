//! The fuzz targets without a fuzzer: every file of their corpora, and a bounded number of changed
//! ones, the same on every run. It must never be taken for fuzzing: `fuzz/README.md` has that.

use core::panic::AssertUnwindSafe;
use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;

use counterfoil_fuzz::{TARGETS, mutations};
use counterfoil_tests::world::{project, public_key};

/// The corpus of a target, by file name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = project().join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn check(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let files = corpus(name);
    assert!(!files.is_empty(), "{name} has no corpus");
    let run = |what: &str, bytes: &[u8]| {
        if catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_err() {
            let place = std::env::temp_dir().join(format!("counterfoil-fuzz-{name}"));
            fs::write(&place, bytes).unwrap();
            panic!(
                "{name} fails on {what}; the input is in {}",
                place.display()
            );
        }
    };
    for (file, bytes) in &files {
        run(file, bytes);
    }
    let seeds: Vec<Vec<u8>> = files.into_iter().map(|(_, bytes)| bytes).collect();
    for (place, input) in mutations(&seeds, target.mutations).enumerate() {
        run(&format!("changed input {place}"), &input);
    }
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                check(stringify!($target));
            }
        )*

        const CHECKED: &[&str] = &[$(stringify!($target)),*];
    };
}

targets! {
    frames journal forged record act ledger bundle verdict manifest note proof tree tile key number csv binance alpaca
    broker page feed admission
}

#[test]
fn every_target_has_a_wrapper_a_corpus_and_a_test() {
    let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(CHECKED.iter().copied().collect::<BTreeSet<_>>(), names);
    let fuzz = project().join("fuzz");
    let listed = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz.join(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    let names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
    assert_eq!(listed("fuzz_targets"), names);
    assert_eq!(listed("corpus"), names);
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for name in &names {
        let path = format!("path = \"fuzz_targets/{name}.rs\"\n");
        assert!(manifest.contains(&path), "{name} is not built");
    }
}

#[test]
fn seeds_are_journals_that_hold_so_that_changes_start_from_there() {
    for name in ["backtest", "live", "fault"] {
        let bytes = fs::read(project().join(format!("fuzz/corpus/journal/seed-{name}"))).unwrap();
        let options = counterfoil_verify::VerifyOptions::default();
        let report =
            counterfoil_verify::verify_journal(&bytes[..], &public_key(), options).unwrap();
        assert!(report.findings.is_empty(), "{name}: {:?}", report.findings);
    }
}
