//! A walk behind a mark: the same answer as the whole walk, and no answer at all if the ledger does
//! not begin with what was checked.

use std::fs;

use super::*;
use crate::ledger::{LedgerMark, PrefixDigests, verify, verify_after};

const NEW_SEED: u8 = 201;

fn verifier(seed: u8) -> VerifierKey {
    VerifierKey::new("counterfoil/ledger/test", &key(seed).0).unwrap()
}

/// A ledger with acts, denials and a rotation of the log's key in its middle; where each of its
/// records ends in the file; and its bytes.
fn rotated() -> (Vec<usize>, Vec<u8>) {
    let mut desk = Desk::settled();
    let mut ends = Vec::new();
    let length = |desk: &Desk| usize::try_from(fs::metadata(desk.path()).unwrap().len()).unwrap();
    ends.push(length(&desk));
    desk.denied("dan", submit("none"), Rule::RoleMissing);
    ends.push(length(&desk));
    let act = Act::ChangePropose {
        act: Box::new(
            record::log_rotation(
                "counterfoil/ledger/test",
                &signing_key(LOG_SEED),
                &signing_key(NEW_SEED),
            )
            .unwrap(),
        ),
    };
    let proposed = desk.act("ada", act).unwrap();
    ends.push(length(&desk));
    desk.act("amy", Act::ChangeApprove { proposed }).unwrap();
    ends.push(length(&desk));
    desk.ledger.set_signer(Box::new(log_key(NEW_SEED))).unwrap();
    desk.act("bob", submit("one")).unwrap();
    ends.push(length(&desk));
    desk.denied("bob", submit("one"), Rule::ComponentExists);
    ends.push(length(&desk));
    let bytes = fs::read(desk.path()).unwrap();
    (ends, bytes)
}

#[test]
fn a_walk_behind_any_mark_finds_what_the_whole_walk_finds() {
    let (ends, bytes) = rotated();
    for (place, end) in ends.iter().enumerate() {
        let whole = &bytes[..*end];
        for seed in [LOG_SEED, NEW_SEED] {
            // Before the rotation nobody knows the new key.
            let Ok(expected) = verify(whole, &verifier(seed)) else {
                assert!(seed == NEW_SEED && place < 3, "{place}");
                continue;
            };
            for earlier in &ends[..=place] {
                let mark = verify(&bytes[..*earlier], &verifier(LOG_SEED))
                    .unwrap()
                    .mark();
                // A torn tail, too.
                for torn in [0, 7] {
                    let part = &bytes[..bytes.len().min(end + torn)];
                    let found = verify_after(&mut PrefixDigests::new(part), &verifier(seed), &mark)
                        .unwrap();
                    assert_eq!(found.places, expected.places);
                    assert_eq!(found.state, expected.state);
                    assert_eq!(found.checkpoint, expected.checkpoint);
                    assert_eq!(found.mark(), expected.mark());
                    assert_eq!(found.torn_bytes, u64::try_from(part.len() - end).unwrap());
                }
            }
        }
    }
}

#[test]
fn a_mark_of_something_else_is_refused() {
    let (ends, bytes) = rotated();
    let key = verifier(NEW_SEED);
    let whole = verify(&bytes, &key).unwrap().mark();
    let refused = |bytes: &[u8], mark: LedgerMark| {
        let error = verify_after(&mut PrefixDigests::new(bytes), &key, &mark).unwrap_err();
        assert!(!error.to_string().is_empty());
        error
    };
    let root = Hash([7; 32]);
    let LedgerMark { size, length, .. } = whole;
    let bytes_of = |length: usize| Digest::of(&bytes[..length]);
    let end = usize::try_from(length).unwrap();
    for mark in [
        LedgerMark { root, ..whole },
        LedgerMark { size: 0, ..whole },
        LedgerMark {
            size: size - 1,
            ..whole
        },
        LedgerMark {
            size: size + 1,
            ..whole
        },
        LedgerMark {
            size: u64::MAX,
            ..whole
        },
        LedgerMark {
            length: length - 1,
            ..whole
        },
        LedgerMark {
            length: length - 1,
            bytes: bytes_of(end - 1),
            ..whole
        },
        LedgerMark {
            length: u64::MAX,
            ..whole
        },
        LedgerMark {
            bytes: digest("other"),
            ..whole
        },
    ] {
        let error = refused(&bytes, mark);
        assert!(matches!(error, LedgerError::Mark { .. }), "{error}");
    }
    // Records were cut off since: the ledger ends before the mark.
    let error = refused(&bytes[..ends[2]], whole);
    assert!(matches!(error, LedgerError::Mark { .. }), "{error}");
    // One bit of anything before the mark, an old checkpoint too.
    for place in (0..bytes.len()).step_by(97) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let error = refused(&changed, whole);
        assert!(matches!(error, LedgerError::Mark { .. }), "{error}");
    }
    // What came after the mark is judged as ever: a denial turned into an act.
    let mark = verify(&bytes[..ends[4]], &key).unwrap().mark();
    let code = b"component.exists";
    let at = bytes
        .windows(code.len())
        .rposition(|part| part == code)
        .unwrap();
    let mut forged = bytes.clone();
    forged[at] ^= 1;
    refused(&forged, mark);
}
