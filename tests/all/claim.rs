//! The claim itself: one component makes the same decisions in backtest, live, replay, on every
//! back end, and beside itself.

use counterfoil_runner::run::execute::ExecuteError;
use counterfoil_runner::store::data_dir::DataDirError;
use counterfoil_sandbox::engine::{Backend, EngineSettings, OptLevel};
use counterfoil_tests::journals::{records, verified};
use counterfoil_tests::world::{World, over_a_feed};
use counterfoil_trading::record::{CloseReason, RunRecord};

fn engine(backend: Backend, opt: OptLevel) -> EngineSettings {
    EngineSettings {
        backend,
        opt,
        ..EngineSettings::default()
    }
}

#[test]
fn a_component_decides_the_same_wherever_it_runs() {
    let world = World::real();
    let manifest = world.claim();
    let speed = engine(Backend::Cranelift, OptLevel::Speed);
    let first = world.backtest(&manifest, speed.clone()).unwrap();
    let digest = first.close.decision_digest.hex();
    assert_eq!(first.close.reason, CloseReason::EndOfData);
    assert_eq!(first.close.decisions, 12_154, "every bar of the data");
    assert_eq!(first.close.fills, 428, "as in tests/golden");

    let none = engine(Backend::Cranelift, OptLevel::None);
    let second = world.backtest(&manifest, none).unwrap();
    assert_eq!(
        second.close.decision_digest.hex(),
        digest,
        "Cranelift, not optimised"
    );
    let pulley = engine(Backend::Pulley, OptLevel::Speed);
    let third = world.backtest(&manifest, pulley).unwrap();
    assert_eq!(third.close.decision_digest.hex(), digest, "Pulley");
    assert_eq!(first.close, second.close);
    assert_eq!(first.close, third.close);

    let fed = over_a_feed(&manifest, "claim");
    let live = world.live(&fed, &world.lines(&manifest)).unwrap();
    assert_eq!(live.close.decision_digest.hex(), digest, "live");
    assert_eq!(live.close, first.close);

    for outcome in [&first, &live] {
        let again = world.replay(outcome).unwrap();
        assert!(again.difference.is_none(), "{:?}", again.difference);
        assert!(again.closed);
        assert_eq!(again.decisions, 12_154);
        let replayed = again.decision_digest.map(|digest| digest.hex());
        assert_eq!(replayed.as_deref(), Some(digest.as_str()), "replay");
        let report = verified(&std::fs::read(outcome.execution.journal()).unwrap());
        assert!(
            report.is_good(),
            "{:?} {:?}",
            report.findings,
            report.completeness
        );
        assert_eq!(
            report.decision_digest.map(|digest| digest.hex()),
            Some(digest.clone())
        );
    }
}

#[test]
fn two_runs_at_once_are_two_executions_with_one_digest() {
    let world = World::real();
    let manifest = world.claim();
    let run = || {
        world
            .backtest(&manifest, EngineSettings::default())
            .unwrap()
    };
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(run);
        (run(), other.join().unwrap())
    });
    assert_eq!(first.close, second.close);
    assert_eq!(first.execution.run, second.execution.run);
    let mut numbers = [first.execution.number, second.execution.number];
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    let third = run();
    assert_eq!(third.execution.number, 3);
    assert_eq!(third.close.decision_digest, first.close.decision_digest);
    let all = world.data.executions().unwrap();
    assert_eq!(all.len(), 3);
    for execution in all {
        let records = records(execution.journal().path(), &execution.origin());
        let Some(RunRecord::Open(open)) = records.first() else {
            panic!("no open record");
        };
        assert_eq!(
            open.execution, execution.number,
            "the log holds the number too"
        );
    }
}

#[test]
fn a_manifest_that_says_something_else_is_another_run_with_other_decisions() {
    let world = World::small(28);
    let manifest = world.cross(&["AAA", "BBB"], 2, 4, 10);
    let run = |manifest| world.backtest(manifest, EngineSettings::default()).unwrap();
    let first = run(&manifest);
    assert!(first.close.fills > 4, "{} fills", first.close.fills);
    let mut other = manifest.clone();
    other
        .parameters
        .insert("quantity".to_owned(), "11".to_owned());
    let other = run(&other);
    assert_ne!(first.execution.run, other.execution.run);
    assert_ne!(first.close.decision_digest, other.close.decision_digest);
    let mut cadence = manifest.clone();
    cadence.cadence = 7;
    let cadence = run(&cadence);
    assert_ne!(first.execution.run, cadence.execution.run);
    assert_eq!(
        first.close.decision_digest, cadence.close.decision_digest,
        "how often is signed decides nothing"
    );
}

#[test]
fn a_live_manifest_starts_once() {
    let world = World::small(28);
    let manifest = world.cross(&["AAA", "BBB"], 2, 4, 10);
    let lines = world.lines(&manifest);
    let fed = over_a_feed(&manifest, "first");
    let first = world.live(&fed, &lines).unwrap();
    let journal = std::fs::read(first.execution.journal()).unwrap();
    let error = world.live(&fed, &lines).unwrap_err();
    assert!(
        matches!(
            *error,
            ExecuteError::DataDir(DataDirError::StartedBefore { .. })
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains(&first.execution.run.hex()),
        "{error}"
    );
    assert_eq!(std::fs::read(first.execution.journal()).unwrap(), journal);
    let again = world
        .live(&over_a_feed(&manifest, "second"), &lines)
        .unwrap();
    assert_eq!(again.close.decision_digest, first.close.decision_digest);
    assert_ne!(again.execution.run, first.execution.run);
}
