//! A page of bars as a venue's history serves it: the JSON of Binance, Alpaca and Kraken as rows of text. It must
//! never know how a page was requested, and never change a number.

use core::fmt::Display;
use std::collections::BTreeMap;

use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};
use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::source::zone::named_zone;

/// The most characters of a venue's text that an error repeats.
const SHOWN_MAX: usize = 200;

/// The zone of Alpaca's trading dates.
const ALPACA_ZONE: &str = "America/New_York";

/// The longest day of a zone, when clocks are set back.
const LONGEST_DAY_NANOS: i64 = DAY_NANOS + DAY_NANOS / 24;

/// The form of a page.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageFormat {
    /// `[[open time in ms, open, high, low, close, volume, last ms, …], …]`.
    BinanceKlines,
    /// A ZIP file with one CSV file of klines.
    BinanceArchive,
    /// `{"bars": {SYMBOL: [{"t", "o", "h", "l", "c", "v", …}]}, "next_page_token"}`.
    AlpacaBars,
    /// `{"error": [], "result": {PAIR: [[open time in s, open, high, low, close, vwap, volume, …], …], "last"}}`.
    KrakenOhlc,
}

/// A token becomes part of an address, which notes, receipts and indexes repeat.
const PAGE_TOKEN_BYTES_MAX: usize = 1_024;

/// One bar of a page.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VenueRow {
    pub open_time: UnixNanos,
    /// When the bar can no longer change.
    pub close_time: UnixNanos,
    /// Time, open, high, low, close, volume, as text.
    pub(crate) fields: [String; 6],
    /// The row as the venue sent it.
    pub(crate) text: String,
}

/// The bars of a page, in the venue's sequence.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct VenuePage {
    pub rows: Vec<VenueRow>,
    /// The token of the next page, where the venue gives one.
    pub next: Option<String>,
}

/// Why a page cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// Not of the venue's form.
    #[error("not {expected}: {reason}")]
    Form {
        expected: &'static str,
        reason: String,
    },
    /// The venue's own error.
    #[error("the venue answers {text}")]
    Venue { text: String },
    /// One row; the first is 1.
    #[error("row {row}: {reason}")]
    Row { row: usize, reason: String },
    /// Bars of another symbol.
    #[error("it has bars of {found}, and {asked} was asked for")]
    Symbol { found: String, asked: String },
}

/// Which bars a page was requested for.
#[derive(Clone, Copy, Debug)]
pub struct PageSubject<'a> {
    pub format: PageFormat,
    pub symbol: &'a str,
    pub timeframe: Timeframe,
}

/// Reads a page. Prices and volumes are not looked at: ingestion checks them like those of any other source.
///
/// # Errors
///
/// Returns [`PageError`] naming the first row that is not of the venue's form.
pub fn read_page(subject: PageSubject<'_>, body: &[u8]) -> Result<VenuePage, PageError> {
    let Timeframe::Fixed(length) = subject.timeframe else {
        return Err(form("bars of a fixed length", &"months have none"));
    };
    match subject.format {
        PageFormat::BinanceKlines => binance(body, length),
        PageFormat::AlpacaBars => alpaca(subject.symbol, body, length),
        PageFormat::KrakenOhlc => kraken(body, length),
        PageFormat::BinanceArchive => Err(form("a page of JSON", &"it is a ZIP file")),
    }
}

fn form(expected: &'static str, reason: &dyn Display) -> PageError {
    PageError::Form {
        expected,
        reason: shown(&reason.to_string()),
    }
}

/// Text from outside as an error may repeat it.
fn shown(text: &str) -> String {
    // A venue may send a megabyte, or escape sequences for the operator's terminal.
    let mut out: String = text
        .chars()
        .take(SHOWN_MAX)
        .map(|sign| if sign.is_control() { '\u{fffd}' } else { sign })
        .collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        out.push('…');
    }
    out
}

/// The text of a JSON number, or of a JSON string without escapes.
fn plain(raw: &RawValue) -> Result<&str, String> {
    let text = raw.get();
    let inside = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inside {
        Some(inside) if inside.contains('\\') => {
            Err(format!("{} has an escape sequence", shown(text)))
        }
        Some(inside) => Ok(inside),
        // Anything else is handed on as text, and refused where a number is read.
        None if text.starts_with(['{', '[']) => Err(format!("{} is not a value", shown(text))),
        None => Ok(text),
    }
}

