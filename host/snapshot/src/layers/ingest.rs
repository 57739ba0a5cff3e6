//! A vendor's file to a snapshot, layer by layer: raw, normalized, curated. It must never read a
//! clock.

use std::collections::BTreeSet;
use std::io::Read;

use cap_std::fs::Dir;

use crate::error::{ACTIONS_ROLE, IngestError};
use crate::layers::curate::{CuratedSnapshot, curate};
use crate::layers::normalize::{NormalizeJob, normalize};
use crate::layers::plan::{CurationPlan, own_calendar_role};
use crate::layers::raw::{self, ReceiptDraft};
use crate::layers::report::IngestReport;
use crate::layers::ticker_history::TickerHistory;
use crate::layout::DataLayer;
use crate::quality::actions::{SymbolAction, parse_actions};
use crate::quality::calendar::parse_calendar;
use crate::source::footer::footer_lines;
use crate::source::mapping::{ColumnMapping, delimiter};
use crate::source::number_rules::NumberRules;
use crate::source::options::{IngestLimits, IngestOptions, SideFile};
use crate::source::progress::IngestProgress;
use crate::source::scales::stated_lot;
use crate::store::acceptance::FindingAcceptance;
use crate::store::load::load;
use crate::store::manifest::LayerManifest;
use crate::store::snapshot::Snapshot;
use crate::store::snapshot_id::SnapshotId;
use counterfoil_base::digest::Digest;

/// The result of an ingestion.
#[derive(Clone, Debug)]
pub struct IngestOutcome {
    /// The snapshot's name.
    pub id: SnapshotId,
    /// Its manifest.
    pub manifest: LayerManifest,
    /// Whether the same snapshot was there before; it was read whole, and holds.
    pub already_there: bool,
    /// A summary for people.
    pub report: IngestReport,
}

