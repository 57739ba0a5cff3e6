//! A source of trades, aggregated to rows of bars by the same aggregator as a live feed's. The
//! sequence of rows in the file does not matter. It must never know a file's format, and never hold
//! more trades than fit in the memory it was given.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::aggregate::{BarAggregator, Trade};
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::{InstrumentId, PriceRange};
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};
use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::source::choices::TimeMeaning;
use crate::source::columns::{HeaderContext, TradeColumns, field};
use crate::source::deferred::{DeferredRows, quarantine_row};
use crate::source::notes::{NumberNotes, RowNumber, written_decimals};
use crate::source::number::NumberColumn;
use crate::source::precision::{MaxPrecision, Precision, TickerPrecision, WrittenPrecision};
use crate::source::progress::IngestProgress;
use crate::source::reading::{RowCounts, RowOutcome, SourceContext, read_rows};
use crate::source::records::SourceRecords;
use crate::source::repeats::{RepeatCandidate, RepeatChoice, RowValue, TIME, UsedRow};
use crate::source::row::SourceRow;
use crate::source::row::negative_hint;
use crate::source::row_actions::RowActions;
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::scales::rescale;
use crate::source::symbols::{RowArrival, SymbolTable, by_number};
use crate::source::table::{SourceTable, short_years};
use crate::source::times::{TimeKey, TimeParser};
use crate::spool::series::SeriesWriter;
use crate::spool::sort::{ExternalSorter, SortedRows};
use crate::store::manifest::LayerNote;
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
    /// Price and size as they were written.
    numbers: [RowNumber; 2],
}

/// The timeframe and scales that trades are aggregated with.
struct TradeScales<'a> {
    timeframe: Timeframe,
    nanos_per_key: i64,
    /// By rank of the symbol.
    precision: &'a BTreeMap<u32, MaxPrecision>,
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
        symbol: context.symbol,
        ..HeaderContext::of(records, context.name, context.mapping)
    })?;
    records.project(&columns.places());
    let mut deferred = DeferredRows::new(context.scratch, context.options.limits.rows_in_memory);
    let TradesById {
        sorter,
        symbols,
        notes,
        written,
        counts,
    } = read_by_id(
        records,
        context,
        &columns,
        &mut times,
        &mut deferred,
        progress,
    )?;
    let repeats = RepeatChoice::new(context, &mut deferred, &mut quarantine);
    let years = short_years(&times);
    let SortedTrades {
        trades,
        precision,
        repeated,
    } = keep_used_trades(context, sorter, &symbols, repeats, &mut times)?;
    deferred.settle(name, &mut quarantine, counts.footer)?;
    let scales = TradeScales {
        timeframe,
        nanos_per_key: times.nanos_per_key(name, &columns.common.time.name)?,
        precision: &precision,
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
        without_volume: BTreeSet::new(),
        out_of_order: 0,
        precision: by_ticker(&symbols, &precision, &written),
        notes: notes
            .finish()
            .into_iter()
            .chain(repeated)
            .chain(years)
            .chain(records.note())
            .collect(),
        actions: RowActions::default(),
    })
}

/// The most decimals of each ticker, from those by rank and those by number.
fn by_ticker(
    symbols: &SymbolTable<TradeId>,
    precision: &BTreeMap<u32, MaxPrecision>,
    written: &WrittenPrecision,
) -> TickerPrecision {
    let ranks = symbols.ranks();
    let numbered = (0..).zip(symbols.names()).zip(&ranks);
    let one = |((number, name), rank): ((u32, &str), &u32)| {
        let most = precision.get(rank).copied().unwrap_or_default();
        (name.to_owned(), most.with_written(written.of(number)))
    };
    TickerPrecision {
        by_ticker: numbered.map(one).collect(),
    }
}

/// All trades of a source, by symbol and id.
struct TradesById<'a> {
    sorter: ExternalSorter<'a, TradeById>,
    symbols: SymbolTable<TradeId>,
    notes: NumberNotes,
    written: WrittenPrecision,
    counts: RowCounts,
}

