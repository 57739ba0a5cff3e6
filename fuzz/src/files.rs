//! Files that people hand over: run manifests, keys, CSV, and the numbers in them. It must never
//! leave a file behind.

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use counterfoil_journal::key::VerifierKey;
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::source::options::{IngestLimits, IngestOptions};
use counterfoil_trading::decimal::{self, DecimalError, SCALE_MAX};
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::time::Timeframe;
use counterfoil_trading::units::{BasisPoints, Money};
use counterfoil_verify::parse_key_file;

/// A manifest that is read has one canonical text, which reads as the same manifest; its values
/// are parsed or refused.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    let Ok(manifest) = Manifest::parse(text) else {
        return;
    };
    let canonical = manifest.canonical().expect("a manifest that was read");
    let again = Manifest::parse(&canonical).expect("a canonical manifest");
    assert_eq!(again, manifest);
    assert_eq!(again.canonical().as_ref(), Ok(&canonical));
    assert_eq!(again.run_id(), manifest.run_id());
    if let Ok(setup) = manifest.setup() {
        assert_eq!(setup.instruments.len(), manifest.instruments.len());
    }
}

/// A verifier key that is read is written back as the same text; a key in any spelling is the
/// same key in hex.
pub fn key(bytes: &[u8]) {
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Ok(key) = VerifierKey::parse(text)
    {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = parse_key_file(bytes) {
        let again = parse_key_file(key.to_string().as_bytes()).expect("a key in hex");
        assert_eq!(again, key);
    }
}

/// The first byte is a scale, the rest a text. A decimal, an amount, a rate and a timeframe that
/// are read, written and read again are the same.
pub fn number(bytes: &[u8]) {
    let Some((scale, text)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = core::str::from_utf8(text) else {
        return;
    };
    let scale = scale % 40;
    if let Ok(value) = decimal::parse(text, scale) {
        let written = decimal::format(value, scale);
        assert_eq!(decimal::parse(&written, scale), Ok(value), "{written}");
        match decimal::decimals_of(text) {
            None => assert!(scale > SCALE_MAX, "{text:?} at {scale} is no decimal"),
            Some(decimals) => {
                // It is exact at as many decimals, and at none fewer.
                decimal::parse(text, decimals).expect("no larger than at the scale it fits");
                if let Some(fewer) = decimals.checked_sub(1) {
                    let rest = decimal::parse(text, fewer);
                    assert!(
                        matches!(rest, Err(DecimalError::TooFine { .. })),
                        "{text:?} has fewer than {decimals} decimals"
                    );
                }
            }
        }
    }
    if let Ok(money) = Money::parse(text) {
        assert_eq!(Money::parse(&money.to_text()), Ok(money));
    }
    if let Ok(rate) = BasisPoints::parse(text) {
        assert_eq!(BasisPoints::parse(&rate.to_text()), Ok(rate));
    }
    if let Ok(timeframe) = text.parse::<Timeframe>() {
        assert_eq!(timeframe.to_string().parse(), Ok(timeframe));
    }
}

/// A source that is taken in gives a snapshot that reads whole, with every row a bar or in
/// quarantine, and gives the same one again.
pub fn csv(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("that folder");
    let store = SnapshotStore::open(data);
    let options = IngestOptions {
        // A few kilobytes of gzip can hold gigabytes.
        limits: IngestLimits {
            rows_max: 10_000,
            bytes_max: 1 << 20,
            unpacked_max: None,
            // Few, so that small inputs go through files, too.
            rows_in_memory: 3,
        },
        ..IngestOptions::default()
    };
    let ingest = || store.ingest(bytes, "bars.csv", &options, &mut |_| {});
    let Ok(made) = ingest() else {
        // What came in is kept with its receipt; of what could not be made of it nothing is.
        let mut left = walk(folder.path());
        left.retain(|path| {
            !path
                .components()
                .any(|part| part.as_os_str() == "raw" || part.as_os_str() == "locks")
        });
        assert!(left.is_empty(), "left behind: {left:?}");
        return;
    };
    let report = &made.report;
    assert_eq!(report.rows, report.bars + report.quarantined);
    let reasons: u64 = report.reasons.values().sum();
    assert_eq!(reasons, report.quarantined);
    let snapshot = store.load(&made.id).expect("a snapshot that was made");
    let held = snapshot.verify_all().expect("a snapshot that was made");
    assert_eq!(snapshot.manifest(), &made.manifest);
    assert_eq!(snapshot.manifest().bars(), report.bars);
    assert_eq!(held.bars, report.bars);
    let again = ingest().expect("it was taken in before");
    assert!(again.already_there && again.id == made.id);
}

/// Every file below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
