//! Corporate actions are inputs that stand in deliveries records: a journal with them verifies,
//! and one whose action was changed or taken out does not.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use common::{FEED, Fails, Plan, bars, key, manifest, run_with, seal, signer};
use counterfoil_trading::corporate::{ActionKind, CorporateAction};
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::record::{Record, deliveries};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::Money;
use counterfoil_verify::{Cause, Options, Report, verify_journal};

fn actions() -> Vec<CorporateAction> {
    let action = |instrument, day: i64, kind| CorporateAction {
        instrument: InstrumentId(instrument),
        ex_time: UnixNanos(day * DAY_NANOS + 1),
        kind,
    };
    let per_unit = Money(1_500_000_000);
    let special = true;
    vec![
        action(0, 0, ActionKind::Dividend { per_unit, special }),
        action(
            0,
            9,
            ActionKind::Split {
                new: 3.try_into().unwrap(),
                old: 2.try_into().unwrap(),
            },
        ),
        action(1, 9, ActionKind::Dividend { per_unit, special }),
        action(1, 14, ActionKind::Delisting { per_unit }),
    ]
}

/// The bodies of a run with actions, and what the auditor says of them as `change` leaves them.
fn report(plan: Plan, change: impl Fn(usize, Vec<u8>) -> Vec<u8>) -> Report {
    let manifest = manifest(2, 3, FEED);
    let bars = bars(2, 20);
    let bodies = run_with(&manifest, &bars, &bars, &actions(), plan);
    let bodies: Vec<_> = (0..)
        .zip(bodies)
        .map(|(at, body)| change(at, body))
        .collect();
    let bytes = seal(&bodies, &manifest, &signer());
    verify_journal(&bytes, &key(), Options::default()).unwrap()
}

#[test]
fn a_run_with_actions_verifies_with_and_without_a_fault_in_their_callback() {
    for fails_at in [None, Some((Fails::Action, 1)), Some((Fails::Action, 3))] {
        let report = report(Plan { every: 1, fails_at }, |_, body| body);
        assert!(report.findings.is_empty(), "{}", report.findings[0]);
        assert!(report.is_good(), "{fails_at:?}");
    }
}

#[test]
fn an_action_that_was_changed_or_taken_out_is_found() {
    let plan = Plan {
        every: 1,
        fails_at: None,
    };
    type Change = fn(&mut Vec<Delivery>);
    let changes: [(&str, Change); 3] = [
        ("taken out", |all| {
            all.retain(|one| !matches!(one, Delivery::Action(_)))
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
        let report = report(plan, |_, body| match Record::decode(&body).unwrap() {
            Record::Deliveries(mut all) if all.time > UnixNanos(9 * DAY_NANOS) => {
                change(&mut all.deliveries);
                let (mut digested, mut changed) = (Vec::new(), Vec::new());
                deliveries::encode_digested(all.time, &all.deliveries, &mut digested);
                deliveries::encode(&digested, all.fuel, &mut changed);
                changed
            }
            _ => body,
        });
        let finding = report.findings.first().expect(name);
        let seen = matches!(finding.cause, Cause::Differs { .. } | Cause::Rules { .. });
        assert!(seen, "{name}: {finding}");
    }
}
