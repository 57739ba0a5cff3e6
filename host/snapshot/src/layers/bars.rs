//! Rows at the scales of their source to closed bars at the scales of an instrument. It must
//! never round.

use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::time::Timeframe;
use counterfoil_trading::units::{Price, Volume};

use crate::error::IngestError;
use crate::source::choices::TimeMeaning;
use crate::source::interval::interval;
use crate::source::row::SourceRow;
use crate::source::scales::rescale;

/// What all bars of a source have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BarConversion<'a> {
    pub(crate) source: &'a str,
    pub(crate) time_column: &'a str,
    pub(crate) nanos_per_key: i64,
    pub(crate) timeframe: Timeframe,
    pub(crate) meaning: TimeMeaning,
    /// The rows with the most decimals in prices and in volume.
    pub(crate) finest_lines: [u64; 2],
}

/// Whether a bar closes after the one before it.
pub(crate) fn check_sequence(
    last: &RawBar,
    next: &RawBar,
    (first_line, second_line): (u64, u64),
    instrument: &Instrument,
    frame: &BarConversion<'_>,
) -> Result<(), IngestError> {
    if last.close_time < next.close_time {
        return Ok(());
    }
    // Only calendar months do this: both the 30th and the 31st of January are a month before the
    // end of February.
    Err(IngestError::SameClose {
        file: frame.source.to_owned(),
        symbol: instrument.symbol().to_owned(),
        first_line,
        second_line,
        timeframe: frame.timeframe,
    })
}

/// The bar that a row stands for.
pub(crate) fn bar(
    row: &SourceRow,
    instrument: &Instrument,
    frame: &BarConversion<'_>,
) -> Result<ClosedBar, IngestError> {
    let file = || frame.source.to_owned();
    let times = row
        .time
        .checked_mul(frame.nanos_per_key)
        .and_then(|stated| interval(frame.timeframe, frame.meaning, stated));
    let (open_time, close_time) = times.ok_or_else(|| IngestError::TimeTooFar {
        file: file(),
        line: row.line,
        column: frame.time_column.to_owned(),
    })?;
    let [price_line, volume_line] = frame.finest_lines;
    let too_large = |column, scale, finest_line| IngestError::NumberTooLarge {
        file: file(),
        line: row.line,
        column,
        scale,
        finest_line,
    };
    let scale = instrument.price_scale();
    let price = |value: i64| {
        let scaled = rescale(value, row.price_scale, scale).map(Price);
        scaled.ok_or_else(|| too_large("prices", scale, price_line))
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
            .ok_or_else(|| too_large("volume", scale, volume_line))?,
    })
    .map_err(|source| IngestError::Inconsistent {
        file: file(),
        line: row.line,
        source,
    })
}
