//! A run that is killed at any point leaves a journal that holds up to its last checkpoint, and
//! is never taken for a whole one.

use std::process::{Command, Stdio};

use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_runner::run::backtest::backtest;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::run::replay::replay;
use counterfoil_tests::child;
use counterfoil_tests::journals::verified;
use counterfoil_tests::world::{Ignore, World, signer};
use counterfoil_trading::manifest::Manifest;
use counterfoil_verify::{Completeness, FindingCause, Integrity};

/// Names the data directory to a child, which runs the manifest in it.
const FOLDER: &str = "COUNTERFOIL_TESTS_CRASH_FOLDER";
/// The child's manifest in that directory.
const MANIFEST: &str = "crash.json";

/// No test of its own: the process that the tests below start and kill.
#[test]
fn child() {
    let Some((data, manifest, engine)) = child::place(FOLDER, MANIFEST) else {
        return;
    };
    let _outcome: ExecutionOutcome =
        backtest(&data, &manifest, engine, signer(), &mut Ignore).unwrap();
}

/// Starts a run in another process and kills it once its journal has `bytes` bytes. Whether it
/// was killed before its end.
fn killed_at(world: &World, manifest: &Manifest, number: u64, bytes: u64) -> bool {
    std::fs::write(world.path().join(MANIFEST), manifest.canonical().unwrap()).unwrap();
    let run = manifest.run_id().unwrap().hex();
    let journal = world.path().join(format!("runs/{run}/{number}/journal"));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact"])
        .env(FOLDER, world.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the child failed on its own");
            return false;
        }
        let length = std::fs::metadata(&journal).map_or(0, |file| file.len());
        if length >= bytes {
            child.kill().unwrap();
            // It may have ended just before.
            return !child.wait().unwrap().success();
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_killed_run_leaves_what_it_signed() {
    let world = World::real();
    let whole = world.claim();
    let digest = world
        .backtest(&whole, world.engine())
        .unwrap()
        .close
        .decision_digest;
    //                        cadence, bytes in the journal at which the process is killed
    let table: [(u32, &[u64]); 2] = [
        (1, &[17, 3_000, 20_000, 150_000]),
        (100, &[17, 300_000, 1_000_000]),
    ];
    let mut kills = 0;
    for (cadence, all) in table {
        let manifest = Manifest {
            cadence,
            ..whole.clone()
        };
        let mut number = 0;
        for bytes in all {
            number += 1;
            if !killed_at(&world, &manifest, number, *bytes) {
                continue;
            }
            kills += 1;
            let place = format!("cadence {cadence}, killed at {bytes}");
            let run = manifest.run_id().unwrap().hex();
            let execution = world.data.find(&format!("{run}/{number}")).unwrap();
            let report = verified(&std::fs::read(execution.journal()).unwrap());
            assert!(!report.is_good(), "{place}");
            assert_eq!(report.findings, [], "{place}");
            let covered = match report.integrity {
                Integrity::Intact => report.entries,
                Integrity::IntactUpTo { covered, .. } => covered,
                Integrity::Broken(finding) => panic!("{place}: {finding}"),
            };
            assert!(
                covered > 0 && covered + u64::from(cadence) * 2 + 3 > report.entries,
                "{place}"
            );
            assert!(
                matches!(report.completeness, Completeness::Incomplete { .. }),
                "{place}"
            );
            let engine = world.engine();
            let again = replay(&world.data, &execution, engine, &mut |_| {}).unwrap();
            assert!(
                again.difference.is_none(),
                "{place}: {:?}",
                again.difference
            );
            assert!(!again.closed, "{place}");
        }
        let last = world.backtest(&manifest, world.engine()).unwrap();
        assert_eq!(last.execution.number, number + 1);
        assert_eq!(
            last.close.decision_digest, digest,
            "a crash before it changes nothing"
        );
    }
    assert!(kills >= 5, "{kills} of 7 runs were killed in time");
}

/// A disk that is full is played by the system's limit on the size of a file.
#[test]
fn a_full_disk_stops_a_run_that_names_the_file_and_keeps_what_was_signed() {
    let world = World::real();
    let whole = world.claim();
    // Fills the cache of compiled code, which is larger than what fits below.
    let digest = world
        .backtest(&whole, world.engine())
        .unwrap()
        .close
        .decision_digest;
    for cadence in [1, 100] {
        let manifest = Manifest {
            cadence,
            ..whole.clone()
        };
        std::fs::write(world.path().join(MANIFEST), manifest.canonical().unwrap()).unwrap();
        // 512 blocks of 512 bytes. Without the trap the signal would end the process.
        let limited = "trap '' XFSZ; ulimit -f 512; exec \"$0\" crash::child --exact --nocapture";
        let ended = Command::new("sh")
            .args(["-c", limited])
            .arg(std::env::current_exe().unwrap())
            .env(FOLDER, world.path())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success(), "cadence {cadence}: {printed}");
        let run = manifest.run_id().unwrap().hex();
        let execution = world.data.find(&format!("{run}/1")).unwrap();
        let named = execution.journal().display().to_string();
        assert!(
            printed.contains(&named) && printed.contains("File too large"),
            "cadence {cadence}: {printed}"
        );
        let report = verified(&std::fs::read(execution.journal()).unwrap());
        assert_eq!(report.findings, [], "cadence {cadence}");
        assert!(report.last_checkpoint.is_some(), "cadence {cadence}");
        assert!(!report.is_good(), "cadence {cadence}");
        let next = world.backtest(&manifest, world.engine()).unwrap();
        assert_eq!(next.close.decision_digest, digest, "cadence {cadence}");
    }
}

/// Where the first checkpoint's frame ends.
fn first_signed(journal: &[u8]) -> usize {
    let mut reader = FrameReader::new();
    let mut end = 0;
    loop {
        let parsed = reader.parse(&journal[end..]).unwrap();
        end += parsed.consumed;
        if let Some(Frame::Checkpoint(_)) = parsed.frame {
            return end;
        }
    }
}

#[test]
fn a_journal_cut_at_any_byte_is_intact_up_to_its_last_checkpoint_and_never_whole() {
    let world = World::small(10);
    let mut manifest = world.cross(&["AAA", "BBB"], 2, 3, 10);
    manifest.cadence = 5;
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    assert!(outcome.close.fills > 0, "a journal with fills in it");
    let journal = std::fs::read(outcome.execution.journal()).unwrap();
    assert!(verified(&journal).is_good());
    let signed = first_signed(&journal);
    for length in 0..journal.len() {
        let report = verified(&journal[..length]);
        assert!(!report.is_good(), "cut to {length} of {}", journal.len());
        assert_ne!(
            report.completeness,
            Completeness::Complete,
            "cut to {length}"
        );
        match report.integrity {
            Integrity::Intact | Integrity::IntactUpTo { .. } => {
                assert!(length >= signed, "cut to {length}: nothing is signed there");
            }
            Integrity::Broken(finding) => {
                assert!(length < signed, "cut to {length}: {finding}");
                let nothing = matches!(
                    finding.cause,
                    FindingCause::Empty | FindingCause::OpeningTorn | FindingCause::NothingSigned
                );
                assert!(nothing, "cut to {length}: {finding}");
            }
        }
    }
}
