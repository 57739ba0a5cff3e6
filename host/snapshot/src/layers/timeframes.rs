//! The timeframe of a source: from the gaps between its rows, and held against the gaps of each instrument. It must
//! never know a price.

use std::collections::BTreeMap;

use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};

use crate::error::IngestError;
use crate::layers::bars::BarConversion;
use crate::layers::ticker_history::SharesByInstrument;
use crate::source::choices::TimeMeaning;
use crate::source::gaps::{GapCounts, LongerGap};
use crate::source::period_labels::{PeriodLabels, WeekStart, has_periods};
use crate::source::row::SourceRow;
use crate::source::times::date;
use crate::spool::series::{SeriesFile, SeriesStep};

/// The timeframe that the commonest gap between two rows of one instrument shows.
pub(crate) fn infer_timeframe(
    file: &str,
    series: &SeriesFile<'_>,
    shares: &SharesByInstrument,
    nanos_per_key: i64,
) -> Result<Timeframe, IngestError> {
    let mut gaps = GapCounts::default();
    // By length, the first instrument whose bars show it.
    let mut lengths: BTreeMap<Timeframe, &str> = BTreeMap::new();
    for (symbol, shares) in shares {
        let mut own = GapCounts::default();
        let mut rows = series.rows(shares, nanos_per_key)?;
        let mut last: Option<i64> = None;
        while let Some(step) = rows.next()? {
            let SeriesStep::Row(row) = step else { continue };
            // Within one instrument only: two venues that open at different times would make a gap
            // that is not a bar's length.
            let gap = last.and_then(|last| row.time.checked_sub(last)?.checked_mul(nanos_per_key));
            if let Some(gap) = gap {
                own.add(gap, row.line);
            }
            last = Some(row.time);
        }
        if let Some(length) = own.clear_timeframe() {
            lengths.entry(length).or_insert(symbol);
        }
        gaps.absorb(&own);
    }
    let found = gaps.timeframe();
    // Longer gaps may be those of an instrument that trades rarely; they are checked with the bars. Shorter ones, or no
    // answer for all, are two files in one.
    let is_mixed = match &found {
        Ok(length) => lengths.keys().next().is_some_and(|first| first < length),
        Err(_) => lengths.len() > 1,
    };
    let found = if is_mixed {
        let each = lengths.iter().take(3);
        let each: Vec<String> = each
            .map(|(length, symbol)| format!("{symbol} has bars of {length}"))
            .collect();
        Err(format!(
            "{}; ingest bars of each length from a file of their own",
            each.join(", ")
        ))
    } else {
        found
    };
    found.map_err(|reason| IngestError::NoTimeframe {
        file: file.to_owned(),
        reason,
    })
}

/// The day on which the weeks of a source begin. Its months begin on the first day.
///
/// # Errors
///
/// Returns [`IngestError::PeriodLabel`] if times that are opens are mostly not the first days of weeks or months.
pub(crate) fn week_start(
    series: &SeriesFile<'_>,
    shares: &SharesByInstrument,
    conversion: &BarConversion<'_>,
    meaning: Option<TimeMeaning>,
) -> Result<WeekStart, IngestError> {
    let timeframe = conversion.timeframe;
    if !has_periods(timeframe) || meaning == Some(TimeMeaning::Close) {
        return Ok(WeekStart::default());
    }
    let mut labels = PeriodLabels::default();
    for shares in shares.values() {
        let mut rows = series.rows(shares, conversion.nanos_per_key)?;
        while let Some(step) = rows.next()? {
            let SeriesStep::Row(row) = step else { continue };
            let day = conversion.trading_day(&row)?;
            labels.add(timeframe, day, row.line);
        }
    }
    let misfit = match labels.week_start(meaning.is_some()) {
        Ok(start) => return Ok(start),
        Err(misfit) => misfit,
    };
    Err(IngestError::PeriodLabel {
        file: conversion.source.to_owned(),
        line: misfit.label.line,
        date: date(UnixNanos(misfit.label.day.saturating_mul(DAY_NANOS))),
        timeframe,
        first_day: match timeframe {
            Timeframe::Fixed(_) => "a Monday",
            Timeframe::Months(_) => "the first day of a month",
        },
        hint: misfit.hint,
    })
}

/// The gaps of each instrument, held against the timeframe.
#[derive(Debug)]
pub(crate) struct TimeframeCheck {
    timeframe: Timeframe,
    nanos_per_key: i64,
    gaps: GapCounts,
    last: Option<i64>,
    /// Gaps of all instruments that are of the timeframe.
    own: u64,
    longer: Vec<(String, LongerGap)>,
}

impl TimeframeCheck {
    pub(crate) fn new(timeframe: Timeframe, nanos_per_key: i64) -> Self {
        Self {
            timeframe,
            nanos_per_key,
            gaps: GapCounts::default(),
            last: None,
            own: 0,
            longer: Vec::new(),
        }
    }

    /// Counts the gap before a row of the instrument.
    pub(crate) fn add(&mut self, row: &SourceRow) {
        let since = self.last.and_then(|last| row.time.checked_sub(last));
        if let Some(gap) = since.and_then(|since| since.checked_mul(self.nanos_per_key)) {
            self.gaps.add(gap, row.line);
        }
        self.last = Some(row.time);
    }

    /// Ends an instrument; the next row is of another one.
    pub(crate) fn end(&mut self, symbol: &str) {
        let gaps = core::mem::take(&mut self.gaps);
        self.last = None;
        self.own = self.own.saturating_add(gaps.count_of(self.timeframe));
        let longer = gaps.longer_than(self.timeframe);
        self.longer
            .extend(longer.map(|gap| (symbol.to_owned(), gap)));
    }

    /// Checks all instruments.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::LongerBars`] for the first one whose bars are longer than the timeframe.
    pub(crate) fn finish(self, file: &str) -> Result<(), IngestError> {
        // Where other instruments have such bars, one with few rows may trade rarely.
        let is_some = |gap: &LongerGap| self.own == 0 || !gap.is_sparse();
        let mut longer = self.longer.iter().filter(|(_, gap)| is_some(gap));
        let Some((symbol, gap)) = longer.next() else {
            return Ok(());
        };
        let LongerGap {
            length,
            count,
            gaps,
            line,
        } = gap;
        let more = match longer.count() {
            0 => String::new(),
            more => format!(", and so do those of {more} more instruments"),
        };
        Err(IngestError::LongerBars {
            file: file.to_owned(),
            symbol: symbol.clone(),
            found: format!(
                "{count} of {gaps} rows come {length} after the row before them (first in line {line}){more}"
            ),
            length: *length,
            timeframe: self.timeframe,
        })
    }
}
