//! Journals of runs without a fault in them are good, in every shape; whatever is done to their
//! bytes afterwards is seen and named.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod common;

use common::{
    FEED, Fails, Plan, bars, key, manifest, run, run_with, seal, seal_as, signer, snapshot,
};
use counterfoil_journal::entry::HEAD_BYTES;
use counterfoil_journal::frame::MAGIC;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{RefusedInput, RunRecord, deliveries};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::Money;
use counterfoil_verify::{
    Completeness, FindingCause, Integrity, Rerun, VerifyOptions, VerifyReport, verify_journal,
};

fn verify(bytes: &[u8]) -> VerifyReport {
    verify_journal(bytes, &key(), VerifyOptions::default()).unwrap()
}

fn plan(every: u64) -> Plan {
    Plan {
        every,
        fails_at: None,
        burst: 0,
    }
}

/// A journal of 8 bars of each of two instruments.
fn small() -> (Manifest, Vec<Vec<u8>>) {
    let manifest = manifest(2, 5, &snapshot());
    let bars = bars(2, 8);
    let bodies = run(&manifest, &bars, &bars, plan(1));
    (manifest, bodies)
}

#[track_caller]
fn check_good(report: &VerifyReport, what: &str) {
    assert!(report.findings.is_empty(), "{what}: {}", report.findings[0]);
    assert_eq!(report.integrity, Integrity::Intact, "{what}");
    assert_eq!(report.completeness, Completeness::Complete, "{what}");
    assert!(report.is_good());
    let closed = report.closed.as_ref().unwrap();
    assert_eq!(report.decision_digest, Some(closed.decision_digest));
    assert_eq!(report.decisions, closed.decisions);
}

#[test]
fn an_honest_run_is_intact_and_complete_in_every_shape() {
    for (instruments, days, cadence, every) in [
        (1, 40, 1, 1),
        (1, 300, 4096, 3),
        (2, 12, 5, 1),
        (3, 30, 7, 2),
        (1, 5, 2, 0),
    ] {
        for data in [snapshot(), FEED.to_owned()] {
            let manifest = manifest(instruments as usize, cadence, &data);
            let bars = bars(instruments, days);
            let bodies = run(&manifest, &bars, &bars, plan(every));
            let report = verify(&seal(&bodies, &manifest, &signer()));
            check_good(&report, &format!("{instruments} {days} {cadence} {every}"));
            assert_eq!(report.rerun, Rerun::Agrees);
            assert_eq!(report.execution, Some(3));
            assert_eq!(report.run_id, Some(manifest.run_id().unwrap()));
        }
    }
}

#[test]
fn a_run_that_a_fault_ended_is_complete_up_to_its_closing_record() {
    for (fails, call) in [
        (Fails::Bar, 1),
        (Fails::Bar, 8),
        (Fails::Fill, 1),
        (Fails::Event, 2),
    ] {
        for instruments in [1, 2] {
            let manifest = manifest(instruments as usize, 5, &snapshot());
            let bars = bars(instruments, 12);
            let plan = Plan {
                every: 1,
                fails_at: Some((fails, call)),
                burst: 0,
            };
            let bodies = run(&manifest, &bars, &bars, plan);
            let report = verify(&seal(&bodies, &manifest, &signer()));
            check_good(&report, &format!("{fails:?} {call} {instruments}"));
            let is_fault =
                |body: &Vec<u8>| matches!(RunRecord::decode(body), Ok(RunRecord::Fault(_)));
            assert_eq!(bodies.iter().filter(|body| is_fault(body)).count(), 1);
            assert_eq!(report.rerun, Rerun::Agrees);
        }
    }
}

#[test]
fn every_byte_that_is_changed_is_seen_and_every_change_of_a_record_names_it() {
    let (manifest, bodies) = small();
    let bytes = seal(&bodies, &manifest, &signer());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= if at % 2 == 0 { 0x01 } else { 0x80 };
        let report = verify(&changed);
        assert!(!report.is_good(), "byte {at}");
        assert_ne!(report.integrity, Integrity::Intact, "byte {at}");
    }
    // A byte in the middle of each record's body: the finding is that record.
    let mut at = MAGIC.len();
    let mut index = 0;
    while at < bytes.len() {
        let length = u32::from_be_bytes(bytes[at + 1..at + 5].try_into().unwrap()) as usize;
        if bytes[at] == b'E' {
            let mut changed = bytes.clone();
            changed[at + 5 + HEAD_BYTES + (length - HEAD_BYTES) / 2] ^= 1;
            let report = verify(&changed);
            assert!(
                report.findings.iter().any(|finding| finding.index == index),
                "record {index}: {:?}",
                report.findings
            );
            index += 1;
        }
        at += 5 + length;
    }
    assert_eq!(index, bodies.len() as u64);
}

