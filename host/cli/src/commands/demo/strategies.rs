//! The demo's strategies: each is run, verified, replayed, tested for look-ahead, proved, reported.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use counterfoil_os::files::write_whole;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_trading::manifest::Manifest;
use counterfoil_verify::verify_proof;

use crate::args;
use crate::cli_context::CliContext;
use crate::commands::{audit, backtest, ingest, proof, replay, report as page, sweep, verify};
use crate::output::print_line;
use crate::report;

/// Twelve thousand daily bars of five instruments; see `tests/data/README.md`.
const DATA: &[u8] = include_bytes!("../../../../../tests/data/us-equities-daily-2000-2013.csv.gz");
const DATA_NAME: &str = "us-equities-daily-2000-2013.csv.gz";
/// The splits and dividends in them, as `counterfoil data derive-actions` found them.
const ACTIONS: &[u8] =
    include_bytes!("../../../../../tests/data/us-equities-actions-2000-2013.csv");
const ACTIONS_NAME: &str = "us-equities-actions-2000-2013.csv";

/// One strategy of the demo.
pub(super) struct DemoStrategy {
    pub(super) name: &'static str,
    component: &'static [u8],
    params: &'static [&'static str],
    account: &'static str,
}

pub(super) const EXAMPLES: &[DemoStrategy] = &[
    DemoStrategy {
        name: "buy-and-hold",
        component: include_bytes!("../../../../../sdk-examples/components/buy-and-hold.wasm"),
        params: &[],
        account: "cash",
    },
    DemoStrategy {
        name: "moving-average-cross",
        component: include_bytes!(
            "../../../../../sdk-examples/components/moving-average-cross.wasm"
        ),
        params: &["fast=20", "slow=100", "quantity=500", "short=true"],
        account: "margin",
    },
];

/// One strategy's run with what was checked about it.
pub(super) struct DemoRun {
    pub(super) name: &'static str,
    pub(super) manifest: Manifest,
    pub(super) outcome: ExecutionOutcome,
    pub(super) records: u64,
    pub(super) proof: PathBuf,
    pub(super) report: PathBuf,
}

pub(super) fn ingest_data(cli: &CliContext, folder: &Path) -> Result<String> {
    let file = folder.join(DATA_NAME);
    write_whole(&file, DATA)?;
    let actions = folder.join(ACTIONS_NAME);
    write_whole(&actions, ACTIONS)?;
    // Every option is written out: a new one must be decided on here before the demo compiles.
    let ask = args::IngestArgs {
        unpacked_max: None,
        file,
        symbol: None,
        timeframe: Some("1d".parse()?),
        time: None,
        epoch_unit: None,
        price_scale: None,
        volume_scale: None,
        round_prices: None,
        round_volumes: None,
        delimiter: None,
        decimal: None,
        thousands: None,
        encoding: None,
        repeats: None,
        quantity_scale: None,
        lot: None,
        asset_class: Vec::new(),
        negative_prices: Vec::new(),
        tick: None,
        vendor: None,
        format: None,
        mapping: None,
        zone: None,
        adjusted: None,
        skip: None,
        skip_footer: None,
        member: None,
        no_volume: false,
        actions: Some(actions),
        calendar: Vec::new(),
        policy: "quarantine".to_owned(),
        accept: Vec::new(),
        trades: false,
        revises: None,
    };
    let done = ingest::ingest(cli, &ask)?;
    if !cli.json {
        ingest::print(&done);
        print_line("");
    }
    Ok(done.id.to_string())
}

