//! A source of trades, aggregated to rows of bars by the same aggregator as a live feed's. The
//! sequence of rows in the file does not matter. It must never know a file's format, and never hold
//! more trades than fit in the memory it was given.

use counterfoil_trading::aggregate::{BarAggregator, Trade};
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};
use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::source::choices::TimeMeaning;
use crate::source::columns::{HeaderContext, NumberColumn, TradeColumns, field};
use crate::source::deferred::{DeferredRows, RepeatedRow, quarantine_row};
use crate::source::precision::{MaxPrecision, Precision};
use crate::source::progress::IngestProgress;
use crate::source::reading::{RowOutcome, SourceContext, read_rows};
use crate::source::records::SourceRecords;
use crate::source::row::{ExactNumber, SourceRow, check_grid};
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::scales::rescale;
use crate::source::symbols::{RowArrival, SymbolTable, by_number};
use crate::source::table::SourceTable;
use crate::source::times::{TimeKey, TimeParser};
use crate::spool::series::SeriesWriter;
use crate::spool::sort::{ExternalSorter, SortedRows};
use crate::store::quarantine::QuarantineWriter;

/// One trade of the source, at scales of its own.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct RawTrade {
    time: i64,
    price: i64,
    size: i64,
    price_scale: u8,
    size_scale: u8,
}

/// An id that sorts as a number does: shorter text first.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct TradeId {
    length: usize,
    text: String,
}

/// Trades in sequence of symbol number, id and line: trades of one id are next to each other.
#[derive(Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct TradeById {
    symbol: u32,
    id: TradeId,
    line: u64,
    trade: RawTrade,
}

/// Trades in sequence of symbol rank, time, id and line: as the aggregator takes them.
#[derive(Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct TradeByTime {
    rank: u32,
    time: i64,
    id: TradeId,
    line: u64,
    trade: RawTrade,
}

/// The fields of one row.
struct ParsedTrade<'a> {
    symbol: &'a str,
    time: TimeKey,
    id: TradeId,
    trade: RawTrade,
}

/// The timeframe and scales that trades are aggregated with.
struct TradeScales<'a> {
    timeframe: Timeframe,
    nanos_per_key: i64,
    precision: MaxPrecision,
    file: &'a str,
    time_name: &'a str,
}

impl TradeId {
    fn new(text: &str) -> Self {
        Self {
            length: text.len(),
            text: text.to_owned(),
        }
    }

    /// Whether the source states an id. Trades without one repeat nothing.
    const fn is_stated(&self) -> bool {
        self.length > 0
    }
}

/// Reads all trades of a source, and makes bars of them.
pub(crate) fn read_trades<'a>(
    records: &mut dyn SourceRecords,
    context: &SourceContext<'a>,
    mut times: TimeParser,
    mut quarantine: QuarantineWriter,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<SourceTable<'a>, IngestError> {
    let name = context.name;
    let timeframe = timeframe(context, &times)?;
    let columns = TradeColumns::find(HeaderContext {
        file: name,
        header: records.header(),
        symbol: context.symbol,
        mapping: context.mapping,
    })?;
    let rows_in_memory = context.options.limits.rows_in_memory;
    let mut sorter = ExternalSorter::new(context.scratch, "ids", rows_in_memory);
    let mut deferred = DeferredRows::new(context.scratch, rows_in_memory);
    let mut symbols = SymbolTable::new();
    let take = |line, fields: &[&str]| {
        let ParsedTrade {
            symbol,
            time,
            id,
            trade,
        } = match parse_trade(fields, &columns, context, &times) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(RowOutcome::Invalid(error)),
        };
        times.note_notation(&time);
        let (symbol, arrival) = symbols.note(symbol, id.clone());
        context.check_instruments(symbols.len(), line)?;
        let is_late = arrival == RowArrival::Late && id.is_stated();
        sorter.add(TradeById {
            symbol,
            id,
            line,
            trade,
        })?;
        Ok(if is_late {
            RowOutcome::TakenLate
        } else {
            RowOutcome::Taken
        })
    };
    let counts = read_rows(records, context, &mut deferred, progress, take)?;
    let ranks = symbols.ranks();
    let (trades, precision) = keep_first_ids(context, sorter, &ranks, &mut deferred, &mut times)?;
    deferred.settle(name, &mut quarantine)?;
    let scales = TradeScales {
        timeframe,
        nanos_per_key: times.nanos_per_key(name, &columns.common.time.name)?,
        precision,
        file: name,
        time_name: &columns.common.time.name,
    };
    let mut series = SeriesWriter::new(context.scratch)?;
    aggregate(
        trades,
        &symbols.sorted(),
        &scales,
        &mut series,
        &mut quarantine,
    )?;
    Ok(SourceTable {
        time_name: columns.common.time.name,
        ignored: columns.common.ignored,
        series: series.finish(context.scratch)?,
        // The bars' times are nanoseconds already, whatever unit the trades had.
        times: TimeParser::of_nanos(),
        quarantine,
        counts,
        out_of_order: 0,
        precision,
    })
}

