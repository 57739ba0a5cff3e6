//! What a run is made of, changed behind its back: nothing starts on it, nothing is confirmed by
//! it, and the refusal names what was changed.

use std::fs;
use std::path::{Path, PathBuf};

use counterfoil_guests::component;
use counterfoil_journal::entry::HEAD_BYTES;
use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::run::journal::{JournalFile, JournalReader, Sealer};
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_snapshot::store::snapshot::Snapshot;
use counterfoil_tests::journals::{records, verified};
use counterfoil_tests::world::{World, signer};
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{RecordBytes, RecordSeal};
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::record::{RunRecord, digested_part, record_kind, seal_of_kind};
use counterfoil_verify::Completeness;

/// A small run.
fn made() -> (World, Manifest, ExecutionOutcome) {
    let world = World::small(20);
    let mut manifest = world.cross(&["AAA", "BBB"], 2, 3, 10);
    manifest.cadence = 5;
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    assert!(outcome.close.fills > 2, "{} fills", outcome.close.fills);
    (world, manifest, outcome)
}

/// The text of the error of a backtest and of a replay.
#[track_caller]
fn refusals(world: &World, manifest: &Manifest, outcome: &ExecutionOutcome) -> [String; 2] {
    let backtest = world.backtest(manifest, world.engine());
    [
        backtest.expect_err("a backtest").to_string(),
        world.replay(outcome).expect_err("a replay").to_string(),
    ]
}

