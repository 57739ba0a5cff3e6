//! `break-glass`: alone what takes two, for a short while, and somebody else looks back at it.

use anyhow::Result;
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{self, Act};
use counterfoil_governance::state::Broken;
use counterfoil_os::files::read_whole;
use counterfoil_runner::clock::now;
use counterfoil_runner::times::show_time;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::args::{BreakGlass, Filter};
use crate::output::Answer;
use crate::people::desk::Desk;
use crate::people::refusal::tell;
use crate::people::view::View;
use crate::people::{self, rows, words};
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &BreakGlass) -> Result<Answer> {
    match args {
        BreakGlass::Open { act, until, reason } => {
            let glass = act::BreakGlass {
                scope: act.iter().cloned().collect(),
                reason: reason.clone(),
                until: people::time("--until", until)?,
            };
            let end = show_time(glass.until);
            let mut desk = Desk::open(places)?;
            let done = desk.act(Act::BreakGlassOpen(glass))?;
            let record = done.as_ref().map_or(0, |done| done.index);
            let what = format!(
                "{} may do alone until {end}: {}; with --emergency {record}, and a retrospective is owed",
                desk.actor,
                act.join(", ")
            );
            Ok(tell(
                places,
                done,
                &what,
                json!({ "scope": act, "until": end }),
            ))
        }
        BreakGlass::Close { record, reason } => {
            let (opened, reason) = (*record, reason.clone());
            let done = Desk::open(places)?.act(Act::BreakGlassClose { opened, reason })?;
            let what =
                format!("the break-glass of record {opened} is over; its retrospective is owed");
            Ok(tell(places, done, &what, json!({ "opened-by": opened })))
        }
        BreakGlass::Review {
            record,
            report,
            findings,
        } => {
            let opened = *record;
            let report = Digest::of(&read_whole(report)?);
            let findings = findings.clone();
            let done = Desk::open(places)?.act(Act::Retrospective {
                opened,
                report,
                findings,
            })?;
            let what = format!("the retrospective of record {opened} is signed");
            let facts = json!({ "opened-by": opened, "report": words::digest(&report) });
            Ok(tell(places, done, &what, facts))
        }
        BreakGlass::List(filter) => list(places, filter),
    }
}

fn list(places: &Places, filter: &Filter) -> Result<Answer> {
    let view = View::open(places)?;
    let now = now();
    let all = view.state().broken().iter();
    let found = all.map(|(index, one)| row(*index, one, now)).collect();
    let columns = [
        "record", "by", "scope", "until", "open", "owed", "acts", "reason",
    ];
    rows::tell(
        places,
        rows::filter(found, filter)?,
        &columns,
        "no glass was broken",
    );
    Ok(Answer::Yes)
}

fn row(index: u64, one: &Broken, now: UnixNanos) -> Value {
    let acts = one
        .acts
        .iter()
        .map(|(entry, name)| format!("{name} ({entry})"));
    json!({
        "record": index,
        "by": one.deed.by.as_str(),
        "time": show_time(one.deed.time),
        "scope": one.glass.scope,
        "until": show_time(one.glass.until),
        "open": one.open(now),
        "owed": one.retrospective.is_none(),
        "acts": acts.collect::<Vec<_>>(),
        "reason": one.glass.reason,
        "closed": one.closed.as_ref().map(|(why, deed)| format!("by {}: {why}", deed.by)),
        "retrospective": one.retrospective.as_ref().map(|(report, findings, deed)| {
            words::join(words::deed(deed), json!({ "report": words::digest(report), "findings": findings }))
        }),
    })
}
