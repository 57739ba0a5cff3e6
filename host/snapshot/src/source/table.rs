//! All rows of a source, each taken or quarantined, before scales and timeframe are known. It must
//! never write a bar, and never hold more rows than fit in the memory it was given.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::quality::findings::QualityRule;
use crate::source::choices::PriceAdjustment;
use crate::source::columns::{BarColumns, HeaderContext};
use crate::source::day_first::check_day_first;
use crate::source::deferred::DeferredRows;
use crate::source::notes::{NumberNotes, written_decimals};
use crate::source::precision::{MaxPrecision, TickerPrecision, WrittenPrecision};
use crate::source::progress::IngestProgress;
use crate::source::reading::{RowCounts, RowOutcome, SourceContext, read_rows};
use crate::source::records::SourceRecords;
use crate::source::repeats::{RepeatCandidate, RepeatChoice, RowValue, UsedRow};
use crate::source::row::{ParsedRow, RowAllowance, SourceRow, parse_row};
use crate::source::row_actions::RowActions;
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::symbols::{RowArrival, SymbolTable, by_number};
use crate::source::times::TimeParser;
use crate::spool::series::{SeriesFile, SeriesWriter};
use crate::spool::sort::ExternalSorter;
use crate::store::manifest::LayerNote;
use crate::store::quarantine::QuarantineWriter;

/// All rows of a source, before scales and timeframe are known.
pub(crate) struct SourceTable<'a> {
    pub(crate) time_name: String,
    pub(crate) ignored: Vec<String>,
    pub(crate) series: SeriesFile<'a>,
    pub(crate) times: TimeParser,
    pub(crate) quarantine: QuarantineWriter,
    pub(crate) counts: RowCounts,
    /// The symbols none of whose rows has a volume, and some lack nothing else.
    pub(crate) without_volume: BTreeSet<String>,
    /// Rows after a later one of their ticker.
    pub(crate) out_of_order: u64,
    pub(crate) precision: TickerPrecision,
    pub(crate) notes: Vec<LayerNote>,
    pub(crate) actions: RowActions,
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
    let columns = find_columns(records, context)?;
    records.project(&columns.places());
    let rows_in_memory = context.options.limits.rows_in_memory;
    let mut sorter = ExternalSorter::new(context.scratch, "rows", rows_in_memory);
    let mut deferred = DeferredRows::new(context.scratch, rows_in_memory);
    let mut symbols = SymbolTable::new();
    let mut notes = NumberNotes::default();
    let mut written = WrittenPrecision::default();
    let mut actions = RowActions::default();
    let mut without_volume = BTreeSet::new();
    let take = |line, fields: &[&str]| {
        if let Err(error) = actions.note(fields, &columns, context, &times, line)? {
            return Ok(RowOutcome::Invalid(error));
        }
        let parsed = match read_row(fields, &columns, context, &times, &mut notes, line)? {
            Ok(parsed) => parsed,
            Err(error) => {
                if error.code == RowErrorCode::NoVolume {
                    note_without_volume(fields, &columns, context, &mut without_volume, line)?;
                }
                return Ok(RowOutcome::Invalid(error));
            }
        };
        // Dates and numbers in one column are an error of the file: read by two rules they could be
        // years apart.
        times.note_notation(&parsed.time);
        let row = parsed.row;
        let (symbol, arrival) = symbols.note(parsed.symbol, row.time);
        written.note(symbol, written_decimals(&parsed.numbers.prices), line);
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
    // One row with a volume shows that the others lack theirs.
    let used: BTreeSet<&str> = names.iter().copied().collect();
    without_volume.retain(|symbol: &String| !used.contains(symbol.as_str()));
    let repeats = RepeatChoice::new(context, &mut deferred, &mut quarantine);
    let SortedTable {
        series,
        precision,
        repeated,
    } = keep_used_rows(context, sorter, &names, &written, repeats, &mut times)?;
    Ok(SourceTable {
        notes: notes
            .finish()
            .into_iter()
            .chain(repeated)
            .chain(short_years(&times))
            .chain(records.note())
            .chain(actions.notes())
            .collect(),
        actions,
        time_name: columns.common.time.name,
        ignored: columns.common.ignored,
        series,
        times,
        out_of_order: deferred.settle(context.name, &mut quarantine, counts.footer)?,
        quarantine,
        counts,
        without_volume,
        precision,
    })
}

