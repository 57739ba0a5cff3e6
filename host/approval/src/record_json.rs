//! Records in JSON and in words. It must never leave out a field of an act.

use counterfoil_base::digest::Digest;
use counterfoil_base::gate::GateReason;
use counterfoil_governance::act::{
    Act, DigestSet, DriftFinding, EvidenceSet, ExceptionSubject, GateVerdict, PolicyException,
};
use counterfoil_governance::record::LedgerRecord;
use counterfoil_governance::registry::{ComponentStage, RecordRef};
use counterfoil_governance::role::Roles;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Map, Value, json};

use crate::ledger_view::{LedgerView, LedgerViewError};
use crate::value_text::short;

mod runs;

pub use runs::{payer, start as run, terms};

/// A digest in JSON.
#[must_use]
pub fn digest(digest: &Digest) -> Value {
    json!(digest.to_string())
}

/// A key in JSON.
#[must_use]
pub fn key(key: &PublicKey) -> Value {
    json!(key.to_string())
}

/// A time in JSON; null for none.
#[must_use]
pub fn until(until: Option<UnixNanos>) -> Value {
    json!(until.map(UnixNanos::date_or_time))
}

/// Roles in JSON.
#[must_use]
pub fn roles(roles: &Roles) -> Value {
    json!(roles.iter().map(|role| role.name()).collect::<Vec<_>>())
}

/// Who did something, with which key, when, by which record.
#[must_use]
pub fn record_ref(record_ref: &RecordRef) -> Value {
    json!({
        "by": record_ref.by.as_str(),
        "key": key(&record_ref.key),
        "time": record_ref.time.date_or_time(),
        "record": record_ref.index,
    })
}

/// Pieces of evidence by kind.
#[must_use]
pub fn evidence(evidence: &EvidenceSet) -> Value {
    let pair = |(kind, one): (&counterfoil_governance::act::EvidenceKind, &Digest)| {
        (kind.name().to_owned(), digest(one))
    };
    Value::Object(evidence.0.iter().map(pair).collect())
}

/// The four digests of a set.
#[must_use]
pub fn set(set: &DigestSet) -> Value {
    let pair = |(name, one): (&str, Digest)| (name.to_owned(), digest(&one));
    Value::Object(set.named().into_iter().map(pair).collect())
}

/// Every record of a ledger in JSON, the oldest first.
///
/// # Errors
///
/// As [`LedgerView::records`].
pub fn all(view: &LedgerView) -> Result<Vec<Value>, LedgerViewError> {
    last(view, usize::MAX)
}

/// The last `count` records of a ledger in JSON, the oldest first.
///
/// # Errors
///
/// As [`LedgerView::records`].
pub fn last(view: &LedgerView, count: usize) -> Result<Vec<Value>, LedgerViewError> {
    let before = view.count().saturating_sub(count);
    let records = view.records(u64::try_from(before).unwrap_or(u64::MAX));
    records
        .map(|one| one.map(|(index, one)| record(index, &one)))
        .collect()
}

/// A record in JSON: who, when, what, and the rule that denied it, if one did.
#[must_use]
pub fn record(index: u64, record: &LedgerRecord) -> Value {
    let signed = &record.signed;
    let mut value = json!({
        "record": index,
        "time": signed.time.date_or_time(),
        "actor": signed.actor.as_str(),
        "key": key(&signed.key),
        "act": signed.act.name(),
        "denied": record.denied.map(counterfoil_governance::rule::Rule::code),
    });
    if let (Value::Object(fields), Some(all)) = (act(&signed.act), value.as_object_mut()) {
        for (name, field) in fields {
            // The act's own key is another than the one that signed.
            let name = if all.contains_key(&name) {
                format!("of-{name}")
            } else {
                name
            };
            all.insert(name, field);
        }
    }
    if let Some(stage) = stage(record) {
        value["stage"] = json!(stage.name());
    }
    value
}