/// The frames of a journal.
fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    let mut rest = &bytes[MAGIC.len()..];
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let (frame, later) = rest.split_at(5 + length);
        frames.push(frame);
        rest = later;
    }
    frames
}

fn join(frames: &[&[u8]]) -> Vec<u8> {
    [&MAGIC[..], &frames.concat()].concat()
}

#[test]
fn every_frame_that_is_removed_repeated_or_moved_is_seen() {
    let (manifest, bodies) = small();
    let bytes = seal(&bodies, &manifest, &signer());
    let frames = frames(&bytes);
    assert_eq!(join(&frames), bytes);
    for at in 0..frames.len() {
        let mut removed = frames.clone();
        removed.remove(at);
        let report = verify(&join(&removed));
        assert!(!report.is_good(), "frame {at} removed");
        // Without the last checkpoint the end is as after a crash; anything else is broken.
        let crashed = matches!(report.integrity, Integrity::IntactUpTo { .. });
        assert_eq!(crashed, at + 1 == frames.len(), "frame {at} removed");
        let mut repeated = frames.clone();
        repeated.insert(at, frames[at]);
        let report = verify(&join(&repeated));
        assert!(
            matches!(report.integrity, Integrity::Broken(_)),
            "frame {at} twice"
        );
        if at > 0 {
            let mut swapped = frames.clone();
            swapped.swap(at - 1, at);
            let report = verify(&join(&swapped));
            assert!(
                matches!(report.integrity, Integrity::Broken(_)),
                "frame {at} moved"
            );
        }
    }
}

#[test]
fn a_checkpoint_that_is_missing_or_too_many_is_named() {
    let (manifest, bodies) = small();
    let bytes = seal(&bodies, &manifest, &signer());
    let frames = frames(&bytes);
    let (mut entries, mut named) = (0, 0);
    for (at, frame) in frames.iter().enumerate().take(frames.len() - 1) {
        if frame[0] == b'E' {
            entries += 1;
            continue;
        }
        let mut removed = frames.clone();
        removed.remove(at);
        let report = verify(&join(&removed));
        let Integrity::Broken(finding) = &report.integrity else {
            panic!("{:?}", report.integrity);
        };
        assert_eq!(
            (finding.index, &finding.cause),
            (entries - 1, &FindingCause::CheckpointMissing)
        );
        named += 1;
    }
    assert!(named > 3);
    // Signed after every decision, by the right key, where the manifest asks for every fifth.
    let eager = seal_as(&bodies, &manifest, &signer(), 1);
    let Integrity::Broken(finding) = verify(&eager).integrity else {
        panic!("extra checkpoints are intact");
    };
    assert_eq!(finding.cause, FindingCause::CheckpointExtra);
    assert_eq!(finding.kind, Some("decision"));
}

#[test]
fn no_truncated_journal_is_good() {
    let (manifest, bodies) = small();
    let bytes = seal(&bodies, &manifest, &signer());
    let mut crashes = 0;
    for length in 0..bytes.len() {
        let report = verify(&bytes[..length]);
        assert!(!report.is_good(), "{length} bytes");
        match (&report.integrity, &report.completeness) {
            (Integrity::Broken(finding), _) => assert!(
                matches!(
                    finding.cause,
                    FindingCause::Empty | FindingCause::OpeningTorn | FindingCause::NothingSigned
                ),
                "{length} bytes: {finding}"
            ),
            (_, Completeness::Incomplete { why }) => {
                crashes += 1;
                assert!(why[0].contains("closing record"), "{why:?}");
            }
            (integrity, completeness) => panic!("{length}: {integrity:?} {completeness:?}"),
        }
    }
    assert!(crashes * 2 > bytes.len());
}

#[test]
fn another_key_is_refused_at_the_first_checkpoint() {
    let (manifest, bodies) = small();
    let bytes = seal(&bodies, &manifest, &signer());
    let other = PublicKey(Ed25519Signer::from_seed(&[1; 32]).verifying_key());
    let report = verify_journal(&bytes[..], &other, VerifyOptions::default()).unwrap();
    let Integrity::Broken(finding) = report.integrity else {
        panic!("{:?}", report.integrity);
    };
    // The one behind the opening.
    assert_eq!(finding.index, 2);
    assert!(finding.to_string().contains("checkpoint"), "{finding}");
}