#[test]
fn a_swapped_or_missing_component_is_named() {
    let (world, manifest, outcome) = made();
    let digest = manifest.setup().unwrap().component;
    let path = world.data.component_path(&digest);
    let good = fs::read(&path).unwrap();
    let mut other = good.clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    fs::write(&path, &other).unwrap();
    for text in refusals(&world, &manifest, &outcome) {
        assert!(text.contains(&digest.hex()), "{text}");
        assert!(text.contains("was changed"), "{text}");
    }
    fs::remove_file(&path).unwrap();
    for text in refusals(&world, &manifest, &outcome) {
        assert!(text.contains("no component"), "{text}");
        assert!(text.contains(&digest.hex()), "{text}");
    }
    fs::write(&path, &good).unwrap();
    assert!(world.replay(&outcome).unwrap().difference.is_none());
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// Changes a byte of a file, gives the name of the file to `look`, and changes it back.
fn with_a_flip(path: &Path, place: usize, look: impl FnOnce(&str)) {
    use std::os::unix::fs::PermissionsExt as _;
    let before = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let good = fs::read(path).unwrap();
    let mut bad = good.clone();
    bad[place] ^= 1;
    fs::write(path, &bad).unwrap();
    look(path.file_name().unwrap().to_str().unwrap());
    fs::write(path, &good).unwrap();
    fs::set_permissions(path, before).unwrap();
}

/// Whether a byte of a snapshot's file is one that a run reads: all of the manifest, and of an
/// Arrow file its record batches. Schema and footer are never looked at, nor are findings.
fn is_read(snapshot: &Snapshot, name: &str, place: usize) -> bool {
    if name == "findings.jsonl" {
        return false;
    }
    let place = place as u64;
    let instruments = &snapshot.manifest().instruments;
    let instrument = instruments.iter().find(|entry| entry.files[0].file == name);
    instrument.is_none_or(|entry| {
        let mut batches = entry.batches.iter();
        batches.any(|batch| (batch.offset..batch.offset + batch.length).contains(&place))
    })
}

#[test]
fn a_flipped_byte_of_the_snapshot_stops_a_backtest_that_names_the_file() {
    let world = World::small(20);
    let manifest = world.manifest(&component(""), &["AAA", "BBB"]);
    let first = world.backtest(&manifest, world.engine()).unwrap();
    let good = first.close.clone();
    let snapshot = world.opened();
    let folder = world.path().join("snapshots").join(world.snapshot.hex());
    let (mut stopped, mut unread) = (0, 0);
    for path in &files_of(&folder) {
        let length = usize::try_from(fs::metadata(path).unwrap().len()).unwrap();
        for place in (0..length).step_by(61) {
            with_a_flip(path, place, |name| {
                let run = world.backtest(&manifest, world.engine());
                match run {
                    Err(error) => {
                        let text = error.to_string();
                        assert!(text.contains(name), "{name} byte {place}: {text}");
                        let text = world.replay(&first).expect_err(name).to_string();
                        assert!(text.contains(name), "{name} byte {place}: {text}");
                        stopped += 1;
                    }
                    Ok(outcome) => {
                        assert!(!is_read(&snapshot, name, place), "{name} byte {place}");
                        assert_eq!(outcome.close, good, "{name} byte {place}");
                        unread += 1;
                    }
                }
                // The data engineer's check reads every byte.
                let whole = snapshot_store(&world.data).unwrap().load(&world.snapshot);
                let text = whole
                    .and_then(|snapshot| snapshot.verify_all())
                    .expect_err(name)
                    .to_string();
                assert!(text.contains(name), "{name} byte {place}: {text}");
            });
        }
    }
    assert!(
        stopped > 30 && unread > 5,
        "{stopped} stopped, {unread} unread"
    );
    assert!(world.backtest(&manifest, world.engine()).is_ok());
}

#[test]
fn a_missing_or_renamed_snapshot_is_named() {
    let (world, manifest, outcome) = made();
    let id = world.snapshot.hex();
    let snapshots = world.path().join("snapshots");
    let away = world.path().join("away");
    fs::rename(snapshots.join(&id), &away).unwrap();
    for text in refusals(&world, &manifest, &outcome) {
        assert!(text.contains(&id), "{text}");
    }
    // Another snapshot under its name.
    let other = World::small(11);
    let from = other.path().join("snapshots").join(other.snapshot.hex());
    fs::create_dir(snapshots.join(&id)).unwrap();
    for file in files_of(&from) {
        fs::copy(&file, snapshots.join(&id).join(file.file_name().unwrap())).unwrap();
    }
    for text in refusals(&world, &manifest, &outcome) {
        assert!(text.contains(&id), "{text}");
        assert!(text.contains("manifest"), "{text}");
    }
}

#[test]
fn an_edited_manifest_is_refused_and_the_field_is_named() {
    let (world, manifest, _) = made();
    let refused = |edit: &dyn Fn(&mut Manifest), named: &[&str]| {
        let mut edited = manifest.clone();
        edit(&mut edited);
        let text = world
            .backtest(&edited, world.engine())
            .expect_err(named[0])
            .to_string();
        for word in named {
            assert!(text.contains(word), "{text:?} does not name {word}");
        }
    };
    let zeros = format!("sha256:{}", "0".repeat(64));
    refused(
        &|edited| edited.component.clone_from(&zeros),
        &["component", &zeros],
    );
    refused(
        &|edited| edited.engine.clone_from(&zeros),
        &["engine-settings", &zeros],
    );
    refused(
        &|edited| edited.timeframe = "1h".to_owned(),
        &["timeframe", "1d", "1h"],
    );
    refused(&|edited| edited.warm_up = 9, &["warm-up", "9"]);
    refused(
        &|edited| edited.instruments[0].tick_size = "0.5".to_owned(),
        &["instruments", "0.5"],
    );
    refused(
        &|edited| edited.instruments[1].symbol = "CCC".to_owned(),
        &["CCC"],
    );
    refused(
        &|edited| edited.format = "counterfoil-manifest/2".to_owned(),
        &["format"],
    );
    refused(&|edited| edited.cadence = 0, &["cadence"]);
    refused(
        &|edited| edited.account.kind = "free".to_owned(),
        &["account.kind", "free"],
    );
    refused(
        &|edited| edited.limits.fuel_per_callback = 0,
        &["fuel-per-callback"],
    );
    refused(
        &|edited| {
            edited.parameters.insert("fasd".to_owned(), "1".to_owned());
        },
        &["fasd", "fast"],
    );
    refused(
        &|edited| {
            edited.data = DataSource::Snapshot {
                id: zeros.clone(),
                from: None,
                to: None,
            };
        },
        &[&zeros],
    );
}

#[test]
fn a_manifest_without_a_part_is_refused_and_with_another_it_is_another_run() {
    let (world, manifest, outcome) = made();
    let text = manifest.canonical().unwrap();
    for field in ["risk", "costs", "account", "drawdown-max-bps"] {
        let renamed = text.replacen(&format!("\"{field}\":"), "\"other\":", 1);
        let error = Manifest::parse(&renamed).unwrap_err().to_string();
        assert!(error.contains(field) || error.contains("other"), "{error}");
    }
    let mut richer = manifest.clone();
    "1000001".clone_into(&mut richer.account.cash);
    let richer = world.backtest(&richer, world.engine()).unwrap();
    assert_ne!(richer.execution.run, outcome.execution.run);
}

/// Writes an execution's journal again, sealed with the true key, with every body as `change`
/// leaves it.
pub(crate) fn forge(
    execution: &Execution,
    cadence: u64,
    mut change: impl FnMut(usize, Vec<u8>) -> Vec<u8>,
) {
    let path = execution.journal();
    let bytes = fs::read(&path).unwrap();
    let mut opening = JournalReader::open(&path).unwrap();
    opening.opening().unwrap();
    let opening = opening.index();
    fs::remove_file(&path).unwrap();
    let file = JournalFile::create(&path).unwrap();
    let mut sealer = Sealer::new(file, signer(), execution.origin(), cadence);
    let mut reader = FrameReader::new();
    let (mut start, mut index) = (0, 0);
    loop {
        let parsed = reader.parse(&bytes[start..]).unwrap();
        start += parsed.consumed;
        match parsed.frame {
            None => break,
            Some(Frame::Checkpoint(_)) => {}
            Some(Frame::Entry(entry)) => {
                let body = change(index, entry[HEAD_BYTES..].to_vec());
                let record = RecordBytes {
                    is_silent: false,
                    body: &body,
                    digested: digested_part(&body).unwrap(),
                    seal: if index as u64 + 1 == opening {
                        RecordSeal::Now
                    } else {
                        seal_of_kind(record_kind(&body).unwrap())
                    },
                };
                sealer.add(record).unwrap();
                index += 1;
            }
        }
    }
    sealer.finish().unwrap();
}

#[test]
fn what_the_holder_of_the_key_forges_does_not_replay() {
    let (world, _, outcome) = made();
    forge(&outcome.execution, 5, |_, body| body);
    let report = verified(&fs::read(outcome.execution.journal()).unwrap());
    assert!(
        report.is_good(),
        "sealed again as it was: {:?}",
        report.findings
    );

    let all = records(
        outcome.execution.journal().path(),
        &outcome.execution.origin(),
    );
    let first = all.iter().position(|record| {
        matches!(record, RunRecord::Decision(decision)
            if decision.requests.as_ref().is_some_and(|some| !some.is_empty()))
    });
    let first = first.unwrap();
    // The reason is the strategy's own: only re-execution can detect that it gave another.
    forge(&outcome.execution, 5, |index, body| {
        let RunRecord::Decision(mut decision) = RunRecord::decode(&body).unwrap() else {
            return body;
        };
        if index != first {
            return body;
        }
        decision.requests.as_mut().unwrap()[0].reason = Some("because".to_owned());
        let (mut digested, mut body) = (Vec::new(), Vec::new());
        decision.encode_digested(&mut digested);
        decision.encode(&digested, &mut body);
        body
    });
    let again = world.replay(&outcome).unwrap();
    let difference = again.difference.expect("a difference");
    assert_eq!(difference.index, first as u64);
    let reason = |record: Option<Box<RunRecord>>| {
        let Some(RunRecord::Decision(decision)) = record.as_deref() else {
            panic!("{record:?}");
        };
        decision.requests.as_ref().unwrap()[0]
            .reason
            .clone()
            .unwrap()
    };
    assert_eq!(reason(difference.recorded), "because");
    assert_eq!(
        reason(difference.replayed),
        "fast average crossed above slow"
    );
}

#[test]
fn every_flipped_byte_of_a_journal_is_caught() {
    let world = World::small(10);
    let mut manifest = world.cross(&["AAA", "BBB"], 2, 3, 10);
    manifest.cadence = 5;
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let good = fs::read(outcome.execution.journal()).unwrap();
    assert!(verified(&good).is_good());
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1 << (place % 8);
        let report = verified(&bad);
        assert!(!report.is_good(), "byte {place} of {}", good.len());
    }
}

