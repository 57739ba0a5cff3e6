//! What a time field says: a date, an ISO 8601 moment, or a number since 1970. It must never read
//! a clock or a time zone database.

use counterfoil_trading::time::DAY_NANOS;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::error::IngestError;
use crate::options::{EpochUnit, TimeMeaning};

/// The longest text of a time: ISO 8601 with nanoseconds and offset has 35 characters.
const TIME_BYTES_MAX: usize = 40;

/// Seconds since 1970 at 1980-01-01 and at 2100-01-01. In no two units does one number fall
/// between them, so a number that does tells its unit.
const TELLING_SECONDS: (i64, i64) = (315_532_800, 4_102_444_800);

/// Turns time fields into keys: numbers of one unit, in sequence of time.
#[derive(Debug)]
pub(crate) struct Times {
    meaning: TimeMeaning,
    given: Option<EpochUnit>,
    kind: Option<Kind>,
    /// The first numeric time, for messages.
    first: Option<(u64, i64)>,
    /// By unit, the first line whose number tells that unit.
    telling: [Option<u64>; EpochUnit::ALL.len()],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Text,
    Epoch,
}

impl Times {
    pub(crate) fn new(meaning: TimeMeaning, given: Option<EpochUnit>) -> Self {
        Self {
            meaning,
            given,
            kind: None,
            first: None,
            telling: [None; EpochUnit::ALL.len()],
        }
    }

    /// The key of one time field, or what is wrong with it.
    pub(crate) fn key(&self, text: &str) -> Result<Key, String> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let epoch = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let kind = if epoch { Kind::Epoch } else { Kind::Text };
        if self.kind.is_some_and(|first| first != kind) {
            return Err(match kind {
                Kind::Epoch => format!("{text:?} is a number, and earlier rows have dates"),
                Kind::Text => format!("{text:?} is no number, and earlier rows have numbers"),
            });
        }
        let time = match kind {
            Kind::Epoch => text
                .parse()
                .map_err(|_| format!("{text:?} is too large a number"))?,
            Kind::Text => nanos(text, self.meaning)?,
        };
        Ok(Key { time, kind })
    }

    /// Remembers the key of a row that was taken.
    pub(crate) fn take(&mut self, key: &Key, line: u64) {
        self.kind = Some(key.kind);
        if key.kind == Kind::Text {
            return;
        }
        self.first.get_or_insert((line, key.time));
        for (unit, telling) in EpochUnit::ALL.iter().zip(&mut self.telling) {
            let units = 1_000_000_000_i64.checked_div(unit.nanos()).unwrap_or(1);
            let (from, to) = TELLING_SECONDS;
            if (from.saturating_mul(units)..to.saturating_mul(units)).contains(&key.time) {
                telling.get_or_insert(line);
            }
        }
    }

    /// Nanoseconds in one unit of the keys.
    pub(crate) fn nanos_per_key(&self, file: &str, column: &str) -> Result<i64, IngestError> {
        let Some((line, time)) = self.first else {
            return Ok(1);
        };
        if let Some(unit) = self.given {
            return Ok(unit.nanos());
        }
        let told = EpochUnit::ALL.iter().zip(self.telling);
        let mut told = told.filter_map(|(unit, line)| Some((*unit, line?)));
        match (told.next(), told.next()) {
            (Some((unit, _)), None) => Ok(unit.nanos()),
            (Some((first_unit, first_line)), Some((second_unit, second_line))) => {
                Err(IngestError::MixedEpochs {
                    file: file.to_owned(),
                    column: column.to_owned(),
                    first_line,
                    first_unit,
                    second_line,
                    second_unit,
                })
            }
            (None, _) => Err(IngestError::AmbiguousEpoch {
                file: file.to_owned(),
                line,
                column: column.to_owned(),
                text: time.to_string(),
            }),
        }
    }
}

/// One time, as it sorts.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) time: i64,
    kind: Kind,
}

/// Nanoseconds since 1970 of a date or an ISO 8601 moment. A date is the midnight it begins with,
/// or, where times are closes, the one it ends with.
fn nanos(text: &str, meaning: TimeMeaning) -> Result<i64, String> {
    let unreadable = || {
        format!(
            "{text:?} is no time: YYYY-MM-DD, ISO 8601 such as 2003-01-02T09:30:00Z, or a number since 1970"
        )
    };
    let too_far = || format!("{text:?} is before 1677 or after 2262");
    if text.len() > TIME_BYTES_MAX || text.contains('[') || !text.is_ascii() {
        return Err(unreadable());
    }
    if text.len() == 10 {
        let date: Date = text.parse().map_err(|_| unreadable())?;
        let midnight = at_utc(date.at(0, 0, 0, 0)).ok_or_else(too_far)?;
        return match meaning {
            TimeMeaning::Open => Ok(midnight),
            TimeMeaning::Close => midnight.checked_add(DAY_NANOS).ok_or_else(too_far),
        };
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return i64::try_from(moment.as_nanosecond()).map_err(|_| too_far());
    }
    // What follows the date of a naive time is digits, colons and points: anything else would be
    // an offset that is not understood, and must not be taken for UTC.
    let clock = text.get(11..).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.');
    if clock.is_empty() || !clock.bytes().all(plain) {
        return Err(unreadable());
    }
    let civil: DateTime = text.parse().map_err(|_| unreadable())?;
    at_utc(civil).ok_or_else(too_far)
}

