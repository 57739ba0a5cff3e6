//! A guest at fault ends its run with a record that names the fault, and nothing else: not the
//! host, not the journal, not the runs after it.

use counterfoil_guests::component;
use counterfoil_sandbox::engine::{Backend, EngineSettings, OptLevel};
use counterfoil_tests::journals::{decisions, fault_of, fills, records, verified, wind_down};
use counterfoil_tests::world::{World, over_a_feed};
use counterfoil_trading::order::ClientOrderId;
use counterfoil_trading::record::{Callback, CloseReason, FaultAction, RunRecord};
use counterfoil_verify::Completeness;

use crate::recover::{killed, resume, signed_ends};

/// What is expected of a run that ends with a fault.
#[derive(Clone, Copy)]
struct Expect {
    callback: Callback,
    fault: &'static str,
    message: &'static str,
    /// Decisions with an answer, and after them decisions without one.
    decisions: (usize, usize),
    fills: usize,
    canceled: &'static [u64],
    /// The quantities that the host sells after it.
    flattened: &'static [i64],
}

const NOTHING: Expect = Expect {
    callback: Callback::OnBar,
    fault: "unreachable",
    message: "",
    decisions: (0, 0),
    fills: 0,
    canceled: &[],
    flattened: &[],
};

/// An `on-bar` that does `what` on bar `index` of one instrument.
fn on_bar(instrument: u32, index: u64, what: &str) -> String {
    format!(
        r#"(func (export "on-bar")
          (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
          (i64.store (i32.const 16) (i64.const 0))
          (i64.store (i32.const 24) (i64.const 0))
          (if (i32.and (i32.eq (local.get 0) (i32.const {instrument}))
                       (i64.eq (local.get 1) (i64.const {index})))
            (then {what}))
          (i32.const 16))"#
    )
}

/// Buys five of the first instrument at the market after its second bar.
fn buys() -> String {
    on_bar(
        0,
        1,
        "(i64.store (i32.const 4128) (i64.const 5))
         (i32.store (i32.const 20) (i32.const 4096)) (i32.store (i32.const 24) (i32.const 1))",
    )
}

/// A limit order far below the market after the second bar, and a trap on the fourth.
const RESTS_AND_TRAPS: &str = r#"(func (export "on-bar")
  (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i64.store (i32.const 16) (i64.const 0))
  (i64.store (i32.const 24) (i64.const 0))
  (if (i32.eqz (local.get 0)) (then
    (if (i64.eq (local.get 1) (i64.const 3)) (then unreachable))
    (if (i64.eq (local.get 1) (i64.const 1)) (then
      (i64.store (i32.const 4128) (i64.const 5))
      (i32.store8 (i32.const 4136) (i32.const 1))
      (i64.store (i32.const 4144) (i64.const 700))
      (i32.store (i32.const 20) (i32.const 4096)) (i32.store (i32.const 24) (i32.const 1))))))
  (i32.const 16))"#;

const ON_FILL: &str = r#"(func (export "on-fill") (param i32 i64 i32 i64 i64 i64 i64 i32 i64)"#;
const ON_EVENT: &str = r#"(func (export "on-order-event") (param i32 i64 i32 i32 i32 i64 i64)"#;
const INIT: &str = r#"(func (export "init") (param i32 i32 i32 i32 i64) (result i32)"#;
const FOR_EVER: &str = "(loop $again (br $again))";

#[track_caller]
fn check_wind_down(records: &[RunRecord], name: &str, expect: &Expect) {
    let canceled: Vec<_> = expect.canceled.iter().copied().map(ClientOrderId).collect();
    let wind_down = wind_down(records);
    assert_eq!(wind_down.canceled, canceled, "{name}");
    let flattened: Vec<_> = wind_down
        .flattened
        .iter()
        .map(|sent| sent.quantity.0)
        .collect();
    assert_eq!(flattened, expect.flattened, "{name}");
}

