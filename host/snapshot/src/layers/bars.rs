//! Rows at the scales of their source to closed bars at the scales of an instrument. It must
//! never round.

use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::exchange_calendar::ExchangeCalendar;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};

use crate::error::IngestError;
use crate::quality::market_clock::spans_dates;
use crate::source::choices::TimeMeaning;
use crate::source::interval::interval;
use crate::source::period_labels::WeekStart;
use crate::source::row::SourceRow;
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::scales::rescale;

/// The conversion from rows to bars, the same for all bars of a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BarConversion<'a> {
    pub(crate) source: &'a str,
    pub(crate) time_column: &'a str,
    pub(crate) nanos_per_key: i64,
    pub(crate) timeframe: Timeframe,
    pub(crate) meaning: TimeMeaning,
    /// When weeks begin.
    pub(crate) week_start: WeekStart,
    /// The local time of the source.
    pub(crate) clock: &'a ExchangeCalendar,
    /// Whether the times are trading dates, whatever clock they show.
    pub(crate) is_dates: bool,
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
            .and_then(|stated| self.interval(UnixNanos(stated)));
        interval
            .map(|(open, _)| open)
            .ok_or_else(|| self.too_far(line))
    }

    /// Open and close of the bar that a time states.
    fn interval(&self, stated: UnixNanos) -> Option<(UnixNanos, UnixNanos)> {
        let stated = self.on_dates(stated)?;
        interval(self.timeframe, self.meaning, self.week_start, stated)
    }

    /// The number of the day that dates a row.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::TimeTooFar`] if its time does not fit in 64 bits.
    pub(crate) fn trading_day(&self, row: &SourceRow) -> Result<i64, IngestError> {
        let date = self.on_dates(self.stated_time(row)?);
        let date = date.ok_or_else(|| self.too_far(row.line))?;
        Ok(UnixNanos(date).day())
    }

    /// The time of a bar that spans dates, with the trading date that it shows as a date in UTC: New York's midnight
    /// of 8 March is the date of 8 March, as the dates of sessions and actions are.
    fn on_dates(&self, stated: UnixNanos) -> Option<i64> {
        if !spans_dates(self.timeframe) {
            return Some(stated.0);
        }
        let local = stated.0.checked_add(self.clock.offset_at(stated))?;
        let past = local.rem_euclid(DAY_NANOS);
        if past == 0 {
            return Some(local);
        }
        if !self.is_dates {
            return Some(stated.0);
        }
        let midnight = local.checked_sub(past)?;
        match self.meaning {
            TimeMeaning::Open => Some(midnight),
            // A date that closes a bar is its last one.
            TimeMeaning::Close => midnight.checked_add(DAY_NANOS),
        }
    }

    fn too_far(&self, line: u64) -> IngestError {
        IngestError::TimeTooFar {
            file: self.source.to_owned(),
            line,
            column: self.time_column.to_owned(),
        }
    }
}

/// The bars of one instrument that close with the bar before them, as two rows of one week do.
#[derive(Debug, Default)]
pub(crate) struct PeriodOverlaps {
    /// Line and close time of the last bar that is used.
    last: Option<(u64, UnixNanos)>,
    kept: u64,
    left_out: u64,
    /// The lines of the first two.
    first: Option<(u64, u64)>,
}

impl PeriodOverlaps {
    /// Why a bar cannot be used after the last one, if it cannot.
    pub(crate) fn check(&mut self, line: u64, bar: &RawBar) -> Option<RowError> {
        match self.last {
            Some((before, close)) if bar.close_time <= close => {
                self.left_out = self.left_out.saturating_add(1);
                self.first = self.first.or(Some((before, line)));
                Some(RowError {
                    code: RowErrorCode::Overlap,
                    message: format!(
                        "is of the same week or month as line {before}, which is kept"
                    ),
                })
            }
            Some(_) | None => {
                self.kept = self.kept.saturating_add(1);
                self.last = Some((line, bar.close_time));
                None
            }
        }
    }

    /// An error if more bars are left out than used: then the timeframe is too long.
    pub(crate) fn finish(
        self,
        symbol: &str,
        conversion: &BarConversion<'_>,
    ) -> Result<(), IngestError> {
        match self.first {
            Some((first_line, second_line)) if self.left_out > self.kept => {
                Err(IngestError::SameClose {
                    file: conversion.source.to_owned(),
                    symbol: symbol.to_owned(),
                    first_line,
                    second_line,
                    timeframe: conversion.timeframe,
                })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The bar of a row.
pub(crate) fn closed_bar(
    row: &SourceRow,
    instrument: &Instrument,
    conversion: &BarConversion<'_>,
) -> Result<ClosedBar, IngestError> {
    let stated = conversion.stated_time(row)?;
    let (open_time, close_time) = conversion
        .interval(stated)
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
    let bar = RawBar {
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
    };
    ClosedBar::parse_in(bar, instrument.prices()).map_err(|source| IngestError::Inconsistent {
        file: conversion.source.to_owned(),
        line: row.line,
        source,
    })
}
