//! A live run whose orders go to a broker, against the broker's protocol server: what fills how,
//! what fails, and a process that goes.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it looks for"
)]

pub(crate) mod desk;
mod month;
pub(crate) mod venue;

use std::thread;

use counterfoil_runner::orders::kill::{KillTarget, set_switch};
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::study::parity::{ParityCause, ParityRequest, parity};
use counterfoil_tests::journals::{records, verified};
use counterfoil_tests::world::{Ignore, World, public_key, signer};
use counterfoil_trading::execution::{Delivery, OrderCode};
use counterfoil_trading::gateway::{OrderLogRecord, ReconcileTrigger};
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::order::OrderStatus;
use counterfoil_trading::record::{CloseReason, RunRecord, StopCause};
use counterfoil_trading::time::UnixNanos;

use desk::{Desk, log, over_a_broker};
use venue::fault::Fault;

/// Fills everything that is open whole, at this price in hundredths.
fn fill_all(desk: &Desk, price: i64) {
    for (place, left) in desk.open_orders() {
        desk.exchange.fill_unheard(place, left, price);
    }
}

/// Deliveries of a run, in their sequence.
fn deliveries(outcome: &ExecutionOutcome) -> Vec<Delivery> {
    let execution = &outcome.execution;
    let all = records(execution.journal().path(), &execution.origin()).into_iter();
    all.filter_map(|record| match record {
        RunRecord::Deliveries(record) => Some(record.deliveries),
        _ => None,
    })
    .flatten()
    .collect()
}

/// A run's journal verifies, and its component decides again as it did; its orders are at the broker
/// once each.
#[track_caller]
fn holds(world: &World, desk: &Desk, outcome: &ExecutionOutcome) {
    let report = verified(&std::fs::read(outcome.execution.journal()).unwrap());
    assert!(report.is_good(), "{:?}", report.findings);
    let replay = world.replay(outcome).unwrap();
    assert!(replay.is_identical(), "{:?}", replay.difference);
    desk.exchange.with(|state| {
        let mut names: Vec<&str> = state
            .orders
            .iter()
            .map(|order| order.name.as_str())
            .collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        let held: Vec<i64> = ["AAA", "BBB"]
            .map(|symbol| state.positions.get(symbol).copied().unwrap_or(0))
            .into();
        let ours: Vec<i64> = outcome.positions.iter().map(|held| held.0).collect();
        assert_eq!(ours, held);
    });
}

fn differences(outcome: &ExecutionOutcome) -> Vec<String> {
    let all = log(&outcome.execution).into_iter();
    all.filter_map(|record| match record {
        OrderLogRecord::Difference(difference) => Some(format!(
            "{}: {} / {}",
            difference.what, difference.ours, difference.theirs
        )),
        _ => None,
    })
    .collect()
}

fn stop(outcome: &ExecutionOutcome) -> (StopCause, String) {
    assert_eq!(outcome.close.reason, CloseReason::Stopped);
    let execution = &outcome.execution;
    let all = records(execution.journal().path(), &execution.origin());
    let stop = all.into_iter().find_map(|record| match record {
        RunRecord::Stop(stop) => Some(stop.stop),
        _ => None,
    });
    let stop = stop.unwrap();
    (stop.cause, stop.message)
}

#[test]
fn a_brokers_fills_are_the_runs_and_its_books_are_looked_at_first() {
    let world = World::small(26);
    let desk = Desk::start(&world, "0");
    let outcome = desk.run(&world, |run| {
        while run.slice() && run.goes_on() {
            // In two parts: the second comes a slice later.
            for (place, left) in desk.open_orders() {
                desk.exchange.fill_unheard(place, (left + 1) / 2, 10_150);
            }
        }
    });
    assert_eq!(outcome.close.reason, CloseReason::EndOfData);
    assert!(outcome.close.fills > 6, "{} fills", outcome.close.fills);
    holds(&world, &desk, &outcome);
    assert_eq!(differences(&outcome), [""; 0]);
    let all = log(&outcome.execution);
    // The record of the kernel's clock precedes it, on machines where the kernel reports an offset.
    let first = all.iter().find_map(|record| match record {
        OrderLogRecord::Reconciled(books) => Some(books.trigger),
        _ => None,
    });
    assert_eq!(first, Some(ReconcileTrigger::Baseline));
    let price = deliveries(&outcome)
        .into_iter()
        .find_map(|delivery| match delivery {
            Delivery::Fill(fill) => Some((fill.price, fill.reference_price)),
            _ => None,
        });
    let (price, reference) = price.unwrap();
    assert_eq!(price, reference);
    // The simulated venue would have filled otherwise.
    let question = ParityRequest {
        data: &world.data,
        execution: &outcome.execution,
        key: &public_key(),
        through: None,
        snapshot: None,
        now: UnixNanos(0),
    };
    let held = parity(&question, world.engine(), signer(), &mut Ignore).unwrap();
    let (_, cause) = held.first.unwrap();
    assert_eq!(cause, ParityCause::FillDiffered);
}

