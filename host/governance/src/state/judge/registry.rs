//! Whether a component may go on from its stage.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use super::{Doing, State, Verdict};
use crate::act::{Class, DigestSet, Evidence, EvidenceKind};
use crate::attest;
use crate::id::Id;
use crate::registry::{Component, Stage};
use crate::role::Role;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;

pub(super) fn new_component(state: &State, component: &Digest) -> Verdict {
    if !state.registry.components.contains_key(component) {
        return Ok(());
    }
    let why = format!("component {component} is registered");
    Err(Denial::new(
        Rule::ComponentExists,
        why,
        "go on from its stage, or submit a new version",
    ))
}

pub(super) fn validate(
    state: &State,
    doing: Doing<'_>,
    component: &Digest,
    evidence: &Evidence,
) -> Verdict {
    let found = state.registry.at(component, &[Stage::Draft])?;
    state.check_author(found, doing.by, (Role::Reviewer, doing.time))?;
    let missing = |kind: &EvidenceKind| !evidence.0.contains_key(kind);
    let missing: Vec<_> = EvidenceKind::ALL.into_iter().filter(missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|kind| kind.name()).collect();
    let why = format!("evidence is missing: {}", names.join(", "));
    let way = "make the missing ones first: counterfoil component attest-tests, counterfoil component validate";
    Err(Denial::new(Rule::EvidenceMissing, why, way))
}

pub(super) fn approve(
    state: &State,
    doing: Doing<'_>,
    set: &DigestSet,
    signature: &[u8; 64],
) -> Verdict {
    let stages = [Stage::Validated, Stage::Approved];
    let found = state.registry.at(&set.component, &stages)?;
    let (actor, time) = (doing.by, doing.time);
    state.check_author(found, actor, (Role::Approver, time))?;
    state.check_reviewer(found, actor, time)?;
    approval_voice(state, (actor, time), found, set)?;
    same_evidence(found, set)?;
    let envelope = attest::approval(&state.origin, actor, set);
    if envelope.is_ok_and(|envelope| doing.key.signed(&envelope.message(), signature)) {
        return Ok(());
    }
    let why = format!("the signature of the approval is not {actor}'s over this digest set");
    let way = "sign the approval of exactly this set with the key that signs the act";
    Err(Denial::new(Rule::ApprovalSignature, why, way))
}

/// For whom somebody approves a set: nobody lends the author or the reviewer a second voice, and
/// who speaks for another does not count twice.
pub(in crate::state) fn approval_voice(
    state: &State,
    (id, time): (&Id, UnixNanos),
    found: &Component,
    set: &DigestSet,
) -> Result<Id, Denial> {
    let mut but = vec![&found.submitted.by];
    but.extend(found.validated.as_ref().map(|(_, deed)| &deed.by));
    let others = found.approvals.iter().filter(|one| one.deed.by != *id);
    let others = others.filter(|one| one.set == *set);
    let spoken: BTreeSet<Id> = others.map(|one| one.voice.clone()).collect();
    let counting = state.approved_by(found, set, time);
    let used = counting.intersection(&spoken).cloned().collect();
    state.voice((Class::Promotion, time), id, &but, &used)
}

/// What is approved rests on the evidence that was validated.
fn same_evidence(found: &Component, set: &DigestSet) -> Verdict {
    let evidence = found.validated.as_ref().map(|(one, _)| one.digest());
    if evidence != Some(set.evidence) {
        let was = evidence.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
        let why = format!(
            "what was validated is not this: evidence was {was}, is {}",
            set.evidence
        );
        let way = "approve the evidence that was validated";
        return Err(Denial::new(Rule::ApprovalChanged, why, way));
    }
    Ok(())
}

/// A component becomes approved under a set that enough people approved and the policy in force
/// passed, and in no other way.
pub(super) fn promote(state: &State, doing: Doing<'_>, set: &DigestSet) -> Verdict {
    state.check_setup()?;
    let stages = [Stage::Validated, Stage::Approved];
    let found = state.registry.at(&set.component, &stages)?;
    state.check_author(found, doing.by, (Role::Operator, doing.time))?;
    same_evidence(found, set)?;
    state.check_policy(set)?;
    if found.promotions.iter().any(|one| one.set == *set) {
        let why = format!("component {} is approved under this set", set.component);
        let way = "it can be started as it is";
        return Err(Denial::new(Rule::PromotionExists, why, way));
    }
    state.check_approvals(found, set, doing.time)?;
    // The author's own word of what the policy said opens no gate for their component.
    let author = &found.submitted.by;
    let (index, _) = state.check_verdict(Gate::Promotion, set.digest(), Some(author))?;
    state.check_excepted((index, doing.time), Some(&set.component), None)
}
