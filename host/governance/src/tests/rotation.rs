//! The log's own key is rotated, and readers follow it.

use super::*;

const NEW_SEED: u8 = 201;
const ORIGIN: &str = "counterfoil/ledger/test";

fn verifier(seed: u8) -> VerifierKey {
    VerifierKey::new(ORIGIN, &key(seed).0).unwrap()
}

fn rotate() -> Act {
    record::log_rotation(ORIGIN, &signing_key(LOG_SEED), &signing_key(NEW_SEED)).unwrap()
}

#[test]
fn two_administrators_rotate_the_logs_key_and_readers_of_either_key_follow_it() {
    let mut desk = Desk::settled();
    desk.denied("ada", rotate(), Rule::ApprovalsMissing);
    desk.change("ada", rotate(), &["amy"]).unwrap();
    // The old key seals nothing more.
    let act = desk.ledger.act(
        UnixNanos(desk.time + 1),
        &id("bob"),
        submit("one"),
        &signing_key(2),
    );
    assert!(matches!(act, Err(LedgerError::LogKey { .. })), "{act:?}");
    let wrong = desk.ledger.set_signer(Box::new(log_key(99))).unwrap_err();
    assert!(matches!(wrong, LedgerError::LogKey { .. }), "{wrong}");
    desk.ledger.set_signer(Box::new(log_key(NEW_SEED))).unwrap();
    desk.act("bob", submit("one")).unwrap();
    assert_eq!(desk.ledger.state().log_key(), key(NEW_SEED));
    for seed in [LOG_SEED, NEW_SEED] {
        let read = ledger::read(&desk.path(), &verifier(seed)).unwrap();
        assert_eq!(&read.state, desk.ledger.state());
    }
    let other = ledger::read(&desk.path(), &verifier(99)).unwrap_err();
    assert!(matches!(other, LedgerError::LogKey { .. }), "{other}");
    // Neither key is anybody's, ever.
    for seed in [LOG_SEED, NEW_SEED] {
        let denial = desk.change("ada", add("eve", &[], seed), &[]).unwrap_err();
        assert_eq!(denial.rule, Rule::KeyTaken);
    }
    let path = desk.path();
    let Desk { folder, ledger, .. } = desk;
    drop(ledger);
    let open = |seed| Ledger::open(&path, &id("test"), Box::new(log_key(seed)));
    assert!(matches!(open(LOG_SEED), Err(LedgerError::LogKey { .. })));
    open(NEW_SEED).unwrap();
    drop(folder);
}

#[test]
fn a_rotation_needs_the_signatures_of_both_keys_over_this_ledger() {
    let mut desk = Desk::staffed();
    let elsewhere =
        record::log_rotation("o", &signing_key(LOG_SEED), &signing_key(NEW_SEED)).unwrap();
    let text = desk.denied("ada", elsewhere, Rule::LogSignature);
    assert!(text.contains("the log's old key"), "{text}");
    let Act::LogRotate {
        key: new,
        old_signature,
        ..
    } = rotate()
    else {
        panic!()
    };
    let half = Act::LogRotate {
        key: new,
        old_signature,
        new_signature: old_signature,
    };
    let text = desk.denied("ada", half, Rule::LogSignature);
    assert!(text.contains("the log's new key"), "{text}");
    let taken = record::log_rotation(ORIGIN, &signing_key(LOG_SEED), &signing_key(2)).unwrap();
    desk.denied("ada", taken, Rule::KeyTaken);
}

#[test]
fn the_old_key_cannot_go_on_after_its_rotation() {
    use counterfoil_journal::checkpoint::Checkpoint;
    use counterfoil_journal::frame::{Frame, FrameReader, MAGIC, write_checkpoint, write_entry};
    use counterfoil_journal::hash::leaf_hash;
    use counterfoil_journal::tree::Tree;
    let mut desk = Desk::staffed();
    desk.act("ada", rotate()).unwrap();
    desk.ledger.set_signer(Box::new(log_key(NEW_SEED))).unwrap();
    desk.act("bob", submit("one")).unwrap();
    let bytes = std::fs::read(desk.path()).unwrap();
    // Whoever kept the old key seals the whole ledger with it.
    let (mut tree, mut forged) = (Tree::new(), MAGIC.to_vec());
    let (mut frames, mut rest) = (FrameReader::new(), bytes.as_slice());
    loop {
        let parsed = frames.parse(rest).unwrap();
        rest = &rest[parsed.consumed..];
        let entry = match parsed.frame {
            None => break,
            Some(Frame::Checkpoint(_)) => continue,
            Some(Frame::Entry(entry)) => entry,
        };
        tree.push(leaf_hash(entry));
        write_entry(entry, &mut forged).unwrap();
        let checkpoint = Checkpoint {
            origin: ORIGIN.into(),
            size: tree.size(),
            root: tree.root(),
        };
        write_checkpoint(
            &checkpoint.sign(&signing_key(LOG_SEED)).unwrap(),
            &mut forged,
        )
        .unwrap();
    }
    let error = ledger::verify(&forged, &verifier(LOG_SEED)).unwrap_err();
    assert!(matches!(error, LedgerError::Audit(_)), "{error}");
}
