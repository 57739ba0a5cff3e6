//! A generated series, and the manifest of the moving-average cross over it.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use counterfoil_runner::run::component::compile_component;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_sandbox::engine::{EngineSettings, settings_digest};
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{
    AccountEntry, CostsEntry, DataSource, FORMAT, InstrumentEntry, Manifest, MatchingEntry,
    PROFILE_PURE, RiskEntry, WORLD,
};

const COMPONENT: &[u8] =
    include_bytes!("../../../../sdk-examples/components/moving-average-cross.wasm");

/// A random walk in cents, a bar a minute, the same on every machine.
pub(crate) fn generate(path: &Path, bars: u64) {
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

pub(crate) fn manifest(data: &DataDir, snapshot: &str) -> Manifest {
    let limits = SandboxLimits::default();
    let component = data.put_component(COMPONENT).unwrap();
    let ready = compile_component(COMPONENT, &limits, EngineSettings::default()).unwrap();
    let store = snapshot_store(data).unwrap();
    let snapshot = store.load(&store.resolve(snapshot).unwrap()).unwrap();
    let text = |text: &str| text.to_owned();
    let parameters = [
        ("fast", "10"),
        ("slow", "30"),
        ("quantity", "10"),
        ("short", "true"),
    ];
    let instruments = snapshot.instruments();
    Manifest {
        format: text(FORMAT),
        component: component.to_string(),
        world: text(WORLD),
        profile: text(PROFILE_PURE),
        engine: settings_digest().to_string(),
        data: DataSource::Snapshot {
            id: snapshot.id().to_string(),
            from: None,
            to: None,
        },
        timeframe: snapshot.manifest().timeframe.to_string(),
        calendars: snapshot.manifest().calendars_of(&instruments),
        instruments: instruments.iter().map(InstrumentEntry::from).collect(),
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
