//! Figures of a series of returns. Formulas are those of `empyrical`, and golden values made with
//! it are compared in the tests; `docs/reference/REPORT.md` writes them out. It must never know money.

use crate::calendar::YearBasis;

/// Figures of a series of returns; `None` where a figure is not defined.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ReturnFigures {
    /// Last equity over first, less one.
    pub(crate) total: Option<f64>,
    /// The return of one year that compounds to the total.
    pub(crate) annual: Option<f64>,
    /// Sample standard deviation of returns, times the root of the periods of a year.
    pub(crate) volatility: Option<f64>,
    /// Mean over sample standard deviation, times the root of the periods of a year.
    pub(crate) sharpe: Option<f64>,
    /// Annual mean over annual downside deviation.
    pub(crate) sortino: Option<f64>,
    /// The share of returns above zero among those that are not zero.
    pub(crate) positive: Option<f64>,
    /// The lowest return.
    pub(crate) worst: Option<f64>,
    /// The highest return.
    pub(crate) best: Option<f64>,
}

/// Returns from one equity to the next; `None` once equity is not above zero, from where on no
/// return means anything.
pub(crate) fn returns(start: f64, equity: &[f64]) -> Option<Vec<f64>> {
    let mut last = start;
    let mut all = Vec::with_capacity(equity.len());
    for now in equity {
        // After a loss of everything a return has no base: the account of such a run is shown, its
        // ratios are not.
        if last <= 0.0 || !last.is_finite() || !now.is_finite() {
            return None;
        }
        all.push(now / last - 1.0);
        last = *now;
    }
    Some(all)
}

impl ReturnFigures {
    /// The figures of the equity at the end of each period, from `start` on.
    ///
    /// Sources: W. F. Sharpe, "The Sharpe Ratio", 1994, with a risk-free rate of zero; F. A.
    /// Sortino and L. N. Price, "Performance Measurement in a Downside Risk Framework", 1994,
    /// with a target of zero; both as `empyrical` computes them.
    pub(crate) fn from_equity(start: f64, equity: &[f64], basis: YearBasis) -> Self {
        let Some(returns) = returns(start, equity) else {
            return Self::default();
        };
        let (Some(last), false) = (equity.last(), returns.is_empty()) else {
            return Self::default();
        };
        let count = crate::number::length(returns.len());
        let growth = last / start;
        // `libm` and no `powf`: the standard library's may differ in the last bit from machine to
        // machine, and the report's bytes are compared.
        let annual = (growth > 0.0 && basis.years > 0.0)
            .then(|| libm::pow(growth, 1.0 / basis.years) - 1.0)
            .filter(|annual| annual.is_finite());
        let periods = basis.periods.number();
        let mean = sum(returns.iter().copied()) / count;
        let spread = spread(&returns, mean, count);
        let year = periods.map(libm::sqrt);
        let below = sum(returns.iter().map(|value| value.min(0.0) * value.min(0.0)));
        let downside = year.map(|year| libm::sqrt(below / count) * year);
        let above = returns.iter().filter(|value| **value > 0.0).count();
        let under = returns.iter().filter(|value| **value < 0.0).count();
        let moved = crate::number::length(above.saturating_add(under));
        Self {
            total: Some(growth - 1.0),
            annual,
            volatility: spread.zip(year).map(|(spread, year)| spread * year),
            // Without any spread the ratio would be infinite, or 0 / 0.
            sharpe: spread
                .filter(|spread| *spread > 0.0)
                .zip(year)
                .map(|(spread, year)| mean / spread * year),
            sortino: periods
                .zip(downside)
                .filter(|(_, downside)| returns.len() > 1 && *downside > 0.0)
                .map(|(periods, downside)| mean * periods / downside),
            positive: (moved > 0.0).then(|| crate::number::length(above) / moved),
            worst: returns.iter().copied().reduce(f64::min),
            best: returns.iter().copied().reduce(f64::max),
        }
    }
}

/// The sample standard deviation; `None` for fewer than two. The deviation of equal values is
/// nothing, although their mean may differ from them in the last bit.
fn spread(returns: &[f64], mean: f64, count: f64) -> Option<f64> {
    if returns.len() < 2 {
        return None;
    }
    let lowest = returns.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = returns.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if lowest.to_bits() == highest.to_bits() {
        return Some(0.0);
    }
    let squares = sum(returns.iter().map(|value| (value - mean) * (value - mean)));
    Some(libm::sqrt(squares / (count - 1.0)))
}

/// The sum, in sequence.
pub(crate) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    // In sequence and in one chain: sums in another order differ in the last bits.
    values.fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests;
