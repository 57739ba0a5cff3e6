//! Where an axis has its labels, and their texts. It must never know what is drawn.

use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use jiff::civil::Date;

use crate::moment::{civil, midnight, month_name};
use crate::number;

/// One label of an axis.
pub(crate) type AxisTick = (f64, String);

/// Multiples of 1, 2 or 5 times a power of ten, between `low` and `high`, at most `most`.
pub(crate) fn round_numbers(low: f64, high: f64, most: f64) -> Vec<f64> {
    let span = high - low;
    if span <= 0.0 || !span.is_finite() || most < 1.0 {
        return Vec::new();
    }
    let mut step = 1e-12;
    let steps = [2.0, 2.5, 2.0];
    let mut turn = 0_usize;
    // Ends because the step grows by a factor and the span is finite, which was checked above.
    while span / step > most {
        step *= steps.get(turn % 3).copied().unwrap_or(2.0);
        turn = turn.saturating_add(1);
    }
    let first = libm::ceil(low / step);
    let mut ticks = Vec::new();
    let mut place = 0.0;
    // Multiplied afresh for each tick: added up, the error of 0.1 would show in the tenth label.
    while (first + place) * step <= high {
        ticks.push((first + place) * step);
        place += 1.0;
    }
    ticks
}

/// How far apart labels of time are.
#[derive(Clone, Copy, Debug)]
enum TickSpacing {
    /// A fixed time, in nanoseconds.
    Nanos(i64),
    /// Calendar months.
    Months(i64),
}

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;

const PLANS: [TickSpacing; 18] = [
    TickSpacing::Nanos(1_000_000_000),
    TickSpacing::Nanos(15_000_000_000),
    TickSpacing::Nanos(MINUTE),
    TickSpacing::Nanos(5 * MINUTE),
    TickSpacing::Nanos(30 * MINUTE),
    TickSpacing::Nanos(HOUR),
    TickSpacing::Nanos(4 * HOUR),
    TickSpacing::Nanos(DAY_NANOS),
    TickSpacing::Nanos(2 * DAY_NANOS),
    TickSpacing::Nanos(7 * DAY_NANOS),
    TickSpacing::Months(1),
    TickSpacing::Months(3),
    TickSpacing::Months(6),
    TickSpacing::Months(12),
    TickSpacing::Months(24),
    TickSpacing::Months(60),
    TickSpacing::Months(120),
    TickSpacing::Months(600),
];

/// The moments at which years, months, days or parts of a day begin: the finest of these with at
/// most `most` labels.
pub(crate) fn moments(low: i64, high: i64, most: usize) -> Vec<(i64, String)> {
    // The finest spacing that fits: labels are read, and one more is worth more than a round number.
    let fits = |every: TickSpacing| {
        // Not listed where there are far too many: a year has too many seconds.
        let many = high.saturating_sub(low) / every.nanos_at_least();
        let few = usize::try_from(many).is_ok_and(|many| many <= most.saturating_mul(2));
        let ticks = few.then(|| every.list(low, high))?;
        (ticks.len() <= most).then_some(ticks)
    };
    PLANS.into_iter().find_map(fits).unwrap_or_default()
}

impl TickSpacing {
    /// The shortest time between two labels.
    const fn nanos_at_least(self) -> i64 {
        match self {
            Self::Nanos(nanos) => nanos,
            Self::Months(months) => months * 28 * DAY_NANOS,
        }
    }

    fn list(self, low: i64, high: i64) -> Vec<(i64, String)> {
        match self {
            Self::Nanos(step) => even(low, high, step),
            Self::Months(step) => months(low, high, step),
        }
    }
}

fn even(low: i64, high: i64, step: i64) -> Vec<(i64, String)> {
    let text = |time: i64| {
        let civil = civil(UnixNanos(time));
        if step >= DAY_NANOS {
            let date = civil.date();
            format!("{} {}", date.day(), month_name(date.month()))
        } else if step >= MINUTE {
            civil.strftime("%H:%M").to_string()
        } else {
            civil.strftime("%H:%M:%S").to_string()
        }
    };
    let mut ticks = Vec::new();
    let mut next = Some(low.div_euclid(step).saturating_mul(step));
    while let Some(time) = next.filter(|time| *time <= high) {
        if time >= low {
            ticks.push((time, text(time)));
        }
        // Beyond 64 bits there is no later tick: adding would wrap around to the first one.
        next = time.checked_add(step);
    }
    ticks
}