/// A time of a row, in units of `nanos`.
fn time_of(text: &str, nanos: i64) -> Result<UnixNanos, String> {
    let number: i64 = text
        .parse()
        .map_err(|_| format!("the time {:?} is not a whole number", shown(text)))?;
    number
        .checked_mul(nanos)
        .map(UnixNanos)
        .ok_or_else(|| format!("the time {number} is too far from 1970"))
}

fn end_of(open: UnixNanos, length: i64) -> Result<UnixNanos, String> {
    let end = open.0.checked_add(length).map(UnixNanos);
    end.ok_or_else(|| "the bar ends after 2262".to_owned())
}

/// The values of a row by place.
fn cells<'a>(row: &[&'a RawValue], places: [usize; 6]) -> Result<[&'a str; 6], String> {
    let mut found = [""; 6];
    for (cell, place) in found.iter_mut().zip(places) {
        let raw = row
            .get(place)
            .ok_or_else(|| format!("{} values, and value {place} is needed", row.len()))?;
        *cell = plain(raw)?;
    }
    Ok(found)
}

fn binance(body: &[u8], length: i64) -> Result<VenuePage, PageError> {
    let rows: Vec<&RawValue> =
        serde_json::from_slice(body).map_err(|error| form("a JSON array of klines", &error))?;
    let read = |raw: &RawValue| -> Result<VenueRow, String> {
        let row: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| "not an array".to_owned())?;
        let [time, rest @ ..] = cells(&row, [0, 1, 2, 3, 4, 5])?;
        let open_time = time_of(time, 1_000_000)?;
        let last = row
            .get(6)
            .ok_or_else(|| format!("{} values, and value 6 is needed", row.len()))?;
        let last = time_of(plain(last)?, 1_000_000)?;
        let close_time = end_of(open_time, length)?;
        // The venue names the last millisecond. Another one belongs to a bar of another length.
        if last.0.checked_add(1_000_000) != Some(close_time.0) {
            return Err("its close time does not end the interval that was asked for".to_owned());
        }
        Ok(venue_row(open_time, close_time, rest, raw))
    };
    page_of(&rows, read)
}

#[derive(Deserialize)]
struct AlpacaPage<'a> {
    #[serde(borrow)]
    bars: Option<BTreeMap<String, Option<Vec<&'a RawValue>>>>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct AlpacaPageBar<'a> {
    t: String,
    #[serde(borrow)]
    o: &'a RawValue,
    #[serde(borrow)]
    h: &'a RawValue,
    #[serde(borrow)]
    l: &'a RawValue,
    #[serde(borrow)]
    c: &'a RawValue,
    #[serde(borrow)]
    v: &'a RawValue,
}

fn alpaca(symbol: &str, body: &[u8], length: i64) -> Result<VenuePage, PageError> {
    let page: AlpacaPage<'_> =
        serde_json::from_slice(body).map_err(|error| form("a JSON object of bars", &error))?;
    // A page without bars of the symbol has none: `bars` is null or empty then.
    let mut bars = page.bars.unwrap_or_default();
    let rows = bars.remove(symbol).flatten().unwrap_or_default();
    // Another symbol's bars, taken as this one's or dropped, would both be wrong without a word.
    if let Some(other) = bars.keys().next() {
        return Err(PageError::Symbol {
            found: shown(other),
            asked: symbol.to_owned(),
        });
    }
    let new_york =
        named_zone(ALPACA_ZONE).map_err(|reason| form("a page of daily bars", &reason))?;
    let read = |raw: &RawValue| -> Result<VenueRow, String> {
        let bar: AlpacaPageBar<'_> =
            serde_json::from_str(raw.get()).map_err(|error| shown(&error.to_string()))?;
        let stamp: Timestamp = bar
            .t
            .parse()
            .map_err(|_| format!("t: {:?} is not an RFC 3339 time", shown(&bar.t)))?;
        let open_time = i64::try_from(stamp.as_nanosecond())
            .map(UnixNanos)
            .map_err(|_| "t: it does not fit in 1677 to 2262".to_owned())?;
        let values = [bar.o, bar.h, bar.l, bar.c, bar.v];
        let mut texts = [""; 5];
        for (text, value) in texts.iter_mut().zip(values) {
            *text = plain(value)?;
        }
        if length != DAY_NANOS {
            return Ok(venue_row(open_time, end_of(open_time, length)?, texts, raw));
        }
        // A daily bar is stamped with the midnight of its trading date in New York. Its date is what it means:
        // in UTC it would open at four or five o'clock, and a split of that date would come a bar early.
        let local = stamp.to_zoned(new_york.clone());
        if local.time() != Time::midnight() {
            return Err(format!("t: {} is not midnight in {ALPACA_ZONE}", bar.t));
        }
        let close_time = end_of(open_time, LONGEST_DAY_NANOS)?;
        let mut row = venue_row(open_time, close_time, texts, raw);
        if let Some(time) = row.fields.first_mut() {
            *time = local.date().to_string();
        }
        Ok(row)
    };
    let is_long = |token: &String| token.len() > PAGE_TOKEN_BYTES_MAX;
    if page.next_page_token.as_ref().is_some_and(is_long) {
        return Err(form(
            "a page of bars",
            &"next_page_token is longer than 1,024 bytes",
        ));
    }
    Ok(VenuePage {
        next: page.next_page_token.filter(|token| !token.is_empty()),
        ..page_of(&rows, read)?
    })
}

