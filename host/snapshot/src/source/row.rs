//! One line of a source to one row, or the reason why it cannot be used. It must never know other
//! rows.

use counterfoil_trading::bar::{BarError, ClosedBar, RawBar};
use counterfoil_trading::instrument::{InstrumentId, PriceRange};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Price, Volume};
use serde::{Deserialize, Serialize};

use crate::source::columns::{BarColumns, field};
use crate::source::notes::RowNumbers;
use crate::source::number::NumberColumn;
use crate::source::number_rules::NumberRules;
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::times::{TimeKey, TimeParser};

/// One bar of the source, at scales of its own. Rows sort by time, then by line.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct SourceRow {
    /// The time as it sorts; see [`TimeParser`].
    pub(crate) time: i64,
    pub(crate) line: u64,
    /// Open, high, low, close.
    pub(crate) prices: [i64; 4],
    pub(crate) volume: i64,
    pub(crate) price_scale: u8,
    pub(crate) volume_scale: u8,
}

/// A row and what sorts it.
pub(crate) struct ParsedRow<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) time: TimeKey,
    pub(crate) row: SourceRow,
    pub(crate) numbers: RowNumbers,
}

/// What the rows of a symbol may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RowAllowance {
    pub(crate) prices: PriceRange,
    /// Whether the volume may be missing.
    pub(crate) lacks_volume: bool,
}

/// The row of the fields of line `line`; `symbol` is that of every row, for a source
/// without a symbol column.
///
/// # Errors
///
/// Returns [`RowError`], whose message goes into the quarantine.
pub(crate) fn parse_row<'a>(
    fields: &[&'a str],
    columns: &BarColumns,
    symbol: Option<&'a str>,
    times: &TimeParser,
    rules: &NumberRules,
    allowance_of: impl FnOnce(&str) -> RowAllowance,
    line: u64,
) -> Result<ParsedRow<'a>, RowError> {
    let (symbol, time) = columns.common.symbol_and_time(fields, symbol, times)?;
    let text = |column: NumberColumn| field(fields, column.place);
    let number = |column: NumberColumn| rules.read(text(column)?, column);
    let [open, high, low, close] = columns.prices;
    let read = [number(open)?, number(high)?, number(low)?, number(close)?];
    let prices = read.map(|(price, _)| price);
    let allowance = allowance_of(symbol);
    let volume = match columns.volume {
        Some(column) if allowance.lacks_volume && is_missing(text(column)?) => None,
        Some(column) if is_missing(text(column)?) => return Err(no_volume(text(column)?)),
        Some(column) => Some(number(column)?),
        None => None,
    };
    let (volume, volume_seen) = volume.unzip();
    // A source without volumes: the checks find that every volume is 0, and a run says what that means for it.
    let volume = volume.unwrap_or_default();
    // Each row has a scale of its own until the whole file was read: only then is the most decimals
    // of any row known, and a value that was rounded before could not get its digits back.
    let price_scale = prices.iter().map(|price| price.decimals).max().unwrap_or(0);
    let mut scaled = [0; 4];
    for ((place, price), column) in scaled.iter_mut().zip(prices).zip(columns.prices) {
        *place = price.at(price_scale, column.name)?;
    }
    let row = SourceRow {
        time: time.time,
        line,
        prices: scaled,
        volume: volume.at(volume.decimals, "volume")?,
        price_scale,
        volume_scale: volume.decimals,
    };
    if let Err(error) = check_bar(&row, allowance.prices) {
        return Err(RowError {
            code: RowErrorCode::from(&error),
            message: explain(
                &error,
                symbol,
                [text(open)?, text(high)?, text(low)?, text(close)?],
                columns.volume.map(text).transpose()?.unwrap_or("0"),
            ),
        });
    }
    let numbers = RowNumbers {
        prices: read.map(|(_, seen)| seen),
        volume: volume_seen,
    };
    Ok(ParsedRow {
        symbol,
        time,
        row,
        numbers,
    })
}

/// What stands where there is no volume, in lower case.
const MISSING: [&str; 9] = [
    "", "-", "--", "n/a", "na", "nan", "none", "null", "\u{2014}",
];

fn is_missing(text: &str) -> bool {
    MISSING.contains(&text.trim().to_lowercase().as_str())
}

fn no_volume(text: &str) -> RowError {
    RowError {
        code: RowErrorCode::NoVolume,
        message: format!(
            "column volume: {text:?} is no volume, and other rows have one; if the volumes do not matter, state \
             --no-volume"
        ),
    }
}

/// Whether prices and volume agree. The interval is any: the timeframe may not be known yet.
fn check_bar(row: &SourceRow, prices: PriceRange) -> Result<ClosedBar, BarError> {
    let [open, high, low, close] = row.prices.map(Price);
    let raw = RawBar {
        instrument: InstrumentId(0),
        open_time: UnixNanos(0),
        close_time: UnixNanos(1),
        open,
        high,
        low,
        close,
        volume: Volume(row.volume),
    };
    ClosedBar::parse_in(raw, prices)
}

/// The error in the numbers of the source.
fn explain(error: &BarError, symbol: &str, prices: [&str; 4], volume: &str) -> String {
    let [open, high, low, close] = prices;
    match error {
        BarError::Crossed { .. } => format!("low {low} is above high {high}"),
        BarError::OutsideRange { .. } => {
            format!("open {open} or close {close} lies outside {low} to {high}")
        }
        BarError::NotPositive { .. } => {
            format!("low {low} is not above zero; {}", negative_hint(symbol))
        }
        BarError::NegativeVolume { .. } => format!("volume {volume} is below zero"),
        BarError::Interval { .. } | _ => error.to_string(),
    }
}

