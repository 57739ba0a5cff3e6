//! `data ingest`: makes a snapshot of a vendor's file.

use core::fmt::Display;
use core::str::FromStr;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};
use counterfoil_os::files::{open_plain, read_whole};
use counterfoil_runner::clock::now;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_snapshot::error::IngestError;
use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::layers::report::{IngestReport, listed};
use counterfoil_snapshot::quality::findings::{LayerFindings, RuleCount, Severity};
use counterfoil_snapshot::source::asset_class::AssetClass;
use counterfoil_snapshot::source::choices::SourceKind;
use counterfoil_snapshot::source::formats::SourceFormat;
use counterfoil_snapshot::source::options::{IngestLimits, IngestOptions, SideFile};
use counterfoil_snapshot::source::progress::IngestProgress;
use counterfoil_snapshot::store::acceptance::FindingAcceptance;
use serde_json::{Value, json};

use super::findings::print_findings;
use crate::args::IngestArgs;
use crate::cli_context::CliContext;
use crate::confinement;
use crate::output::{
    CommandAnswer, CommandLineError, print_answer, print_fields, print_json, print_line,
    print_table, short_digest,
};
use crate::progress::bar;

pub(crate) fn run(cli: &CliContext, args: &IngestArgs) -> Result<CommandAnswer> {
    let done = match ingest_confined(cli, args) {
        Ok(done) => done,
        Err(error) => return refused(cli, error),
    };
    if cli.json {
        print_json(&as_json(&done));
    } else {
        print(&done);
    }
    Ok(CommandAnswer::Yes)
}

/// As [`ingest`], in a process that can only write data from then on.
fn ingest_confined(cli: &CliContext, args: &IngestArgs) -> Result<IngestOutcome> {
    let opened = open(cli, args)?;
    // Every named file is open. The decoders of a vendor's file run behind a second wall from here on.
    confinement::to_data(cli)?;
    ingest_source(cli, opened.file, &opened.name, &opened.options)
}

pub(crate) fn ingest(cli: &CliContext, args: &IngestArgs) -> Result<IngestOutcome> {
    let opened = open(cli, args)?;
    ingest_source(cli, opened.file, &opened.name, &opened.options)
}

/// A file with what is needed to read it.
struct OpenedSource {
    file: File,
    name: String,
    options: IngestOptions,
}

fn open(cli: &CliContext, args: &IngestArgs) -> Result<OpenedSource> {
    let path = args.file.display();
    if args.file.is_dir() {
        return Err(CommandLineError::new(format!(
            "{path} is a directory: give one file, or a ZIP archive of the files"
        )));
    }
    let file = open_plain(&args.file)?;
    let name = args
        .file
        .file_name()
        .with_context(|| format!("{path} has no file name"))?
        .to_string_lossy()
        .into_owned();
    // Options are read before the file is copied: a wrong mapping must not leave raw data behind
    // under the name of a snapshot that was never made.
    let options = options(cli, args)?;
    Ok(OpenedSource {
        file,
        name,
        options,
    })
}

/// Makes a snapshot of a source, with progress.
pub(crate) fn ingest_source(
    cli: &CliContext,
    source: impl Read,
    name: &str,
    options: &IngestOptions,
) -> Result<IngestOutcome> {
    let bar = bar("ingesting", 0);
    let mut progress = |step: IngestProgress| match step {
        IngestProgress::Reading { rows, .. } => bar.set_position(rows),
        IngestProgress::Writing { bars, .. } => bar.set_position(bars),
    };
    let options = IngestOptions {
        decoder: Some(super::decode::program()?),
        ..options.clone()
    };
    let done = snapshot_store(&cli.data)?.ingest(source, name, &options, &mut progress);
    bar.finish_and_clear();
    Ok(done?)
}

