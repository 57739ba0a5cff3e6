//! Files as vendors and libraries write them, in the shapes of public bug reports: each is read to the right
//! bars, or refused with a sentence that names what to do.

use core::fmt::Write as _;

use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::quality::findings::Severity;
use counterfoil_snapshot::source::choices::{RepeatRule, SourceKind, TextEncoding};
use counterfoil_snapshot::source::formats::SourceFormat;
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use counterfoil_trading::decimal;
use counterfoil_trading::slice::Slice;

use crate::test_store::{TestStore, chain_text};

/// The options of a file without a symbol column, with a mapping if there is a text.
fn options(timeframe: Option<&str>, mapping: &str) -> IngestOptions {
    let mapping = (!mapping.is_empty()).then(|| SideFile {
        name: "m.json".to_owned(),
        bytes: mapping.as_bytes().to_vec(),
    });
    IngestOptions {
        symbol: Some("A".to_owned()),
        timeframe: timeframe.map(|text| text.parse().unwrap()),
        mapping,
        ..IngestOptions::default()
    }
}

/// Bars as `open-time open high low close volume`, as a person writes them.
pub(crate) fn bars(data: &TestStore, done: &IngestOutcome) -> Vec<String> {
    let selection = data.select(done);
    let grids: Vec<(u8, u8)> = selection
        .instruments()
        .iter()
        .map(|instrument| (instrument.price_scale(), instrument.volume_scale()))
        .collect();
    let (mut slices, mut slice, mut all) = (selection.slices(), Slice::default(), Vec::new());
    while slices.next_into(&mut slice).unwrap() {
        for bar in slice.bars() {
            let raw = bar.get();
            let (price, volume) = grids[usize::try_from(raw.instrument.0).unwrap()];
            let prices = [raw.open, raw.high, raw.low, raw.close]
                .map(|value| decimal::format(i128::from(value.0), price));
            let volume = decimal::format(i128::from(raw.volume.0), volume);
            let time = raw.open_time.date_or_time();
            all.push(format!("{time} {} {volume}", prices.join(" ")));
        }
    }
    all
}

/// Findings as `rule: message`, those that every small file has apart.
fn findings(data: &TestStore, done: &IngestOutcome) -> Vec<String> {
    let all = data
        .store
        .load(&done.id)
        .unwrap()
        .findings(usize::MAX)
        .unwrap();
    let usual = [
        "no-calendar",
        "inferred-timeframe",
        "stale",
        "zero-volume",
        "ignored-column",
        "gap",
    ];
    all.iter()
        .filter(|finding| !usual.contains(&finding.rule.as_str()))
        .map(|finding| format!("{}: {}", finding.rule, finding.message))
        .collect()
}

#[track_caller]
fn check_refused(csv: &[u8], options: &IngestOptions, expect: &str) {
    let error = TestStore::new().ingest(csv, options).unwrap_err();
    let text = chain_text(&error);
    assert!(text.contains(expect), "{text}");
}

/// Rows at these times, with one price and volumes that differ.
fn rows_at(times: &[&str]) -> String {
    let mut csv = "date,open,high,low,close,volume\n".to_owned();
    for (number, time) in (1..).zip(times) {
        writeln!(csv, "{time},10,11,9,10,{number}").unwrap();
    }
    csv
}

/// The smallest gap was taken for the timeframe: one stray row made bars of a minute "2s".
#[test]
fn a_stray_row_is_a_finding_and_does_not_decide_the_timeframe() {
    let data = TestStore::new();
    let mut times: Vec<String> = (30..59)
        .map(|minute| format!("2024-01-02T09:{minute}:00Z"))
        .collect();
    times.push("2024-01-02T09:40:02Z".to_owned());
    times.sort();
    let times: Vec<&str> = times.iter().map(String::as_str).collect();
    let done = data
        .ingest(rows_at(&times).as_bytes(), &options(None, ""))
        .unwrap();
    assert_eq!(done.report.timeframe.to_string(), "1m");
    assert_eq!(
        findings(&data, &done),
        [
            "off-grid: left out: 1 bar off the grid of the others, the first at 2024-01-02T09:40:02Z; if they are not \
             bars of 1m, state another timeframe; if clocks changed, state the exchange's \
             zone with --zone or --calendar",
        ]
    );
    check_refused(
        rows_at(&[
            "2024-01-02T09:30:00Z",
            "2024-01-02T09:31:00Z",
            "2024-01-02T09:31:02Z",
        ])
        .as_bytes(),
        &options(None, ""),
        "f.csv: cannot infer the timeframe: the gaps do not agree: 2s once (before line 4), 1m once \
         (before line 3); state it with --timeframe",
    );
}

