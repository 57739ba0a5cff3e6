//! Files that were read wrongly without a word, or refused without a way on: each gives the right bars, or an error that
//! says what to state.

use core::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use counterfoil_snapshot::source::formats::SourceFormat;
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use parquet::arrow::ArrowWriter;

use crate::test_store::{TestStore, chain_text, daily};
use crate::vendor_files::bars;

/// Rows of one symbol, by a format.
fn by_format(name: &str) -> IngestOptions {
    IngestOptions {
        symbol: Some("A".to_owned()),
        mapping: SourceFormat::named(name).map(SourceFormat::side_file),
        ..daily()
    }
}

fn by_mapping(mapping: &str) -> IngestOptions {
    IngestOptions {
        mapping: Some(SideFile {
            name: "m.json".to_owned(),
            bytes: mapping.as_bytes().to_vec(),
        }),
        ..by_format("")
    }
}

#[track_caller]
fn check_refused(file: &str, options: &IngestOptions, expect: &str) {
    let error = TestStore::new()
        .ingest(file.as_bytes(), options)
        .unwrap_err();
    let text = chain_text(&error);
    assert!(text.contains(expect), "{text}");
}

/// The days after the 12th were quarantined, and the others read as months.
#[test]
fn dates_with_the_day_first_are_not_read_as_months() {
    let file = "Date,Price,Open,High,Low,Vol.,Change %\n\
        12/01/2024,10,10,11,9,1K,0%\n15/01/2024,10,10,11,9,1K,0%\n16/01/2024,10,10,11,9,1K,0%\n";
    check_refused(
        file,
        &by_format("investing"),
        "f.csv, line 3, column Date: \"15/01/2024\" is no date by %m/%d/%Y, and is one by %d/%m/%Y: the day is first; \
         state \"time\": {\"format\": \"%d/%m/%Y\"} in a mapping, or --format investing-uk",
    );
    let data = TestStore::new();
    let done = data
        .ingest(file.as_bytes(), &by_format("investing-uk"))
        .unwrap();
    assert_eq!((done.report.bars, done.report.quarantined), (3, 0));
}

/// Every row was invalid, although an index has no volume.
#[test]
fn volumes_that_are_absent_throughout_are_no_volume() {
    for missing in ["", "-", "--", "NaN", "null", "N/A"] {
        let file = format!(
            "time,open,high,low,close,volume\n2024-01-02,10,11,9,10,{missing}\n2024-01-03,10,11,9,10,{missing}\n\
             2024-01-04,10,8,9,10,{missing}\n"
        );
        let data = TestStore::new();
        let done = data.ingest(file.as_bytes(), &by_format("")).unwrap();
        assert_eq!(done.report.without_volume, ["A"], "{missing}");
        assert_eq!((done.report.bars, done.report.quarantined), (2, 1));
        // One of the rows has a volume.
        let mixed = format!("{file}2024-01-05,10,11,9,10,7\n");
        let done = data.ingest(mixed.as_bytes(), &by_format("")).unwrap();
        let first = &done.report.examples[0];
        assert_eq!((done.report.bars, first.reason.as_str()), (1, "no-volume"));
        assert!(first.message.contains("state --no-volume"), "{missing}");
    }
    // An index beside shares: every row of it was invalid.
    let two = "symbol,time,open,high,low,close,volume\nSPX,2024-01-02,10,11,9,10,-\nSPY,2024-01-02,10,11,9,10,7\n\
               SPX,2024-01-03,10,11,9,10,\nSPY,2024-01-03,10,11,9,10,\n";
    let data = TestStore::new();
    let done = data.ingest(two.as_bytes(), &daily()).unwrap();
    assert_eq!(done.report.without_volume, ["SPX"]);
    let examples = &done.report.examples;
    let lines: Vec<u64> = examples.iter().map(|row| row.line).collect();
    assert_eq!((done.report.bars, lines), (3, vec![5]), "{examples:?}");
    let index = "Date,Close/Last,Open,High,Low\n01/03/2024,10,10,11,9\n";
    check_refused(index, &by_format("nasdaq"), "or state --no-volume");
    let options = IngestOptions {
        has_no_volume: true,
        ..by_format("nasdaq")
    };
    let data = TestStore::new();
    let done = data.ingest(index.as_bytes(), &options).unwrap();
    assert_eq!(bars(&data, &done), ["2024-01-03 10 11 9 10 0"]);
}

