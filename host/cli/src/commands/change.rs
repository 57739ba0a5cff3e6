//! `change`: acts that take more than one signature.

mod proposal;

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_view::LedgerView;
use counterfoil_approval::{record_json, value_text};
use counterfoil_governance::act::{Act, ApprovalClass};
use counterfoil_governance::state::{ChangeEnd, ProposedChange};
use counterfoil_runner::clock::now;
use serde_json::{Value, json};

use super::{break_glass, exception};
use crate::args;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::table;

pub(crate) fn run(cli: &CliContext, args: &args::ChangeCommand) -> Result<CommandAnswer> {
    match args {
        args::ChangeCommand::Approve { record } => approve(cli, *record),
        args::ChangeCommand::Withdraw { record, reason } => {
            let (proposed, reason) = (*record, reason.clone());
            let outcome =
                ledger_access::open(cli)?.act(Act::ChangeWithdraw { proposed, reason })?;
            let what = format!("the change of record {proposed} is withdrawn");
            Ok(print_outcome(
                cli,
                outcome,
                &what,
                json!({ "change": proposed }),
            ))
        }
        args::ChangeCommand::Exception(args) => exception::run(cli, args),
        args::ChangeCommand::BreakGlass(args) => break_glass::run(cli, args),
        args::ChangeCommand::Show { record } => show(cli, *record),
        args::ChangeCommand::List { all, filter } => list(cli, *all, filter),
    }
}

/// The act to sign, field by field.
fn show(cli: &CliContext, proposed: u64) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let change = view.state().changes().get(&proposed);
    let change = change.with_context(|| {
        format!("record {proposed} is not a proposed change; `counterfoil change list` shows them")
    })?;
    let mut value = row(cli, &view, proposed, change);
    if cli.json {
        print_json(&value);
        return Ok(CommandAnswer::Yes);
    }
    let differences = value["proposes"].take();
    let fields = value.as_object().into_iter().flatten();
    let told = fields.filter(|(name, field)| !field.is_null() && *name != "about");
    let told: Vec<(&str, String)> = told
        .map(|(name, field)| (name.as_str(), value_text::plain(field)))
        .collect();
    print_fields(&told);
    print_line("");
    let differences = differences.as_array().cloned().unwrap_or_default();
    table::print(cli, differences, &["what", "now", "then"], "nothing");
    if change.waits(now()) {
        print_line("");
        print_line(&format!(
            "next: counterfoil change approve {proposed} --as ANOTHER"
        ));
    }
    Ok(CommandAnswer::Yes)
}

fn approve(cli: &CliContext, proposed: u64) -> Result<CommandAnswer> {
    let mut client = ledger_access::open(cli)?;
    let outcome = client.act(Act::ChangeApprove { proposed })?;
    let change = client.state().changes().get(&proposed);
    let effect = change.is_some_and(|change| change.ended.is_some());
    let name = change.map_or("change", |change| change.act.name());
    let then = if effect {
        "it takes effect now"
    } else {
        "more signatures are needed"
    };
    let what = format!(
        "{} signs the {name} of record {proposed}; {then}",
        client.actor()
    );
    let facts = json!({ "change": proposed, "act": name, "took-effect": effect });
    Ok(print_outcome(cli, outcome, &what, facts))
}

fn list(cli: &CliContext, all: bool, filter: &args::RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let now = now();
    let changes = view.state().changes().iter();
    let changes = changes.filter(|(_, one)| all || one.waits(now));
    let found = changes
        .map(|(index, one)| row(cli, &view, *index, one))
        .collect();
    let columns = [
        "record", "act", "class", "by", "until", "signed", "ended", "in-short",
    ];
    let none = "no changes wait for signatures";
    table::print(cli, table::filter(found, filter)?, &columns, none);
    Ok(CommandAnswer::Yes)
}

fn row(cli: &CliContext, view: &LedgerView, index: u64, one: &ProposedChange) -> Value {
    let class = one.act.class();
    let needed = class.map(|class| view.state().class(class).approvals);
    let ended = one.ended.as_ref().map(|(ending, record_ref)| match ending {
        ChangeEnd::Done => format!("done in record {}", record_ref.index),
        ChangeEnd::Withdrawn(why) => format!("withdrawn by {}: {why}", record_ref.by),
    });
    let signed: Vec<&str> = one
        .signed
        .keys()
        .map(counterfoil_governance::id::Id::as_str)
        .collect();
    // The state at the end of an ended change is not kept.
    // Of an ended change the difference to that time's state is no longer known; a difference to
    // today's would mislead.
    let proposes = match &one.ended {
        None => proposal::differences(cli, view.state(), &one.act),
        Some(_) => Vec::new(),
    };
    let about = record_json::whole(&one.act);
    json!({
        "record": index,
        "act": one.act.name(),
        "class": class.map(ApprovalClass::name),
        "needs": needed,
        "by": one.record_ref.by.as_str(),
        "time": one.record_ref.time.date_or_time(),
        "until": one.until().date_or_time(),
        "signed": signed,
        "ended": ended,
        "about": about,
        "in-short": proposal::line(&proposes),
        "proposes": proposes,
    })
}
