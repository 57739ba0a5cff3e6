//! Whether an act may be done in a state: one function for appending and for verifying. It must
//! never change the state, nor know whether the act is new or was recorded long ago.

use std::collections::BTreeSet;

use super::State;
use crate::act::{Act, DigestSet, Evidence, EvidenceKind};
use crate::attest;
use crate::digest::{Digest, PublicKey};
use crate::id::Id;
use crate::record::Signed;
use crate::registry::Stage;
use crate::role::Role;
use crate::rule::{Denial, Rule};

type Verdict = Result<(), Denial>;

const ASK_ADMINISTRATOR: &str = "an administrator can add or replace keys";

pub(super) fn judge(state: &State, signed: &Signed) -> Verdict {
    if let Act::Genesis {
        administrators,
        log_key,
        ..
    } = &signed.act
        && state.log_holder.is_none()
    {
        return genesis(state, signed, administrators, *log_key);
    }
    authentic(state, signed)?;
    has_role(state, signed)?;
    match &signed.act {
        Act::Genesis { .. } => Err(Denial::new(
            Rule::GenesisRepeated,
            "the ledger has begun",
            "administrators add principals one by one",
        )),
        Act::PrincipalAdd { id, roles, key, .. } => {
            new_id(state, id)?;
            new_key(state, key)?;
            state.check_log_duty(id, roles)
        }
        Act::RolesSet { id, roles } => roles_set(state, signed, id, roles),
        Act::KeyAdd { id, key, .. } => {
            known(state, id)?;
            new_key(state, key)
        }
        Act::KeyRotate { key, until } => {
            new_key(state, key)?;
            if until.is_none_or(|until| signed.time < until) {
                return Ok(());
            }
            // A key that is over before it begins would leave its owner without any.
            let why = format!("key {key} would be over before it begins");
            Err(Denial::new(Rule::KeyExpired, why, ASK_ADMINISTRATOR))
        }
        Act::KeyRevoke { id, key, .. } => key_revoke(state, signed, id, *key),
        Act::LogHolder { id } => log_holder(state, id),
        Act::ComponentSubmit { component, .. } => new_component(state, component),
        Act::ComponentValidate {
            component,
            evidence,
        } => validate(state, signed, component, evidence),
        Act::ComponentApprove { set, signature } => approve(state, signed, set, signature),
        Act::ComponentArchive { component, .. } => {
            state.registry.at(component, &[Stage::Approved]).map(|_| ())
        }
        Act::RunStart(start) => {
            state.registry.may_start(&start.set)?;
            if !state.registry.runs.contains_key(&start.run) {
                return Ok(());
            }
            let why = format!("run {} was started before", start.run);
            let way = "use a new start nonce in its manifest";
            Err(Denial::new(Rule::RunExists, why, way))
        }
        Act::ExceptionGrant(exception) => state.check_exception(signed, exception),
        Act::ExceptionEnd { granted, .. } => state.check_exception_end(signed.time, *granted),
    }
}

fn genesis(
    state: &State,
    signed: &Signed,
    administrators: &[(Id, PublicKey)],
    log_key: PublicKey,
) -> Verdict {
    let deny = |rule, why: &str| {
        let way = "begin the ledger with another first record";
        Err(Denial::new(rule, why, way))
    };
    if log_key != state.log_key {
        return deny(
            Rule::KeyUnknown,
            "the first record names another log key than the one that signs",
        );
    }
    let mut keys = BTreeSet::from([log_key]);
    let mut looks = BTreeSet::new();
    for (id, key) in administrators {
        if !key.is_usable() {
            return deny(Rule::KeyUnusable, "a key with which nothing can be signed");
        }
        if !keys.insert(*key) {
            return deny(Rule::KeyTaken, "two of the keys are one");
        }
        if !looks.insert(id.look()) {
            return deny(Rule::PrincipalLook, "two of the ids look the same");
        }
    }
    if !administrators.contains(&(signed.actor.clone(), signed.key)) {
        return deny(
            Rule::PrincipalUnknown,
            "the one who begins the ledger is none of its administrators",
        );
    }
    signature(state, signed)
}