#[test]
fn a_refused_input_is_kept_between_slices_and_signed() {
    let (manifest, mut bodies) = small();
    let mut body = Vec::new();
    let refused = RefusedInput {
        reason: "its slice has ended".to_owned(),
        input: vec![1, 2],
    };
    refused.encode(&mut body);
    bodies.insert(3, body);
    let report = verify(&seal(&bodies, &manifest, &signer()));
    check_good(&report, "refused");
    assert_eq!(report.refused_inputs, 1);
}

#[test]
fn hostile_bytes_never_panic() {
    let (manifest, bodies) = small();
    let bytes = seal(&bodies, &manifest, &signer());
    let mut state = 1_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695);
        (state >> 33) as usize
    };
    for _ in 0..400 {
        // Bodies of random bytes, sealed with the right key: only the records are hostile.
        let mut hostile = bodies.clone();
        for _ in 0..=random() % 3 {
            let at = random() % hostile.len();
            let body = &mut hostile[at];
            let place = random() % body.len();
            match random() % 3 {
                0 => body[place] = byte(random()),
                1 => body.truncate(place.max(2)),
                _ => body.insert(place, byte(random())),
            }
        }
        if hostile
            .iter()
            .any(|body| counterfoil_trading::record::record_kind(body).is_err())
        {
            continue;
        }
        let _report = verify(&seal(&hostile, &manifest, &signer()));
        let mut noise = bytes.clone();
        for _ in 0..20 {
            let at = random() % noise.len();
            noise[at] = byte(random());
        }
        assert!(!verify(&noise).is_good());
    }
    for noise in [
        &b"counterfoil/j/2\nE\0\0\0\x20"[..],
        b"\0",
        b"counterfoil/j/2\nC\0\0\0\0",
    ] {
        assert!(!verify(noise).is_good());
    }
}

/// An opening of one record held manifest and promises of all instruments, so that 320 of them did not fit; a fault
/// record held every cancel and flattening order.
#[test]
fn ten_thousand_instruments_are_promised_wound_down_and_counted() {
    const INSTRUMENTS: u32 = 10_000;
    let mut manifest = manifest(10_000, 4096, &snapshot());
    "1000000000".clone_into(&mut manifest.account.cash);
    manifest.risk.working_orders_max = 20_000;
    "cancel-and-flatten".clone_into(&mut manifest.on_fault);
    let bars = bars(INSTRUMENTS, 3);
    let plan = Plan {
        every: 1,
        fails_at: Some((Fails::Bar, 21_500)),
        burst: 0,
    };
    let bodies = run(&manifest, &bars, &bars, plan);
    let report = verify(&seal(&bodies, &manifest, &signer()));
    check_good(&report, "ten thousand");
    assert_eq!((report.rerun, report.decisions), (Rerun::Agrees, 30_000));
    let (mut canceled, mut flattened, mut held) = (0, 0, 0);
    for body in &bodies {
        assert!(body.len() <= 60_010, "a body of {} bytes", body.len());
        let record = RunRecord::decode(body).unwrap();
        if let RunRecord::WindDown(part) = &record {
            canceled += part.canceled.len();
            flattened += part.flattened.len();
        }
        if let RunRecord::Positions(part) = &record {
            held += part.positions.len();
        }
    }
    assert!(canceled > 1_000, "{canceled} cancels");
    assert_eq!((flattened, held), (10_000, 10_000));
}

