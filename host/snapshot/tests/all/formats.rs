//! A file of each format that ingestion knows by name, in the shape that its vendor documents: read with the
//! format's mapping, it gives the right bars.

use counterfoil_snapshot::source::formats::{FORMATS, SourceFormat};
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};

use crate::test_store::{TestStore, chain_text};
use crate::vendor_files::bars;

/// A file of a format.
struct FormatCase {
    format: &'static str,
    /// Symbol, timeframe and zone, as flags state them.
    flags: [&'static str; 3],
    file: &'static str,
    /// The bars, with `symbol` first where the file has several.
    bars: &'static [&'static str],
}

const NO_FLAGS: [&str; 3] = ["A", "1d", ""];

const CASES: &[FormatCase] = &[
    FormatCase {
        format: "alphavantage",
        flags: ["IBM", "5m", ""],
        file: "timestamp,open,high,low,close,volume\n\
            2024-07-01 09:35:00,172.5000,172.9000,172.4000,172.8000,120345\n\
            2024-07-01 09:30:00,172.9000,173.0000,172.4500,172.5000,220345\n",
        bars: &[
            "2024-07-01T13:30:00Z 172.9000 173.0000 172.4500 172.5000 220345",
            "2024-07-01T13:35:00Z 172.5000 172.9000 172.4000 172.8000 120345",
        ],
    },
    FormatCase {
        format: "alphavantage",
        flags: NO_FLAGS,
        file: "timestamp,open,high,low,close,volume\r\n2024-07-01,173.4500,173.6000,172.1000,172.3000,3320571\r\n",
        bars: &["2024-07-01 173.4500 173.6000 172.1000 172.3000 3320571"],
    },
    FormatCase {
        format: "binance-klines",
        flags: ["BTCUSDT", "1h", ""],
        file: "1698364800000,33940.10000000,34050.57000000,33690.89000000,33703.10000000,712.39000000,1698368399999,\
            242212.60000000,71239,356.19500000,121106.30000000,0\n",
        bars: &["2023-10-27 33940.10000000 34050.57000000 33690.89000000 33703.10000000 712.39"],
    },
    FormatCase {
        format: "binance-klines",
        flags: ["BTCUSDT", "1h", ""],
        file: "1735689600000000,93576.00000000,94509.42000000,93489.03000000,94401.14000000,755.99010000,\
            1735693199999999,71126189.96862240,142173,402.42010000,37859021.12345678,0\n",
        bars: &["2025-01-01 93576.00000000 94509.42000000 93489.03000000 94401.14000000 755.9901"],
    },
    FormatCase {
        format: "binance-klines",
        flags: ["BTCUSDT", "1h", ""],
        file: "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
            taker_buy_quote_volume,ignore\n\
            1698364800000,33940.1,34050.5,33690.8,33703.1,712.39,1698368399999,242212.6,71239,356.1,121106.3,0\n",
        bars: &["2023-10-27 33940.1 34050.5 33690.8 33703.1 712.39"],
    },
    FormatCase {
        format: "cboe",
        flags: ["VIX", "1d", ""],
        file: "DATE,OPEN,HIGH,LOW,CLOSE\n01/03/2023,22.930000,23.760000,22.730000,22.900000\n",
        bars: &["2023-01-03 22.930000 23.760000 22.730000 22.900000 0"],
    },
    FormatCase {
        format: "databento",
        flags: ["", "1m", ""],
        file: "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n\
            1672756200000000000,33,1,206299,3866250000000,3867000000000,3865500000000,3866750000000,1234,ESH3\n",
        bars: &["2023-01-03T14:30:00Z 3866.25 3867.00 3865.50 3866.75 1234"],
    },
    FormatCase {
        format: "databento-pretty",
        flags: ["", "1m", ""],
        file: "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n\
            2023-01-03T14:30:00.000000000Z,33,1,206299,3866.250000000,3867.000000000,3865.500000000,\
            3866.750000000,1234,ESH3\n",
        bars: &[
            "2023-01-03T14:30:00Z 3866.25000000 3867.00000000 3865.50000000 3866.75000000 1234",
        ],
    },
    FormatCase {
        format: "dukascopy",
        flags: ["EURUSD", "1m", ""],
        file: "Gmt time,Open,High,Low,Close,Volume\n\
            02.01.2024 22:01:00.000,1.09437,1.09441,1.09431,1.09436,51.32\n",
        bars: &["2024-01-02T22:01:00Z 1.09437 1.09441 1.09431 1.09436 51.32"],
    },
    FormatCase {
        format: "eodhd",
        flags: NO_FLAGS,
        file: "Date,Open,High,Low,Close,Adjusted_close,Volume\n2020-08-28,504.05,505.77,498.31,499.23,121.0312,46907479\n",
        bars: &["2020-08-28 504.05 505.77 498.31 499.23 46907479"],
    },
    FormatCase {
        format: "eodhd-intraday",
        flags: ["A", "5m", ""],
        file: "Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume\n\
            1688391000,0,2023-07-03 13:30:00,193.78,193.88,192.8,193.27,1200300\n",
        bars: &["2023-07-03T13:30:00Z 193.78 193.88 192.80 193.27 1200300"],
    },
    FormatCase {
        format: "histdata",
        flags: ["EURUSD", "1m", ""],
        file: "20120201 000000;1.306600;1.306600;1.306560;1.306560;0\n20120701 170100;1.306570;1.306570;1.306470;1.306560;0\n",
        bars: &[
            "2012-02-01T05:00:00Z 1.306600 1.306600 1.306560 1.306560 0",
            "2012-07-01T22:01:00Z 1.306570 1.306570 1.306470 1.306560 0",
        ],
    },
    FormatCase {
        format: "investing",
        flags: NO_FLAGS,
        file: "\u{feff}\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"Change %\"\n\
            \"01/12/2023\",\"4,149.90\",\"4,170.88\",\"4,173.16\",\"4,146.70\",\"69.47K\",\"0.41%\"\n",
        bars: &["2023-01-12 4170.88 4173.16 4146.70 4149.90 69470"],
    },
    FormatCase {
        format: "investing-uk",
        flags: NO_FLAGS,
        file: "\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"Change %\"\n\
            \"12/01/2023\",\"4,149.90\",\"4,170.88\",\"4,173.16\",\"4,146.70\",\"-\",\"0.41%\"\n",
        bars: &["2023-01-12 4170.88 4173.16 4146.70 4149.90 0"],
    },
    FormatCase {
        format: "kraken-ohlcvt",
        flags: ["XBTUSD", "1h", ""],
        file: "1381096800,122.0,122.0,122.0,122.0,0.1,1\n1381179600,123.61,123.61,123.61,123.61,0.1,1\n",
        bars: &[
            "2013-10-06T22:00:00Z 122.00 122.00 122.00 122.00 0.1",
            "2013-10-07T21:00:00Z 123.61 123.61 123.61 123.61 0.1",
        ],
    },
    FormatCase {
        format: "mt4",
        flags: ["USDJPY", "1m", "America/New_York+07:00"],
        file: "2011.12.08,18:48,77.737,77.770,77.686,77.713,84\n2012.07.02,00:00,79.685,79.799,79.652,79.761,2\n",
        bars: &[
            "2011-12-08T16:48:00Z 77.737 77.770 77.686 77.713 84",
            "2012-07-01T21:00:00Z 79.685 79.799 79.652 79.761 2",
        ],
    },
    FormatCase {
        format: "mt5",
        flags: ["EURUSD", "1m", "+02:00"],
        file: "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n\
            2024.01.02\t00:05:00\t1.10427\t1.10429\t1.10425\t1.10428\t18\t0\t14\n",
        bars: &["2024-01-01T22:05:00Z 1.10427 1.10429 1.10425 1.10428 18"],
    },
    FormatCase {
        format: "mt5-daily",
        flags: NO_FLAGS,
        file: "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n\
            2024.01.02\t1.10427\t1.10459\t1.09385\t1.09418\t61843\t0\t0\n",
        bars: &["2024-01-02 1.10427 1.10459 1.09385 1.09418 61843"],
    },
    FormatCase {
        format: "nasdaq",
        flags: NO_FLAGS,
        file: "Date,Close/Last,Volume,Open,High,Low\n01/03/2024,$184.25,58414460,$184.22,$185.88,$183.43\n",
        bars: &["2024-01-03 184.22 185.88 183.43 184.25 58414460"],
    },
    FormatCase {
        format: "polygon",
        flags: ["", "1m", ""],
        file: "ticker,volume,open,close,high,low,window_start,transactions\n\
            AAPL,4930,200.29,200.5,200.63,200.29,1744792500000000000,129\n",
        bars: &["2025-04-16T08:35:00Z 200.29 200.63 200.29 200.50 4930"],
    },
    FormatCase {
        format: "polygon",
        flags: ["", "1d", ""],
        file: "ticker,volume,open,close,high,low,window_start,transactions\n\
            AAPL,4930,200.29,200.5,200.63,200.29,1709874000000000000,129\n\
            AAPL,4930,200.29,200.5,200.63,200.29,1710129600000000000,129\n",
        bars: &[
            "2024-03-08 200.29 200.63 200.29 200.50 4930",
            "2024-03-11 200.29 200.63 200.29 200.50 4930",
        ],
    },
    FormatCase {
        format: "polygon-rest",
        flags: NO_FLAGS,
        file: "v,vw,o,c,h,l,t,n\n4930,200.31,200.29,200.5,200.63,200.29,1709874000000,129\n\
            4930,200.31,200.29,200.5,200.63,200.29,1710129600000,129\n",
        bars: &[
            "2024-03-08 200.29 200.63 200.29 200.50 4930",
            "2024-03-11 200.29 200.63 200.29 200.50 4930",
        ],
    },
    FormatCase {
        // Two months of the archive in one file: the unit changed between them.
        format: "binance-klines",
        flags: ["BTCUSDT", "1h", ""],
        file: "1735686000000,1.5,2.5,1.5,2.5,3,1735689599999,4,5,6,7,0\n\
            1735689600000000,1.5,2.5,1.5,2.5,3,1735693199999999,4,5,6,7,0\n",
        bars: &[
            "2024-12-31T23:00:00Z 1.5 2.5 1.5 2.5 3",
            "2025-01-01 1.5 2.5 1.5 2.5 3",
        ],
    },
    FormatCase {
        format: "stooq",
        flags: NO_FLAGS,
        file: "Date,Open,High,Low,Close,Volume\n2024-01-02,187.15,188.44,183.885,185.64,82488674\n",
        bars: &["2024-01-02 187.150 188.440 183.885 185.640 82488674"],
    },
    FormatCase {
        format: "stooq-bulk",
        flags: ["", "1d", ""],
        file: "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n\
            AAPL.US,D,20240102,000000,187.15,188.44,183.885,185.64,82488674,0\n",
        bars: &["2024-01-02 187.150 188.440 183.885 185.640 82488674"],
    },
    FormatCase {
        format: "tiingo",
        flags: NO_FLAGS,
        file: "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n\
            2019-01-02,157.92,158.85,154.23,154.89,37039737,38.03,38.26,37.14,37.3,148158948,0.0,1.0\n",
        bars: &["2019-01-02 154.89 158.85 154.23 157.92 37039737"],
    },
    FormatCase {
        format: "tradingview",
        flags: ["A", "5m", ""],
        file: "time,open,high,low,close,Volume,Volume MA\n1688391000,193.78,193.88,192.8,193.27,1200300,NaN\n",
        bars: &["2023-07-03T13:30:00Z 193.78 193.88 192.80 193.27 1200300"],
    },
    FormatCase {
        format: "tradingview",
        flags: ["A", "5m", ""],
        file: "time,open,high,low,close,Volume\n2023-07-03T09:30:00-04:00,193.78,193.88,192.8,193.27,1200300\n",
        bars: &["2023-07-03T13:30:00Z 193.78 193.88 192.80 193.27 1200300"],
    },
    FormatCase {
        format: "yfinance",
        flags: NO_FLAGS,
        file: "Date,Open,High,Low,Close,Volume\n\
            2024-01-02 00:00:00-05:00,187.14999389648438,188.44000244140625,183.88499450683594,185.63999938964844,82488700\n",
        bars: &["2024-01-02 187.149994 188.440002 183.884995 185.639999 82488700"],
    },
    FormatCase {
        format: "yfinance-unadjusted",
        flags: NO_FLAGS,
        file: "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,187.15,188.44,183.885,185.64,184.29,82488700\n",
        bars: &["2024-01-02 187.150000 188.440000 183.885000 185.640000 82488700"],
    },
];

