//! A time field as a time: a date, an ISO 8601 moment, or a number since 1970. It must never read
//! a clock or the machine's time zone database.

use counterfoil_trading::decimal;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;

use crate::error::IngestError;
use crate::source::choices::{EpochUnit, TimeMeaning};
use crate::source::row_offsets::{RowClock, RowOffsets, stated_offset};
use crate::source::time_hint::time_hint;
use crate::source::zone::{SourceZone, narrow, too_far};

/// The longest text of a time: ISO 8601 with nanoseconds and offset has 35 characters.
const TIME_BYTES_MAX: usize = 40;

/// Seconds since 1970 at 1980-01-01 and at 2100-01-01. In no two units does one number fall
/// between them, so a number that does shows its unit.
const TELLING_SECONDS: (i64, i64) = (315_532_800, 4_102_444_800);

/// How the times of a source are written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum TimeFormat {
    /// Dates and ISO 8601, or numbers since 1970; not both in one file.
    #[default]
    Any,
    /// Dates alone.
    Date,
    /// ISO 8601 alone.
    Iso,
    /// Numbers since 1970 alone; without a unit their size decides.
    Epoch(Option<EpochUnit>),
    /// Numbers since 1970 alone, each in the unit that its size shows: a vendor changed the unit between two files.
    EpochRows,
    /// A pattern of strptime, such as `%d.%m.%Y %H:%M`.
    Pattern(String),
}

/// The meaning, format and zone of the times in a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimeReader {
    pub(crate) meaning: TimeMeaning,
    pub(crate) format: TimeFormat,
    /// The zone of times that state none; without it UTC.
    pub(crate) zone: Option<SourceZone>,
    /// Whether each time is of the trading date that it shows, whatever its clock: of days, weeks and months.
    pub(crate) is_dates: bool,
    /// Where the years of two digits begin: 1969 reads 68 as 2068. Without it 1969.
    pub(crate) century_from: Option<i16>,
}

/// Turns time fields into keys: numbers of one unit, in sequence of time.
#[derive(Debug)]
pub(crate) struct TimeParser {
    reader: TimeReader,
    given: Option<EpochUnit>,
    kind: Option<TimeNotation>,
    /// The first numeric time, for messages.
    first: Option<(u64, i64)>,
    /// By unit, the first line whose number shows that unit.
    telling: [Option<u64>; EpochUnit::ALL.len()],
    /// The first and the last year that were read from two digits.
    years: Option<(i16, i16)>,
    offsets: RowOffsets,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum TimeNotation {
    Text,
    Epoch,
}

impl TimeParser {
    pub(crate) fn new(reader: TimeReader) -> Self {
        let given = match &reader.format {
            TimeFormat::Epoch(unit) => *unit,
            // What a row's own unit makes of its number.
            TimeFormat::EpochRows => Some(EpochUnit::Nanos),
            TimeFormat::Any | TimeFormat::Date | TimeFormat::Iso | TimeFormat::Pattern(_) => None,
        };
        Self {
            reader,
            given,
            kind: None,
            first: None,
            telling: [None; EpochUnit::ALL.len()],
            years: None,
            offsets: RowOffsets::default(),
        }
    }

    /// For times that are nanoseconds already, and opens.
    pub(crate) fn of_nanos() -> Self {
        Self::new(TimeReader::default())
    }

    pub(crate) fn meaning(&self) -> TimeMeaning {
        self.reader.meaning
    }

