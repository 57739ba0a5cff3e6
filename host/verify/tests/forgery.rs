//! Whoever holds the log's key can chain and sign anything. What they write must still be what
//! the rules give, and hold all the bars that the first record promised.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod common;

use common::{Plan, bars, key, manifest, run, seal, signer, snapshot};
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{
    CloseRecord, DecisionRecord, RiskVerdict, RunRecord, deliveries, digested_part,
};
use counterfoil_trading::units::{Money, Price, Quantity};
use counterfoil_verify::{
    Completeness, FindingCause, Integrity, Rerun, VerifyOptions, VerifyReport, verify_journal,
};

const PLAN: Plan = Plan {
    every: 1,
    fails_at: None,
    burst: 0,
};

fn honest() -> (Manifest, Vec<Vec<u8>>) {
    let manifest = manifest(1, 5, &snapshot());
    let bars = bars(1, 30);
    let bodies = run(&manifest, &bars, &bars, PLAN);
    (manifest, bodies)
}

/// The closing record's decision digest is brought up to date, then everything is chained,
/// hashed and signed with the log's own key.
fn forged(manifest: &Manifest, mut bodies: Vec<Vec<u8>>) -> VerifyReport {
    let mut digest = DecisionDigest::default();
    for body in &bodies {
        if let Ok(Some(part)) = digested_part(body) {
            digest.add(part);
        }
    }
    let last = bodies.last_mut().unwrap();
    if let Ok(RunRecord::Close(close)) = RunRecord::decode(last) {
        last.clear();
        CloseRecord {
            decision_digest: digest.value(),
            ..close
        }
        .encode(last);
    }
    let bytes = seal(&bodies, manifest, &signer());
    verify_journal(&bytes[..], &key(), VerifyOptions::default()).unwrap()
}

fn encoded(decision: &DecisionRecord) -> Vec<u8> {
    let (mut digested, mut body) = (Vec::new(), Vec::new());
    decision.encode_digested(&mut digested);
    decision.encode(&digested, &mut body);
    body
}

/// The forged decision's finding: its record, and the field.
#[track_caller]
fn check_decision(change: impl Fn(&mut DecisionRecord) -> bool, expect: &str) {
    let (manifest, mut bodies) = honest();
    for (index, body) in bodies.iter_mut().enumerate() {
        let Ok(RunRecord::Decision(mut decision)) = RunRecord::decode(body) else {
            continue;
        };
        if index < 20 || !change(&mut decision) {
            continue;
        }
        *body = encoded(&decision);
        let report = forged(&manifest, bodies);
        let Integrity::Broken(finding) = &report.integrity else {
            panic!("{expect}: {:?}", report.integrity);
        };
        assert_eq!(finding.index, index as u64, "{finding}");
        assert_eq!(finding.kind, Some("decision"));
        assert_eq!(finding.instrument.as_deref(), Some("SYM0"));
        assert_eq!(finding.close_time, Some(decision.bar.get().close_time));
        let FindingCause::Differs {
            field,
            journal,
            rules,
        } = &finding.cause
        else {
            panic!("{finding}");
        };
        assert_eq!(field, expect);
        assert_ne!(journal, rules);
        assert_eq!(report.rerun, Rerun::Stopped);
        return;
    }
    panic!("{expect}: nothing was changed");
}

#[test]
fn a_signed_forgery_of_a_decision_is_named_with_both_sides() {
    let cent = Money(10_000_000);
    check_decision(
        |one| {
            one.cash = one.cash.plus(cent).unwrap();
            true
        },
        "cash",
    );
    check_decision(
        |one| {
            one.equity = one.equity.plus(cent).unwrap();
            true
        },
        "equity",
    );
    check_decision(
        |one| {
            one.position = Quantity(one.position.0 + 1);
            true
        },
        "position",
    );
    check_decision(
        |one| {
            one.index += 1;
            true
        },
        "bar index",
    );
    check_decision(
        |one| match one.verdicts.first_mut() {
            Some(verdict @ RiskVerdict::Refused(_)) => {
                *verdict = RiskVerdict::Approved;
                true
            }
            _ => false,
        },
        "risk verdicts",
    );
    check_decision(
        |one| match one.circumstances.plans.first_mut() {
            Some(plan) => {
                plan.plan.0.0[0] ^= 1;
                true
            }
            None => false,
        },
        "plans and tokens",
    );
    check_decision(
        |one| match one.circumstances.plans.first_mut() {
            Some(plan) => {
                plan.token += 1;
                true
            }
            None => false,
        },
        "plans and tokens",
    );
}

#[test]
fn a_signed_forgery_of_a_fill_is_named_with_both_sides() {
    let (manifest, bodies) = honest();
    let mut caught = 0;
    for index in 0..bodies.len() {
        let Ok(RunRecord::Deliveries(mut one)) = RunRecord::decode(&bodies[index]) else {
            continue;
        };
        let fill = one
            .deliveries
            .iter_mut()
            .find_map(|delivery| match delivery {
                Delivery::Fill(fill) => Some(fill),
                Delivery::Event(_) | Delivery::Action(_) | Delivery::Borrow(_) => None,
            });
        let Some(fill) = fill else { continue };
        fill.price = Price(fill.price.0 - 1);
        let (mut digested, mut body) = (Vec::new(), Vec::new());
        deliveries::encode_digested(one.time, &one.deliveries, &mut digested);
        deliveries::encode(&digested, one.fuel, &mut body);
        let mut forgery = bodies.clone();
        forgery[index] = body;
        let report = forged(&manifest, forgery);
        let Integrity::Broken(finding) = report.integrity else {
            panic!("record {index}");
        };
        assert_eq!(finding.index, index as u64);
        assert!(finding.to_string().contains("filled"), "{finding}");
        caught += 1;
    }
    assert!(caught > 5);
}

