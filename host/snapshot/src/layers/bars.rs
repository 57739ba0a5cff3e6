//! Rows at the scales of their source to closed bars at the scales of an instrument. It must
//! never round.

use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};

use crate::error::IngestError;
use crate::source::choices::TimeMeaning;
use crate::source::interval::interval;
use crate::source::row::SourceRow;
use crate::source::scales::rescale;

/// The conversion from rows to bars, the same for all bars of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BarConversion<'a> {
    pub(crate) source: &'a str,
    pub(crate) time_column: &'a str,
    pub(crate) nanos_per_key: i64,
    pub(crate) timeframe: Timeframe,
    pub(crate) meaning: TimeMeaning,
    /// The line with the most decimals in its prices; 0 where an option decided.
    pub(crate) price_line: u64,
    /// The line with the most decimals in its volume; 0 where an option decided.
    pub(crate) volume_line: u64,
}

impl BarConversion<'_> {
    /// The time that a row states, in nanoseconds.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::TimeTooFar`] if it does not fit in 64 bits.
    pub(crate) fn stated_time(&self, row: &SourceRow) -> Result<UnixNanos, IngestError> {
        row.time
            .checked_mul(self.nanos_per_key)
            .map(UnixNanos)
            .ok_or_else(|| self.too_far(row.line))
    }

    /// When the bar of a row's time opens.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::TimeTooFar`] if it does not fit in 64 bits.
    pub(crate) fn open_time(&self, time: i64, line: u64) -> Result<UnixNanos, IngestError> {
        let interval = time
            .checked_mul(self.nanos_per_key)
            .and_then(|stated| interval(self.timeframe, self.meaning, stated));
        interval
            .map(|(open, _)| open)
            .ok_or_else(|| self.too_far(line))
    }

    fn too_far(&self, line: u64) -> IngestError {
        IngestError::TimeTooFar {
            file: self.source.to_owned(),
            line,
            column: self.time_column.to_owned(),
        }
    }
}

/// A bar and the line that it was read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineBar {
    pub(crate) line: u64,
    pub(crate) bar: RawBar,
}

/// Whether a bar closes after the one before it.
pub(crate) fn check_sequence(
    last: &LineBar,
    next: &LineBar,
    symbol: &str,
    conversion: &BarConversion<'_>,
) -> Result<(), IngestError> {
    if last.bar.close_time < next.bar.close_time {
        return Ok(());
    }
    // Only calendar months do this: both the 30th and the 31st of January are a month before the
    // end of February.
    Err(IngestError::SameClose {
        file: conversion.source.to_owned(),
        symbol: symbol.to_owned(),
        first_line: last.line,
        second_line: next.line,
        timeframe: conversion.timeframe,
    })
}

/// The bar of a row.
pub(crate) fn closed_bar(
    row: &SourceRow,
    instrument: &Instrument,
    conversion: &BarConversion<'_>,
) -> Result<ClosedBar, IngestError> {
    let stated = conversion.stated_time(row)?;
    let (open_time, close_time) = interval(conversion.timeframe, conversion.meaning, stated.0)
        .ok_or_else(|| conversion.too_far(row.line))?;
    let too_large = |column, scale, finest_line| IngestError::NumberTooLarge {
        file: conversion.source.to_owned(),
        line: row.line,
        column,
        scale,
        finest_line,
    };
    let scale = instrument.price_scale();
    let price = |value: i64| {
        let scaled = rescale(value, row.price_scale, scale).map(Price);
        scaled.ok_or_else(|| too_large("prices", scale, conversion.price_line))
    };
    let [open, high, low, close] = row.prices;
    let scale = instrument.volume_scale();
    let volume = rescale(row.volume, row.volume_scale, scale);
    ClosedBar::parse(RawBar {
        instrument: InstrumentId(0),
        open_time,
        close_time,
        open: price(open)?,
        high: price(high)?,
        low: price(low)?,
        close: price(close)?,
        volume: volume
            .map(Volume)
            .ok_or_else(|| too_large("volume", scale, conversion.volume_line))?,
    })
    .map_err(|source| IngestError::Inconsistent {
        file: conversion.source.to_owned(),
        line: row.line,
        source,
    })
}
