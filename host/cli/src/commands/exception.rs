//! `exception`: rules that are not kept for a while, and what is done instead.

use anyhow::Result;
use counterfoil_governance::act::{self, Act, Refused, Subject};
use counterfoil_governance::rule::Rule;
use counterfoil_runner::clock::now;
use counterfoil_runner::times::show_time;
use serde_json::{Value, json};

use super::policy::in_force;
use crate::args::{ExceptionCommand, ExceptionEndArgs, ExceptionGrantArgs, ExceptionListArgs};
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people::desk::Desk;
use crate::people::refusal::{Refusal, tell};
use crate::people::view::View;
use crate::people::{self, rows, words};

pub(crate) fn run(places: &CliContext, args: &ExceptionCommand) -> Result<CommandAnswer> {
    match args {
        ExceptionCommand::Grant(args) => grant(places, args),
        ExceptionCommand::End(args) => end(places, args),
        ExceptionCommand::List(args) => list(places, args),
    }
}

fn grant(places: &CliContext, args: &ExceptionGrantArgs) -> Result<CommandAnswer> {
    let (owner, until) = (
        people::id("--owner", &args.owner)?,
        people::time("--until", &args.until)?,
    );
    let account = args.account.as_deref();
    let account = account
        .map(|name| people::id("--account", name))
        .transpose()?;
    let mut desk = Desk::open(places)?;
    let subject = match (&args.component, account) {
        (Some(component), _) => Subject::Component(people::component(desk.state(), component)?),
        (None, Some(account)) => Subject::Account(account),
        (None, None) => Subject::Installation,
    };
    let exception = act::Exception {
        rule: args.rule.clone(),
        subject,
        reason: args.reason.clone(),
        control: args.control.clone(),
        owner,
        until,
    };
    let facts = words::exception(&exception);
    if let Some(refusal) = unbending(places, &mut desk, &exception.rule)? {
        return Ok(refusal.tell(places, &[]));
    }
    let what = format!(
        "{} is not kept until {}; {} answers for it",
        exception.rule,
        show_time(exception.until),
        exception.owner
    );
    let done = desk.act(Act::ExceptionGrant(exception))?;
    Ok(tell(places, done, &what, facts))
}

/// The refusal of an exception that could bend nothing: the policy in force says which of its rules
/// give way, and this is none of them. What the ledger's own rules are, the ledger says.
fn unbending(places: &CliContext, desk: &mut Desk, rule: &str) -> Result<Option<Refusal>> {
    let Some(giving_way) = giving_way(places, desk)? else {
        return Ok(None);
    };
    if Rule::parse(rule).is_some() || giving_way.iter().any(|one| one == rule) {
        return Ok(None);
    }
    let refused = Refused {
        act: "exception-grant".to_owned(),
        subject: rule.to_owned(),
        rule: Rule::ExceptionUnfit.code().to_owned(),
        why: format!("{rule} is no rule of the policy in force that gives way to an exception"),
    };
    let way = format!("those that do: {}", giving_way.join(", "));
    desk.refuse(&refused, &way).map(Some)
}

/// The rules that give way, where the policy in force lists them as the starter does.
fn giving_way(places: &CliContext, desk: &Desk) -> Result<Option<Vec<String>>> {
    if desk.state().policy().is_none() {
        return Ok(None);
    }
    let bundle = in_force(places, desk.state())??;
    let data = bundle.files().get("data.json");
    let data = data.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let rules = data.as_ref().and_then(|data| {
        let rules = data.pointer("/settings/exceptions/rules")?;
        rules.as_array()
    });
    let text = |one: &Value| one.as_str().map(str::to_owned);
    Ok(rules.map(|rules| rules.iter().filter_map(text).collect()))
}

fn end(places: &CliContext, args: &ExceptionEndArgs) -> Result<CommandAnswer> {
    let (granted, reason) = (args.record, args.reason.clone());
    let done = Desk::open(places)?.act(Act::ExceptionEnd { granted, reason })?;
    let what = format!("the exception of record {granted} is over");
    Ok(tell(places, done, &what, json!({ "granted-by": granted })))
}

fn list(places: &CliContext, args: &ExceptionListArgs) -> Result<CommandAnswer> {
    let view = View::open(places)?;
    let now = now();
    let all = view.state().exceptions().iter();
    let row = |(index, one): (&u64, &counterfoil_governance::state::Granted)| {
        let value = json!({
            "record": index,
            "holds": one.holds(now),
            "approver": one.deed.by.as_str(),
            "granted": show_time(one.deed.time),
            "ended": one.ended.as_ref().map(|(reason, deed)| {
                words::join(words::deed(deed), json!({ "reason": reason }))
            }),
        });
        words::join(value, words::exception(&one.exception))
    };
    let mut found: Vec<Value> = all.map(row).collect();
    if !args.all {
        found.retain(|row| row["holds"] == json!(true));
    }
    let columns = [
        "record", "rule", "subject", "owner", "approver", "until", "holds", "control", "reason",
    ];
    rows::tell(
        places,
        rows::filter(found, &args.filter)?,
        &columns,
        "no exception",
    );
    Ok(CommandAnswer::Yes)
}
