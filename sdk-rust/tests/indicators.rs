//! The indicators against TA-Lib's values over real bars, against naive recomputation, and around
//! a split. It must never know how an indicator keeps its state.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests: a panic is how a test fails"
)]

use std::collections::BTreeMap;

use counterfoil_sdk::indicators::{
    Atr, Bollinger, Ema, Highest, IndicatorError, Lowest, Macd, MacdLengths, Mean, PRICE_MAX, Rsi,
    Sma,
};
use counterfoil_sdk::{Bar, SplitRatio};

/// Made by `golden/indicators.py`.
const GOLDEN: &str = include_str!("golden/indicators.csv");

fn bar(index: usize, [high, low, close]: [i64; 3]) -> Bar {
    Bar {
        instrument: 0,
        index: index as u64,
        open_time: 0,
        close_time: 0,
        open: close,
        high,
        low,
        close,
        volume: 0,
        bars_in_slice: 1,
        last_in_slice: true,
        warming_up: false,
    }
}

/// The columns of the golden file, as text.
fn golden() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut lines = GOLDEN.lines();
    let names: Vec<_> = lines.next().unwrap().split(',').collect();
    let mut columns: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in lines {
        let cells: Vec<_> = line.split(',').collect();
        assert_eq!(cells.len(), names.len(), "{line}");
        for (name, cell) in names.iter().zip(cells) {
            columns.entry(*name).or_default().push(cell);
        }
    }
    columns
}

fn integers(column: &[&str]) -> Vec<i64> {
    column.iter().map(|cell| cell.parse().unwrap()).collect()
}

fn bars() -> Vec<Bar> {
    let golden = golden();
    let [high, low, close] = ["high", "low", "close"].map(|name| integers(&golden[name]));
    (0..close.len())
        .map(|i| bar(i, [high[i], low[i], close[i]]))
        .collect()
}

#[track_caller]
fn check_exact(name: &str, mut update: impl FnMut(&Bar) -> Option<i128>) {
    let golden = golden();
    for (bar, expected) in bars().iter().zip(&golden[name]) {
        let expected = (!expected.is_empty()).then(|| expected.parse().unwrap());
        assert_eq!(update(bar), expected, "{name} of bar {}", bar.index);
    }
}

/// Compares some columns with what one update gives; `unit` is what 1e-9 is relative to, where the
/// value itself can be close to zero.
#[track_caller]
fn check<const N: usize>(names: [&str; N], mut update: impl FnMut(&Bar) -> Option<[f64; N]>) {
    let golden = golden();
    for bar in bars() {
        let values = update(&bar);
        for (i, name) in names.iter().enumerate() {
            let cell = golden[name][usize::try_from(bar.index).unwrap()];
            let expected = (!cell.is_empty()).then(|| cell.parse::<f64>().unwrap());
            let value = values.map(|values| values[i]);
            let near = match (value, expected) {
                (None, None) => true,
                (Some(value), Some(expected)) => {
                    (value - expected).abs() <= 1e-9 * expected.abs().max(1.0)
                }
                _ => false,
            };
            let index = bar.index;
            assert!(near, "{name} of bar {index}: {value:?}, not {expected:?}");
        }
    }
}

#[test]
fn sums_and_extremes_are_ta_libs_to_the_digit() {
    for length in [2, 20] {
        let mut sma = Sma::new(length).unwrap();
        check_exact(&format!("sum-{length}"), |bar| {
            sma.update(bar.close).map(Mean::sum)
        });
        let mut highest = Highest::new(length).unwrap();
        check_exact(&format!("highest-{length}"), |bar| {
            highest.update(bar.high).map(i128::from)
        });
        let mut lowest = Lowest::new(length).unwrap();
        check_exact(&format!("lowest-{length}"), |bar| {
            lowest.update(bar.low).map(i128::from)
        });
    }
}

#[test]
fn averages_indexes_and_ranges_are_ta_libs() {
    for length in [2, 20] {
        let mut ema = Ema::new(length).unwrap();
        check([&format!("ema-{length}")], |bar| {
            ema.update(bar.close).map(|value| [value])
        });
    }
    for length in [2, 14] {
        let mut rsi = Rsi::new(length).unwrap();
        check([&format!("rsi-{length}")], |bar| {
            rsi.update(bar.close).map(|value| [value])
        });
    }
    for length in [1, 14] {
        let mut atr = Atr::new(length).unwrap();
        check([&format!("atr-{length}")], |bar| {
            atr.update(bar).map(|value| [value])
        });
    }
}

