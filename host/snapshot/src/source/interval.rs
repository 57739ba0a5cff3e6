//! From a stated time to a bar's open and close. It must never know a price.

use counterfoil_trading::time::{Timeframe, UnixNanos};
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
}
