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
use crate::layers::bars::rescale;
use crate::layers::ingest::Progress;
use crate::quality::deferred::{Aside, Repeat, put};
use crate::quality::quarantine::{Bad, Quarantine, Reason};
use crate::source::columns::{Column, TradeColumns};
use crate::source::options::TimeMeaning;
use crate::source::records::{Record, Records};
use crate::source::row::{Number, Row, check_grid, check_symbol};
use crate::source::symbols::{Place, Symbols};
use crate::source::table::{Counter, Finest, Reading, Table};
use crate::source::times::Times;
use crate::spool::series::SeriesWriter;
use crate::spool::sort::{Sorted, Sorter};

/// One trade as it stands in the source, at scales of its own.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Deal {
    time: i64,
    price: i64,
    size: i64,
    price_scale: u8,
    size_scale: u8,
}

/// An id that sorts as a number does: shorter text first.
type Id = (usize, String);

/// A trade by number of its symbol, id and line: a second one of an id stands beside the first.
type ById = (u32, Id, u64, Deal);

/// A trade by rank of its symbol, time, id and line: as the aggregator takes them.
type ByTime = (u32, i64, Id, u64, Deal);

/// What trades are aggregated with.
struct Scales<'a> {
    timeframe: Timeframe,
    nanos_per_key: i64,
    finest: Finest,
    file: &'a str,
    time_name: &'a str,
}

/// Reads all trades of a source, and makes bars of them.
pub(crate) fn read_trades<'a>(
    records: &mut dyn Records,
    reading: &Reading<'a>,
    mut times: Times,
    (mut quarantine, progress): (Quarantine, &mut dyn FnMut(Progress)),
) -> Result<Table<'a>, IngestError> {
    let name = reading.name;
    let timeframe = timeframe(reading, &times)?;
    let columns = TradeColumns::find(name, records.header(), reading.symbol, reading.mapping)?;
    let rows_in_memory = reading.options.limits.rows_in_memory;
    let mut sorter = Sorter::new(reading.scratch, "ids", rows_in_memory);
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
                let parsed = parse(&fields, &columns, reading, &mut times);
                let taken = parsed.map(|(symbol, id, deal)| {
                    let (symbol, place) = symbols.take(symbol, id.clone());
                    // Trades without an id repeat nothing.
                    let is_late = place == Place::Late && id.0 > 0;
                    (is_late, (symbol, id, line, deal))
                });
                (line, taken, raw)
            }
        };
        counter.count(reading, line, symbols.len())?;
        match taken {
            Err(bad) => aside.bad(line, bad, raw)?,
            Ok((is_late, trade)) => {
                if is_late {
                    aside.late(line, raw)?;
                }
                sorter.add(trade)?;
            }
        }
        counter.tell(records.bytes(), false, progress);
    }
    counter.tell(records.bytes(), true, progress);
    let (trades, finest) = sift(reading, sorter, &symbols.ranks(), &mut aside, &mut times)?;
    aside.settle(name, &mut quarantine)?;
    let scales = Scales {
        timeframe,
        nanos_per_key: times.nanos_per_key(name, &columns.time.name)?,
        finest,
        file: name,
        time_name: &columns.time.name,
    };
    let mut series = SeriesWriter::new(reading.scratch)?;
    aggregate(
        trades,
        &symbols.sorted(),
        &scales,
        &mut series,
        &mut quarantine,
    )?;
    Ok(Table {
        time_name: columns.time.name,
        ignored: columns.ignored,
        series: series.finish(reading.scratch)?,
        times: Times::done(),
        quarantine,
        rows: counter.rows,
        blank_lines,
        out_of_order: 0,
        finest,
    })
}

/// The length of the bars that trades become.
fn timeframe(reading: &Reading<'_>, times: &Times) -> Result<Timeframe, IngestError> {
    let timeframe = match reading.options.timeframe {
        Some(Timeframe::Fixed(nanos)) => Timeframe::Fixed(nanos),
        Some(Timeframe::Months(_)) | None => {
            return Err(IngestError::Option {
                option: "timeframe",
                reason: "trades need one of a fixed length, such as 1m or 1d".to_owned(),
            });
        }
    };
    if times.meaning() == TimeMeaning::Close {
        return Err(IngestError::Option {
            option: "time",
            reason: "a trade has one time; leave the option away".to_owned(),
        });
    }
    Ok(timeframe)
}

