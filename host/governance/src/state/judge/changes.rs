//! Judges who may act alone, propose, sign, delegate and break glass. It must never change the state.

use std::collections::BTreeSet;

use super::{ActContext, Judgment, LedgerState, authentic_key, check_reason, judge_act};
use crate::act::{Act, ActName, ApprovalClass, ApprovalClassRules, BreakGlass, Delegation};
use crate::id::Id;
use crate::role::{PrincipalKind, Role};
use crate::rule::{Denial, Rule};
use crate::state::DELEGATION_NANOS_MAX;
use crate::state::glass::BREAK_GLASS_NANOS_MAX;

/// Checks that the actor may do such acts, and do them alone.
pub(super) fn permitted(state: &LedgerState, context: ActContext<'_>, act: &Act) -> Judgment {
    let Some(class) = act.class() else {
        return has_role(state, context, act);
    };
    // During the set-up there may be only one administrator, so what administrators propose takes one
    // signature. Nothing is promoted or started until the set-up has ended.
    let administrator = state.has_role(context.by, Role::Administrator);
    let proposes = act.roles().contains(&Role::Administrator);
    if state.setup_end.is_none() && administrator && proposes {
        return Ok(());
    }
    // An approval is itself one of the class's signatures; promotion counts them.
    let needed = if matches!(act, Act::ComponentApprove { .. }) {
        1
    } else {
        state.class(class).approvals
    };
    let member = !state.votes(class, context.by, context.time).is_empty();
    let about = state.about(act);
    if member && needed == 1 {
        // The act's own rule denies principals whom it is about; this one denies their delegates, who
        // would vote in their name.
        let is_own_rule =
            about.contains(&context.by) || matches!(act, Act::ComponentApprove { .. });
        let none = BTreeSet::new();
        let vote = state.vote(class, context.time, context.by, &about, &none);
        return if is_own_rule {
            Ok(())
        } else {
            vote.map(|_| ())
        };
    }
    let (by, name) = (context.by, act.name());
    if needed == 1 {
        let why = format!(
            "{name} needs a member of the class {}, which {by} is not",
            class.name()
        );
        let who = state.who_signs(class, context.time, &[by]);
        return Err(Denial::new(Rule::RoleMissing, why, who));
    }
    if !member {
        has_role(state, context, act)?;
    }
    let why = format!(
        "{name} takes {needed} signatures of the class {}",
        class.name()
    );
    let who = state.who_signs(class, context.time, &[by]);
    let who = format!(
        "propose it and have others sign it (counterfoil change list shows what waits); {who}"
    );
    Err(Denial::new(Rule::ApprovalsMissing, why, who))
}

fn has_role(state: &LedgerState, context: ActContext<'_>, act: &Act) -> Judgment {
    let needed = act.roles();
    if needed.is_empty() || needed.iter().any(|role| state.has_role(context.by, *role)) {
        return Ok(());
    }
    let (actor, act) = (context.by, act.name());
    let names: Vec<_> = needed.iter().map(|role| role.name()).collect();
    let why = format!(
        "{act} needs the role {}, which {actor} does not have",
        names.join(" or ")
    );
    let who = state.who(needed, context.time, &[actor]);
    Err(Denial::new(Rule::RoleMissing, why, who))
}

/// The class of which more than one member must sign such an act.
fn takes_more(state: &LedgerState, act: &Act) -> Result<ApprovalClass, Denial> {
    if let Some(class) = state.multi_signature_class(act) {
        return Ok(class);
    }
    let why = format!("{} takes only one signature", act.name());
    let hint = "do it directly, without a proposal";
    Err(Denial::new(Rule::ChangeKind, why, hint))
}

/// Checks that the actor may propose such an act for others to sign.
fn may_propose(
    state: &LedgerState,
    context: ActContext<'_>,
    act: &Act,
    class: ApprovalClass,
) -> Judgment {
    if !state.votes(class, context.by, context.time).is_empty() {
        return Ok(());
    }
    has_role(state, context, act)
}

pub(super) fn propose(state: &LedgerState, context: ActContext<'_>, act: &Act) -> Judgment {
    // Judged as if it were done now: a proposal that no rule allows must not collect signatures.
    let class = takes_more(state, act)?;
    may_propose(state, context, act, class)?;
    judge_act(state, context, act)
}

