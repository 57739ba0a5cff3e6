//! All rows of a source, each taken or quarantined, before scales and timeframe are known. It must
//! never write a bar, and never hold more rows than fit in the memory it was given.

use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::source::columns::{BarColumns, HeaderContext};
use crate::source::deferred::{DeferredRows, RepeatedRow};
use crate::source::precision::MaxPrecision;
use crate::source::progress::IngestProgress;
use crate::source::reading::{RowCounts, RowOutcome, SourceContext, read_rows};
use crate::source::records::SourceRecords;
use crate::source::row::{ParsedRow, SourceRow, parse_row};
use crate::source::symbols::{RowArrival, SymbolTable, by_number};
use crate::source::times::TimeParser;
use crate::spool::series::{SeriesFile, SeriesWriter};
use crate::spool::sort::ExternalSorter;
use crate::store::quarantine::QuarantineWriter;

/// All rows of a source, before scales and timeframe are known.
pub(crate) struct SourceTable<'a> {
    pub(crate) time_name: String,
    pub(crate) ignored: Vec<String>,
    pub(crate) series: SeriesFile<'a>,
    pub(crate) times: TimeParser,
    pub(crate) quarantine: QuarantineWriter,
    pub(crate) counts: RowCounts,
    /// Rows after a later one of their ticker.
    pub(crate) out_of_order: u64,
    pub(crate) precision: MaxPrecision,
}

/// A row and the number of its symbol.
#[derive(Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct NumberedRow {
    symbol: u32,
    row: SourceRow,
}

/// Reads all rows of a source of bars.
pub(crate) fn read_table<'a>(
    records: &mut dyn SourceRecords,
    context: &SourceContext<'a>,
    mut times: TimeParser,
    mut quarantine: QuarantineWriter,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<SourceTable<'a>, IngestError> {
    let columns = BarColumns::find(HeaderContext {
        file: context.name,
        header: records.header(),
        symbol: context.symbol,
        mapping: context.mapping,
    })?;
    let rows_in_memory = context.options.limits.rows_in_memory;
    let mut sorter = ExternalSorter::new(context.scratch, "rows", rows_in_memory);
    let mut deferred = DeferredRows::new(context.scratch, rows_in_memory);
    let mut symbols = SymbolTable::new();
    let take = |line, fields: &[&str]| {
        let parsed = parse_row(fields, &columns, context.symbol, &times, context.grid, line);
        let ParsedRow { symbol, time, row } = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return Ok(RowOutcome::Invalid(error)),
        };
        // Dates and numbers in one column are an error of the file: read by two rules they could be
        // years apart.
        times.note_notation(&time);
        let (symbol, arrival) = symbols.note(symbol, row.time);
        // At each row and not at the end: a source that names a new instrument in every row must be
        // stopped while the table still fits.
        context.check_instruments(symbols.len(), line)?;
        sorter.add(NumberedRow { symbol, row })?;
        Ok(match arrival {
            RowArrival::Last => RowOutcome::Taken,
            RowArrival::Late => RowOutcome::TakenLate,
        })
    };
    let counts = read_rows(records, context, &mut deferred, progress, take)?;
    let names = symbols.names();
    let (series, precision) = keep_first_rows(context, sorter, &names, &mut deferred, &mut times)?;
    Ok(SourceTable {
        time_name: columns.common.time.name,
        ignored: columns.common.ignored,
        series,
        times,
        out_of_order: deferred.settle(context.name, &mut quarantine)?,
        quarantine,
        counts,
        precision,
    })
}

/// The rows of each symbol by time; of those with one time the first in the source.
fn keep_first_rows<'a>(
    context: &SourceContext<'a>,
    sorter: ExternalSorter<'a, NumberedRow>,
    names: &[&str],
    deferred: &mut DeferredRows<'_>,
    times: &mut TimeParser,
) -> Result<(SeriesFile<'a>, MaxPrecision), IngestError> {
    let mut rows = sorter.finish()?;
    let mut series = SeriesWriter::new(context.scratch)?;
    let mut precision = MaxPrecision::default();
    let mut before: Option<NumberedRow> = None;
    while let Some(next) = rows.next()? {
        let row = next.row;
        let same_symbol = before.as_ref().filter(|kept| kept.symbol == next.symbol);
        if let Some(kept) = same_symbol.filter(|kept| kept.row.time == row.time) {
            // The first line in the file counts, not the first in any other sequence: rows of one time
            // are sorted by line.
            deferred.mark_repeat(RepeatedRow {
                line: row.line,
                first: kept.row.line,
                same: (kept.row.prices, kept.row.volume) == (row.prices, row.volume),
            })?;
            continue;
        }
        if same_symbol.is_none() {
            series.begin(by_number(names, next.symbol, context.name)?);
        }
        times.note_unit(row.time, row.line);
        precision.note(row.price_scale, row.volume_scale, row.line);
        series.add(&row)?;
        before = Some(next);
    }
    Ok((series.finish(context.scratch)?, precision))
}

impl SourceTable<'_> {
    /// An error with the first reason, if no row can be used.
    pub(crate) fn check_not_empty(&self, file: &str) -> Result<(), IngestError> {
        if !self.series.parts.is_empty() {
            return Ok(());
        }
        let first = self
            .quarantine
            .examples
            .first()
            .map_or("there is none".to_owned(), |row| {
                format!("line {}: {}", row.line, row.message)
            });
        Err(IngestError::NoBars {
            file: file.to_owned(),
            rows: self.counts.rows,
            first,
        })
    }
}
