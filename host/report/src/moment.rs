//! Points in time as days and months, in UTC. It must never read a clock.

use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The short name of a month from 1 to 12.
pub(crate) fn month_name(month: i8) -> &'static str {
    let place = usize::try_from(month).unwrap_or(0).wrapping_sub(1);
    MONTHS.get(place).copied().unwrap_or("?")
}

/// Date and time of a moment.
pub(crate) fn civil(time: UnixNanos) -> DateTime {
    #[expect(
        clippy::expect_used,
        reason = "64 bits of nanoseconds reach from 1677 to 2262, well inside jiff's range"
    )]
    let moment = Timestamp::from_nanosecond(i128::from(time.0))
        .expect("invariant: every time in 64 bits of nanoseconds is a timestamp");
    moment.to_zoned(TimeZone::UTC).datetime()
}

/// The moment at which a date begins, where 64 bits hold it.
pub(crate) fn midnight(date: Date) -> Option<UnixNanos> {
    // Years beyond 2262 do not fit, and an axis that would reach there gets no label.
    let zoned = date.to_zoned(TimeZone::UTC).ok()?;
    let nanos = zoned.timestamp().as_nanosecond();
    i64::try_from(nanos).ok().map(UnixNanos)
}

/// The number of the UTC day a bar that closes at this moment belongs to. A close is exclusive:
/// the daily bar of a Friday closes at the midnight that begins Saturday.
pub(crate) const fn day_of_close(close: UnixNanos) -> i64 {
    // The last nanosecond inside the bar: the close itself begins the next day.
    close.0.saturating_sub(1).div_euclid(DAY_NANOS)
}

/// The date of a day counted from 1970-01-01.
pub(crate) fn date_of_day(day: i64) -> Date {
    civil(UnixNanos(day.saturating_mul(DAY_NANOS))).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_belongs_to_the_day_it_ends() {
        let at = |text: &str| {
            let stamp: Timestamp = text.parse().unwrap();
            UnixNanos(i64::try_from(stamp.as_nanosecond()).unwrap())
        };
        //  close                    day
        let table = [
            ("2000-01-01T00:00:00Z", "1999-12-31"),
            ("2000-01-01T00:00:01Z", "2000-01-01"),
            ("2000-01-03T00:00:00Z", "2000-01-02"),
            ("1969-12-31T12:00:00Z", "1969-12-31"),
        ];
        for (close, day) in table {
            let got = day_of_close(at(close));
            assert_eq!(date_of_day(got).to_string(), day, "{close}");
        }
        assert_eq!(midnight(date_of_day(11)), Some(UnixNanos(11 * DAY_NANOS)));
        assert_eq!(civil(UnixNanos(i64::MIN)).date().year(), 1677);
    }
}