#[test]
fn a_signed_forgery_of_the_closing_record_is_named() {
    let (manifest, mut bodies) = honest();
    let last = bodies.last_mut().unwrap();
    let Ok(RunRecord::Close(close)) = RunRecord::decode(last) else {
        panic!("no closing record");
    };
    last.clear();
    CloseRecord {
        equity: Money(close.equity.0 + 1),
        ..close
    }
    .encode(last);
    let index = bodies.len() as u64 - 1;
    let report = forged(&manifest, bodies);
    let Integrity::Broken(finding) = report.integrity else {
        panic!("{:?}", report.integrity);
    };
    assert_eq!((finding.index, finding.kind), (index, Some("close")));
    assert!(matches!(finding.cause, FindingCause::Differs { field, .. } if field == "equity"));
}

#[test]
fn records_added_taken_out_or_moved_under_the_right_key_are_named() {
    let (manifest, bodies) = honest();
    for index in 1..bodies.len() {
        let mut removed = bodies.clone();
        removed.remove(index);
        assert!(
            !forged(&manifest, removed).is_good(),
            "record {index} removed"
        );
        let mut twice = bodies.clone();
        twice.insert(index, bodies[index].clone());
        let report = forged(&manifest, twice);
        assert!(
            matches!(report.integrity, Integrity::Broken(_)),
            "record {index} twice"
        );
        if index > 1 {
            let mut swapped = bodies.clone();
            swapped.swap(index - 1, index);
            let report = forged(&manifest, swapped);
            assert!(
                matches!(report.integrity, Integrity::Broken(_)),
                "record {index} moved"
            );
        }
    }
}

#[track_caller]
fn check_incomplete(report: &VerifyReport, expect: &str) {
    assert_eq!(report.integrity, Integrity::Intact, "{:?}", report.findings);
    assert_eq!(report.rerun, Rerun::Agrees);
    assert!(!report.is_good());
    let Completeness::Incomplete { why } = &report.completeness else {
        panic!("{:?}", report.completeness);
    };
    assert!(why.iter().any(|why| why.contains(expect)), "{why:?}");
}

/// A coherent forgery: the run as it would have been without some bars, under the same promise.
#[test]
fn a_coherent_run_without_one_of_its_bars_is_intact_and_incomplete() {
    for instruments in [1, 2] {
        let manifest = manifest(instruments as usize, 5, &snapshot());
        let all = bars(instruments, 30);
        let drop = |place: usize| {
            let mut some = all.clone();
            some.remove(place);
            let bodies = run(&manifest, &all, &some, PLAN);
            let bytes = seal(&bodies, &manifest, &signer());
            verify_journal(&bytes[..], &key(), VerifyOptions::default()).unwrap()
        };
        let middle = all.len() / 2 / instruments as usize * instruments as usize;
        check_incomplete(
            &drop(middle),
            "no record for 1 bars of SYM0 between the closes at 1970-01-02T00:00:00Z and \
             1970-01-31T00:00:00Z; the widest gap is after the close at 1970-01-16T00:00:00Z",
        );
        check_incomplete(
            &drop(0),
            "the first bar of SYM0 closes at 1970-01-03T00:00:00Z",
        );
        check_incomplete(
            &drop(all.len() - 1),
            "after the last close at 1970-01-30T00:00:00Z",
        );
        let mut other = all.clone();
        other[3] = common::bar(other[3].get().instrument.0 + 7, 3 / u64::from(instruments));
        if instruments == 1 {
            let mut raw = *other[3].get();
            raw.instrument = all[3].get().instrument;
            other[3] = counterfoil_trading::bar::ClosedBar::parse(raw).unwrap();
            let bytes = seal(&run(&manifest, &all, &other, PLAN), &manifest, &signer());
            let report = verify_journal(&bytes[..], &key(), VerifyOptions::default()).unwrap();
            check_incomplete(&report, "have the promised count but another digest");
            let more = bars(1, 31);
            let bytes = seal(&run(&manifest, &all, &more, PLAN), &manifest, &signer());
            let report = verify_journal(&bytes[..], &key(), VerifyOptions::default()).unwrap();
            check_incomplete(&report, "31 bars of SYM0, 30 promised");
        }
    }
}

#[test]
fn a_bar_cut_out_of_the_records_alone_is_named_twice_over() {
    let (manifest, mut bodies) = honest();
    let place = bodies
        .iter()
        .position(
            |body| matches!(RunRecord::decode(body), Ok(RunRecord::Decision(one)) if one.index == 20),
        )
        .unwrap();
    bodies.remove(place);
    let report = forged(&manifest, bodies);
    assert!(matches!(report.integrity, Integrity::Broken(_)));
    let Completeness::Incomplete { why } = &report.completeness else {
        panic!("{:?}", report.completeness);
    };
    assert_eq!(
        why[0],
        "no record for bar 20 of SYM0, the one after the close at 1970-01-21T00:00:00Z"
    );
}
