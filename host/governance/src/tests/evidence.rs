//! Attestations are opened before their digests are believed.

use serde_json::json;

use super::*;
use crate::attest::{
    DsseEnvelope, EvidenceFault, InTotoStatement, StatementSubject, open_evidence,
};

type Store = BTreeMap<Digest, Vec<u8>>;

fn statement(kind: EvidenceKind, about: &str) -> InTotoStatement {
    let subject = StatementSubject::new("component.wasm", digest(about));
    InTotoStatement::new(
        vec![subject],
        &kind.predicate_type(),
        json!({ "passed": true }),
    )
}

fn sealed(statement: &InTotoStatement, seed: u8) -> Vec<u8> {
    let mut envelope = DsseEnvelope::new(statement).unwrap();
    envelope.sign(&signing_key(seed)).unwrap();
    envelope.encode().unwrap()
}

/// Evidence of every kind, signed by key 3.
fn whole() -> (EvidenceSet, Store) {
    let (mut evidence, mut store) = (EvidenceSet::default(), Store::new());
    for kind in EvidenceKind::ALL {
        let bytes = sealed(&statement(kind, "one"), 3);
        evidence.0.insert(kind, Digest::of(&bytes));
        store.insert(Digest::of(&bytes), bytes);
    }
    (evidence, store)
}

#[test]
fn whole_evidence_opens_and_says_who_signed_it() {
    let (evidence, store) = whole();
    let keys = [key(2), key(3)];
    let open = |digest: &Digest| store.get(digest).cloned();
    let opened = open_evidence(&digest("one"), &evidence, &keys, open).unwrap();
    assert_eq!(
        opened.iter().map(|one| one.kind).collect::<Vec<_>>(),
        EvidenceKind::ALL
    );
    assert!(opened.iter().all(|one| one.signers == [key(3)].into()));
    // Every piece that does not hold is told, not only the first.
    let errors = open_evidence(&digest("two"), &evidence, &keys, open).unwrap_err();
    assert_eq!(errors.len(), 6);
}

#[test]
fn evidence_that_is_not_what_its_digest_says_is_named_by_a_stable_code() {
    let kind = EvidenceKind::Replay;
    let other = statement(EvidenceKind::Admission, "one");
    let mut two = statement(kind, "one");
    two.subject
        .push(StatementSubject::new("another", digest("two")));
    let mut none = statement(kind, "one");
    none.subject.clear();
    let mut no_statement = DsseEnvelope::new(&statement(kind, "one")).unwrap();
    no_statement.payload = b"{}".to_vec();
    no_statement.sign(&signing_key(3)).unwrap();
    let good = sealed(&statement(kind, "one"), 3);
    let cases = [
        (EvidenceFault::Envelope, b"{}".to_vec()),
        (EvidenceFault::Envelope, good[..good.len() - 1].to_vec()),
        (EvidenceFault::Unsigned, sealed(&statement(kind, "one"), 9)),
        (EvidenceFault::Statement, no_statement.encode().unwrap()),
        (EvidenceFault::Subject, sealed(&statement(kind, "two"), 3)),
        (EvidenceFault::Subject, sealed(&two, 3)),
        (EvidenceFault::Subject, sealed(&none, 3)),
        (EvidenceFault::Predicate, sealed(&other, 3)),
    ];
    let check = |evidence: &EvidenceSet, store: &Store, fault: EvidenceFault| {
        let open = |digest: &Digest| store.get(digest).cloned();
        let errors = open_evidence(&digest("one"), evidence, &[key(3)], open).unwrap_err();
        let [error] = &errors[..] else {
            panic!("{errors:?}")
        };
        assert_eq!((error.kind, error.fault), (kind, fault), "{error}");
        assert!(error.to_string().starts_with(fault.code()), "{error}");
    };
    for (fault, bytes) in cases {
        let (mut evidence, mut store) = whole();
        evidence.0.insert(kind, Digest::of(&bytes));
        store.insert(Digest::of(&bytes), bytes);
        check(&evidence, &store, fault);
    }
    // What is stored under the digest is something else, or nothing, or there is no digest.
    let (mut evidence, mut store) = whole();
    let stored = evidence.0[&kind];
    store.insert(stored, sealed(&statement(kind, "one"), 4));
    check(&evidence, &store, EvidenceFault::Digest);
    store.remove(&stored);
    check(&evidence, &store, EvidenceFault::Absent);
    evidence.0.remove(&kind);
    check(&evidence, &store, EvidenceFault::Missing);
}
