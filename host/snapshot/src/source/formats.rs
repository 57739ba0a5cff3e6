//! Ready mappings of files that vendors and libraries write, by name. Each is a mapping as a user could write it;
//! what reads a file must never know of them.

use crate::source::column_ref::ColumnRef;
use crate::source::mapping::ColumnMapping;
use crate::source::options::SideFile;

/// The files of one vendor or library.
#[derive(Clone, Copy, Debug)]
pub struct SourceFormat {
    /// Its name, for `--format`.
    pub name: &'static str,
    /// What writes such files.
    pub writer: &'static str,
    /// What its times are.
    pub times: &'static str,
    /// The mapping, as JSON.
    pub mapping: &'static str,
    /// What the first row looks like, for files without a header.
    row: Option<RowShape>,
}

/// The first row of a file without a header.
#[derive(Clone, Copy, Debug)]
struct RowShape {
    delimiter: char,
    fields: usize,
    /// What the first fields look like, with 9 for a digit: one of these.
    first: &'static [&'static [&'static str]],
    /// Names that show the format where such a file has a header all the same.
    names: &'static [&'static str],
}

/// Reads a mapping of the folder beside this file.
macro_rules! mapping {
    ($name:literal) => {
        include_str!(concat!("formats/", $name, ".json"))
    };
}

