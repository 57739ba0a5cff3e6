//! `change`: acts that take more than one signature.

mod proposal;

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_view::LedgerView;
use counterfoil_governance::act::{Act, ApprovalClass};
use counterfoil_governance::state::{ChangeEnd, ProposedChange};
use counterfoil_runner::clock::now;
use counterfoil_runner::times::show_time;
use serde_json::{Value, json};

use crate::args;
use crate::output::{Answer, pairs, say, say_json};
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{record_json, table};
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &args::Change) -> Result<Answer> {
    match args {
        args::Change::Approve { record } => approve(places, *record),
        args::Change::Withdraw { record, reason } => {
            let (proposed, reason) = (*record, reason.clone());
            let outcome =
                ledger_access::open(places)?.act(Act::ChangeWithdraw { proposed, reason })?;
            let what = format!("the change of record {proposed} is withdrawn");
            Ok(print_outcome(
                places,
                outcome,
                &what,
                json!({ "change": proposed }),
            ))
        }
        args::Change::Show { record } => show(places, *record),
        args::Change::List { all, filter } => list(places, *all, filter),
    }
}

/// What somebody is asked to sign, field by field.
fn show(places: &Places, proposed: u64) -> Result<Answer> {
    let view = ledger_access::view(places)?;
    let change = view.state().changes().get(&proposed);
    let change = change.with_context(|| {
        format!(
            "record {proposed} proposes no change; `counterfoil change list` shows those that do"
        )
    })?;
    let mut value = row(places, &view, proposed, change);
    if places.json {
        say_json(&value);
        return Ok(Answer::Yes);
    }
    let differences = value["proposes"].take();
    let fields = value.as_object().into_iter().flatten();
    let told = fields.filter(|(name, field)| !field.is_null() && *name != "about");
    let told: Vec<(&str, String)> = told
        .map(|(name, field)| (name.as_str(), table::plain(field)))
        .collect();
    pairs(&told);
    say("");
    let differences = differences.as_array().cloned().unwrap_or_default();
    table::print(places, differences, &["what", "now", "then"], "nothing");
    if change.waits(now()) {
        say("");
        say(&format!(
            "next: counterfoil change approve {proposed} --as ANOTHER"
        ));
    }
    Ok(Answer::Yes)
}

fn approve(places: &Places, proposed: u64) -> Result<Answer> {
    let mut client = ledger_access::open(places)?;
    let outcome = client.act(Act::ChangeApprove { proposed })?;
    let change = client.state().changes().get(&proposed);
    let effect = change.is_some_and(|change| change.ended.is_some());
    let name = change.map_or("change", |change| change.act.name());
    let then = if effect {
        "it takes effect now"
    } else {
        "others must sign still"
    };
    let what = format!(
        "{} signs the {name} of record {proposed}; {then}",
        client.actor()
    );
    let facts = json!({ "change": proposed, "act": name, "took-effect": effect });
    Ok(print_outcome(places, outcome, &what, facts))
}

fn list(places: &Places, all: bool, filter: &args::Filter) -> Result<Answer> {
    let view = ledger_access::view(places)?;
    let now = now();
    let changes = view.state().changes().iter();
    let changes = changes.filter(|(_, one)| all || one.waits(now));
    let found = changes
        .map(|(index, one)| row(places, &view, *index, one))
        .collect();
    let columns = [
        "record", "act", "class", "by", "until", "signed", "ended", "in-short",
    ];
    let none = "no change waits for signatures";
    table::print(places, table::filter(found, filter)?, &columns, none);
    Ok(Answer::Yes)
}

fn row(places: &Places, view: &LedgerView, index: u64, one: &ProposedChange) -> Value {
    let class = one.act.class();
    let needed = class.map(|class| view.state().class(class).approvals);
    let ended = one.ended.as_ref().map(|(ending, deed)| match ending {
        ChangeEnd::Done => format!("done in record {}", deed.index),
        ChangeEnd::Withdrawn(why) => format!("withdrawn by {}: {why}", deed.by),
    });
    let signed: Vec<&str> = one
        .signed
        .keys()
        .map(counterfoil_governance::id::Id::as_str)
        .collect();
    // Of what is over nobody can say what it was then.
    let proposes = match &one.ended {
        None => proposal::differences(places, view.state(), &one.act),
        Some(_) => Vec::new(),
    };
    let about = record_json::whole(&one.act);
    json!({
        "record": index,
        "act": one.act.name(),
        "class": class.map(ApprovalClass::name),
        "needs": needed,
        "by": one.deed.by.as_str(),
        "time": show_time(one.deed.time),
        "until": show_time(one.until()),
        "signed": signed,
        "ended": ended,
        "about": about,
        "in-short": proposal::line(&proposes),
        "proposes": proposes,
    })
}
