//! The demo's strategies: each is run, verified, replayed, audited, proved and reported.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use counterfoil_os::files::write_whole;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_trading::manifest::Manifest;
use counterfoil_verify::verify_proof;

use crate::args;
use crate::commands::{audit, backtest, ingest, proof, replay, report as page, sweep, verify};
use crate::output::say;
use crate::places::Places;
use crate::report;

/// Twelve thousand daily bars of five instruments; see `tests/data/README.md`.
const DATA: &[u8] = include_bytes!("../../../../../tests/data/us-equities-daily-2000-2013.csv.gz");
const DATA_NAME: &str = "us-equities-daily-2000-2013.csv.gz";
/// The splits and dividends in them, as `counterfoil data derive-actions` found them.
const ACTIONS: &[u8] =
    include_bytes!("../../../../../tests/data/us-equities-actions-2000-2013.csv");
const ACTIONS_NAME: &str = "us-equities-actions-2000-2013.csv";

/// One strategy of the demo.
pub(super) struct Example {
    pub(super) name: &'static str,
    component: &'static [u8],
    params: &'static [&'static str],
    account: &'static str,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example {
        name: "buy-and-hold",
        component: include_bytes!("../../../../../sdk-examples/components/buy-and-hold.wasm"),
        params: &[],
        account: "cash",
    },
    Example {
        name: "moving-average-cross",
        component: include_bytes!(
            "../../../../../sdk-examples/components/moving-average-cross.wasm"
        ),
        params: &["fast=20", "slow=100", "quantity=500", "short=true"],
        account: "margin",
    },
];

/// What was shown for one strategy.
pub(super) struct Shown {
    pub(super) name: &'static str,
    pub(super) manifest: Manifest,
    pub(super) outcome: ExecutionOutcome,
    pub(super) records: u64,
    pub(super) proof: PathBuf,
    pub(super) report: PathBuf,
}

pub(super) fn take_in(places: &Places, folder: &Path) -> Result<String> {
    let file = folder.join(DATA_NAME);
    write_whole(&file, DATA)?;
    let actions = folder.join(ACTIONS_NAME);
    write_whole(&actions, ACTIONS)?;
    let ask = args::Ingest {
        file,
        symbol: None,
        timeframe: Some("1d".to_owned()),
        time: "open".to_owned(),
        epoch_unit: None,
        price_scale: None,
        volume_scale: None,
        quantity_scale: None,
        lot: None,
        tick: None,
        vendor: None,
        mapping: None,
        actions: Some(actions),
        calendar: None,
        policy: "quarantine".to_owned(),
        accept: Vec::new(),
        trades: false,
        revises: None,
    };
    let done = ingest::ingest(places, &ask)?;
    if !places.json {
        ingest::print(&done);
        say("");
    }
    Ok(done.id.to_string())
}

pub(super) fn show(
    places: &Places,
    folder: &Path,
    example: &Example,
    snapshot: &str,
) -> Result<Shown> {
    let component = folder.join(format!("{}.wasm", example.name));
    write_whole(&component, example.component)?;
    let ask = ask_backtest(&component, example, snapshot);
    let manifest = backtest::manifest_of(places, &ask)?;
    let outcome = backtest::execute(places, &manifest, "cranelift")?;
    if !places.json {
        report::print_outcome(&manifest, &outcome)?;
    }
    let key = verify::public_key(places, None)?;
    let found = verify::verify(&outcome.execution.journal(), &key)?;
    if !places.json {
        say("");
        verify::print(&found);
    }
    ensure!(
        found.is_good(),
        "the journal of {} does not verify",
        example.name
    );
    let name = format!("{}/{}", outcome.execution.run, outcome.execution.number);
    let again = replay::execute(places, &name, "pulley")?;
    ensure!(
        again.is_identical(),
        "the replay of {} differs",
        example.name
    );
    if !places.json {
        say(&format!(
            "replay           identical on the Pulley interpreter: {} decisions",
            again.decisions
        ));
    }
    let audited = audit::lookahead(places, &name, "cranelift")?;
    ensure!(
        audited.is_identical(),
        "{} decides otherwise when it cannot see ahead",
        example.name
    );
    if !places.json {
        say("look-ahead       none: decided again over garbage, every decision is the same");
    }
    let file = folder.join(format!("{}.tlog-proof", example.name));
    let (proof, _) = proof::write(places, &ask_proof(&name, &outcome, &file)?)?;
    let bytes = counterfoil_os::files::read_whole(&proof)?;
    let proved = verify_proof(&bytes, &key, Some(&manifest.canonical()?))
        .context("the proof does not verify")?;
    if !places.json {
        say(&format!(
            "proof            entry {}: {}",
            proved.index, proved.text
        ));
    }
    let report = write_report(places, name)?;
    if !places.json {
        say(&format!("report           {}", report.display()));
        say("");
    }
    Ok(Shown {
        name: example.name,
        manifest,
        outcome,
        records: found.entries,
        proof,
        report,
    })
}

