//! All rows of a source, each taken or put aside, before scales and timeframe are known. It must
//! never write a bar, and never hold more rows than fit in the memory it was given.

use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::quality::deferred::{DeferredRows, RepeatedRow};
use crate::quality::quarantine::QuarantineWriter;
use crate::source::columns::BarColumns;
use crate::source::mapping::ColumnMapping;
use crate::source::options::{INSTRUMENTS_MAX, IngestOptions};
use crate::source::progress::IngestProgress;
use crate::source::records::{SourceRecord, SourceRecords};
use crate::source::row::{SourceRow, parse};
use crate::source::scales::PriceGrid;
use crate::source::symbols::{RowArrival, SymbolTable};
use crate::source::times::TimeParser;
use crate::spool::series::{SeriesFile, SeriesWriter};
use crate::spool::sort::ExternalSorter;
use crate::spool::staging::StagingDir;

/// Rows between two calls of the progress function.
const ROWS_PER_PROGRESS: u64 = 65_536;

/// Everything a source says, before scales and timeframe are known.
pub(crate) struct SourceTable<'a> {
    pub(crate) time_name: String,
    pub(crate) ignored: Vec<String>,
    pub(crate) series: SeriesFile<'a>,
    pub(crate) times: TimeParser,
    pub(crate) quarantine: QuarantineWriter,
    pub(crate) rows: u64,
    pub(crate) blank_lines: u64,
    /// Rows that came after a later one of their ticker.
    pub(crate) out_of_order: u64,
    pub(crate) finest: MaxPrecision,
}

/// Most decimals in prices and in volume, and the first line that has them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MaxPrecision(pub(crate) [(u8, u64); 2]);

/// A row and the number of its symbol.
#[derive(Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct NumberedRow {
    symbol: u32,
    row: SourceRow,
}

/// What a source is read with.
#[derive(Clone, Copy)]
pub(crate) struct SourceContext<'a> {
    pub(crate) name: &'a str,
    pub(crate) symbol: Option<&'a str>,
    pub(crate) grid: PriceGrid,
    pub(crate) options: &'a IngestOptions,
    pub(crate) mapping: &'a ColumnMapping,
    /// Where files lie while the source is read.
    pub(crate) scratch: &'a StagingDir,
}

/// Counts rows, and refuses what is more than a source may hold.
#[derive(Default)]
pub(crate) struct RowCounter {
    pub(crate) rows: u64,
}

impl RowCounter {
    pub(crate) fn count(
        &mut self,
        reading: &SourceContext<'_>,
        line: u64,
        instruments: usize,
    ) -> Result<(), IngestError> {
        let too_large = |max, unit| IngestError::TooLarge {
            file: reading.name.to_owned(),
            line,
            max,
            unit,
        };
        self.rows = self.rows.saturating_add(1);
        let rows_max = reading.options.limits.rows_max;
        if self.rows > rows_max {
            return Err(too_large(rows_max, "rows"));
        }
        if instruments > INSTRUMENTS_MAX {
            let max = u64::try_from(INSTRUMENTS_MAX).unwrap_or(u64::MAX);
            return Err(too_large(max, "instruments"));
        }
        Ok(())
    }

    pub(crate) fn tell(&self, bytes: u64, end: bool, progress: &mut dyn FnMut(IngestProgress)) {
        if end || self.rows.is_multiple_of(ROWS_PER_PROGRESS) {
            progress(IngestProgress::Reading {
                rows: self.rows,
                bytes,
            });
        }
    }
}

