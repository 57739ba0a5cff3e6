//! `principal`: people and services, and their roles.

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_client::DeniedRequest;
use counterfoil_approval::ledger_view::LedgerView;
use counterfoil_approval::{record_json, value_text};
use counterfoil_governance::act::{Act, ApprovalClass, ApprovalClassRules};
use counterfoil_governance::id::Id;
use counterfoil_governance::role::PrincipalKind;
use counterfoil_runner::clock::now;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use super::key;
use crate::args::{ClassSetArgs, PrincipalAddArgs, PrincipalArg, PrincipalRolesArgs, RowFilter};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json};
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{self, table};

pub(super) fn add(cli: &CliContext, args: &PrincipalAddArgs) -> Result<CommandAnswer> {
    let id = people::id("the name", &args.name)?;
    let kind = if args.service {
        PrincipalKind::Service
    } else {
        PrincipalKind::Person
    };
    let act = Act::PrincipalAdd {
        id: id.clone(),
        kind,
        roles: people::roles(&args.role)?,
        key: people::public_key(&args.key)?,
        until: people::time_if("--until", args.until.as_deref())?,
    };
    let outcome = ledger_access::open(cli)?.act(act)?;
    let what = format!(
        "{id} is a {} of this ledger ({})",
        kind.name(),
        args.role.join(", ")
    );
    Ok(print_outcome(
        cli,
        outcome,
        &what,
        json!({ "principal": id.as_str(), "roles": args.role }),
    ))
}

pub(super) fn roles(cli: &CliContext, args: &PrincipalRolesArgs) -> Result<CommandAnswer> {
    let id = people::id("the name", &args.name)?;
    let act = Act::RolesSet {
        id: id.clone(),
        roles: people::roles(&args.role)?,
    };
    let outcome = ledger_access::open(cli)?.act(act)?;
    let has = if args.role.is_empty() {
        "no role".to_owned()
    } else {
        args.role.join(", ")
    };
    let what = format!("{id} now has: {has}");
    Ok(print_outcome(
        cli,
        outcome,
        &what,
        json!({ "principal": id.as_str(), "roles": args.role }),
    ))
}

pub(super) fn list(cli: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let all = view.state().principals().keys();
    let all = all.map(|id| row(&view, id)).collect::<Result<_>>()?;
    let columns = [
        "principal",
        "kind",
        "roles",
        "keys",
        "last-act",
        "last-time",
    ];
    table::print(cli, table::filter(all, filter)?, &columns, "no principal");
    Ok(CommandAnswer::Yes)
}

pub(super) fn show(cli: &CliContext, args: &PrincipalArg) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let id = people::id("the name", &args.name)?;
    view.state().principal(&id).map_err(DeniedRequest::from)?;
    let mut value = row(&view, &id)?;
    let keys = key::rows(view.state());
    let own = |one: &&Value| one["principal"] == json!(id.as_str());
    let keys: Vec<Value> = keys.iter().filter(own).cloned().collect();
    if cli.json {
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
    let pair = |name: &&'static str| {
        (
            *name,
            value_text::plain(value.get(*name).unwrap_or(&Value::Null)),
        )
    };
    print_fields(&fields.iter().map(pair).collect::<Vec<_>>());
    crate::output::print_line("");
    table::print(cli, keys, &key::COLUMNS, "no key");
    Ok(CommandAnswer::Yes)
}

/// What a list says of a principal.
pub(crate) fn row(view: &LedgerView, id: &Id) -> Result<Value> {
    let state = view.state();
    let last = state.last_act(id);
    let principal = state.principals().get(id);
    let time = now();
    let own = |one: &&counterfoil_governance::state::KeyRecord| one.owner == *id;
    let since = state.keys().values().filter(own).map(|one| one.added).min();
    let since = since.map(|index| view.time_of(index)).transpose()?;
    Ok(json!({
        "principal": id.as_str(),
        "kind": principal.map(|one| one.kind.name()),
        "roles": principal.map(|one| record_json::roles(&one.roles)),
        "keys": state.keys().values().filter(own).filter(|one| one.counts(time)).count(),
        "since": since.flatten().map(UnixNanos::date_or_time),
        "last-act": last.map(|one| one.act.as_str()),
        "last-time": last.map(|one| one.time.date_or_time()),
    }))
}

pub(super) fn set_class(cli: &CliContext, args: &ClassSetArgs) -> Result<CommandAnswer> {
    let class =
        ApprovalClass::parse(&args.class).with_context(|| format!("no class {:?}", args.class))?;
    let members = args.member.iter();
    let members = members.map(|name| people::id("--member", name));
    let set = ApprovalClassRules {
        class,
        roles: people::roles(&args.role)?,
        members: members.collect::<Result<_>>()?,
        approvals: args.approvals,
    };
    let facts = class_row(&set);
    let outcome = ledger_access::open(cli)?.act(Act::ClassSet(set))?;
    let what = format!("{} of the class {} must sign", args.approvals, class.name());
    Ok(print_outcome(cli, outcome, &what, facts))
}

pub(super) fn list_classes(cli: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let all = ApprovalClass::ALL.map(|class| class_row(&view.state().class(class)));
    let found = table::filter(all.into(), filter)?;
    let columns = ["class", "approvals", "roles", "members"];
    table::print(cli, found, &columns, "no class");
    Ok(CommandAnswer::Yes)
}

fn class_row(set: &ApprovalClassRules) -> Value {
    json!({
        "class": set.class.name(),
        "approvals": set.approvals,
        "roles": record_json::roles(&set.roles),
        "members": set.members.iter().map(record_json::text).collect::<Vec<_>>(),
    })
}
