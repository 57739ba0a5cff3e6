//! Acts to deterministic CBOR and back; docs/GOVERNANCE.md has the schema. It must never take a
//! second form of anything.

use std::collections::BTreeMap;

use counterfoil_trading::cbor::{
    CborError, Reader, put_array, put_bytes, put_i64, put_text, put_u64,
};
use counterfoil_trading::time::UnixNanos;

use super::{Act, DigestSet, Evidence, EvidenceKind, Exception, Provenance, RunStart, put_until};
use crate::digest::{Digest, PublicKey};
use crate::id::Id;
use crate::role::{Kind, Role, Roles};

/// Appends the head of an act and its name.
fn put_head(out: &mut Vec<u8>, act: &Act, fields: usize) {
    put_array(out, fields.saturating_add(1));
    put_text(out, act.name());
}

fn put_id(out: &mut Vec<u8>, id: &Id) {
    put_text(out, id.as_str());
}

fn put_roles(out: &mut Vec<u8>, roles: &Roles) {
    put_array(out, roles.len());
    for role in roles {
        put_text(out, role.name());
    }
}

/// Appends evidence, in the order of the kinds.
pub(super) fn put_evidence(out: &mut Vec<u8>, evidence: &Evidence) {
    put_array(out, evidence.0.len());
    for (kind, digest) in &evidence.0 {
        put_array(out, 2);
        put_text(out, kind.name());
        put_bytes(out, &digest.0);
    }
}

fn put_set(out: &mut Vec<u8>, set: &DigestSet) {
    put_array(out, 4);
    for (_, digest) in set.named() {
        put_bytes(out, &digest.0);
    }
}

pub(super) fn put_act(out: &mut Vec<u8>, act: &Act) {
    match act {
        Act::Genesis {
            administrators,
            log_key,
            log_holder,
        } => {
            put_head(out, act, 3);
            put_array(out, administrators.len());
            for (id, key) in administrators {
                put_array(out, 2);
                put_id(out, id);
                put_bytes(out, &key.0);
            }
            put_bytes(out, &log_key.0);
            put_id(out, log_holder);
        }
        Act::PrincipalAdd {
            id,
            kind,
            roles,
            key,
            until,
        } => {
            put_head(out, act, 5);
            put_id(out, id);
            put_text(out, kind.name());
            put_roles(out, roles);
            put_bytes(out, &key.0);
            put_until(out, *until);
        }
        Act::RolesSet { id, roles } => {
            put_head(out, act, 2);
            put_id(out, id);
            put_roles(out, roles);
        }
        Act::KeyAdd { id, key, until } => {
            put_head(out, act, 3);
            put_id(out, id);
            put_bytes(out, &key.0);
            put_until(out, *until);
        }
        Act::KeyRotate { key, until } => {
            put_head(out, act, 2);
            put_bytes(out, &key.0);
            put_until(out, *until);
        }
        Act::KeyRevoke { id, key, reason } => {
            put_head(out, act, 3);
            put_id(out, id);
            put_bytes(out, &key.0);
            put_text(out, reason);
        }
        Act::LogHolder { id } => {
            put_head(out, act, 1);
            put_id(out, id);
        }
        Act::ComponentSubmit { .. }
        | Act::ComponentValidate { .. }
        | Act::ComponentApprove { .. }
        | Act::ComponentArchive { .. }
        | Act::RunStart(_)
        | Act::ExceptionGrant(_)
        | Act::ExceptionEnd { .. } => put_later_act(out, act),
    }
}

