//! A source of trades, aggregated to rows of bars by the same aggregator as a live feed's. The
//! sequence of rows in the file does not matter. It must never know a file's format.

use std::collections::BTreeMap;

use counterfoil_trading::aggregate::{Aggregator, Trade};
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};

use crate::bars::rescale;
use crate::columns::{Column, TradeColumns};
use crate::error::IngestError;
use crate::ingest::Progress;
use crate::options::TimeMeaning;
use crate::quarantine::{Bad, Quarantine, Reason};
use crate::records::{Record, Records};
use crate::row::{Number, Row, check_grid, check_symbol};
use crate::series::Series;
use crate::table::{Counter, Reading, Table, duplicate, finer, quarantine_row};
use crate::times::Times;

/// One trade as it stands in the source, at scales of its own.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct TradeRow {
    time: i64,
    /// A number sorts by its size: shorter text first.
    id: (usize, String),
    line: u64,
    price: i64,
    size: i64,
    price_scale: u8,
    size_scale: u8,
}

/// The trades of a source while it is read.
struct Tape {
    trades: BTreeMap<String, Vec<TradeRow>>,
    /// Ids that were seen, with their lines.
    ids: BTreeMap<String, BTreeMap<String, u64>>,
    finest: [(u8, u64); 2],
}

/// Reads all trades of a source, and makes bars of them.
pub(crate) fn read_trades(
    records: &mut dyn Records,
    reading: &Reading<'_>,
    mut times: Times,
    (mut quarantine, progress): (Quarantine, &mut dyn FnMut(Progress)),
) -> Result<Table, IngestError> {
    let name = reading.name;
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
    let columns = TradeColumns::find(name, records.header(), reading.symbol, reading.mapping)?;
    let mut tape = Tape {
        trades: BTreeMap::new(),
        ids: BTreeMap::new(),
        finest: [(0, 0); 2],
    };
    let mut counter = Counter::default();
    let mut blank_lines: u64 = 0;
    loop {
        let (line, bad, raw) = match records.next()? {
            Record::End => break,
            Record::Blank => {
                blank_lines = blank_lines.saturating_add(1);
                continue;
            }
            Record::Bad { line, bad, raw } => (line, Some(bad), raw),
            Record::Row { line, fields, raw } => {
                let added = tape.add(&fields, &columns, reading, &mut times, line);
                (line, added.err(), raw)
            }
        };
        counter.count(reading, line, tape.trades.len())?;
        if let Some(bad) = bad {
            quarantine_row(&mut quarantine, name, line, bad, raw)?;
        }
        counter.tell(records.bytes(), false, progress);
    }
    counter.tell(records.bytes(), true, progress);
    let nanos_per_key = times.nanos_per_key(name, &columns.time.name)?;
    let mut table = Table {
        time_name: columns.time.name,
        ignored: columns.ignored,
        series: BTreeMap::new(),
        times: Times::done(),
        quarantine,
        rows: counter.rows,
        blank_lines,
        finest: tape.finest,
    };
    for (symbol, mut trades) in tape.trades {
        trades.sort();
        aggregate(
            &symbol,
            &trades,
            (timeframe, nanos_per_key),
            name,
            &mut table,
        )?;
    }
    Ok(table)
}

impl Tape {
    fn add(
        &mut self,
        fields: &[&str],
        columns: &TradeColumns,
        reading: &Reading<'_>,
        times: &mut Times,
        line: u64,
    ) -> Result<(), Bad> {
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
        let id = columns.id.map(field).unwrap_or_default();
        if !id.is_empty() {
            let ids = self.ids.entry(symbol.to_owned()).or_default();
            if let Some(first) = ids.get(id) {
                return Err(duplicate(true, *first));
            }
            ids.insert(id.to_owned(), line);
        }
        times.take(&key, line);
        let [prices, sizes] = &mut self.finest;
        *prices = finer(*prices, price.decimals, line);
        *sizes = finer(*sizes, size.decimals, line);
        self.trades
            .entry(symbol.to_owned())
            .or_default()
            .push(TradeRow {
                time: key.time,
                id: (id.len(), id.to_owned()),
                line,
                price: price_value,
                size: size_value,
                price_scale: price.decimals,
                size_scale: size.decimals,
            });
        Ok(())
    }
}

/// The bars of one instrument's trades, which are sorted.
fn aggregate(
    symbol: &str,
    trades: &[TradeRow],
    (timeframe, nanos_per_key): (Timeframe, i64),
    file: &str,
    table: &mut Table,
) -> Result<(), IngestError> {
    let [(price_scale, price_line), (volume_scale, volume_line)] = table.finest;
    let mut bars = Aggregator::new(timeframe, 0).map_err(|error| IngestError::Option {
        option: "timeframe",
        reason: error.to_string(),
    })?;
    let too_large = |line, column, scale, finest_line| IngestError::NumberTooLarge {
        file: file.to_owned(),
        line,
        column,
        scale,
        finest_line,
    };
    let mut closed: Vec<ClosedBar> = Vec::new();
    for row in trades {
        let time = row
            .time
            .checked_mul(nanos_per_key)
            .ok_or_else(|| IngestError::TimeTooFar {
                file: file.to_owned(),
                line: row.line,
                column: table.time_name.clone(),
            })?;
        let price = rescale(row.price, row.price_scale, price_scale);
        let size = rescale(row.size, row.size_scale, volume_scale);
        let trade = Trade {
            instrument: InstrumentId(0),
            time: UnixNanos(time),
            price: Price(
                price.ok_or_else(|| too_large(row.line, "prices", price_scale, price_line))?,
            ),
            size: Volume(
                size.ok_or_else(|| too_large(row.line, "volume", volume_scale, volume_line))?,
            ),
        };
        if let Err(error) = bars.push(trade, &mut closed) {
            // The sizes of one bar do not fit: nothing of it is dropped in silence.
            let bad = Bad {
                reason: Reason::Number,
                message: error.to_string(),
            };
            let text = decimal::format(i128::from(row.size), row.size_scale);
            quarantine_row(&mut table.quarantine, file, row.line, bad, text.as_bytes())?;
        }
    }
    bars.finish(&mut closed);
    let mut series = Series::default();
    for bar in closed {
        let raw = bar.get();
        // A bar of trades has no line of its own.
        let added = series.add(Row {
            time: raw.open_time.0,
            line: 0,
            prices: [raw.open.0, raw.high.0, raw.low.0, raw.close.0],
            volume: raw.volume.0,
            price_scale,
            volume_scale,
        });
        debug_assert!(added.is_ok(), "one bar an interval");
    }
    table.series.insert(symbol.to_owned(), series);
    Ok(())
}
