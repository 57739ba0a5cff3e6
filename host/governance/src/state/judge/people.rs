//! Judges changes of principals, keys and roles. It must never change the state.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use super::{ASK_ADMINISTRATOR, ActContext, Judgment, LedgerState, known, signature};
use crate::id::Id;
use crate::record::{SignedAct, rotation_message};
use crate::role::{Role, Roles};
use crate::rule::{Denial, Rule};
use counterfoil_journal::public_key::PublicKey;

pub(super) fn genesis(
    state: &LedgerState,
    signed: &SignedAct,
    administrators: &[(Id, PublicKey)],
    log_key: PublicKey,
) -> Judgment {
    let deny = |rule, why: &str| {
        let hint = "create the ledger with another first record";
        Err(Denial::new(rule, why, hint))
    };
    if log_key != state.log_key {
        return deny(
            Rule::KeyUnknown,
            "the first record names another log key than the key of the log's signer",
        );
    }
    // One key for two principals would let one person sign as two, and a key that is also the log's
    // would let an administrator write the history that judges them.
    let mut keys = BTreeSet::from([log_key]);
    let mut looks = BTreeSet::new();
    for (id, key) in administrators {
        if !key.is_usable() {
            return deny(
                Rule::KeyUnusable,
                "a key is not a usable Ed25519 public key",
            );
        }
        if !keys.insert(*key) {
            return deny(
                Rule::KeyTaken,
                "two principals, or a principal and the log, have the same key",
            );
        }
        if !looks.insert(id.look()) {
            return deny(Rule::PrincipalLook, "two of the ids look alike");
        }
    }
    if !administrators.contains(&(signed.actor.clone(), signed.key)) {
        return deny(
            Rule::PrincipalUnknown,
            "the signer of the first record is not one of its administrators",
        );
    }
    signature(state, signed)
}

fn new_id(state: &LedgerState, id: &Id) -> Judgment {
    if state.principals.contains_key(id) {
        let why = format!("{id} is a principal already");
        let hint = "an administrator can change its roles and keys";
        return Err(Denial::new(Rule::PrincipalExists, why, hint));
    }
    // A name that only looks like an approver's would pass a reader's eye in every list and record.
    let look = id.look();
    let Some(other) = state.principals.keys().find(|other| other.look() == look) else {
        return Ok(());
    };
    let why = format!("{id} looks like the principal {other}, but is another name");
    Err(Denial::new(
        Rule::PrincipalLook,
        why,
        "use a name that readers can tell apart",
    ))
}

fn new_key(state: &LedgerState, key: &PublicKey) -> Judgment {
    let hint = "create a new key: counterfoil people key new";
    if !key.is_usable() {
        let why = format!("key {key} is not a usable Ed25519 public key");
        return Err(Denial::new(Rule::KeyUnusable, why, hint));
    }
    // Keys that ended count as well: an old signature must never become another principal's.
    if *key == state.log_key || state.log_keys.contains_key(key) || state.keys.contains_key(key) {
        let why = format!("key {key} is in use, or was used before");
        return Err(Denial::new(Rule::KeyTaken, why, hint));
    }
    Ok(())
}

pub(super) fn roles_set(
    state: &LedgerState,
    context: ActContext<'_>,
    id: &Id,
    roles: &Roles,
) -> Judgment {
    known(state, id)?;
    // Even an administrator: a stolen administrator key must not make its holder an approver as well.
    if id == context.by {
        let why = format!("{id} may not change its own roles");
        let who = state.who(&[Role::Administrator], context.time, &[id]);
        return Err(Denial::new(Rule::RolesOwn, why, who));
    }
    state.check_log_duty(id, roles)?;
    if !roles.contains(&Role::Administrator) {
        state.administrator_left(context.time, |owner, _| owner == id)?;
    }
    // Before the end of the set-up the classes are still being filled, so a role may be taken away that leaves
    // one short.
    if state.setup_end.is_none() {
        return Ok(());
    }
    let mut principals = state.principals.clone();
    if let Some(principal) = principals.get_mut(id) {
        principal.roles.clone_from(roles);
    }
    state.check_classes(Rule::ClassShort, context.time, &principals, None)
}

pub(super) fn key_revoke(
    state: &LedgerState,
    context: ActContext<'_>,
    id: &Id,
    key: PublicKey,
) -> Judgment {
    let actor = context.by;
    let principal = state.principals.get(actor);
    let administers =
        principal.is_some_and(|principal| principal.roles.contains(&Role::Administrator));
    if actor != id && !administers {
        let why = format!("{actor} is neither {id} nor an administrator");
        let who = state.who(&[Role::Administrator], context.time, &[actor]);
        return Err(Denial::new(Rule::RoleMissing, why, who));
    }
    let Some(found) = state.keys.get(&key).filter(|found| found.owner == *id) else {
        let why = format!("key {key} is not a key of {id}");
        return Err(Denial::new(Rule::KeyUnknown, why, ASK_ADMINISTRATOR));
    };
    if found.ended.is_some() {
        let why = format!("key {key} is already revoked or rotated");
        return Err(Denial::new(Rule::KeyRevoked, why, "nothing is left to do"));
    }
    // Without an administrator no key could ever be added again, and every other key would expire in
    // time: the ledger would be dead.
    state.administrator_left(context.time, |_, other| *other == key)
}

pub(super) fn log_holder(state: &LedgerState, id: &Id) -> Judgment {
    let principal = state.principals.get(id);
    if principal.is_none_or(|principal| !principal.roles.contains(&Role::Operator)) {
        return Ok(());
    }
    let why = format!("{id} is an operator, and may not hold the log's signing key");
    let hint = "give the key or the role to another principal";
    Err(Denial::new(Rule::DutyLogKey, why, hint))
}

pub(super) fn add(state: &LedgerState, id: &Id, roles: &Roles, key: &PublicKey) -> Judgment {
    new_id(state, id)?;
    new_key(state, key)?;
    state.check_log_duty(id, roles)
}

pub(super) fn key_add(state: &LedgerState, id: &Id, key: &PublicKey) -> Judgment {
    known(state, id)?;
    new_key(state, key)
}

pub(super) fn key_rotate(
    state: &LedgerState,
    context: ActContext<'_>,
    key: &PublicKey,
    until: Option<UnixNanos>,
) -> Judgment {
    new_key(state, key)?;
    if until.is_none_or(|until| context.time < until) {
        return Ok(());
    }
    // The old key ends with this act. A new key that has expired already would leave its owner with none,
    // and the last administrator with no way back.
    let why = format!("key {key} would expire before it is added");
    Err(Denial::new(Rule::KeyExpired, why, ASK_ADMINISTRATOR))
}

/// The old key names its successor, and the new key's signature proves that its secret key exists.
pub(super) fn log_rotate(
    state: &LedgerState,
    key: &PublicKey,
    old_signature: &[u8; 64],
    new_signature: &[u8; 64],
) -> Judgment {
    new_key(state, key)?;
    let message = rotation_message(&state.origin, &state.log_key, key);
    // Over one message with both keys in it: neither signature can be reused for a rotation to another key.
    for (which, signer, signature) in [
        ("old", &state.log_key, old_signature),
        ("new", key, new_signature),
    ] {
        if !signer.signed(&message, signature) {
            let why = format!("the log's {which} key {signer} did not sign the rotation");
            let hint = "have both keys sign the rotation";
            return Err(Denial::new(Rule::LogSignature, why, hint));
        }
    }
    Ok(())
}
