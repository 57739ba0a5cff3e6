//! `exception`: rules that are not kept for a while, and what is done instead.

use anyhow::Result;
use counterfoil_approval::host_checks::{check_exception_rule, policy_in_force};
use counterfoil_approval::record_json;
use counterfoil_governance::act::{self, Act, ActName, ExceptionSubject};
use counterfoil_runner::clock::now;
use serde_json::{Value, json};

use crate::args::{ExceptionCommand, ExceptionEndArgs, ExceptionGrantArgs, ExceptionListArgs};
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{self, table};

pub(crate) fn run(cli: &CliContext, args: &ExceptionCommand) -> Result<CommandAnswer> {
    match args {
        ExceptionCommand::Grant(args) => grant(cli, args),
        ExceptionCommand::End(args) => end(cli, args),
        ExceptionCommand::List(args) => list(cli, args),
    }
}

fn grant(cli: &CliContext, args: &ExceptionGrantArgs) -> Result<CommandAnswer> {
    let (owner, until) = (
        people::id("--owner", &args.owner)?,
        people::time("--until", &args.until)?,
    );
    let account = args.account.as_deref();
    let account = account
        .map(|name| people::id("--account", name))
        .transpose()?;
    let mut client = ledger_access::open(cli)?;
    let subject = match (&args.component, account) {
        (Some(component), _) => {
            ExceptionSubject::Component(people::component(client.state(), component)?)
        }
        (None, Some(account)) => ExceptionSubject::Account(account),
        (None, None) => ExceptionSubject::Installation,
    };
    let exception = act::PolicyException {
        rule: args.rule.clone(),
        subject,
        reason: args.reason.clone(),
        control: args.control.clone(),
        owner,
        until,
    };
    let facts = record_json::exception(&exception);
    let (act, rule) = (ActName::ExceptionGrant, &*exception.rule);
    if client.state().policy().is_some() {
        let policy = policy_in_force(&cli.data, client.state())?;
        let fits = check_exception_rule(&policy, rule);
        ledger_access::require(&mut client, act, rule, fits)?;
    }
    let what = format!(
        "exception to {} until {}; {} answers for it",
        exception.rule,
        exception.until.date_or_time(),
        exception.owner
    );
    let outcome = client.act(Act::ExceptionGrant(exception))?;
    Ok(print_outcome(cli, outcome, &what, facts))
}

fn end(cli: &CliContext, args: &ExceptionEndArgs) -> Result<CommandAnswer> {
    let (granted, reason) = (args.record, args.reason.clone());
    let outcome = ledger_access::open(cli)?.act(Act::ExceptionEnd { granted, reason })?;
    let what = format!("the exception of record {granted} is ended");
    Ok(print_outcome(
        cli,
        outcome,
        &what,
        json!({ "granted-by": granted }),
    ))
}

fn list(cli: &CliContext, args: &ExceptionListArgs) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let now = now();
    let all = view.state().exceptions().iter();
    let row = |(index, one): (&u64, &counterfoil_governance::state::ExceptionRecord)| {
        let value = json!({
            "record": index,
            "holds": one.holds(now),
            "approver": one.record_ref.by.as_str(),
            "granted": one.record_ref.time.date_or_time(),
            "ended": one.ended.as_ref().map(|(reason, record_ref)| {
                record_json::join(record_json::record_ref(record_ref), json!({ "reason": reason }))
            }),
        });
        record_json::join(value, record_json::exception(&one.exception))
    };
    let mut found: Vec<Value> = all.map(row).collect();
    if !args.all {
        found.retain(|row| row["holds"] == json!(true));
    }
    let columns = [
        "record", "rule", "subject", "owner", "approver", "until", "holds", "control", "reason",
    ];
    table::print(
        cli,
        table::filter(found, &args.filter)?,
        &columns,
        "no exception",
    );
    Ok(CommandAnswer::Yes)
}