    /// The key of one time field, or what is wrong with it.
    pub(crate) fn key(&self, text: &str) -> Result<TimeKey, String> {
        // The wording of these errors goes into the quarantine: it is part of what names a snapshot.
        let number = is_epoch(text);
        let kind = match (&self.reader.format, number) {
            (TimeFormat::Any | TimeFormat::Epoch(_) | TimeFormat::EpochRows, true) => {
                TimeNotation::Epoch
            }
            (TimeFormat::Epoch(_) | TimeFormat::EpochRows, false) => {
                return Err(format!("{text:?} is not a number since 1970"));
            }
            _ => TimeNotation::Text,
        };
        // `20030102` is a number and `2003-01-02` a date. In one file either could be the mistake,
        // and read together they would be 1970 and 2003.
        if self.kind.is_some_and(|first| first != kind) {
            return Err(match kind {
                TimeNotation::Epoch => format!("{text:?} is a number, and earlier rows have dates"),
                TimeNotation::Text => {
                    format!("{text:?} is not a number, and earlier rows have numbers")
                }
            });
        }
        let time = match kind {
            TimeNotation::Epoch => self.epoch(text)?,
            TimeNotation::Text => self.reader.nanos(text)?,
        };
        let is_short =
            matches!(&self.reader.format, TimeFormat::Pattern(pattern) if has_short_year(pattern));
        let year = is_short.then(|| year_of(time)).flatten();
        let offset = match kind {
            TimeNotation::Epoch => None,
            TimeNotation::Text => self.reader.offset(text, time),
        };
        // A trading date is the one that the row shows, whatever zone the row is of: rows of several exchanges may stand
        // in one file.
        let (time, offset) = match offset {
            Some(ahead) if self.reader.is_dates && self.reader.zone.is_none() => {
                (time.checked_add(ahead).ok_or_else(|| too_far(text))?, None)
            }
            offset => (time, offset),
        };
        Ok(TimeKey {
            time,
            kind,
            year,
            offset,
        })
    }

    /// Remembers the key of a row that was taken.
    pub(crate) fn note(&mut self, key: &TimeKey, line: u64) {
        self.note_notation(key);
        self.note_unit(key.time, line);
    }

    /// A number since 1970: nanoseconds where the unit is given, and a whole number of the source's unit where it
    /// is not.
    fn epoch(&self, text: &str) -> Result<i64, String> {
        let too_large = || format!("{text:?} is too large a number");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let fraction = fraction.trim_end_matches('0');
        if self.reader.format == TimeFormat::EpochRows {
            return by_size(text);
        }
        let Some(unit) = self.given else {
            if !fraction.is_empty() {
                return Err(format!(
                    "{text:?} has a fraction, and its unit is not known; state the unit with --epoch-unit"
                ));
            }
            return whole.parse().map_err(|_| too_large());
        };
        // Exact: a fraction of nanoseconds is refused, and nothing goes through a float.
        let per_unit = i128::from(unit.nanos());
        let value = decimal::parse(text.trim_end_matches('.'), decimal::SCALE_MAX)
            .map_err(|_| too_large())?;
        let scaled = value.checked_mul(per_unit).ok_or_else(too_large)?;
        let one = decimal::power_of_ten(decimal::SCALE_MAX).unwrap_or(1);
        if scaled.checked_rem(one) != Some(0) {
            return Err(format!("{text:?} has a fraction of a nanosecond"));
        }
        let nanos = scaled
            .checked_div(one)
            .and_then(|nanos| i64::try_from(nanos).ok());
        nanos.ok_or_else(|| too_far(text))
    }

    /// The local time that the rows show: that of the mapping's zone, or what their offsets show.
    pub(crate) fn clock(&self) -> SourceClock {
        match &self.reader.zone {
            Some(zone) => SourceClock::Zone(zone.clone()),
            None => SourceClock::Rows(self.offsets.clock()),
        }
    }

    pub(crate) fn is_dates(&self) -> bool {
        self.reader.is_dates
    }

    /// The pattern with day and month exchanged, if only that one reads the text.
    pub(crate) fn day_first(&self, text: &str) -> Option<SwappedPattern> {
        let TimeFormat::Pattern(pattern) = &self.reader.format else {
            return None;
        };
        let other = pattern
            .replacen("%m", "%\0", 1)
            .replacen("%d", "%m", 1)
            .replacen("%\0", "%d", 1);
        if other == *pattern || strtime::parse(pattern, text).is_ok() {
            return None;
        }
        let read = strtime::parse(&other, text).and_then(|parsed| parsed.to_date());
        read.ok().map(|_| SwappedPattern {
            pattern: pattern.clone(),
            other,
        })
    }

