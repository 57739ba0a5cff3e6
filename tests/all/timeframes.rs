//! A run decides on bars of its manifest's timeframe alone, by whatever door they come.
//!
//! `live` on 1d took bars of a minute, of two days and of a week, and bars over the one before, and filled orders on
//! them. Seen with the feed of a bot that was set to another timeframe than its run.

use counterfoil_runner::build::host_build;
use counterfoil_runner::clock::{RecordClock, WallClock};
use counterfoil_runner::run::drive::{append_opening, drive};
use counterfoil_runner::run::feed::LineFeed;
use counterfoil_runner::run::journal::{InlineJournal, JournalFile, Sealer};
use counterfoil_tests::journals::{records, verified};
use counterfoil_tests::world::{Ignore, World, over_a_feed, signer};
use counterfoil_trading::bar_grid::BarSequence;
use counterfoil_trading::manifest::{CalendarEntry, Manifest, RunSetup};
use counterfoil_trading::record::{Opening, RunRecord, RunStarter};
use counterfoil_trading::run::{Run, RunPorts};
use counterfoil_trading::venue::simulated::SimulatedVenue;

use crate::recover::{killed, resume, signed_ends};

/// A bar as a line, and the refusal of it.
const MISFITS: [([&str; 2], &str); 4] = [
    (
        ["2020-01-05", "2020-01-05T00:01:00Z"],
        "misfit-bar: the bar from 2020-01-05T00:00:00Z to 2020-01-05T00:01:00Z is not one of 1d, which would close \
         at 2020-01-06T00:00:00Z",
    ),
    (
        ["2020-01-04T12:00:00Z", "2020-01-05T12:00:00Z"],
        "misfit-bar: the bar from 2020-01-04T12:00:00Z to 2020-01-05T12:00:00Z is off the grid of 1d; the last place \
         before it is 2020-01-04T00:00:00Z",
    ),
    (
        ["2020-01-01", "2020-01-08"],
        "misfit-bar: the bar from 2020-01-01T00:00:00Z to 2020-01-08T00:00:00Z is not one of 1d, which would close \
         at 2020-01-02T00:00:00Z",
    ),
    (
        ["2020-01-05", "2020-01-07"],
        "misfit-bar: the bar from 2020-01-05T00:00:00Z to 2020-01-07T00:00:00Z is not one of 1d, which would close \
         at 2020-01-06T00:00:00Z",
    ),
];

/// The manifest's lines, with misfits after the fourth day.
fn with_misfits(lines: &str) -> String {
    let misfit = |([open, close], _): &([&str; 2], &str)| {
        format!(
            r#"{{"symbol":"AAA","open-time":"{open}","close-time":"{close}","open":"900","high":"900","low":"900","close":"900","volume":"10000"}}"#
        )
    };
    let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    let (before, after) = lines.split_at(8);
    let misfits = MISFITS.iter().map(misfit);
    let all: Vec<String> = before
        .iter()
        .cloned()
        .chain(misfits)
        .chain(after.iter().cloned())
        .collect();
    all.join("\n")
}

fn refusals(records: &[RunRecord]) -> Vec<&str> {
    let refused = records.iter().filter_map(|record| {
        let RunRecord::Refused(refused) = record else {
            return None;
        };
        Some(refused.reason.as_str())
    });
    refused.collect()
}

#[test]
fn a_live_run_refuses_and_records_bars_of_another_timeframe() {
    let world = World::small(24);
    let cross = world.cross(&["AAA", "BBB"], 1, 2, 10);
    let plain = over_a_feed(&cross, "plain");
    let lines = world.lines(&plain);
    let plain = world.live(&plain, &lines).unwrap();
    assert!(plain.close.fills > 4, "nothing was traded");
    let manifest = over_a_feed(&cross, "misfits");
    let sent = with_misfits(&lines);
    let outcome = world.live(&manifest, &sent).unwrap();
    assert_eq!(outcome.close.equity, plain.close.equity);
    assert_eq!(outcome.close.decisions, plain.close.decisions);
    let execution = &outcome.execution;
    let reasons: Vec<&str> = MISFITS.iter().map(|(_, reason)| *reason).collect();
    let kept = records(execution.journal().path(), &execution.origin());
    assert_eq!(refusals(&kept), reasons);
    let whole = std::fs::read(execution.journal()).unwrap();
    assert!(verified(&whole).is_good());
    assert!(world.replay(&outcome).unwrap().is_identical());
    // Cut in front of the misfits and behind them, and resumed with the same stream.
    let ends = signed_ends(&whole);
    for cut in [ends[6], ends[10], ends[14]] {
        let execution = killed(&world, &manifest, &whole[..cut]);
        let ended = resume(&world, &execution, &sent).unwrap().ended.unwrap();
        assert_eq!(ended.equity, plain.close.equity, "cut at {cut}");
        assert_eq!(ended.decisions, plain.close.decisions, "cut at {cut}");
        let kept = records(execution.journal().path(), &execution.origin());
        // The first two may be late by then, which is said instead.
        let again = refusals(&kept);
        assert_eq!(again[again.len() - 2..], reasons[2..], "cut at {cut}");
        assert!(verified(&std::fs::read(execution.journal()).unwrap()).is_good());
    }
}

