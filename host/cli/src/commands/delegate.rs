//! `delegate`: a principal votes for a member of an approval class until a date.

use anyhow::{Context as _, Result};
use counterfoil_governance::act::{Act, ApprovalClass, Delegation};
use counterfoil_governance::state::DelegationRecord;
use counterfoil_runner::clock::now;
use serde_json::{Value, json};

use crate::args::DelegationCommand;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{self, table};

pub(crate) fn run(cli: &CliContext, args: &DelegationCommand) -> Result<CommandAnswer> {
    match args {
        DelegationCommand::Add {
            name,
            class,
            until,
            reason,
        } => {
            let delegation = Delegation {
                class: ApprovalClass::parse(class)
                    .with_context(|| format!("no class {class:?}"))?,
                to: people::id("the name", name)?,
                until: people::time("--until", until)?,
                reason: reason.clone(),
            };
            let to = delegation.to.clone();
            let end = delegation.until.date_or_time();
            let mut client = ledger_access::open(cli)?;
            let outcome = client.act(Act::Delegate(delegation))?;
            let what = format!(
                "{to} votes for {} in the class {class} until {end}",
                client.actor()
            );
            Ok(print_outcome(
                cli,
                outcome,
                &what,
                json!({ "class": class, "to": to.as_str(), "until": end }),
            ))
        }
        DelegationCommand::End { record, reason } => {
            let (delegated, reason) = (*record, reason.clone());
            let outcome = ledger_access::open(cli)?.act(Act::DelegateEnd { delegated, reason })?;
            let what = format!("the delegation of record {delegated} is ended");
            Ok(print_outcome(
                cli,
                outcome,
                &what,
                json!({ "delegated-by": delegated }),
            ))
        }
        DelegationCommand::List { all, filter } => {
            let view = ledger_access::view(cli)?;
            let now = now();
            let found = view.state().delegations().iter();
            let found = found.filter(|(_, one)| *all || one.holds(now));
            let found = found
                .map(|(index, one)| row(*index, one, one.holds(now)))
                .collect();
            let columns = ["record", "class", "from", "to", "until", "holds", "reason"];
            table::print(
                cli,
                table::filter(found, filter)?,
                &columns,
                "no delegation",
            );
            Ok(CommandAnswer::Yes)
        }
    }
}

fn row(index: u64, one: &DelegationRecord, holds: bool) -> Value {
    json!({
        "record": index,
        "class": one.delegation.class.name(),
        "from": one.record_ref.by.as_str(),
        "to": one.delegation.to.as_str(),
        "time": one.record_ref.time.date_or_time(),
        "until": one.delegation.until.date_or_time(),
        "holds": holds,
        "reason": one.delegation.reason,
        "ended": one.ended.as_ref().map(|(why, record_ref)| format!("by {}: {why}", record_ref.by)),
    })
}
