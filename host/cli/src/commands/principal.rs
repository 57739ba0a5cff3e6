//! `principal`: people and services, and their roles.

use anyhow::{Context as _, Result};
use counterfoil_governance::act::{Act, Class, ClassSet};
use counterfoil_governance::id::Id;
use counterfoil_governance::role::Kind;
use counterfoil_runner::clock::now;
use counterfoil_runner::times::show_time;
use serde_json::{Value, json};

use super::key;
use crate::args::{ClassSetArgs, PrincipalAddArgs, PrincipalArg, PrincipalRolesArgs, RowFilter};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json};
use crate::people::desk::Desk;
use crate::people::refusal::{Refusal, tell};
use crate::people::view::View;
use crate::people::{self, rows, words};

pub(super) fn add(places: &CliContext, args: &PrincipalAddArgs) -> Result<CommandAnswer> {
    let id = people::id("the name", &args.name)?;
    let kind = if args.service {
        Kind::Service
    } else {
        Kind::Person
    };
    let act = Act::PrincipalAdd {
        id: id.clone(),
        kind,
        roles: people::roles(&args.role)?,
        key: people::public_key(&args.key)?,
        until: people::time_if("--until", args.until.as_deref())?,
    };
    let done = Desk::open(places)?.act(act)?;
    let what = format!(
        "{id} is a {} of this ledger ({})",
        kind.name(),
        args.role.join(", ")
    );
    Ok(tell(
        places,
        done,
        &what,
        json!({ "principal": id.as_str(), "roles": args.role }),
    ))
}

pub(super) fn roles(places: &CliContext, args: &PrincipalRolesArgs) -> Result<CommandAnswer> {
    let id = people::id("the name", &args.name)?;
    let act = Act::RolesSet {
        id: id.clone(),
        roles: people::roles(&args.role)?,
    };
    let done = Desk::open(places)?.act(act)?;
    let has = if args.role.is_empty() {
        "no role".to_owned()
    } else {
        args.role.join(", ")
    };
    let what = format!("{id} has from here on: {has}");
    Ok(tell(
        places,
        done,
        &what,
        json!({ "principal": id.as_str(), "roles": args.role }),
    ))
}

pub(super) fn list(places: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = View::open(places)?;
    let all = view.state().principals().keys();
    let all = all.map(|id| row(&view, id)).collect();
    let columns = [
        "principal",
        "kind",
        "roles",
        "keys",
        "last-act",
        "last-time",
    ];
    rows::tell(places, rows::filter(all, filter)?, &columns, "no principal");
    Ok(CommandAnswer::Yes)
}

pub(super) fn show(places: &CliContext, args: &PrincipalArg) -> Result<CommandAnswer> {
    let view = View::open(places)?;
    let id = people::id("the name", &args.name)?;
    if !view.state().principals().contains_key(&id) {
        let why = format!("{id} is no principal of this ledger");
        let refusal = Refusal::answer(
            "principal.unknown",
            why,
            "an administrator can add principals",
        );
        return Ok(refusal.tell(places, &[]));
    }
    let mut value = row(&view, &id);
    let keys = key::rows(view.state());
    let own = |one: &&Value| one["principal"] == json!(id.as_str());
    let keys: Vec<Value> = keys.iter().filter(own).cloned().collect();
    if places.json {
        value["keys"] = json!(keys);
        print_json(&value);
        return Ok(CommandAnswer::Yes);
    }
    let fields = [
        "principal",
        "kind",
        "roles",
        "since",
        "last-act",
        "last-time",
    ];
    let pair = |name: &&'static str| (*name, rows::plain(value.get(*name).unwrap_or(&Value::Null)));
    print_fields(&fields.iter().map(pair).collect::<Vec<_>>());
    crate::output::print_line("");
    rows::tell(places, keys, &key::COLUMNS, "no key");
    Ok(CommandAnswer::Yes)
}

/// What a list says of a principal.
pub(crate) fn row(view: &View, id: &Id) -> Value {
    let state = view.state();
    let records = &view.verified.records;
    let last = records.iter().rev().find(|one| one.signed.actor == *id);
    let principal = state.principals().get(id);
    let time = now();
    let own = |one: &&counterfoil_governance::state::Key| one.owner == *id;
    let since = state.keys().values().filter(own).map(|one| one.added).min();
    json!({
        "principal": id.as_str(),
        "kind": principal.map(|one| one.kind.name()),
        "roles": principal.map(|one| words::roles(&one.roles)),
        "keys": state.keys().values().filter(own).filter(|one| one.counts(time)).count(),
        "since": since.and_then(|index| view.time_of(index)).map(show_time),
        "last-act": last.map(|one| one.signed.act.name()),
        "last-time": last.map(|one| show_time(one.signed.time)),
    })
}

pub(super) fn set_class(places: &CliContext, args: &ClassSetArgs) -> Result<CommandAnswer> {
    let class = Class::parse(&args.class).with_context(|| format!("no class {:?}", args.class))?;
    let members = args.member.iter();
    let members = members.map(|name| people::id("--member", name));
    let set = ClassSet {
        class,
        roles: people::roles(&args.role)?,
        members: members.collect::<Result<_>>()?,
        approvals: args.approvals,
    };
    let facts = class_row(&set);
    let done = Desk::open(places)?.act(Act::ClassSet(set))?;
    let what = format!("{} of the class {} must sign", args.approvals, class.name());
    Ok(tell(places, done, &what, facts))
}

pub(super) fn list_classes(places: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = View::open(places)?;
    let all = Class::ALL.map(|class| class_row(&view.state().class(class)));
    let found = rows::filter(all.into(), filter)?;
    let columns = ["class", "approvals", "roles", "members"];
    rows::tell(places, found, &columns, "no class");
    Ok(CommandAnswer::Yes)
}

fn class_row(set: &ClassSet) -> Value {
    json!({
        "class": set.class.name(),
        "approvals": set.approvals,
        "roles": words::roles(&set.roles),
        "members": set.members.iter().map(words::text).collect::<Vec<_>>(),
    })
}