#[derive(Deserialize)]
struct KrakenAnswer<'a> {
    #[serde(default)]
    error: Vec<String>,
    #[serde(borrow, default)]
    result: BTreeMap<String, &'a RawValue>,
}

fn kraken(body: &[u8], length: i64) -> Result<VenuePage, PageError> {
    let mut answer: KrakenAnswer<'_> =
        serde_json::from_slice(body).map_err(|error| form("a JSON object of a pair", &error))?;
    if !answer.error.is_empty() {
        return Err(PageError::Venue {
            text: shown(&answer.error.join(", ")),
        });
    }
    answer.result.remove("last");
    // The pair has the venue's own name there: XXBTZUSD for XBTUSD.
    let pairs: Vec<_> = answer.result.into_iter().collect();
    let [(_, rows)] = pairs.as_slice() else {
        return Err(form(
            "the bars of one pair",
            &format!("there are {}", pairs.len()),
        ));
    };
    let rows: Vec<&RawValue> =
        serde_json::from_str(rows.get()).map_err(|error| form("an array of bars", &error))?;
    let read = |raw: &RawValue| -> Result<VenueRow, String> {
        let row: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| "not an array".to_owned())?;
        let [time, rest @ ..] = cells(&row, [0, 1, 2, 3, 4, 6])?;
        let open_time = time_of(time, 1_000_000_000)?;
        Ok(venue_row(open_time, end_of(open_time, length)?, rest, raw))
    };
    page_of(&rows, read)
}

/// Of a time that is milliseconds or microseconds, the least that is microseconds: the year 5138 in milliseconds.
const MICROS_MIN: i64 = 100_000_000_000_000;

/// A row of a file of klines in Binance's archive, whose times are milliseconds, and microseconds since 2025.
///
/// # Errors
///
/// Returns why it is not one.
pub(crate) fn archive_row(cells: &[&str], timeframe: Timeframe) -> Result<VenueRow, String> {
    let Timeframe::Fixed(length) = timeframe else {
        return Err("bars of a fixed length are needed, and months have none".to_owned());
    };
    let &[time, open, high, low, close, volume, last, ..] = cells else {
        return Err(format!("{} fields, and at least 7 are needed", cells.len()));
    };
    let number: i64 = time
        .parse()
        .map_err(|_| format!("the time {:?} is not a whole number", shown(time)))?;
    let nanos = if number >= MICROS_MIN {
        1_000
    } else {
        1_000_000
    };
    let open_time = time_of(time, nanos)?;
    let close_time = end_of(open_time, length)?;
    if time_of(last, nanos)?.0.checked_add(nanos) != Some(close_time.0) {
        return Err("its close time does not end the interval that was asked for".to_owned());
    }
    Ok(row_of(
        open_time,
        close_time,
        [open, high, low, close, volume],
        cells.join(","),
    ))
}

fn venue_row(open: UnixNanos, close: UnixNanos, values: [&str; 5], raw: &RawValue) -> VenueRow {
    row_of(open, close, values, raw.get().to_owned())
}

fn row_of(open: UnixNanos, close: UnixNanos, values: [&str; 5], text: String) -> VenueRow {
    let mut fields = [const { String::new() }; 6];
    let time = open.rfc3339();
    for (field, value) in fields
        .iter_mut()
        .zip(core::iter::once(time.as_str()).chain(values))
    {
        value.clone_into(field);
    }
    VenueRow {
        open_time: open,
        close_time: close,
        fields,
        text,
    }
}

fn page_of(
    rows: &[&RawValue],
    read: impl Fn(&RawValue) -> Result<VenueRow, String>,
) -> Result<VenuePage, PageError> {
    let mut page = VenuePage::default();
    for (place, raw) in rows.iter().enumerate() {
        page.rows.push(read(raw).map_err(|reason| PageError::Row {
            row: place.saturating_add(1),
            reason,
        })?);
    }
    Ok(page)
}

#[cfg(test)]
mod tests;
