//! `exception`: rules that are not kept for a while, and what is done instead.

use anyhow::Result;
use counterfoil_governance::act::{self, Act};
use counterfoil_runner::clock::now;
use counterfoil_runner::times::show_time;
use serde_json::{Value, json};

use crate::args::{Exception, ExceptionEnd, ExceptionGrant, ExceptionList};
use crate::output::Answer;
use crate::people::desk::Desk;
use crate::people::refusal::tell;
use crate::people::view::View;
use crate::people::{self, rows, words};
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &Exception) -> Result<Answer> {
    match args {
        Exception::Grant(args) => grant(places, args),
        Exception::End(args) => end(places, args),
        Exception::List(args) => list(places, args),
    }
}

fn grant(places: &Places, args: &ExceptionGrant) -> Result<Answer> {
    let exception = act::Exception {
        rule: args.rule.clone(),
        reason: args.reason.clone(),
        control: args.control.clone(),
        owner: people::id("--owner", &args.owner)?,
        until: people::time("--until", &args.until)?,
    };
    let facts = words::exception(&exception);
    let what = format!(
        "{} is not kept until {}; {} answers for it",
        exception.rule,
        show_time(exception.until),
        exception.owner
    );
    let done = Desk::open(places)?.act(Act::ExceptionGrant(exception))?;
    Ok(tell(places, done, &what, facts))
}

fn end(places: &Places, args: &ExceptionEnd) -> Result<Answer> {
    let (granted, reason) = (args.record, args.reason.clone());
    let done = Desk::open(places)?.act(Act::ExceptionEnd { granted, reason })?;
    let what = format!("the exception of record {granted} is over");
    Ok(tell(places, done, &what, json!({ "granted-by": granted })))
}

fn list(places: &Places, args: &ExceptionList) -> Result<Answer> {
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
        "record", "rule", "owner", "approver", "until", "holds", "control", "reason",
    ];
    rows::tell(
        places,
        rows::filter(found, &args.filter)?,
        &columns,
        "no exception",
    );
    Ok(Answer::Yes)
}