/// The trade that a row stands for.
fn parse<'a>(
    fields: &[&'a str],
    columns: &TradeColumns,
    reading: &Reading<'a>,
    times: &mut Times,
) -> Result<(&'a str, Id, Deal), Bad> {
    let bad = |reason, message| Bad { reason, message };
    if fields.len() != columns.count {
        let message = format!("{} fields, the header has {}", fields.len(), columns.count);
        return Err(bad(Reason::Fields, message));
    }
    let field = |place: usize| fields.get(place).copied().unwrap_or_default();
    let symbol = columns
        .symbol
        .map_or(reading.symbol.unwrap_or_default(), field);
    check_symbol(symbol).map_err(|message| bad(Reason::Symbol, message))?;
    let key = columns.time.key(fields, times)?;
    let number = |column: Column| {
        let number = Number::parse(field(column.place), column.name)?;
        Ok::<_, Bad>((number, number.at(number.decimals, column.name)?))
    };
    let (price, price_value) = number(columns.price)?;
    check_grid(
        &price,
        columns.price,
        field(columns.price.place),
        reading.grid,
    )?;
    let (size, size_value) = number(columns.size)?;
    if price_value <= 0 {
        let message = format!("price {} is not above zero", field(columns.price.place));
        return Err(bad(Reason::NotPositive, message));
    }
    if size_value <= 0 {
        let message = format!("size {} is not above zero", field(columns.size.place));
        return Err(bad(Reason::NegativeVolume, message));
    }
    times.see(&key);
    let id = columns.id.map(field).unwrap_or_default();
    let deal = Deal {
        time: key.time,
        price: price_value,
        size: size_value,
        price_scale: price.decimals,
        size_scale: size.decimals,
    };
    Ok((symbol, (id.len(), id.to_owned()), deal))
}

/// The trades by symbol and time; of those with one id the first in the source.
fn sift<'a>(
    reading: &Reading<'a>,
    sorter: Sorter<'a, ById>,
    ranks: &[u32],
    aside: &mut Aside<'_>,
    times: &mut Times,
) -> Result<(Sorted<'a, ByTime>, Finest), IngestError> {
    let mut by_id = sorter.finish()?;
    let rows_in_memory = reading.options.limits.rows_in_memory;
    let mut by_time = Sorter::new(reading.scratch, "trades", rows_in_memory);
    let mut finest = Finest::default();
    let mut before: Option<(u32, Id, u64)> = None;
    while let Some((symbol, id, line, deal)) = by_id.next()? {
        if let Some((_, _, first)) = before
            .as_ref()
            .filter(|(other, first, _)| id.0 > 0 && *other == symbol && *first == id)
        {
            aside.repeat(Repeat {
                line,
                first: *first,
                same: true,
            })?;
            continue;
        }
        before = Some((symbol, id.clone(), line));
        times.tell(deal.time, line);
        finest.take(deal.price_scale, deal.size_scale, line);
        let place = usize::try_from(symbol).unwrap_or(usize::MAX);
        let rank = ranks.get(place).copied().unwrap_or_default();
        by_time.add((rank, deal.time, id, line, deal))?;
    }
    Ok((by_time.finish()?, finest))
}

/// The bars of all trades, symbol by symbol.
fn aggregate(
    mut trades: Sorted<'_, ByTime>,
    names: &[&str],
    scales: &Scales<'_>,
    series: &mut SeriesWriter,
    quarantine: &mut Quarantine,
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
    while let Some((rank, _, _, line, deal)) = trades.next()? {
        if at != Some(rank) {
            bars.finish(&mut closed);
            write(&mut closed, scales, series)?;
            bars = aggregator()?;
            let place = usize::try_from(rank).unwrap_or(usize::MAX);
            series.begin(names.get(place).copied().unwrap_or_default());
            at = Some(rank);
        }
        if let Err(error) = bars.push(scales.trade(&deal, line)?, &mut closed) {
            // The sizes of one bar do not fit: nothing of it is dropped in silence.
            let bad = Bad {
                reason: Reason::Number,
                message: error.to_string(),
            };
            let text = decimal::format(i128::from(deal.size), deal.size_scale);
            put(quarantine, scales.file, line, bad, text)?;
        }
        write(&mut closed, scales, series)?;
    }
    bars.finish(&mut closed);
    write(&mut closed, scales, series)
}

/// Writes the bars that closed, each as a row.
fn write(
    closed: &mut Vec<ClosedBar>,
    scales: &Scales<'_>,
    series: &mut SeriesWriter,
) -> Result<(), IngestError> {
    let Finest([(price_scale, _), (volume_scale, _)]) = scales.finest;
    for bar in closed.drain(..) {
        let raw = bar.get();
        // A bar of trades has no line of its own.
        series.add(&Row {
            time: raw.open_time.0,
            line: 0,
            prices: [raw.open.0, raw.high.0, raw.low.0, raw.close.0],
            volume: raw.volume.0,
            price_scale,
            volume_scale,
        })?;
    }
    Ok(())
}

impl Scales<'_> {
    /// The trade at the finest scales of the source.
    fn trade(&self, deal: &Deal, line: u64) -> Result<Trade, IngestError> {
        let Finest([(price_scale, price_line), (volume_scale, volume_line)]) = self.finest;
        let too_large = |column, scale, finest_line| IngestError::NumberTooLarge {
            file: self.file.to_owned(),
            line,
            column,
            scale,
            finest_line,
        };
        let time = deal.time.checked_mul(self.nanos_per_key);
        let price = rescale(deal.price, deal.price_scale, price_scale);
        let size = rescale(deal.size, deal.size_scale, volume_scale);
        Ok(Trade {
            instrument: InstrumentId(0),
            time: time.map(UnixNanos).ok_or_else(|| IngestError::TimeTooFar {
                file: self.file.to_owned(),
                line,
                column: self.time_name.to_owned(),
            })?,
            price: Price(price.ok_or_else(|| too_large("prices", price_scale, price_line))?),
            size: Volume(size.ok_or_else(|| too_large("volume", volume_scale, volume_line))?),
        })
    }
}