/// The first days of every so many months, counted from year 0.
fn months(low: i64, high: i64, step: i64) -> Vec<(i64, String)> {
    let month_of = |time: i64| {
        let date = civil(UnixNanos(time)).date();
        i64::from(date.year()) * 12 + i64::from(date.month()) - 1
    };
    let (first, last) = (
        month_of(low).div_euclid(step),
        month_of(high).div_euclid(step),
    );
    let text = |date: Date| {
        if step.rem_euclid(12) == 0 {
            date.year().to_string()
        } else {
            format!("{} {}", month_name(date.month()), date.year())
        }
    };
    let tick = |place: i64| {
        let month = place * step;
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        let date = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
        let time = midnight(date)?.0;
        (low..=high).contains(&time).then(|| (time, text(date)))
    };
    (first..=last).filter_map(tick).collect()
}

/// An amount or a quantity in few letters: 1.2M, 950k, 0.05. All labels of an axis take the unit
/// of its largest value.
pub(crate) fn short_text(value: f64, step: f64, largest: f64) -> String {
    let (unit, name) = if largest >= 1e12 {
        (1e12, "T")
    } else if largest >= 1e9 {
        (1e9, "B")
    } else if largest >= 1e6 {
        (1e6, "M")
    } else if largest >= 1e4 {
        (1e3, "k")
    } else {
        (1.0, "")
    };
    // As many decimals as the step needs: with fewer, two neighbouring labels would be equal.
    let mut decimals = 0_usize;
    let mut part = step.abs() / unit;
    while part < 0.999_999 && decimals < 9 && part > 0.0 {
        part *= 10.0;
        decimals = decimals.saturating_add(1);
    }
    format!("{}{name}", number::float_text(value / unit, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_round_and_few() {
        let table = [
            (0.0, 10.0, 6.0, "0 2 4 6 8 10"),
            (
                950_000.0,
                1_310_000.0,
                5.0,
                "1000000 1100000 1200000 1300000",
            ),
            (-0.37, 0.0, 5.0, "-0.30000000000000004 -0.2 -0.1 0"),
            (3.0, 3.0, 5.0, ""),
            (0.0, f64::INFINITY, 5.0, ""),
        ];
        for (low, high, most, expect) in table {
            let got: Vec<f64> = round_numbers(low, high, most);
            let expect: Vec<f64> = expect
                .split_whitespace()
                .map(|word| word.parse().unwrap())
                .collect();
            assert_eq!(got.len(), expect.len(), "{low} {high}: {got:?}");
            for (got, expect) in got.iter().zip(expect) {
                assert!((got - expect).abs() < 1e-9, "{got} {expect}");
            }
        }
    }

    #[test]
    fn moments_are_where_spans_begin() {
        let at = |text: &str| {
            let time: jiff::Timestamp = text.parse().unwrap();
            i64::try_from(time.as_nanosecond()).unwrap()
        };
        let table = [
            (
                "2000-01-03T00:00:00Z",
                "2013-09-07T00:00:00Z",
                7,
                "2000.. 2002 2004 2006 2008 2010 2012",
            ),
            (
                "2000-01-03T00:00:00Z",
                "2000-07-01T00:00:00Z",
                6,
                "Feb 2000, Mar 2000, Apr 2000, May 2000, Jun 2000, Jul 2000",
            ),
            (
                "2000-01-03T09:30:00Z",
                "2000-01-03T16:00:00Z",
                7,
                "10:00 11:00 12:00 13:00 14:00 15:00 16:00",
            ),
            (
                "2000-01-03T00:00:00Z",
                "2000-01-06T00:00:00Z",
                7,
                "3 Jan, 4 Jan, 5 Jan, 6 Jan",
            ),
        ];
        for (low, high, most, expect) in table {
            let got: Vec<String> = moments(at(low), at(high), most)
                .into_iter()
                .map(|tick| tick.1)
                .collect();
            let expect = expect.trim_start_matches("2000.. ");
            assert!(
                got.join(" ") == expect || got.join(", ") == expect,
                "{got:?}"
            );
        }
        for (low, high) in [
            (i64::MIN, i64::MAX),
            (0, 0),
            (5, 6),
            (i64::MAX - 9, i64::MAX),
        ] {
            assert!(moments(low, high, 7).len() <= 7);
        }
    }

    #[test]
    fn amounts_are_short() {
        let table = [
            (1_200_000.0, 100_000.0, 1_250_000.0, "1.2M"),
            (900_000.0, 100_000.0, 1_250_000.0, "0.9M"),
            (950_000.0, 50_000.0, 990_000.0, "950k"),
            (0.05, 0.05, 0.1, "0.05"),
            (-1_500.0, 500.0, 2_000.0, "\u{2212}1,500"),
            (0.0, 0.2, 1.0, "0.0"),
        ];
        for (value, step, largest, expect) in table {
            assert_eq!(short_text(value, step, largest), expect);
        }
    }
}
