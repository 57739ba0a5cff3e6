//! Many instruments, from their file to the proof of one decision: a run over all of them is made, wound down, verified
//! and replayed. What the records hold grows with the universe, and no record may have to.

use core::fmt::Write as _;

use counterfoil_guests::component;
use counterfoil_runner::run::extent::JournalExtent;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_runner::study::proof::{DecisionSelector, prove};
use counterfoil_tests::journals::{decisions, records, verified, wind_down};
use counterfoil_tests::world::{World, project, public_key};
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{CloseReason, DecisionRecord, RunRecord};
use counterfoil_verify::verify_proof;

use crate::recover::{killed, resume, signed_ends};

const INSTRUMENTS: usize = 1_000;

/// Leaves the bars `SKIPPED` alone. Buys one of each other instrument on its first bar, and leaves an order far below the
/// market on its second.
const TRADER: &str = r#"(memory (export "memory") 64)
(global $next (mut i32) (i32.const 16384))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const 0x3ffff0)))
  (global.get $next)
  (global.set $next (i32.add (global.get $next) (local.get 3))))
(func (export "on-bar")
  (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i64.store (i32.const 16) (i64.const 0))
  (i64.store (i32.const 24) (i64.const 0))
  (if SKIPPED (then (return (i32.const 16))))
  (i32.store (i32.const 4104) (local.get 0))
  (i64.store (i32.const 4112) (i64.add
    (i64.mul (local.get 1) (i64.const 1000))
    (i64.add (i64.extend_i32_u (local.get 0)) (i64.const 1))))
  (i64.store (i32.const 4128) (i64.const 1))
  (i32.store8 (i32.const 4136) (i32.wrap_i64 (local.get 1)))
  (i64.store (i32.const 4144) (i64.const 800))
  (i32.store (i32.const 20) (i32.const 4096)) (i32.store (i32.const 24) (i32.const 1))
  (i32.const 16))"#;