/// Judges a signature under a change. The last one needed applies the act, which must be allowed at that
/// moment, and whose proposer must still be able to propose it.
pub(super) fn approve(state: &LedgerState, context: ActContext<'_>, proposed: u64) -> Judgment {
    let change = state.waiting(proposed, context.time)?;
    super::clock::proposal(state, context, change)?;
    let maker = &change.record_ref.by;
    if maker == context.by {
        let why = format!("{maker} proposed this change, and others must sign it");
        let class = change.act.class().unwrap_or(ApprovalClass::Operations);
        let who = state.who_signs(class, context.time, &[maker]);
        return Err(Denial::new(Rule::DutyProposer, why, who));
    }
    // Signers are counted by whose vote they cast, so a person and their delegate are one.
    let (_, complete) = state.sign_change(change, context.by, context.time)?;
    if !complete {
        return Ok(());
    }
    let context = ActContext {
        by: maker,
        key: &change.record_ref.key,
        time: context.time,
    };
    // The proposer's key may have been revoked while the proposal waited. A thief's proposal must not
    // take effect through honest signatures.
    authentic_key(state, context)?;
    if let Some(class) = change.act.class() {
        may_propose(state, context, &change.act, class)?;
    }
    judge_act(state, context, &change.act)
}

pub(super) fn withdraw(
    state: &LedgerState,
    context: ActContext<'_>,
    proposed: u64,
    reason: &str,
) -> Judgment {
    let change = state.waiting(proposed, context.time)?;
    check_reason(reason)?;
    let class = change.act.class().unwrap_or(ApprovalClass::Operations);
    // Any member may withdraw it, with one signature: nothing takes effect, and a member could also refuse to
    // sign.
    let member = !state.votes(class, context.by, context.time).is_empty();
    if member || change.record_ref.by == *context.by {
        return Ok(());
    }
    let why = format!(
        "{} neither proposed this change nor can sign it",
        context.by
    );
    let who = state.who_signs(class, context.time, &[context.by]);
    Err(Denial::new(Rule::RoleMissing, why, who))
}

pub(super) fn setup_end(state: &LedgerState, context: ActContext<'_>) -> Judgment {
    if let Some(record_ref) = &state.setup_end {
        let why = format!("the set-up ended with record {}", record_ref.index);
        return Err(Denial::new(Rule::SetupOver, why, "nothing is left to do"));
    }
    // No act reopens the set-up. With too few people in a class, nothing that it signs for could ever change
    // again.
    state.check_classes(Rule::SetupIncomplete, context.time, &state.principals, None)
}

pub(super) fn class_set(
    state: &LedgerState,
    context: ActContext<'_>,
    set: &ApprovalClassRules,
) -> Judgment {
    if set.approvals < set.class.approvals_min() {
        let (class, least) = (set.class.name(), set.class.approvals_min());
        let why = format!("the class {class} takes at least {least} signatures");
        let hint = format!("set {least} or more");
        return Err(Denial::new(Rule::ClassUnfit, why, hint));
    }
    // An unknown id would become a voter as soon as a principal of that name is added.
    for member in &set.members {
        super::known(state, member)?;
    }
    if state.setup_end.is_none() {
        return Ok(());
    }
    state.check_classes(Rule::ClassShort, context.time, &state.principals, Some(set))
}

/// Only a member of a class delegates, to another person and for 90 days at most. A delegate is not a
/// member, so a delegation cannot be passed on.
pub(super) fn delegate(
    state: &LedgerState,
    context: ActContext<'_>,
    delegation: &Delegation,
) -> Judgment {
    let (class, to) = (delegation.class, &delegation.to);
    check_reason(&delegation.reason)?;
    super::known(state, to)?;
    // A service's key lies on a machine: with a delegated vote every process there that reads the key could
    // sign.
    let person = state
        .principals
        .get(to)
        .is_some_and(|principal| principal.kind == PrincipalKind::Person);
    let last = context.time.0.saturating_add(DELEGATION_NANOS_MAX);
    let wrong = if !state.belongs(class, context.by) {
        format!(
            "{} does not belong to the class {}",
            context.by,
            class.name()
        )
    } else if to == context.by {
        format!("{to} cannot delegate to themselves")
    } else if !person {
        format!("{to} is a service, and services do not vote")
    } else if delegation.until <= context.time || delegation.until.0 > last {
        "it ends before it begins, or lasts longer than 90 days".to_owned()
    } else {
        return Ok(());
    };
    let why = format!("invalid delegation: {wrong}");
    let hint = "a member of the class delegates to another person, for 90 days at most";
    Err(Denial::new(Rule::DelegationUnfit, why, hint))
}

pub(super) fn delegate_end(
    state: &LedgerState,
    context: ActContext<'_>,
    delegated: u64,
    reason: &str,
) -> Judgment {
    check_reason(reason)?;
    let found = state.delegations.get(&delegated);
    let Some(found) = found.filter(|record| record.holds(context.time)) else {
        let why = format!("record {delegated} is not an open delegation");
        let hint = "counterfoil people delegation list shows the open ones";
        return Err(Denial::new(Rule::DelegationUnknown, why, hint));
    };
    let concerned = found.record_ref.by == *context.by || found.delegation.to == *context.by;
    if concerned || state.has_role(context.by, Role::Administrator) {
        return Ok(());
    }
    let why = format!(
        "{} is neither part of this delegation nor an administrator",
        context.by
    );
    let who = state.who(&[Role::Administrator], context.time, &[context.by]);
    Err(Denial::new(Rule::RoleMissing, why, who))
}