/// The options of a format and what flags add.
pub(crate) fn options_of(format: &str, [symbol, timeframe, zone]: [&str; 3]) -> IngestOptions {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    IngestOptions {
        symbol: text(symbol),
        timeframe: (!timeframe.is_empty()).then(|| timeframe.parse().unwrap()),
        zone: text(zone),
        mapping: SourceFormat::named(format).map(SourceFormat::side_file),
        ..IngestOptions::default()
    }
}

#[test]
fn each_format_is_read_to_the_right_bars() {
    for case in CASES {
        let data = TestStore::new();
        let done = data
            .ingest(case.file.as_bytes(), &options_of(case.format, case.flags))
            .unwrap_or_else(|error| panic!("{}: {}", case.format, chain_text(&error)));
        assert_eq!(bars(&data, &done), case.bars, "{}", case.format);
        assert_eq!(done.report.quarantined, 0, "{}", case.format);
    }
    for format in &FORMATS {
        let has_case = CASES.iter().any(|case| case.format == format.name);
        assert!(has_case, "{} has no file here", format.name);
    }
}

/// A file without a header was answered with "no header" and nothing to do about it.
/// Its files of five minutes have the same header: every row was taken for the day's bar.
#[test]
fn the_clock_of_a_daily_file_is_midnight() {
    let file = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n\
                AAPL.US,5,20240102,153500,187.15,188.44,183.885,185.64,824,0\n\
                AAPL.US,5,20240102,154000,187.15,188.44,183.885,185.64,824,0\n";
    let options = options_of("stooq-bulk", ["", "1d", ""]);
    let error = TestStore::new()
        .ingest(file.as_bytes(), &options)
        .unwrap_err();
    let said = chain_text(&error);
    assert!(said.contains("153500"), "{said}");
}

