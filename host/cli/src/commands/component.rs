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
use counterfoil_approval::record_json;
use counterfoil_governance::act::Act;
use serde_json::json;

use crate::args::{ComponentArchiveArgs, ComponentCommand};
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people;
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;

pub(crate) fn run(cli: &CliContext, args: &ComponentCommand) -> Result<CommandAnswer> {
    match args {
        ComponentCommand::Submit(args) => submit::run(cli, args),
        ComponentCommand::AttestTests(args) => tests::run(cli, args),
        ComponentCommand::Validate(args) => check::run(cli, args),
        ComponentCommand::Review(args) => evidence::review(cli, args),
        ComponentCommand::Approve(args) => approve::run(cli, args),
        ComponentCommand::Promote(args) => promote::run(cli, args),
        ComponentCommand::Archive(args) => archive(cli, args),
        ComponentCommand::History(args) => answers::history(cli, args),
        ComponentCommand::List(filter) => answers::list(cli, filter),
        ComponentCommand::Show(args) => answers::show(cli, args),
        ComponentCommand::Runs(args) => answers::runs(cli, args),
    }
}

fn archive(cli: &CliContext, args: &ComponentArchiveArgs) -> Result<CommandAnswer> {
    let mut client = ledger_access::open(cli)?;
    let component = people::component(client.state(), &args.component)?;
    let reason = args.reason.clone();
    let outcome = client.act(Act::ComponentArchive { component, reason })?;
    let what = format!("{component} is archived: it can be replayed but no longer started");
    Ok(print_outcome(
        cli,
        outcome,
        &what,
        json!({ "component": record_json::digest(&component) }),
    ))
}