/// Every format, by name.
pub const FORMATS: [SourceFormat; 24] = [
    SourceFormat {
        name: "alphavantage",
        writer: "Alpha Vantage: intraday (with adjusted=false), daily and daily adjusted with datatype=csv; dividends \
                 and splits become actions",
        times: "New York; opens",
        mapping: mapping!("alphavantage"),
        row: None,
    },
    SourceFormat {
        name: "binance-klines",
        writer: "Binance: klines of data.binance.vision, with or without a header",
        times: "UTC, in ms, since 2025 in µs; opens",
        mapping: mapping!("binance-klines"),
        row: Some(RowShape {
            delimiter: ',',
            fields: 12,
            first: &[&["9999999999999"], &["9999999999999999"]],
            names: &["open_time", "close_time", "count"],
        }),
    },
    SourceFormat {
        name: "cboe",
        writer: "Cboe: history of an index, such as VIX_History.csv; no volume",
        times: "dates",
        mapping: mapping!("cboe"),
        row: None,
    },
    SourceFormat {
        name: "databento",
        writer: "Databento: ohlcv schemas as CSV, prices as integers of 1e-9",
        times: "UTC, in ns or ISO 8601; opens",
        mapping: mapping!("databento"),
        row: None,
    },
    SourceFormat {
        name: "databento-pretty",
        writer: "Databento: ohlcv schemas as CSV with pretty_px, prices as decimals",
        times: "UTC, in ns or ISO 8601; opens",
        mapping: mapping!("databento-pretty"),
        row: None,
    },
    SourceFormat {
        name: "dukascopy",
        writer: "Dukascopy: historical data export with GMT times",
        times: "UTC; opens",
        mapping: mapping!("dukascopy"),
        row: None,
    },
    SourceFormat {
        name: "eodhd",
        writer: "EODHD: end-of-day API with fmt=csv",
        times: "dates",
        mapping: mapping!("eodhd"),
        row: None,
    },
    SourceFormat {
        name: "eodhd-intraday",
        writer: "EODHD: intraday API with fmt=csv",
        times: "UTC, in s; opens",
        mapping: mapping!("eodhd-intraday"),
        row: None,
    },
    SourceFormat {
        name: "histdata",
        writer: "HistData.com: Generic ASCII, M1; volume is always 0",
        times: "UTC-5 all year (EST without daylight saving); opens",
        mapping: mapping!("histdata"),
        row: Some(RowShape {
            delimiter: ';',
            fields: 6,
            first: &[&["99999999 999999"]],
            names: &[],
        }),
    },
    SourceFormat {
        name: "investing",
        writer: "Investing.com: historical data export in English",
        times: "dates, month first",
        mapping: mapping!("investing"),
        row: None,
    },
    SourceFormat {
        name: "investing-uk",
        writer: "Investing.com: historical data export of the edition for the United Kingdom",
        times: "dates, day first",
        mapping: mapping!("investing-uk"),
        row: None,
    },
    SourceFormat {
        name: "kraken-ohlcvt",
        writer: "Kraken: downloadable OHLCVT files, with or without a header",
        times: "UTC, in s; opens",
        mapping: mapping!("kraken-ohlcvt"),
        row: Some(RowShape {
            delimiter: ',',
            fields: 7,
            first: &[&["9999999999"]],
            names: &[],
        }),
    },
    SourceFormat {
        name: "mt4",
        writer: "MetaTrader 4: History Center export; HistData.com's MetaTrader files are of the zone -05:00",
        times: "the broker's server, to be stated with --zone; opens",
        mapping: mapping!("mt4"),
        row: Some(RowShape {
            delimiter: ',',
            fields: 7,
            first: &[&["9999.99.99", "99:99"]],
            names: &[],
        }),
    },
    SourceFormat {
        name: "mt5",
        writer: "MetaTrader 5: export of bars below a day; the volume is TICKVOL",
        times: "the broker's server, to be stated with --zone; opens",
        mapping: mapping!("mt5"),
        row: None,
    },
    SourceFormat {
        name: "mt5-daily",
        writer: "MetaTrader 5: export of daily and longer bars; the volume is TICKVOL",
        times: "dates of the broker's server",
        mapping: mapping!("mt5-daily"),
        row: None,
    },
    SourceFormat {
        name: "nasdaq",
        writer: "Nasdaq.com: historical quotes",
        times: "dates, month first",
        mapping: mapping!("nasdaq"),
        row: None,
    },
    SourceFormat {
        name: "polygon",
        writer: "Polygon.io (Massive): flat files of minute and day aggregates",
        times: "in ns, days of New York (of crypto and currencies state --zone UTC); opens",
        mapping: mapping!("polygon"),
        row: None,
    },
    SourceFormat {
        name: "polygon-rest",
        writer: "Polygon.io (Massive): aggregates of the REST API, its results written as CSV, of one symbol",
        times: "in ms, days of New York (of crypto and currencies state --zone UTC); opens",
        mapping: mapping!("polygon-rest"),
        row: None,
    },
    SourceFormat {
        name: "stooq",
        writer: "Stooq: daily, weekly or monthly bars of one symbol",
        times: "dates",
        mapping: mapping!("stooq"),
        row: None,
    },
    SourceFormat {
        name: "stooq-bulk",
        writer: "Stooq: daily files of its database, with tickers",
        times: "dates",
        mapping: mapping!("stooq-bulk"),
        row: None,
    },
    SourceFormat {
        name: "tiingo",
        writer: "Tiingo: end-of-day prices with format=csv, as traded; divCash and splitFactor become actions",
        times: "dates",
        mapping: mapping!("tiingo"),
        row: None,
    },
    SourceFormat {
        name: "tradingview",
        writer: "TradingView: chart data export",
        times: "UTC in s (where clocks change, state --zone), or ISO 8601 with an offset; opens",
        mapping: mapping!("tradingview"),
        row: None,
    },
    SourceFormat {
        name: "yfinance",
        writer: "yfinance: to_csv of history() or download() with auto_adjust=True (the default), of one ticker or \
                 several; prices are adjusted for splits and dividends",
        times: "dates, or with an offset; opens",
        mapping: mapping!("yfinance"),
        row: None,
    },
    SourceFormat {
        name: "yfinance-unadjusted",
        writer: "yfinance: the same with auto_adjust=False; prices are adjusted for splits alone",
        times: "dates, or with an offset; opens",
        mapping: mapping!("yfinance-unadjusted"),
        row: None,
    },
];

impl SourceFormat {
    /// The format of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// The mapping as a file, which is kept with the data as a user's own would be.
    #[must_use]
    pub fn side_file(&self) -> SideFile {
        SideFile {
            name: format!("{}.json", self.name),
            bytes: self.mapping.as_bytes().to_vec(),
        }
    }
}

impl RowShape {
    fn fits<'a>(&self, fields: impl Iterator<Item = &'a str>) -> bool {
        let fields: Vec<&str> = fields.collect();
        let is_first = |shapes: &&[&str]| {
            let mut pairs = shapes.iter().zip(&fields);
            pairs.all(|(shape, field)| digits_as_nines(field) == **shape)
        };
        fields.len() == self.fields && self.first.iter().any(is_first)
    }
}