#[test]
fn a_file_without_a_header_is_answered_with_its_format() {
    let refused = |file: &str, options: &IngestOptions| {
        let error = TestStore::new()
            .ingest(file.as_bytes(), options)
            .unwrap_err();
        chain_text(&error)
    };
    let plain = options_of("", NO_FLAGS);
    for (format, expect) in [
        (
            "binance-klines",
            "f.csv, line 1: no header: the line begins with \"1698364800000\"; it is like those of binance-klines: state --format binance-klines, or state the columns by place in a mapping, with \"header\": false",
        ),
        ("kraken-ohlcvt", "state --format kraken-ohlcvt"),
        ("mt4", "state --format mt4"),
        (
            "histdata",
            "f.csv, line 1: its fields are separated by \";\", not by \",\": state --delimiter \";\"; the line is like those of histdata: state --format histdata",
        ),
        (
            "investing",
            "no column for close: name it close; the header has Date, Price, Open, High, Low, Vol., Change %; or name it in a mapping; the header is that of investing: state --format investing",
        ),
        ("mt5", "separated by tab"),
        (
            "cboe",
            "no column for volume: name it volume; the header has DATE, OPEN, HIGH, LOW, CLOSE; or name it in a mapping, or state --no-volume; the header is that of cboe",
        ),
    ] {
        let case = CASES.iter().find(|case| case.format == format).unwrap();
        let text = refused(case.file, &plain);
        assert!(text.contains(expect), "{format}: {text}");
    }
    let text = refused("2024-01-02,1,2,1,2\n", &plain);
    assert!(
        text.contains("or name the vendor's format with --format"),
        "{text}"
    );
    // The zone of a broker's server cannot be seen in the file.
    let text = refused(CASES[0].file, &options_of("mt4", NO_FLAGS));
    assert!(
        text.contains("state it with --zone, such as Europe/Athens"),
        "{text}"
    );
}