/// Daily bars at New York's midnight, as a well-known Python library writes them: 23 hours apart in March.
#[test]
fn daily_bars_at_a_local_midnight_are_daily_bars() {
    let data = TestStore::new();
    let spring = [
        "2024-03-09 00:00:00-05:00",
        "2024-03-10 00:00:00-05:00",
        "2024-03-11 00:00:00-04:00",
    ];
    for times in [&spring[..], &spring[1..]] {
        let done = data
            .ingest(rows_at(times).as_bytes(), &options(None, ""))
            .unwrap();
        assert_eq!(done.report.timeframe.to_string(), "1d", "{times:?}");
        let found = findings(&data, &done);
        assert!(
            !found.iter().any(|finding| finding.starts_with("off-grid")),
            "{found:?}"
        );
    }
}

fn rounded(scale: u8, round: &str) -> IngestOptions {
    IngestOptions {
        price_scale: Some(scale),
        round_prices: Some(round.to_owned()),
        ..options(Some("1d"), "")
    }
}

/// Adjusted prices with the noise of binary floats were a dead end: 4.8100000000000005 gave the scale 16, and
/// was quarantined at the scale 2.
#[test]
fn the_noise_of_floats_is_rounded_on_request_and_counted() {
    let data = TestStore::new();
    let csv = b"time,open,high,low,close,volume\n\
        2023-03-23,4.78,4.78,4.78,4.78,1\n\
        2023-03-24,4.79,4.8100000000000005,4.79,4.8100000000000005,4\n";
    let done = data.ingest(csv, &options(Some("1d"), "")).unwrap();
    assert_eq!(
        findings(&data, &done),
        [
            "float-noise: 1 row has prices of 16 digits or more, as binary floats leave them; round them with \
             --price-scale and --round-prices, first in line 3"
        ]
    );
    let strict = IngestOptions {
        price_scale: Some(2),
        ..options(Some("1d"), "")
    };
    let done = data.ingest(csv, &strict).unwrap();
    assert_eq!(
        done.report.examples[0].message,
        "column high: 4.8100000000000005 has more than 2 decimals; to round it, add --round-prices \
         0.000000000000001"
    );
    let expect = [
        "2023-03-23 4.78 4.78 4.78 4.78 1",
        "2023-03-24 4.79 4.81 4.79 4.81 4",
    ];
    let mapping = r#"{"prices": {"tick": "0.01", "round": "0.000001"}}"#;
    for options in [rounded(2, "0.000001"), options(Some("1d"), mapping)] {
        let done = data.ingest(csv, &options).unwrap();
        assert_eq!(bars(&data, &done), expect);
        assert_eq!(
            findings(&data, &done),
            [
                "rounded: 2 numbers were rounded half to even, by at most 0.0000000000000005, first in line 3"
            ]
        );
    }
    let done = data.ingest(csv, &rounded(2, "0.0000000000000001")).unwrap();
    assert_eq!((done.report.bars, done.report.reasons["too-fine"]), (1, 1));
    // Prices that need more than 64 bits at the finest scale of the file.
    let fine = b"time,open,high,low,close,volume\n\
        1980-12-12,0.09872609376907349,0.09982609376907349,0.09762609376907348,0.09892609376907349,469033600\n\
        2024-12-12,613765.01,741971.39,613710.0,631110.1,18200\n";
    check_refused(
        fine,
        &options(Some("1d"), ""),
        "f.csv, line 3, prices: too large for 17 decimals, which line 2 has; correct that line, or round to fewer \
         with --price-scale and --round-prices",
    );
    let done = data.ingest(fine, &rounded(4, "0.0001")).unwrap();
    assert_eq!(
        bars(&data, &done),
        [
            "1980-12-12 0.0987 0.0998 0.0976 0.0989 469033600",
            "2024-12-12 613765.0100 741971.3900 613710.0000 631110.1000 18200"
        ]
    );
}

