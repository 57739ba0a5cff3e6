//! Ledgers and single acts of them, verified with public keys alone: what somebody signed holds, and nothing else does.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod common;

use std::fs;

use common::{prove, seal_each, signer};
use counterfoil_governance::act::{Act, KillScope};
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{Ledger, LedgerError, LedgerFounder};
use counterfoil_governance::record::{LedgerRecord, SignedAct};
use counterfoil_governance::role::{PrincipalKind, Role};
use counterfoil_journal::entry::split;
use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_journal::hash::leaf_hash;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::LogKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_trading::time::UnixNanos;
use counterfoil_verify::{LedgerProofError, LedgerReport, verify_ledger, verify_ledger_proof};

const ORIGIN: &str = "counterfoil/ledger/desk";

fn hand(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[seed; 32])
}

fn public(signer: &Ed25519Signer) -> PublicKey {
    PublicKey(signer.verifying_key())
}

fn id(name: &str) -> Id {
    Id::parse(name).unwrap()
}

/// A ledger of some acts, one of them denied, as its file.
fn ledger() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.ledger");
    let founder = LedgerFounder {
        administrator: id("ada"),
        log_holder: id("lena"),
        time: UnixNanos(1),
    };
    let log = Box::new(LogKey::new(signer(), [7; 32]));
    let mut ledger = Ledger::begin(&path, &id("desk"), log, founder, &hand(1)).unwrap();
    for (time, name, role, seed) in [(2, "erin", Role::Operator, 2), (3, "bob", Role::Author, 3)] {
        let act = Act::PrincipalAdd {
            id: id(name),
            kind: PrincipalKind::Person,
            roles: [role].into(),
            key: public(&hand(seed)),
            until: None,
        };
        ledger
            .act(UnixNanos(time), &id("ada"), act, &hand(1))
            .unwrap();
    }
    let kill = || Act::Kill {
        scope: KillScope::Installation,
        reason: "a\u{202e}test\nintegrity: intact".to_owned(),
    };
    ledger
        .act(UnixNanos(4), &id("erin"), kill(), &hand(2))
        .unwrap();
    let lift = Act::KillLift {
        killed: 3,
        reason: "over".to_owned(),
    };
    let denied = ledger.act(UnixNanos(5), &id("bob"), lift, &hand(3));
    assert!(
        matches!(denied, Err(LedgerError::Denied { .. })),
        "{denied:?}"
    );
    fs::read(path).unwrap()
}

/// The bodies of a ledger's entries, with the leaf hash before each.
fn bodies(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut frames, mut rest, mut bodies) = (FrameReader::new(), bytes, Vec::new());
    while !rest.is_empty() {
        let parsed = frames.parse(rest).unwrap();
        rest = &rest[parsed.consumed..];
        if let Some(Frame::Entry(entry)) = parsed.frame {
            bodies.push(split(entry, 0).unwrap().1.to_vec());
        }
    }
    bodies
}

/// The ledger with its records changed, linked and signed again by the log's own key. Actors sign the hash in front of
/// them, so every record behind the first is signed again where `sign` says so.
fn resealed(change: impl Fn(usize, LedgerRecord) -> LedgerRecord) -> Vec<Vec<u8>> {
    let mut previous = counterfoil_journal::entry::GENESIS;
    let mut out = Vec::new();
    for (index, body) in bodies(&ledger()).iter().enumerate() {
        let mut record = LedgerRecord::decode(previous, body).unwrap();
        let seed = match record.signed.actor.as_str() {
            "ada" => 1,
            "erin" => 2,
            _ => 3,
        };
        let SignedAct {
            time, actor, act, ..
        } = record.signed.clone();
        record.signed = SignedAct::sign(ORIGIN, previous, time, actor, act, &hand(seed)).unwrap();
        let body = change(index, record).encode();
        let mut entry = previous.0.to_vec();
        entry.extend_from_slice(&[0; 16]);
        entry.extend_from_slice(&body);
        previous = leaf_hash(&entry);
        out.push(body);
    }
    out
}

fn verify(bytes: &[u8]) -> LedgerReport {
    verify_ledger(bytes, &public(&signer())).unwrap()
}

#[test]
fn a_whole_ledger_is_verified_with_its_public_key_alone() {
    let bytes = ledger();
    let report = verify(&bytes);
    assert_eq!(report.finding, None);
    assert_eq!((report.records, report.denied), (5, 1));
    assert_eq!(report.origin.as_deref(), Some(ORIGIN));
    assert_eq!(report.last_time, Some(UnixNanos(5)));
    assert!(report.is_good());
    // Under another key the same bytes are another's ledger.
    let other = verify_ledger(&bytes[..], &public(&hand(9))).unwrap();
    assert!(other.finding.unwrap().why.contains("was not rotated"));
    // A crash leaves a record without its checkpoint, which never took effect.
    let torn = verify(&bytes[..bytes.len() - 40]);
    assert_eq!((torn.records, torn.unsigned), (4, 1));
    assert!(torn.is_good() && torn.torn_bytes > 0);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let report = verify(&changed);
        // In the last frame it looks like that crash.
        let is_cut = report.records == 4 && report.finding.is_none();
        assert!(!report.is_good() || is_cut, "byte {at}");
    }
}