/// Bars and quarantined rows of a file that is read by a mapping, or the error.
#[track_caller]
fn check_mapped(file: &str, mapping: &str, expect: &str) {
    let options = IngestOptions {
        mapping: Some(SideFile {
            name: "m.json".to_owned(),
            bytes: mapping.as_bytes().to_vec(),
        }),
        ..options_of("", NO_FLAGS)
    };
    let data = TestStore::new();
    let got = match data.ingest(file.as_bytes(), &options) {
        Ok(done) => {
            let bad = done.report.examples.iter();
            let bad: Vec<String> = bad
                .map(|row| format!("{}: {}", row.line, row.message))
                .collect();
            format!("{} {}", bars(&data, &done).join("|"), bad.join("|"))
        }
        Err(error) => chain_text(&error),
    };
    assert!(got.contains(expect), "{mapping} {file:?}: {got}");
}

const PLACES: &str =
    r#""time":{"columns":[1]},"columns":{"open":3,"high":4,"low":5,"close":6,"volume":7}"#;

#[test]
fn columns_are_stated_by_place_and_lines_before_them_skipped() {
    let bar = "2024-01-02 1 3 1 2 9";
    let row = "2024-01-02,x,1,3,1,2,9\n";
    let absent = format!("{{\"header\":false,{PLACES}}}");
    check_mapped(row, &absent, bar);
    check_mapped(&format!("\u{feff}{row}"), &absent, bar);
    check_mapped(
        &format!("{row}2024-01-03,x,1,3,1,2\n"),
        &absent,
        "2: 6 fields, the first row has 7",
    );
    check_mapped(
        "2024-01-02,x,1,3,1\n",
        &absent,
        "f.csv, line 1: no column 6: the line has 5 fields",
    );
    let skipped = format!("{{\"header\":false,\"skip\":2,{PLACES}}}");
    check_mapped(&format!("Disclaimer, all rights\n\n{row}"), &skipped, bar);
    check_mapped(
        "Disclaimer\n",
        &skipped,
        "f.csv, line 1: no header: the file ends within the 2 lines to skip",
    );
    let header = "Date,Open,High,Low,Close,Volume";
    check_mapped(
        &format!("\"VIX data for 2003\"\n{header}\n2024-01-02,1,3,1,2,9\n"),
        r#"{"skip": 1}"#,
        bar,
    );
    check_mapped(
        "VIX data\nDate,Open,High,Low\n",
        r#"{"skip": 1}"#,
        "f.csv, line 2: no column for close",
    );
    let optional = format!("{{\"header\":\"optional\",{PLACES}}}");
    check_mapped(row, &optional, bar);
    check_mapped(&format!("t,x,o,h,l,c,v\n{row}"), &optional, bar);
}

