//! A month of live trading with faults drawn at random: the process is killed again and again, and
//! its feed repeats itself, revises bars and sends rubbish. Nothing may be lost and nothing doubled.
//!
//! `COUNTERFOIL_SOAK_SEED=N` draws other faults than those of every test run.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use counterfoil_base::digest::Digest;
use counterfoil_base::draws::Random;
use counterfoil_journal::key::VerifierKey;
use counterfoil_runner::orders::gateway::order_log;
use counterfoil_runner::run::resume::{ResumeAttempt, open};
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_tests::journals::{decisions, records, verified};
use counterfoil_tests::world::{World, over_a_feed, signer};
use counterfoil_trading::gateway::{OrderLogRecord, SubmissionEnd};
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::plan::PlanDigest;
use counterfoil_trading::record::RunRecord;

use crate::recover::{FOLDER, MANIFEST, resume};

const DAYS: u32 = 30;
/// Processes that are killed on the way.
const LIVES: usize = 24;

/// Hourly bars of two instruments, up and down so that averages cross.
pub(crate) fn month() -> String {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for symbol in ["AAA", "BBB"] {
        for hour in 0..DAYS * 24 {
            let (day, time) = (hour / 24 + 1, hour % 24);
            let close = 100 + (hour % 7) * 3 + (hour % 5) * 2;
            let (high, low) = (close + 2, close - 2);
            writeln!(
                csv,
                "{symbol},2020-06-{day:02}T{time:02}:00:00Z,{close},{high},{low},{close},10000"
            )
            .unwrap();
        }
    }
    csv
}

/// What a feed sends that continues at `from`, or before it, with faults in between.
fn faulty(lines: &[&str], from: usize, draw: &mut Random) -> Vec<String> {
    let start = match draw.below(3) {
        0 => 0,
        1 => from,
        _ => draw.below(from + 1),
    };
    let mut sent = Vec::new();
    for (at, line) in lines.iter().enumerate().skip(start) {
        // Never the bar itself: a revision that comes first is the bar.
        let before = lines.get(draw.below(at)).unwrap();
        match draw.below(40) {
            0 => sent.push((*before).to_owned()),
            1 => sent.push(before.replace("\"volume\":10000", "\"volume\":10001")),
            2 => sent.push("{\"symbol\":\"AAA\",".to_owned()),
            3 => sent.push(before.replace("\"AAA\"", "\"CCC\"")),
            _ => {}
        }
        sent.push((*line).to_owned());
    }
    sent
}

/// A process that is sent these lines until its journal has grown to `length`, and then killed.
fn run_process(world: &World, journal: &Path, lines: Vec<String>, length: u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["recover::child", "--exact"])
        .env(FOLDER, world.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = thread::spawn(move || {
        for line in lines {
            // The reader is killed at some point.
            if writeln!(stdin, "{line}").is_err() {
                break;
            }
        }
        // Not closed here: a feed that ends would end the run.
        stdin
    });
    let grown = || std::fs::metadata(journal).map_or(0, |metadata| metadata.len()) >= length;
    while !grown() {
        assert_eq!(child.try_wait().unwrap(), None, "the child ended early");
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(feed.join().unwrap());
}

/// Bars that are decided and signed; 0 before the execution is there.
fn decided(world: &World, run: &Digest) -> usize {
    let Some(execution) = world.data.executions_of(run).unwrap().pop() else {
        return 0;
    };
    match open(&world.data, &execution, signer()).unwrap() {
        ResumeAttempt::Ready(ready) => usize::try_from(ready.resume_point().decisions).unwrap(),
        ResumeAttempt::Blocked(halt) => panic!("{halt}"),
    }
}

/// The orders of the journal, and how each ended by the order log.
fn check_orders(execution: &Execution) {
    let records = records(execution.journal().path(), &execution.origin());
    let all = decisions(&records);
    let planned: BTreeMap<u64, PlanDigest> = all
        .iter()
        .flat_map(|decision| &decision.circumstances.plans)
        .map(|note| (note.token, note.plan))
        .collect();
    let key = VerifierKey::new(&order_log::origin(execution), &signer().verifying_key()).unwrap();
    let mut ends: BTreeMap<u64, Vec<SubmissionEnd>> = BTreeMap::new();
    for record in order_log::records(execution, &key).unwrap() {
        if let OrderLogRecord::Ended(ended) = record {
            ends.entry(ended.sequence).or_default().push(ended.end);
        }
    }
    assert!(planned.len() > 100, "{} orders", planned.len());
    let once: BTreeMap<u64, Vec<SubmissionEnd>> = planned
        .keys()
        .map(|sequence| (*sequence, vec![SubmissionEnd::Acknowledged]))
        .collect();
    assert_eq!(ends, once, "each order has one end");
    let refused = records
        .iter()
        .filter(|record| matches!(record, RunRecord::Refused(_)));
    assert!(refused.count() > 10, "the feed's faults are on record");
}

#[test]
fn a_month_with_faults_loses_and_doubles_nothing() {
    let seed = std::env::var("COUNTERFOIL_SOAK_SEED").map_or(7, |text| text.parse().unwrap());
    let mut draw = Random::new(seed);
    let world = World::of_text(&month());
    let manifest: Manifest = world.cross(&["AAA", "BBB"], 1, 3, 10);
    let text = world.lines(&manifest);
    let lines: Vec<&str> = text.lines().collect();
    let clean = over_a_feed(&manifest, "never killed");
    let clean = world.live(&clean, &text).unwrap();
    let whole = std::fs::metadata(clean.execution.journal()).unwrap().len();

    let manifest = over_a_feed(&manifest, "soak");
    std::fs::write(world.path().join(MANIFEST), manifest.canonical().unwrap()).unwrap();
    let run = manifest.run_id().unwrap();
    let journal = world.data.first_execution(&run).journal();
    let step = usize::try_from(whole).unwrap() / LIVES;
    for _ in 0..LIVES {
        let from = decided(&world, &run);
        let length = std::fs::metadata(&journal).map_or(0, |metadata| metadata.len());
        // Half of the lives are shorter than the others, and some hardly begin.
        let grows = draw.below(2 * step);
        // So much is written before the last bar, whatever was refused on the way.
        let length = (length + u64::try_from(grows).unwrap()).min(whole - 4096);
        run_process(
            &world,
            journal.path(),
            faulty(&lines, from, &mut draw),
            length,
        );
    }
    let execution = world.data.find(&run.hex()).unwrap();
    let resumed = resume(&world, &execution, &text).unwrap();
    let close = resumed.ended.unwrap();
    assert_eq!(
        close.decision_digest, clean.close.decision_digest,
        "seed {seed}"
    );
    let report = verified(&std::fs::read(execution.journal()).unwrap());
    assert!(report.is_good(), "seed {seed}: {:?}", report.findings);
    check_orders(&execution);
}