#[test]
fn whatever_fails_on_the_way_each_order_is_at_the_broker_once() {
    for fault in [
        Fault::TakenThenCut,
        Fault::TakenThenError,
        Fault::TakenThenGarbage,
        Fault::LostThenCut,
        Fault::Limited,
        Fault::Error,
    ] {
        let world = World::small(12);
        let desk = Desk::start(&world, "0");
        desk.exchange.with(|state| state.faults = vec![fault; 2]);
        let outcome = desk.run(&world, |run| {
            while run.slice() && run.goes_on() {
                fill_all(&desk, 10_150);
            }
        });
        assert!(
            outcome.close.fills > 1,
            "{fault:?}: {} fills",
            outcome.close.fills
        );
        holds(&world, &desk, &outcome);
        assert_eq!(differences(&outcome), [""; 0], "{fault:?}");
    }
}

#[test]
fn an_order_that_waits_for_the_broker_does_not_go_out_after_a_kill() {
    let world = World::small(26);
    let desk = Desk::start(&world, "0");
    desk.exchange
        .with(|state| state.faults = vec![Fault::Limited]);
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            desk.exchange.wait(|state| state.posts == 1);
            set_switch(&world.data, &KillTarget::Installation, "enough").unwrap();
        });
        desk.run(&world, |run| while run.slice() {})
    });
    assert_eq!(stop(&outcome).0, StopCause::InstallationKilled);
    let sent = desk
        .exchange
        .with(|state| (state.posts, state.orders.len()));
    assert_eq!(sent, (1, 0));
    let words = log(&outcome.execution).into_iter().any(
        |record| matches!(record, OrderLogRecord::Ended(end) if end.detail.contains("it was not sent")),
    );
    assert!(words);
    assert!(world.replay(&outcome).unwrap().is_identical());
}

/// The process dies, then an operator sets the kill switch: the resumption cancels the orders and closes the run.
#[test]
fn a_dead_run_that_is_killed_takes_its_orders_back_once_it_is_resumed() {
    let world = World::small(26);
    let mut desk = Desk::start(&world, "0");
    "cancel".clone_into(&mut desk.manifest.on_fault);
    let first = desk.run_until(&world, 9, |run| while run.slice() {});
    assert!(first.is_err(), "the feed broke");
    let before = desk.exchange.with(|state| state.orders.len());
    assert!(before > 0);
    set_switch(&world.data, &KillTarget::Installation, "enough").unwrap();
    let outcome = desk.resume(&world, |run| while run.slice() {});
    assert_eq!(stop(&outcome).0, StopCause::InstallationKilled);
    desk.exchange.with(|state| {
        assert_eq!(state.orders.len(), before, "nothing new went out");
        let mut all = state.orders.iter();
        assert!(all.all(|order| order.status != "new"), "{:?}", state.orders);
    });
    assert!(world.replay(&outcome).unwrap().is_identical());
}

