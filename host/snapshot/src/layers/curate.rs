//! The curated layer: what a run uses. Normalized files are merged, every bar is checked against the
//! rules, and unused rows are in quarantine with their reason. It must never change a value.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};

use cap_std::fs::Dir;
use counterfoil_trading::exchange_calendar::ExchangeCalendar;
use counterfoil_trading::manifest::CalendarEntry;
use counterfoil_trading::time::Timeframe;

use crate::error::IngestError;
use crate::layers::column_actions;
use crate::layers::instrument_clock::InstrumentClock;
use crate::layers::merge::{BarMerge, bar_text, tickers, with_grid_sources};
use crate::layers::plan::{CurationInputs, CurationPlan};
use crate::layers::publish::{noted, publish_layer};
use crate::layout::{DataLayer, FINDINGS, QUARANTINE};
use crate::quality::actions::SymbolAction;
use crate::quality::calendar::ExpectedBars;
use crate::quality::checks::{BarChecker, CheckContext};
use crate::quality::findings::{BarRow, QualityFinding, QualityRule, Severity};
use crate::quality::findings_file::FindingsWriter;
use crate::quality::market_clock::MarketClock;
use crate::quality::sessions::{write_own_session_ends, write_session_ends};
use crate::source::choices::ErrorPolicy;
use crate::source::progress::IngestProgress;
use crate::source::row_error::RowErrorCode;
use crate::source::times::date;
use crate::spool::staging::{StagingDir, sync};
use crate::store::load::load;
use crate::store::manifest::{LayerInstrument, LayerList, LayerManifest, LayerNote, LayerSource};
use crate::store::quarantine::{QuarantineWriter, QuarantinedRow};
use crate::store::read_error::ReadError;
use crate::store::recipe::LayerRecipe;
use crate::store::snapshot::Snapshot;
use crate::store::snapshot_id::SnapshotId;
use crate::store::write::InstrumentWriter;

/// Bars between two calls of the progress function.
const BARS_PER_PROGRESS: u64 = 8_192;

/// The result of curating.
pub(crate) struct CuratedSnapshot {
    pub(crate) id: SnapshotId,
    pub(crate) snapshot: Snapshot,
    pub(crate) already_there: bool,
}

/// The snapshot of a plan, which is made unless it is there.
pub(crate) fn curate(
    data: &Dir,
    plan: &CurationPlan,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<CuratedSnapshot, IngestError> {
    let recipe = plan.recipe();
    if let Some(id) = noted(data, DataLayer::Snapshots, &recipe)?
        && data.exists(format!("{}/{}", DataLayer::Snapshots.folder(), id.hex()))
    {
        // The note is only a hint. It counts if the snapshot's own manifest states this recipe.
        let known = existing(data, SnapshotId(id))?;
        if known.snapshot.manifest().recipe == recipe {
            return Ok(known);
        }
    }
    // Everything that the snapshot is made from is opened first. A missing layer is an error before
    // any file is written.
    let inputs = CurationInputs::open(data, plan)?;
    let staging = StagingDir::new(data, DataLayer::Snapshots.folder())?;
    let manifest = write_snapshot(&staging, &inputs, recipe, plan, progress)?;
    let published = publish_layer(data, DataLayer::Snapshots, staging, &manifest)?;
    let id = SnapshotId(published.id);
    if !published.is_new {
        return existing(data, id);
    }
    Ok(CuratedSnapshot {
        id,
        snapshot: load(data, DataLayer::Snapshots, &id.0)?,
        already_there: false,
    })
}

/// A snapshot that was there before, read whole: "already there" is reported of a snapshot whose
/// every byte was checked, not of a directory with its name.
fn existing(data: &Dir, id: SnapshotId) -> Result<CuratedSnapshot, IngestError> {
    let damaged = |error| IngestError::Damaged(Box::new(error));
    let snapshot = load(data, DataLayer::Snapshots, &id.0).map_err(damaged)?;
    snapshot.verify_all().map_err(damaged)?;
    Ok(CuratedSnapshot {
        id,
        snapshot,
        already_there: true,
    })
}

/// The files of a snapshot while they are written.
struct CurationOutput<'a> {
    staging: &'a StagingDir,
    findings: FindingsWriter,
    quarantine: QuarantineWriter,
}

