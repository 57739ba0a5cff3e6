//! Points in time and timeframes, as integers. It must never read a clock.

use alloc::string::{String, ToString as _};
use core::fmt;
use core::str::FromStr;

use counterfoil_base::time_text;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixNanos(pub i64);

/// Nanoseconds in a UTC day.
pub const DAY_NANOS: i64 = 86_400_000_000_000;

/// The length of a bar.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Timeframe {
    /// A fixed number of nanoseconds, more than zero.
    Fixed(i64),
    /// A number of calendar months in UTC, more than zero.
    Months(u32),
}

/// The text is not a timeframe.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{text:?} is not a timeframe: a number and s, m, h, d, w or M (m: minutes, M: months), such as 1m, 4h, 1d"
)]
pub struct TimeframeError {
    /// The text.
    pub text: String,
}

impl FromStr for Timeframe {
    type Err = TimeframeError;

    fn from_str(text: &str) -> Result<Self, TimeframeError> {
        let error = || TimeframeError {
            text: text.to_string(),
        };
        let unit = text
            .chars()
            .next_back()
            .filter(char::is_ascii)
            .ok_or_else(error)?;
        let count = text.strip_suffix(unit).ok_or_else(error)?;
        // A number has one spelling: the text is part of the manifest, and two spellings would be two run
        // ids.
        if count.is_empty() || !count.bytes().all(|b| b.is_ascii_digit()) || count.starts_with('0')
        {
            return Err(error());
        }
        let count: u32 = count.parse().map_err(|_| error())?;
        let seconds: i64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            'M' => return Ok(Self::Months(count)),
            _ => return Err(error()),
        };
        let nanos = seconds
            .checked_mul(1_000_000_000)
            .and_then(|unit| unit.checked_mul(i64::from(count)))
            .ok_or_else(error)?;
        Ok(Self::Fixed(nanos))
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = match self {
            Self::Months(count) => return write!(f, "{count}M"),
            Self::Fixed(nanos) => *nanos,
        };
        let seconds = nanos.checked_div(1_000_000_000).unwrap_or(0);
        for (unit, length) in [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60)] {
            if seconds.checked_rem(length) == Some(0) {
                return write!(f, "{}{unit}", seconds.checked_div(length).unwrap_or(0));
            }
        }
        write!(f, "{seconds}s")
    }
}

impl UnixNanos {
    /// The number of the UTC day that holds this moment; 1970-01-01 is 0.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_NANOS)
    }

    /// How far it is past the last place of a grid in UTC: of weeks from Mondays, of other lengths from 1970. `None`
    /// for a length that is not above zero.
    #[must_use]
    pub fn past_grid(self, length_nanos: i64) -> Option<i64> {
        // 1970-01-05 was a Monday.
        let origin = if length_nanos.checked_rem(7 * DAY_NANOS) == Some(0) {
            4 * DAY_NANOS
        } else {
            0
        };
        let origin = origin.checked_rem(length_nanos)?;
        let past = self.0.checked_rem_euclid(length_nanos)?;
        past.checked_sub(origin)?.checked_rem_euclid(length_nanos)
    }

    /// The moment as RFC 3339 text in UTC: `2026-01-31T16:00:00Z`, with a fraction where there is one.
    #[must_use]
    pub fn rfc3339(self) -> String {
        time_text::rfc3339(self.0)
    }

    /// The moment as people read it: the date alone at midnight UTC, else an RFC 3339 time.
    #[must_use]
    pub fn date_or_time(self) -> String {
        time_text::date_or_time(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weeks counted from 1970 began on Thursdays, and a venue's weekly bars were refused.
    #[test]
    fn weeks_begin_on_mondays_and_other_lengths_with_1970() {
        let check = |day: i64, timeframe: &str, past_days: i64| {
            let Ok(Timeframe::Fixed(nanos)) = timeframe.parse() else {
                panic!("{timeframe}");
            };
            let past = UnixNanos(day * DAY_NANOS).past_grid(nanos);
            assert_eq!(past, Some(past_days * DAY_NANOS), "{day} {timeframe}");
        };
        check(4, "1w", 0);
        check(0, "1w", 3);
        check(-3, "1w", 0);
        check(18, "2w", 0);
        check(11, "2w", 7);
        check(5, "1d", 0);
        check(5, "2d", 1);
        assert_eq!(UnixNanos(7).past_grid(0), None);
        assert!(UnixNanos(i64::MIN).past_grid(7 * DAY_NANOS).is_some());
    }

    #[test]
    fn a_timeframe_reads_back_as_written() {
        for text in ["1s", "1m", "5m", "1h", "4h", "1d", "1w", "1M", "12M"] {
            assert_eq!(text.parse::<Timeframe>().unwrap().to_string(), text);
        }
        for text in ["", "m", "0m", "01m", "1", "1y", "-1m", "1.5h", "1é"] {
            assert!(text.parse::<Timeframe>().is_err(), "{text}");
        }
    }
}