    /// A sentence about years of two digits, if there are some and the mapping does not say where they begin.
    pub(crate) fn short_years(&self) -> Option<String> {
        let (first, last) = self.years.filter(|_| self.reader.century_from.is_none())?;
        Some(format!(
            "years of two digits were read as {first} to {last}; state time.century_from in the mapping: 1969 for \
             1969 to 2068"
        ))
    }

    /// Remembers how a time was written: those after it must be written so too.
    pub(crate) fn note_notation(&mut self, key: &TimeKey) {
        self.kind = Some(key.kind);
        if let Some(offset) = key.offset {
            self.offsets.note(key.time, offset);
        }
        if let Some(year) = key.year {
            let (first, last) = self.years.unwrap_or((year, year));
            self.years = Some((first.min(year), last.max(year)));
        }
    }

    /// Notes which unit the key of a line shows, in any sequence of lines.
    pub(crate) fn note_unit(&mut self, time: i64, line: u64) {
        if self.kind != Some(TimeNotation::Epoch) {
            return;
        }
        // The smallest line and not the first that is seen, since rows come in sequence of time: the
        // same file gives the same message in whatever order it is read.
        if self.first.is_none_or(|(first, _)| line < first) {
            self.first = Some((line, time));
        }
        for (unit, telling) in EpochUnit::ALL.iter().zip(&mut self.telling) {
            if is_telling(*unit, time) {
                *telling = Some(telling.map_or(line, |first| first.min(line)));
            }
        }
    }

    /// A key as a time where its unit is known, and as the number in the source where it is not.
    pub(crate) fn text(&self, key: i64) -> String {
        match self.kind {
            Some(TimeNotation::Epoch) if self.given.is_none() => key.to_string(),
            Some(TimeNotation::Epoch | TimeNotation::Text) | None => show(UnixNanos(key)),
        }
    }