/// The length of the bars that trades become.
fn timeframe(context: &SourceContext<'_>, times: &TimeParser) -> Result<Timeframe, IngestError> {
    let timeframe = match context.options.timeframe {
        Some(Timeframe::Fixed(nanos)) => Timeframe::Fixed(nanos),
        Some(Timeframe::Months(_)) | None => {
            return Err(IngestError::Option {
                option: "timeframe",
                reason: "trades need a timeframe of fixed length, such as 1m or 1d".to_owned(),
            });
        }
    };
    // The option would move every trade by a bar's length, and nothing in the result would show it.
    if times.meaning() == TimeMeaning::Close {
        return Err(IngestError::Option {
            option: "time",
            reason: "a trade has one time; drop this option".to_owned(),
        });
    }
    Ok(timeframe)
}

/// The trade of a row.
fn parse_trade<'a>(
    fields: &[&'a str],
    columns: &TradeColumns,
    context: &SourceContext<'a>,
    times: &TimeParser,
) -> Result<ParsedTrade<'a>, RowError> {
    let (symbol, time) = columns
        .common
        .symbol_and_time(fields, context.symbol, times)?;
    let number = |column: NumberColumn| {
        let number = ExactNumber::parse(field(fields, column.place)?, column.name)?;
        Ok::<_, RowError>((number, number.at(number.decimals, column.name)?))
    };
    let (price, price_value) = number(columns.price)?;
    let price_text = field(fields, columns.price.place)?;
    check_grid(&price, columns.price, price_text, context.grid)?;
    let (size, size_value) = number(columns.size)?;
    if price_value <= 0 {
        return Err(RowError {
            code: RowErrorCode::NotPositive,
            message: format!("price {price_text} is not above zero"),
        });
    }
    if size_value <= 0 {
        let size_text = field(fields, columns.size.place)?;
        return Err(RowError {
            code: RowErrorCode::NegativeVolume,
            message: format!("size {size_text} is not above zero"),
        });
    }
    let id = match columns.id {
        Some(place) => field(fields, place)?,
        None => "",
    };
    Ok(ParsedTrade {
        symbol,
        id: TradeId::new(id),
        trade: RawTrade {
            time: time.time,
            price: price_value,
            size: size_value,
            price_scale: price.decimals,
            size_scale: size.decimals,
        },
        time,
    })
}

/// The trades by symbol and time; of those with one id the first in the source.
fn keep_first_ids<'a>(
    context: &SourceContext<'a>,
    sorter: ExternalSorter<'a, TradeById>,
    ranks: &[u32],
    deferred: &mut DeferredRows<'_>,
    times: &mut TimeParser,
) -> Result<(SortedRows<'a, TradeByTime>, MaxPrecision), IngestError> {
    let mut by_id = sorter.finish()?;
    let rows_in_memory = context.options.limits.rows_in_memory;
    let mut by_time = ExternalSorter::new(context.scratch, "trades", rows_in_memory);
    let mut precision = MaxPrecision::default();
    let mut kept: Option<(u32, TradeId, u64)> = None;
    while let Some(next) = by_id.next()? {
        let TradeById {
            symbol,
            id,
            line,
            trade,
        } = next;
        // Vendors repeat trades at page borders. Counted twice they would double a bar's volume.
        let first = kept.as_ref().filter(|(kept_symbol, kept_id, _)| {
            id.is_stated() && *kept_symbol == symbol && *kept_id == id
        });
        if let Some((_, _, first)) = first {
            deferred.mark_repeat(RepeatedRow {
                line,
                first: *first,
                same: true,
            })?;
            continue;
        }
        kept = Some((symbol, id.clone(), line));
        times.note_unit(trade.time, line);
        precision.note(trade.price_scale, trade.size_scale, line);
        by_time.add(TradeByTime {
            rank: by_number(ranks, symbol, context.name)?,
            time: trade.time,
            id,
            line,
            trade,
        })?;
    }
    Ok((by_time.finish()?, precision))
}

