//! `component`: the way from draft to archived.

mod answers;
mod approve;
mod check;
mod evidence;
mod promote;
mod submit;
mod tests;

pub(crate) use approve::set_of;

use anyhow::Result;
use counterfoil_governance::act::Act;
use serde_json::json;

use crate::args::{Component, ComponentArchive};
use crate::output::Answer;
use crate::people;
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::record_json;
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &Component) -> Result<Answer> {
    match args {
        Component::Submit(args) => submit::run(places, args),
        Component::AttestTests(args) => tests::run(places, args),
        Component::Validate(args) => check::run(places, args),
        Component::Review(args) => evidence::review(places, args),
        Component::Approve(args) => approve::run(places, args),
        Component::Promote(args) => promote::run(places, args),
        Component::Archive(args) => archive(places, args),
        Component::History(args) => answers::history(places, args),
        Component::List(filter) => answers::list(places, filter),
        Component::Show(args) => answers::show(places, args),
        Component::Runs(args) => answers::runs(places, args),
    }
}

fn archive(places: &Places, args: &ComponentArchive) -> Result<Answer> {
    let mut client = ledger_access::open(places)?;
    let component = people::component(client.state(), &args.component)?;
    let reason = args.reason.clone();
    let outcome = client.act(Act::ComponentArchive { component, reason })?;
    let what = format!("{component} is archived: it can be replayed, never started");
    Ok(print_outcome(
        places,
        outcome,
        &what,
        json!({ "component": record_json::digest(&component) }),
    ))
}