fn at_utc(civil: DateTime) -> Option<i64> {
    let moment = TimeZone::UTC.to_timestamp(civil).ok()?;
    i64::try_from(moment.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, meaning: TimeMeaning, expect: &str) {
        let got = match Times::new(meaning, None).key(text) {
            Ok(key) if key.kind == Kind::Epoch => format!("number {}", key.time),
            Ok(key) => Timestamp::from_nanosecond(i128::from(key.time))
                .unwrap()
                .to_string(),
            Err(error) => error,
        };
        assert!(got.contains(expect), "{text:?}: {got}");
    }

    #[test]
    fn a_time_is_a_date_a_moment_or_a_number() {
        use TimeMeaning::{Close, Open};
        check("2003-01-02", Open, "2003-01-02T00:00:00Z");
        check("2003-01-02", Close, "2003-01-03T00:00:00Z");
        check("2003-01-02T09:30:00Z", Open, "2003-01-02T09:30:00Z");
        check("2003-01-02T09:30:00Z", Close, "2003-01-02T09:30:00Z");
        check("2003-01-02 09:30:00+00:00", Open, "2003-01-02T09:30:00Z");
        check("2003-01-02T09:30:00-05:00", Open, "2003-01-02T14:30:00Z");
        check(
            "2003-01-02T09:30:00.123456789",
            Open,
            "2003-01-02T09:30:00.123456789Z",
        );
        check("2003-01-02 09:30:00", Open, "2003-01-02T09:30:00Z");
        check("2003-01-02 09:30", Open, "2003-01-02T09:30:00Z");
        check("1041379200", Open, "number 1041379200");
        check("-60", Open, "number -60");
        for text in [
            "",
            "-",
            "01/02/2003",
            "2003-13-01",
            "2003-02-30",
            "2003-01-02T25:00:00Z",
            "NaN",
        ] {
            check(text, Open, "is no time");
        }
        for text in [
            "2003-01-02T09:30:00 EST",
            "2003-01-02T09:30:00-05:00[America/New_York]",
            "2003-01-02T",
            "2003-01-02T09:30:00+99:00",
        ] {
            check(text, Open, "is no time");
        }
        check("1600-01-01", Open, "before 1677");
        check("9999999999999999999999", Open, "too large");
    }

    #[track_caller]
    fn check_unit(times: &[&str], given: Option<EpochUnit>, expect: &str) {
        let mut all = Times::new(TimeMeaning::Open, given);
        let mut line = 1;
        for text in times {
            line += 1;
            match all.key(text) {
                Ok(key) => all.take(&key, line),
                Err(error) => return assert!(error.contains(expect), "{times:?}: {error}"),
            }
        }
        let got = match all.nanos_per_key("f.csv", "ts") {
            Ok(nanos) => format!("{nanos} ns"),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(expect), "{times:?}: {got}");
    }

    #[test]
    fn one_unit_for_the_whole_file_or_an_error_that_names_the_lines() {
        check_unit(&["1041379200"], None, "1000000000 ns");
        check_unit(&["1041379200000"], None, "1000000 ns");
        check_unit(&["1041379200000000"], None, "1000 ns");
        check_unit(&["1041379200000000000"], None, "1 ns");
        check_unit(&["-86400", "0", "1041379200"], None, "1000000000 ns");
        check_unit(
            &["60", "120"],
            None,
            "line 2, column ts: 60 may be s, ms, us or ns",
        );
        check_unit(&["20030102"], None, "write the time as YYYY-MM-DD");
        check_unit(&["60", "120"], Some(EpochUnit::Millis), "1000000 ns");
        check_unit(
            &["1041379200", "1041379200000"],
            None,
            "line 2 looks like s since 1970 and line 3 like ms",
        );
        check_unit(&["2003-01-02"], None, "1 ns");
        check_unit(
            &["2003-01-02", "1041379200"],
            None,
            "earlier rows have dates",
        );
        check_unit(
            &["1041379200", "2003-01-02"],
            None,
            "earlier rows have numbers",
        );
    }
}
