//! The exchanges' local times and hours in a manifest. It must never look a zone up: the offsets stand here.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use counterfoil_base::calendar_date::CalendarDate;
use serde::{Deserialize, Serialize};

use super::field::{ManifestError, invalid};
use super::{INSTRUMENTS_MAX, Manifest};
use crate::exchange_calendar::{ExchangeCalendar, InstrumentCalendars, UtcOffset};
use crate::time::{DAY_NANOS, UnixNanos};

/// The most changes of the clocks in one calendar: twice a year for more years than there are data of.
pub const OFFSETS_MAX: usize = 1_000;

/// The most early closes of one calendar: a few a year.
const EARLY_CLOSES_MAX: usize = 10_000;

const SECOND_NANOS: i64 = 1_000_000_000;

/// An exchange's local time and hours, and the instruments that trade there.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CalendarEntry {
    /// Their symbols; empty for all that no other calendar names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instruments: Vec<String>,
    /// The zone's name, for people.
    pub zone: String,
    /// Local time against UTC: the first such as `-05:00`, each further one after the time from which it holds, such
    /// as `2024-03-10T07:00:00Z -04:00`.
    pub offsets: Vec<String>,
    /// Where the grid of bars begins in a local day, such as `09:30`.
    pub anchor: String,
    /// When sessions end; absent where they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<String>,
    /// By local date, the sessions that end earlier.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub early_closes: BTreeMap<String, String>,
}

impl CalendarEntry {
    /// The values, parsed.
    ///
    /// # Errors
    ///
    /// Returns [`ManifestError`] naming the first invalid field.
    pub fn parse(&self) -> Result<ExchangeCalendar, ManifestError> {
        let many = |field, count: usize, max: usize, expected| {
            let is_few = count <= max;
            is_few
                .then_some(())
                .ok_or_else(|| invalid(field, &count.to_string(), expected))
        };
        let field = "calendars.offsets";
        many(field, self.offsets.len(), OFFSETS_MAX, "at most 1,000")?;
        let field = "calendars.early-closes";
        let count = self.early_closes.len();
        many(field, count, EARLY_CLOSES_MAX, "at most 10,000")?;
        let mut offsets: Vec<UtcOffset> = Vec::with_capacity(self.offsets.len());
        for text in &self.offsets {
            let expected = "-05:00 first, then such as 2024-03-10T07:00:00Z -04:00, by time";
            let parsed = offset(text, offsets.is_empty());
            let later = parsed.filter(|new| offsets.last().is_none_or(|last| last.from < new.from));
            let new = later.ok_or_else(|| invalid("calendars.offsets", text, expected))?;
            offsets.push(new);
        }
        let clock = |field, text: &str| {
            let expected = "a time of day such as 09:30";
            time_of_day(text).ok_or_else(|| invalid(field, text, expected))
        };
        let close = self.close.as_deref();
        let mut early_closes = BTreeMap::new();
        for (date, close) in &self.early_closes {
            let day = CalendarDate::parse(date)
                .ok_or_else(|| invalid("calendars.early-closes", date, "a date: YYYY-MM-DD"))?;
            early_closes.insert(day.day_number(), clock("calendars.early-closes", close)?);
        }
        Ok(ExchangeCalendar {
            offsets,
            anchor: clock("calendars.anchor", &self.anchor)?,
            close: close
                .map(|text| clock("calendars.close", text))
                .transpose()?,
            early_closes,
        })
    }
}

/// The calendar of each of the manifest's instruments.
pub(super) fn of_instruments(manifest: &Manifest) -> Result<InstrumentCalendars, ManifestError> {
    if manifest.calendars.is_empty() {
        return Ok(InstrumentCalendars::default());
    }
    let field = "calendars";
    if manifest.calendars.len() > INSTRUMENTS_MAX {
        let count = manifest.calendars.len().to_string();
        return Err(invalid(field, &count, "at most 10,000 calendars"));
    }
    // The first stands for instruments that no entry holds for.
    let mut calendars = vec![ExchangeCalendar::default()];
    let mut others = 0;
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &manifest.calendars {
        let place = calendars.len();
        calendars.push(entry.parse()?);
        if entry.instruments.is_empty() {
            if others != 0 {
                let expected = "at most one calendar without instruments";
                return Err(invalid(field, &entry.zone, expected));
            }
            others = place;
        }
        for symbol in &entry.instruments {
            // A symbol in two calendars would be on the grid of whichever came last.
            if named.insert(symbol, place).is_some() {
                let expected = "each symbol in one calendar";
                return Err(invalid("calendars.instruments", symbol, expected));
            }
        }
    }
    let place = |symbol: &str| named.get(symbol).copied().unwrap_or(others);
    let places = manifest
        .instruments
        .iter()
        .map(|entry| place(&entry.symbol));
    let places: Vec<usize> = places.collect();
    let entries = manifest.instruments.iter();
    let symbols: BTreeSet<&str> = entries.map(|entry| entry.symbol.as_str()).collect();
    for symbol in named.keys() {
        // A misspelled symbol would leave its instrument on the grid of UTC.
        if !symbols.contains(symbol) {
            let expected = "a symbol of the manifest's instruments";
            return Err(invalid("calendars.instruments", symbol, expected));
        }
    }
    Ok(InstrumentCalendars::new(calendars, places))
}