fn signature(state: &State, signed: &Signed) -> Verdict {
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

/// Whether the one who acts is a principal with a key that counts, and signed this.
fn authentic(state: &State, signed: &Signed) -> Verdict {
    known(state, &signed.actor)?;
    let (actor, key) = (&signed.actor, &signed.key);
    let deny = |rule, what: &str| {
        let why = format!("key {key} of {actor} {what}");
        Err(Denial::new(rule, why, ASK_ADMINISTRATOR))
    };
    let Some(found) = state.keys.get(key).filter(|found| found.owner == *actor) else {
        return deny(Rule::KeyUnknown, "is not in the ledger");
    };
    if let Some(index) = found.ended {
        let what = format!("was revoked or rotated by record {index}");
        return deny(Rule::KeyRevoked, &what);
    }
    if !found.counts(signed.time) {
        return deny(Rule::KeyExpired, "has expired");
    }
    signature(state, signed)
}

fn has_role(state: &State, signed: &Signed) -> Verdict {
    let needed = signed.act.roles();
    let principal = state.principals.get(&signed.actor);
    let has = |role| principal.is_some_and(|one| one.roles.contains(role));
    if needed.is_empty() || needed.iter().any(has) {
        return Ok(());
    }
    let (actor, act) = (&signed.actor, signed.act.name());
    let names: Vec<_> = needed.iter().map(|role| role.name()).collect();
    let why = format!(
        "{act} needs the role {}, which {actor} has not",
        names.join(" or ")
    );
    let who = state.who(needed, signed.time, &[actor]);
    Err(Denial::new(Rule::RoleMissing, why, who))
}

fn known(state: &State, id: &Id) -> Verdict {
    if state.principals.contains_key(id) {
        return Ok(());
    }
    let why = format!("{id} is no principal of this ledger");
    Err(Denial::new(
        Rule::PrincipalUnknown,
        why,
        "an administrator can add principals",
    ))
}

fn new_id(state: &State, id: &Id) -> Verdict {
    if state.principals.contains_key(id) {
        let why = format!("{id} is a principal already");
        let way = "an administrator can change its roles and keys";
        return Err(Denial::new(Rule::PrincipalExists, why, way));
    }
    let look = id.look();
    let Some(other) = state.principals.keys().find(|other| other.look() == look) else {
        return Ok(());
    };
    let why = format!("{id} looks like the principal {other}, and is another name");
    Err(Denial::new(
        Rule::PrincipalLook,
        why,
        "use a name that can be told apart",
    ))
}

fn new_key(state: &State, key: &PublicKey) -> Verdict {
    let way = "make a new key";
    if !key.is_usable() {
        let why = format!("nothing can be signed with key {key}");
        return Err(Denial::new(Rule::KeyUnusable, why, way));
    }
    if *key == state.log_key || state.keys.contains_key(key) {
        let why = format!("key {key} is in use, or was");
        return Err(Denial::new(Rule::KeyTaken, why, way));
    }
    Ok(())
}

fn roles_set(state: &State, signed: &Signed, id: &Id, roles: &crate::role::Roles) -> Verdict {
    known(state, id)?;
    if *id == signed.actor {
        let why = format!("{id} would change its own roles");
        let who = state.who(&[Role::Administrator], signed.time, &[id]);
        return Err(Denial::new(Rule::RolesOwn, why, who));
    }
    state.check_log_duty(id, roles)?;
    if roles.contains(&Role::Administrator) {
        return Ok(());
    }
    state.administrator_left(signed.time, |owner, _| owner == id)
}

fn key_revoke(state: &State, signed: &Signed, id: &Id, key: PublicKey) -> Verdict {
    let actor = &signed.actor;
    let principal = state.principals.get(actor);
    let administers = principal.is_some_and(|one| one.roles.contains(&Role::Administrator));
    if actor != id && !administers {
        let why = format!("{actor} is not {id} and no administrator");
        let who = state.who(&[Role::Administrator], signed.time, &[actor]);
        return Err(Denial::new(Rule::RoleMissing, why, who));
    }
    let Some(found) = state.keys.get(&key).filter(|found| found.owner == *id) else {
        let why = format!("key {key} is not one of {id}'s");
        return Err(Denial::new(Rule::KeyUnknown, why, ASK_ADMINISTRATOR));
    };
    if found.ended.is_some() {
        let why = format!("key {key} was revoked or rotated before");
        return Err(Denial::new(Rule::KeyRevoked, why, "nothing is left to do"));
    }
    state.administrator_left(signed.time, |_, other| *other == key)
}

fn log_holder(state: &State, id: &Id) -> Verdict {
    let principal = state.principals.get(id);
    if principal.is_none_or(|one| !one.roles.contains(&Role::Operator)) {
        return Ok(());
    }
    let why = format!("{id} is an operator, and may not hold the log's signing key");
    let way = "give the key, or the role, to somebody else";
    Err(Denial::new(Rule::DutyLogKey, why, way))
}

fn new_component(state: &State, component: &Digest) -> Verdict {
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

fn validate(state: &State, signed: &Signed, component: &Digest, evidence: &Evidence) -> Verdict {
    let found = state.registry.at(component, &[Stage::Draft])?;
    state.check_author(found, &signed.actor, (Role::Reviewer, signed.time))?;
    let missing = |kind: &EvidenceKind| !evidence.0.contains_key(kind);
    let missing: Vec<_> = EvidenceKind::ALL.into_iter().filter(missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|kind| kind.name()).collect();
    let why = format!("evidence is missing: {}", names.join(", "));
    let way = "a reviewer validates it with all six pieces";
    Err(Denial::new(Rule::EvidenceMissing, why, way))
}

fn approve(state: &State, signed: &Signed, set: &DigestSet, signature: &[u8; 64]) -> Verdict {
    let stages = [Stage::Validated, Stage::Approved];
    let found = state.registry.at(&set.component, &stages)?;
    let (actor, time) = (&signed.actor, signed.time);
    state.check_author(found, actor, (Role::Approver, time))?;
    state.check_reviewer(found, actor, time)?;
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
    let envelope = attest::approval(&state.origin, actor, set);
    if envelope.is_ok_and(|envelope| signed.key.signed(&envelope.message(), signature)) {
        return Ok(());
    }
    let why = format!("the signature of the approval is not {actor}'s over this digest set");
    let way = "sign the approval of exactly this set with the key that signs the act";
    Err(Denial::new(Rule::ApprovalSignature, why, way))
}
