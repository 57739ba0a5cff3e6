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

use crate::args::{ComponentArchiveArgs, ComponentCommand};
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people;
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::record_json;

pub(crate) fn run(places: &CliContext, args: &ComponentCommand) -> Result<CommandAnswer> {
    match args {
        ComponentCommand::Submit(args) => submit::run(places, args),
        ComponentCommand::AttestTests(args) => tests::run(places, args),
        ComponentCommand::Validate(args) => check::run(places, args),
        ComponentCommand::Review(args) => evidence::review(places, args),
        ComponentCommand::Approve(args) => approve::run(places, args),
        ComponentCommand::Promote(args) => promote::run(places, args),
        ComponentCommand::Archive(args) => archive(places, args),
        ComponentCommand::History(args) => answers::history(places, args),
        ComponentCommand::List(filter) => answers::list(places, filter),
        ComponentCommand::Show(args) => answers::show(places, args),
        ComponentCommand::Runs(args) => answers::runs(places, args),
    }
}

fn archive(places: &CliContext, args: &ComponentArchiveArgs) -> Result<CommandAnswer> {
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