#[test]
fn bands_and_convergence_are_ta_libs() {
    for (length, deviations) in [(5, 1.5), (20, 2.0)] {
        let mut bands = Bollinger::new(length, deviations).unwrap();
        let names = ["upper", "middle", "lower"].map(|name| format!("{name}-{length}"));
        check(names.each_ref().map(String::as_str), |bar| {
            let bands = bands.update(bar.close)?;
            Some([bands.upper, bands.middle, bands.lower])
        });
    }
    for [fast, slow, signal] in [[3, 10, 4], [12, 26, 9]] {
        let mut macd = Macd::new(MacdLengths { fast, slow, signal }).unwrap();
        let names = ["macd", "signal", "histogram"].map(|name| format!("{name}-{slow}"));
        check(names.each_ref().map(String::as_str), |bar| {
            let value = macd.update(bar.close)?;
            Some([value.macd, value.signal, value.histogram])
        });
    }
}

/// Prices that rise, fall, repeat and jump; the same on every run.
fn prices(count: i64) -> Vec<i64> {
    (0..count).map(|i| (i * i * 7919) % 101 - 20).collect()
}

#[test]
fn windows_agree_with_windows_that_are_computed_afresh() {
    let prices = prices(300);
    for length in [1, 2, 3, 7, 50, 299, 300, 301] {
        let mut sma = Sma::new(length).unwrap();
        let mut highest = Highest::new(length).unwrap();
        let mut lowest = Lowest::new(length).unwrap();
        for end in 1..=prices.len() {
            let price = prices[end - 1];
            let window = end
                .checked_sub(length as usize)
                .and_then(|start| prices.get(start..end));
            assert_eq!(
                highest.update(price),
                window.and_then(|w| w.iter().max().copied())
            );
            assert_eq!(
                lowest.update(price),
                window.and_then(|w| w.iter().min().copied())
            );
            assert_eq!(
                highest.value(),
                window.and_then(|w| w.iter().max().copied())
            );
            let sum = sma.update(price).map(|mean| (mean.sum(), mean.count()));
            let afresh = window.map(|w| (w.iter().copied().map(i128::from).sum(), length));
            assert_eq!(sum, afresh, "{length} at {end}");
        }
    }
}

#[test]
fn means_compare_as_fractions() {
    let mean = |prices: &[i64]| {
        let mut sma = Sma::new(u32::try_from(prices.len()).unwrap()).unwrap();
        prices
            .iter()
            .filter_map(|price| sma.update(*price))
            .last()
            .unwrap()
    };
    assert!(mean(&[1, 2]) > mean(&[1, 1, 2]), "3/2 and 4/3");
    assert_eq!(mean(&[1, 3]), mean(&[2, 2, 2]));
    assert!(Mean::from(2) > mean(&[1, 2]) && Mean::from(1) < mean(&[1, 2]));
    assert!(mean(&[-1, -2]) < mean(&[-1, -1, -2]));
    let most = vec![i64::MAX; 100_000];
    assert_eq!(mean(&most), Mean::from(i64::MAX));
    assert!((mean(&[1, 2]).to_f64() - 1.5).abs() < f64::EPSILON);
}

#[test]
fn a_market_that_stands_still_is_on_neither_side() {
    let mut rsi = Rsi::new(3).unwrap();
    let values: Vec<_> = [7; 5].into_iter().map(|close| rsi.update(close)).collect();
    assert_eq!(values, [None, None, None, Some(50.0), Some(50.0)]);
    let mut bands = Bollinger::new(2, 2.0).unwrap();
    bands.update(7);
    let flat = bands.update(7).unwrap();
    assert_eq!((flat.upper, flat.middle, flat.lower), (7.0, 7.0, 7.0));
}

#[test]
fn an_indicator_that_makes_no_sense_is_not_made() {
    let lengths = |fast, slow, signal| MacdLengths { fast, slow, signal };
    let errors = [
        Sma::new(0).map(drop),
        Highest::new(100_001).map(drop),
        Ema::new(0).map(drop),
        Rsi::new(1).map(drop),
        Atr::new(0).map(drop),
        Bollinger::new(1, 2.0).map(drop),
        Bollinger::new(20, 0.0).map(drop),
        Bollinger::new(20, f64::NAN).map(drop),
        Macd::new(lengths(26, 26, 9)).map(drop),
        Macd::new(lengths(0, 26, 9)).map(drop),
        Macd::new(lengths(12, 26, 0)).map(drop),
    ];
    let sentences: Vec<String> = errors
        .into_iter()
        .map(|made: Result<(), IndicatorError>| made.unwrap_err().into())
        .collect();
    assert_eq!(
        sentences,
        [
            "an indicator of 0 bars: it takes 1 to 100000",
            "an indicator of 100001 bars: it takes 1 to 100000",
            "an indicator of 0 bars: it takes 1 to 100000",
            "an indicator of 1 bars: it takes 2 to 100000",
            "an indicator of 0 bars: it takes 1 to 100000",
            "an indicator of 1 bars: it takes 2 to 100000",
            "bands stand a number of deviations above zero away",
            "bands stand a number of deviations above zero away",
            "fast (26) must be less than slow (26)",
            "an indicator of 0 bars: it takes 1 to 100000",
            "an indicator of 0 bars: it takes 1 to 100000",
        ]
    );
}

