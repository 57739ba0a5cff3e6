//! What the ledgers of the tests are made of: ids, digests by name, and the acts on a component. It must never know
//! whose ledger it is.

use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome};
use counterfoil_governance::act::{
    Act, DigestSet, EvidenceKind, EvidenceSet, GateVerdict, Provenance,
};
use counterfoil_governance::attest;
use counterfoil_governance::id::Id;
use counterfoil_governance::role::{PrincipalKind, Role};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};

/// The id of this name.
pub fn id(name: &str) -> Id {
    Id::parse(name).unwrap()
}

/// The digest of a name, which stands in for the digest of real bytes.
pub fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// Adds a person with these roles; without one, a service.
pub fn principal(name: &str, roles: &[Role], key: PublicKey) -> Act {
    let kind = if roles.is_empty() {
        PrincipalKind::Service
    } else {
        PrincipalKind::Person
    };
    Act::PrincipalAdd {
        id: id(name),
        kind,
        roles: roles.iter().copied().collect(),
        key,
        until: None,
    }
}

/// The provenance of a component in a test's ledger.
pub fn provenance(wit_world: &str) -> Provenance {
    Provenance {
        source_commit: "0f1e2d".to_owned(),
        lock_file: digest("lock"),
        toolchain: "rustc".to_owned(),
        wit_world: wit_world.to_owned(),
    }
}

/// Evidence with a piece of every kind.
pub fn evidence() -> EvidenceSet {
    let all = EvidenceKind::ALL;
    EvidenceSet(all.map(|kind| (kind, digest(kind.name()))).into())
}

/// The digests of a component under limits.
pub fn digest_set(component: Digest, limits: Digest) -> DigestSet {
    DigestSet {
        component,
        limits,
        policy: digest("policy"),
        evidence: evidence().digest(),
    }
}

/// Dan's approval of a set.
pub fn approval(origin: &str, set: DigestSet, hand: &Ed25519Signer) -> Act {
    let envelope = attest::approval(origin, &id("dan"), &set).unwrap();
    let signature = hand.sign(&envelope.message()).unwrap();
    Act::ComponentApprove { set, signature }
}

/// A verdict of the policy, without reasons or limits.
pub fn verdict(gate: Gate, subject: Digest, outcome: GateOutcome) -> GateVerdict {
    GateVerdict {
        gate,
        subject,
        bundle: digest("policy"),
        input: digest("input"),
        outcome,
        reasons: vec![],
        limits: None,
    }
}
