//! One line of a feed: a bar, session ends, or the mark of a slice's end. It must never know which slice is open.

use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Price, Volume};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::sessions::SessionEnd;
use crate::times::parse_time;

/// The fields of a line. Prices and volume are decimals, as strings or numbers; times are RFC 3339 strings, dates, or
/// whole nanoseconds since 1970.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FeedLine<'a> {
    #[serde(default)]
    end_of_slice: bool,
    /// Of the instrument in `symbol`, or of all instruments.
    #[serde(borrow, alias = "session_end")]
    session_end: Option<&'a RawValue>,
    symbol: Option<&'a str>,
    #[serde(borrow, alias = "open_time")]
    open_time: Option<&'a RawValue>,
    #[serde(borrow, alias = "close_time")]
    close_time: Option<&'a RawValue>,
    #[serde(borrow)]
    open: Option<&'a RawValue>,
    #[serde(borrow)]
    high: Option<&'a RawValue>,
    #[serde(borrow)]
    low: Option<&'a RawValue>,
    #[serde(borrow)]
    close: Option<&'a RawValue>,
    #[serde(borrow)]
    volume: Option<&'a RawValue>,
}

/// What a line means for the open slice.
pub(super) enum LineContent {
    Bar(ClosedBar),
    SessionEnds(Vec<SessionEnd>),
    EndOfSlice,
}

/// Parses a line about these instruments. The error is the reason of the refused input.
pub(super) fn parse(line: &[u8], instruments: &[Instrument]) -> Result<LineContent, String> {
    // Unknown fields are refused (`deny_unknown_fields`): a misspelled field would otherwise be dropped, and the bar
    // decided without it.
    let line: FeedLine<'_> =
        serde_json::from_slice(line.trim_ascii()).map_err(|error| error.to_string())?;
    if line.end_of_slice {
        return Ok(LineContent::EndOfSlice);
    }
    if let Some(end) = line.session_end {
        let end = time("session-end", Some(end))?;
        let ids = match line.symbol {
            Some(symbol) => vec![named(instruments, symbol)?.0],
            None => (0..).map(InstrumentId).take(instruments.len()).collect(),
        };
        let ends = ids.into_iter().map(|id| (end, id));
        return Ok(LineContent::SessionEnds(ends.collect()));
    }
    let symbol = line.symbol.ok_or("field symbol is missing")?;
    let (id, instrument) = named(instruments, symbol)?;
    let number = |name: &str, raw: Option<&RawValue>, scale| {
        let text = raw.ok_or_else(|| format!("field {name} is missing"))?.get();
        // More digits than the instrument's scale are an error. Rounded, the run would decide on a price that the
        // venue never had, and a parity comparison could not explain it.
        let value = decimal::parse(text.trim_matches('"'), scale)
            .map_err(|error| format!("field {name}: {error}"))?;
        i64::try_from(value).map_err(|_| format!("field {name}: too large"))
    };
    let price = |name, raw| number(name, raw, instrument.price_scale()).map(Price);
    let raw = RawBar {
        instrument: id,
        open_time: time("open-time", line.open_time)?,
        close_time: time("close-time", line.close_time)?,
        open: price("open", line.open)?,
        high: price("high", line.high)?,
        low: price("low", line.low)?,
        close: price("close", line.close)?,
        volume: Volume(number("volume", line.volume, instrument.volume_scale())?),
    };
    // A bar whose high is below its low, or that closes before it opens, never reaches the run.
    ClosedBar::parse_in(raw, instrument.prices())
        .map_err(|error| error.to_string())
        .map(LineContent::Bar)
}

/// The bar in a refused line, if it has one.
pub(crate) fn bar_in(line: &[u8], instruments: &[Instrument]) -> Option<ClosedBar> {
    match parse(line, instruments) {
        Ok(LineContent::Bar(bar)) => Some(bar),
        Ok(LineContent::SessionEnds(_) | LineContent::EndOfSlice) | Err(_) => None,
    }
}

/// The instrument with this symbol, with its id.
fn named<'a>(
    instruments: &'a [Instrument],
    symbol: &str,
) -> Result<(InstrumentId, &'a Instrument), String> {
    let all = (0..).map(InstrumentId).zip(instruments);
    let mut all = all.filter(|(_, instrument)| instrument.symbol() == symbol);
    all.next()
        .ok_or_else(|| format!("the run has no instrument {symbol:?}"))
}

/// The time in a field.
fn time(name: &str, raw: Option<&RawValue>) -> Result<UnixNanos, String> {
    let text = raw.ok_or_else(|| format!("field {name} is missing"))?.get();
    let text = text.trim_matches('"');
    let nanos = text.parse().ok().map(UnixNanos);
    nanos
        .or_else(|| parse_time(text))
        .ok_or_else(|| format!("field {name} is not a time"))
}