impl CurationOutput<'_> {
    fn add_finding(&mut self, finding: QualityFinding) -> Result<bool, IngestError> {
        self.findings
            .add(finding)
            .map_err(IngestError::write(FINDINGS))
    }

    fn quarantine_bar(
        &mut self,
        place: Option<BarRow>,
        reason: String,
        message: String,
        row: String,
    ) -> Result<(), IngestError> {
        let (file, line) = place.map_or_else(Default::default, |row| (row.file, row.line));
        let row = QuarantinedRow {
            file,
            line,
            message,
            reason,
            row,
        };
        let added = self.quarantine.add(row);
        added.map_err(IngestError::write(QUARANTINE))
    }
}

/// Writes all files of a snapshot but the manifest.
fn write_snapshot(
    staging: &StagingDir,
    inputs: &CurationInputs,
    recipe: LayerRecipe,
    plan: &CurationPlan,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<LayerManifest, IngestError> {
    let expected = inputs.expected()?;
    let mut out = CurationOutput {
        staging,
        findings: FindingsWriter::new(staging.create(FINDINGS)?, inputs.accepted.clone()),
        quarantine: QuarantineWriter::new(staging.create(QUARANTINE)?),
    };
    for layer in &inputs.layers {
        // Quarantined rows of each file come along, so that the snapshot alone shows what its bars
        // leave out.
        take_over_quarantine(layer, &mut out)?;
    }
    let symbols = inputs.symbols();
    inputs.check_calendars(&symbols)?;
    report_sources(inputs, &expected, &symbols, &mut out)?;
    let context = CheckContext {
        timeframe: inputs.timeframe,
        expected: &expected,
        actions: &inputs.actions,
    };
    let layers = || inputs.layers.iter().map(|layer| layer.manifest().bars());
    let bars_total = layers().fold(0, u64::saturating_add);
    let mut bars: u64 = 0;
    let mut instruments = Vec::new();
    let mut calendars = SnapshotCalendars::default();
    for (index, symbol) in symbols.iter().enumerate() {
        let mut progress = |more: u64| {
            bars = bars.saturating_add(more);
            progress(IngestProgress::Writing { bars, bars_total });
        };
        let written = write_instrument(inputs, context, index, symbol, &mut out, &mut progress)?;
        if let Some((instrument, clock)) = written {
            instruments.push(instrument);
            calendars.add(symbol, clock);
        }
    }
    let sources = inputs.sources();
    let (errors, count) = (
        core::mem::take(&mut out.findings.errors),
        out.findings.errors_count,
    );
    // Only now, although the first error was known earlier: the user gets all of them at once. The
    // staged files go with their directory.
    if plan.policy == ErrorPolicy::Refuse && count > 0 {
        return Err(refused(errors, count));
    }
    if instruments.is_empty() {
        return Err(IngestError::NoBars {
            file: sources
                .first()
                .map_or_else(String::new, |source| source.name.clone()),
            rows: sources.iter().map(|source| source.rows).sum(),
            first: errors
                .first()
                .map_or_else(String::new, |error| error.message.clone()),
        });
    }
    let (file, findings) = out.findings.finish();
    sync(file, FINDINGS)?;
    let (file, quarantine) = out.quarantine.finish();
    sync(file, QUARANTINE)?;
    Ok(LayerManifest {
        calendars: calendars.entries(inputs, &symbols),
        actions: write_actions(staging, inputs, &symbols)?,
        data_sha256: LayerManifest::data_digest(inputs.timeframe, &instruments),
        findings: Some(findings),
        format: DataLayer::Snapshots.format().to_owned(),
        sessions: write_sessions(staging, inputs, &instruments)?,
        instruments,
        lines: None,
        quarantine,
        recipe,
        sources,
        timeframe: inputs.timeframe,
    })
}

fn refused(findings: Vec<QualityFinding>, count: u64) -> IngestError {
    let first = findings.first().map(|finding| {
        let place = match (
            &finding.file,
            finding.line,
            &finding.instrument,
            &finding.date,
        ) {
            (Some(file), Some(line), _, _) => format!("{file}, line {line}"),
            (_, _, Some(instrument), Some(date)) => format!("{instrument} {date}"),
            _ => String::new(),
        };
        format!("{place}: {}: {}", finding.rule, finding.message)
    });
    IngestError::Refused {
        count,
        first: first.unwrap_or_default(),
        findings,
    }
}

/// Takes over the rows that a normalized file quarantined: each is an error here.
fn take_over_quarantine(layer: &Snapshot, out: &mut CurationOutput<'_>) -> Result<(), IngestError> {
    let data = &layer.manifest().quarantine;
    let (open, name) = layer.checked(&data.file, data.sha256)?;
    // Not bounded line by line: the file was written by this program a moment ago, or its digest
    // is in a manifest that was.
    for line in BufReader::new(open).lines() {
        let line = line.map_err(ReadError::io(&name))?;
        let row: QuarantinedRow = serde_json::from_str(&line)
            .map_err(|error| ReadError::malformed(&name, error.to_string()))?;
        out.add_finding(QualityFinding {
            accepted_by: None,
            count: None,
            date: None,
            file: Some(row.file.clone()),
            instrument: None,
            line: Some(row.line),
            message: row.message.clone(),
            quarantined: true,
            rule: row.reason.clone(),
            severity: quarantine_severity(&row.reason),
        })?;
        out.quarantine
            .add(row)
            .map_err(IngestError::write(QUARANTINE))?;
    }
    Ok(())
}

/// How bad it is that a row was quarantined.
fn quarantine_severity(reason: &str) -> Severity {
    // The caller's own rule left these out. As errors they would have to be accepted each time.
    let stated = [RowErrorCode::Replaced, RowErrorCode::Footer];
    if stated.iter().any(|code| code.code() == reason) {
        Severity::Note
    } else {
        Severity::Error
    }
}

/// The finding of something that was seen of a source's rows.
fn noted_finding(note: &LayerNote, source: &LayerSource) -> Result<QualityFinding, IngestError> {
    let rule = QualityRule::named(&note.rule).ok_or_else(|| IngestError::Internal {
        file: source.name.clone(),
        reason: format!("a note of the unknown rule {:?}", note.rule),
    })?;
    let message = match note.line {
        0 => note.message.clone(),
        line => format!("{}, first in line {line}", note.message),
    };
    Ok(QualityFinding {
        file: Some(source.name.clone()),
        ..QualityFinding::new(rule, message).counting(note.count)
    })
}

/// Reports what was found about sources and actions, not about bars.
fn report_sources(
    inputs: &CurationInputs,
    expected: &ExpectedBars,
    symbols: &BTreeSet<String>,
    out: &mut CurationOutput<'_>,
) -> Result<(), IngestError> {
    for layer in &inputs.layers {
        for source in &layer.manifest().sources {
            for note in &source.notes {
                out.add_finding(noted_finding(note, source)?)?;
            }
            let mut report = |rule, message: String, count: u64| {
                let finding = QualityFinding::new(rule, message).counting(count);
                out.add_finding(QualityFinding {
                    file: Some(source.name.clone()),
                    ..finding
                })
            };
            if source.out_of_order > 0 {
                let count = source.out_of_order;
                let what = match count {
                    1 => "row came after a later one of its instrument and was put in its place",
                    _ => {
                        "rows came after a later one of their instrument and were put in their place"
                    }
                };
                report(QualityRule::OutOfOrder, format!("{count} {what}"), count)?;
            }
            if !source.ignored_columns.is_empty() {
                let columns = &source.ignored_columns;
                report(
                    QualityRule::IgnoredColumn,
                    format!("not read: {}", columns.join(", ")),
                    u64::try_from(columns.len()).unwrap_or(u64::MAX),
                )?;
            }
            if source.timeframe_inferred {
                let message = format!(
                    "{}: the commonest gap between two bars of one instrument",
                    inputs.timeframe
                );
                report(QualityRule::InferredTimeframe, message, 1)?;
            }
        }
    }
    let all_have_own = symbols
        .iter()
        .all(|symbol| inputs.own_calendars.contains_key(symbol));
    if matches!(expected, ExpectedBars::Unknown) && !all_have_own {
        let message = format!(
            "bars of {}, and no calendar: gaps were not looked for",
            inputs.timeframe
        );
        out.add_finding(QualityFinding::new(QualityRule::NoCalendar, message))?;
    }
    for action in inputs
        .actions
        .iter()
        .filter(|action| !symbols.contains(&action.instrument))
    {
        let message = "an action of an instrument that is not in the data".to_owned();
        let date = date(action.ex_time);
        out.add_finding(
            QualityFinding::new(QualityRule::UnusedAction, message)
                .about(&action.instrument, Some(date)),
        )?;
    }
    Ok(())
}

/// Checks and writes the bars of one instrument.
fn write_instrument(
    inputs: &CurationInputs,
    context: CheckContext<'_>,
    index: usize,
    symbol: &str,
    out: &mut CurationOutput<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<(LayerInstrument, MarketClock)>, IngestError> {
    let own = inputs.own_calendars.get(symbol);
    let context = CheckContext {
        expected: own.unwrap_or(context.expected),
        ..context
    };
    let clock = InstrumentClock::new(inputs, symbol)?;
    let mut merge = BarMerge::new(&inputs.layers, symbol)?;
    let instrument = merge.instrument.clone();
    let mut writer = InstrumentWriter::new(out.staging, index, &instrument);
    let calendar = clock.market.calendar.clone();
    let mut checker = BarChecker::new(symbol, instrument.price_scale(), context, calendar);
    let mut bars: u64 = 0;
    while let Some((merged, next)) = merge.next()? {
        let bar = clock.ended(inputs.timeframe, merged.bar);
        let raw = *bar.get();
        // Reported before the checks: the replaced value is in no file of the snapshot, and only
        // this finding still has it.
        if let Some(before) = merged.revised {
            let message = format!("was {}", bar_text(&instrument, &before));
            let date = date(raw.open_time);
            out.add_finding(
                QualityFinding::new(QualityRule::Revised, message).about(symbol, Some(date)),
            )?;
        }
        let mut refused = None;
        if let Some(misfit) = checker.check_fit(&raw) {
            // What is said of the price of a bar that no run may have would only hide why it is left out.
            let row = merge.row_of(&merged)?;
            let rule = checker.leave_out(&raw, &misfit, row.clone());
            refused = Some((rule.name().to_owned(), misfit.to_string(), row));
        } else {
            // Every finding is written, and any that is not accepted keeps the bar out: an acceptance
            // covers one rule and not the bar.
            for finding in checker.check_bar(&raw, next.as_ref()) {
                let is_error = finding.severity == Severity::Error;
                let row = is_error.then(|| merge.row_of(&merged)).transpose()?;
                let (row, rule) = (row.flatten(), finding.rule.clone());
                let message = finding.message.clone();
                if !out.add_finding(finding.of_row(row.clone()))? {
                    refused = Some((rule, message, row));
                }
            }
        }
        bars = bars.saturating_add(1);
        if bars.is_multiple_of(BARS_PER_PROGRESS) {
            progress(BARS_PER_PROGRESS);
        }
        let Some((reason, message, row)) = refused else {
            // Only a bar that is used becomes the one to compare the next with: after a price of
            // 0.01 that was refused, the next good price must not look like a jump.
            checker.keep(&raw);
            writer.add(bar)?;
            continue;
        };
        out.quarantine_bar(row, reason, message, bar_text(&instrument, &bar))?;
    }
    progress(bars.checked_rem(BARS_PER_PROGRESS).unwrap_or(0));
    let fit = check_misfits(&checker, symbol, inputs.timeframe);
    add_findings(checker.finish(), only_file(inputs, symbol).as_deref(), out)?;
    fit?;
    let written = writer.finish(tickers(&inputs.layers, symbol))?;
    let mut written = written.map(|one| with_grid_sources(&inputs.layers, one));
    if let (Some(written), Some(calendar)) = (&mut written, own) {
        let (first, last) = (written.first_open, written.last_close);
        let ends = calendar.session_ends(inputs.timeframe, first, last);
        written.sessions = Some(write_own_session_ends(out.staging, index, &ends)?);
    }
    Ok(written.map(|instrument| (instrument, clock.market)))
}

/// Adds what was found of all bars of an instrument.
fn add_findings(
    found: Vec<QualityFinding>,
    file: Option<&str>,
    out: &mut CurationOutput<'_>,
) -> Result<(), IngestError> {
    for finding in found {
        let file = finding.file.clone().or_else(|| file.map(str::to_owned));
        out.add_finding(QualityFinding { file, ..finding })?;
    }
    Ok(())
}

/// The file that an instrument's bars are from, if it is one.
fn only_file(inputs: &CurationInputs, symbol: &str) -> Option<String> {
    let has = |layer: &&Snapshot| {
        layer
            .manifest()
            .instruments
            .iter()
            .any(|it| it.symbol == symbol)
    };
    let mut files = inputs.layers.iter().filter(has);
    let first = files.next()?.source_name();
    files.next().is_none().then_some(first)
}

/// An error if most bars of an instrument are left out: with fewer bars on the grid than off it the grid is a guess,
/// and what is left would be a market that never was.
fn check_misfits(
    checker: &BarChecker<'_>,
    symbol: &str,
    timeframe: Timeframe,
) -> Result<(), IngestError> {
    let (left_out, kept) = (checker.left_out(), checker.kept());
    if left_out <= kept {
        return Ok(());
    }
    Err(IngestError::Misfits {
        symbol: symbol.to_owned(),
        left_out,
        bars: left_out.saturating_add(kept),
        timeframe,
    })
}

/// The calendars of a snapshot's instruments.
#[derive(Default)]
struct SnapshotCalendars {
    all: Vec<(MarketClock, Vec<String>)>,
}

impl SnapshotCalendars {
    fn add(&mut self, symbol: &str, clock: MarketClock) {
        // By the times alone: two zones with the same times are one grid.
        let known = self
            .all
            .iter_mut()
            .find(|(known, _)| known.calendar == clock.calendar);
        match known {
            Some((_, symbols)) => symbols.push(symbol.to_owned()),
            None => self.all.push((clock, vec![symbol.to_owned()])),
        }
    }

    /// As a manifest states them: one that holds for all without their names, and none for the grid of UTC.
    fn entries(self, inputs: &CurationInputs, symbols: &BTreeSet<String>) -> Vec<CalendarEntry> {
        if !inputs.stated.is_empty() {
            let symbols = symbols.iter().map(String::as_str).collect();
            return CalendarEntry::chosen(&inputs.stated, &symbols);
        }
        let is_one = self.all.len() == 1;
        let own = self
            .all
            .into_iter()
            .filter(|(clock, _)| clock.calendar != ExchangeCalendar::default());
        let entry = |(clock, symbols): (MarketClock, Vec<String>)| CalendarEntry {
            instruments: if is_one { Vec::new() } else { symbols },
            ..CalendarEntry::of(&clock.zone, &clock.calendar)
        };
        own.map(entry).collect()
    }
}

/// Writes the actions of the instruments that the snapshot has: equal data gives an equal snapshot,
/// whatever else the file of actions lists.
fn write_actions(
    staging: &StagingDir,
    inputs: &CurationInputs,
    symbols: &BTreeSet<String>,
) -> Result<Option<LayerList>, IngestError> {
    let used: Vec<SymbolAction> = inputs
        .actions
        .iter()
        .filter(|action| symbols.contains(&action.instrument))
        .cloned()
        .collect();
    column_actions::write_actions(staging, &used)
}

/// Writes the ends of the calendar's sessions, from the last one before the bars to the last bar.
fn write_sessions(
    staging: &StagingDir,
    inputs: &CurationInputs,
    instruments: &[LayerInstrument],
) -> Result<Option<LayerList>, IngestError> {
    let first = instruments
        .iter()
        .map(|instrument| instrument.first_open)
        .min();
    let last = instruments
        .iter()
        .map(|instrument| instrument.last_close)
        .max();
    let (Some(calendar), Some((first, last))) = (&inputs.calendar, first.zip(last)) else {
        return Ok(None);
    };
    write_session_ends(
        staging,
        &calendar.session_ends(inputs.timeframe, first, last),
    )
}