fn options(cli: &CliContext, args: &IngestArgs) -> Result<IngestOptions> {
    let accepted = args.accept.iter().map(|path| {
        let whole = serde_json::from_slice::<Value>(&read_whole(path)?);
        // `data accept --json` prints the record inside its answer; both forms are taken, so that
        // the output can be passed on unchanged.
        let record = whole.map(|whole| whole.get("acceptance").cloned().unwrap_or(whole));
        let acceptance = record.and_then(serde_json::from_value::<FindingAcceptance>);
        acceptance.with_context(|| format!("invalid record of acceptance in {}", path.display()))
    });
    let store = snapshot_store(&cli.data)?;
    let revises = args.revises.as_deref().map(|id| store.resolve(id));
    let GivenCalendars { common, own } = calendars(&args.calendar)?;
    let classes = asset_classes(&args.asset_class)?;
    Ok(IngestOptions {
        symbol: args.symbol.clone(),
        timeframe: args.timeframe,
        time: word("--time", args.time.as_deref())?,
        epoch_unit: word("--epoch-unit", args.epoch_unit.as_deref())?,
        price_scale: args.price_scale,
        asset_class: classes.common,
        asset_classes: classes.own,
        negative_prices: args.negative_prices.iter().cloned().collect(),
        tick: args.tick.clone(),
        volume_scale: args.volume_scale,
        quantity_scale: args.quantity_scale,
        lot: args.lot.clone(),
        round_prices: args.round_prices.clone(),
        round_volumes: args.round_volumes.clone(),
        delimiter: args.delimiter.clone(),
        decimal: args.decimal.clone(),
        thousands: args.thousands.clone(),
        encoding: word("--encoding", args.encoding.as_deref())?,
        repeats: word("--repeats", args.repeats.as_deref())?,
        vendor: args.vendor.clone(),
        // The time of receipt is stored with the raw file, not in the snapshot: the same bytes and
        // settings give the same snapshot id whenever they are ingested.
        ingested_at: Some(now()),
        kind: if args.trades {
            SourceKind::Trades
        } else {
            SourceKind::Bars
        },
        mapping: match args.format.as_deref().and_then(SourceFormat::named) {
            Some(format) => Some(format.side_file()),
            None => side_file(args.mapping.as_deref())?,
        },
        zone: args.zone.clone(),
        adjusted: word("--adjusted", args.adjusted.as_deref())?,
        skip: args.skip,
        skip_footer: args.skip_footer,
        member: args.member.clone(),
        has_no_volume: args.no_volume,
        actions: side_file(args.actions.as_deref())?,
        calendar: common,
        own_calendars: own,
        policy: args.policy.parse()?,
        accepted: accepted.collect::<Result<_>>()?,
        revises: revises.transpose()?,
        limits: IngestLimits {
            unpacked_max: args.unpacked_max,
            ..IngestLimits::default()
        },
        ..IngestOptions::default()
    })
}

/// The word of a flag, if it is given.
fn word<T: FromStr<Err: Display>>(flag: &str, text: Option<&str>) -> Result<Option<T>> {
    text.map(|text| word_of(flag, text)).transpose()
}

fn word_of<T: FromStr<Err: Display>>(flag: &str, text: &str) -> Result<T> {
    text.parse()
        .map_err(|error: T::Err| CommandLineError::new(format!("{flag}: {error}")))
}

/// The calendars of the command line.
struct GivenCalendars {
    common: Option<SideFile>,
    own: BTreeMap<String, SideFile>,
}

fn calendars(given: &[String]) -> Result<GivenCalendars> {
    let mut all = GivenCalendars {
        common: None,
        own: BTreeMap::new(),
    };
    for text in given {
        let (symbol, file) = match text.split_once('=') {
            Some((symbol, file)) => (Some(symbol), file),
            None => (None, text.as_str()),
        };
        let calendar = if file == "24x7" {
            // A word and not a path. A file of that name needs ./ before it.
            SideFile {
                name: "24x7".to_owned(),
                bytes: b"24x7".to_vec(),
            }
        } else {
            let side = side_file(Some(Path::new(file)))?;
            side.with_context(|| format!("--calendar {text}: no file"))?
        };
        let before = match symbol {
            Some(symbol) => all.own.insert(symbol.to_owned(), calendar),
            None => all.common.replace(calendar),
        };
        // The second would silently replace the first.
        if before.is_some() {
            let whose = symbol.unwrap_or("all instruments");
            return Err(CommandLineError::new(format!(
                "--calendar gives {whose} two calendars; give one"
            )));
        }
    }
    Ok(all)
}

/// The asset classes of the command line.
#[derive(Default)]
struct GivenClasses {
    common: Option<AssetClass>,
    own: BTreeMap<String, AssetClass>,
}

fn asset_classes(given: &[String]) -> Result<GivenClasses> {
    let mut all = GivenClasses::default();
    for text in given {
        let before = match text.rsplit_once('=') {
            Some((symbol, class)) => all
                .own
                .insert(symbol.to_owned(), word_of("--asset-class", class)?),
            None => all.common.replace(word_of("--asset-class", text)?),
        };
        // The second would silently replace the first.
        if before.is_some() {
            let whose = text
                .rsplit_once('=')
                .map_or("all instruments", |(symbol, _)| symbol);
            return Err(CommandLineError::new(format!(
                "--asset-class gives {whose} two classes; give one"
            )));
        }
    }
    Ok(all)
}

/// A file that describes a source: mapping, actions or calendar.
pub(crate) fn side_file(path: Option<&Path>) -> Result<Option<SideFile>> {
    let Some(path) = path else { return Ok(None) };
    let name = path
        .file_name()
        .with_context(|| format!("{} has no file name", path.display()))?;
    Ok(Some(SideFile {
        name: name.to_string_lossy().into_owned(),
        bytes: read_whole(path)?,
    }))
}

/// Prints a refusal by `--policy refuse`, which is an answer: no. Other errors are passed on.
fn refused(cli: &CliContext, error: anyhow::Error) -> Result<CommandAnswer> {
    let Some(IngestError::Refused {
        count, findings, ..
    }) = error.downcast_ref()
    else {
        return Err(error);
    };
    if cli.json {
        print_json(&json!({ "refused": true, "errors": count, "findings": findings }));
    } else {
        print_answer(CommandAnswer::No, &error.to_string());
        print_findings(findings);
    }
    Ok(CommandAnswer::No)
}

