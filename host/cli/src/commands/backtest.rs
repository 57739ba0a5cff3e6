//! `backtest`: a component over a snapshot.

use std::path::Path;

use anyhow::{Context as _, Result};
use counterfoil_os::files::read_whole;
use counterfoil_report::OrderSummary;
use counterfoil_runner::run::backtest::backtest;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_snapshot::quality::findings::{LayerFindings, Severity};
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::record::CloseReason;

use super::admit;
use super::manifest_flags::{BarsSource, manifest};
use super::resume;
use super::run_terms::flags_of_manifest;
use crate::args::{BacktestArgs, BacktestOrResumeArgs, ManifestFlags};
use crate::cli_context::CliContext;
use crate::order_sink::SealedOrders;
use crate::output::{CommandAnswer, CommandLineError, print_json, print_line, short_digest, warn};
use crate::progress::RunProgressBar;
use crate::{report, run_facts};

pub(crate) fn run(cli: &CliContext, args: &BacktestOrResumeArgs) -> Result<CommandAnswer> {
    if let Some(run) = &args.resume {
        return resume::backtest(cli, run, &args.base.backend);
    }
    let args = &args.base;
    let manifest = manifest_of(cli, args)?;
    let findings = findings_of(cli, &manifest)?;
    if let Some(findings) = &findings {
        repeat_findings(findings, &manifest);
    }
    // What they concern is missing in the bars.
    let open_errors = findings.map_or(0, |findings| findings.open(Severity::Error));
    let (outcome, orders) = execute(cli, &manifest, &args.backend)?;
    if cli.json {
        let mut json = report::outcome_json(&cli.data, &manifest, &outcome, &orders)?;
        if let Some(fields) = json.as_object_mut() {
            fields.insert("open-errors".to_owned(), open_errors.into());
        }
        print_json(&json);
    } else {
        if open_errors > 0 {
            print_line(&open_errors_line(&manifest, open_errors));
        }
        report::print_outcome(&cli.data, &manifest, &outcome, &orders)?;
    }
    Ok(match outcome.close.reason {
        CloseReason::EndOfData => CommandAnswer::Yes,
        CloseReason::Fault | CloseReason::Stopped => CommandAnswer::No,
    })
}

/// What ingestion found of the manifest's snapshot.
fn findings_of(cli: &CliContext, manifest: &Manifest) -> Result<Option<LayerFindings>> {
    let DataSource::Snapshot { id, .. } = &manifest.data else {
        return Ok(None);
    };
    let store = snapshot_store(&cli.data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    Ok(snapshot.manifest().findings.clone())
}

/// Repeats the findings that can make a figure wrong, before the figures.
fn repeat_findings(findings: &LayerFindings, manifest: &Manifest) {
    let found: Vec<String> = findings
        .weighty()
        .into_iter()
        // Errors are the answer's first line.
        .filter(|(_, _, severity)| *severity != Severity::Error)
        .map(|(rule, count, severity)| format!("{count} {rule} ({severity})"))
        .collect();
    if !found.is_empty() {
        warn(&format!(
            "the snapshot has open findings: {}; `counterfoil data report {}` shows them",
            found.join(", "),
            short_snapshot(manifest)
        ));
    }
}

/// The short name of the manifest's snapshot; nothing for a feed.
fn short_snapshot(manifest: &Manifest) -> String {
    match &manifest.data {
        DataSource::Snapshot { id, .. } => short_digest(id),
        DataSource::Feed { .. } => String::new(),
    }
}

/// The first line of an answer over data with errors: a holder of an instrument whose worst day is in
/// quarantine must not overlook it.
fn open_errors_line(manifest: &Manifest, count: u64) -> String {
    let id = short_snapshot(manifest);
    let what = if count == 1 { "error" } else { "errors" };
    format!(
        "data errors      {count} {what} of the snapshot not accepted, and their rows are not in the bars: counterfoil \
         data report {id}"
    )
}

/// Runs a manifest, and says what happened to its orders.
pub(crate) fn execute(
    cli: &CliContext,
    manifest: &Manifest,
    backend: &str,
) -> Result<(ExecutionOutcome, OrderSummary)> {
    let orders = SealedOrders::default();
    let mut progress = RunProgressBar::new(0).passing_on(orders.sink(manifest)?);
    // The key is opened before the run: a missing key must not show after an hour of decisions.
    let signer = Box::new(cli.keys.signer()?);
    let done = backtest(
        &cli.data,
        manifest,
        cli.engine(backend)?,
        signer,
        &mut progress,
    );
    progress.finish();
    let outcome = done?;
    let orders = match orders.take() {
        Some(orders) => orders,
        None => run_facts::orders(&outcome.execution)?,
    };
    Ok((outcome, orders))
}

/// A manifest is complete: a flag beside it would be ignored, and the run would not be the run that
/// was meant.
pub(super) fn manifest_or_flags(
    flags: &ManifestFlags,
    more: impl Iterator<Item = &'static str>,
) -> Result<()> {
    let given: Vec<&str> = flags_of_manifest(flags).into_iter().chain(more).collect();
    if given.is_empty() {
        return Ok(());
    }
    Err(CommandLineError::new(format!(
        "a manifest is given, which already holds what {} would set; leave out the flags or the manifest",
        given.join(", ")
    )))
}

/// The manifest in a file.
pub(super) fn read_manifest(path: &Path) -> Result<Manifest> {
    let invalid = || format!("invalid manifest {}", path.display());
    let missing = "no manifest; give a file, or --component FILE and the flags that make one";
    let text = String::from_utf8(read_whole(path).context(missing)?).with_context(invalid)?;
    Manifest::parse(&text).with_context(invalid)
}

pub(crate) fn manifest_of(cli: &CliContext, args: &BacktestArgs) -> Result<Manifest> {
    // The file is taken as it is, since its digest is the run id. A flag that changed a field would
    // start another run under the same file name.
    if let Some(path) = &args.manifest {
        let own = [
            ("--snapshot", args.snapshot.is_some()),
            ("--instruments", !args.instruments.is_empty()),
            ("--from", args.from.is_some()),
            ("--to", args.to.is_some()),
        ];
        let own = own
            .into_iter()
            .filter_map(|(flag, is_given)| is_given.then_some(flag));
        manifest_or_flags(&args.terms, own)?;
        let manifest = read_manifest(path)?;
        if let Some(file) = &args.terms.component {
            admit::of_manifest(cli, &manifest, file)?;
        }
        return Ok(manifest);
    }
    let id = args.snapshot.as_deref().context(
        "no snapshot; give --snapshot ID (`counterfoil data list` shows them), or a manifest",
    )?;
    let store = snapshot_store(&cli.data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    // The whole range: --from and --to are stated in the manifest and applied by the run, so that a
    // replay applies the same.
    let instruments = snapshot
        .select(&args.instruments, None, None)?
        .instruments();
    let bars = BarsSource {
        data: DataSource::Snapshot {
            id: snapshot.id().to_string(),
            from: args.from.clone(),
            to: args.to.clone(),
        },
        timeframe: snapshot.manifest().timeframe.to_string(),
        calendars: snapshot.manifest().calendars_of(&instruments),
        instruments,
        cadence: args.cadence,
    };
    manifest(cli, &args.terms, bars, &args.backend)
}
