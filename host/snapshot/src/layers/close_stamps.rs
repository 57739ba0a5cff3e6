//! Daily rows that look stamped with the close of their day, where nobody says so. It must never know a price.

use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};

use crate::error::IngestError;
use crate::layers::bars::BarConversion;
use crate::layers::ticker_history::SharesByInstrument;
use crate::source::choices::TimeMeaning;
use crate::spool::series::{SeriesFile, SeriesStep};

/// Rows that show a week: fewer may leave out the day that tells.
const ROWS_MIN: u64 = 5;

/// # Errors
///
/// Returns [`IngestError::CloseStamps`] if all daily rows are in the second half of a day, from Monday to Friday, and
/// nothing says what their times mean. Read as opens, each bar would be known a day after it closed.
pub(crate) fn check_close_stamps(
    series: &SeriesFile<'_>,
    shares: &SharesByInstrument,
    conversion: &BarConversion<'_>,
    meaning: Option<TimeMeaning>,
) -> Result<(), IngestError> {
    let is_daily = conversion.timeframe == Timeframe::Fixed(DAY_NANOS);
    if !is_daily || meaning.is_some() || conversion.is_dates {
        return Ok(());
    }
    for shares in shares.values() {
        let mut rows = series.rows(shares, conversion.nanos_per_key)?;
        let (mut count, mut has_friday, mut last) = (0_u64, false, None);
        while let Some(step) = rows.next()? {
            let SeriesStep::Row(row) = step else { continue };
            let time = UnixNanos(row.time.saturating_mul(conversion.nanos_per_key));
            let local = time.0.saturating_add(conversion.clock.offset_at(time));
            let of_day = local.rem_euclid(DAY_NANOS);
            // 1970 began on a Thursday.
            let weekday = local.div_euclid(DAY_NANOS).saturating_add(3).rem_euclid(7);
            // Days of currencies and futures open on Sunday evening, those of coins on every day, those of shares in
            // the morning.
            if of_day < DAY_NANOS / 2 || weekday > 4 {
                return Ok(());
            }
            has_friday |= weekday == 4;
            count = count.saturating_add(1);
            last = Some((row.line, of_day));
        }
        if let Some((line, of_day)) = last.filter(|_| has_friday && count >= ROWS_MIN) {
            let minutes = of_day / 60_000_000_000;
            return Err(IngestError::CloseStamps {
                file: conversion.source.to_owned(),
                line,
                at: format!("{:02}:{:02}", minutes / 60, minutes % 60),
            });
        }
    }
    Ok(())
}