pub(super) fn break_glass(
    state: &LedgerState,
    context: ActContext<'_>,
    glass: &BreakGlass,
) -> Judgment {
    check_reason(&glass.reason)?;
    let person = |id: &Id| {
        state
            .principals
            .get(id)
            .is_some_and(|principal| principal.kind == PrincipalKind::Person)
    };
    let last = context.time.0.saturating_add(BREAK_GLASS_NANOS_MAX);
    // Unknown names and acts that one person may do anyway are refused: a scope says exactly what the
    // retrospective must account for.
    let stray = glass.scope.iter().find(|name| {
        let class = ActName::parse(name).and_then(ActName::proposal_class);
        // One person alone may never set the clock back.
        class.is_none_or(|class| state.class(class).approvals < 2)
            || name.as_str() == ActName::ClockReset.as_str()
    });
    let wrong = if let Some(name) = stray {
        format!("{name} is not an act that takes two signatures, or never one alone")
    } else if glass.scope.is_empty() {
        "it names no act".to_owned()
    } else if !person(context.by) {
        format!("{} is a service", context.by)
    } else if glass.until <= context.time || glass.until.0 > last {
        "it ends before it begins, or lasts longer than four hours".to_owned()
    } else if let Some(owed) = state.owed(context.by) {
        let why = format!("{} owes the retrospective of record {owed}", context.by);
        let hint = "close it, and have an approver or compliance sign its retrospective";
        return Err(Denial::new(Rule::BreakGlassOwed, why, hint));
    } else {
        return Ok(());
    };
    let why = format!("invalid break-glass: {wrong}");
    let hint = "name acts that take two signatures, and an end within four hours";
    Err(Denial::new(Rule::BreakGlassUnfit, why, hint))
}

/// Judges an act that one person does alone, under the glass that they broke, within its scope and time.
pub(super) fn emergency(
    state: &LedgerState,
    context: ActContext<'_>,
    opened: u64,
    act: &Act,
) -> Judgment {
    let broken = state.glass(opened)?;
    let name = act.name();
    let wrong = if broken.record_ref.by != *context.by {
        format!("{} opened it", broken.record_ref.by)
    } else if !broken.open(context.time) {
        "it is over".to_owned()
    } else if !broken.glass.scope.contains(name) {
        let scope: Vec<_> = broken.glass.scope.iter().map(String::as_str).collect();
        format!("{name} is not in its scope ({})", scope.join(", "))
    } else {
        // The glass waives the second signature and nothing else: the act's own rule judges it as always.
        let class = takes_more(state, act)?;
        may_propose(state, context, act, class)?;
        return judge_act(state, context, act);
    };
    let why = format!("the break-glass of record {opened} does not cover it: {wrong}");
    let hint = "propose the change for others to sign, or break glass for this act";
    Err(Denial::new(Rule::BreakGlassScope, why, hint))
}

pub(super) fn close(
    state: &LedgerState,
    context: ActContext<'_>,
    opened: u64,
    reason: &str,
) -> Judgment {
    let broken = state.glass(opened)?;
    check_reason(reason)?;
    if broken.open(context.time) {
        return Ok(());
    }
    let why = format!("the break-glass of record {opened} is over");
    let hint = "only its retrospective is left";
    Err(Denial::new(Rule::BreakGlassClosed, why, hint))
}

/// Another person signs the retrospective: neither the person who broke the glass, nor a principal who received a
/// role or key under it.
pub(super) fn retrospective(
    state: &LedgerState,
    context: ActContext<'_>,
    opened: u64,
    findings: &str,
) -> Judgment {
    let broken = state.glass(opened)?;
    check_reason(findings)?;
    // Not while it is open: an act after the signature would be in no retrospective.
    if broken.open(context.time) {
        let why = format!("the break-glass of record {opened} is open");
        let hint = "close it first, or wait for its end";
        return Err(Denial::new(Rule::BreakGlassOpen, why, hint));
    }
    if broken.retrospective.is_some() {
        let why = format!("the retrospective of record {opened} is signed");
        return Err(Denial::new(
            Rule::BreakGlassClosed,
            why,
            "nothing is left to do",
        ));
    }
    let by = &broken.record_ref.by;
    if by != context.by && !state.raised_by(broken, context.by, context.key) {
        return Ok(());
    }
    let why = format!(
        "{} opened this break-glass, or received a role or key under it",
        context.by
    );
    let mut excluded: Vec<&Id> = broken.raised.iter().collect();
    excluded.extend([by, context.by]);
    let who = state.who(&[Role::Approver, Role::Compliance], context.time, &excluded);
    Err(Denial::new(Rule::DutyBreakGlass, why, who))
}