/// Reads all rows of a source of bars.
pub(crate) fn read_table<'a>(
    records: &mut dyn SourceRecords,
    reading: &SourceContext<'a>,
    mut times: TimeParser,
    (mut quarantine, progress): (QuarantineWriter, &mut dyn FnMut(IngestProgress)),
) -> Result<SourceTable<'a>, IngestError> {
    let name = reading.name;
    let columns = BarColumns::find(name, records.header(), reading.symbol, reading.mapping)?;
    let rows_in_memory = reading.options.limits.rows_in_memory;
    let mut sorter = ExternalSorter::new(reading.scratch, "rows", rows_in_memory);
    let mut aside = DeferredRows::new(reading.scratch, rows_in_memory);
    let mut symbols = SymbolTable::new();
    let mut counter = RowCounter::default();
    let mut blank_lines: u64 = 0;
    loop {
        let (line, taken, raw) = match records.next()? {
            SourceRecord::End => break,
            SourceRecord::Blank => {
                blank_lines = blank_lines.saturating_add(1);
                continue;
            }
            SourceRecord::Bad { line, bad, raw } => (line, Err(bad), raw),
            SourceRecord::Row { line, fields, raw } => {
                let given = reading.symbol.unwrap_or_default();
                let parsed = parse(&fields, &columns, given, (&times, reading.grid), line);
                let taken = parsed.map(|(symbol, key, row)| {
                    times.see(&key);
                    (row, symbols.take(symbol, row.time))
                });
                (line, taken, raw)
            }
        };
        counter.count(reading, line, symbols.len())?;
        match taken {
            Err(bad) => aside.bad(line, bad, raw)?,
            Ok((row, (symbol, place))) => {
                if place == RowArrival::Late {
                    aside.late(line, raw)?;
                }
                sorter.add(NumberedRow { symbol, row })?;
            }
        }
        counter.tell(records.bytes(), false, progress);
    }
    counter.tell(records.bytes(), true, progress);
    let names = symbols.names();
    let (series, finest) = sift(reading, sorter, &names, &mut aside, &mut times)?;
    Ok(SourceTable {
        time_name: columns.time.name,
        ignored: columns.ignored,
        series,
        times,
        out_of_order: aside.settle(name, &mut quarantine)?,
        quarantine,
        rows: counter.rows,
        blank_lines,
        finest,
    })
}

/// The rows of each symbol by time; of those with one time the first in the source.
fn sift<'a>(
    reading: &SourceContext<'a>,
    sorter: ExternalSorter<'a, NumberedRow>,
    names: &[&str],
    aside: &mut DeferredRows<'_>,
    times: &mut TimeParser,
) -> Result<(SeriesFile<'a>, MaxPrecision), IngestError> {
    let mut rows = sorter.finish()?;
    let mut series = SeriesWriter::new(reading.scratch)?;
    let mut finest = MaxPrecision::default();
    let mut before: Option<NumberedRow> = None;
    while let Some(next) = rows.next()? {
        let row = next.row;
        let same_symbol = before.as_ref().filter(|kept| kept.symbol == next.symbol);
        if let Some(kept) = same_symbol.filter(|kept| kept.row.time == row.time) {
            aside.repeat(RepeatedRow {
                line: row.line,
                first: kept.row.line,
                same: (kept.row.prices, kept.row.volume) == (row.prices, row.volume),
            })?;
            continue;
        }
        if same_symbol.is_none() {
            let place = usize::try_from(next.symbol).unwrap_or(usize::MAX);
            series.begin(names.get(place).copied().unwrap_or_default());
        }
        times.tell(row.time, row.line);
        finest.take(row.price_scale, row.volume_scale, row.line);
        series.add(&row)?;
        before = Some(next);
    }
    Ok((series.finish(reading.scratch)?, finest))
}

impl SourceTable<'_> {
    /// An error that tells the first reason, if not a single row is a bar.
    pub(crate) fn check_not_empty(&self, file: &str) -> Result<(), IngestError> {
        if !self.series.parts.is_empty() {
            return Ok(());
        }
        let first = self.quarantine.examples.first();
        let first = first.map_or("there is none".to_owned(), |row| {
            format!("line {}: {}", row.line, row.message)
        });
        Err(IngestError::NoBars {
            file: file.to_owned(),
            rows: self.rows,
            first,
        })
    }
}

impl MaxPrecision {
    /// Takes the scales of a line, in any sequence of lines.
    pub(crate) fn take(&mut self, price_scale: u8, volume_scale: u8, line: u64) {
        for (finest, scale) in self.0.iter_mut().zip([price_scale, volume_scale]) {
            let (most, at) = *finest;
            if at == 0 || scale > most || (scale == most && line < at) {
                *finest = (scale, line);
            }
        }
    }
}