#[test]
fn prices_at_the_ends_of_their_range_do_no_harm() {
    let mut sma = Sma::new(3).unwrap();
    let mut highest = Highest::new(3).unwrap();
    let mut rsi = Rsi::new(2).unwrap();
    let mut atr = Atr::new(2).unwrap();
    let mut bands = Bollinger::new(2, 2.0).unwrap();
    let mut macd = Macd::new(MacdLengths {
        fast: 1,
        slow: 2,
        signal: 1,
    })
    .unwrap();
    for (i, price) in [
        i64::MIN,
        i64::MAX,
        0,
        i64::MAX,
        i64::MIN,
        -PRICE_MAX,
        PRICE_MAX,
    ]
    .into_iter()
    .cycle()
    .take(70)
    .enumerate()
    {
        sma.update(price);
        highest.update(price);
        assert!(
            rsi.update(price)
                .is_none_or(|value| (0.0..=100.0).contains(&value))
        );
        let range = atr.update(&bar(i, [price.max(0), price.min(0), price]));
        assert!(range.is_none_or(|value| value >= 0.0));
        let made = bands.update(price);
        assert!(made.is_none_or(|bands| bands.lower <= bands.upper));
        assert!(
            macd.update(price)
                .is_none_or(|value| value.macd.is_finite())
        );
        if i % 13 == 0 {
            bands.rescale(SplitRatio { new: 1, old: 1_000 });
        }
    }
    assert_eq!(bands.update(PRICE_MAX + 1), None);
}

/// The bar before which the split comes.
const SPLIT: usize = 40;
const HALVED: SplitRatio = SplitRatio { new: 2, old: 1 };

/// Feeds the same market twice: once with prices halved from the start, once with a split in the
/// middle. From the split on both must say the same.
#[track_caller]
fn check_split<I: Clone, O: core::fmt::Debug>(
    one: &I,
    mut update: impl FnMut(&mut I, usize, i64) -> Option<O>,
    rescale: impl Fn(&mut I),
    same: impl Fn(&O, &O) -> bool,
) {
    let (mut split, mut halved) = (one.clone(), one.clone());
    let mut values = 0;
    for (i, half) in prices(80).iter().map(|price| 500 + price).enumerate() {
        if i == SPLIT {
            rescale(&mut split);
        }
        let price = if i < SPLIT { 2 * half } else { half };
        let (left, right) = (update(&mut split, i, price), update(&mut halved, i, half));
        if i < SPLIT {
            continue;
        }
        let alike = match (&left, &right) {
            (Some(left), Some(right)) => same(left, right),
            (None, None) => true,
            _ => false,
        };
        assert!(alike, "bar {i}: {left:?} and {right:?}");
        values += usize::from(left.is_some());
    }
    assert!(values >= 10, "{values} values after the split");
}

#[test]
fn after_a_split_a_window_says_what_it_would_over_halved_prices() {
    let sma = Sma::new(20).unwrap();
    check_split(
        &sma,
        |sma, _, price| sma.update(price),
        |sma| sma.rescale(HALVED),
        Mean::eq,
    );
    let highest = Highest::new(20).unwrap();
    check_split(
        &highest,
        |highest, _, price| highest.update(price),
        |highest| highest.rescale(HALVED),
        i64::eq,
    );
    let lowest = Lowest::new(20).unwrap();
    check_split(
        &lowest,
        |lowest, _, price| lowest.update(price),
        |lowest| lowest.rescale(HALVED),
        i64::eq,
    );
}

#[test]
fn after_a_split_a_float_says_what_it_would_over_halved_prices() {
    let near = |a: &f64, b: &f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    // One that has its seed when the split comes, and one that has not.
    for length in [20, 60] {
        let ema = Ema::new(length).unwrap();
        check_split(
            &ema,
            |ema, _, price| ema.update(price),
            |ema| ema.rescale(HALVED),
            near,
        );
        let rsi = Rsi::new(length).unwrap();
        check_split(
            &rsi,
            |rsi, _, price| rsi.update(price),
            |rsi| rsi.rescale(HALVED),
            near,
        );
        let atr = Atr::new(length).unwrap();
        check_split(
            &atr,
            |atr, i, price| atr.update(&bar(i, [price; 3])),
            |atr| atr.rescale(HALVED),
            near,
        );
    }
    let bollinger = Bollinger::new(20, 2.0).unwrap();
    check_split(
        &bollinger,
        |bands, _, price| bands.update(price).map(|bands| bands.upper),
        |bands| bands.rescale(HALVED),
        near,
    );
    let lengths = MacdLengths {
        fast: 3,
        slow: 10,
        signal: 4,
    };
    check_split(
        &Macd::new(lengths).unwrap(),
        |macd, _, price| macd.update(price).map(|value| value.histogram),
        |macd| macd.rescale(HALVED),
        near,
    );
}