/// An answer of more requests than a record holds takes several. Each of them must be there, once, in its place, and
/// cut where the writer cuts.
#[test]
fn a_decision_in_several_records_is_derived_from_all_of_them() {
    let manifest = manifest(2, 4096, &snapshot());
    let bars = bars(2, 6);
    let plan = Plan {
        every: 2,
        burst: 300,
        ..Plan::default()
    };
    let bodies = run(&manifest, &bars, &bars, plan);
    let report = verify(&seal(&bodies, &manifest, &signer()));
    check_good(&report, "several records");
    assert_eq!((report.rerun, report.decisions), (Rerun::Agrees, 12));
    let decoded = |body: &Vec<u8>| {
        let Ok(RunRecord::Decision(decision)) = RunRecord::decode(body) else {
            return None;
        };
        Some(decision)
    };
    let first = bodies.iter().position(|body| {
        decoded(body).is_some_and(|decision| decision.is_full() && decision.index > 0)
    });
    let first = first.unwrap();
    let sizes = [first, first + 1, first + 2].map(|at| {
        let decision = decoded(&bodies[at]).unwrap();
        (
            decision.requests.unwrap().len(),
            decision.circumstances.fuel > 0,
        )
    });
    assert_eq!(sizes, [(128, true), (128, false), (45, false)]);

    // Which of the bodies from the first part on are kept, and in which sequence.
    let forgeries: [(&str, &[usize]); 5] = [
        ("the last part is missing", &[0, 1]),
        ("a middle part is missing", &[0, 2]),
        ("two parts in the other order", &[0, 2, 1]),
        ("a part twice", &[0, 1, 1, 2]),
        ("the first part is missing", &[1, 2]),
    ];
    for (name, kept) in forgeries {
        let mut forged = bodies.clone();
        let parts: Vec<Vec<u8>> = forged.drain(first..first + 3).collect();
        let kept = kept.iter().map(|part| parts[*part].clone());
        forged.splice(first..first, kept);
        let report = verify(&seal(&forged, &manifest, &signer()));
        assert!(!report.findings.is_empty(), "{name}");
    }
    // Cut within the decision, as a crash leaves it: nothing is claimed about the slice, and nothing is wrong.
    for cut in [first + 1, first + 2] {
        let report = verify(&seal(&bodies[..cut], &manifest, &signer()));
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
}

fn byte(random: usize) -> u8 {
    u8::try_from(random % 256).unwrap()
}

/// Another hand on the deliveries of a record.
type Change = fn(&mut Vec<Delivery>);

fn actions() -> Vec<CorporateAction> {
    let action = |instrument, day: i64, kind| CorporateAction {
        instrument: InstrumentId(instrument),
        ex_time: UnixNanos(day * DAY_NANOS),
        kind,
    };
    let per_unit = Money(1_500_000_000);
    let special = true;
    vec![
        action(0, 0, CorporateActionKind::Dividend { per_unit, special }),
        action(
            0,
            9,
            CorporateActionKind::Split {
                new: 3.try_into().unwrap(),
                old: 2.try_into().unwrap(),
            },
        ),
        action(1, 9, CorporateActionKind::Dividend { per_unit, special }),
        action(
            0,
            11,
            CorporateActionKind::Halt {
                until: UnixNanos(13 * DAY_NANOS),
            },
        ),
        action(1, 14, CorporateActionKind::Delisting { per_unit }),
    ]
}

/// The bodies of a run with actions, and what the auditor says of them as `change` leaves them.
fn with_actions(plan: Plan, change: impl Fn(usize, Vec<u8>) -> Vec<u8>) -> VerifyReport {
    let manifest = manifest(2, 3, FEED);
    let bars = bars(2, 20);
    let bodies = run_with(&manifest, &bars, &bars, &actions(), plan);
    let bodies: Vec<_> = (0..)
        .zip(bodies)
        .map(|(at, body)| change(at, body))
        .collect();
    let bytes = seal(&bodies, &manifest, &signer());
    verify(&bytes)
}

#[test]
fn a_run_with_actions_verifies_with_and_without_a_fault_in_their_callback() {
    for fails_at in [None, Some((Fails::Action, 1)), Some((Fails::Action, 3))] {
        let report = with_actions(
            Plan {
                every: 1,
                fails_at,
                burst: 0,
            },
            |_, body| body,
        );
        assert!(report.findings.is_empty(), "{}", report.findings[0]);
        assert!(report.is_good(), "{fails_at:?}");
    }
}

#[test]
fn an_action_that_was_changed_or_taken_out_is_found() {
    let plan = Plan {
        every: 1,
        fails_at: None,
        burst: 0,
    };
    let changes: [(&str, Change); 3] = [
        ("taken out", |all| {
            all.retain(|one| !matches!(one, Delivery::Action(_)));
        }),
        ("another effect", |all| {
            for one in all {
                if let Delivery::Action(applied) = one {
                    applied.cash.0 += 1;
                }
            }
        }),
        ("another action", |all| {
            for one in all {
                if let Delivery::Action(applied) = one {
                    applied.action.ex_time.0 += DAY_NANOS;
                }
            }
        }),
    ];
    for (name, change) in changes {
        let report = with_actions(plan, |_, body| {
            let RunRecord::Deliveries(mut all) = RunRecord::decode(&body).unwrap() else {
                return body;
            };
            if all.time <= UnixNanos(9 * DAY_NANOS) {
                return body;
            }
            change(&mut all.deliveries);
            let (mut digested, mut forged) = (Vec::new(), Vec::new());
            deliveries::encode_digested(all.time, &all.deliveries, &mut digested);
            deliveries::encode(&digested, all.fuel, &mut forged);
            forged
        });
        let finding = report.findings.first().expect(name);
        let seen = matches!(
            finding.cause,
            FindingCause::Differs { .. } | FindingCause::Rules { .. }
        );
        assert!(seen, "{name}: {finding}");
    }
}