#[test]
fn a_run_that_ends_takes_its_orders_back_if_its_manifest_says_so() {
    for (on_fault, is_back) in [("leave", false), ("cancel", true)] {
        let world = World::small(26);
        let mut desk = Desk::start(&world, "0");
        on_fault.clone_into(&mut desk.manifest.on_fault);
        let outcome = desk.run(&world, |run| while run.slice() {});
        let works: Vec<bool> = desk.exchange.with(|state| {
            let all = state.orders.iter();
            all.map(|order| order.status == "new").collect()
        });
        assert!(!works.is_empty());
        assert!(works.iter().all(|works| *works != is_back), "{works:?}");
        if is_back {
            assert_eq!(stop(&outcome).0, StopCause::FeedEnded);
        } else {
            assert_eq!(outcome.close.reason, CloseReason::EndOfData);
        }
        let report = verified(&std::fs::read(outcome.execution.journal()).unwrap());
        assert!(report.is_good(), "{:?}", report.findings);
        assert!(world.replay(&outcome).unwrap().is_identical());
    }
}

#[test]
fn an_order_that_the_broker_does_not_take_is_told_to_the_strategy() {
    let world = World::small(26);
    let desk = Desk::start(&world, "0");
    desk.exchange
        .with(|state| state.refuses = Some((403, "insufficient buying power")));
    let outcome = desk.run(&world, |run| {
        while run.slice() && run.goes_on() {
            let is_refused = desk.exchange.with(|state| state.posts > 0);
            if is_refused {
                desk.exchange.with(|state| state.refuses = None);
            }
            fill_all(&desk, 10_150);
        }
    });
    holds(&world, &desk, &outcome);
    let codes: Vec<OrderCode> = deliveries(&outcome)
        .iter()
        .filter_map(|record| match record {
            Delivery::Event(event) if event.status == OrderStatus::Rejected => Some(event.code),
            _ => None,
        })
        .collect();
    assert!(
        !codes.is_empty() && codes.iter().all(|code| *code == OrderCode::VenueRejected),
        "{codes:?}"
    );
    let words = log(&outcome.execution).into_iter().any(
        |record| matches!(record, OrderLogRecord::Ended(end) if end.detail.contains("buying power")),
    );
    assert!(words);
}

#[test]
fn a_stream_that_comes_and_goes_changes_nothing() {
    let world = World::small(26);
    let desk = Desk::start(&world, "0");
    desk.exchange.listen();
    let outcome = desk.run(&world, |run| {
        let mut slices = 0;
        while run.slice() {
            slices += 1;
            for (place, left) in desk.open_orders() {
                desk.exchange.fill(place, left, 10_150);
            }
            if slices % 5 == 0 {
                desk.exchange.cut();
            }
        }
    });
    assert_eq!(outcome.close.reason, CloseReason::EndOfData);
    let report = verified(&std::fs::read(outcome.execution.journal()).unwrap());
    assert!(report.is_good(), "{:?}", report.findings);
    assert!(world.replay(&outcome).unwrap().is_identical());
    assert_eq!(differences(&outcome), [""; 0]);
}

#[test]
fn money_beyond_the_tolerance_ends_the_run_and_within_it_is_written_down() {
    //   hundredths, tolerance, whether the run continues
    for (moved, tolerance, goes_on) in [(-50, "0.5", true), (-51, "0.5", false), (1, "0", false)] {
        let world = World::small(26);
        let desk = Desk::start(&world, tolerance);
        let first = desk.run_until(&world, 9, |run| {
            while run.slice() && run.goes_on() {
                fill_all(&desk, 10_150);
            }
        });
        assert!(first.is_err(), "the feed broke");
        desk.exchange.with(|state| state.cash += moved);
        // A resumed run reconciles the books first.
        let outcome = desk.resume(&world, |run| {
            while run.slice() && run.goes_on() {
                fill_all(&desk, 10_150);
            }
        });
        assert_eq!(differences(&outcome).len(), 1, "{moved}");
        let report = verified(&std::fs::read(outcome.execution.journal()).unwrap());
        assert!(report.is_good(), "{:?}", report.findings);
        if goes_on {
            assert_eq!(outcome.close.reason, CloseReason::EndOfData);
            holds(&world, &desk, &outcome);
        } else {
            let (cause, message) = stop(&outcome);
            assert_eq!(cause, StopCause::VenueDiffers);
            assert!(message.starts_with("cash: "), "{message}");
        }
    }
}

