//! `replay`: the component decides again.

use anyhow::Result;
use counterfoil_runner::run::replay::{ReplayError, ReplayReport as Replayed, replay};
use counterfoil_runner::store::data_dir::{DataDir, Execution};
use counterfoil_runner::times::show_time;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::RunRecord;
use counterfoil_verify::describe::RecordDescriber;
use serde_json::json;

use crate::args::Replay;
use crate::output::{Answer, pairs, say, say_json};
use crate::places::Places;
use crate::progress::bar;

pub(crate) fn run(places: &Places, args: &Replay) -> Result<Answer> {
    let found = execute(places, &args.run, &args.backend)?;
    show(places, &args.run, "replay", &found)
}

/// Prints what deciding again found; `what` names the act.
pub(crate) fn show(places: &Places, run: &str, what: &str, found: &Replayed) -> Result<Answer> {
    let execution = places.data.find(run)?;
    let manifest = Manifest::parse(&places.data.manifest_text(&execution)?)?;
    let instruments = manifest.setup()?.instruments;
    let good = found.is_identical();
    if places.json {
        let side = |record: &Option<Box<RunRecord>>| {
            record
                .as_ref()
                .map(|record| RecordDescriber::new(&instruments).record(record))
        };
        say_json(&json!({
            "run-id": format!("sha256:{}", execution.run),
            "execution": execution.number,
            "identical": good,
            "decisions": found.decisions,
            "records-compared": found.identical,
            "journal-closed": found.closed,
            "first-foreign-slice": found.foreign_slice.map(show_time),
            "decision-digest": found.decision_digest,
            "first-difference": found.difference.as_ref().map(|difference| json!({
                "entry": difference.index,
                "recorded": side(&difference.recorded),
                "replayed": side(&difference.replayed),
            })),
        }));
    } else {
        print(what, found, &instruments);
    }
    Ok(if good { Answer::Yes } else { Answer::No })
}

pub(crate) fn execute(places: &Places, run: &str, backend: &str) -> Result<Replayed> {
    decide_again(places, run, backend, "replaying", replay)
}

/// A way of deciding a run again.
type Act = fn(
    &DataDir,
    &Execution,
    EngineSettings,
    &mut (dyn FnMut(u64) + Send),
) -> Result<Replayed, ReplayError>;

/// Decides a run again by `act`, with progress under the name `what`.
pub(super) fn decide_again(
    places: &Places,
    run: &str,
    backend: &str,
    what: &'static str,
    act: Act,
) -> Result<Replayed> {
    let execution = places.data.find(run)?;
    let bar = bar(what, 0);
    let mut progress = |decisions: u64| {
        if decisions.is_multiple_of(1024) {
            bar.set_position(decisions);
        }
    };
    let found = act(
        &places.data,
        &execution,
        places.engine(backend)?,
        &mut progress,
    );
    bar.finish_and_clear();
    Ok(found?)
}

fn print(what: &str, found: &Replayed, instruments: &[Instrument]) {
    if let Some(time) = found.foreign_slice {
        let time = show_time(time);
        say(&format!(
            "{what}: the journal's bars closing at {time} are not the snapshot's: do not trust it"
        ));
        return;
    }
    let Some(difference) = &found.difference else {
        let until = if found.closed {
            ""
        } else {
            " (the journal was not closed; its last slice is left out)"
        };
        pairs(&[
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
    say(&format!(
        "{what}: different at entry {} ({} records were identical)",
        difference.index, found.identical
    ));
    pairs(&[
        ("recorded", side(&difference.recorded)),
        ("replayed", side(&difference.replayed)),
    ]);
}