/// A journal of this manifest whose host did not check the timeframe: the run took bars of another.
fn unchecked(world: &World, manifest: &Manifest, setup: &RunSetup, lines: &str) -> Vec<u8> {
    let execution = killed(world, manifest, &[]);
    std::fs::remove_file(execution.journal()).unwrap();
    let file = JournalFile::create(&execution.journal()).unwrap();
    let sealer = Sealer::new(file, signer(), execution.origin(), 1);
    let mut journal = InlineJournal(sealer);
    let opening = Opening {
        manifest: manifest.canonical().unwrap(),
        execution: 1,
        host: host_build(),
        start: RunStarter::default(),
        commitments: None,
    };
    append_opening(&opening, &mut journal).unwrap();
    let bars: BarSequence = setup.bar_sequence();
    let mut feed = LineFeed::new(lines.as_bytes(), &setup.instruments, bars);
    let mut ports = RunPorts {
        strategy: &mut crate::recover::Idle,
        venue: &mut SimulatedVenue::new(setup),
        journal: &mut journal,
        clock: &mut WallClock::new(RecordClock::default()),
    };
    drive(&mut feed, &mut Run::new(setup), &mut ports, &mut Ignore).unwrap();
    std::fs::read(execution.journal()).unwrap()
}

#[test]
fn a_journal_of_bars_of_another_timeframe_neither_verifies_nor_resumes() {
    let world = World::small(13);
    let manifest = over_a_feed(&world.cross(&["AAA", "BBB"], 1, 2, 10), "unchecked");
    let lines = world.lines(&manifest);
    let own = manifest.setup().unwrap();
    assert!(verified(&unchecked(&world, &manifest, &own, &lines)).is_good());
    // The same lines under a manifest of hours.
    let hours = Manifest {
        timeframe: "1h".to_owned(),
        ..manifest
    };
    let forged = unchecked(&world, &hours, &own, &lines);
    let report = verified(&forged);
    assert!(!report.is_good());
    let why = format!("{report:?}");
    assert!(
        why.contains("AAA: the bar from 2020-01-01T00:00:00Z to"),
        "{why}"
    );
    let ends = signed_ends(&forged);
    let execution = killed(&world, &hours, &forged[..ends[4]]);
    let why = match resume(&world, &execution, "") {
        Ok(told) => format!("{:?}", told.ended.unwrap_err()),
        Err(error) => error.to_string(),
    };
    assert!(why.contains("AAA: the bar from 2020-01-01"), "{why}");
}

#[test]
fn a_backtest_has_the_calendars_of_its_snapshot() {
    let hours = "A,2024-01-02T14:30:00Z,5,5,5,5,1\nA,2024-01-02T15:30:00Z,5,5,5,5,2\n";
    let csv = format!("symbol,time,open,high,low,close,volume\n{hours}");
    let world = World::of_sessions(&csv, "1h", None);
    let manifest = world.cross(&["A"], 1, 2, 1);
    let calendars: Vec<&CalendarEntry> = manifest.calendars.iter().collect();
    assert_eq!(calendars.len(), 1);
    assert_eq!(
        (calendars[0].zone.as_str(), calendars[0].anchor.as_str()),
        ("UTC", "00:30")
    );
    assert_eq!(
        world
            .backtest(&manifest, world.engine())
            .unwrap()
            .close
            .decisions,
        2
    );
    let other = Manifest {
        calendars: Vec::new(),
        ..manifest
    };
    let error = world
        .backtest(&other, world.engine())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "A: the bar from 2024-01-02T14:30:00Z to 2024-01-02T15:30:00Z is off the grid of 1h; the last place before \
         it is 2024-01-02T14:00:00Z"
    );
}
