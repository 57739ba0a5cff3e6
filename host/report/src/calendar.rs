//! How long a run lasted in years, and how many of its returns make a year. It must never know what is
//! traded.

use counterfoil_trading::time::{DAY_NANOS, UnixNanos};

use crate::number;

/// Days of a year, leap years included.
const DAYS_PER_YEAR: f64 = 365.25;

/// The number of returns that make a year, and its source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PeriodsPerYear {
    /// Stated by the caller.
    Given(f64),
    /// The run's returns over its years.
    Counted(f64),
    /// The run has no two closes at different times.
    Unknown,
}

impl PeriodsPerYear {
    /// The number, where there is one.
    #[must_use]
    pub(crate) const fn number(self) -> Option<f64> {
        match self {
            Self::Given(number) | Self::Counted(number) => Some(number),
            Self::Unknown => None,
        }
    }

    /// Its stable name in tables.
    #[must_use]
    pub(crate) const fn source(self) -> &'static str {
        match self {
            Self::Given(_) => "given",
            Self::Counted(_) => "data",
            Self::Unknown => "unknown",
        }
    }
}

/// The time base of annual figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct YearBasis {
    /// Calendar years from the first close to the last.
    pub(crate) years: f64,
    /// Returns that make a year.
    pub(crate) periods: PeriodsPerYear,
}

impl YearBasis {
    /// The basis of so many returns from the close `first` to the close `last`.
    ///
    /// By the calendar and not by a market's usual 252 days: the number of sessions differs from market to
    /// market and from bar to bar, the length of a year does not.
    pub(crate) fn counted(first: UnixNanos, last: UnixNanos, returns: usize) -> Self {
        let nanos = number::signed(last.0.saturating_sub(first.0));
        let years = nanos / number::signed(DAY_NANOS) / DAYS_PER_YEAR;
        let periods = if years > 0.0 && returns > 0 {
            PeriodsPerYear::Counted(number::length(returns) / years)
        } else {
            PeriodsPerYear::Unknown
        };
        Self { years, periods }
    }

    /// The basis of a run without a close.
    pub(crate) const NONE: Self = Self {
        years: 0.0,
        periods: PeriodsPerYear::Unknown,
    };

    /// The same years, with the caller's number of returns a year.
    pub(crate) const fn with_given(self, given: Option<f64>) -> Self {
        let periods = match given {
            Some(number) => PeriodsPerYear::Given(number),
            None => self.periods,
        };
        Self { periods, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_of_a_year_are_returns_over_calendar_years() {
        //          days  returns  a year
        let table: [(i64, usize, Option<f64>); 5] = [
            (1_461, 1_461, Some(365.25)),
            (1_461, 1_008, Some(252.0)),
            (7, 1, Some(365.25 / 7.0)),
            (0, 1, None),
            (5, 0, None),
        ];
        for (days, returns, expect) in table {
            let last = UnixNanos(days * DAY_NANOS);
            let basis = YearBasis::counted(UnixNanos(0), last, returns);
            let got = basis.periods.number();
            let agrees = match (got, expect) {
                (Some(got), Some(expect)) => (got - expect).abs() < 1e-9,
                (got, expect) => got == expect,
            };
            assert!(agrees, "{returns} returns in {days} days: {got:?}");
            assert_eq!(basis.with_given(Some(252.0)).periods.number(), Some(252.0));
        }
    }
}
