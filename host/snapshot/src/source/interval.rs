//! From a stated time to a bar's open and close. It must never know a price.

use counterfoil_base::calendar_date::CalendarDate;
use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::source::choices::TimeMeaning;
use crate::source::period_labels::WeekStart;

/// Open and close time of the bar with the stated time, or `None` when they do not fit.
pub(crate) fn interval(
    timeframe: Timeframe,
    meaning: TimeMeaning,
    week_start: WeekStart,
    stated: i64,
) -> Option<(UnixNanos, UnixNanos)> {
    let last_date = || stated.checked_sub(1).map(|last| UnixNanos(last).day());
    let (open, close) = match (timeframe, meaning) {
        // A week or month is dated by its last trading day, which is a Thursday before a holiday: it is the week or
        // month of that date, and known when that is over.
        (Timeframe::Fixed(nanos), TimeMeaning::Close)
            if is_multiple(nanos, WEEK_NANOS) && is_multiple(stated, DAY_NANOS) =>
        {
            let monday = WeekStart::Monday.first_day(last_date()?)?;
            let close = monday.checked_add(7)?.checked_mul(DAY_NANOS)?;
            (close.checked_sub(nanos)?, close)
        }
        // Or by its first trading day, which is a Tuesday after a holiday.
        (Timeframe::Fixed(nanos), TimeMeaning::Open)
            if is_multiple(nanos, WEEK_NANOS) && is_multiple(stated, DAY_NANOS) =>
        {
            let first = week_start.first_day(UnixNanos(stated).day())?;
            let open = first.checked_mul(DAY_NANOS)?;
            (open, open.checked_add(nanos)?)
        }
        (Timeframe::Months(count), TimeMeaning::Open) if is_multiple(stated, DAY_NANOS) => {
            let date = CalendarDate::of_day_number(UnixNanos(stated).day());
            let first = CalendarDate { day: 1, ..date };
            let open = first.day_number().checked_mul(DAY_NANOS)?;
            (open, months(open, i64::from(count))?)
        }
        (Timeframe::Months(count), TimeMeaning::Close) if is_multiple(stated, DAY_NANOS) => {
            let last = CalendarDate::of_day_number(last_date()?);
            let first = CalendarDate { day: 1, ..last };
            let close = first.months_later(1).day_number().checked_mul(DAY_NANOS)?;
            (months(close, i64::from(count).checked_neg()?)?, close)
        }
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

/// Nanoseconds in a week.
const WEEK_NANOS: i64 = 7 * DAY_NANOS;

fn is_multiple(nanos: i64, of: i64) -> bool {
    nanos.checked_rem(of) == Some(0)
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
        let (open, close) = interval(
            timeframe.parse().unwrap(),
            meaning,
            WeekStart::Monday,
            stated,
        )
        .unwrap();
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
            "2003-01-01T00:00:00Z 2003-02-01T00:00:00Z",
        );
        assert_eq!(
            interval(Timeframe::Fixed(1), Open, WeekStart::Monday, i64::MAX),
            None
        );
        assert_eq!(
            interval(Timeframe::Months(u32::MAX), Open, WeekStart::Monday, 0),
            None
        );
    }

    #[test]
    fn a_week_or_month_that_is_dated_by_its_last_trading_day_is_the_calendars() {
        use TimeMeaning::Close;
        // Dated by the last trading day: a Friday, a Thursday before a holiday, the last one of a month.
        for (timeframe, date_after, expect) in [
            (
                "1w",
                "2024-03-23",
                "2024-03-18T00:00:00Z 2024-03-25T00:00:00Z",
            ),
            (
                "1w",
                "2024-03-29",
                "2024-03-25T00:00:00Z 2024-04-01T00:00:00Z",
            ),
            (
                "1w",
                "2024-04-01",
                "2024-03-25T00:00:00Z 2024-04-01T00:00:00Z",
            ),
            (
                "1M",
                "2024-03-29",
                "2024-03-01T00:00:00Z 2024-04-01T00:00:00Z",
            ),
            (
                "3M",
                "2024-03-29",
                "2024-01-01T00:00:00Z 2024-04-01T00:00:00Z",
            ),
        ] {
            check(timeframe, Close, &format!("{date_after}T00:00:00Z"), expect);
        }
    }
}
