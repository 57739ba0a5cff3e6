//! `limits`: the risk limits of an account, which the policy gives and two people put in force.

use anyhow::{Context as _, Result};
use counterfoil_approval::gates::PolicyArchive;
use counterfoil_approval::ledger_client::DeniedRequest;
use counterfoil_approval::record_json;
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, account_digest};
use counterfoil_policy::verdict::limits_bytes;
use serde_json::{Value, json};

use super::policy::eval::{self, asked_limits, said};
use crate::args::{EvalLimitsArgs, LimitsCommand, RowFilter};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json};
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{self, table};

pub(crate) fn run(cli: &CliContext, args: &LimitsCommand) -> Result<CommandAnswer> {
    match args {
        LimitsCommand::Set(args) => set(cli, args),
        LimitsCommand::Show { account } => show(cli, account),
        LimitsCommand::List(filter) => list(cli, filter),
    }
}

fn set(cli: &CliContext, args: &EvalLimitsArgs) -> Result<CommandAnswer> {
    let mut client = ledger_access::open(cli)?;
    let (account, document) = asked_limits(&client, args)?;
    if args.print_input {
        return eval::print(&document);
    }
    let subject = account_digest(&account);
    let (given, record) = said(cli, &mut client, &document, subject)?;
    let Some(limits) = &given.limits else {
        return eval::tell(cli, &given, Some(record));
    };
    // The act names the bytes that the policy gave, which lie in the archive: the signers approve
    // those limits and no later ones.
    let limits = Digest::of(&limits_bytes(limits)?);
    let outcome = client.act(Act::LimitsSet {
        account: account.clone(),
        limits,
        verdict: record,
    })?;
    let what = format!("the limits of account {account} are {limits}");
    let facts = json!({
        "account": account.as_str(), "limits": record_json::digest(&limits), "verdict": record,
    });
    Ok(print_outcome(cli, outcome, &what, facts))
}

fn show(cli: &CliContext, account: &str) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let account = people::id("the account", account)?;
    let found = view
        .state()
        .limits_of(&account)
        .map_err(DeniedRequest::from)?;
    let bytes = PolicyArchive::new(&cli.data).get(&found.limits)?;
    let value: Value = serde_json::from_slice(&bytes)
        .with_context(|| format!("the limits {} in the archive", found.limits))?;
    // JSON in either form: it is what a manifest takes.
    print_json(&value);
    Ok(CommandAnswer::Yes)
}

fn list(cli: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let all = view.state().limits().iter().map(|(account, one)| {
        json!({
            "account": account.as_str(),
            "limits": record_json::digest(&one.limits),
            "verdict": one.verdict,
            "by": one.record_ref.by.as_str(),
            "time": one.record_ref.time.date_or_time(),
            "record": one.record_ref.index,
        })
    });
    let columns = ["account", "limits", "by", "time", "record", "verdict"];
    table::print(
        cli,
        table::filter(all.collect(), filter)?,
        &columns,
        "no limits",
    );
    Ok(CommandAnswer::Yes)
}
