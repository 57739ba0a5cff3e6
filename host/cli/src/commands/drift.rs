//! `drift`: what differs between what the ledger declares and what is there.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use counterfoil_governance::act::{Act, Drift};
use counterfoil_governance::state::State;
use counterfoil_runner::clock::now;
use counterfoil_runner::drift::{is_seen_from, look, way_on};
use counterfoil_runner::times::show_time;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::args;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_error, print_json, print_line};
use crate::people::desk::Desk;
use crate::people::refusal::Refusal;
use crate::people::view::View;
use crate::people::{rows, words};

/// What a list of differences shows.
const COLUMNS: [&str; 5] = ["rule", "subject", "declared", "found", "record"];

pub(crate) fn run(places: &CliContext, args: &args::DriftArgs) -> Result<CommandAnswer> {
    if !args.record {
        let view = View::open_as_found(places)?;
        let found = seen(places, view.state(), now())?;
        let all = found.iter().map(|one| row(view.state(), one)).collect();
        let all = rows::filter(all, &args.filter)?;
        return Ok(tell(places, all, &Recorded::default()));
    }
    let mut desk = match Desk::open(places) {
        Ok(desk) => desk,
        // What keeps the record from being made may be the very drift: it is told all the same.
        Err(error) => return untold(places, args, &error),
    };
    let found = seen(places, desk.state(), desk.now)?;
    let recorded = match record(places, &mut desk, &found)? {
        Ok(recorded) => recorded,
        Err(refusal) => return Ok(refusal.tell(places, &[])),
    };
    let all = found.iter().map(|one| row(desk.state(), one)).collect();
    Ok(tell(places, rows::filter(all, &args.filter)?, &recorded))
}

/// Tells what is there when nothing can be recorded.
fn untold(
    places: &CliContext,
    args: &args::DriftArgs,
    error: &anyhow::Error,
) -> Result<CommandAnswer> {
    let Ok(view) = View::open_as_found(places) else {
        return Err(anyhow::anyhow!("{error:#}"));
    };
    let found = seen(places, view.state(), now())?;
    if found.is_empty() {
        return Err(anyhow::anyhow!("{error:#}")).context("nothing could be recorded");
    }
    print_error(&anyhow::anyhow!("nothing was recorded: {error:#}"));
    let all = found.iter().map(|one| row(view.state(), one)).collect();
    let all = rows::filter(all, &args.filter)?;
    Ok(tell(places, all, &Recorded::default()))
}

fn seen(places: &CliContext, state: &State, time: UnixNanos) -> Result<BTreeSet<Drift>> {
    look(&places.data, &places.keys, state, time).context("what is there cannot be told")
}

/// The records that were made.
#[derive(Default)]
struct Recorded {
    new: Vec<u64>,
    ended: Vec<u64>,
}

/// Records what is new, and the end of what stood and is there no more.
fn record(
    places: &CliContext,
    desk: &mut Desk,
    found: &BTreeSet<Drift>,
) -> Result<Result<Recorded, Refusal>> {
    let mut recorded = Recorded::default();
    let drifts = desk.state().drifts().iter();
    let gone = drifts.filter(|(_, one)| {
        one.ended.is_none() && is_seen_from(&places.keys, &one.drift) && !found.contains(&one.drift)
    });
    let gone: Vec<u64> = gone.map(|(index, _)| *index).collect();
    for drifted in gone {
        match desk.act(Act::DriftEnd { drifted })? {
            Ok(_) => recorded.ended.push(drifted),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    for drift in found {
        if desk.state().standing(drift).is_some() {
            continue;
        }
        match desk.act(Act::Drift(drift.clone()))? {
            Ok(done) => recorded.new.push(done.index),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    Ok(Ok(recorded))
}

fn row(state: &State, drift: &Drift) -> Value {
    let mut value = words::drift(drift);
    let record = state.standing(drift);
    let since = record.and_then(|index| state.drifts().get(&index));
    value["record"] = json!(record);
    value["since"] = json!(since.map(|one| show_time(one.deed.time)));
    value["way-on"] = json!(way_on(&drift.rule));
    value
}

fn tell(places: &CliContext, all: Vec<Value>, recorded: &Recorded) -> CommandAnswer {
    let answer = CommandAnswer::yes_if(all.is_empty());
    if places.json {
        print_json(&json!({ "drift": all, "recorded": recorded.new, "ended": recorded.ended }));
        return answer;
    }
    let mut ways: Vec<String> = Vec::new();
    for row in &all {
        let way = format!(
            "{}: {}",
            rows::plain(&row["rule"]),
            rows::plain(&row["way-on"])
        );
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    rows::tell(
        places,
        all,
        &COLUMNS,
        "no drift: what is there is what the ledger declares",
    );
    for way in ways {
        print_line(&way);
    }
    let list = |all: &[u64]| {
        all.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if !recorded.new.is_empty() {
        print_line(&format!("recorded as {}", list(&recorded.new)));
    }
    if !recorded.ended.is_empty() {
        print_line(&format!(
            "there no more, and recorded so: {}",
            list(&recorded.ended)
        ));
    }
    answer
}
