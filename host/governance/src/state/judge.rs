//! Judges an act in a state: one function for appending and for verifying. It must never change the state,
//! nor know whether the act is new or was recorded long ago.

use super::LedgerState;
use crate::act::Act;
use crate::id::Id;
use crate::record::SignedAct;
use crate::registry::ComponentStage;
use crate::rule::{Denial, Rule};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::time::UnixNanos;

mod changes;
mod control;
mod drift;
mod people;
pub(super) mod registry;
mod runs;

type Judgment = Result<(), Denial>;

const ASK_ADMINISTRATOR: &str = "an administrator adds keys: counterfoil people key add";

/// The actor of an act, the key and the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActContext<'a> {
    pub(super) by: &'a Id,
    /// With which key.
    pub(super) key: &'a PublicKey,
    pub(super) time: UnixNanos,
}

pub(super) fn judge(state: &LedgerState, signed: &SignedAct) -> Judgment {
    // The first record has no principals to be judged by: it is believed if it is consistent, and whoever
    // verifies the ledger compares its log key with one that they trust.
    if let Act::Genesis {
        administrators,
        log_key,
        ..
    } = &signed.act
        && state.log_holder.is_none()
    {
        return people::genesis(state, signed, administrators, *log_key);
    }
    authentic(state, signed)?;
    let doing = ActContext {
        by: &signed.actor,
        key: &signed.key,
        time: signed.time,
    };
    changes::permitted(state, doing, &signed.act)?;
    judge_act(state, doing, &signed.act)
}

/// Judges an act by its own rule, after the actor's key and role were checked.
fn judge_act(state: &LedgerState, doing: ActContext<'_>, act: &Act) -> Judgment {
    match act {
        Act::Genesis { .. } => Err(Denial::new(
            Rule::GenesisRepeated,
            "the ledger has its first record",
            "an administrator adds principals: counterfoil people add",
        )),
        Act::PrincipalAdd { id, roles, key, .. } => people::add(state, id, roles, key),
        Act::RolesSet { id, roles } => people::roles_set(state, doing, id, roles),
        Act::KeyAdd { id, key, .. } => people::key_add(state, id, key),
        Act::KeyRotate { key, until } => people::key_rotate(state, doing, key, *until),
        Act::KeyRevoke { id, key, .. } => people::key_revoke(state, doing, id, *key),
        Act::LogHolder { id } => people::log_holder(state, id),
        Act::LogRotate {
            key,
            old_signature,
            new_signature,
        } => people::log_rotate(state, key, old_signature, new_signature),
        Act::SetupEnd {} => changes::setup_end(state, doing),
        Act::ClassSet(set) => changes::class_set(state, doing, set),
        Act::Delegate(delegation) => changes::delegate(state, doing, delegation),
        Act::DelegateEnd { delegated, reason } => {
            changes::delegate_end(state, doing, *delegated, reason)
        }
        Act::ChangePropose { act } => changes::propose(state, doing, act),
        Act::ChangeApprove { proposed } => changes::approve(state, doing, *proposed),
        Act::ChangeWithdraw { proposed, reason } => {
            changes::withdraw(state, doing, *proposed, reason)
        }
        Act::ComponentSubmit { component, .. } => registry::new_component(state, component),
        Act::ComponentValidate {
            component,
            evidence,
        } => registry::validate(state, doing, component, evidence),
        Act::ComponentApprove { set, signature } => registry::approve(state, doing, set, signature),
        Act::ComponentPromote { set } => registry::promote(state, doing, set),
        Act::ComponentArchive { component, .. } => {
            let found = state.registry.at(component, &[ComponentStage::Approved]);
            found.map(|_| ())
        }
        Act::LimitsSet {
            account,
            limits,
            verdict,
        } => runs::limits_set(state, doing, account, *limits, *verdict),
        Act::StartAuthorize(asked) => runs::authorize(state, doing, asked),
        Act::StartWithdraw { authorized, reason } => runs::withdraw(state, *authorized, reason),
        Act::RunStart(start) => runs::start(state, doing, start),
        Act::RunEnd(end) => runs::end(state, doing, end),
        Act::Kill { scope, reason } => runs::kill(state, doing, scope, reason),
        Act::KillLift { killed, reason } => runs::kill_lift(state, doing, *killed, reason),
        Act::BudgetSet(budget) => runs::budget_set(state, doing, budget),
        Act::TeamSet { .. } => Ok(()),
        Act::BudgetExcess { of, until, reason } => {
            runs::budget_excess(state, doing, of, *until, reason)
        }
        Act::Usage(usage) => runs::usage(state, doing, usage),
        Act::PolicySet { bundle } => control::policy_set(state, *bundle),
        Act::Verdict(verdict) => control::verdict(state, verdict),
        Act::ExceptionGrant(exception) => control::exception_grant(state, doing, exception),
        Act::ExceptionEnd { granted, .. } => control::exception_end(state, doing, *granted),
        Act::BreakGlassOpen(glass) => changes::break_glass(state, doing, glass),
        Act::Emergency { opened, act } => changes::emergency(state, doing, *opened, act),
        Act::BreakGlassClose { opened, reason } => changes::close(state, doing, *opened, reason),
        Act::Retrospective {
            opened, findings, ..
        } => changes::retrospective(state, doing, *opened, findings),
        Act::Drift(found) => drift::found(state, doing, found),
        Act::DriftEnd { drifted } => drift::end(state, doing, *drifted),
        Act::Refused(refused) => drift::refused(refused),
    }
}

fn signature(state: &LedgerState, signed: &SignedAct) -> Judgment {
    let message = signed.message(&state.origin);
    if signed.key.signed(&message, &signed.signature) {
        return Ok(());
    }
    let why = format!("the signature is not by key {}", signed.key);
    Err(Denial::new(
        Rule::SignatureInvalid,
        why,
        "sign again with your own key",
    ))
}

/// Checks that the actor is a principal with a valid key, and signed this act.
fn authentic(state: &LedgerState, signed: &SignedAct) -> Judgment {
    let doing = ActContext {
        by: &signed.actor,
        key: &signed.key,
        time: signed.time,
    };
    authentic_key(state, doing)?;
    signature(state, signed)
}

/// Checks that the actor is a principal with a valid key.
fn authentic_key(state: &LedgerState, doing: ActContext<'_>) -> Judgment {
    known(state, doing.by)?;
    let (actor, key) = (doing.by, doing.key);
    let deny = |rule, what: &str| {
        let why = format!("key {key} of {actor} {what}");
        Err(Denial::new(rule, why, ASK_ADMINISTRATOR))
    };
    // A valid key of another principal is not enough: its holder would act in this actor's name.
    let Some(found) = state.keys.get(key).filter(|found| found.owner == *actor) else {
        return deny(Rule::KeyUnknown, "is not in the ledger");
    };
    if let Some(index) = found.ended {
        let what = format!("was revoked or rotated by record {index}");
        return deny(Rule::KeyRevoked, &what);
    }
    if !found.counts(doing.time) {
        return deny(Rule::KeyExpired, "has expired");
    }
    Ok(())
}

fn known(state: &LedgerState, id: &Id) -> Judgment {
    state.principal(id).map(|_| ())
}
