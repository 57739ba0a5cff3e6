//! Compares the runs over feeds on disk with those that the ledger started. Runs over snapshots are research and
//! replays; they need no authorization.

use std::collections::BTreeSet;

use counterfoil_governance::registry::{ComponentStage, RegisteredRun};
use counterfoil_governance::state::LedgerState;
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::time::UnixNanos;

use counterfoil_runner::store::data_dir::{DataDir, DataDirError, Execution};
use counterfoil_runner::store::lock::is_held;

use super::{DriftError, Found};
use crate::anchors::compare_execution;
use crate::permit::may_continue;

pub(super) fn look(
    data: &DataDir,
    state: &LedgerState,
    now: UnixNanos,
    all: &mut Found,
) -> Result<(), DriftError> {
    let mut there = BTreeSet::new();
    for execution in data.executions()? {
        there.insert(execution.run);
        let text = match data.manifest_text(&execution) {
            Ok(text) => text,
            // The changed copy is reported and not parsed: its content may be an attacker's.
            Err(DataDirError::ManifestChanged { .. }) => {
                let declared = execution.run.to_string();
                all.add("run.manifest", name(&execution), declared, "other bytes");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let manifest = Manifest::parse(&text)?;
        if let DataSource::Feed { .. } = manifest.data {
            check_execution(state, &execution, &manifest, now, all)?;
        }
    }
    for (run, started) in state.registry().runs() {
        // A run that did not start has no folder where the process ended before it made one.
        if !there.contains(run) && !started.has_no_logs() {
            let declared = format!("started with record {}", started.record_ref.index);
            all.add("run.missing", run.to_string(), declared, "no journal");
        }
    }
    Ok(())
}

fn name(execution: &Execution) -> String {
    format!("{}/{}", execution.run, execution.number)
}

/// Checks one execution over a feed.
fn check_execution(
    state: &LedgerState,
    execution: &Execution,
    manifest: &Manifest,
    now: UnixNanos,
    all: &mut Found,
) -> Result<(), DriftError> {
    let name = name(execution);
    let run = manifest.run_id()?;
    let standing = standing(state, &manifest.component);
    if !matches!(standing, "approved" | "archived") {
        let found = format!("{} is {standing}", manifest.component);
        all.add("run.component", &*name, "approved", found);
    }
    // The finding that matters most: a process trades, or traded, an account without a start in the ledger.
    let Some(started) = state.registry().runs().get(&run) else {
        let found = format!("a run of account {}", manifest.account.name);
        all.add("run.unauthorized", name, "no start", found);
        return Ok(());
    };
    // A log that cannot be read is a finding, so that the others are still looked at.
    let contradictions = compare_execution(state, execution)
        .map_or_else(|error| vec![error.to_string()], |report| report.why);
    for why in contradictions {
        let declared = format!("anchored since record {}", started.record_ref.index);
        all.add("run.anchors", &*name, declared, why);
    }
    if started.ended.is_some() {
        return Ok(());
    }
    check_open_run(state, execution, manifest, started, now, all)
}

/// Checks a run that the ledger started and has not ended.
fn check_open_run(
    state: &LedgerState,
    execution: &Execution,
    manifest: &Manifest,
    started: &RegisteredRun,
    now: UnixNanos,
    all: &mut Found,
) -> Result<(), DriftError> {
    // The lock is probed only where the run may not continue: the probe takes the lock for a moment, and a
    // permitted run that starts in that moment would be refused.
    let Err(denied) = may_continue(state, manifest, now) else {
        return limits(state, execution, manifest, started, all);
    };
    if is_held(execution)? {
        let declared = format!("it may not go on: {}", denied.rule);
        let found = "a process appends to its journal";
        all.add("run.going-on", name(execution), declared, found);
    }
    limits(state, execution, manifest, started, all)
}

/// Checks that the run's limits are those in force for its account.
fn limits(
    state: &LedgerState,
    execution: &Execution,
    manifest: &Manifest,
    started: &RegisteredRun,
    all: &mut Found,
) -> Result<(), DriftError> {
    let keeps = manifest.limits_digest()?;
    let account = &started.start.terms.account;
    let Some(in_force) = state.limits().get(account) else {
        return Ok(());
    };
    if in_force.limits != keeps {
        let declared = in_force.limits.to_string();
        all.add("run.limits", name(execution), declared, keeps.to_string());
    }
    Ok(())
}

/// The stage of a component, by its digest's text.
fn standing(state: &LedgerState, component: &str) -> &'static str {
    let components = state.registry().components().iter();
    let mut of_this = components.filter(|(digest, _)| digest.to_string() == component);
    let Some((_, registered)) = of_this.next() else {
        return "not registered";
    };
    // A component that was archived before its promotion was never approved for use.
    if registered.stage == ComponentStage::Archived && registered.promotions.is_empty() {
        return "archived before it was approved";
    }
    registered.stage.name()
}
