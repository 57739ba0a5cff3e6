//! Corporate actions and margin calls from a feed through a real guest into a journal that the
//! auditor verifies and a replay repeats, with nothing but the journal to go by.

use counterfoil_guests::component;
use counterfoil_runner::clock::{RecordClock, WallClock};
use counterfoil_runner::run::execute::{ExecutionConfig, ExecutionOutcome, execute};
use counterfoil_runner::run::feed::{FeedError, FeedItem, SliceFeed};
use counterfoil_runner::run::journal::Sealing;
use counterfoil_runner::run::resume::{ResumeAttempt, ResumeDeps, open};
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_tests::journals::{fault_of, records, verified};
use counterfoil_tests::world::{Ignore, World, over_a_feed, signer};
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::record::{Callback, CloseReason, RunRecord};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::{Money, Price, Quantity, Volume};

use crate::recover::{killed, signed_ends};

const DAYS: i64 = 6;

/// Buys or sells 15 of the first instrument at the market after its first bar.
fn trades(side: u8) -> String {
    format!(
        r#"(func (export "on-bar")
          (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
          (i64.store (i32.const 16) (i64.const 0))
          (i64.store (i32.const 24) (i64.const 0))
          (if (i32.and (i32.eqz (local.get 0)) (i64.eqz (local.get 1))) (then
            (i32.store8 (i32.const 4120) (i32.const {side}))
            (i64.store (i32.const 4128) (i64.const 15))
            (i32.store (i32.const 20) (i32.const 4096)) (i32.store (i32.const 24) (i32.const 1))))
          (i32.const 16))"#
    )
}

/// Traps unless it receives, in this sequence, a split of 1 for 2, of a dividend of 1.25, of
/// the symbol `NEW` and of a delisting.
const TOLD_AS_SENT: &str = r#"
  (global $count (mut i32) (i32.const 0))
  (func (export "on-corporate-action") (param i32 i64 i32 i64 i32)
    (if (i32.ne (local.get 2) (global.get $count)) (then unreachable))
    (if (i32.ne (local.get 0) (i32.const 0)) (then unreachable))
    (if (i32.eqz (local.get 2)) (then
      (if (i64.ne (local.get 3) (i64.const 1)) (then unreachable))
      (if (i32.ne (local.get 4) (i32.const 2)) (then unreachable))))
    (if (i32.eq (local.get 2) (i32.const 1)) (then
      (if (i64.ne (local.get 3) (i64.const 1250000000)) (then unreachable))
      (if (i32.ne (local.get 4) (i32.const 9)) (then unreachable))))
    (if (i32.eq (local.get 2) (i32.const 2)) (then
      (if (i32.ne (local.get 4) (i32.const 3)) (then unreachable))
      (if (i32.ne (i32.load8_u (i32.wrap_i64 (local.get 3))) (i32.const 78)) (then unreachable))))
    (global.set $count (i32.add (global.get $count) (i32.const 1))))"#;

/// Slices of the two instruments, at a price for each day.
struct Slices(Vec<Slice>);

impl SliceFeed for Slices {
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        if self.0.is_empty() {
            return Ok(FeedItem::End);
        }
        *slice = self.0.remove(0);
        Ok(FeedItem::Slice)
    }
}

fn slices(prices: [i64; 6], actions: &[(i64, CorporateActionKind)]) -> Slices {
    let slice = |day: i64, price: i64| {
        let mut slice = Slice::default();
        for id in 0..2 {
            let raw = RawBar {
                instrument: InstrumentId(id),
                open_time: UnixNanos(day * DAY_NANOS),
                close_time: UnixNanos((day + 1) * DAY_NANOS),
                open: Price(price),
                high: Price(price),
                low: Price(price),
                close: Price(price),
                volume: Volume(1_000),
            };
            slice.add(ClosedBar::parse(raw).unwrap()).unwrap();
        }
        for (_, kind) in actions.iter().filter(|(of, _)| *of == day) {
            let action = CorporateAction {
                instrument: InstrumentId(0),
                ex_time: UnixNanos(day * DAY_NANOS),
                kind: kind.clone(),
            };
            slice.add_action(action).unwrap();
        }
        slice
    };
    Slices(
        (0..DAYS)
            .zip(prices)
            .map(|(day, price)| slice(day, price))
            .collect(),
    )
}

fn run(world: &World, manifest: &Manifest, mut feed: Slices) -> ExecutionOutcome {
    let setup = manifest.setup().unwrap();
    let start = ExecutionConfig {
        data: &world.data,
        manifest,
        setup: &setup,
        engine: EngineSettings::default(),
        signer: signer(),
        commitments: None,
        once: true,
        sealing: Sealing::RunThread,
        context: None,
    };
    // A live run has times, even over bars of the past.
    let mut clock = WallClock::new(RecordClock::default());
    execute(start, &mut feed, &mut clock, &mut Ignore).unwrap()
}

