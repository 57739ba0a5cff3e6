//! How many returns make a year, and the reason in words. It must never know what is traded.

use counterfoil_trading::time::{DAY_NANOS, Timeframe};

use crate::moment::is_weekend;
use crate::number;

/// How many returns make a year.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PeriodsPerYear {
    /// Stated by the caller.
    Given(f64),
    /// Daily returns of weekdays only.
    Weekdays,
    /// Daily returns with weekends.
    EveryDay,
    /// Bars longer than a day: so many of them in 365 days.
    LongBars(f64),
    /// Bars of whole months: so many of them in a year.
    Months(f64),
}

impl PeriodsPerYear {
    /// The number for a run with bars of this length and slices on these days, counted from
    /// 1970-01-01.
    pub(crate) fn from_bars(timeframe: Timeframe, days: impl IntoIterator<Item = i64>) -> Self {
        match timeframe {
            Timeframe::Months(months) => Self::Months(12.0 / f64::from(months)),
            Timeframe::Fixed(nanos) if nanos > DAY_NANOS => {
                Self::LongBars(number::signed(DAY_NANOS) * 365.0 / number::signed(nanos))
            }
            // From the data and not from the market's name: a bar on a Saturday shows that the venue
            // trades then, whatever it is called.
            Timeframe::Fixed(_) if days.into_iter().any(is_weekend) => Self::EveryDay,
            Timeframe::Fixed(_) => Self::Weekdays,
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> f64 {
        match self {
            Self::Given(number) | Self::LongBars(number) | Self::Months(number) => number,
            Self::Weekdays => 252.0,
            Self::EveryDay => 365.0,
        }
    }

    /// Why it is this number, as the end of a sentence.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Given(_) => "as asked for",
            Self::Weekdays => "no bar ends on a Saturday or Sunday (UTC), so a year has 252 days",
            Self::EveryDay => "bars end on weekends too, so a year has 365 days",
            Self::LongBars(_) => "bars are longer than a day, and a year has 365 days",
            Self::Months(_) => "bars are whole months, and a year has twelve",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_follows_from_the_bars() {
        //          bar   days   a year
        let table: [(&str, &[i64], f64); 5] = [
            ("1d", &[0, 1, 4], 252.0),
            ("1d", &[0, 1, 2], 365.0),
            ("1h", &[3], 365.0),
            ("5d", &[2], 73.0),
            ("3M", &[2], 4.0),
        ];
        for (bar, days, expect) in table {
            let got = PeriodsPerYear::from_bars(bar.parse().unwrap(), days.iter().copied());
            assert_eq!(got.number().to_bits(), expect.to_bits(), "{bar} {days:?}");
        }
    }
}