pub(crate) fn as_json(done: &IngestOutcome) -> Value {
    let report = &done.report;
    json!({
        "snapshot": done.id.to_string(),
        "already-there": done.already_there,
        "rows": report.rows,
        "bars": report.bars,
        "quarantined": report.quarantined,
        "out-of-order": report.out_of_order,
        "findings": report.findings.rules,
        "data": done.manifest.data_sha256.to_string(),
        "ignored-columns": report.ignored_columns,
        "notes": report.notes,
        "timeframe": report.timeframe.to_string(),
        "timeframe-inferred": report.timeframe_inferred,
        "price-scale": report.price_scale,
        "volume-scale": report.volume_scale,
        "ticks": report.ticks,
        "lots": report.lots,
        "reused-tickers": report.reused,
        "without-volume": report.without_volume,
        "negative-prices": report.negative_prices,
    })
}

pub(crate) fn print(done: &IngestOutcome) {
    let report = &done.report;
    let inferred = if report.timeframe_inferred {
        " (the commonest gap)"
    } else {
        ""
    };
    let there = if done.already_there {
        " (exists already)"
    } else {
        ""
    };
    let mut rows = vec![
        ("snapshot", format!("{}{there}", done.id)),
        (
            "rows",
            format!(
                "{} read, {} {}, {} quarantined",
                report.rows,
                report.bars,
                if report.bars == 1 { "bar" } else { "bars" },
                report.quarantined
            ),
        ),
        ("timeframe", format!("{}{inferred}", report.timeframe)),
        ("price scale", report.price_scale.to_string()),
    ];
    rows.extend(instrument_lines(report));
    if !report.ignored_columns.is_empty() {
        rows.push(("ignored columns", report.ignored_columns.join(", ")));
    }
    if report.out_of_order > 0 {
        rows.push((
            "sorted",
            match report.out_of_order {
                1 => "1 row was out of order".to_owned(),
                count => format!("{count} rows were out of order"),
            },
        ));
    }
    for note in &report.notes {
        rows.push(("note", format!("{}: {}", note.rule, note.message)));
    }
    rows.extend(findings(&report.findings));
    print_fields(&rows);
    print_examples(done);
    let mut lines = vec![
        ["instrument", "bars", "first close", "last close"]
            .map(String::from)
            .to_vec(),
    ];
    for instrument in &done.manifest.instruments {
        let (first, last) = (
            instrument.first_close.date_or_time(),
            instrument.last_close.date_or_time(),
        );
        lines.push(vec![
            instrument.symbol.clone(),
            instrument.bars.to_string(),
            first,
            last,
        ]);
    }
    print_table(&lines);
}

/// Ticks, lots and what else a run takes from the instruments.
fn instrument_lines(report: &IngestReport) -> Vec<(&'static str, String)> {
    let ticks = report.ticks.iter().map(|tick| ("tick", tick.clone()));
    let lots = report.lots.iter().map(|lot| ("lot", lot.clone()));
    let mut lines: Vec<_> = ticks.chain(lots).collect();
    for (symbol, ticker) in &report.reused {
        let text =
            format!("{symbol} has the ticker {ticker} after another instrument was delisted");
        lines.push(("instrument", text));
    }
    if !report.without_volume.is_empty() {
        let symbols = listed(&report.without_volume);
        let text = format!("none: {symbols}; a backtest needs --volume-cap off");
        lines.push(("volume", text));
    }
    if !report.negative_prices.is_empty() {
        let text = format!("may be zero or below: {}", listed(&report.negative_prices));
        lines.push(("prices", text));
    }
    lines
}

/// The findings of the checks, one line for each rule, without notes.
fn findings(data: &LayerFindings) -> Vec<(&'static str, String)> {
    let line = |(rule, found): (&String, &RuleCount)| {
        let name = match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            // Notes are counted in the manifest; here they would hide the warnings.
            Severity::Note => return None,
        };
        let accepted = match found.accepted {
            0 => String::new(),
            count => format!(", {count} accepted"),
        };
        Some((name, format!("{} {rule}{accepted}", found.count)))
    };
    data.rules.iter().filter_map(line).collect()
}

fn print_examples(done: &IngestOutcome) {
    if !findings(&done.report.findings).is_empty() {
        let id = short_digest(&done.id.to_string());
        print_line(&format!("next: counterfoil data report {id}"));
    }
    // Examples only: a file with a million bad rows would fill the terminal. The quarantine holds
    // all of them.
    for row in &done.report.examples {
        let place = if row.line == 0 {
            String::new()
        } else {
            format!("{} line {}: ", row.file, row.line)
        };
        print_line(&format!(
            "quarantined: {place}{}: {}: {}",
            row.reason,
            row.message,
            beginning(&row.row)
        ));
    }
}

/// Characters of a row that is shown.
const ROW_CHARS_MAX: usize = 200;

/// The beginning of a row, which may be as long as 64 KiB; the quarantine has all of it.
fn beginning(row: &str) -> Cow<'_, str> {
    match row.char_indices().nth(ROW_CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", row.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(row),
    }
}