/// The bars of all trades, symbol by symbol.
fn aggregate(
    mut trades: SortedRows<'_, TradeByTime>,
    names: &[&str],
    scales: &TradeScales<'_>,
    series: &mut SeriesWriter,
    quarantine: &mut QuarantineWriter,
) -> Result<(), IngestError> {
    let aggregator = || {
        BarAggregator::new(scales.timeframe, 0).map_err(|error| IngestError::Option {
            option: "timeframe",
            reason: error.to_string(),
        })
    };
    let mut bars = aggregator()?;
    let mut closed: Vec<ClosedBar> = Vec::new();
    let mut at: Option<u32> = None;
    while let Some(next) = trades.next()? {
        let TradeByTime {
            rank, line, trade, ..
        } = next;
        // A new instrument, a new aggregator: the last bar of the one before must not take its trades.
        if at != Some(rank) {
            bars.finish(&mut closed);
            write_bars(&mut closed, scales, series)?;
            bars = aggregator()?;
            series.begin(by_number(names, rank, scales.file)?);
            at = Some(rank);
        }
        if let Err(error) = bars.push(scales.scaled(&trade, line)?, &mut closed) {
            // The sizes of one bar do not fit in 64 bits. The trade is quarantined, so that the
            // bar's volume is never less than stated without a record of it.
            let error = RowError {
                code: RowErrorCode::Number,
                message: error.to_string(),
            };
            let text = decimal::format(i128::from(trade.size), trade.size_scale);
            quarantine_row(quarantine, scales.file, line, error, text)?;
        }
        write_bars(&mut closed, scales, series)?;
    }
    bars.finish(&mut closed);
    write_bars(&mut closed, scales, series)
}

/// Writes the bars that closed, each as a row.
fn write_bars(
    closed: &mut Vec<ClosedBar>,
    scales: &TradeScales<'_>,
    series: &mut SeriesWriter,
) -> Result<(), IngestError> {
    for bar in closed.drain(..) {
        let raw = bar.get();
        // A bar of trades has no line of its own.
        series.add(&SourceRow {
            time: raw.open_time.0,
            line: 0,
            prices: [raw.open.0, raw.high.0, raw.low.0, raw.close.0],
            volume: raw.volume.0,
            price_scale: scales.precision.price.decimals,
            volume_scale: scales.precision.volume.decimals,
        })?;
    }
    Ok(())
}

impl TradeScales<'_> {
    /// The trade at the finest scales of the source.
    fn scaled(&self, trade: &RawTrade, line: u64) -> Result<Trade, IngestError> {
        let MaxPrecision { price, volume } = self.precision;
        let too_large = |column, most: Precision| IngestError::NumberTooLarge {
            file: self.file.to_owned(),
            line,
            column,
            scale: most.decimals,
            finest_line: most.line,
        };
        let time = trade
            .time
            .checked_mul(self.nanos_per_key)
            .map(UnixNanos)
            .ok_or_else(|| IngestError::TimeTooFar {
                file: self.file.to_owned(),
                line,
                column: self.time_name.to_owned(),
            })?;
        Ok(Trade {
            instrument: InstrumentId(0),
            time,
            price: rescale(trade.price, trade.price_scale, price.decimals)
                .map(Price)
                .ok_or_else(|| too_large("prices", price))?,
            size: rescale(trade.size, trade.size_scale, volume.decimals)
                .map(Volume)
                .ok_or_else(|| too_large("volume", volume))?,
        })
    }
}
