//! All rows of a source, each taken or quarantined, before scales and timeframe are known. It must
//! never write a bar.

use std::collections::BTreeMap;

use crate::columns::Columns;
use crate::error::IngestError;
use crate::ingest::Progress;
use crate::mapping::Mapping;
use crate::options::{INSTRUMENTS_MAX, IngestOptions};
use crate::quarantine::{Bad, Quarantine, QuarantinedRow, Reason};
use crate::records::{Record, Records};
use crate::row::parse;
use crate::scales::PriceGrid;
use crate::series::Series;
use crate::store::QUARANTINE;
use crate::times::Times;

/// Rows between two calls of the progress function.
const ROWS_PER_PROGRESS: u64 = 65_536;

/// Everything a source says, before scales and timeframe are known.
pub(crate) struct Table {
    pub(crate) time_name: String,
    pub(crate) ignored: Vec<String>,
    pub(crate) series: BTreeMap<String, Series>,
    pub(crate) times: Times,
    pub(crate) quarantine: Quarantine,
    pub(crate) rows: u64,
    pub(crate) blank_lines: u64,
    /// Most decimals in prices and in volume, and the line that has them.
    pub(crate) finest: [(u8, u64); 2],
}

/// What a source is read with.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) name: &'a str,
    pub(crate) symbol: Option<&'a str>,
    pub(crate) grid: PriceGrid,
    pub(crate) options: &'a IngestOptions,
    pub(crate) mapping: &'a Mapping,
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
pub(crate) fn read_table(
    records: &mut dyn Records,
    reading: &Reading<'_>,
    times: Times,
    (quarantine, progress): (Quarantine, &mut dyn FnMut(Progress)),
) -> Result<Table, IngestError> {
    let name = reading.name;
    let columns = Columns::find(name, records.header(), reading.symbol, reading.mapping)?;
    let mut table = Table {
        time_name: columns.time.name.clone(),
        ignored: columns.ignored.clone(),
        series: BTreeMap::new(),
        times,
        quarantine,
        rows: 0,
        blank_lines: 0,
        finest: [(0, 0); 2],
    };
    let mut counter = Counter::default();
    loop {
        let (line, bad, raw) = match records.next()? {
            Record::End => break,
            Record::Blank => {
                table.blank_lines = table.blank_lines.saturating_add(1);
                continue;
            }
            Record::Bad { line, bad, raw } => (line, Some(bad), raw),
            Record::Row { line, fields, raw } => {
                (line, table.add(&fields, &columns, reading, line).err(), raw)
            }
        };
        counter.count(reading, line, table.series.len())?;
        if let Some(bad) = bad {
            quarantine_row(&mut table.quarantine, name, line, bad, raw)?;
        }
        counter.tell(records.bytes(), false, progress);
    }
    counter.tell(records.bytes(), true, progress);
    table.rows = counter.rows;
    Ok(table)
}

/// Puts a row aside.
pub(crate) fn quarantine_row(
    quarantine: &mut Quarantine,
    file: &str,
    line: u64,
    bad: Bad,
    row: &[u8],
) -> Result<(), IngestError> {
    let row = QuarantinedRow {
        file: file.to_owned(),
        line,
        message: bad.message,
        reason: bad.reason.code().to_owned(),
        row: String::from_utf8_lossy(row).into_owned(),
    };
    quarantine.add(row).map_err(IngestError::write(QUARANTINE))
}

/// What is said of a second row of one instrument and time.
pub(crate) fn duplicate(same: bool, line: u64) -> Bad {
    let how = if same {
        "repeats"
    } else {
        "has the instrument and time, and other values, of"
    };
    Bad {
        reason: Reason::Duplicate,
        message: format!("{how} line {line}, which is kept"),
    }
}

impl Table {
    /// An error that tells the first reason, if not a single row is a bar.
    pub(crate) fn check_not_empty(&self, file: &str) -> Result<(), IngestError> {
        if !self.series.is_empty() {
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

    fn add(
        &mut self,
        fields: &[&str],
        columns: &Columns,
        reading: &Reading<'_>,
        line: u64,
    ) -> Result<(), Bad> {
        let symbol = reading.symbol.unwrap_or_default();
        let (symbol, key, row) = parse(fields, columns, symbol, (&self.times, reading.grid), line)?;
        let added = match self.series.get_mut(symbol) {
            Some(series) => series.add(row),
            None => self.series.entry(symbol.to_owned()).or_default().add(row),
        };
        added.map_err(|there| {
            let same = (there.prices, there.volume) == (row.prices, row.volume);
            duplicate(same, there.line)
        })?;
        self.times.take(&key, line);
        let [prices, volume] = &mut self.finest;
        *prices = finer(*prices, row.price_scale, line);
        *volume = finer(*volume, row.volume_scale, line);
        Ok(())
    }
}

/// The finer of two scales, with the line that has it.
pub(crate) fn finer((scale, at): (u8, u64), other: u8, line: u64) -> (u8, u64) {
    if at == 0 || other > scale {
        (other, line)
    } else {
        (scale, at)
    }
}
