//! A fresh data directory with a snapshot in it, and manifests over that snapshot. It must never
//! know what a test claims.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::{LogKey, LogSigner};
use counterfoil_journal::signer::Ed25519Signer;
use counterfoil_runner::run::backtest::backtest;
use counterfoil_runner::run::drive::RunObserver;
use counterfoil_runner::run::execute::{ExecuteError, ExecutionOutcome};
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::run::live::live;
use counterfoil_runner::run::replay::{ReplayError, ReplayReport, replay};
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_sandbox::code_cache::CodeCache;
use counterfoil_sandbox::engine::{EngineSettings, settings_digest};
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use counterfoil_snapshot::store::snapshot::Snapshot;
use counterfoil_snapshot::store::snapshot_id::SnapshotId;
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{
    AccountEntry, CostsEntry, DataSource, FORMAT, InstrumentEntry, Manifest, MatchingEntry,
    PROFILE_PURE, RiskEntry, WORLD,
};
use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::run::Run;
use counterfoil_trading::slice::Slice;
use tempfile::TempDir;

/// The seed of the tests' signing key. It protects nothing.
const SEED: [u8; 32] = [7; 32];

/// Every ticker of the real data, by name.
pub const ALL_SYMBOLS: [&str; 5] = ["AAPL", "FB", "GOOG", "IBM", "MSFT"];

/// A data directory with one snapshot, gone when dropped.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    /// The directory as the runner sees it.
    pub data: DataDir,
    /// The snapshot's name.
    pub snapshot: SnapshotId,
}

/// Ignores every report.
#[derive(Clone, Copy, Debug)]
pub struct Ignore;

impl<S> RunObserver<S> for Ignore {
    fn stepped(&mut self, _strategy: &mut S, _run: &Run) {}
    fn refused(&mut self, _input: &RefusedInput) {}
}

impl World {
    /// A directory with the real bars.
    pub fn real() -> Self {
        let name = "us-equities-daily-2000-2013.csv.gz";
        let file = File::open(project().join("tests/data").join(name)).unwrap();
        Self::of(file, name)
    }

    /// A directory with the real bars and the splits and dividends in them.
    pub fn real_with_actions() -> Self {
        let name = "us-equities-actions-2000-2013.csv";
        let bytes = std::fs::read(project().join("tests/data").join(name)).unwrap();
        let options = IngestOptions {
            actions: Some(SideFile {
                name: name.to_owned(),
                bytes,
            }),
            ..IngestOptions::default()
        };
        let name = "us-equities-daily-2000-2013.csv.gz";
        let file = File::open(project().join("tests/data").join(name)).unwrap();
        Self::with(file, name, &options)
    }

    /// A directory with the bars of a CSV text.
    pub fn of_text(csv: &str) -> Self {
        Self::of(csv.as_bytes(), "bars.csv")
    }

    /// A directory with the daily bars and the corporate actions of two CSV texts.
    pub fn of_actions(csv: &str, actions: &str) -> Self {
        let options = IngestOptions {
            actions: Some(SideFile {
                name: "actions.csv".to_owned(),
                bytes: actions.as_bytes().to_vec(),
            }),
            timeframe: Some("1d".parse().unwrap()),
            ..IngestOptions::default()
        };
        Self::with(csv.as_bytes(), "bars.csv", &options)
    }

    /// A directory with the bars of a CSV text, of this length, and a calendar.
    pub fn of_sessions(csv: &str, timeframe: &str, calendar: Option<&str>) -> Self {
        let options = IngestOptions {
            calendar: calendar.map(|text| SideFile {
                name: "calendar.json".to_owned(),
                bytes: text.as_bytes().to_vec(),
            }),
            timeframe: Some(timeframe.parse().unwrap()),
            ..IngestOptions::default()
        };
        Self::with(csv.as_bytes(), "bars.csv", &options)
    }

    /// A directory with this many daily bars of each of two instruments, `AAA` and `BBB`.
    pub fn small(days: u32) -> Self {
        Self::of(small_bars(days).as_bytes(), "bars.csv")
    }

