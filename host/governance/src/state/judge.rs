//! Judges an act in a state: one function for appending and for verifying. It must never change the state,
//! nor know whether the act is new or was recorded long ago.

use super::LedgerState;
use crate::act::Act;
use crate::id::Id;
use crate::record::SignedAct;
use crate::rule::{Denial, Rule};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::time::UnixNanos;

mod changes;
mod clock;
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
    // The first record has no principals to be judged by. It is accepted if it is consistent; a reader who
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
    // The signature before the rules: a denial for a missing role then means that this principal tried, not
    // that another process used its name.
    authentic(state, signed)?;
    let context = ActContext {
        by: &signed.actor,
        key: &signed.key,
        time: signed.time,
    };
    changes::permitted(state, context, &signed.act)?;
    if state.sets_clock_back(&signed.act) {
        clock::signer(state, context)?;
    }
    judge_act(state, context, &signed.act)
}

/// Judges an act by its own rule, after the actor's key and role were checked.
fn judge_act(state: &LedgerState, context: ActContext<'_>, act: &Act) -> Judgment {
    match act {
        Act::Genesis { .. } => Err(genesis_repeated()),
        Act::PrincipalAdd { id, roles, key, .. } => people::add(state, id, roles, key),
        Act::RolesSet { id, roles } => people::roles_set(state, context, id, roles),
        Act::KeyAdd { id, key, .. } => people::key_add(state, id, key),
        Act::KeyRotate { key, until } => people::key_rotate(state, context, key, *until),
        Act::KeyRevoke { id, key, .. } => people::key_revoke(state, context, id, *key),
        Act::LogHolder { id } => people::log_holder(state, id),
        Act::LogRotate {
            key,
            old_signature,
            new_signature,
        } => people::log_rotate(state, key, old_signature, new_signature),
        Act::SetupEnd {} => changes::setup_end(state, context),
        Act::ClockReset { ahead, reason } => clock::reset(state, context, *ahead, reason),
        Act::ClassSet(set) => changes::class_set(state, context, set),
        Act::Delegate(delegation) => changes::delegate(state, context, delegation),
        Act::DelegateEnd { delegated, reason } => {
            changes::delegate_end(state, context, *delegated, reason)
        }
        Act::ChangePropose { act } => changes::propose(state, context, act),
        Act::ChangeApprove { proposed } => changes::approve(state, context, *proposed),
        Act::ChangeWithdraw { proposed, reason } => {
            changes::withdraw(state, context, *proposed, reason)
        }
        Act::ComponentSubmit { component, .. } => registry::new_component(state, component),
        Act::ComponentValidate {
            component,
            evidence,
        } => registry::validate(state, context, component, evidence),
        Act::ComponentApprove { set, signature } => {
            registry::approve(state, context, set, signature)
        }
        Act::ComponentPromote { set } => registry::promote(state, context, set),
        Act::ComponentArchive { component, .. } => registry::archive(state, component),
        Act::LimitsSet {
            account,
            limits,
            verdict,
        } => runs::limits_set(state, context, account, *limits, *verdict),
        Act::StartAuthorize(asked) => runs::authorize(state, context, asked),
        Act::StartWithdraw { authorized, reason } => runs::withdraw(state, *authorized, reason),
        Act::RunStart(start) => runs::start(state, context, start),
        Act::RunResume(resume) => runs::resume(state, context, resume),
        Act::RunsAnchor { runs: anchored } => runs::anchor(state, context, anchored),
        Act::RunEnd(end) => runs::end(state, context, end),
        Act::Kill { scope, reason } => runs::kill(state, context, scope, reason),
        Act::KillLift { killed, reason } => runs::kill_lift(state, context, *killed, reason),
        Act::BudgetSet(budget) => runs::budget_set(state, context, budget),
        Act::TeamSet { .. } => Ok(()),
        Act::BudgetExcess { of, until, reason } => {
            runs::budget_excess(state, context, of, *until, reason)
        }
        Act::Usage(usage) => runs::usage(state, context, usage),
        Act::PolicySet { bundle } => control::policy_set(state, *bundle),
        Act::Verdict(verdict) => control::verdict(state, verdict),
        Act::ExceptionGrant(exception) => control::exception_grant(state, context, exception),
        Act::ExceptionEnd { granted, .. } => control::exception_end(state, context, *granted),
        Act::BreakGlassOpen(glass) => changes::break_glass(state, context, glass),
        Act::Emergency { opened, act } => changes::emergency(state, context, *opened, act),
        Act::BreakGlassClose { opened, reason } => changes::close(state, context, *opened, reason),
        Act::Retrospective {
            opened, findings, ..
        } => changes::retrospective(state, context, *opened, findings),
        Act::Drift(found) => drift::found(state, context, found),
        Act::DriftEnd { drifted } => drift::end(state, context, *drifted),
        Act::Refused(refused) => drift::refused(refused),
    }
}

fn genesis_repeated() -> Denial {
    Denial::new(
        Rule::GenesisRepeated,
        "the ledger already has its first record",
        "an administrator adds principals: counterfoil people add",
    )
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
    let context = ActContext {
        by: &signed.actor,
        key: &signed.key,
        time: signed.time,
    };
    authentic_key(state, context)?;
    signature(state, signed)
}

/// Checks that the actor is a principal with a valid key.
fn authentic_key(state: &LedgerState, context: ActContext<'_>) -> Judgment {
    known(state, context.by)?;
    let (actor, key) = (context.by, context.key);
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
    // By the time of the act, which cannot lie before the previous record: a ledger still verifies years after
    // its keys expired.
    if !found.counts(context.time) {
        return deny(Rule::KeyExpired, "has expired");
    }
    Ok(())
}

/// Checks that a reason is more than white space.
fn check_reason(reason: &str) -> Judgment {
    if !reason.trim().is_empty() {
        return Ok(());
    }
    let why = "the act gives no reason";
    Err(Denial::new(Rule::ReasonMissing, why, "give a reason"))
}

fn known(state: &LedgerState, id: &Id) -> Judgment {
    state.principal(id).map(|_| ())
}
