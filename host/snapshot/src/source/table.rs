//! All rows of a source, each taken or put aside, before scales and timeframe are known. It must
//! never write a bar, and never hold more rows than fit in the memory it was given.

use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::quality::deferred::{Aside, Repeat};
use crate::quality::quarantine::Quarantine;
use crate::source::columns::Columns;
use crate::source::mapping::Mapping;
use crate::source::options::{INSTRUMENTS_MAX, IngestOptions};
use crate::source::progress::Progress;
use crate::source::records::{Record, Records};
use crate::source::row::{Row, parse};
use crate::source::scales::PriceGrid;
use crate::source::symbols::{Place, Symbols};
use crate::source::times::Times;
use crate::spool::series::{Series, SeriesWriter};
use crate::spool::sort::Sorter;
use crate::spool::staging::Staging;

/// Rows between two calls of the progress function.
const ROWS_PER_PROGRESS: u64 = 65_536;

/// Everything a source says, before scales and timeframe are known.
pub(crate) struct Table<'a> {
    pub(crate) time_name: String,
    pub(crate) ignored: Vec<String>,
    pub(crate) series: Series<'a>,
    pub(crate) times: Times,
    pub(crate) quarantine: Quarantine,
    pub(crate) rows: u64,
    pub(crate) blank_lines: u64,
    /// Rows that came after a later one of their ticker.
    pub(crate) out_of_order: u64,
    pub(crate) finest: Finest,
}

/// Most decimals in prices and in volume, and the first line that has them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finest(pub(crate) [(u8, u64); 2]);

/// A row and the number of its symbol.
#[derive(Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Numbered {
    symbol: u32,
    row: Row,
}

/// What a source is read with.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) name: &'a str,
    pub(crate) symbol: Option<&'a str>,
    pub(crate) grid: PriceGrid,
    pub(crate) options: &'a IngestOptions,
    pub(crate) mapping: &'a Mapping,
    /// Where files lie while the source is read.
    pub(crate) scratch: &'a Staging,
}

/// Counts rows, and refuses what is more than a source may hold.
#[derive(Default)]
pub(crate) struct Counter {
    pub(crate) rows: u64,
}

impl Counter {
    pub(crate) fn count(
        &mut self,
        reading: &Reading<'_>,
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

    pub(crate) fn tell(&self, bytes: u64, end: bool, progress: &mut dyn FnMut(Progress)) {
        if end || self.rows.is_multiple_of(ROWS_PER_PROGRESS) {
            progress(Progress::Reading {
                rows: self.rows,
                bytes,
            });
        }
    }
}

/// Reads all rows of a source of bars.
pub(crate) fn read_table<'a>(
    records: &mut dyn Records,
    reading: &Reading<'a>,
    mut times: Times,
    (mut quarantine, progress): (Quarantine, &mut dyn FnMut(Progress)),
) -> Result<Table<'a>, IngestError> {
    let name = reading.name;
    let columns = Columns::find(name, records.header(), reading.symbol, reading.mapping)?;
    let rows_in_memory = reading.options.limits.rows_in_memory;
    let mut sorter = Sorter::new(reading.scratch, "rows", rows_in_memory);
    let mut aside = Aside::new(reading.scratch, rows_in_memory);
    let mut symbols = Symbols::new();
    let mut counter = Counter::default();
    let mut blank_lines: u64 = 0;
    loop {
        let (line, taken, raw) = match records.next()? {
            Record::End => break,
            Record::Blank => {
                blank_lines = blank_lines.saturating_add(1);
                continue;
            }
            Record::Bad { line, bad, raw } => (line, Err(bad), raw),
            Record::Row { line, fields, raw } => {
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
                if place == Place::Late {
                    aside.late(line, raw)?;
                }
                sorter.add(Numbered { symbol, row })?;
            }
        }
        counter.tell(records.bytes(), false, progress);
    }
    counter.tell(records.bytes(), true, progress);
    let names = symbols.names();
    let (series, finest) = sift(reading, sorter, &names, &mut aside, &mut times)?;
    Ok(Table {
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
    reading: &Reading<'a>,
    sorter: Sorter<'a, Numbered>,
    names: &[&str],
    aside: &mut Aside<'_>,
    times: &mut Times,
) -> Result<(Series<'a>, Finest), IngestError> {
    let mut rows = sorter.finish()?;
    let mut series = SeriesWriter::new(reading.scratch)?;
    let mut finest = Finest::default();
    let mut before: Option<Numbered> = None;
    while let Some(next) = rows.next()? {
        let row = next.row;
        let same_symbol = before.as_ref().filter(|kept| kept.symbol == next.symbol);
        if let Some(kept) = same_symbol.filter(|kept| kept.row.time == row.time) {
            aside.repeat(Repeat {
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

impl Table<'_> {
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

impl Finest {
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