    /// The same in memory where the system has such a folder: for tests that run so often that
    /// waiting for a disk would be most of it.
    pub fn small_in_memory(days: u32) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        Self::within(
            folder.unwrap(),
            small_bars(days).as_bytes(),
            "bars.csv",
            &IngestOptions::default(),
        )
    }

    fn of(source: impl Read, name: &str) -> Self {
        Self::with(source, name, &IngestOptions::default())
    }

    fn with(source: impl Read, name: &str, options: &IngestOptions) -> Self {
        Self::within(tempfile::tempdir().unwrap(), source, name, options)
    }

    fn within(folder: TempDir, source: impl Read, name: &str, options: &IngestOptions) -> Self {
        let data = DataDir::open(folder.path()).unwrap();
        let store = snapshot_store(&data).unwrap();
        let made = store.ingest(source, name, options, &mut |_| {}).unwrap();
        Self {
            folder,
            data,
            snapshot: made.id,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The snapshot, opened.
    pub fn opened(&self) -> Snapshot {
        let store = snapshot_store(&self.data).unwrap();
        store.load(&self.snapshot).unwrap()
    }

    /// A manifest over the whole snapshot: no costs, wide limits, a cash account of one million.
    pub fn manifest(&self, component: &[u8], symbols: &[&str]) -> Manifest {
        let digest = self.data.put_component(component).unwrap();
        let snapshot = self.opened();
        let symbols: Vec<String> = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
        let selection = snapshot.select(&symbols, None, None).unwrap();
        let instruments = selection.instruments();
        Manifest {
            format: FORMAT.to_owned(),
            component: digest.to_string(),
            world: WORLD.to_owned(),
            profile: PROFILE_PURE.to_owned(),
            engine: settings_digest().to_string(),
            data: DataSource::Snapshot {
                id: self.snapshot.to_string(),
                from: None,
                to: None,
            },
            timeframe: snapshot.manifest().timeframe.to_string(),
            calendars: snapshot.manifest().calendars_of(&instruments),
            instruments: instruments.iter().map(InstrumentEntry::from).collect(),
            parameters: BTreeMap::new(),
            warm_up: 0,
            account: AccountEntry {
                name: "test".to_owned(),
                owner: "nobody".to_owned(),
                kind: "cash".to_owned(),
                currency: "USD".to_owned(),
                cash: "1000000".to_owned(),
                leverage: "1".to_owned(),
                maintenance_bps: "0".to_owned(),
                margin_call: "reduce".to_owned(),
            },
            costs: CostsEntry {
                volume_cap_bps: "off".to_owned(),
                ..CostsEntry::none()
            },
            matching: MatchingEntry::default(),
            risk: RiskEntry::research_for(symbols.len()),
            limits: SandboxLimits::for_instruments(symbols.len()),
            on_fault: "leave".to_owned(),
            seed: "0".to_owned(),
            cadence: 4096,
        }
    }

    /// The manifest of the moving-average cross with these parameters and costs.
    pub fn cross(&self, symbols: &[&str], fast: u32, slow: u32, quantity: u64) -> Manifest {
        let mut manifest = self.manifest(&moving_average_cross(), symbols);
        let parameters = [
            ("fast", fast.to_string()),
            ("slow", slow.to_string()),
            ("quantity", quantity.to_string()),
            ("short", "false".to_owned()),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value));
        manifest.parameters = parameters.into_iter().collect();
        // From the component's own description.
        manifest.warm_up = 0;
        manifest
    }

    /// The run that the claim is made about: long and short in all five, with every cost.
    pub fn claim(&self) -> Manifest {
        let mut manifest = self.cross(&ALL_SYMBOLS, 10, 30, 100);
        manifest
            .parameters
            .insert("short".to_owned(), "true".to_owned());
        "margin".clone_into(&mut manifest.account.kind);
        "10".clone_into(&mut manifest.costs.fee_bps);
        "5".clone_into(&mut manifest.costs.slippage_bps);
        "1000".clone_into(&mut manifest.costs.volume_cap_bps);
        manifest
    }

    /// The settings of every test that is not about settings: compiled code is kept.
    pub fn engine(&self) -> EngineSettings {
        EngineSettings {
            cache: Some(code_cache(&self.data)),
            ..EngineSettings::default()
        }
    }

    /// Runs the manifest over the snapshot.
    ///
    /// # Errors
    ///
    /// As the runner's own.
    pub fn backtest(
        &self,
        manifest: &Manifest,
        engine: EngineSettings,
    ) -> Result<ExecutionOutcome, Box<ExecuteError>> {
        backtest(&self.data, manifest, engine, signer(), &mut Ignore).map_err(Box::new)
    }

    /// Runs the manifest over lines of JSON.
    ///
    /// # Errors
    ///
    /// As the runner's own.
    pub fn live(
        &self,
        manifest: &Manifest,
        lines: &str,
    ) -> Result<ExecutionOutcome, Box<ExecuteError>> {
        let engine = self.engine();
        let source = lines.as_bytes();
        live(
            &self.data,
            manifest,
            engine,
            signer(),
            source,
            None,
            &mut Ignore,
        )
        .map_err(Box::new)
    }

    /// Runs an execution again and compares.
    ///
    /// # Errors
    ///
    /// As the runner's own.
    pub fn replay(&self, outcome: &ExecutionOutcome) -> Result<ReplayReport, Box<ReplayError>> {
        let engine = self.engine();
        replay(&self.data, &outcome.execution, engine, &mut |_| {}).map_err(Box::new)
    }

    /// The manifest's bars as a stream would bring them, one line each.
    pub fn lines(&self, manifest: &Manifest) -> String {
        let setup = manifest.setup().unwrap();
        let symbols: Vec<String> = setup
            .instruments
            .iter()
            .map(|instrument| instrument.symbol().to_owned())
            .collect();
        let mut slices = self.opened().select(&symbols, None, None).unwrap().slices();
        let mut slice = Slice::default();
        let mut lines = String::new();
        while slices.next_into(&mut slice).unwrap() {
            for bar in slice.bars() {
                let bar = bar.get();
                let instrument: &Instrument =
                    setup.instruments.get(bar.instrument.index()).unwrap();
                let volume = decimal::format(bar.volume.0.into(), instrument.volume_scale());
                writeln!(
                    lines,
                    "{{\"symbol\":\"{}\",\"open-time\":{},\"close-time\":{},\"open\":\"{}\",\
                     \"high\":\"{}\",\"low\":\"{}\",\"close\":\"{}\",\"volume\":{volume}}}",
                    instrument.symbol(),
                    bar.open_time.0,
                    bar.close_time.0,
                    instrument.price_text(bar.open),
                    instrument.price_text(bar.high),
                    instrument.price_text(bar.low),
                    instrument.price_text(bar.close)
                )
                .unwrap();
            }
        }
        lines
    }
}