#[test]
fn shares_or_orders_that_are_not_the_runs_end_it() {
    for (what, expect) in [("shares", "position BBB: "), ("order", "order theirs: ")] {
        let world = World::small(26);
        let desk = Desk::start(&world, "0");
        let first = desk.run_until(&world, 9, |run| {
            while run.slice() && run.goes_on() {
                fill_all(&desk, 10_150);
            }
        });
        assert!(first.is_err(), "the feed broke");
        if what == "shares" {
            desk.exchange
                .with(|state| *state.positions.entry("BBB".to_owned()).or_default() += 1);
        } else {
            desk.foreign_order("theirs");
        }
        let outcome = desk.resume(&world, |run| while run.slice() {});
        let (cause, message) = stop(&outcome);
        assert_eq!(cause, StopCause::VenueDiffers);
        assert!(message.starts_with(expect), "{message}");
        assert!(world.replay(&outcome).unwrap().difference.is_none());
    }
}

#[test]
fn what_filled_while_nobody_listened_comes_once_the_run_goes_on() {
    for broken in 5..12 {
        let world = World::small(26);
        let desk = Desk::start(&world, "0");
        let first = desk.run_until(&world, broken, |run| while run.slice() {});
        assert!(first.is_err(), "the feed broke");
        fill_all(&desk, 10_150);
        let outcome = desk.resume(&world, |run| {
            while run.slice() && run.goes_on() {
                fill_all(&desk, 10_150);
            }
        });
        assert_eq!(outcome.close.reason, CloseReason::EndOfData, "{broken}");
        assert!(outcome.close.fills > 1, "{broken}");
        holds(&world, &desk, &outcome);
        assert_eq!(differences(&outcome), [""; 0], "{broken}");
    }
}

#[test]
fn what_cannot_be_ends_the_run() {
    let world = World::small(26);
    let desk = Desk::start(&world, "0");
    let outcome = desk.run(&world, |run| {
        while run.slice() {
            if desk.exchange.with(|state| state.orders.len() > 1) {
                desk.exchange.with(|state| state.orders.clear());
            } else {
                fill_all(&desk, 10_150);
            }
        }
    });
    let (cause, message) = stop(&outcome);
    assert_eq!(cause, StopCause::VenueUnclear);
    assert!(message.contains("does not know order"), "{message}");
    let report = verified(&std::fs::read(outcome.execution.journal()).unwrap());
    assert!(report.is_good(), "{:?}", report.findings);
}

#[test]
fn a_fill_that_its_order_cannot_have_ends_the_run_and_its_journal_holds() {
    let world = World::small(26);
    let desk = Desk::of(&world, month::bracket(&world));
    let outcome = desk.run(&world, |run| {
        while run.slice() {
            for (place, left) in desk.open_orders() {
                let has_limit = desk
                    .exchange
                    .with(|state| state.orders[place].asked["limit_price"].is_string());
                // It sells above the price that it was bought for.
                let price = if has_limit { 10_100 } else { 10_150 };
                desk.exchange.fill_unheard(place, left, price);
            }
        }
    });
    let (cause, message) = stop(&outcome);
    assert_eq!(cause, StopCause::VenueUnclear);
    assert!(message.contains("beyond the order's limit"), "{message}");
    let report = verified(&std::fs::read(outcome.execution.journal()).unwrap());
    assert!(report.is_good(), "{:?}", report.findings);
    assert!(world.replay(&outcome).unwrap().difference.is_none());
}

#[test]
fn money_is_not_risked_and_costs_are_not_reckoned_twice() {
    let world = World::small(6);
    let desk = Desk::start(&world, "0");
    let refused = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = over_a_broker(&world, "0");
        change(&mut manifest);
        desk.refusal(&world, &manifest)
    };
    let live = refused(&|manifest| {
        let DataSource::Feed {
            broker: Some(broker),
            ..
        } = &mut manifest.data
        else {
            panic!("no broker");
        };
        "live".clone_into(&mut broker.environment);
    });
    assert!(live.contains("without an authorization"), "{live}");
    let fees = refused(&|manifest| "1".clone_into(&mut manifest.costs.fee_bps));
    assert!(fees.contains("no fee, slippage or borrow fee"), "{fees}");
    let paper = refused(&|manifest| {
        let DataSource::Feed { broker, .. } = &mut manifest.data else {
            panic!("no feed");
        };
        *broker = None;
    });
    assert!(paper.contains("the paper venue"), "{paper}");
}