fn put_later_act(out: &mut Vec<u8>, act: &Act) {
    match act {
        Act::ComponentSubmit {
            component,
            strategy,
            provenance,
        } => {
            put_head(out, act, 6);
            put_bytes(out, &component.0);
            put_id(out, strategy);
            put_text(out, &provenance.source_commit);
            put_bytes(out, &provenance.lock_file.0);
            put_text(out, &provenance.toolchain);
            put_text(out, &provenance.wit_world);
        }
        Act::ComponentValidate {
            component,
            evidence,
        } => {
            put_head(out, act, 2);
            put_bytes(out, &component.0);
            put_evidence(out, evidence);
        }
        Act::ComponentApprove { set, signature } => {
            put_head(out, act, 2);
            put_set(out, set);
            put_bytes(out, signature);
        }
        Act::ComponentArchive { component, reason } => {
            put_head(out, act, 2);
            put_bytes(out, &component.0);
            put_text(out, reason);
        }
        Act::RunStart(start) => {
            put_head(out, act, 5);
            put_bytes(out, &start.run.0);
            put_set(out, &start.set);
            put_id(out, &start.account);
            put_text(out, &start.market);
            put_text(out, &start.timeframe);
        }
        Act::ExceptionGrant(exception) => {
            put_head(out, act, 5);
            put_text(out, &exception.rule);
            put_text(out, &exception.reason);
            put_text(out, &exception.control);
            put_id(out, &exception.owner);
            put_i64(out, exception.until.0);
        }
        Act::ExceptionEnd { granted, reason } => {
            put_head(out, act, 2);
            put_u64(out, *granted);
            put_text(out, reason);
        }
        Act::Genesis { .. }
        | Act::PrincipalAdd { .. }
        | Act::RolesSet { .. }
        | Act::KeyAdd { .. }
        | Act::KeyRotate { .. }
        | Act::KeyRevoke { .. }
        | Act::LogHolder { .. } => {}
    }
}

/// Something that was read but is not what may stand there; the reader stands behind it.
fn refused(reader: &Reader<'_>, expected: &'static str) -> CborError {
    // The reader tells its place by failing to end; at the very end there is none to tell.
    let offset = reader.end().err().map_or(0, |error| error.offset);
    CborError { offset, expected }
}

/// An id in its one form.
pub(crate) fn id(reader: &mut Reader<'_>) -> Result<Id, CborError> {
    let text = reader.text()?;
    Id::parse(&text)
        .ok()
        .filter(|id| id.as_str() == text)
        .ok_or_else(|| refused(reader, "an id in its one form"))
}

fn digest(reader: &mut Reader<'_>) -> Result<Digest, CborError> {
    reader.digest().map(Digest)
}

/// A public key.
pub(crate) fn key(reader: &mut Reader<'_>) -> Result<PublicKey, CborError> {
    reader.digest().map(PublicKey)
}

/// A signature.
pub(crate) fn signature(reader: &mut Reader<'_>) -> Result<[u8; 64], CborError> {
    let bytes = reader.bytes_string()?;
    bytes
        .try_into()
        .map_err(|_| refused(reader, "a byte string of 64 bytes"))
}

fn until(reader: &mut Reader<'_>) -> Result<Option<UnixNanos>, CborError> {
    if reader.null() {
        return Ok(None);
    }
    reader.i64().map(|time| Some(UnixNanos(time)))
}

fn roles(reader: &mut Reader<'_>) -> Result<Roles, CborError> {
    let mut roles = Roles::new();
    for _ in 0..reader.array()? {
        let name = reader.text()?;
        let role = Role::parse(&name).ok_or_else(|| refused(reader, "a role"))?;
        if roles.last().is_some_and(|last| *last >= role) {
            return Err(refused(reader, "roles in their order, each once"));
        }
        roles.insert(role);
    }
    Ok(roles)
}

fn evidence(reader: &mut Reader<'_>) -> Result<Evidence, CborError> {
    let mut found = BTreeMap::new();
    for _ in 0..reader.array()? {
        reader.array_of(2, "a kind of evidence and a digest")?;
        let name = reader.text()?;
        let kind =
            EvidenceKind::parse(&name).ok_or_else(|| refused(reader, "a kind of evidence"))?;
        if found
            .last_key_value()
            .is_some_and(|(last, _)| *last >= kind)
        {
            return Err(refused(reader, "evidence in its order, each kind once"));
        }
        found.insert(kind, digest(reader)?);
    }
    Ok(Evidence(found))
}

