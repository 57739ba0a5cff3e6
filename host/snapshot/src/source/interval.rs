//! From a stated time to a bar's open and close, and from gaps to a timeframe. It must never know
//! a price.

use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::source::choices::TimeMeaning;

/// Open and close time of the bar with the stated time, or `None` when they do not fit.
pub(crate) fn interval(
    timeframe: Timeframe,
    meaning: TimeMeaning,
    stated: i64,
) -> Option<(UnixNanos, UnixNanos)> {
    let (open, close) = match (timeframe, meaning) {
        (Timeframe::Fixed(nanos), TimeMeaning::Open) => (stated, stated.checked_add(nanos)?),
        (Timeframe::Fixed(nanos), TimeMeaning::Close) => (stated.checked_sub(nanos)?, stated),
        (Timeframe::Months(count), TimeMeaning::Open) => {
            (stated, months(stated, i64::from(count))?)
        }
        (Timeframe::Months(count), TimeMeaning::Close) => {
            (months(stated, i64::from(count).checked_neg()?)?, stated)
        }
    };
    Some((UnixNanos(open), UnixNanos(close)))
}

/// The same day and time of day, `count` calendar months away in UTC; the last day of a month that
/// is too short for it.
fn months(from: i64, count: i64) -> Option<i64> {
    let moment = Timestamp::from_nanosecond(i128::from(from)).ok()?;
    let span = Span::new().try_months(count).ok()?;
    let there = TimeZone::UTC.to_datetime(moment).checked_add(span).ok()?;
    let moment = TimeZone::UTC.to_timestamp(there).ok()?;
    i64::try_from(moment.as_nanosecond()).ok()
}

/// The timeframe whose bars are `gap` nanoseconds apart, or why it cannot be inferred.
pub(crate) fn from_gap(gap: Option<i64>) -> Result<Timeframe, String> {
    let gap = gap.ok_or("no instrument has two bars")?;
    let days = gap
        .checked_div(DAY_NANOS)
        .filter(|_| gap.checked_rem(DAY_NANOS) == Some(0));
    // The smallest gap of monthly bars is a February, of quarters and years likewise the shortest.
    match days {
        Some(28..=31) => return Ok(Timeframe::Months(1)),
        Some(90..=92) => return Ok(Timeframe::Months(3)),
        Some(365..=366) => return Ok(Timeframe::Months(12)),
        Some(_) | None => {}
    }
    // A gap of milliseconds is a file of trades or of ticks; its rows are not bars of that length.
    if gap <= 0 || gap.checked_rem(1_000_000_000) != Some(0) {
        return Err(format!(
            "the smallest gap between two bars is {gap} ns, which is not a whole number of seconds"
        ));
    }
    Ok(Timeframe::Fixed(gap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(timeframe: &str, meaning: TimeMeaning, stated: &str, expect: &str) {
        let stated: Timestamp = stated.parse().unwrap();
        let stated = i64::try_from(stated.as_nanosecond()).unwrap();
        let text = |time: UnixNanos| {
            Timestamp::from_nanosecond(i128::from(time.0))
                .unwrap()
                .to_string()
        };
        let (open, close) = interval(timeframe.parse().unwrap(), meaning, stated).unwrap();
        assert_eq!(format!("{} {}", text(open), text(close)), expect);
    }

    #[test]
    fn a_bar_lasts_one_timeframe_from_its_open_or_before_its_close() {
        use TimeMeaning::{Close, Open};
        check(
            "1d",
            Open,
            "2003-01-02T00:00:00Z",
            "2003-01-02T00:00:00Z 2003-01-03T00:00:00Z",
        );
        check(
            "1d",
            Close,
            "2003-01-03T00:00:00Z",
            "2003-01-02T00:00:00Z 2003-01-03T00:00:00Z",
        );
        check(
            "5m",
            Open,
            "2003-01-02T09:30:00Z",
            "2003-01-02T09:30:00Z 2003-01-02T09:35:00Z",
        );
        check(
            "1M",
            Open,
            "2003-02-01T00:00:00Z",
            "2003-02-01T00:00:00Z 2003-03-01T00:00:00Z",
        );
        check(
            "1M",
            Close,
            "2003-03-01T00:00:00Z",
            "2003-02-01T00:00:00Z 2003-03-01T00:00:00Z",
        );
        check(
            "12M",
            Open,
            "2003-02-01T00:00:00Z",
            "2003-02-01T00:00:00Z 2004-02-01T00:00:00Z",
        );
        check(
            "1M",
            Open,
            "2003-01-31T00:00:00Z",
            "2003-01-31T00:00:00Z 2003-02-28T00:00:00Z",
        );
        assert_eq!(interval(Timeframe::Fixed(1), Open, i64::MAX), None);
        assert_eq!(interval(Timeframe::Months(u32::MAX), Open, 0), None);
    }

    #[test]
    fn the_smallest_gap_tells_the_timeframe() {
        let inferred = |seconds: i64| {
            from_gap(Some(seconds * 1_000_000_000)).map(|timeframe| timeframe.to_string())
        };
        let table = [
            (1, "1s"),
            (60, "1m"),
            (300, "5m"),
            (3_600, "1h"),
            (86_400, "1d"),
        ];
        for (seconds, expect) in table {
            assert_eq!(inferred(seconds).as_deref(), Ok(expect));
        }
        for (days, expect) in [(7, "1w"), (28, "1M"), (31, "1M"), (90, "3M"), (365, "12M")] {
            assert_eq!(inferred(days * 86_400).as_deref(), Ok(expect));
        }
        assert!(from_gap(None).is_err());
        assert!(from_gap(Some(1)).is_err());
    }
}