/// What to do about a price of zero or below.
pub(crate) fn negative_hint(symbol: &str) -> String {
    format!("if {symbol} traded so, ingest it with --negative-prices {symbol}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::columns::HeaderContext;
    use crate::source::fields::FieldSplitter;
    use crate::source::mapping::ColumnMapping;
    use crate::source::options::IngestOptions;
    use crate::source::times::TimeReader;

    #[track_caller]
    fn check(line: &str, rules: &NumberRules, expect: &str) {
        let header =
            ["symbol", "time", "open", "high", "low", "close", "volume"].map(str::to_owned);
        let mapping = ColumnMapping::default();
        let columns = BarColumns::find(HeaderContext {
            file: "f.csv",
            header: &header,
            line: 1,
            has_names: true,
            has_no_volume: false,
            symbol: None,
            mapping: &mapping,
            typed: &[],
        })
        .unwrap();
        let times = TimeParser::new(TimeReader::default());
        let mut fields = FieldSplitter::new(b',');
        let got = fields
            .split(line)
            .and_then(|fields| {
                let allowance_of = |symbol: &str| RowAllowance {
                    prices: match symbol {
                        "CL" => PriceRange::Any,
                        _ => PriceRange::Positive,
                    },
                    lacks_volume: symbol == "VIX",
                };
                parse_row(&fields, &columns, None, &times, rules, allowance_of, 7).map(|parsed| {
                    let row = parsed.row;
                    format!(
                        "{} {:?} at {} {} at {}",
                        parsed.symbol, row.prices, row.price_scale, row.volume, row.volume_scale
                    )
                })
            })
            .unwrap_or_else(|error| format!("{}: {}", error.code, error.message));
        assert!(got.contains(expect), "{line:?}: {got}");
    }

    #[test]
    fn a_row_is_exact_or_its_reason_is_named() {
        let any = &NumberRules::default();
        check(
            "A,2003-01-02,1,2.50,0.5,2,10",
            any,
            "A [10, 25, 5, 20] at 1 10 at 0",
        );
        check(
            "\"A,B\" , 2003-01-02 ,\"1\",2,1,2,1.25",
            any,
            "A,B [1, 2, 1, 2] at 0 125 at 2",
        );
        check(
            "VIX,2003-01-02,1,2,1,2,-",
            any,
            "VIX [1, 2, 1, 2] at 0 0 at 0",
        );
        check(
            "VIX,2003-01-02,1,2,1,2,5",
            any,
            "VIX [1, 2, 1, 2] at 0 5 at 0",
        );
        check(
            "A,2003-01-02,1,2,1,2,-",
            any,
            "no-volume: column volume: \"-\"",
        );
        check(
            "A,2003-01-02,1,2,1,2",
            any,
            "fields: 6 fields, the header has 7",
        );
        check(
            "A,2003-01-02,1,2,1,2,1,",
            any,
            "fields: 8 fields, the header has 7",
        );
        check("", any, "fields: ");
        check(&",".repeat(1000), any, "fields: 1001 fields");
        check("A,2003-01-02,\"1,2,1,2,1", any, "quotes: a quote is open");
        check(",2003-01-02,1,2,1,2,1", any, "symbol: \"\" is not a symbol");
        check(
            "A\0,2003-01-02,1,2,1,2,1",
            any,
            "symbol: \"A\\0\" is not a symbol",
        );
        check(
            "A,today,1,2,1,2,1",
            any,
            "time: column time: \"today\" is not a time",
        );
        check(
            "A,2003-01-02,NaN,2,1,2,1",
            any,
            "number: column open: \"NaN\" is not a decimal number",
        );
        check(
            "A,2003-01-02,1,2,1,,1",
            any,
            "number: column close: \"\" is not a decimal number",
        );
        check("A,2003-01-02,1,2,1,2,1x6", any, "number: column volume");
        check(
            "A,2003-01-02,1,2,1,2,99999999999999999999",
            any,
            "number: column volume: too large",
        );
    }

    #[test]
    fn prices_and_volume_that_do_not_agree_are_no_bar() {
        let any = &NumberRules::default();
        check(
            "A,2003-01-02,1,2,3,2,1",
            any,
            "crossed: low 3 is above high 2",
        );
        check(
            "A,2003-01-02,1,2,1.1,2,1",
            any,
            "outside-range: open 1 or close 2 lies outside 1.1 to 2",
        );
        check(
            "A,2003-01-02,1,2,0,2,1",
            any,
            "not-positive: low 0 is not above zero; if A traded so, ingest it with --negative-prices A",
        );
        check(
            "CL,2020-04-20,17.73,17.85,-40.32,-37.63,10",
            any,
            "CL [1773, 1785, -4032, -3763] at 2 10 at 0",
        );
        check(
            "A,2003-01-02,1,2,1,2,-1",
            any,
            "negative-volume: volume -1 is below zero",
        );
    }

    #[test]
    fn a_price_off_the_grid_that_was_asked_for_is_no_bar() {
        let grid = &NumberRules::of(&IngestOptions {
            price_scale: Some(2),
            tick: Some("0.05".to_owned()),
            ..IngestOptions::default()
        })
        .unwrap();
        check(
            "A,2003-01-02,1,2,1,2.005,1",
            grid,
            "too-fine: column close: 2.005 has more than 2",
        );
        check(
            "A,2003-01-02,1,2,1,1.99,1",
            grid,
            "off-tick: column close: 1.99 is not a multiple",
        );
        check(
            "A,2003-01-02,1,2,1,1.95,1",
            grid,
            "A [100, 200, 100, 195] at 2",
        );
    }
}