#[test]
fn a_mapping_that_cannot_be_followed_is_refused() {
    let check = |mapping: &str, expect: &str| {
        check_mapped("", mapping, &format!("m.json, line 1: {expect}"));
    };
    check(
        r#"{"header": false}"#,
        "a file without a header needs its columns by place",
    );
    check(
        r#"{"header": false, "columns": {"open": "Open"}}"#,
        "a file without a header has no column \"Open\": state its place",
    );
    check(
        r#"{"columns": {"open": 0}}"#,
        "columns: places are 1 to 16384",
    );
    check(
        r#"{"columns": {"open": null}}"#,
        "columns.open: only a volume may be absent",
    );
    check(
        r#"{"columns": {"open": true}}"#,
        "invalid type: boolean `true`, expected a column's name, or its place from 1",
    );
    check(
        r#"{"header": "maybe"}"#,
        "invalid value: string \"maybe\", expected header: true, false or \"optional\"",
    );
}

#[test]
fn prices_in_32nds_and_a_file_without_volume_are_read() {
    let data = TestStore::new();
    let bonds = IngestOptions {
        mapping: Some(SideFile {
            name: "m.json".to_owned(),
            bytes: br#"{"prices": {"fractions": 32}, "columns": {"volume": null}}"#.to_vec(),
        }),
        ..options_of("", NO_FLAGS)
    };
    let csv = b"Date,Open,High,Low,Close\n2024-01-02,101-16,102-00+,101-08,101-162\n";
    let done = data.ingest(csv, &bonds).unwrap();
    assert_eq!(
        bars(&data, &done),
        ["2024-01-02 101.5000000 102.0156250 101.2500000 101.5078125 0"]
    );
    let flag = IngestOptions {
        has_no_volume: true,
        ..options_of("", NO_FLAGS)
    };
    let csv = b"Date,Open,High,Low,Close,Volume\n2024-01-02,1,2,1,2,-\n";
    let done = data.ingest(csv, &flag).unwrap();
    assert_eq!(bars(&data, &done), ["2024-01-02 1 2 1 2 0"]);
    assert_eq!(done.report.ignored_columns, ["Volume"]);
}