    /// Nanoseconds in one unit of the keys.
    pub(crate) fn nanos_per_key(&self, file: &str, column: &str) -> Result<i64, IngestError> {
        let Some((line, time)) = self.first else {
            return Ok(1);
        };
        // With a unit the keys are nanoseconds already: a number may have a fraction.
        if self.given.is_some() {
            return Ok(1);
        }
        let mut units = EpochUnit::ALL
            .iter()
            .zip(self.telling)
            .filter_map(|(unit, line)| Some((*unit, line?)));
        // Exactly one unit, or an error: a guess between seconds and milliseconds that is wrong
        // moves every bar by decades.
        match (units.next(), units.next()) {
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

/// Whether a number of this unit is a time of our days, which no number of another unit is.
fn is_telling(unit: EpochUnit, number: i64) -> bool {
    let units = 1_000_000_000_i64.checked_div(unit.nanos()).unwrap_or(1);
    let (from, to) = TELLING_SECONDS;
    (from.saturating_mul(units)..to.saturating_mul(units)).contains(&number)
}

/// The nanoseconds of a number in the unit that its size shows.
fn by_size(text: &str) -> Result<i64, String> {
    let number: i64 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a whole number since 1970"))?;
    let unit = EpochUnit::ALL
        .into_iter()
        .find(|unit| is_telling(*unit, number));
    let nanos = unit.and_then(|unit| number.checked_mul(unit.nanos()));
    nanos.ok_or_else(|| {
        format!("{text:?} could be s, ms, us or ns since 1970; state the unit with --epoch-unit")
    })
}

/// A pattern that does not read a date, and one that does.
#[derive(Debug)]
pub(crate) struct SwappedPattern {
    pub(crate) pattern: String,
    pub(crate) other: String,
}

/// Where a source's local time is from.
#[derive(Clone, Debug)]
pub(crate) enum SourceClock {
    /// The mapping.
    Zone(SourceZone),
    Rows(RowClock),
}

/// One time, as it sorts.
#[derive(Debug)]
pub(crate) struct TimeKey {
    pub(crate) time: i64,
    kind: TimeNotation,
    /// The year, if it was written with two digits.
    year: Option<i16>,
    /// Local time less UTC in nanoseconds, if it was stated with the time.
    offset: Option<i64>,
}

impl TimeReader {
    /// The offset that a text of this time states, in nanoseconds.
    fn offset(&self, text: &str, time: i64) -> Option<i64> {
        let TimeFormat::Pattern(pattern) = &self.format else {
            return stated_offset(text);
        };
        if !directives(pattern).any(|directive| matches!(directive, 'z' | 'Q')) {
            return None;
        }
        let parsed = strtime::parse(pattern, text).ok()?;
        let local = TimeZone::UTC
            .to_timestamp(parsed.to_datetime().ok()?)
            .ok()?;
        narrow(local)?.checked_sub(time)
    }

    /// Nanoseconds since 1970 of a date or a moment. A date is the midnight in UTC it begins with,
    /// or, where times are closes, the one it ends with: a zone never moves it.
    fn nanos(&self, text: &str) -> Result<i64, String> {
        let unreadable = || match &self.format {
            TimeFormat::Date => format!("{text:?} is not a time: a date is YYYY-MM-DD"),
            TimeFormat::Pattern(pattern) => format!("{text:?} is not a time of the form {pattern}"),
            TimeFormat::Any | TimeFormat::Iso | TimeFormat::Epoch(_) | TimeFormat::EpochRows => {
                format!("{text:?} is not a time: {}", time_hint(text))
            }
        };
        // A zone in brackets is refused: it can contradict the offset before it.
        if text.len() > TIME_BYTES_MAX || text.contains('[') || !text.is_ascii() {
            return Err(unreadable());
        }
        if let TimeFormat::Pattern(pattern) = &self.format {
            let parsed = strtime::parse(pattern, text).map_err(|_| unreadable())?;
            return self.of_pattern(pattern, parsed, text);
        }
        if text.len() == 10 && self.format != TimeFormat::Iso {
            return self.midnight(text.parse().map_err(|_| unreadable())?, text);
        }
        if self.format == TimeFormat::Date {
            return Err(unreadable());
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            return narrow(moment).ok_or_else(|| too_far(text));
        }
        // What follows the date of a naive time is digits, colons and points: anything else would
        // be an offset that is not understood, and must not be taken for UTC.
        let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.');
        let has_plain_clock = text
            .get(11..)
            .is_some_and(|clock| !clock.is_empty() && clock.bytes().all(plain));
        if !has_plain_clock {
            return Err(unreadable());
        }
        self.at_zone(text.parse().map_err(|_| unreadable())?, text)
    }

    /// The time of a text that fits the pattern. Everything that was read is used, or the text is refused.
    fn of_pattern(
        &self,
        pattern: &str,
        mut parsed: BrokenDownTime,
        text: &str,
    ) -> Result<i64, String> {
        let unreadable = || format!("{text:?} is not a time of the form {pattern}");
        if let (Some(from), Some(year)) = (self.century_from, parsed.year())
            && has_short_year(pattern)
        {
            let two = year.rem_euclid(100);
            let year = from.checked_add(two.saturating_sub(from).rem_euclid(100));
            parsed.set_year(year).map_err(|_| unreadable())?;
        }
        let has_clock = parsed.hour().is_some();
        if !has_clock && (parsed.minute().is_some() || parsed.second().is_some()) {
            return Err(format!(
                "{text:?} has minutes and no hour by the pattern {pattern}"
            ));
        }
        // A zone's name was read and ignored, and the time taken for UTC or for the mapping's zone.
        if let Some(name) = parsed.iana_time_zone() {
            // The database has some of them, as offsets that never change: half of a year would be an hour off.
            if matches!(name, "EST" | "MST" | "HST") {
                return Err(format!(
                    "{text:?}: {name} is an abbreviation and not a zone's name; write it in the pattern in place of %Q, \
                     and state time.zone, such as America/New_York"
                ));
            }
            let zone = SourceZone::named(name).map_err(|reason| format!("{text:?}: {reason}"))?;
            let civil = parsed.to_datetime().map_err(|_| unreadable())?;
            let time = zone.nanos(civil, text)?;
            let stated = parsed
                .offset()
                .map(|offset| offset.to_timestamp(civil).ok().and_then(narrow));
            if stated.is_some_and(|stated| stated != Some(time)) {
                return Err(format!(
                    "{text:?} has an offset that {name} did not have at that time"
                ));
            }
            return Ok(time);
        }
        if let Ok(moment) = parsed.to_timestamp() {
            return narrow(moment).ok_or_else(|| too_far(text));
        }
        if has_clock {
            return self.at_zone(parsed.to_datetime().map_err(|_| unreadable())?, text);
        }
        self.midnight(parsed.to_date().map_err(|_| unreadable())?, text)
    }

    fn midnight(&self, date: Date, text: &str) -> Result<i64, String> {
        let midnight = TimeZone::UTC
            .to_timestamp(date.at(0, 0, 0, 0))
            .ok()
            .and_then(narrow)
            .ok_or_else(|| too_far(text))?;
        match self.meaning {
            TimeMeaning::Open => Ok(midnight),
            TimeMeaning::Close => midnight.checked_add(DAY_NANOS).ok_or_else(|| too_far(text)),
        }
    }

    /// A time without a zone, in the zone of the source.
    fn at_zone(&self, civil: DateTime, text: &str) -> Result<i64, String> {
        match &self.zone {
            Some(zone) => zone.nanos(civil, text),
            None => SourceZone::default().nanos(civil, text),
        }
    }
}

/// Whether a text is a number since 1970: digits, and a fraction as programs write it that keep times as floats.
fn is_epoch(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    !whole.is_empty() && is_digits(whole) && is_digits(fraction)
}

/// Whether a pattern has a year of two digits: `%y`, or `%D`, which holds one.
fn has_short_year(pattern: &str) -> bool {
    directives(pattern).any(|directive| matches!(directive, 'y' | 'D'))
}

/// The letters of a pattern's directives, flags and widths apart.
pub(crate) fn directives(pattern: &str) -> impl Iterator<Item = char> {
    let mut letters = pattern.chars();
    core::iter::from_fn(move || {
        letters.by_ref().find(|letter| *letter == '%')?;
        letters
            .by_ref()
            .find(|letter| !matches!(letter, '-' | '_' | '^' | '#' | ':' | '.' | '0'..='9'))
    })
}

fn year_of(nanos: i64) -> Option<i16> {
    let moment = Timestamp::from_nanosecond(i128::from(nanos)).ok()?;
    Some(TimeZone::UTC.to_datetime(moment).year())
}

/// Nanoseconds since 1970 of a date or an ISO 8601 moment, in UTC where it states no zone.
pub(crate) fn nanos(text: &str, meaning: TimeMeaning) -> Result<i64, String> {
    let reader = TimeReader {
        meaning,
        ..TimeReader::default()
    };
    reader.nanos(text)
}

/// The shortest text of a time: a date where it is midnight in UTC, ISO 8601 otherwise.
pub(crate) fn show(time: UnixNanos) -> String {
    time.date_or_time()
}

/// The UTC date of a time.
pub(crate) fn date(time: UnixNanos) -> String {
    show(UnixNanos(time.day().saturating_mul(DAY_NANOS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mapping::ColumnMapping;
    use crate::source::options::{IngestOptions, SideFile};

    fn times(meaning: TimeMeaning, given: Option<EpochUnit>) -> TimeParser {
        let format = given.map_or(TimeFormat::Any, |unit| TimeFormat::Epoch(Some(unit)));
        TimeParser::new(TimeReader {
            meaning,
            format,
            ..TimeReader::default()
        })
    }

    #[track_caller]
    fn check_mapped(time: &str, text: &str, expect: &str) {
        let file = SideFile {
            name: "m.json".to_owned(),
            bytes: format!("{{\"time\": {time}}}").into_bytes(),
        };
        let got = ColumnMapping::parse(Some(&file))
            .map_err(|error| error.to_string())
            .and_then(|mapping| mapping.times(&IngestOptions::default()))
            .and_then(|reader| TimeParser::new(reader).key(text))
            .map_or_else(|error| error, |key| show(UnixNanos(key.time)));
        assert!(got.contains(expect), "{time} {text:?}: {got}");
    }

    #[test]
    fn a_mapping_says_format_and_zone_and_no_time_is_guessed() {
        let york = r#"{"zone": "America/New_York"}"#;
        check_mapped(york, "2003-01-02 09:30", "2003-01-02T14:30:00Z");
        check_mapped(york, "2003-07-02T09:30:00", "2003-07-02T13:30:00Z");
        check_mapped(york, "2003-07-02T09:30:00Z", "2003-07-02T09:30:00Z");
        check_mapped(york, "2003-07-02", "2003-07-02");
        check_mapped(york, "2003-10-26 01:30", "showed twice or never");
        check_mapped(york, "2003-04-06 02:30", "showed twice or never");
        let german = r#"{"format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}"#;
        check_mapped(german, "02.01.2003 09:30", "2003-01-02T08:30:00Z");
        check_mapped(german, "2003-01-02", "not a time of the form %d.%m.%Y");
        check_mapped(r#"{"format": "%Y%m%d"}"#, "20030102", "2003-01-02");
        check_mapped(
            r#"{"format": "%Y%m%d", "meaning": "close"}"#,
            "20030102",
            "2003-01-03",
        );
        check_mapped(
            r#"{"format": "%Y-%m-%d %H:%M %z"}"#,
            "2003-01-02 09:30 -0500",
            "14:30:00Z",
        );
        check_mapped(
            r#"{"format": "date"}"#,
            "2003-01-02T00:00:00Z",
            "a date is YYYY-MM-DD",
        );
        check_mapped(r#"{"format": "iso"}"#, "20030102", "is not a time");
        check_mapped(
            r#"{"format": "ms"}"#,
            "2003-01-02",
            "is not a number since 1970",
        );
        check_mapped(
            r#"{"format": "dd.mm"}"#,
            "x",
            "unknown format \"dd.mm\"; use date, iso",
        );
        check_mapped(
            r#"{"zone": "Mars/Base"}"#,
            "x",
            "unknown time zone \"Mars/Base\"; use an IANA name",
        );
        check_mapped(r#"{"columns": ["a", "b", "c"]}"#, "x", "date and clock");
        check_mapped(r#"{"colums": []}"#, "x", "m.json, line 1: unknown field");
    }

    #[test]
    fn a_zone_in_a_row_is_used_or_refused() {
        // A zone's name was read and ignored: 09:30 in New York was taken for 09:30 UTC.
        let named = r#"{"format": "%Y%m%d %H:%M:%S %Q"}"#;
        check_mapped(
            named,
            "20230703 09:30:00 US/Eastern",
            "2023-07-03T13:30:00Z",
        );
        check_mapped(
            named,
            "20230703 09:30:00 Asia/Tokyo",
            "2023-07-03T00:30:00Z",
        );
        check_mapped(named, "20230703 09:30:00 +0200", "2023-07-03T07:30:00Z");
        check_mapped(
            named,
            "20230703 09:30:00 Mars/Base",
            "unknown time zone \"Mars/Base\"; use an IANA name",
        );
        check_mapped(
            named,
            "20031026 01:30:00 US/Eastern",
            "showed twice or never",
        );
        let tokyo = r#"{"format": "%Y%m%d %H:%M:%S %Q", "zone": "Asia/Tokyo"}"#;
        check_mapped(
            tokyo,
            "20230703 09:30:00 US/Eastern",
            "2023-07-03T13:30:00Z",
        );
        let both = r#"{"format": "%Y%m%d %H:%M:%S %z %Q"}"#;
        check_mapped(
            both,
            "20230703 09:30:00 -0400 US/Eastern",
            "2023-07-03T13:30:00Z",
        );
        check_mapped(
            both,
            "20230703 09:30:00 -0500 US/Eastern",
            "an offset that US/Eastern did not have",
        );
        check_mapped(
            r#"{"format": "%Y%m%d %Q"}"#,
            "20230703 US/Eastern",
            "2023-07-03T04:00:00Z",
        );
        check_mapped(
            r#"{"format": "%Y%m%d :%M"}"#,
            "20230703 :30",
            "has minutes and no hour",
        );
        check_mapped(
            r#"{"format": "%Y%m%d %H:%M:%S %Z"}"#,
            "20230703 09:30:00 EDT",
            "%Z: abbreviations such as EDT name several zones",
        );
    }

    #[test]
    fn short_years_and_fractions_are_read_as_stated() {
        check_mapped(r#"{"format": "%d/%m/%y"}"#, "02/01/68", "2068-01-02");
        check_mapped(
            r#"{"format": "%d/%m/%y", "century_from": 1950}"#,
            "02/01/68",
            "1968-01-02",
        );
        check_mapped(
            r#"{"format": "%d/%m/%y", "century_from": 1950}"#,
            "02/01/49",
            "2049-01-02",
        );
        check_mapped(
            r#"{"format": "s"}"#,
            "1688391000.25",
            "2023-07-03T13:30:00.25Z",
        );
        check_mapped(r#"{"format": "s"}"#, "-0.5", "1969-12-31T23:59:59.5Z");
        check_mapped(
            r#"{"format": "ms"}"#,
            "1688391000000.0",
            "2023-07-03T13:30:00Z",
        );
        check_mapped(r#"{"format": "ns"}"#, "1.5", "a fraction of a nanosecond");
        check_mapped(r#"{"format": "s"}"#, "99999999999999", "too large a number");
    }

    #[track_caller]
    fn check(text: &str, meaning: TimeMeaning, expect: &str) {
        let got = match times(meaning, None).key(text) {
            Ok(key) if key.kind == TimeNotation::Epoch => format!("number {}", key.time),
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
            check(text, Open, "is not a time");
        }
        for text in [
            "2003-01-02T09:30:00 EST",
            "2003-01-02T09:30:00-05:00[America/New_York]",
            "2003-01-02T",
            "2003-01-02T09:30:00+99:00",
        ] {
            check(text, Open, "is not a time");
        }
        check("1600-01-01", Open, "before 1677");
        check("9999999999999999999999", Open, "too large");
    }

    #[track_caller]
    fn check_unit(texts: &[&str], given: Option<EpochUnit>, expect: &str) {
        let mut all = times(TimeMeaning::Open, given);
        let mut line = 1;
        for text in texts {
            line += 1;
            match all.key(text) {
                Ok(key) => all.note(&key, line),
                Err(error) => return assert!(error.contains(expect), "{texts:?}: {error}"),
            }
        }
        let got = match all.nanos_per_key("f.csv", "ts") {
            Ok(nanos) => format!("{nanos} ns"),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(expect), "{texts:?}: {got}");
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
            "line 2, column ts: 60 could be s, ms, us or ns",
        );
        check_unit(&["20030102"], None, "write the time as YYYY-MM-DD");
        check_unit(
            &["45293", "45294"],
            None,
            "if it is a spreadsheet's number of a day, save the column as dates",
        );
        check_unit(&["60", "120"], Some(EpochUnit::Millis), "1 ns");
        check_unit(&["1041379200.0", "1041379260."], None, "1000000000 ns");
        check_unit(
            &["1041379200.5"],
            None,
            "has a fraction, and its unit is not known; state the unit with --epoch-unit",
        );
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