/// The format of a file without a header, by its first line.
pub(crate) fn of_first_row(line: &str) -> Option<&'static str> {
    let fits = |shape: &RowShape| shape.fits(line.split(shape.delimiter));
    let found = FORMATS
        .iter()
        .find(|format| format.row.as_ref().is_some_and(fits));
    found.map(|format| format.name)
}

/// The format of a file without a header, by the fields of its first line.
pub(crate) fn of_first_fields(fields: &[String]) -> Option<&'static str> {
    let fits = |shape: &RowShape| shape.fits(fields.iter().map(String::as_str));
    let found = FORMATS
        .iter()
        .find(|format| format.row.as_ref().is_some_and(fits));
    found.map(|format| format.name)
}

/// The format whose columns are all in a header.
pub(crate) fn of_header(header: &[String]) -> Option<&'static str> {
    let is_there = |column: &ColumnRef| match column {
        ColumnRef::Name(name) => header.contains(name),
        ColumnRef::Absent => true,
        ColumnRef::Place(_) => false,
    };
    let fits = |format: &&SourceFormat| {
        if let Some(row) = &format.row {
            let is_there = |name: &&str| header.iter().any(|there| there == name);
            return !row.names.is_empty() && row.names.iter().all(is_there);
        }
        // A mapping that cannot be read is found by the test of the formats.
        let mapping = ColumnMapping::parse(Some(&format.side_file())).unwrap_or_default();
        let mut all = mapping.columns.values().chain(&mapping.time.columns);
        // Usual names alone show no vendor.
        let own = |(meaning, column): (&String, &ColumnRef)| match column {
            ColumnRef::Name(name) => name.to_lowercase() != *meaning,
            ColumnRef::Absent => true,
            ColumnRef::Place(_) => false,
        };
        mapping.columns.iter().any(own) && all.all(is_there)
    };
    FORMATS.iter().find(fits).map(|format| format.name)
}

/// The format that is this mapping with another pattern of its times.
pub(crate) fn with_pattern(mapping: &ColumnMapping, pattern: &str) -> Option<&'static str> {
    let other = mapping.with_time_format(pattern);
    let is_it = |format: &&SourceFormat| {
        ColumnMapping::parse(Some(&format.side_file())).is_ok_and(|mapping| mapping == other)
    };
    FORMATS.iter().find(is_it).map(|format| format.name)
}

/// A text with 9 for each of its digits.
fn digits_as_nines(text: &str) -> String {
    let nine = |letter: char| if letter.is_ascii_digit() { '9' } else { letter };
    text.trim().chars().map(nine).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_a_mapping_and_has_its_place() {
        let mut last = "";
        for format in &FORMATS {
            assert!(last < format.name, "{} is out of order", format.name);
            last = format.name;
            ColumnMapping::parse(Some(&format.side_file())).unwrap();
        }
    }

    #[test]
    fn the_first_line_shows_the_format() {
        let row = |line: &str| of_first_row(line).unwrap_or("none");
        assert_eq!(
            row("1698364800000,1,2,1,2,3,1698368399999,4,5,6,7,0"),
            "binance-klines"
        );
        assert_eq!(
            row("1735689600000000,1,2,1,2,3,1735693199999999,4,5,6,7,0"),
            "binance-klines"
        );
        assert_eq!(row("1698364800,1,2,1,2,3,9"), "kraken-ohlcvt");
        assert_eq!(row("20240308 165000;1.1;1.2;1.1;1.2;0"), "histdata");
        assert_eq!(row("2011.12.08,18:48,1,2,1,2,84"), "mt4");
        assert_eq!(row("2011-12-08,1,2,1,2,84"), "none");
        let header = |line: &str| {
            let names: Vec<String> = line.split(',').map(str::to_owned).collect();
            of_header(&names).unwrap_or("none")
        };
        assert_eq!(
            header("Date,Price,Open,High,Low,Vol.,Change %"),
            "investing"
        );
        assert_eq!(header("Date,Close/Last,Volume,Open,High,Low"), "nasdaq");
        assert_eq!(
            header("open_time,open,high,low,close,volume,close_time,quote_volume,count"),
            "binance-klines"
        );
        assert_eq!(header("Day,Price"), "none");
    }
}
