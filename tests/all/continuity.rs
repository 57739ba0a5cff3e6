//! Over the real splits and dividends a holder's equity moves as the source's own adjusted closes
//! do, and falls by half without them.

use std::collections::BTreeMap;
use std::io::Read as _;

use counterfoil_tests::journals::{decisions, fills, records, verified};
use counterfoil_tests::world::{World, project};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::Money;
use flate2::read::GzDecoder;

/// Close and adjusted close by day number, as the file has them.
fn closes(symbol: &str) -> BTreeMap<i64, (f64, f64)> {
    let path = project().join("tests/data/us-equities-daily-2000-2013.csv.gz");
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let rows = text.lines().skip(1).filter_map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        let day = counterfoil_runner::times::parse_time(cells[1]).unwrap().0 / DAY_NANOS;
        let number = |place: usize| cells[place].parse::<f64>().unwrap();
        (cells[0] == symbol).then(|| (day, (number(5), number(7))))
    });
    rows.collect()
}

/// What a holder's stake was worth by day number: the position, and the cash it has paid.
fn worth(world: &World, symbol: &str) -> BTreeMap<i64, f64> {
    let component = std::fs::read(project().join("sdk-examples/components/buy-and-hold.wasm"));
    let manifest = world.manifest(&component.unwrap(), &[symbol]);
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let journal = outcome.execution.journal();
    let report = verified(&std::fs::read(&journal).unwrap());
    assert!(report.is_good(), "{:?}", report.completeness);
    assert!(world.replay(&outcome).unwrap().is_identical());
    let records = records(journal.path(), &outcome.execution.origin());
    let paid = fills(&records).first().unwrap().price.0;
    // 100 shares at a price of four decimals, as money of nine.
    let paid = i128::from(paid) * 100 * 100_000;
    let start = 1_000_000_000_000_000_i128;
    let stake = decisions(&records).into_iter().map(|decision| {
        let UnixNanos(open) = decision.bar.get().open_time;
        (open / DAY_NANOS, decision.equity.0 - start + paid)
    });
    stake
        .map(|(day, nanos)| (day, Money(nanos).to_text().parse().unwrap()))
        .collect()
}

fn day(date: &str) -> i64 {
    counterfoil_runner::times::parse_time(date).unwrap().0 / DAY_NANOS
}

#[test]
fn equity_is_continuous_across_each_split_and_dividend() {
    let with = World::real_with_actions();
    let without = World::real();
    //   symbol, ex-date, what at most is left of the close itself
    for (symbol, date, most) in [
        ("AAPL", "2000-06-21", 0.6),
        ("AAPL", "2005-02-28", 0.6),
        ("MSFT", "2003-02-18", 0.6),
        ("MSFT", "2004-11-15", 0.95),
    ] {
        let closes = closes(symbol);
        let (ex, (close, adjusted)) = closes.range(day(date)..).next().unwrap();
        let (before, (close_before, adjusted_before)) = closes.range(..day(date)).last().unwrap();
        let held = worth(&with, symbol);
        let moved = held[ex] / held[before];
        let source = adjusted / adjusted_before;
        // A dividend paid before stays cash, where the source buys shares with it.
        assert!(
            (moved - source).abs() < 0.005,
            "{symbol} {date}: {moved} {source}"
        );

        let bare = worth(&without, symbol);
        let (moved, source) = (bare[ex] / bare[before], close / close_before);
        assert!((moved - source).abs() < 1e-9, "{symbol} {date}: as traded");
        assert!(
            source < most,
            "{symbol} {date}: the close itself falls, by {source}"
        );
    }
}
