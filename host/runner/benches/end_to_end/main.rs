//! The whole path over generated one-minute bars: ingest, backtest, verify, replay, runs at once.
//!
//! `cargo bench -p counterfoil-runner --bench end_to_end [-- BARS]` prints a table: bars a second
//! for each step, the journal's bytes for each decision, and the peak of memory.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench, not a program"
)]

mod made;

use std::fs::File;

use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::{LogKey, LogSigner};
use counterfoil_journal::signer::Ed25519Signer;
use counterfoil_os::clock::Stopwatch;
use counterfoil_runner::run::backtest::backtest_sealing;
use counterfoil_runner::run::drive::RunObserver;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::run::journal::Sealing;
use counterfoil_runner::run::replay::replay;
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_snapshot::source::options::IngestOptions;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::run::Run;
use counterfoil_verify::{VerifyOptions, verify_journal};

/// Rounds of each step; the table has their median.
const ROUNDS: usize = 5;

pub(crate) struct Quiet;

impl RunObserver<Guest> for Quiet {
    fn stepped(&mut self, _strategy: &mut Guest, _run: &Run) {}
    fn refused(&mut self, _input: &RefusedInput) {}
}

fn main() {
    let asked = std::env::args().find_map(|text| text.parse().ok());
    let bars: u64 = asked.unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    let file = folder.path().join("bars.csv");
    made::generate(&file, bars);

    println!("| step | result |\n| --- | --- |");
    let store = snapshot_store(&data).unwrap();
    let options = IngestOptions {
        symbol: Some("GEN".to_owned()),
        ..IngestOptions::default()
    };
    let mut snapshot = None;
    let rate = timed(bars, || {
        let source = File::open(&file).unwrap();
        let made = store.ingest(source, "bars.csv", &options, &mut |_| {});
        snapshot = Some(made.unwrap().id.to_string());
    });
    row("ingest, CSV", rate);
    let after_ingest = peak_mib();

    let bench = Bench { data: &data, bars };
    let manifest = made::manifest(&data, &snapshot.unwrap());
    let done = bench.backtests(&manifest);
    bench.checks(&done);
    bench.at_once(&manifest);
    bench.often(&manifest);
    let bytes = std::fs::metadata(done.execution.journal()).unwrap().len();
    say("journal, bytes a decision", bytes / bars);
    say("fills", done.close.fills);
    say("peak memory after ingest, MiB", after_ingest);
    say("peak memory at the end, MiB", peak_mib());
}

pub(crate) fn signer() -> Box<dyn LogSigner + Send> {
    Box::new(LogKey::new(Ed25519Signer::from_seed(&[7; 32]), [7; 32]))
}

struct Bench<'a> {
    data: &'a DataDir,
    bars: u64,
}

impl Bench<'_> {
    fn run(&self, manifest: &Manifest, sealing: Sealing) -> ExecutionOutcome {
        let engine = EngineSettings::default();
        let quiet = &mut Quiet;
        backtest_sealing(self.data, manifest, engine, signer(), sealing, quiet).unwrap()
    }

    fn backtests(&self, manifest: &Manifest) -> ExecutionOutcome {
        let mut last = None;
        let rate = median(|| {
            timed(self.bars, || {
                last = Some(self.run(manifest, Sealing::OwnThread));
            })
        });
        row("backtest, journaled and signed", rate);
        last.unwrap()
    }

    fn checks(&self, done: &ExecutionOutcome) {
        let journal = done.execution.journal();
        let key = PublicKey(signer().verifying_key());
        for (what, integrity_only) in [
            ("verify, integrity only", true),
            ("verify, every record run again", false),
        ] {
            let rate = median(|| {
                timed(self.bars, || {
                    let options = VerifyOptions {
                        integrity_only,
                        ..VerifyOptions::default()
                    };
                    let report = verify_journal(File::open(&journal).unwrap(), &key, options);
                    assert!(report.unwrap().findings.is_empty());
                })
            });
            row(what, rate);
        }
        let rate = median(|| {
            timed(self.bars, || {
                let engine = EngineSettings::default();
                let again = replay(self.data, &done.execution, engine, &mut |_| {}).unwrap();
                assert!(again.is_identical());
            })
        });
        row("replay, the component decides again", rate);
    }

    /// One run on one thread, then two such runs at once.
    fn at_once(&self, manifest: &Manifest) {
        let alone = median(|| {
            timed(self.bars, || {
                self.run(manifest, Sealing::RunThread);
            })
        });
        row("backtest held to one thread", alone);
        let together = median(|| {
            timed(self.bars * 2, || {
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| self.run(manifest, Sealing::RunThread));
                    }
                });
            })
        });
        row("two such at once, together", together);
    }

    /// The same strategy with averages so short that it orders on every second bar or so.
    fn often(&self, manifest: &Manifest) {
        let mut manifest = manifest.clone();
        for (name, value) in [("fast", "1"), ("slow", "2")] {
            let (name, value) = (name.to_owned(), value.to_owned());
            manifest.parameters.insert(name, value);
        }
        let mut fills = 0;
        let rate = median(|| {
            timed(self.bars, || {
                fills = self.run(&manifest, Sealing::OwnThread).close.fills;
            })
        });
        let percent = fills * 100 / self.bars;
        row(
            &format!("backtest with orders on {percent} % of bars"),
            rate,
        );
    }
}

/// Bars a second of one call.
fn timed(bars: u64, work: impl FnOnce()) -> u64 {
    let watch = Stopwatch::start();
    work();
    let micros = u64::try_from(watch.elapsed().as_micros()).unwrap().max(1);
    bars * 1_000_000 / micros
}

fn median(mut rate: impl FnMut() -> u64) -> u64 {
    let mut rates: Vec<u64> = (0..ROUNDS).map(|_| rate()).collect();
    rates.sort_unstable();
    *rates.get(ROUNDS / 2).unwrap()
}

fn row(what: &str, rate: u64) {
    println!("| {what} | {} thousand bars/s |", rate / 1000);
}

fn say(what: &str, value: u64) {
    println!("| {what} | {value} |");
}

/// Peak resident memory of this process, as Linux counts it.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}
