//! What acts on runs say, in JSON.

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, BudgetHolder, KillScope, RunResume, RunStart, RunTerms};
use counterfoil_journal::consistency::TreeHead;
use serde_json::{Value, json};

use super::{digest, join, set, text, until};

/// The fields of a resumption.
fn resume(one: &RunResume) -> Value {
    join(
        logs(&one.run, one.execution, &one.journal, &one.orders),
        json!({ "asked-by": one.asked_by.as_ref().map(text) }),
    )
}

/// The fields of an act on runs; of any other act nothing.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the caller names every act, and brings these here"
)]
pub(super) fn act(act: &Act) -> Value {
    match act {
        Act::RunStart(one) => start(one),
        Act::RunResume(one) => resume(one),
        Act::RunEnd(one) => join(
            logs(&one.run, one.execution, &one.journal, &one.orders),
            json!({ "decisions": digest(&one.decisions), "reason": one.reason }),
        ),
        Act::RunsAnchor { runs } => {
            let runs = runs.iter();
            let runs = runs.map(|one| logs(&one.run, one.execution, &one.journal, &one.orders));
            json!({ "runs": runs.collect::<Vec<_>>() })
        }
        Act::LimitsSet {
            account,
            limits,
            verdict,
        } => {
            json!({ "account": text(account), "limits": digest(limits), "verdict": verdict })
        }
        Act::StartAuthorize(one) => {
            let window = json!({
                "not-before": until(Some(one.not_before)), "not-after": until(Some(one.not_after)),
            });
            join(terms(&one.terms), window)
        }
        Act::StartWithdraw { authorized, reason } => {
            json!({ "authorized-by": authorized, "reason": reason })
        }
        Act::Kill { scope, reason } => {
            let (kind, what) = match scope {
                KillScope::Run(run) => ("run", digest(run)),
                KillScope::Account(account) => ("account", text(account)),
                KillScope::Installation => ("installation", Value::Null),
            };
            json!({ "scope": kind, kind: what, "reason": reason })
        }
        Act::KillLift { killed, reason } => json!({ "killed-by": killed, "reason": reason }),
        Act::BudgetSet(one) => join(
            payer(&one.of),
            json!({
                "fuel": one.fuel, "runs": one.runs, "bytes": one.bytes, "wall-nanos": one.wall_nanos,
            }),
        ),
        Act::TeamSet { team, members } => {
            json!({ "team": text(team), "members": members.iter().map(text).collect::<Vec<_>>() })
        }
        Act::BudgetExcess {
            of,
            until: end,
            reason,
        } => join(
            payer(of),
            json!({ "until": until(Some(*end)), "reason": reason }),
        ),
        Act::Usage(one) => json!({
            "run": digest(&one.run),
            "owner": text(&one.owner),
            "tags": one.tags,
            "fuel": one.fuel,
            "wall-nanos": one.wall_nanos,
            "bytes": one.bytes,
        }),
        _ => json!({}),
    }
}

/// What a run was started as.
#[must_use]
pub fn start(one: &RunStart) -> Value {
    let head = json!({
        "run": digest(&one.run),
        "authorized-by": one.authorized,
        "entry-0": hex::encode(one.entry_0.0),
    });
    join(terms(&one.terms), head)
}

/// What the two logs of a run hold.
fn logs(run: &Digest, execution: u64, journal: &TreeHead, orders: &TreeHead) -> Value {
    json!({
        "run": digest(run),
        "execution": execution,
        "journal": head(journal),
        "orders": head(orders),
    })
}

/// How many entries a log has, and the root over them.
fn head(one: &TreeHead) -> Value {
    json!({ "size": one.size, "root": hex::encode(one.root.0) })
}

/// The terms of a start.
#[must_use]
pub fn terms(terms: &RunTerms) -> Value {
    let mut value = set(&terms.set);
    value["owner"] = text(&terms.owner);
    value["account"] = text(&terms.account);
    value["market"] = json!(terms.market);
    value["timeframe"] = json!(terms.timeframe);
    value["parameters"] = digest(&terms.parameters);
    value["account-limits"] = digest(&terms.limits);
    value
}

/// Whose budget.
#[must_use]
pub fn payer(of: &BudgetHolder) -> Value {
    match of {
        BudgetHolder::Owner(id) => json!({ "owner": text(id) }),
        BudgetHolder::Team(id) => json!({ "team": text(id) }),
    }
}