/// The records of a run that verifies and replays as recorded.
fn checked(world: &World, outcome: &ExecutionOutcome) -> Vec<RunRecord> {
    let journal = outcome.execution.journal();
    let report = verified(&std::fs::read(&journal).unwrap());
    assert_eq!(report.findings, []);
    assert!(report.is_good(), "{:?}", report.completeness);
    let again = world.replay(outcome).unwrap();
    assert!(again.difference.is_none(), "{:?}", again.difference);
    assert_eq!(again.decision_digest, Some(outcome.close.decision_digest));
    records(journal.path(), &outcome.execution.origin())
}

fn deliveries(records: &[RunRecord]) -> Vec<Delivery> {
    let mut all = Vec::new();
    for record in records {
        if let RunRecord::Deliveries(record) = record {
            all.extend(record.deliveries.iter().cloned());
        }
    }
    all
}

fn split() -> CorporateActionKind {
    CorporateActionKind::Split {
        new: 1.try_into().unwrap(),
        old: 2.try_into().unwrap(),
    }
}

#[test]
fn a_guest_is_told_of_every_action_and_the_journal_alone_repeats_them() {
    let world = World::small(3);
    let guest = format!("{}{TOLD_AS_SENT}", trades(0));
    let mut manifest = over_a_feed(
        &world.manifest(&component(&guest), &["AAA", "BBB"]),
        "actions",
    );
    manifest.instruments[0].price_scale = 0;
    "1".clone_into(&mut manifest.instruments[0].tick_size);
    let dividend = CorporateActionKind::Dividend {
        per_unit: Money(1_250_000_000),
        special: false,
    };
    let symbol = CorporateActionKind::SymbolChange {
        symbol: "NEW".to_owned(),
    };
    let per_unit = Money::parse("190").unwrap();
    let actions = [
        (2, split()),
        (3, dividend),
        (3, symbol),
        (5, CorporateActionKind::Delisting { per_unit }),
    ];
    let feed = slices([100, 100, 200, 200, 200, 200], &actions);
    let outcome = run(&world, &manifest, feed);
    assert_eq!(outcome.close.reason, CloseReason::EndOfData);
    let records = checked(&world, &outcome);
    let found = deliveries(&records);
    let found: Vec<_> = found
        .iter()
        .filter_map(|delivery| match delivery {
            Delivery::Action(applied) => Some((applied.quantity.0, applied.cash.to_text())),
            Delivery::Fill(_) | Delivery::Event(_) | Delivery::Borrow(_) => None,
        })
        .collect();
    let cash = |text: &str| Money::parse(text).unwrap().to_text();
    // 15 at 1 for 2 are 7, and half a share at 200.
    let expect = [
        (7, cash("100")),
        (7, cash("8.75")),
        (7, cash("0")),
        (0, cash("1330")),
    ];
    assert_eq!(found, expect);
    assert_eq!(outcome.positions, [Quantity(0), Quantity(0)]);
    assert_eq!(outcome.close.dividends.to_text(), cash("8.75"));
    assert_eq!(outcome.close.cash.to_text(), cash("999938.75"));
}

#[test]
fn a_fault_in_on_corporate_action_ends_the_run() {
    let world = World::small(3);
    let traps = r#"(func (export "on-corporate-action") (param i32 i64 i32 i64 i32) unreachable)"#;
    let manifest = world.manifest(&component(traps), &["AAA", "BBB"]);
    let manifest = over_a_feed(&manifest, "traps");
    let feed = slices([100; 6], &[(2, split())]);
    let outcome = run(&world, &manifest, feed);
    assert_eq!(outcome.close.reason, CloseReason::Fault);
    let records = checked(&world, &outcome);
    let fault = fault_of(&records);
    assert_eq!(fault.callback, Callback::OnCorporateAction);
    assert_eq!(fault.fault.name(), "unreachable");
}

#[test]
fn a_margin_call_and_borrow_fees_verify_and_replay() {
    let world = World::small(3);
    let mut manifest = world.manifest(&component(&trades(1)), &["AAA", "BBB"]);
    "margin".clone_into(&mut manifest.account.kind);
    "20".clone_into(&mut manifest.account.cash);
    "2500".clone_into(&mut manifest.account.maintenance_bps);
    "liquidate".clone_into(&mut manifest.account.margin_call);
    "365".clone_into(&mut manifest.costs.borrow_bps);
    let manifest = over_a_feed(&manifest, "margin");
    // Prices have one decimal in this world: 15 are sold at 1.0, and cost 2.0 then.
    let feed = slices([10, 10, 10, 20, 20, 20], &[]);
    let outcome = run(&world, &manifest, feed);
    let records = checked(&world, &outcome);
    let borrowed = deliveries(&records);
    let borrowed = borrowed
        .iter()
        .filter(|delivery| matches!(delivery, Delivery::Borrow(_)));
    assert!(borrowed.count() >= 2, "a fee for each day short");
    assert!(outcome.close.borrow > Money::ZERO);
    assert_eq!(outcome.positions, [Quantity(0), Quantity(0)]);
    let mut calls = Vec::new();
    for record in &records {
        if let RunRecord::MarginCall(call) = record {
            calls.push(call);
        }
    }
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].orders.len(), 1);
}