pub(super) fn show(
    cli: &CliContext,
    folder: &Path,
    example: &DemoStrategy,
    snapshot: &str,
) -> Result<DemoRun> {
    let component = folder.join(format!("{}.wasm", example.name));
    write_whole(&component, example.component)?;
    let ask = ask_backtest(&component, example, snapshot);
    let manifest = backtest::manifest_of(cli, &ask)?;
    let (outcome, orders) = backtest::execute(cli, &manifest, "cranelift")?;
    if !cli.json {
        report::print_outcome(&cli.data, &manifest, &outcome, &orders)?;
    }
    // Verified by the auditor's library before anything is built on the run: what follows would
    // prove nothing about an altered journal.
    let key = verify::public_key(cli, None)?;
    let found = verify::verify(&outcome.execution.journal(), &key, None)?;
    if !cli.json {
        print_line("");
        verify::print(&found);
    }
    ensure!(
        found.is_good(),
        "the journal of {} does not verify",
        example.name
    );
    let execution = &outcome.execution;
    let name = format!("{}/{}", execution.run.hex(), execution.number);
    // Another back end on purpose: an interpreter and a compiler that agree on every decision share
    // no code generator's bug.
    let again = replay::execute(cli, &name, "pulley")?;
    ensure!(
        again.is_identical(),
        "the replay of {} differs",
        example.name
    );
    if !cli.json {
        print_line(&format!(
            "replay           identical on the Pulley interpreter: {} decisions",
            again.decisions
        ));
    }
    let audited = audit::lookahead(cli, &name, "cranelift")?;
    ensure!(
        audited.is_identical(),
        "{} decides differently when later bars are garbage",
        example.name
    );
    if !cli.json {
        print_line(
            "look-ahead       none: every decision is the same with garbage in all later bars",
        );
    }
    let file = folder.join(format!("{}.tlog-proof", example.name));
    let (proof, _) = proof::write(cli, &ask_proof(&name, &outcome, &file)?)?;
    // Read back from the file: the proof that a user hands on is what must verify, and not what is
    // in memory.
    let bytes = counterfoil_os::files::read_whole(&proof)?;
    let proved = verify_proof(&bytes, &key, Some(&manifest.canonical()?))
        .context("the proof does not verify")?;
    if !cli.json {
        print_line(&format!(
            "proof            entry {}: {}",
            proved.index, proved.text
        ));
    }
    let report = write_report(cli, name)?;
    if !cli.json {
        print_line(&format!("report           {}", report.display()));
        print_line("");
    }
    Ok(DemoRun {
        name: example.name,
        manifest,
        outcome,
        records: found.entries,
        proof,
        report,
    })
}

fn ask_backtest(component: &Path, example: &DemoStrategy, snapshot: &str) -> args::BacktestArgs {
    args::BacktestArgs {
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
pub(super) fn sweep_it(
    cli: &CliContext,
    folder: &Path,
    snapshot: &str,
) -> Result<sweep::EndedSweep> {
    let example = EXAMPLES.last().context("the demo has examples")?;
    let component = folder.join(format!("{}.wasm", example.name));
    let mut base = ask_backtest(&component, example, snapshot);
    base.terms
        .params
        // A parameter that is varied and fixed as well would be a usage error.
        .retain(|text| !text.starts_with("fast=") && !text.starts_with("slow="));
    let ask = args::SweepArgs {
        base,
        vary: vec!["fast=10..30:10".to_owned(), "slow=50,100".to_owned()],
        list: None,
        workers: None,
        top: usize::MAX,
    };
    sweep::make(cli, &ask)
}

fn write_report(cli: &CliContext, run: String) -> Result<PathBuf> {
    let ask = args::ReportArgs {
        run,
        out: None,
        periods_per_year: None,
        key: None,
    };
    Ok(page::write(cli, &ask)?.folder.join("report.html"))
}

/// The arguments that prove the decision before the first fill, which sent the order.
fn ask_proof(name: &str, outcome: &ExecutionOutcome, file: &Path) -> Result<args::ProofArgs> {
    let fills = report::fills(&outcome.execution)?;
    let first = fills.first().context("the demo's run has no fill")?;
    let manifest: Manifest = Manifest::parse(
        &counterfoil_runner::run::extent::JournalExtent::read(&outcome.execution.journal())?
            .open
            .manifest,
    )?;
    let instrument = manifest.instruments.get(first.fill.instrument.index());
    let symbol = &instrument
        .context("a fill names an instrument that the manifest does not have")?
        .symbol;
    // An order fills on the bar after its decision at the earliest.
    let bar = first.bar.saturating_sub(1);
    Ok(args::ProofArgs {
        run: name.to_owned(),
        entry: None,
        bar: Some(format!("{symbol}:{bar}")),
        output: Some(file.to_path_buf()),
    })
}

fn terms(component: &Path, example: &DemoStrategy) -> args::ManifestFlags {
    args::ManifestFlags {
        component: Some(component.display().to_string()),
        params: example
            .params
            .iter()
            .map(|text| (*text).to_owned())
            .collect(),
        account: Some(example.account.to_owned()),
        fee_bps: Some("5".to_owned()),
        slippage_bps: Some("2".to_owned()),
        risk: Some("research".to_owned()),
        owner: Some("demo".to_owned()),
        ..args::ManifestFlags::default()
    }
}