pub(crate) fn ingest(
    data: &Dir,
    source: impl Read,
    name: &str,
    options: &IngestOptions,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<IngestOutcome, IngestError> {
    // What can be refused without the source is refused before a copy of gigabytes is made.
    let mapping = ColumnMapping::parse(options.mapping.as_ref())?;
    let options = &mapping.fill(options);
    check_options(&mapping, options)?;
    let actions = match &options.actions {
        Some(file) => parse_actions(&file.name, &file.bytes)?,
        None => Vec::new(),
    };
    for file in options
        .calendar
        .iter()
        .chain(options.own_calendars.values())
    {
        parse_calendar(&file.name, &file.bytes)?;
    }
    let revised = match &options.revises {
        Some(id) => Some(load(data, DataLayer::Snapshots, &id.0)?),
        None => None,
    };
    let plan_before = revised
        .as_ref()
        .map(plan_of)
        .transpose()?
        .unwrap_or_default();
    let arrival = ReceiptDraft {
        name,
        role: options.kind.name(),
        vendor: options.vendor.as_deref(),
        schema: mapping.schema.as_deref(),
        ingested_at: options.ingested_at,
        origin: None,
    };
    // The raw file is kept even if what follows fails: it is evidence of what the vendor sent, and
    // the next try does not need it again.
    let raw = raw::add_file(data, source, options.limits.bytes_max, &arrival)?;
    let side = |role, file: &Option<SideFile>| add_side_file(data, role, file.as_ref(), options);
    let kept_actions = plan_before.actions.filter(|_| options.actions.is_none());
    let history = ticker_history(data, actions, kept_actions, revised.as_ref())?;
    let job = NormalizeJob {
        raw,
        name,
        options,
        mapping: &mapping,
        mapping_sha256: side("mapping", &options.mapping)?,
        history,
    };
    let normalized = normalize_without_volumes(data, job, progress)?;
    let mut own_calendars = plan_before.own_calendars;
    for (symbol, file) in &options.own_calendars {
        let role = own_calendar_role(symbol);
        let sha256 = add_side_file(data, &role, Some(file), options)?;
        own_calendars.extend(sha256.map(|sha256| (symbol.clone(), sha256)));
    }
    let mut plan = CurationPlan {
        own_calendars,
        actions: side("actions", &options.actions)?.or(plan_before.actions),
        calendar: side("calendar", &options.calendar)?.or(plan_before.calendar),
        calendars: options.calendars.clone(),
        policy: options.policy,
        normalized: plan_before.normalized,
        accepted: plan_before.accepted,
    };
    // The same file again moves to the end: it is the latest word, and where files disagree the
    // later one counts.
    plan.normalized.retain(|id| *id != normalized);
    plan.normalized.push(normalized);
    for acceptance in &options.accepted {
        plan.accepted.insert(add_acceptance(data, acceptance)?);
    }
    let name_of_actions = options.actions.as_ref().map(|file| file.name.as_str());
    let curated = curate(data, &plan, progress);
    outcome(curated.map_err(|error| error.of_actions(name_of_actions))?)
}

/// The id of the normalized form of a raw file, without volumes if it has none.
fn normalize_without_volumes(
    data: &Dir,
    job: NormalizeJob<'_>,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<Digest, IngestError> {
    match normalize(data, &job, progress) {
        // Vendors write dashes for an index or a currency pair, in a file of its own or beside shares. Only at the end is
        // it known that no row of it has a volume, so the file is read again.
        Err(IngestError::NoVolumes {
            symbols, is_whole, ..
        }) if !job.options.has_no_volume && job.options.without_volume.is_empty() => {
            let options = &IngestOptions {
                has_no_volume: is_whole,
                without_volume: if is_whole { BTreeSet::new() } else { symbols },
                ..job.options.clone()
            };
            normalize(data, &NormalizeJob { options, ..job }, progress)
        }
        done => done,
    }
}

/// What is known of tickers: from the actions of the ingestion, or those that the revised snapshot keeps, and from its
/// instruments.
fn ticker_history(
    data: &Dir,
    given: Vec<SymbolAction>,
    kept: Option<Digest>,
    revised: Option<&Snapshot>,
) -> Result<TickerHistory, IngestError> {
    let actions = match kept {
        Some(sha256) => parse_actions(ACTIONS_ROLE, &raw::read_small(data, &sha256)?)?,
        None => given,
    };
    let instruments = revised.map(|snapshot| snapshot.manifest().instruments.as_slice());
    Ok(TickerHistory::new(
        &actions,
        instruments.unwrap_or_default(),
    ))
}

/// What is wrong with options, whatever the source.
fn check_options(mapping: &ColumnMapping, options: &IngestOptions) -> Result<(), IngestError> {
    NumberRules::of(options)?;
    delimiter(options)?;
    footer_lines(options)?;
    // A mapping was checked as it stands: what is wrong now is the zone that a flag states for it, or none.
    mapping
        .times(options)
        .map_err(|reason| IngestError::Option {
            option: if options.zone.is_some() {
                "zone"
            } else {
                "time"
            },
            reason,
        })?;
    stated_lot(options)?;
    Ok(())
}

/// The plan of a snapshot that is revised.
fn plan_of(snapshot: &Snapshot) -> Result<CurationPlan, IngestError> {
    let plan = CurationPlan::from_recipe(&snapshot.manifest().recipe)?;
    if plan.normalized.is_empty() {
        return Err(IngestError::Option {
            option: "revises",
            reason: "the snapshot is a resample of another one; revise that one".to_owned(),
        });
    }
    Ok(plan)
}

/// The snapshot of the same files with one more acceptance.
pub(crate) fn accept(
    data: &Dir,
    id: &SnapshotId,
    acceptance: &FindingAcceptance,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<IngestOutcome, IngestError> {
    let snapshot = load(data, DataLayer::Snapshots, &id.0)?;
    let rules = snapshot
        .manifest()
        .findings
        .as_ref()
        .map(|data| &data.rules);
    // An acceptance that covers nothing is a typing error. Kept, it would cover a finding of a later
    // revision that its author never saw.
    if rules.is_none_or(|rules| !rules.contains_key(&acceptance.rule)) {
        let known = rules.map(|rules| rules.keys().cloned().collect::<Vec<_>>().join(", "));
        return Err(IngestError::Option {
            option: "rule",
            reason: format!(
                "the snapshot has no finding of {:?}; it has {}",
                acceptance.rule,
                known.unwrap_or_default()
            ),
        });
    }
    let findings = snapshot.findings(usize::MAX)?;
    if !findings.iter().any(|finding| acceptance.covers(finding)) {
        return Err(IngestError::Option {
            option: "rule",
            reason: format!(
                "no finding of {} matches that instrument, date or line; `counterfoil data report` lists them",
                acceptance.rule
            ),
        });
    }
    let mut plan = CurationPlan::from_recipe(&snapshot.manifest().recipe)?;
    plan.accepted.insert(add_acceptance(data, acceptance)?);
    outcome(curate(data, &plan, progress)?)
}

fn outcome(curated: CuratedSnapshot) -> Result<IngestOutcome, IngestError> {
    let CuratedSnapshot {
        id,
        snapshot,
        already_there,
    } = curated;
    let report = IngestReport::from_snapshot(&snapshot).map_err(IngestError::from)?;
    Ok(IngestOutcome {
        id,
        manifest: snapshot.manifest().clone(),
        already_there,
        report,
    })
}

/// Keeps a file that goes with a source in the raw layer.
fn add_side_file(
    data: &Dir,
    role: &str,
    file: Option<&SideFile>,
    options: &IngestOptions,
) -> Result<Option<Digest>, IngestError> {
    let Some(file) = file else { return Ok(None) };
    let arrival = ReceiptDraft {
        name: &file.name,
        role,
        vendor: options.vendor.as_deref(),
        schema: None,
        ingested_at: options.ingested_at,
        origin: None,
    };
    let bytes_max = IngestLimits::default().bytes_max;
    let raw = raw::add_file(data, file.bytes.as_slice(), bytes_max, &arrival)?;
    Ok(Some(raw.sha256))
}

fn add_acceptance(data: &Dir, acceptance: &FindingAcceptance) -> Result<Digest, IngestError> {
    let bytes = acceptance.canonical()?;
    let arrival = ReceiptDraft {
        name: "acceptance.json",
        role: "acceptance",
        vendor: None,
        schema: None,
        ingested_at: acceptance.at,
        origin: None,
    };
    let bytes_max = IngestLimits::default().bytes_max;
    Ok(raw::add_file(data, bytes.as_slice(), bytes_max, &arrival)?.sha256)
}