/// Three daily bars of one company, and as many of another that goes on for three more days.
const UNTIL_THE_END: [&str; 2] = [
    "symbol,time,open,high,low,close,volume
LEH,2008-09-11,4,4,4,4,10000
LEH,2008-09-12,4,4,4,4,10000
LEH,2008-09-15,2,2,2,2,10000
",
    "SPY,2008-09-15,120,120,120,120,10000
SPY,2008-09-16,120,120,120,120,10000
SPY,2008-09-17,120,120,120,120,10000
SPY,2008-09-18,120,120,120,120,10000
",
];

/// A backtest that buys 15 of the first company of `bars` at 4 and keeps them.
fn kept(bars: &str, actions: &str, to: Option<&str>) -> (World, Manifest) {
    let world = World::of_actions(bars, actions);
    let symbols = if bars.contains("SPY") {
        &["LEH", "SPY"][..]
    } else {
        &["LEH"]
    };
    let mut manifest = world.manifest(&component(&trades(0)), symbols);
    if let DataSource::Snapshot { to: end, .. } = &mut manifest.data {
        *end = to.map(str::to_owned);
    }
    (world, manifest)
}

#[test]
fn an_action_after_the_last_bar_counts_whether_or_not_another_instrument_goes_on() {
    let [alone, spy] = UNTIL_THE_END;
    let both = [alone, spy].concat();
    let next_day = "instrument,ex_date,action,value\nLEH,2008-09-16,delisting,0.50\n";
    let later = "instrument,ex_date,action,value\nLEH,2008-09-17,delisting,0.50\n";
    let paid = "instrument,ex_date,action,value\nLEH,2008-09-17,dividend,0.10\n";
    let both_acts = "instrument,ex_date,action,value\nLEH,2008-09-17,dividend,0.10\n\
                     LEH,2008-09-18,delisting,0.50\n";
    // 15 bought at 4, of 1,000,000; what is left, and cash.
    let table = [
        (alone, next_day, None, 0, "999947.5"),
        (alone, later, None, 0, "999947.5"),
        (&both, next_day, None, 0, "999947.5"),
        (&both, later, None, 0, "999947.5"),
        (alone, paid, None, 15, "999941.5"),
        (alone, both_acts, None, 0, "999949"),
        (alone, both_acts, Some("2008-09-18"), 15, "999941.5"),
        (alone, both_acts, Some("2008-09-19"), 0, "999949"),
        (alone, later, Some("2008-09-17"), 15, "999940"),
        (&both, later, Some("2008-09-17"), 15, "999940"),
    ];
    for (bars, actions, to, held, cash) in table {
        let (world, manifest) = kept(bars, actions, to);
        let outcome = world.backtest(&manifest, world.engine()).unwrap();
        let place = (bars.len(), actions, to);
        assert_eq!(outcome.positions[0], Quantity(held), "{place:?}");
        let cash = Money::parse(cash).unwrap();
        assert_eq!(outcome.close.cash, cash, "{place:?}");
        let value = Money::parse(&(2 * held).to_string()).unwrap();
        let equity = cash.plus(value).unwrap();
        assert_eq!(outcome.close.equity, equity, "{place:?}");
        checked(&world, &outcome);
    }
}

#[test]
fn a_run_that_ends_with_an_action_is_resumed_to_the_same_bytes() {
    let later = "instrument,ex_date,action,value\nLEH,2008-09-17,delisting,0.50\n";
    let (world, manifest) = kept(UNTIL_THE_END[0], later, None);
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let whole = std::fs::read(outcome.execution.journal()).unwrap();
    let ends = signed_ends(&whole);
    for end in (0..whole.len()).step_by(61).chain(ends) {
        if end == whole.len() {
            continue;
        }
        let execution = killed(&world, &manifest, &whole[..end]);
        let ResumeAttempt::Ready(ready) = open(&world.data, &execution, signer()).unwrap() else {
            panic!("cut at {end}");
        };
        let prepared = ready.prepare(&world.data, world.engine()).unwrap();
        let deps = ResumeDeps {
            data: &world.data,
            component: &prepared,
            observer: &mut Ignore,
            on_event: &mut |_| {},
        };
        ready.backtest(Sealing::RunThread, deps).unwrap();
        let again = std::fs::read(execution.journal()).unwrap();
        assert!(again == whole, "cut at {end}");
    }
}

#[test]
fn a_fault_in_an_action_after_the_last_bar_ends_the_run() {
    let traps = r#"(func (export "on-corporate-action") (param i32 i64 i32 i64 i32) unreachable)"#;
    let later = "instrument,ex_date,action,value\nLEH,2008-09-17,delisting,0.50\n";
    let world = World::of_actions(UNTIL_THE_END[0], later);
    let manifest = world.manifest(&component(traps), &["LEH"]);
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    assert_eq!(outcome.close.reason, CloseReason::Fault);
    let records = checked(&world, &outcome);
    let fault = fault_of(&records);
    assert_eq!(fault.callback, Callback::OnCorporateAction);
    assert_eq!(fault.time.date_or_time(), "2008-09-17");
}