/// The stage that a component came to by a record.
fn stage(record: &LedgerRecord) -> Option<ComponentStage> {
    if record.denied.is_some() {
        return None;
    }
    let act = &record.signed.act;
    let moves = [
        (
            matches!(act, Act::ComponentSubmit { .. }),
            ComponentStage::Draft,
        ),
        (
            matches!(act, Act::ComponentValidate { .. }),
            ComponentStage::Validated,
        ),
        (
            matches!(act, Act::ComponentPromote { .. }),
            ComponentStage::Approved,
        ),
        (
            matches!(act, Act::ComponentArchive { .. }),
            ComponentStage::Archived,
        ),
    ];
    let found = moves.into_iter().find(|(moves, _)| *moves);
    found.map(|(_, stage)| stage)
}

/// What a record is about, in one line.
#[must_use]
pub fn about(value: &Value) -> String {
    const COMMON: [&str; 6] = ["record", "time", "actor", "key", "act", "denied"];
    let fields = value.as_object().into_iter().flatten();
    let own = fields.filter(|(name, field)| !COMMON.contains(&name.as_str()) && !field.is_null());
    let told = own.map(|(name, field)| format!("{name} {}", short(field)));
    told.collect::<Vec<_>>().join(", ")
}

/// The fields of an act.
#[expect(
    clippy::too_many_lines,
    reason = "one arm an act, and no act without one"
)]
fn act(act: &Act) -> Value {
    match act {
        Act::Genesis {
            administrators,
            log_key,
            log_holder,
        } => {
            let pair = |(id, one): &(_, PublicKey)| json!({ "id": text(id), "key": key(one) });
            let all: Vec<Value> = administrators.iter().map(pair).collect();
            json!({ "administrators": all, "log-key": key(log_key), "log-holder": text(log_holder) })
        }
        Act::PrincipalAdd {
            id,
            kind,
            roles: has,
            key: one,
            until: end,
        } => json!({
            "principal": text(id), "kind": kind.name(), "roles": roles(has), "key": key(one), "until": until(*end),
        }),
        Act::RolesSet { id, roles: has } => json!({ "principal": text(id), "roles": roles(has) }),
        Act::KeyAdd {
            id,
            key: one,
            until: end,
        } => {
            json!({ "principal": text(id), "key": key(one), "until": until(*end) })
        }
        Act::KeyRotate {
            key: one,
            until: end,
        } => json!({ "key": key(one), "until": until(*end) }),
        Act::KeyRevoke {
            id,
            key: one,
            reason,
        } => {
            json!({ "principal": text(id), "key": key(one), "reason": reason })
        }
        Act::LogHolder { id } => json!({ "principal": text(id) }),
        Act::SetupEnd {} => json!({}),
        Act::ClockReset { ahead, reason } => json!({ "ahead": ahead, "reason": reason }),
        Act::ClassSet(set) => json!({
            "class": set.class.name(),
            "roles": roles(&set.roles),
            "members": set.members.iter().map(text).collect::<Vec<_>>(),
            "approvals": set.approvals,
        }),
        Act::Delegate(one) => json!({
            "class": one.class.name(), "to": text(&one.to), "until": until(Some(one.until)), "reason": one.reason,
        }),
        Act::DelegateEnd { delegated, reason } => {
            json!({ "delegated-by": delegated, "reason": reason })
        }
        Act::ChangePropose { act } => json!({ "proposes": whole(act) }),
        Act::ChangeApprove { proposed } => json!({ "change": proposed }),
        Act::ChangeWithdraw { proposed, reason } => json!({ "change": proposed, "reason": reason }),
        Act::BreakGlassOpen(one) => json!({
            "scope": one.scope, "until": until(Some(one.until)), "reason": one.reason,
        }),
        Act::Emergency { opened, act } => json!({ "opened-by": opened, "does": whole(act) }),
        Act::BreakGlassClose { opened, reason } => json!({ "opened-by": opened, "reason": reason }),
        Act::Retrospective {
            opened,
            report,
            findings,
        } => {
            json!({ "opened-by": opened, "report": digest(report), "findings": findings })
        }
        Act::ComponentSubmit {
            component,
            strategy,
            provenance,
        } => json!({
            "component": digest(component),
            "strategy": text(strategy),
            "source-commit": provenance.source_commit,
            "lock-file": digest(&provenance.lock_file),
            "toolchain": provenance.toolchain,
            "wit-world": provenance.wit_world,
        }),
        Act::ComponentValidate {
            component,
            evidence: pieces,
        } => {
            json!({ "component": digest(component), "evidence": evidence(pieces) })
        }
        Act::ComponentApprove {
            set: all,
            signature,
        } => {
            let mut value = set(all);
            value["signature"] = json!(hex::encode(signature));
            value
        }
        Act::ComponentPromote { set: all } => set(all),
        Act::PolicySet { bundle } => json!({ "policy": digest(bundle) }),
        Act::Verdict(one) => verdict(one),
        Act::ComponentArchive { component, reason } => {
            json!({ "component": digest(component), "reason": reason })
        }
        Act::RunStart(_)
        | Act::RunResume(_)
        | Act::RunsAnchor { .. }
        | Act::RunEnd(_)
        | Act::LimitsSet { .. }
        | Act::StartAuthorize(_)
        | Act::StartWithdraw { .. }
        | Act::Kill { .. }
        | Act::KillLift { .. }
        | Act::BudgetSet(_)
        | Act::TeamSet { .. }
        | Act::BudgetExcess { .. }
        | Act::Usage(_) => runs::act(act),
        Act::LogRotate { key: one, .. } => json!({ "log-key": key(one) }),
        Act::ExceptionGrant(one) => exception(one),
        Act::ExceptionEnd { granted, reason } => json!({ "granted-by": granted, "reason": reason }),
        Act::Drift(one) => drift(one),
        Act::DriftEnd { drifted } => json!({ "drift": drifted }),
        Act::Refused(one) => json!({
            "refused": one.act, "subject": one.subject, "rule": one.rule, "why": one.why,
        }),
    }
}