/// A download while the candle was forming, and the next one with the whole candle.
#[test]
fn a_repeated_row_is_the_same_or_chosen() {
    let data = TestStore::new();
    let csv = b"date,open,high,low,close,volume\n\
        2018-03-28T04:00:00,0.00000512,0.00000520,0.00000511,0.00000516,2700000\n\
        2018-03-28T05:00:00,0.00000516,0.00000524,0.00000514,0.00000522,3566325\n\
        2018-03-28T05:00:00,0.00000516,0.00000524,0.00000514,0.00000520,3723206\n\
        2018-03-28T06:00:00,0.00000520,0.00000525,0.00000518,0.00000524,2100000\n";
    check_refused(
        csv,
        &options(Some("1h"), ""),
        "f.csv, line 4: the bar of A at 2018-03-28T05:00:00Z is in line 3 already, with other values: close \
         0.00000522, now 0.00000520; the later row has more volume, as after a download while the bar was forming: \
         keep it with --repeats more-volume",
    );
    let rule = |rule: RepeatRule| IngestOptions {
        repeats: Some(rule),
        ..options(Some("1h"), "")
    };
    let by_mapping = options(Some("1h"), r#"{"repeats": "last"}"#);
    let last = "2018-03-28T05:00:00Z 0.00000516 0.00000524 0.00000514 0.00000520 3723206";
    let first = "2018-03-28T05:00:00Z 0.00000516 0.00000524 0.00000514 0.00000522 3566325";
    for (options, line, kept) in [
        (rule(RepeatRule::Last), 3, last),
        (by_mapping, 3, last),
        (rule(RepeatRule::First), 4, first),
    ] {
        let done = data.ingest(csv, &options).unwrap();
        assert_eq!(bars(&data, &done)[1], kept);
        let dropped = &done.report.examples[0];
        assert_eq!((dropped.line, dropped.reason.as_str()), (line, "replaced"));
        assert_eq!(
            done.report.findings.open(Severity::Error),
            0,
            "the caller chose"
        );
        assert_eq!(done.report.out_of_order, 0);
    }
    let twice =
        b"date,open,high,low,close,volume\n2023-01-03,10,11,9,10,5\n2023-01-04,10,11,9,10,5\n\
        2023-01-04,10.0,11,9,10,5\n2023-01-05,10,11,9,10,6\n";
    let done = data.ingest(twice, &options(Some("1d"), "")).unwrap();
    assert_eq!((done.report.bars, done.report.quarantined), (3, 0));
    assert_eq!(
        findings(&data, &done),
        ["repeated: 1 row repeats another with the same values and was left out, first in line 4"]
    );
}

/// Binance and yfinance give a bar that still forms, and the whole one after it. The message named a column that did not
/// differ: `open 100.0, now 100`.
#[test]
fn a_later_row_with_more_volume_replaces_the_first_where_the_vendor_is_known_for_it() {
    let data = TestStore::new();
    let csv = b"date,open,high,low,close,volume\n2023-01-03,100.0,100,100,100,5\n2023-01-03,100,101.5,100,101,7\n";
    check_refused(
        csv,
        &options(Some("1d"), ""),
        "f.csv, line 3: the bar of A at 2023-01-03 is in line 2 already, with other values: high 100, now 101.5",
    );
    let rule = options(Some("1d"), r#"{"repeats": "more-volume"}"#);
    let done = data.ingest(csv, &rule).unwrap();
    assert_eq!(bars(&data, &done), ["2023-01-03 100.0 101.5 100.0 101.0 7"]);
    let less = b"date,open,high,low,close,volume\n2023-01-03,100,101.5,100,101,7\n2023-01-03,100,100,100,100,5\n";
    check_refused(less, &rule, "high 101.5, now 100");
    let klines = b"1672704000000,1,2,1,2,3,1672790399999,4,5,6,7,0\n1672704000000,1,3,1,2,9,1672790399999,4,5,6,7,0\n";
    let binance = SourceFormat::named("binance-klines").unwrap();
    let by_format = IngestOptions {
        mapping: Some(binance.side_file()),
        ..options(Some("1d"), "")
    };
    let done = data.ingest(klines, &by_format).unwrap();
    assert_eq!(bars(&data, &done), ["2023-01-03 1 3 1 2 9"]);
}

#[test]
fn trades_with_one_id_are_the_same_or_chosen() {
    let trades = |repeats: Option<RepeatRule>| IngestOptions {
        kind: SourceKind::Trades,
        repeats,
        ..options(Some("1m"), "")
    };
    let csv = b"time,price,size,id\n2003-01-02T14:30:00Z,10,2,1\n2003-01-02T14:30:01Z,11,2,1\n";
    check_refused(
        csv,
        &trades(None),
        "f.csv, line 3: trade 1 of A is in line 2 already, with other values: time 2003-01-02T14:30:00Z, now \
         2003-01-02T14:30:01Z; keep one of them with --repeats first or --repeats last, or remove one",
    );
    let data = TestStore::new();
    for (rule, price) in [(RepeatRule::First, 10), (RepeatRule::Last, 11)] {
        let done = data.ingest(csv, &trades(Some(rule))).unwrap();
        assert_eq!(
            bars(&data, &done),
            [format!(
                "2003-01-02T14:30:00Z {price} {price} {price} {price} 2"
            )]
        );
    }
}

/// `1.234` for 1234 was taken as 1.234 without a word; `1.234,56` was refused without a way on.
#[test]
fn signs_of_numbers_are_stated_or_a_finding() {
    let data = TestStore::new();
    let grouped = "Date;Open;High;Low;Close;Volume\n2023-01-02;1.234;1.240;1.230;1.236;50.000\n\
        2023-01-03;1.236;1.250;1.233;1.244;61.500\n";
    let semicolon = |decimal: Option<&str>, thousands: Option<&str>| IngestOptions {
        delimiter: Some(";".to_owned()),
        decimal: decimal.map(str::to_owned),
        thousands: thousands.map(str::to_owned),
        ..options(Some("1d"), "")
    };
    let done = data
        .ingest(grouped.as_bytes(), &semicolon(None, None))
        .unwrap();
    let ambiguous = "with a point look like 1.234, which could be 1234; they were read as decimals: state --decimal \".\" \
                     if they are, or --decimal \",\" --thousands \".\", first in line 2";
    assert_eq!(
        findings(&data, &done),
        [
            format!("ambiguous-number: all prices {ambiguous}"),
            format!("ambiguous-number: all volumes {ambiguous}")
        ]
    );
    let stated = data
        .ingest(grouped.as_bytes(), &semicolon(Some("."), None))
        .unwrap();
    assert_eq!(findings(&data, &stated), [""; 0]);
    let done = data
        .ingest(grouped.as_bytes(), &semicolon(Some(","), Some(".")))
        .unwrap();
    assert_eq!(
        bars(&data, &done)[0],
        "2023-01-02 1234 1240 1230 1236 50000"
    );
    let comma = "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen\n02.01.2023;1.228,44;1.236,93;1.223,82;1.234,15;85.474\n";
    let columns = r#""columns":{"open":"Eröffnung","high":"Hoch","low":"Tief","close":"Schluss","volume":"Volumen"},
        "delimiter":";","time":{"columns":["Datum"],"format":"%d.%m.%Y"}"#;
    check_refused(
        comma.as_bytes(),
        &options(Some("1d"), &format!("{{{columns}}}")),
        "line 2: column open: \"1.228,44\" is not a decimal number; if its signs are others, state them: --decimal \",\" \
         --thousands \".\"",
    );
    let mapping = format!("{{{columns}, \"decimal\":\",\", \"thousands\":\".\"}}");
    let done = data
        .ingest(comma.as_bytes(), &options(Some("1d"), &mapping))
        .unwrap();
    assert_eq!(
        bars(&data, &done),
        ["2023-01-02 1228.44 1236.93 1223.82 1234.15 85474"]
    );
}

#[test]
fn a_file_with_another_delimiter_is_answered_with_the_flag() {
    let line = |sign: &str| {
        let rows = ["Date Open High Low Close Volume", "2023-01-02 1 2 1 2 5"];
        rows.map(|row| row.replace(' ', sign)).join("\n")
    };
    for (sign, flag) in [(";", "\";\""), ("\t", "tab"), ("|", "\"|\"")] {
        check_refused(
            line(sign).as_bytes(),
            &options(Some("1d"), ""),
            &format!(
                "f.csv, line 1: its fields are separated by {flag}, not by \",\": state --delimiter {flag}"
            ),
        );
    }
    let semicolon = IngestOptions {
        delimiter: Some(";".to_owned()),
        ..options(Some("1d"), "")
    };
    check_refused(
        line(",").as_bytes(),
        &semicolon,
        "separated by \",\", not by \";\": state --delimiter \",\"",
    );
    let data = TestStore::new();
    for (sign, stated) in [(";", ";"), ("\t", "tab"), ("\t", "\\t"), ("|", "|")] {
        let stated = IngestOptions {
            delimiter: Some(stated.to_owned()),
            ..options(Some("1d"), "")
        };
        let done = data.ingest(line(sign).as_bytes(), &stated).unwrap();
        assert_eq!(bars(&data, &done), ["2023-01-02 1 2 1 2 5"]);
    }
}

#[test]
fn numbers_as_programs_and_spreadsheets_write_them() {
    let data = TestStore::new();
    let csv = "time,open,high,low,close,volume\n2023-01-02,+10,1.1e1,.5,11.,69.47K\n\
        2023-01-03,\"$1,010.5\",\"$1,011\",$9,$10,1.2M\n2023-01-04,10,11,9,€10,3\n";
    let grouped = IngestOptions {
        thousands: Some(",".to_owned()),
        ..options(Some("1d"), "")
    };
    let done = data.ingest(csv.as_bytes(), &grouped).unwrap();
    assert_eq!(
        bars(&data, &done),
        [
            "2023-01-02 10.0 11.0 0.5 11.0 69470",
            "2023-01-03 1010.5 1011.0 9.0 10.0 1200000"
        ]
    );
    assert_eq!(
        done.report.examples[0].message,
        "the currency is €, and $ in line 3; split the file by currency"
    );
    let found = findings(&data, &done);
    for expect in [
        "abbreviated-volume: 2 volumes end in K, M, B or T: the source has rounded them, first in line 2",
        "currency: prices are in $, first in line 3",
    ] {
        assert!(found.iter().any(|finding| finding == expect), "{found:?}");
    }
}

/// A zone's name was read and ignored: rows of New York and of Tokyo were both taken for UTC.
#[test]
fn rows_of_several_zones_are_each_read_in_their_zone() {
    let data = TestStore::new();
    let csv = rows_at(&[
        "20230703 09:30:00 US/Eastern",
        "20230703 22:35:00 Asia/Tokyo",
        "20230703 15:40:00 +0200",
    ]);
    let mapping = r#"{"time": {"format": "%Y%m%d %H:%M:%S %Q", "zone": "Europe/Berlin"}}"#;
    let done = data
        .ingest(csv.as_bytes(), &options(Some("5m"), mapping))
        .unwrap();
    let opens: Vec<String> = bars(&data, &done)
        .iter()
        .map(|bar| bar[..20].to_owned())
        .collect();
    assert_eq!(
        opens,
        [
            "2023-07-03T13:30:00Z",
            "2023-07-03T13:35:00Z",
            "2023-07-03T13:40:00Z"
        ]
    );
}

/// "68" became 2068 without a word.
#[test]
fn years_of_two_digits_are_a_finding_until_the_century_is_stated() {
    let data = TestStore::new();
    let csv = rows_at(&["03/01/68", "02/01/69"]);
    let done = data
        .ingest(
            csv.as_bytes(),
            &options(Some("1d"), r#"{"time": {"format": "%d/%m/%y"}}"#),
        )
        .unwrap();
    let found = findings(&data, &done);
    assert!(
        found[0].starts_with(
            "two-digit-year: years of two digits were read as 1969 to 2068; state time.century_from"
        ),
        "{found:?}"
    );
    let stated = r#"{"time": {"format": "%d/%m/%y", "century_from": 1950}}"#;
    let done = data
        .ingest(csv.as_bytes(), &options(Some("1d"), stated))
        .unwrap();
    assert_eq!(
        bars(&data, &done),
        ["1968-01-03 10 11 9 10 1", "1969-01-02 10 11 9 10 2"]
    );
    assert_eq!(findings(&data, &done), [""; 0]);
}

#[test]
fn epochs_with_a_fraction_are_exact() {
    let data = TestStore::new();
    let csv = rows_at(&["1688391000.0", "1688391300.0"]);
    let done = data
        .ingest(csv.as_bytes(), &options(Some("5m"), ""))
        .unwrap();
    assert_eq!(
        bars(&data, &done),
        [
            "2023-07-03T13:30:00Z 10 11 9 10 1",
            "2023-07-03T13:35:00Z 10 11 9 10 2"
        ]
    );
    let csv = rows_at(&["1688391000.25", "1688391300.25"]);
    let done = data
        .ingest(
            csv.as_bytes(),
            &options(Some("5m"), r#"{"time": {"format": "s"}}"#),
        )
        .unwrap();
    assert_eq!(
        bars(&data, &done)[0],
        "2023-07-03T13:30:00.25Z 10 11 9 10 1"
    );
}

#[test]
fn a_text_file_is_read_in_its_encoding_with_any_line_ends() {
    let data = TestStore::new();
    let text =
        "Datum;Eröffnung;High;Low;Close;Volume\n2023-01-02;1;2;1;2;5\n2023-01-03;1;2;1;2;6\n";
    let mapping =
        r#"{"columns": {"open": "Eröffnung"}, "delimiter": ";", "time": {"columns": ["Datum"]}}"#;
    let utf_16 = |mark: bool, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        mark.into_iter()
            .chain(text.encode_utf16())
            .flat_map(bytes)
            .collect()
    };
    let latin_1: Vec<u8> = text
        .chars()
        .map(|letter| u8::try_from(u32::from(letter)).unwrap())
        .collect();
    let carriage = text.replace('\n', "\r").into_bytes();
    let files = [
        (utf_16(true, u16::to_le_bytes), None),
        (utf_16(true, u16::to_be_bytes), None),
        (utf_16(false, u16::to_le_bytes), Some(TextEncoding::Utf16Le)),
        (utf_16(false, u16::to_be_bytes), Some(TextEncoding::Utf16Be)),
        (latin_1.clone(), Some(TextEncoding::Latin1)),
        (latin_1.clone(), Some(TextEncoding::Windows1252)),
        (carriage, None),
        (text.as_bytes().to_vec(), Some(TextEncoding::Utf8)),
    ];
    for (bytes, encoding) in files {
        let options = IngestOptions {
            encoding,
            ..options(Some("1d"), mapping)
        };
        let done = data.ingest(&bytes, &options).unwrap();
        assert_eq!(
            bars(&data, &done),
            ["2023-01-02 1 2 1 2 5", "2023-01-03 1 2 1 2 6"],
            "{encoding:?}"
        );
    }
    check_refused(
        &latin_1,
        &options(Some("1d"), mapping),
        "f.csv, line 1: no header: the line is not valid UTF-8; state --encoding, such as latin-1 or windows-1252",
    );
    check_refused(
        &utf_16(false, u16::to_le_bytes),
        &options(Some("1d"), mapping),
        "the line has null bytes; if it is UTF-16, state --encoding utf-16le or utf-16be",
    );
}
