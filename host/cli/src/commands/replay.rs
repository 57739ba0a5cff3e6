//! `replay`: runs the component again on the recorded inputs and compares every decision.

use anyhow::Result;
use counterfoil_runner::run::journal::JournalReader;
use counterfoil_runner::run::replay::{ReplayError, ReplayReport as Replayed, replay};
use counterfoil_runner::store::data_dir::{DataDir, Execution};
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::RunRecord;
use counterfoil_trading::time::UnixNanos;
use counterfoil_verify::AnchorsReport;
use counterfoil_verify::describe::RecordDescriber;
use serde_json::json;

use crate::anchored;
use crate::args::ReplayArgs;
use crate::cli_context::CliContext;
use crate::confinement;
use crate::output::{CommandAnswer, print_answer, print_block, print_fields, print_json};
use crate::progress::bar;

pub(crate) fn run(cli: &CliContext, args: &ReplayArgs) -> Result<CommandAnswer> {
    // The component and the journal may be another's. Before the first byte of them: a strategy that escapes its sandbox
    // meets a second wall, and cannot change the record that it is compared with.
    let _opened = cli.engine(&args.backend)?;
    confinement::to_reading(cli)?;
    let found = execute(cli, &args.run, &args.backend)?;
    show(cli, &args.run, "replay", &found)
}

/// Prints the result of a replay; `what` names it.
pub(crate) fn show(
    cli: &CliContext,
    run: &str,
    what: &str,
    found: &Replayed,
) -> Result<CommandAnswer> {
    let execution = cli.data.find(run)?;
    // From the signed record, as the replay's own: an auditor's copy of the run may have no other.
    let opening = JournalReader::open(&execution.journal())?.opening()?;
    let manifest = Manifest::parse(&opening.manifest)?;
    let instruments = manifest.setup()?.instruments;
    let anchors = anchored::of_execution(cli, &execution)?;
    let good = found.is_identical() && anchors.as_ref().is_none_or(AnchorsReport::is_good);
    if cli.json {
        let side = |record: &Option<Box<RunRecord>>| {
            record
                .as_ref()
                .map(|record| RecordDescriber::new(&instruments).record(record))
        };
        print_json(&json!({
            "run-id": execution.run,
            "execution": execution.number,
            "identical": found.is_identical(),
            "anchored": anchors.as_ref().map(AnchorsReport::to_json),
            "decisions": found.decisions,
            "records-compared": found.identical,
            "journal-closed": found.closed,
            "first-foreign-slice": found.foreign_slice.map(UnixNanos::date_or_time),
            "decision-digest": found.decision_digest,
            "first-difference": found.difference.as_ref().map(|difference| json!({
                "entry": difference.index,
                "recorded": side(&difference.recorded),
                "replayed": side(&difference.replayed),
            })),
        }));
    } else {
        print(what, found, &instruments);
        if let Some(anchors) = &anchors {
            print_block(anchors.to_string().trim_end());
        }
    }
    Ok(CommandAnswer::yes_if(good))
}

pub(crate) fn execute(cli: &CliContext, run: &str, backend: &str) -> Result<Replayed> {
    replay_with(cli, run, backend, "replaying", replay)
}

/// A kind of replay.
type ReplayKind = fn(
    &DataDir,
    &Execution,
    EngineSettings,
    &mut (dyn FnMut(u64) + Send),
) -> Result<Replayed, ReplayError>;

/// Replays a run by `kind`, showing progress under the name `what`.
pub(super) fn replay_with(
    cli: &CliContext,
    run: &str,
    backend: &str,
    what: &'static str,
    kind: ReplayKind,
) -> Result<Replayed> {
    let execution = cli.data.find(run)?;
    let bar = bar(what, 0);
    let mut progress = |decisions: u64| {
        if decisions.is_multiple_of(1024) {
            bar.set_position(decisions);
        }
    };
    let found = kind(&cli.data, &execution, cli.engine(backend)?, &mut progress);
    // Cleared before the error is returned, which would else be printed into the bar.
    bar.finish_and_clear();
    Ok(found?)
}

fn print(what: &str, found: &Replayed, instruments: &[Instrument]) {
    // Checked first: over other bars every decision may differ, and the strategy would be blamed
    // for the data.
    if let Some(time) = found.foreign_slice {
        let time = time.date_or_time();
        let answer = CommandAnswer::No;
        print_answer(
            answer,
            &format!(
                "{what}: the journal's bars closing at {time} differ from the snapshot's; do not trust it"
            ),
        );
        return;
    }
    // The first difference only: the account is another from there on, so everything after it
    // differs too.
    let Some(difference) = &found.difference else {
        let until = if found.closed {
            ""
        } else {
            " (the journal is not closed; its last slice is left out)"
        };
        print_fields(&[
            (
                what,
                format!("identical: {} decisions{until}", found.decisions),
            ),
            ("compared", format!("{} records", found.identical)),
            (
                "decision digest",
                found
                    .decision_digest
                    .map(|digest| digest.hex())
                    .unwrap_or_default(),
            ),
        ]);
        return;
    };
    let side = |record: &Option<Box<RunRecord>>| match record {
        Some(record) => RecordDescriber::new(instruments).record(record),
        None => "no such record".to_owned(),
    };
    print_answer(
        CommandAnswer::No,
        &format!(
            "{what}: different at entry {}, after {} identical records",
            difference.index, found.identical
        ),
    );
    print_fields(&[
        ("recorded", side(&difference.recorded)),
        ("replayed", side(&difference.replayed)),
    ]);
}