/// Skips third bars, and traps on the last instrument's.
const TRAP_ON_THIRD: &str = "(i64.eq (local.get 1) (i64.const 2))
  (then (if (i32.eq (local.get 0) (i32.const 999)) (then unreachable)) (return (i32.const 16))))
  (if (i32.const 0)";

/// Skips second bars, and all instruments but each sixteenth.
const FEW: &str =
    "(i32.or (i64.ne (local.get 1) (i64.const 0)) (i32.and (local.get 0) (i32.const 15)))";

fn trader(skipped: &str) -> Vec<u8> {
    component(&TRADER.replace("SKIPPED", skipped))
}

fn bars(instruments: usize, days: impl Fn(usize) -> u32) -> String {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for instrument in 0..instruments {
        for day in 1..=days(instrument) {
            writeln!(csv, "S{instrument:05},2020-01-{day:02},10.05,12,9,11,1000").unwrap();
        }
    }
    csv
}

#[test]
fn a_thousand_instruments_run_are_wound_down_verify_replay_and_prove() {
    let world = World::of_text(&bars(INSTRUMENTS, |_| 3));
    let symbols: Vec<String> = (0..INSTRUMENTS).map(|at| format!("S{at:05}")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut manifest = world.manifest(&trader(TRAP_ON_THIRD), &symbols);
    "cancel-and-flatten".clone_into(&mut manifest.on_fault);
    manifest.risk.working_orders_max = 1_000;
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    assert_eq!(outcome.close.reason, CloseReason::Fault);
    assert_eq!(outcome.close.fills, INSTRUMENTS as u64);
    assert_eq!(outcome.positions.len(), INSTRUMENTS);

    let execution = &outcome.execution;
    let all = records(execution.journal().path(), &execution.origin());
    let wound_down = wind_down(&all);
    assert_eq!(wound_down.canceled.len(), INSTRUMENTS);
    assert_eq!(wound_down.flattened.len(), INSTRUMENTS);
    let parts = |is: fn(&RunRecord) -> bool| all.iter().filter(|record| is(record)).count();
    let per_record = INSTRUMENTS.div_ceil(256);
    assert_eq!(
        parts(|one| matches!(one, RunRecord::Commitments(_))),
        per_record
    );
    assert_eq!(
        parts(|one| matches!(one, RunRecord::Positions(_))),
        per_record
    );
    assert_eq!(
        parts(|one| matches!(one, RunRecord::WindDown(_))),
        2 * per_record
    );
    assert!(parts(|one| matches!(one, RunRecord::Manifest(_))) > 1);

    let report = verified(&std::fs::read(execution.journal()).unwrap());
    assert!(
        report.is_good(),
        "{:?} {:?}",
        report.findings,
        report.completeness
    );
    let again = world.replay(&outcome).unwrap();
    assert!(
        again.is_identical() && again.closed,
        "{:?}",
        again.difference
    );
    let extent = JournalExtent::read(&execution.journal()).unwrap();
    assert_eq!(extent.open.manifest, manifest.canonical().unwrap());
    assert_eq!(extent.positions, outcome.positions);
    let text = proved(execution, &extent.open.manifest, first_decision(&all) + 777);
    assert!(text.contains("S00777"), "{text}");
}

fn first_decision(all: &[RunRecord]) -> usize {
    let is_decision = |record: &RunRecord| matches!(record, RunRecord::Decision(_));
    all.iter().position(is_decision).unwrap()
}

/// What the proof of the decision in this entry says.
fn proved(execution: &Execution, manifest: &str, entry: usize) -> String {
    let entry = u64::try_from(entry).unwrap();
    let proof = prove(execution, &DecisionSelector::Entry(entry)).unwrap();
    let proof = proof.to_string();
    verify_proof(proof.as_bytes(), &public_key(), Some(manifest))
        .unwrap()
        .text
}

/// As many instruments as a manifest may have. Few of them trade, as the gate holds each order against every other one.
#[test]
fn ten_thousand_instruments_run_verify_replay_and_prove() {
    let world = World::of_text(&bars(10_000, |at| if at % 16 == 0 { 2 } else { 1 }));
    let symbols: Vec<String> = (0..10_000).map(|at| format!("S{at:05}")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut manifest = world.manifest(&trader(FEW), &symbols);
    manifest.risk.working_orders_max = 1_000;
    manifest.account.cash = "100000000".to_owned();
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    assert_eq!(outcome.close.reason, CloseReason::EndOfData);
    assert_eq!(outcome.positions.len(), 10_000);
    assert_eq!(outcome.close.fills, 625);
    let journal = outcome.execution.journal();
    let report = verified(&std::fs::read(&journal).unwrap());
    assert!(report.is_good(), "{:?}", report.findings);
    let again = world.replay(&outcome).unwrap();
    assert!(again.is_identical() && again.closed);
    let all = records(journal.path(), &outcome.execution.origin());
    let manifest = manifest.canonical().unwrap();
    let text = proved(&outcome.execution, &manifest, first_decision(&all) + 9_999);
    assert!(text.contains("S09999"), "{text}");
}

/// Two slices of orders: a first one that buys, and one after prices moved apart, that sells and buys.
fn rebalanced(world: &World, symbols: &[String], cadence: u32) -> Manifest {
    let path = project().join("sdk-examples/components/rebalancer.wasm");
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut manifest = world.manifest(&std::fs::read(path).unwrap(), &symbols);
    let parameters = [("every", "2"), ("invested", "90")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    manifest.parameters = parameters.into_iter().collect();
    manifest.cadence = cadence;
    manifest
}

fn moving_bars(instruments: usize) -> (World, Vec<String>) {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    let symbols: Vec<String> = (0..instruments).map(|at| format!("S{at:05}")).collect();
    for (at, symbol) in symbols.iter().enumerate() {
        for day in 1..=4 {
            let close = 10 + (at + day) % 3;
            writeln!(csv, "{symbol},2020-01-{day:02},11.05,13,9,{close},1000").unwrap();
        }
    }
    (World::of_text(&csv), symbols)
}

/// The shipped rebalancer ended with 200 stocks: 64 requests were reviewed, and the answer for 2,000 did not fit in a
/// record. Its answer takes several records now, and the limits grow with the universe.
#[test]
fn the_rebalancer_holds_two_hundred_and_two_thousand_stocks() {
    for instruments in [200, 2_000] {
        let (world, symbols) = moving_bars(instruments);
        let outcome = world
            .backtest(&rebalanced(&world, &symbols, 4_096), world.engine())
            .unwrap();
        let close = &outcome.close;
        assert_eq!(close.reason, CloseReason::EndOfData);
        assert_eq!(close.requests.refused, 0);
        assert!(close.requests.approved > instruments as u64);
        assert!(outcome.positions.iter().all(|held| held.0 > 0));

        let execution = &outcome.execution;
        let all = records(execution.journal().path(), &execution.origin());
        let decisions = decisions(&all);
        // The last bar of the first slice asks for all of them.
        let parts = instruments.div_ceil(128) - 1;
        assert!(decisions.len() >= instruments * 4 + parts);
        let most = |one: &&DecisionRecord| one.requests.as_ref().map_or(0, Vec::len);
        assert_eq!(decisions.iter().map(most).max(), Some(128));

        let report = verified(&std::fs::read(execution.journal()).unwrap());
        assert!(report.is_good(), "{:?}", report.findings);
        assert_eq!(report.decisions, instruments as u64 * 4);
        assert_eq!(close.decisions, report.decisions);
        let again = world.replay(&outcome).unwrap();
        assert!(again.is_identical(), "{:?}", again.difference);
        let extent = JournalExtent::read(&execution.journal()).unwrap();
        assert_eq!(extent.decisions, report.decisions);
    }
}

/// A crash between two records of one decision: none of its orders left, and the rest of it is appended.
#[test]
fn a_run_killed_within_a_decision_is_resumed_to_the_same_journal() {
    let (world, symbols) = moving_bars(200);
    let manifest = rebalanced(&world, &symbols, 1);
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let whole = std::fs::read(outcome.execution.journal()).unwrap();
    let origin = outcome.execution.origin();
    let all = records(outcome.execution.journal().path(), &origin);
    let full = |one: &RunRecord| matches!(one, RunRecord::Decision(one) if one.is_full());
    let place = all.iter().position(full).unwrap();
    let opening = all
        .iter()
        .position(|one| matches!(one, RunRecord::Decision(_)))
        .unwrap();
    // The opening has one checkpoint, and every decision one.
    let cut = signed_ends(&whole)[place - opening + 1];
    let prefix = verified(&whole[..cut]);
    assert!(prefix.findings.is_empty(), "{:?}", prefix.findings);
    assert_eq!(prefix.entries, place as u64 + 1);
    let execution = killed(&world, &manifest, &whole[..cut]);
    let resumed = resume(&world, &execution, "").unwrap();
    assert_eq!(resumed.ended.unwrap(), outcome.close);
    assert!(std::fs::read(execution.journal()).unwrap() == whole);
}