fn read_by_id<'a>(
    records: &mut dyn SourceRecords,
    context: &SourceContext<'a>,
    columns: &TradeColumns,
    times: &mut TimeParser,
    deferred: &mut DeferredRows<'_>,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<TradesById<'a>, IngestError> {
    let rows_in_memory = context.options.limits.rows_in_memory;
    let mut sorter = ExternalSorter::new(context.scratch, "ids", rows_in_memory);
    let mut symbols = SymbolTable::new();
    let mut notes = NumberNotes::default();
    let mut written = WrittenPrecision::default();
    let take = |line, fields: &[&str]| {
        let ParsedTrade {
            symbol,
            time,
            id,
            trade,
            numbers: [price, size],
        } = match parse_trade(fields, columns, context, times) {
            Ok(parsed) => parsed,
            Err(error) => return Ok(RowOutcome::Invalid(error)),
        };
        if let Err(error) = notes.add(&[price], Some(size), line) {
            return Ok(RowOutcome::Invalid(error));
        }
        times.note_notation(&time);
        let (symbol, arrival) = symbols.note(symbol, id.clone());
        written.note(symbol, written_decimals(&[price]), line);
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
    let counts = read_rows(records, context, deferred, progress, take)?;
    Ok(TradesById {
        sorter,
        symbols,
        notes,
        written,
        counts,
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
        let (number, seen) = context.numbers.read(field(fields, column.place)?, column)?;
        Ok::<_, RowError>((number, number.at(number.decimals, column.name)?, seen))
    };
    let (price, price_value, price_seen) = number(columns.price)?;
    let price_text = field(fields, columns.price.place)?;
    let (size, size_value, size_seen) = number(columns.size)?;
    if !context.options.prices_of(symbol).allows(Price(price_value)) {
        let hint = negative_hint(symbol);
        return Err(RowError {
            code: RowErrorCode::NotPositive,
            message: format!("price {price_text} is not above zero; {hint}"),
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
        numbers: [price_seen, size_seen],
    })
}

impl TradeById {
    /// Vendors repeat trades at page borders. Counted twice they would double a bar's volume.
    fn repeats(&self, other: &Self) -> bool {
        self.id.is_stated() && (self.symbol, &self.id) == (other.symbol, &other.id)
    }

    fn candidate(&self) -> RepeatCandidate {
        let trade = &self.trade;
        let value = |name, digits, scale| RowValue {
            name,
            digits,
            scale,
        };
        RepeatCandidate {
            line: self.line,
            values: vec![
                value(TIME, trade.time, 0),
                value("price", trade.price, trade.price_scale),
                value("size", trade.size, trade.size_scale),
            ],
        }
    }
}

/// Sorts the trades that are used by time.
struct UsedTrades<'a, 'b> {
    context: &'a SourceContext<'b>,
    ranks: &'a [u32],
    times: &'a mut TimeParser,
    by_time: ExternalSorter<'b, TradeByTime>,
    /// By rank of the symbol.
    precision: BTreeMap<u32, MaxPrecision>,
}

impl UsedTrades<'_, '_> {
    fn add(&mut self, used: TradeById) -> Result<(), IngestError> {
        let TradeById {
            symbol,
            id,
            line,
            trade,
        } = used;
        self.times.note_unit(trade.time, line);
        let rank = by_number(self.ranks, symbol, self.context.name)?;
        let most = self.precision.entry(rank).or_default();
        most.note(trade.price_scale, trade.size_scale, line);
        self.by_time.add(TradeByTime {
            rank,
            time: trade.time,
            id,
            line,
            trade,
        })
    }
}

/// The trades by symbol and time; of those with one id the one that the rule for repeats uses.
fn keep_used_trades<'a>(
    context: &SourceContext<'a>,
    sorter: ExternalSorter<'a, TradeById>,
    symbols: &SymbolTable<TradeId>,
    mut repeats: RepeatChoice<'_, 'a>,
    times: &mut TimeParser,
) -> Result<SortedTrades<'a>, IngestError> {
    let mut by_id = sorter.finish()?;
    let (names, ranks) = (symbols.names(), symbols.ranks());
    let rows_in_memory = context.options.limits.rows_in_memory;
    let mut used = UsedTrades {
        context,
        ranks: &ranks,
        times,
        by_time: ExternalSorter::new(context.scratch, "trades", rows_in_memory),
        precision: BTreeMap::new(),
    };
    let mut held: Option<TradeById> = None;
    while let Some(next) = by_id.next()? {
        let Some(first) = held.take() else {
            held = Some(next);
            continue;
        };
        if !first.repeats(&next) {
            used.add(first)?;
            held = Some(next);
            continue;
        }
        let what = || {
            let name = by_number(&names, next.symbol, context.name).unwrap_or("");
            format!("trade {} of {name}", next.id.text)
        };
        let time = |time: i64| used.times.text(time);
        held = Some(
            match repeats.choose(&first.candidate(), &next.candidate(), what, time)? {
                UsedRow::First => first,
                UsedRow::Last => next,
            },
        );
    }
    if let Some(last) = held {
        used.add(last)?;
    }
    Ok(SortedTrades {
        trades: used.by_time.finish()?,
        precision: used.precision,
        repeated: repeats.finish(),
    })
}

/// The trades that are used, by symbol and time.
struct SortedTrades<'a> {
    trades: SortedRows<'a, TradeByTime>,
    precision: BTreeMap<u32, MaxPrecision>,
    repeated: Option<LayerNote>,
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
        BarAggregator::new(scales.timeframe, 0)
            // Each trade's price was held against its own symbol's range when its row was read.
            .map(|aggregator| aggregator.with_prices(PriceRange::Any))
            .map_err(|error| IngestError::Option {
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
            write_bars(&mut closed, scales.of(at), series)?;
            bars = aggregator()?;
            series.begin(by_number(names, rank, scales.file)?);
            at = Some(rank);
        }
        if let Err(error) = bars.push(scales.scaled(&trade, rank, line)?, &mut closed) {
            // The sizes of one bar do not fit in 64 bits. The trade is quarantined, so that the
            // bar's volume is never less than stated without a record of it.
            let error = RowError {
                code: RowErrorCode::Number,
                message: error.to_string(),
            };
            let text = decimal::format(i128::from(trade.size), trade.size_scale);
            quarantine_row(quarantine, scales.file, line, error, text)?;
        }
        write_bars(&mut closed, scales.of(at), series)?;
    }
    bars.finish(&mut closed);
    write_bars(&mut closed, scales.of(at), series)
}

/// Writes the bars that closed, each as a row.
fn write_bars(
    closed: &mut Vec<ClosedBar>,
    precision: MaxPrecision,
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
            price_scale: precision.price.decimals,
            volume_scale: precision.volume.decimals,
        })?;
    }
    Ok(())
}

impl TradeScales<'_> {
    /// The finest scales of a symbol's trades.
    fn of(&self, rank: Option<u32>) -> MaxPrecision {
        let known = rank.and_then(|rank| self.precision.get(&rank));
        known.copied().unwrap_or_default()
    }

    /// The trade at the finest scales of its symbol.
    fn scaled(&self, trade: &RawTrade, rank: u32, line: u64) -> Result<Trade, IngestError> {
        let MaxPrecision { price, volume, .. } = self.of(Some(rank));
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