/// An act in an act: its name and its fields.
#[must_use]
pub fn whole(one: &Act) -> Value {
    join(json!({ "act": one.name() }), act(one))
}

/// What a policy said.
fn verdict(one: &GateVerdict) -> Value {
    let reason = |one: &GateReason| json!({ "code": one.code, "text": one.text });
    json!({
        "gate": one.gate.name(),
        "subject": digest(&one.subject),
        "policy": digest(&one.bundle),
        "input": digest(&one.input),
        "outcome": one.outcome.name(),
        "reasons": one.reasons.iter().map(reason).collect::<Vec<_>>(),
        "limits": one.limits.as_ref().map(digest),
    })
}

/// An exception's fields.
#[must_use]
pub fn exception(one: &PolicyException) -> Value {
    let subject = match &one.subject {
        ExceptionSubject::Component(component) => digest(component),
        ExceptionSubject::Account(account) => json!(format!("account {account}")),
        ExceptionSubject::Installation => json!("installation"),
    };
    json!({
        "rule": one.rule,
        "subject": subject,
        "reason": one.reason,
        "control": one.control,
        "owner": text(&one.owner),
        "until": one.until.date_or_time(),
    })
}

/// A difference's fields.
#[must_use]
pub fn drift(one: &DriftFinding) -> Value {
    let pair = |(name, text): (&str, &str)| (name.to_owned(), json!(text));
    Value::Object(one.named().into_iter().map(pair).collect())
}

/// An id in JSON.
#[must_use]
pub fn text(id: &counterfoil_governance::id::Id) -> Value {
    json!(id.as_str())
}

/// One object of the fields of two.
#[must_use]
pub fn join(mut first: Value, second: Value) -> Value {
    let (all, more) = (first.as_object_mut(), second);
    if let (Some(all), Value::Object(more)) = (all, more) {
        let more: Map<String, Value> = more;
        all.extend(more);
    }
    first
}