/// A clock time as nanoseconds after midnight: `HH:MM` or `HH:MM:SS`.
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let mut part = |max: i64| {
        let text = parts.next()?;
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = is_number.then(|| text.parse().ok()).flatten()?;
        (number <= max).then_some(number)
    };
    let (hours, minutes) = (part(23)?, part(59)?);
    let seconds = if text.len() == 5 { 0 } else { part(59)? };
    if parts.next().is_some() {
        return None;
    }
    let seconds = hours
        .checked_mul(3_600)?
        .checked_add(minutes.checked_mul(60)?)?
        .checked_add(seconds)?;
    seconds.checked_mul(SECOND_NANOS)
}

/// One line of the offsets; the first has no time.
fn offset(text: &str, is_first: bool) -> Option<UtcOffset> {
    let (from, offset) = if is_first {
        (UnixNanos(i64::MIN), text)
    } else {
        let (time, offset) = text.split_once(' ')?;
        let (date, clock) = time.strip_suffix('Z')?.split_once('T')?;
        let day = CalendarDate::parse(date)?.day_number();
        let clock = (clock.len() == 8).then(|| time_of_day(clock)).flatten()?;
        let from = day.checked_mul(DAY_NANOS)?.checked_add(clock)?;
        (UnixNanos(from), offset)
    };
    let nanos = match (offset.strip_prefix('+'), offset.strip_prefix('-')) {
        (Some(ahead), None) => time_of_day(ahead)?,
        (None, Some(behind)) => time_of_day(behind)?.checked_neg()?,
        _ => return None,
    };
    Some(UtcOffset { from, nanos })
}

/// An offset as a manifest states it.
#[must_use]
pub(super) fn offset_text(nanos: i64) -> String {
    let sign = if nanos < 0 { '-' } else { '+' };
    let clock = time_text(nanos.saturating_abs());
    format!("{sign}{clock}")
}

/// A time of day as a manifest states it.
pub(super) fn time_text(nanos_of_day: i64) -> String {
    let seconds = nanos_of_day.checked_div(SECOND_NANOS).unwrap_or(0);
    let part = |unit: i64, modulus: i64| {
        let whole = seconds.checked_div(unit).unwrap_or(0);
        whole.checked_rem(modulus).unwrap_or(0)
    };
    let (hours, minutes, seconds) = (part(3_600, 24), part(60, 60), part(1, 60));
    if seconds == 0 {
        format!("{hours:02}:{minutes:02}")
    } else {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    }
}

impl CalendarEntry {
    /// The calendars that hold for these symbols, naming no other.
    #[must_use]
    pub fn chosen(all: &[Self], symbols: &BTreeSet<&str>) -> Vec<Self> {
        let chosen = all.iter().filter_map(|calendar| {
            let mut chosen = calendar.clone();
            let is_there = |symbol: &String| symbols.contains(symbol.as_str());
            chosen.instruments.retain(is_there);
            let is_used = calendar.instruments.is_empty() || !chosen.instruments.is_empty();
            is_used.then_some(chosen)
        });
        chosen.collect()
    }

    /// The entry of a calendar.
    #[must_use]
    pub fn of(zone: &str, calendar: &ExchangeCalendar) -> Self {
        let mut offsets: Vec<String> = Vec::with_capacity(calendar.offsets.len());
        for offset in &calendar.offsets {
            let text = offset_text(offset.nanos);
            offsets.push(if offsets.is_empty() {
                text
            } else {
                format!("{} {text}", offset.from.rfc3339())
            });
        }
        let date = |day: &i64| {
            let midnight = UnixNanos(day.saturating_mul(DAY_NANOS));
            midnight.date_or_time()
        };
        let early = calendar.early_closes.iter();
        Self {
            instruments: Vec::new(),
            zone: zone.to_string(),
            offsets,
            anchor: time_text(calendar.anchor),
            close: calendar.close.map(time_text),
            early_closes: early
                .map(|(day, close)| (date(day), time_text(*close)))
                .collect(),
        }
    }
}
