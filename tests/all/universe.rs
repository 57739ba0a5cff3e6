//! Many instruments, from their file to the proof of one decision: a run over all of them is made, wound down, verified
//! and replayed. What the records hold grows with the universe, and no record may have to. `host/verify/tests/verify.rs`
//! has ten thousand, without files.

use core::fmt::Write as _;

use counterfoil_guests::component;
use counterfoil_runner::run::extent::JournalExtent;
use counterfoil_runner::study::proof::{DecisionSelector, prove};
use counterfoil_tests::journals::{records, verified, wind_down};
use counterfoil_tests::world::{World, public_key};
use counterfoil_trading::record::{CloseReason, RunRecord};
use counterfoil_verify::verify_proof;

const INSTRUMENTS: usize = 1_000;

/// Buys one of each instrument on its first bar, leaves an order far below the market on its second, and traps on the
/// last instrument's third.
const TRADES_ALL: &str = r#"(memory (export "memory") 64)
(global $next (mut i32) (i32.const 16384))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const 0x3ffff0)))
  (global.get $next)
  (global.set $next (i32.add (global.get $next) (local.get 3))))
(func (export "on-bar")
  (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i64.store (i32.const 16) (i64.const 0))
  (i64.store (i32.const 24) (i64.const 0))
  (if (i64.eq (local.get 1) (i64.const 2)) (then
    (if (i32.eq (local.get 0) (i32.const 999)) (then unreachable))
    (return (i32.const 16))))
  (i32.store (i32.const 4104) (local.get 0))
  (i64.store (i32.const 4112) (i64.add
    (i64.mul (local.get 1) (i64.const 1000))
    (i64.add (i64.extend_i32_u (local.get 0)) (i64.const 1))))
  (i64.store (i32.const 4128) (i64.const 1))
  (i32.store8 (i32.const 4136) (i32.wrap_i64 (local.get 1)))
  (i64.store (i32.const 4144) (i64.const 800))
  (i32.store (i32.const 20) (i32.const 4096)) (i32.store (i32.const 24) (i32.const 1))
  (i32.const 16))"#;

fn bars() -> String {
    let mut csv = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    for instrument in 0..INSTRUMENTS {
        for day in 1..=3 {
            writeln!(csv, "S{instrument:05},2020-01-{day:02},10.05,12,9,11,1000").unwrap();
        }
    }
    csv
}

#[test]
fn a_thousand_instruments_run_are_wound_down_verify_replay_and_prove() {
    let world = World::of_text(&bars());
    let symbols: Vec<String> = (0..INSTRUMENTS).map(|at| format!("S{at:05}")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut manifest = world.manifest(&component(TRADES_ALL), &symbols);
    "cancel-and-flatten".clone_into(&mut manifest.on_fault);
    manifest.risk.working_orders_max = 1_000;
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    assert_eq!(outcome.close.reason, CloseReason::Fault);
    assert_eq!(outcome.close.fills, INSTRUMENTS as u64);
    assert_eq!(outcome.positions.len(), INSTRUMENTS);

    let execution = &outcome.execution;
    let all = records(&execution.journal(), &execution.origin());
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
    let decision = all
        .iter()
        .position(|record| matches!(record, RunRecord::Decision(_)));
    let entry = u64::try_from(decision.unwrap() + 777).unwrap();
    let proof = prove(execution, &DecisionSelector::Entry(entry)).unwrap();
    let proved = verify_proof(
        proof.to_string().as_bytes(),
        &public_key(),
        Some(&extent.open.manifest),
    );
    assert!(proved.unwrap().text.contains("S00777"));
}
