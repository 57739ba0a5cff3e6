//! A sweep gives the same whatever the number of workers, continues where it was interrupted, and
//! trusts nothing that does not verify.

use counterfoil_journal::salt::LogSigner;
use counterfoil_runner::run::execute::ExecuteError;
use counterfoil_runner::study::sweep::{
    SweepAxis, SweepConfig, SweepError, SweepItem, SweepItemRun, items_from_grid, items_from_rows,
    sweep,
};
use counterfoil_tests::world::{World, signer};
use counterfoil_trading::record::CloseRecord;

fn axes(texts: &[&str]) -> Vec<SweepAxis> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn items(world: &World) -> Vec<SweepItem> {
    let base = world.cross(&["AAPL", "IBM"], 10, 30, 100);
    items_from_grid(&base, &axes(&["fast=5..20:5", "slow=30,60,100"])).unwrap()
}

fn swept(
    world: &World,
    items: &[SweepItem],
    workers: usize,
) -> Vec<Result<SweepItemRun, ExecuteError>> {
    let signer = || -> Box<dyn LogSigner + Send> { signer() };
    let bench = SweepConfig {
        data: &world.data,
        engine: world.engine(),
        signer: &signer,
    };
    let mut reported = 0;
    let all = sweep(&bench, items, workers, &mut |count| reported = count).unwrap();
    assert_eq!(reported, items.len());
    all
}

fn closes(all: &[Result<SweepItemRun, ExecuteError>]) -> Vec<&CloseRecord> {
    all.iter()
        .map(|done| &done.as_ref().unwrap().close)
        .collect()
}

fn reused(all: &[Result<SweepItemRun, ExecuteError>]) -> Vec<bool> {
    let reused = all.iter().map(|done| done.as_ref().unwrap().is_reused);
    reused.collect()
}

#[test]
fn one_worker_or_four_give_the_same_as_single_backtests() {
    let (single, four) = (World::real(), World::real());
    let items = items(&single);
    assert_eq!(items.len(), 12);
    assert_eq!(items[1].values, ["5", "60"], "the last axis varies fastest");
    let first = swept(&single, &items, 1);
    let second = swept(&four, &self::items(&four), 4);
    assert_eq!(closes(&first), closes(&second));
    assert!(closes(&first).iter().all(|close| close.fills > 0));
    let alone = single
        .backtest(&items[7].manifest, single.engine())
        .unwrap();
    assert_eq!(&alone.close, closes(&first)[7], "sealed on another thread");
    let journal = |done: &Result<SweepItemRun, ExecuteError>| {
        std::fs::read(done.as_ref().unwrap().execution.journal()).unwrap()
    };
    assert_eq!(journal(&first[7]), journal(&second[7]));
}

#[test]
fn an_interrupted_sweep_goes_on_and_runs_again_what_does_not_verify() {
    let world = World::real();
    let items = items(&world);
    // Interrupted after five, the fifth without its end; the third was changed since.
    let before = swept(&world, &items[..5], 2);
    let journal = |place: usize| before[place].as_ref().unwrap().execution.journal();
    let whole = std::fs::read(journal(4)).unwrap();
    std::fs::write(journal(4), &whole[..whole.len() / 2]).unwrap();
    let mut changed = std::fs::read(journal(2)).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(journal(2), changed).unwrap();

    let after = swept(&world, &items, 2);
    let expected: Vec<bool> = (0..12).map(|place| [0, 1, 3].contains(&place)).collect();
    assert_eq!(reused(&after), expected);
    assert_eq!(closes(&after)[..5], closes(&before)[..]);
    assert_eq!(after[4].as_ref().unwrap().execution.number, 2);
    assert!(
        reused(&swept(&world, &items, 2))
            .into_iter()
            .all(|is_reused| is_reused)
    );
}

#[test]
fn what_is_wrong_with_one_item_stops_no_other() {
    let world = World::real();
    let base = world.cross(&["AAPL"], 10, 30, 100);
    let fields = ["fast", "quantity"].map(str::to_owned);
    let rows = [["5", "100"], ["5", "many"], ["10", "100"]];
    let rows = rows.map(|row| row.map(str::to_owned).to_vec()).to_vec();
    let items = items_from_rows(&base, &fields, rows).unwrap();
    let all = swept(&world, &items, 2);
    let wrong: Vec<bool> = all.iter().map(Result::is_err).collect();
    assert_eq!(wrong, [false, true, false]);
    let text = all[1].as_ref().unwrap_err().to_string();
    assert!(text.contains("quantity"), "{text}");
}

#[test]
fn a_field_that_cannot_be_varied_is_named() {
    let world = World::small(5);
    let base = world.cross(&["AAA"], 2, 4, 10);
    let check = |texts: &[&str], expected: &str| {
        let error: SweepError = items_from_grid(&base, &axes(texts)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{texts:?}: {text}");
    };
    check(&["costs.fee=1"], "no field \"costs.fee\"");
    check(&["costs.fee-bps=-1"], "fee-bps");
    check(&["cadence.x=1"], "no field");
    check(&["account.kind=savings"], "savings");
    check(&["fast=1,2", "fast=3"], "fast is varied twice");
    check(&["fast=1..1000", "slow=1..1000"], "more than");
    let short: Result<Vec<SweepItem>, SweepError> =
        items_from_rows(&base, &["fast".to_owned()], vec![vec![]]);
    assert!(short.unwrap_err().to_string().contains("row 1"));
}
