//! Figures against an independent library: `tests/golden/statistics.py` makes the values.

use counterfoil_trading::units::Money;
use serde_json::Value;

use super::*;
use crate::calendar::PeriodsPerYear;
use crate::drawdown;
use crate::number;

const GOLDEN: &str = include_str!("../../../../tests/golden/statistics.json");

fn money(text: &str) -> f64 {
    number::money(Money::parse(text).unwrap())
}

/// So many returns, of which so many make a year.
fn basis(returns: usize, periods: f64) -> YearBasis {
    YearBasis {
        years: number::length(returns) / periods,
        periods: PeriodsPerYear::Counted(periods),
    }
}

/// Equal to a few parts in a thousand million, or both not defined.
#[track_caller]
fn check(case: &str, name: &str, got: Option<f64>, expect: &Value) {
    let close = match (got, expect.as_f64()) {
        (None, None) => true,
        (Some(got), Some(expect)) => (got - expect).abs() <= 1e-9 * expect.abs().max(1e-3),
        _ => false,
    };
    assert!(close, "{case}: {name} is {got:?}, not {expect}");
}

#[test]
fn figures_are_those_of_an_independent_library() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let start = money(case["start"].as_str().unwrap());
        let text = case["equity"].as_str().unwrap();
        let equity: Vec<f64> = text.split_whitespace().map(money).collect();
        let periods = case["periods-per-year"].as_f64().unwrap();
        let got = ReturnFigures::from_equity(start, &equity, basis(equity.len(), periods));
        let falls = drawdown::series(start, &equity);
        let depth = falls.iter().copied().fold(0.0, f64::min);
        let calmar = got
            .annual
            .filter(|_| depth < 0.0)
            .map(|annual| annual / -depth);
        for (figure, value) in [
            ("total-return", got.total),
            ("annual-return", got.annual),
            ("volatility", got.volatility),
            ("sharpe", got.sharpe),
            ("sortino", got.sortino),
            ("calmar", calmar),
            ("max-drawdown", Some(depth)),
            ("worst", got.worst),
            ("best", got.best),
        ] {
            check(name, figure, value, &case["values"][figure]);
        }
    }
}

#[test]
fn figures_of_what_is_no_series_of_returns_are_not_defined() {
    let nothing = ReturnFigures::default();
    //                start  equity
    let table: [(f64, &[f64]); 5] = [
        (100.0, &[]),
        (0.0, &[100.0]),
        (100.0, &[0.0, 100.0]),
        (100.0, &[-5.0, 3.0]),
        (100.0, &[f64::NAN]),
    ];
    for (start, equity) in table {
        assert_eq!(
            ReturnFigures::from_equity(start, equity, basis(equity.len(), 252.0)),
            nothing,
            "{equity:?}"
        );
    }
    // The last equity may be below zero: what was lost is defined, a yearly rate is not.
    let ruined = ReturnFigures::from_equity(100.0, &[90.0, -10.0], basis(2, 252.0));
    assert_eq!((ruined.total, ruined.annual), (Some(-1.1), None));
}
