//! Times as RFC 3339 text, in UTC. No clock is read here.

use alloc::format;
use alloc::string::String;

use crate::calendar_date::CalendarDate;

const DAY_NANOS: i64 = 86_400_000_000_000;

/// A time in nanoseconds since 1970 as `2026-01-31T16:00:00Z`, with a fraction where there is one.
#[must_use]
pub fn rfc3339(unix_nanos: i64) -> String {
    // Euclidean: before 1970 the day is the one that begins before the time, as everywhere else.
    let CalendarDate { year, month, day } =
        CalendarDate::of_day_number(unix_nanos.div_euclid(DAY_NANOS));
    let nanos = unix_nanos.rem_euclid(DAY_NANOS);
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let clock = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction == 0 {
        return format!("{clock}Z");
    }
    let digits = format!("{fraction:09}");
    format!("{clock}.{}Z", digits.trim_end_matches('0'))
}

/// A time as people read it: the date alone at midnight, such as `2026-01-31`, else as [`rfc3339`].
#[must_use]
pub fn date_or_time(unix_nanos: i64) -> String {
    if unix_nanos.rem_euclid(DAY_NANOS) == 0 {
        let CalendarDate { year, month, day } =
            CalendarDate::of_day_number(unix_nanos.div_euclid(DAY_NANOS));
        return format!("{year:04}-{month:02}-{day:02}");
    }
    rfc3339(unix_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_other_tools_write_them() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, text) in table {
            assert_eq!(rfc3339(seconds * 1_000_000_000), text);
        }
        assert_eq!(rfc3339(1_500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(date_or_time(951_782_400_000_000_000), "2000-02-29");
        assert_eq!(date_or_time(1), "1970-01-01T00:00:00.000000001Z");
        assert_eq!(rfc3339(i64::MIN).get(..4), Some("1677"));
    }
}
