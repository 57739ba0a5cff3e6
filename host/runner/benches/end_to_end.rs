//! The whole path over generated one-minute bars: ingest, backtest, verify, replay.
//!
//! `cargo bench -p counterfoil-runner --bench end_to_end [-- BARS]` prints bars a second for each
//! step, the journal's bytes for each decision, and the peak of memory.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench, not a program"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_runner::backtest::{backtest, snapshot_store};
use counterfoil_runner::clock::Stopwatch;
use counterfoil_runner::component::ready;
use counterfoil_runner::data_dir::DataDir;
use counterfoil_runner::drive::Observer;
use counterfoil_runner::replay::replay;
use counterfoil_sandbox::engine::{EngineSettings, settings_digest};
use counterfoil_sandbox::guest::Guest;
use counterfoil_snapshot::options::IngestOptions;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{
    AccountEntry, CostsEntry, DataSource, FORMAT, InstrumentEntry, Manifest, MatchingEntry,
    PROFILE_PURE, RiskEntry, WORLD,
};
use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::run::Run;
use counterfoil_verify::{Options, PublicKey, verify_journal};

const COMPONENT: &[u8] =
    include_bytes!("../../../sdk-examples/components/moving-average-cross.wasm");
const SEED: [u8; 32] = [7; 32];

struct Quiet;

impl Observer<Guest> for Quiet {
    fn stepped(&mut self, _strategy: &mut Guest, _run: &Run) {}
    fn refused(&mut self, _input: &RefusedInput) {}
}

fn main() {
    let asked = std::env::args().find_map(|text| text.parse().ok());
    let bars: u64 = asked.unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    let file = folder.path().join("bars.csv");
    generate(&file, bars);

    let watch = Stopwatch::start();
    let store = snapshot_store(&data).unwrap();
    let options = IngestOptions {
        symbol: Some("GEN".to_owned()),
        ..IngestOptions::default()
    };
    let source = File::open(&file).unwrap();
    let ingested = store
        .ingest(source, "bars.csv", &options, &mut |_| {})
        .unwrap();
    line("ingest", bars, &watch);
    let after_ingest = peak_mib();

    let manifest = manifest(&data, &ingested.id.to_string());
    let mut rates = Vec::new();
    let mut last = None;
    for _ in 0..5 {
        let watch = Stopwatch::start();
        let signer = Box::new(Ed25519Signer::from_seed(&SEED));
        let engine = EngineSettings::default();
        let done = backtest(&data, &manifest, engine, signer, &mut Quiet).unwrap();
        rates.push(line("backtest", bars, &watch));
        last = Some(done);
    }
    let done = last.unwrap();
    rates.sort_unstable();
    println!("backtest median: {} bars/s", rates.get(2).unwrap());

    let journal = done.execution.journal();
    let key = PublicKey::new(Ed25519Signer::from_seed(&SEED).verifying_key()).unwrap();
    for (what, integrity_only) in [
        ("verify, integrity only", true),
        ("verify with re-run", false),
    ] {
        let watch = Stopwatch::start();
        let options = Options {
            integrity_only,
            ..Options::default()
        };
        let report = verify_journal(File::open(&journal).unwrap(), &key, options).unwrap();
        assert!(report.findings.is_empty());
        line(what, bars, &watch);
    }
    let watch = Stopwatch::start();
    let again = replay(
        &data,
        &done.execution,
        EngineSettings::default(),
        &mut |_| {},
    )
    .unwrap();
    assert!(again.difference.is_none());
    line("replay", bars, &watch);
    let bytes = std::fs::metadata(&journal).unwrap().len();
    println!("fills: {}", done.close.fills);
    println!("journal: {} bytes a decision", bytes / bars);
    println!(
        "peak memory: {} MiB after ingest, {} MiB at the end",
        after_ingest,
        peak_mib()
    );
}

fn line(what: &str, bars: u64, watch: &Stopwatch) -> u64 {
    let micros = u64::try_from(watch.elapsed().as_micros()).unwrap().max(1);
    let rate = bars * 1_000_000 / micros;
    println!("{what}: {rate} bars/s ({} ms)", micros / 1000);
    rate
}

/// A random walk in cents, the same on every machine.
fn generate(path: &Path, bars: u64) {
    let mut out = std::io::BufWriter::new(File::create(path).unwrap());
    writeln!(out, "timestamp,open,high,low,close,volume").unwrap();
    let mut state = 42_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut price = 10_000_u64;
    let cents = |price: u64| format!("{}.{:02}", price / 100, price % 100);
    for minute in 0..bars {
        let open = price;
        let close = (open + random(21)).saturating_sub(10).clamp(5_000, 20_000);
        let high = open.max(close) + random(5);
        let low = open.min(close) - random(5);
        let time = 1_500_000_000 + minute * 60;
        let volume = 1_000 + random(100_000);
        let prices = [open, high, low, close].map(cents).join(",");
        writeln!(out, "{time},{prices},{volume}").unwrap();
        price = close;
    }
    out.flush().unwrap();
}

fn manifest(data: &DataDir, snapshot: &str) -> Manifest {
    let limits = SandboxLimits::default();
    let component = data.put_component(COMPONENT).unwrap();
    let ready = ready(COMPONENT, &limits, EngineSettings::default()).unwrap();
    let store = snapshot_store(data).unwrap();
    let snapshot = store.load(&store.resolve(snapshot).unwrap()).unwrap();
    let text = |text: &str| text.to_owned();
    let parameters = [
        ("fast", "10"),
        ("slow", "30"),
        ("quantity", "10"),
        ("short", "true"),
    ];
    Manifest {
        format: text(FORMAT),
        component: format!("sha256:{}", hex::encode(component)),
        world: text(WORLD),
        profile: text(PROFILE_PURE),
        engine: format!("sha256:{}", hex::encode(settings_digest())),
        data: DataSource::Snapshot {
            id: snapshot.id().to_string(),
            from: None,
            to: None,
        },
        timeframe: snapshot.manifest().timeframe.to_string(),
        instruments: snapshot
            .instruments()
            .iter()
            .map(InstrumentEntry::from)
            .collect(),
        parameters: parameters
            .map(|(name, value)| (text(name), text(value)))
            .into(),
        warm_up: ready.description.warm_up,
        account: AccountEntry {
            name: text("paper"),
            owner: text("bench"),
            kind: text("margin"),
            currency: text("USD"),
            cash: text("1000000"),
            leverage: text("2"),
            maintenance_bps: text("0"),
            margin_call: text("reduce"),
        },
        costs: CostsEntry {
            fee_bps: text("1"),
            maker_fee_bps: text("1"),
            slippage_bps: text("1"),
            ..CostsEntry::none()
        },
        matching: MatchingEntry::default(),
        risk: RiskEntry::research(),
        limits,
        on_fault: text("cancel"),
        seed: text("0"),
        cadence: 4096,
    }
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