#[track_caller]
fn check(world: &World, name: &str, body: &str, on_fault: &str, expect: &Expect) {
    let mut manifest = world.manifest(&component(body), &["AAA", "BBB"]);
    on_fault.clone_into(&mut manifest.on_fault);
    let outcome = world
        .backtest(&manifest, EngineSettings::default())
        .unwrap();
    assert_eq!(outcome.close.reason, CloseReason::Fault, "{name}");
    let journal = outcome.execution.journal();
    let records = records(journal.path(), &outcome.execution.origin());
    assert!(
        matches!(records.last(), Some(RunRecord::Close(_))),
        "{name}"
    );

    let fault = fault_of(&records);
    assert_eq!(fault.fault.name(), expect.fault, "{name}");
    assert_eq!(fault.callback, expect.callback, "{name}");
    assert_eq!(fault.message, expect.message, "{name}");
    check_wind_down(&records, name, expect);
    let mut actions = FaultAction::ALL.into_iter();
    let action = actions.find(|action| action.name() == on_fault);
    assert_eq!(Some(fault.action), action, "{name}");

    let decisions = decisions(&records);
    let answered = decisions.iter().take_while(|bar| bar.requests.is_some());
    let silent = decisions
        .iter()
        .rev()
        .take_while(|bar| bar.requests.is_none());
    let counts = (answered.count(), silent.count());
    assert_eq!(
        counts, expect.decisions,
        "{name}: with an answer, and without"
    );
    assert_eq!(decisions.len(), counts.0 + counts.1, "{name}");
    assert_eq!(
        decisions.len() % 2,
        0,
        "{name}: the last slice is recorded whole"
    );
    if let Some(last) = decisions.last() {
        assert_eq!(fault.time, last.bar.get().close_time, "{name}");
    }
    assert_eq!(fills(&records).len(), expect.fills, "{name}");

    let again = world.replay(&outcome).unwrap();
    assert!(again.difference.is_none(), "{name}: {:?}", again.difference);
    assert_eq!(
        again.decision_digest,
        Some(outcome.close.decision_digest),
        "{name}"
    );
    assert!(again.closed, "{name}");
    let pulley = EngineSettings {
        backend: Backend::Pulley,
        opt: OptLevel::None,
        ..EngineSettings::default()
    };
    let pulley = world.backtest(&manifest, pulley).unwrap();
    assert_eq!(
        pulley.close, outcome.close,
        "{name}: another back end, the same fault"
    );
    let report = verified(&std::fs::read(journal).unwrap());
    assert_eq!(report.findings, [], "{name}");
    assert!(report.is_good(), "{name}: {:?}", report.completeness);
    assert_eq!(
        report.completeness,
        Completeness::Complete,
        "{name}: up to its fault"
    );
}

/// Checks each case, then that the host runs a good component afterwards.
fn check_all(table: &[(&str, String, Expect)], on_fault: &str) {
    let world = World::small(12);
    for (name, body, expect) in table {
        check(&world, name, body, on_fault, expect);
    }
    let manifest = world.cross(&["AAA", "BBB"], 2, 3, 10);
    let good = world.backtest(&manifest, world.engine()).unwrap();
    assert_eq!(
        good.close.reason,
        CloseReason::EndOfData,
        "the host continues"
    );
    assert_eq!(good.close.decisions, 24);
}

#[test]
fn a_fault_in_on_bar_ends_the_run_and_the_slice_is_recorded_whole() {
    let traps = |instrument, index| on_bar(instrument, index, "unreachable");
    let sentence = "(i32.store (i32.const 16) (i32.const 1))
        (i32.store (i32.const 20) (i32.const 1104)) (i32.store (i32.const 24) (i32.const 5))";
    let expect = |answered, silent| Expect {
        decisions: (answered, silent),
        ..NOTHING
    };
    let fuel = Expect {
        fault: "out-of-fuel",
        message: "raise limits.fuel-per-callback (1000000) or limits.fuel-per-bar (5000, for 2 bars)",
        ..expect(6, 2)
    };
    // What the SDK's panic hook does: a line of the level error, then the trap.
    let panics = format!(
        r#"{} (data (i32.const 2048) "panic at src/lib.rs:30: odd volume")"#,
        on_bar(
            0,
            3,
            "(call $log (i32.const 3) (i32.const 2048) (i32.const 34)) unreachable"
        )
    );
    let panicked = Expect {
        message: "panic at src/lib.rs:30: odd volume",
        ..expect(6, 2)
    };
    let guest_error = Expect {
        fault: "strategy-error",
        message: "shell",
        ..expect(6, 2)
    };
    let table = [
        ("traps on the first bar of all", traps(0, 0), expect(0, 2)),
        ("traps on a slice's first bar", traps(0, 3), expect(6, 2)),
        ("traps on a slice's last bar", traps(1, 3), expect(7, 1)),
        ("traps on the last bar of all", traps(1, 11), expect(23, 1)),
        ("runs for ever", on_bar(0, 3, FOR_EVER), fuel),
        ("says an error", on_bar(0, 3, sentence), guest_error),
        ("panics with a text", panics, panicked),
    ];
    check_all(&table, "leave");
}

