//! `access-review`: who holds what, since when, and what needs a review.

use anyhow::Result;
use counterfoil_approval::ledger_view::LedgerView;
use counterfoil_governance::role::Role;
use counterfoil_governance::state::PrincipalRecord;
use counterfoil_runner::clock::now;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use serde_json::{Value, json};

use super::{key, principal};
use crate::args::AccessReviewArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line};
use crate::people::ledger_access;
use crate::people::table;

/// Roles that one principal can hold together but that belong to two for a second pair of eyes to
/// be one: the ledger keeps the duties apart by component, a review asks whether they should meet.
const TOGETHER: [(Role, Role); 4] = [
    (Role::Author, Role::Reviewer),
    (Role::Author, Role::Approver),
    (Role::Reviewer, Role::Approver),
    (Role::Operator, Role::Administrator),
];

pub(crate) fn run(cli: &CliContext, args: &AccessReviewArgs) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let now = now();
    let soon = now
        .0
        .saturating_add(DAY_NANOS.saturating_mul(args.days.into()));
    let people: Vec<Value> = view
        .state()
        .principals()
        .keys()
        .map(|id| principal::row(&view, id))
        .collect::<Result<_>>()?;
    let keys: Vec<Value> = key::rows(view.state());
    let findings = findings(&view, now, UnixNanos(soon));
    if cli.json {
        let time = now.date_or_time();
        print_json(
            &json!({ "time": time, "principals": people, "keys": keys, "findings": findings }),
        );
        return Ok(CommandAnswer::Yes);
    }
    let columns = [
        "principal",
        "kind",
        "roles",
        "since",
        "keys",
        "last-act",
        "last-time",
    ];
    table::print(cli, people, &columns, "no principal");
    print_line("");
    table::print(cli, keys, &key::COLUMNS, "no key");
    print_line("");
    table::print(
        cli,
        findings,
        &["finding", "principal", "what"],
        "no findings",
    );
    Ok(CommandAnswer::Yes)
}

/// What needs a review.
fn findings(view: &LedgerView, now: UnixNanos, soon: UnixNanos) -> Vec<Value> {
    let state = view.state();
    let mut all = Vec::new();
    let mut find = |finding: &str, principal: &str, what: String| {
        all.push(json!({ "finding": finding, "principal": principal, "what": what }));
    };
    for (id, principal) in state.principals() {
        for (first, second) in conflicts(principal) {
            find(
                "duties-together",
                id.as_str(),
                format!("holds {first} and {second}"),
            );
        }
        if principal.roles.is_empty() {
            find(
                "no-role",
                id.as_str(),
                "can only revoke its own keys".to_owned(),
            );
        }
        let mut own = state.keys().values().filter(|key| key.owner == *id);
        if !own.any(|key| key.counts(now)) {
            find("no-key", id.as_str(), "has no valid key".to_owned());
        }
        if state.last_act(id).is_none() {
            find("never-acted", id.as_str(), "never acted".to_owned());
        }
    }
    for (key, one) in state.keys() {
        if let Some(until) = one.until.filter(|until| one.counts(now) && *until <= soon) {
            find(
                "key-ends",
                one.owner.as_str(),
                format!("key {key} expires at {}", until.date_or_time()),
            );
        }
    }
    all
}

fn conflicts(principal: &PrincipalRecord) -> impl Iterator<Item = (Role, Role)> {
    let has = |role: Role| principal.roles.contains(&role);
    TOGETHER
        .into_iter()
        .filter(move |(first, second)| has(*first) && has(*second))
}