#[test]
fn the_journal_of_another_execution_is_not_this_one() {
    let (world, manifest, first) = made();
    let second = world.backtest(&manifest, world.engine()).unwrap();
    let (first_path, two) = (first.execution.journal(), second.execution.journal());
    let journals = [fs::read(&first_path).unwrap(), fs::read(&two).unwrap()];
    assert_ne!(journals[0], journals[1], "two logs and not a fork");
    let origins = journals.map(|journal| verified(&journal).origin);
    assert_eq!(origins[0], Some(first.execution.origin()));
    assert_eq!(origins[1], Some(second.execution.origin()));
}

#[test]
fn bars_that_the_holder_of_the_key_forges_are_not_those_that_were_promised() {
    let (world, _, outcome) = made();
    let mut digest = DecisionDigest::default();
    forge(&outcome.execution, 5, |_, body| {
        let mut changed = Vec::new();
        match RunRecord::decode(&body).unwrap() {
            RunRecord::Decision(mut decision) => {
                // The volume decides nothing here, so every other record stays true.
                let mut raw = *decision.bar.get();
                raw.volume.0 += 1;
                decision.bar = ClosedBar::parse(raw).unwrap();
                let mut digested = Vec::new();
                decision.encode_digested(&mut digested);
                decision.encode(&digested, &mut changed);
            }
            RunRecord::Close(mut close) => {
                close.decision_digest = digest.value();
                close.encode(&mut changed);
            }
            RunRecord::Open(_)
            | RunRecord::Manifest(_)
            | RunRecord::Commitments(_)
            | RunRecord::Positions(_)
            | RunRecord::WindDown(_)
            | RunRecord::Inputs(_)
            | RunRecord::Deliveries(_)
            | RunRecord::Fault(_)
            | RunRecord::Stop(_)
            | RunRecord::MarginCall(_)
            | RunRecord::Refused(_) => {
                changed = body;
            }
        }
        if let Some(part) = digested_part(&changed).unwrap() {
            digest.add(part);
        }
        changed
    });
    let report = verified(&fs::read(outcome.execution.journal()).unwrap());
    assert_eq!(report.findings, [], "every record follows from the others");
    let Completeness::Incomplete { why } = &report.completeness else {
        panic!("{:?}", report.completeness);
    };
    for (why, symbol) in why.iter().zip(["AAA", "BBB"]) {
        assert!(
            why.contains(symbol) && why.contains("another digest"),
            "{why}"
        );
    }
    assert_eq!(why.len(), 2);
    assert!(!report.is_good());
    // Nor does it replay: the first slice is not the snapshot's.
    let again = world.replay(&outcome).unwrap();
    assert!(again.foreign_slice.is_some() && !again.is_identical());
    assert_eq!(again.identical, 0);
}
