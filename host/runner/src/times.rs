//! Dates and times as people write them.

use counterfoil_trading::time::UnixNanos;

/// The moment that `text` means: an RFC 3339 time with an offset, or a date (midnight UTC).
#[must_use]
pub fn parse_time(text: &str) -> Option<UnixNanos> {
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        return i64::try_from(midnight.timestamp().as_nanosecond())
            .ok()
            .map(UnixNanos);
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(UnixNanos)
}