#[test]
fn what_the_logs_holder_signs_alone_is_found_in_a_ledger() {
    #[track_caller]
    fn check(expect: &str, change: impl Fn(usize, LedgerRecord) -> LedgerRecord) {
        let report = verify(&seal_each(&resealed(change), ORIGIN, &signer()));
        let finding = report.finding.unwrap();
        assert!(finding.why.contains(expect), "{finding:?}");
    }
    assert!(verify(&seal_each(&resealed(|_, record| record), ORIGIN, &signer())).is_good());
    let denied = |index, mut record: LedgerRecord| {
        if index == 4 {
            record.denied = None;
        }
        record
    };
    check("recorded as done, but the rules give", denied);
    check("signature.invalid", |index, mut record| {
        if index == 3 {
            record.signed.signature[5] ^= 1;
        }
        record
    });
    check("is before", |index, mut record| {
        if index == 3 {
            let SignedAct {
                previous,
                actor,
                act,
                ..
            } = record.signed;
            record.signed =
                SignedAct::sign(ORIGIN, previous, UnixNanos(1), actor, act, &hand(2)).unwrap();
        }
        record
    });
}

#[track_caller]
fn check_unsigned(change: fn(&mut LedgerRecord)) {
    let forged = resealed(|index, mut record| {
        if index == 3 {
            change(&mut record);
        }
        record
    });
    let proof = prove(&forged, ORIGIN, 3);
    let error = verify_ledger_proof(proof.as_bytes(), &public(&signer())).unwrap_err();
    assert!(
        matches!(error, LedgerProofError::Signature { .. }),
        "{error}"
    );
}

/// Broke: `proof` said "proved" of an act in the log's tree that the named actor had not signed, so that the holder of the
/// log's key could prove any act of anybody. Fixed by checking the actor's signature and decoding the whole act.
#[test]
fn a_proof_of_an_act_that_nobody_signed_proves_nothing() {
    let log = public(&signer());
    let records = resealed(|_, record| record);
    let proved = verify_ledger_proof(prove(&records, ORIGIN, 3).as_bytes(), &log).unwrap();
    assert_eq!(
        (proved.actor.as_str(), proved.act.as_str()),
        ("erin", "kill")
    );
    let shown = r#"["kill", ["installation"], "a"#;
    assert!(proved.fields.starts_with(shown), "{}", proved.fields);
    let text = proved.to_string();
    assert!(
        text.contains("not shown that the key was the actor's"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| !line.starts_with("integrity")),
        "{text}"
    );
    assert!(!text.contains('\u{202e}'));
    assert!(
        proved
            .clone()
            .signed_by(public(&hand(2)))
            .unwrap()
            .is_known_key
    );
    let other = proved.signed_by(public(&hand(3)));
    assert!(matches!(other, Err(LedgerProofError::OtherKey { .. })));
    let denied = verify_ledger_proof(prove(&records, ORIGIN, 4).as_bytes(), &log).unwrap();
    assert!(denied.denied.is_some());
    check_unsigned(|record| record.signed.signature = [0; 64]);
    check_unsigned(|record| record.signed.actor = id("ada"));
    check_unsigned(|record| record.signed.time = UnixNanos(3));
    check_unsigned(|record| record.signed.key = PublicKey(hand(1).verifying_key()));
    check_unsigned(|record| {
        record.signed.act = Act::Kill {
            scope: KillScope::Installation,
            reason: "other".to_owned(),
        };
    });
    // Signed by the actor for another place in the ledger, and for another ledger.
    let moved = [records[0].clone(), records[3].clone()];
    let error = verify_ledger_proof(prove(&moved, ORIGIN, 1).as_bytes(), &log).unwrap_err();
    assert!(
        matches!(error, LedgerProofError::Signature { .. }),
        "{error}"
    );
    let elsewhere = prove(&records, "counterfoil/ledger/other", 3);
    let error = verify_ledger_proof(elsewhere.as_bytes(), &log).unwrap_err();
    assert!(
        matches!(error, LedgerProofError::Signature { .. }),
        "{error}"
    );
}

#[test]
fn an_act_with_bytes_behind_it_is_no_act() {
    let mut records = resealed(|_, record| record);
    records[3].push(0);
    let proof = prove(&records, ORIGIN, 3);
    let error = verify_ledger_proof(proof.as_bytes(), &public(&signer())).unwrap_err();
    assert!(matches!(error, LedgerProofError::Record(_)), "{error}");
}