#[test]
fn a_fault_in_another_callback_ends_the_run_too() {
    let after_buying = |head: &str, what: &str| format!("{}{head} {what})", buys());
    let expect = |callback, (fault, message)| Expect {
        callback,
        fault,
        message,
        decisions: (4, 2),
        fills: 1,
        ..NOTHING
    };
    let init = |(fault, message)| Expect {
        callback: Callback::Init,
        fault,
        message,
        ..NOTHING
    };
    let traps = "unreachable";
    let trap = (traps, "");
    let fuel = ("out-of-fuel", "raise limits.fuel-per-callback (1000000)");
    let fuel_of_init = (
        "out-of-fuel",
        "raise limits.fuel-init (1000000) or limits.fuel-per-bar (5000, for 2 instruments)",
    );
    let (fill, event) = (Callback::OnFill, Callback::OnOrderEvent);
    let table = [
        (
            "on-fill traps",
            after_buying(ON_FILL, traps),
            expect(fill, trap),
        ),
        (
            "on-fill runs for ever",
            after_buying(ON_FILL, FOR_EVER),
            expect(fill, fuel),
        ),
        (
            "on-order-event traps",
            after_buying(ON_EVENT, traps),
            expect(event, trap),
        ),
        ("init traps", format!("{INIT} unreachable)"), init(trap)),
        (
            "init runs for ever",
            format!("{INIT} {FOR_EVER} unreachable)"),
            init(fuel_of_init),
        ),
    ];
    check_all(&table, "leave");
}

#[test]
fn after_a_fault_working_orders_are_treated_as_the_manifest_says() {
    let expect = |canceled| Expect {
        decisions: (6, 2),
        canceled,
        ..NOTHING
    };
    let body = RESTS_AND_TRAPS.to_owned();
    check_all(&[("left", body.clone(), expect(&[]))], "leave");
    check_all(&[("taken back", body, expect(&[0]))], "cancel");
    let buys = RESTS_AND_TRAPS.replace("(i32.store8 (i32.const 4136) (i32.const 1))", "");
    let flattened = Expect {
        fills: 1,
        flattened: &[5],
        ..expect(&[])
    };
    check_all(&[("sold", buys, flattened)], "cancel-and-flatten");
}

/// Buys five after the second bar, rests a limit order after the third, and traps on the fifth.
const HOLDS_RESTS_AND_TRAPS: &str = r#"(func (export "on-bar")
  (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i64.store (i32.const 16) (i64.const 0))
  (i64.store (i32.const 24) (i64.const 0))
  (if (i32.eqz (local.get 0)) (then
    (if (i64.eq (local.get 1) (i64.const 4)) (then unreachable))
    (i64.store (i32.const 4112) (local.get 1))
    (i64.store (i32.const 4128) (i64.const 5))
    (if (i64.eq (local.get 1) (i64.const 2)) (then
      (i32.store8 (i32.const 4136) (i32.const 1))
      (i64.store (i32.const 4144) (i64.const 700))))
    (if (i32.or (i64.eq (local.get 1) (i64.const 1)) (i64.eq (local.get 1) (i64.const 2))) (then
      (i32.store (i32.const 20) (i32.const 4096)) (i32.store (i32.const 24) (i32.const 1))))))
  (i32.const 16))"#;

/// A process that was killed after it recorded the fault, and before all that winds the run down.
#[test]
fn a_kill_between_a_fault_and_its_wind_down_ends_in_the_same_journal() {
    let world = World::small(12);
    let mut manifest = world.manifest(&component(HOLDS_RESTS_AND_TRAPS), &["AAA", "BBB"]);
    "cancel-and-flatten".clone_into(&mut manifest.on_fault);
    manifest.cadence = 1;
    let live = over_a_feed(&manifest, "wound down");
    let lines = world.lines(&live);
    let backtest = world.backtest(&manifest, world.engine()).unwrap();
    for (manifest, outcome) in [
        (&manifest, backtest),
        (&live, world.live(&live, &lines).unwrap()),
    ] {
        let whole = std::fs::read(outcome.execution.journal()).unwrap();
        let all = records(
            outcome.execution.journal().path(),
            &outcome.execution.origin(),
        );
        let wound = wind_down(&all);
        assert_eq!((wound.canceled.len(), wound.flattened.len()), (1, 1));
        // After the fault, after the cancel, after the order; the last one ends the journal.
        let ends = signed_ends(&whole);
        for end in ends.into_iter().rev().skip(1).take(4) {
            let fresh = World::small(12);
            let _put = fresh.manifest(&component(HOLDS_RESTS_AND_TRAPS), &["AAA", "BBB"]);
            let execution = killed(&fresh, manifest, &whole[..end]);
            let close = resume(&fresh, &execution, &lines).unwrap().ended.unwrap();
            assert_eq!(close, outcome.close, "cut at {end}");
            let again = std::fs::read(execution.journal()).unwrap();
            assert!(again == whole, "cut at {end}");
        }
    }
}