fn ask_backtest(component: &Path, example: &Example, snapshot: &str) -> args::Backtest {
    args::Backtest {
        manifest: None,
        terms: terms(component, example),
        snapshot: Some(snapshot.to_owned()),
        instruments: Vec::new(),
        from: None,
        to: None,
        cadence: 4096,
        backend: "cranelift".to_owned(),
    }
}

/// The last example with other parameters, on all cores.
pub(super) fn sweep_it(places: &Places, folder: &Path, snapshot: &str) -> Result<sweep::Made> {
    let example = EXAMPLES.last().context("the demo has examples")?;
    let component = folder.join(format!("{}.wasm", example.name));
    let mut base = ask_backtest(&component, example, snapshot);
    base.terms
        .params
        .retain(|text| !text.starts_with("fast=") && !text.starts_with("slow="));
    let ask = args::Sweep {
        base,
        vary: vec!["fast=10..30:10".to_owned(), "slow=50,100".to_owned()],
        list: None,
        workers: None,
        top: usize::MAX,
    };
    sweep::make(places, &ask)
}

fn write_report(places: &Places, run: String) -> Result<PathBuf> {
    let ask = args::Report {
        run,
        out: None,
        periods_per_year: None,
        key: None,
    };
    Ok(page::write(places, &ask)?.folder.join("report.html"))
}

/// Asks for the proof of the decision before the first fill: the one that sent the order.
fn ask_proof(name: &str, outcome: &ExecutionOutcome, file: &Path) -> Result<args::Proof> {
    let fills = report::fills(&outcome.execution)?;
    let first = fills.first().context("the demo's runs have fills")?;
    let manifest: Manifest = Manifest::parse(
        &counterfoil_runner::run::extent::JournalExtent::read(&outcome.execution.journal())?
            .open
            .manifest,
    )?;
    let instrument = manifest.instruments.get(first.fill.instrument.index());
    let symbol = &instrument.context("a fill of no instrument")?.symbol;
    let bar = first.bar.saturating_sub(1);
    Ok(args::Proof {
        run: name.to_owned(),
        entry: None,
        bar: Some(format!("{symbol}:{bar}")),
        output: Some(file.to_path_buf()),
    })
}

fn terms(component: &Path, example: &Example) -> args::Terms {
    let zero = || "0".to_owned();
    args::Terms {
        component: Some(component.display().to_string()),
        params: example
            .params
            .iter()
            .map(|text| (*text).to_owned())
            .collect(),
        cash: "1000000".to_owned(),
        account: example.account.to_owned(),
        leverage: "2".to_owned(),
        maintenance_bps: zero(),
        margin_call: "reduce".to_owned(),
        fee_bps: "5".to_owned(),
        maker_fee_bps: None,
        fee_per_share: zero(),
        fee_fixed: zero(),
        fee_min: zero(),
        fee_max: "off".to_owned(),
        slippage_bps: "2".to_owned(),
        slippage_ticks: 0,
        slippage_volume_bps: zero(),
        borrow_bps: zero(),
        latency_bars: 0,
        limit_trade_through: false,
        volume_cap: "1000".to_owned(),
        risk: Some("research".to_owned()),
        limits: None,
        on_fault: "cancel".to_owned(),
        seed: "0".to_owned(),
        owner: "demo".to_owned(),
        account_name: "paper".to_owned(),
        currency: "USD".to_owned(),
    }
}