/// Notes the symbol of a row that lacks a volume.
fn note_without_volume(
    fields: &[&str],
    columns: &BarColumns,
    context: &SourceContext<'_>,
    all: &mut BTreeSet<String>,
    line: u64,
) -> Result<(), IngestError> {
    let named = columns.common.symbol.and_then(|place| fields.get(place));
    let Some(symbol) = named.copied().or(context.symbol) else {
        return Ok(());
    };
    if !all.contains(symbol) {
        all.insert(symbol.to_owned());
    }
    // Rows that cannot be used name instruments too, and their names are kept.
    context.check_instruments(all.len(), line)
}

/// A row whose numbers agree with those before it, or why it cannot be used.
///
/// # Errors
///
/// Returns [`IngestError`] if the row shows that others were read wrongly.
fn read_row<'a>(
    fields: &[&'a str],
    columns: &BarColumns,
    context: &SourceContext<'a>,
    times: &TimeParser,
    notes: &mut NumberNotes,
    line: u64,
) -> Result<Result<ParsedRow<'a>, RowError>, IngestError> {
    let parsed = parse_row(
        fields,
        columns,
        context.symbol,
        times,
        &context.numbers,
        |symbol| RowAllowance {
            prices: context.options.prices_of(symbol),
            lacks_volume: context.options.without_volume.contains(symbol),
        },
        line,
    );
    let checked = parsed.and_then(|parsed| {
        notes.add(&parsed.numbers.prices, parsed.numbers.volume, line)?;
        Ok(parsed)
    });
    if let Err(error) = &checked
        && error.code == RowErrorCode::Time
    {
        check_day_first(&columns.common.time, fields, times, context, line)?;
    }
    Ok(checked)
}

/// The columns of a source of bars. If prices are said to be adjusted for dividends, none may show that they are
/// not.
fn find_columns(
    records: &dyn SourceRecords,
    context: &SourceContext<'_>,
) -> Result<BarColumns, IngestError> {
    let columns = BarColumns::find(HeaderContext {
        has_no_volume: context.options.has_no_volume,
        symbol: context.symbol,
        ..HeaderContext::of(records, context.name, context.mapping)
    })?;
    // The dividends would be left out, although the prices fall by them.
    if let Some(column) = columns.adjusted_close()
        && context.options.adjusted == Some(PriceAdjustment::All)
    {
        return Err(IngestError::Option {
            option: "adjusted",
            reason: format!(
                "{} has a column {column:?}, so its other prices are not adjusted for dividends: state --adjusted \
                 splits (or none); for yfinance with auto_adjust=False --format yfinance-unadjusted",
                context.name
            ),
        });
    }
    Ok(columns)
}

/// A note of years of two digits.
pub(crate) fn short_years(times: &TimeParser) -> Option<LayerNote> {
    times.short_years().map(|message| LayerNote {
        count: 1,
        // The first row: all of them are written so.
        line: 2,
        message,
        rule: QualityRule::TwoDigitYear.name().to_owned(),
    })
}

/// Writes the rows that are used.
struct UsedRows<'a, 'b> {
    context: &'a SourceContext<'b>,
    names: &'a [&'a str],
    times: &'a mut TimeParser,
    series: SeriesWriter,
    written: &'a WrittenPrecision,
    precision: TickerPrecision,
    symbol: Option<u32>,
    /// Of the rows of that symbol so far.
    most: MaxPrecision,
}

impl UsedRows<'_, '_> {
    fn add(&mut self, used: &NumberedRow) -> Result<(), IngestError> {
        let row = &used.row;
        if self.symbol != Some(used.symbol) {
            let name = by_number(self.names, used.symbol, self.context.name)?;
            self.end_symbol()?;
            self.series.begin(name);
            self.symbol = Some(used.symbol);
        }
        self.times.note_unit(row.time, row.line);
        self.most.note(row.price_scale, row.volume_scale, row.line);
        self.series.add(row)
    }