/// Half of the rows went into quarantine, with one finding that named no flag.
#[test]
fn daily_bars_that_move_with_the_clocks_ask_for_a_zone() {
    let mut file = "time,open,high,low,close,Volume\n".to_owned();
    // Trading days around 10 March 2024, at 09:30 in New York.
    let winter = [1_709_562_600, 1_709_649_000, 1_709_735_400];
    let summer = [1_710_163_800, 1_710_250_200, 1_710_336_600];
    for time in winter.into_iter().chain(summer) {
        writeln!(file, "{time},10,11,9,10,7").unwrap();
    }
    check_refused(
        &file,
        &by_format("tradingview"),
        "A: 3 bars open at 13:30 and 3 at 14:30 UTC, an hour apart, as where clocks change; state the exchange's zone \
         with --zone, such as America/New_York",
    );
    let options = IngestOptions {
        zone: Some("America/New_York".to_owned()),
        ..by_format("tradingview")
    };
    let done = TestStore::new().ingest(file.as_bytes(), &options).unwrap();
    assert_eq!((done.report.bars, done.report.quarantined), (6, 0));
}

/// The zone was compared as text, and the times taken for UTC.
#[test]
fn a_zone_in_a_pattern_is_stated_or_read() {
    let file = "time,open,high,low,close,volume\n2024-07-03 09:30 EST,10,11,9,10,7\n";
    check_refused(
        file,
        &by_mapping(r#"{"time": {"format": "%Y-%m-%d %H:%M EST"}}"#),
        "time.format: EST is text of the pattern, and no zone is read from it: state the zone as time.zone or with \
         --zone",
    );
    check_refused(
        file,
        &by_mapping(r#"{"time": {"format": "%Y-%m-%d %H:%M %Q"}}"#),
        "EST is an abbreviation and not a zone's name",
    );
    let data = TestStore::new();
    let stated =
        by_mapping(r#"{"time": {"format": "%Y-%m-%d %H:%M EST", "zone": "America/New_York"}}"#);
    let done = data.ingest(file.as_bytes(), &stated).unwrap();
    assert_eq!(bars(&data, &done), ["2024-07-03T13:30:00Z 10 11 9 10 7"]);
}

#[test]
fn a_file_that_is_no_table_and_columns_of_date_and_clock_say_what_to_do() {
    check_refused(
        "[{\"open\": 1}]",
        &by_format(""),
        "it is JSON; write it as CSV",
    );
    check_refused("<!DOCTYPE html><html>", &by_format(""), "it is a web page");
    let file = "date,time,open,high,low,close,volume\n2024-01-02,14:30,10,11,9,10,7\n";
    let way_on = r#""time": {"columns": ["date", "time"]}"#;
    check_refused(file, &by_format(""), way_on);
    let data = TestStore::new();
    let done = data
        .ingest(file.as_bytes(), &by_mapping(&format!("{{{way_on}}}")))
        .unwrap();
    assert_eq!(bars(&data, &done), ["2024-01-02T14:30:00Z 10 11 9 10 7"]);
    let long = "Q".repeat(5_000);
    let file = format!("{long},time\n1,2\n");
    let error = TestStore::new()
        .ingest(file.as_bytes(), &by_format(""))
        .unwrap_err();
    assert!(error.to_string().len() < 600, "{error}");
}

/// Headers as spreadsheets and programs write them had no way on, and a column was named "Day" that was not there.
#[test]
fn a_header_of_other_names_has_a_way_on() {
    let plain = by_format("");
    let check = |file: &str, expect: &str| check_refused(file, &plain, expect);
    check("sep=;\nDate;Open\n", "state --skip 1 --delimiter \";\"");
    check(
        "sep=,\nDate,Open\n",
        "sign between fields: state --skip 1; the first line",
    );
    check(
        "# Source: Acme\nDate,Open,High,Low,Close,Volume\n",
        "if the names are further down, state --skip LINES",
    );
    check(
        "Day,O,H,L,C,V\n2024-01-02,9,9,9,9,5\n",
        "or name them in a mapping: \"time\": {\"columns\": [\"Day\"]}, \"columns\": {\"open\": \"O\"",
    );
    check(
        "Trade Date,Open,High,Low,Close,Volume\n",
        "no column for time: name it time, timestamp, ts, date, datetime; the header has Trade Date, Open, High, Low, \
         Close, Volume; or name it in a mapping: \"time\": {\"columns\": [\"Trade Date\"]}",
    );
    // One column for each symbol; the way on is one that works.
    let closes = "Date,AAPL,MSFT\n2024-01-02,185,370\n2024-01-03,186,371\n";
    let way_on = r#""columns": {"open": "AAPL", "high": "AAPL", "low": "AAPL", "close": "AAPL", "volume": null}"#;
    check(closes, way_on);
    let data = TestStore::new();
    let done = data
        .ingest(closes.as_bytes(), &by_mapping(&format!("{{{way_on}}}")))
        .unwrap();
    assert_eq!(
        bars(&data, &done),
        [
            "2024-01-02 185 185 185 185 0",
            "2024-01-03 186 186 186 186 0"
        ]
    );
    // Rows that end with the sign between fields.
    let ends = "Date,Open,High,Low,Close,Volume\n2024-01-02,10,11,9,10,7,\n";
    check(ends, "with \"header\": false and \"skip\": 1");
    let by_place = by_mapping(
        r#"{"header": false, "skip": 1, "time": {"columns": [1]}, "columns":
            {"open": 2, "high": 3, "low": 4, "close": 5, "volume": 6}}"#,
    );
    let done = data.ingest(ends.as_bytes(), &by_place).unwrap();
    assert_eq!(bars(&data, &done), ["2024-01-02 10 11 9 10 7"]);
}

/// pandas writes two levels of columns into Parquet as names that are tuples.
#[test]
fn parquet_with_tuples_as_names_is_a_row_for_each_instrument() {
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (symbol, base) in [("SPY", 10.0), ("QQQ", 20.0)] {
        for (field, add) in [("Open", 0.5), ("High", 1.0), ("Low", 0.0), ("Close", 0.25)] {
            let values = Float64Array::from(vec![
                Some(base + add),
                (symbol == "SPY").then_some(base + add),
            ]);
            columns.push((format!("('{field}', '{symbol}')"), Arc::new(values)));
        }
        let volume = Int64Array::from(vec![Some(7), (symbol == "SPY").then_some(7)]);
        columns.push((format!("('Volume', '{symbol}')"), Arc::new(volume)));
    }
    let dates = StringArray::from(vec!["2024-01-02", "2024-01-03"]);
    columns.push(("Date".to_owned(), Arc::new(dates)));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let data = TestStore::new();
    let done = data.ingest(&bytes, &daily()).unwrap();
    assert_eq!(done.report.quarantined, 0);
    let symbols: Vec<(&str, u64)> = done
        .manifest
        .instruments
        .iter()
        .map(|one| (one.symbol.as_str(), one.bars))
        .collect();
    assert_eq!(symbols, [("QQQ", 1), ("SPY", 2)]);
    assert_eq!(
        bars(&data, &done)[1],
        "2024-01-02 10.50 11.00 10.00 10.25 7"
    );
}

/// Each bar was a day late, and a warning spoke of a split.
#[test]
fn daily_rows_at_the_close_ask_what_their_times_mean() {
    let rows = |days: core::ops::Range<u32>, clock: &str| {
        let mut file = "time,open,high,low,close,volume\n".to_owned();
        for day in days {
            writeln!(file, "2024-06-{day:02}T{clock}-04:00,10,11,9,10,{day}").unwrap();
        }
        file
    };
    let week = rows(3..8, "16:00:00");
    check_refused(
        &week,
        &by_format(""),
        "f.csv, line 6: daily rows at 16:00, from Monday to Friday: if the day closes then, state --time close; if it \
         opens then, --time open",
    );
    let data = TestStore::new();
    for (time, first) in [
        ("close", "2024-06-02T20:00:00Z"),
        ("open", "2024-06-03T20:00:00Z"),
    ] {
        let options = IngestOptions {
            time: Some(time.parse().unwrap()),
            ..by_format("")
        };
        let done = data.ingest(week.as_bytes(), &options).unwrap();
        assert!(bars(&data, &done)[0].starts_with(first), "{time}");
    }
    // From Sunday to Thursday: days that open on the evening before. In the morning: opens.
    for file in [rows(2..7, "17:00:00"), rows(3..8, "09:30:00")] {
        assert_eq!(
            data.ingest(file.as_bytes(), &by_format(""))
                .unwrap()
                .report
                .bars,
            5
        );
    }
}
