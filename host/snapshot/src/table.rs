//! All rows of a source, each taken or quarantined, before scales and timeframe are known. It must
//! never write a bar.

use std::collections::BTreeMap;
use std::io::Read;

use crate::columns::Columns;
use crate::error::IngestError;
use crate::fields::Fields;
use crate::ingest::Progress;
use crate::options::{INSTRUMENTS_MAX, IngestOptions};
use crate::quarantine::{Bad, Quarantine, QuarantinedRow, Reason};
use crate::row::parse;
use crate::scales::PriceGrid;
use crate::series::Series;
use crate::source::{Line, Lines};
use crate::store::QUARANTINE;
use crate::times::Times;

/// Rows between two calls of the progress function.
const ROWS_PER_PROGRESS: u64 = 65_536;

/// Everything a source says, before scales and timeframe are known.
pub(crate) struct Table {
    pub(crate) columns: Columns,
    pub(crate) series: BTreeMap<String, Series>,
    pub(crate) times: Times,
    pub(crate) quarantine: Quarantine,
    pub(crate) rows: u64,
    pub(crate) blank_lines: u64,
    /// Most decimals in prices and in volume, and the line that has them.
    pub(crate) finest: [(u8, u64); 2],
    pub(crate) gzip: bool,
}

/// Reads all rows of a source.
pub(crate) fn read_table(
    source: impl Read,
    name: &str,
    options: &IngestOptions,
    grid: PriceGrid,
    (quarantine, progress): (Quarantine, &mut dyn FnMut(Progress)),
) -> Result<Table, IngestError> {
    let mut lines = Lines::open(source).map_err(IngestError::source(name, 0))?;
    let mut fields = Fields::new();
    let mut buffer = Vec::new();
    let columns = read_header(&mut lines, &mut fields, &mut buffer, name, options)?;
    let mut table = Table {
        columns,
        series: BTreeMap::new(),
        times: Times::new(options.time, options.epoch_unit),
        quarantine,
        rows: 0,
        blank_lines: 0,
        finest: [(0, 0); 2],
        gzip: lines.gzip,
    };
    let symbol = options.symbol.as_deref().unwrap_or_default();
    let limits = options.limits;
    loop {
        let before = lines.number;
        let read = lines
            .next_into(&mut buffer)
            .map_err(IngestError::source(name, before))?;
        let line = lines.number;
        let too_large = |max, unit| IngestError::TooLarge {
            file: name.to_owned(),
            line,
            max,
            unit,
        };
        if lines.bytes > limits.bytes_max {
            return Err(too_large(limits.bytes_max, "bytes after decompression"));
        }
        let row = match read {
            Line::End => break,
            Line::Whole if buffer.iter().all(u8::is_ascii_whitespace) => {
                table.blank_lines = table.blank_lines.saturating_add(1);
                continue;
            }
            Line::Whole => table.add(&buffer, &mut fields, (symbol, grid), line),
            Line::TooLong(bytes) => Err(too_long(bytes)),
        };
        table.rows = table.rows.saturating_add(1);
        if table.rows > limits.rows_max {
            return Err(too_large(limits.rows_max, "rows"));
        }
        if table.series.len() > INSTRUMENTS_MAX {
            let max = u64::try_from(INSTRUMENTS_MAX).unwrap_or(u64::MAX);
            return Err(too_large(max, "instruments"));
        }
        if let Err(bad) = row {
            table.quarantine(name, line, bad, &buffer)?;
        }
        if table.rows.is_multiple_of(ROWS_PER_PROGRESS) {
            progress(Progress::Reading {
                rows: table.rows,
                bytes: lines.bytes,
            });
        }
    }
    progress(Progress::Reading {
        rows: table.rows,
        bytes: lines.bytes,
    });
    Ok(table)
}

fn read_header(
    lines: &mut Lines<'_>,
    fields: &mut Fields,
    buffer: &mut Vec<u8>,
    name: &str,
    options: &IngestOptions,
) -> Result<Columns, IngestError> {
    let none = |reason: &str| IngestError::NoHeader {
        file: name.to_owned(),
        reason: reason.to_owned(),
    };
    let read = lines
        .next_into(buffer)
        .map_err(IngestError::source(name, 0))?;
    match read {
        Line::Whole => {}
        Line::TooLong(_) => return Err(none("the line is too long for one")),
        Line::End => return Err(none("the file is empty")),
    }
    let text = core::str::from_utf8(buffer).map_err(|_| none("the line is no UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let header = fields.cut(text).map_err(|bad| none(&bad.message))?;
    let header: Vec<String> = header.into_iter().map(str::to_owned).collect();
    Columns::find(name, &header, options.symbol.as_deref())
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
        bytes: &[u8],
        fields: &mut Fields,
        (symbol, grid): (&str, PriceGrid),
        line: u64,
    ) -> Result<(), Bad> {
        let text = core::str::from_utf8(bytes).map_err(|error| Bad {
            reason: Reason::NotUtf8,
            message: format!("byte {} is no UTF-8", error.valid_up_to().saturating_add(1)),
        })?;
        let fields = fields.cut(text)?;
        let (symbol, key, row) = parse(&fields, &self.columns, symbol, (&self.times, grid), line)?;
        let added = match self.series.get_mut(symbol) {
            Some(series) => series.add(row),
            None => self.series.entry(symbol.to_owned()).or_default().add(row),
        };
        added.map_err(|there| {
            let same = (there.prices, there.volume) == (row.prices, row.volume);
            let how = if same {
                "repeats"
            } else {
                "has the instrument and time, and other values, of"
            };
            let message = format!("{how} line {}, which is kept", there.line);
            Bad {
                reason: Reason::Duplicate,
                message,
            }
        })?;
        self.times.take(&key, line);
        let [prices, volume] = &mut self.finest;
        *prices = finer(*prices, row.price_scale, line);
        *volume = finer(*volume, row.volume_scale, line);
        Ok(())
    }

    fn quarantine(
        &mut self,
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
        self.quarantine
            .add(row)
            .map_err(IngestError::write(QUARANTINE))
    }
}

fn too_long(bytes: u64) -> Bad {
    let message = format!("the row has {bytes} bytes; its beginning is kept");
    Bad {
        reason: Reason::RowTooLong,
        message,
    }
}

fn finer((scale, at): (u8, u64), other: u8, line: u64) -> (u8, u64) {
    if at == 0 || other > scale {
        (other, line)
    } else {
        (scale, at)
    }
}