    fn end_symbol(&mut self) -> Result<(), IngestError> {
        if let Some(number) = self.symbol {
            let name = by_number(self.names, number, self.context.name)?;
            let most = core::mem::take(&mut self.most);
            let most = most.with_written(self.written.of(number));
            self.precision.by_ticker.insert(name.to_owned(), most);
        }
        Ok(())
    }
}

impl NumberedRow {
    fn repeats(&self, other: &Self) -> bool {
        (self.symbol, self.row.time) == (other.symbol, other.row.time)
    }

    fn candidate(&self) -> RepeatCandidate {
        let row = &self.row;
        let names = ["open", "high", "low", "close"].into_iter();
        let price = |(name, digits)| RowValue {
            name,
            digits,
            scale: row.price_scale,
        };
        let volume = RowValue {
            name: "volume",
            digits: row.volume,
            scale: row.volume_scale,
        };
        RepeatCandidate {
            line: row.line,
            values: names.zip(row.prices).map(price).chain([volume]).collect(),
        }
    }
}

/// The rows of each symbol by time; of those with one time the one that the rule for repeats uses.
fn keep_used_rows<'a>(
    context: &SourceContext<'a>,
    sorter: ExternalSorter<'a, NumberedRow>,
    names: &[&str],
    written: &WrittenPrecision,
    mut repeats: RepeatChoice<'_, 'a>,
    times: &mut TimeParser,
) -> Result<SortedTable<'a>, IngestError> {
    let mut rows = sorter.finish()?;
    let mut used = UsedRows {
        context,
        names,
        times,
        series: SeriesWriter::new(context.scratch)?,
        written,
        precision: TickerPrecision::default(),
        symbol: None,
        most: MaxPrecision::default(),
    };
    let mut held: Option<NumberedRow> = None;
    while let Some(next) = rows.next()? {
        let Some(first) = held.take() else {
            held = Some(next);
            continue;
        };
        if !first.repeats(&next) {
            used.add(&first)?;
            held = Some(next);
            continue;
        }
        let what = || {
            let name = by_number(names, next.symbol, context.name).unwrap_or("");
            format!("the bar of {name} at {}", used.times.text(next.row.time))
        };
        // The first line in the file is the first, and not the first in any other sequence: rows of one
        // time are sorted by line.
        // A bar's time is not among its values: rows of another time repeat nothing.
        let no_time = |_| String::new();
        held = Some(
            match repeats.choose(&first.candidate(), &next.candidate(), what, no_time)? {
                UsedRow::First => first,
                UsedRow::Last => next,
            },
        );
    }
    if let Some(last) = &held {
        used.add(last)?;
    }
    used.end_symbol()?;
    Ok(SortedTable {
        series: used.series.finish(context.scratch)?,
        precision: used.precision,
        repeated: repeats.finish(),
    })
}

/// The rows that are used, by symbol and time.
struct SortedTable<'a> {
    series: SeriesFile<'a>,
    precision: TickerPrecision,
    repeated: Option<LayerNote>,
}

impl SourceTable<'_> {
    /// An error with the first reason, if no row can be used, or none of a symbol for want of a volume.
    pub(crate) fn check_not_empty(&self, file: &str) -> Result<(), IngestError> {
        if !self.without_volume.is_empty() {
            return Err(IngestError::NoVolumes {
                file: file.to_owned(),
                symbols: self.without_volume.clone(),
                is_whole: self.series.parts.is_empty(),
            });
        }
        if !self.series.parts.is_empty() {
            return Ok(());
        }
        let first = self
            .quarantine
            .examples
            .first()
            .map_or_else(String::new, |row| {
                format!("line {}: {}", row.line, row.message)
            });
        Err(IngestError::NoBars {
            file: file.to_owned(),
            rows: self.counts.rows,
            first,
        })
    }
}