/// This many daily bars of `AAA` and `BBB`, as CSV.
fn small_bars(days: u32) -> String {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for symbol in ["AAA", "BBB"] {
        for day in 1..=days {
            // A saw, so that the averages cross every few days.
            let close = 100 + (day % 6) * 3 + u32::from(symbol == "BBB");
            let (high, low) = (close + 2, close - 2);
            writeln!(
                csv,
                "{symbol},2020-01-{day:02},{close}.5,{high},{low},{close},10000"
            )
            .unwrap();
        }
    }
    csv
}

/// The same manifest over a feed, every decision signed.
pub fn over_a_feed(manifest: &Manifest, nonce: &str) -> Manifest {
    Manifest {
        data: DataSource::Feed {
            broker: None,
            name: "test".to_owned(),
            start_nonce: nonce.to_owned(),
        },
        cadence: 1,
        ..manifest.clone()
    }
}

/// Compiled code of one data directory's tests.
pub fn code_cache(data: &DataDir) -> CodeCache {
    CodeCache::open(data.root().join("code").path(), Digest::of(b"tests")).unwrap()
}

/// The tests' signer.
pub fn signer() -> Box<dyn LogSigner + Send> {
    Box::new(LogKey::new(Ed25519Signer::from_seed(&SEED), SEED))
}

/// The key that the tests' signatures verify with.
pub fn public_key() -> PublicKey {
    PublicKey(signer().verifying_key())
}

/// The example component, as checked in.
pub fn moving_average_cross() -> Vec<u8> {
    let path = project().join("sdk-examples/components/moving-average-cross.wasm");
    std::fs::read(path).unwrap()
}

/// The project's folder.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
