//! Judges acts on components. It must never change the state.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use super::{ActContext, Judgment, LedgerState};
use crate::act::{ApprovalClass, DigestSet, EvidenceKind, EvidenceSet};
use crate::attest;
use crate::id::Id;
use crate::registry::{ComponentStage, RegisteredComponent};
use crate::role::Role;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;

pub(super) fn new_component(state: &LedgerState, component: &Digest) -> Judgment {
    if !state.registry.components.contains_key(component) {
        return Ok(());
    }
    let why = format!("component {component} is already registered");
    Err(Denial::new(
        Rule::ComponentExists,
        why,
        "continue from its stage, or submit a new version",
    ))
}

pub(super) fn validate(
    state: &LedgerState,
    context: ActContext<'_>,
    component: &Digest,
    evidence: &EvidenceSet,
) -> Judgment {
    let found = state.registry.at(component, &[ComponentStage::Draft])?;
    state.check_author(found, context.by, Role::Reviewer, context.time)?;
    // Only that each kind is named. The host has opened the pieces before this act, and the policy judges them
    // at promotion.
    let missing = |kind: &EvidenceKind| !evidence.0.contains_key(kind);
    let missing: Vec<_> = EvidenceKind::ALL.into_iter().filter(missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|kind| kind.name()).collect();
    let why = format!("evidence is missing: {}", names.join(", "));
    let hint = "create the missing evidence first: counterfoil component attest-tests, counterfoil component validate";
    Err(Denial::new(Rule::EvidenceMissing, why, hint))
}

pub(super) fn approve(
    state: &LedgerState,
    context: ActContext<'_>,
    set: &DigestSet,
    signature: &[u8; 64],
) -> Judgment {
    let stages = [ComponentStage::Validated, ComponentStage::Approved];
    let found = state.registry.at(&set.component, &stages)?;
    let (actor, time) = (context.by, context.time);
    state.check_author(found, actor, Role::Approver, time)?;
    state.check_reviewer(found, actor, time)?;
    approval_vote(state, actor, time, found, set)?;
    same_evidence(found, set)?;
    // The approval has a signature of its own beside the act's, so that an auditor can check it as a DSSE
    // envelope without the ledger. It must be by the same key, or the two could name different people.
    let envelope = attest::approval(&state.origin, actor, set);
    if envelope.is_ok_and(|envelope| context.key.signed(&envelope.message(), signature)) {
        return Ok(());
    }
    let why = format!("the approval is not signed by {actor} over this digest set");
    let hint = "sign the approval of exactly this set with the key that signs the act";
    Err(Denial::new(Rule::ApprovalSignature, why, hint))
}

/// The class member whose vote an approval is. The author and the reviewer have no vote, not even through
/// a delegate, and each member's vote counts once.
pub(in crate::state) fn approval_vote(
    state: &LedgerState,
    id: &Id,
    time: UnixNanos,
    found: &RegisteredComponent,
    set: &DigestSet,
) -> Result<Id, Denial> {
    let mut excluded = vec![&found.submitted.by];
    excluded.extend(
        found
            .validated
            .as_ref()
            .map(|(_, record_ref)| &record_ref.by),
    );
    let others = found
        .approvals
        .iter()
        .filter(|approval| approval.record_ref.by != *id);
    let others = others.filter(|approval| approval.set == *set);
    let cast: BTreeSet<Id> = others.map(|approval| approval.vote.clone()).collect();
    // Votes whose key was revoked since no longer count, so a stolen key does not use up its owner's vote.
    let counting = state.approved_by(found, set, time);
    let used = counting.intersection(&cast).cloned().collect();
    state.vote(ApprovalClass::Promotion, time, id, &excluded, &used)
}

/// Checks that the evidence in the set is the evidence that was validated.
fn same_evidence(found: &RegisteredComponent, set: &DigestSet) -> Judgment {
    let evidence = found.validated.as_ref().map(|(set, _)| set.digest());
    // Evidence that was exchanged after the review would be approved unread.
    if evidence != Some(set.evidence) {
        let was = evidence.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
        let why = format!(
            "other evidence was validated: evidence was {was}, is {}",
            set.evidence
        );
        let hint = "approve the evidence that was validated";
        return Err(Denial::new(Rule::ApprovalChanged, why, hint));
    }
    Ok(())
}

/// A component comes into use only under a set that enough members approved and the policy in force
/// passed.
pub(super) fn promote(state: &LedgerState, context: ActContext<'_>, set: &DigestSet) -> Judgment {
    state.check_setup()?;
    let stages = [ComponentStage::Validated, ComponentStage::Approved];
    let found = state.registry.at(&set.component, &stages)?;
    state.check_author(found, context.by, Role::Operator, context.time)?;
    same_evidence(found, set)?;
    state.check_policy(set)?;
    if found
        .promotions
        .iter()
        .any(|promotion| promotion.set == *set)
    {
        let why = format!(
            "component {} is already approved under this set",
            set.component
        );
        let hint = "authorize a start: counterfoil account authorization grant";
        return Err(Denial::new(Rule::PromotionExists, why, hint));
    }
    // Counted now, not when they were given: an approver may have lost the role or the key since.
    state.check_approvals(found, set, context.time)?;
    // A verdict is its recorder's claim. The author's own must not open the gate for their component.
    let author = &found.submitted.by;
    let (index, _) = state.check_verdict(Gate::Promotion, set.digest(), Some(author))?;
    state.check_excepted(index, context.time, Some(&set.component), None)
}

pub(super) fn archive(state: &LedgerState, component: &Digest) -> Judgment {
    let found = state.registry.at(component, &[ComponentStage::Approved]);
    found.map(|_| ())
}