fn set(reader: &mut Reader<'_>) -> Result<DigestSet, CborError> {
    reader.array_of(4, "four digests")?;
    Ok(DigestSet {
        component: digest(reader)?,
        limits: digest(reader)?,
        policy: digest(reader)?,
        evidence: digest(reader)?,
    })
}

fn administrators(reader: &mut Reader<'_>) -> Result<Vec<(Id, PublicKey)>, CborError> {
    let mut found = Vec::new();
    for _ in 0..reader.array()? {
        reader.array_of(2, "an id and a key")?;
        found.push((id(reader)?, key(reader)?));
    }
    Ok(found)
}

pub(super) fn act(reader: &mut Reader<'_>) -> Result<Act, CborError> {
    let items = reader.array()?;
    let name = reader.text()?;
    let fields = items.saturating_sub(1);
    match (name.as_str(), fields) {
        ("genesis", 3) => Ok(Act::Genesis {
            administrators: administrators(reader)?,
            log_key: key(reader)?,
            log_holder: id(reader)?,
        }),
        ("principal-add", 5) => Ok(Act::PrincipalAdd {
            id: id(reader)?,
            kind: {
                let name = reader.text()?;
                Kind::parse(&name).ok_or_else(|| refused(reader, "person or service"))?
            },
            roles: roles(reader)?,
            key: key(reader)?,
            until: until(reader)?,
        }),
        ("roles-set", 2) => Ok(Act::RolesSet {
            id: id(reader)?,
            roles: roles(reader)?,
        }),
        ("key-add", 3) => Ok(Act::KeyAdd {
            id: id(reader)?,
            key: key(reader)?,
            until: until(reader)?,
        }),
        ("key-rotate", 2) => Ok(Act::KeyRotate {
            key: key(reader)?,
            until: until(reader)?,
        }),
        ("key-revoke", 3) => Ok(Act::KeyRevoke {
            id: id(reader)?,
            key: key(reader)?,
            reason: reader.text()?,
        }),
        ("log-holder", 1) => Ok(Act::LogHolder { id: id(reader)? }),
        (name, fields) => later_act(reader, name, fields),
    }
}

fn later_act(reader: &mut Reader<'_>, name: &str, fields: usize) -> Result<Act, CborError> {
    match (name, fields) {
        ("component-submit", 6) => Ok(Act::ComponentSubmit {
            component: digest(reader)?,
            strategy: id(reader)?,
            provenance: Provenance {
                source_commit: reader.text()?,
                lock_file: digest(reader)?,
                toolchain: reader.text()?,
                wit_world: reader.text()?,
            },
        }),
        ("component-validate", 2) => Ok(Act::ComponentValidate {
            component: digest(reader)?,
            evidence: evidence(reader)?,
        }),
        ("component-approve", 2) => Ok(Act::ComponentApprove {
            set: set(reader)?,
            signature: signature(reader)?,
        }),
        ("component-archive", 2) => Ok(Act::ComponentArchive {
            component: digest(reader)?,
            reason: reader.text()?,
        }),
        ("run-start", 5) => Ok(Act::RunStart(RunStart {
            run: digest(reader)?,
            set: set(reader)?,
            account: id(reader)?,
            market: reader.text()?,
            timeframe: reader.text()?,
        })),
        ("exception-grant", 5) => Ok(Act::ExceptionGrant(Exception {
            rule: reader.text()?,
            reason: reader.text()?,
            control: reader.text()?,
            owner: id(reader)?,
            until: UnixNanos(reader.i64()?),
        })),
        ("exception-end", 2) => Ok(Act::ExceptionEnd {
            granted: reader.u64()?,
            reason: reader.text()?,
        }),
        _ => Err(refused(reader, "a known act with its fields")),
    }
}
