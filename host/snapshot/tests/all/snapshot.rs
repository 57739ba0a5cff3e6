//! Whole snapshots: made of files good and bad, read back, and changed by a stranger.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use counterfoil_base::digest::Digest;
use counterfoil_snapshot::error::IngestError;
use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::source::choices::RepeatRule;
use counterfoil_snapshot::source::choices::TimeMeaning;
use counterfoil_snapshot::source::options::{IngestLimits, IngestOptions};
use counterfoil_snapshot::store::selection::BarSelection;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use proptest::prelude::*;

use crate::test_store::{HEADER, TestStore, chain_text, tests_data};

fn real() -> Vec<u8> {
    tests_data("us-equities-daily-2000-2013.csv.gz")
}

/// Ingests rows with the default options.
fn ingest_rows(data: &TestStore, rows: &str) -> Result<IngestOutcome, IngestError> {
    data.ingest_rows(rows, &IngestOptions::default())
}

/// The folders of all snapshots.
fn snapshots(data: &TestStore) -> Vec<PathBuf> {
    let entries = fs::read_dir(data.directory.path().join("snapshots")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn bars(selection: &BarSelection) -> Vec<ClosedBar> {
    let mut slices = selection.slices();
    let mut slice = Slice::default();
    let mut all = Vec::new();
    let mut last = None;
    while slices.next_into(&mut slice).unwrap() {
        assert!(last < slice.close_time(), "slices are in sequence");
        last = slice.close_time();
        all.extend_from_slice(slice.bars());
    }
    assert!(slice.bars().is_empty());
    assert!(!slices.next_into(&mut slice).unwrap());
    all
}

fn day(text: &str) -> Option<UnixNanos> {
    let moment: jiff::Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
    i64::try_from(moment.as_nanosecond()).ok().map(UnixNanos)
}

#[test]
fn every_row_of_the_real_file_is_a_bar_or_stands_in_quarantine() {
    let data = TestStore::new();
    let ingested = data.ingest(&real(), &IngestOptions::default()).unwrap();
    let report = &ingested.report;
    assert_eq!(report.rows, 12_154);
    assert_eq!(
        (report.bars, report.quarantined),
        (12_154, 0),
        "{:?}",
        report.examples
    );
    assert_eq!(report.timeframe.to_string(), "1d");
    assert_eq!(report.ignored_columns, ["Adj Close"]);
    assert_eq!(report.price_scale, 4);
    let manifest = &ingested.manifest;
    let symbols: Vec<&str> = manifest
        .instruments
        .iter()
        .map(|instrument| instrument.symbol.as_str())
        .collect();
    assert_eq!(symbols, ["AAPL", "FB", "GOOG", "IBM", "MSFT"]);
    assert_eq!(manifest.first_open(), day("2000-03-01"));
    assert_eq!(manifest.last_close(), day("2013-03-02"));
    let hex = "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd";
    assert_eq!(manifest.sources[0].sha256.hex(), hex);

    let snapshot = data.store.load(&ingested.id).unwrap();
    let verified = snapshot.verify_all().unwrap();
    assert_eq!((verified.files, verified.bars), (8, report.bars));
    let read = bars(&data.select(&ingested));
    assert_eq!(u64::try_from(read.len()).unwrap(), report.bars);
    let first = read[0].get();
    assert_eq!(first.close_time, day("2000-03-02").unwrap());
    assert_eq!(first.open.0, 1_185_600);
    assert_eq!(snapshot.quarantine(1_000).unwrap(), report.examples);
}

#[test]
fn the_same_file_gives_the_same_snapshot_and_is_there_only_once() {
    let data = TestStore::new();
    let first = data.ingest(&real(), &IngestOptions::default()).unwrap();
    let second = data.ingest(&real(), &IngestOptions::default()).unwrap();
    let elsewhere = TestStore::new()
        .ingest(&real(), &IngestOptions::default())
        .unwrap();
    assert_eq!((first.id, first.already_there), (second.id, false));
    assert!(second.already_there);
    assert_eq!(first.id, elsewhere.id);
    assert_eq!(first.manifest.id().unwrap(), first.id);
    assert_eq!(snapshots(&data).len(), 1, "no temporary directory is left");
    let list = data.store.list().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].manifest.as_ref().unwrap(), &first.manifest);
}

#[test]
fn a_snapshot_is_found_by_any_beginning_that_only_it_has() {
    let data = TestStore::new();
    assert!(data.store.list().unwrap().is_empty());
    let id = ingest_rows(&data, "A,2003-01-02,1,2,1,2,1\nA,2003-01-03,1,2,1,2,1\n")
        .unwrap()
        .id;
    for text in [
        id.to_string(),
        id.hex(),
        id.hex()[..4].to_owned(),
        format!("sha256:{}", &id.hex()[..4]),
    ] {
        assert_eq!(data.store.resolve(&text).unwrap(), id);
    }
    let other = if id.hex().starts_with('0') { "1" } else { "0" };
    assert!(
        data.store
            .resolve(other)
            .unwrap_err()
            .to_string()
            .contains("no snapshot")
    );
    for text in ["", "sha256:", "XY", "../..", "sha256:sha256:"] {
        assert!(
            data.store
                .resolve(text)
                .unwrap_err()
                .to_string()
                .contains("is not a valid snapshot id")
        );
    }
}

#[test]
fn a_flipped_byte_in_any_file_is_caught_and_the_file_named() {
    let data = TestStore::new();
    let ingested = ingest_rows(
        &data,
        "A,2003-01-02,1,2,1,2,1\nA,2003-01-03,1,2,1,2,1\nA,bad,1,2,1,2,1\n",
    )
    .unwrap();
    let directory = &snapshots(&data)[0];
    let names = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(names.len(), 4);
    for name in names {
        let path = directory.join(&name);
        let good = fs::read(&path).unwrap();
        for place in (0..good.len()).step_by(13) {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            let check = data
                .store
                .load(&ingested.id)
                .and_then(|snapshot| snapshot.verify_all());
            let error = check.unwrap_err().to_string();
            assert!(
                error.contains(&name) && error.contains("was changed"),
                "{place}: {error}"
            );
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        let check = data
            .store
            .load(&ingested.id)
            .and_then(|snapshot| snapshot.verify_all());
        assert!(check.unwrap_err().to_string().contains(&name));
        fs::write(&path, &good).unwrap();
    }
    data.store.load(&ingested.id).unwrap().verify_all().unwrap();
}

#[test]
fn a_slice_is_never_read_from_a_changed_batch() {
    let data = TestStore::new();
    let ingested = ingest_rows(&data, "A,2003-01-02,1,2,1,2,1\nA,2003-01-03,1,2,1,2,1\n").unwrap();
    let instrument = &ingested.manifest.instruments[0];
    let path = snapshots(&data)[0].join(&instrument.files[0].file);
    let good = fs::read(&path).unwrap();
    let batch = &instrument.batches[0];
    for place in batch.offset..batch.offset + batch.length {
        let mut bad = good.clone();
        bad[usize::try_from(place).unwrap()] ^= 1;
        fs::write(&path, &bad).unwrap();
        let read = data
            .select(&ingested)
            .slices()
            .next_into(&mut Slice::default());
        assert!(
            read.unwrap_err()
                .to_string()
                .contains("record batch 0 was changed")
        );
    }
    // Ingesting again does not call a damaged snapshot "already there".
    let again = ingest_rows(&data, "A,2003-01-02,1,2,1,2,1\nA,2003-01-03,1,2,1,2,1\n");
    assert!(again.unwrap_err().to_string().contains("damaged"));
    fs::remove_file(&path).unwrap();
    assert!(
        data.select(&ingested)
            .slices()
            .next_into(&mut Slice::default())
            .is_err()
    );
}

#[test]
fn a_range_is_one_of_open_times_and_its_commitment_is_that_of_its_bars() {
    let data = TestStore::new();
    let ingested = data.ingest(&real(), &IngestOptions::default()).unwrap();
    let snapshot = data.store.load(&ingested.id).unwrap();
    let symbols = ["MSFT".to_owned(), "AAPL".to_owned(), "FB".to_owned()];
    let ranges = [
        (None, None),
        (day("2003-01-02"), day("2003-01-04")),
        (day("2003-01-02"), None),
        (None, day("2012-06-01")),
        (day("1990-01-01"), day("1991-01-01")),
        (day("2000-03-01"), day("2013-03-02")),
    ];
    for (from, to) in ranges {
        let selection = snapshot.select(&symbols, from, to).unwrap();
        let names = selection.instruments();
        assert_eq!(
            names.iter().map(Instrument::symbol).collect::<Vec<_>>(),
            ["MSFT", "AAPL", "FB"]
        );
        let read = bars(&selection);
        let inside =
            |time: UnixNanos| from.is_none_or(|from| from <= time) && to.is_none_or(|to| time < to);
        assert!(read.iter().all(|bar| inside(bar.get().open_time)));
        let all = bars(&snapshot.select(&symbols, None, None).unwrap());
        assert_eq!(
            read.len(),
            all.iter().filter(|bar| inside(bar.get().open_time)).count()
        );
        for (id, commitment) in selection.commitment().unwrap().iter().enumerate() {
            let own = read.iter().filter(|bar| bar.get().instrument.index() == id);
            let own: Vec<ClosedBar> = own.copied().collect();
            let bytes: Vec<u8> = own.iter().flat_map(ClosedBar::canonical).collect();
            assert_eq!(commitment.bars_sha256, Digest::of(&bytes));
            assert_eq!(commitment.bars, u64::try_from(own.len()).unwrap());
            assert_eq!(
                commitment.first_close,
                own.first().map(|bar| bar.get().close_time)
            );
            assert_eq!(
                commitment.last_close,
                own.last().map(|bar| bar.get().close_time)
            );
        }
    }
    let two_days = snapshot
        .select(&symbols[1..2], day("2003-01-02"), day("2003-01-04"))
        .unwrap();
    assert_eq!(two_days.commitment().unwrap()[0].bars, 2);
    let error = snapshot
        .select(&["X".to_owned()], None, None)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "no instrument \"X\" in the snapshot; it has AAPL, FB, GOOG, IBM, MSFT"
    );
    assert!(
        snapshot
            .select(&[], day("2003-01-02"), day("2003-01-02"))
            .is_err()
    );
}

#[test]
fn bars_of_many_batches_are_read_whole_and_from_the_middle() {
    let data = TestStore::new();
    let mut csv = String::from("time,open,high,low,close,volume\n");
    for minute in 0..20_000 {
        let time = 1_000_000_000 + minute * 60;
        writeln!(csv, "{time},1.5,2,1,1.25,{minute}").unwrap();
    }
    let options = IngestOptions {
        symbol: Some("A".to_owned()),
        ..IngestOptions::default()
    };
    let ingested = data.ingest(csv.as_bytes(), &options).unwrap();
    assert_eq!(ingested.manifest.instruments[0].batches.len(), 3);
    let snapshot = data.store.load(&ingested.id).unwrap();
    assert_eq!(snapshot.verify_all().unwrap().bars, 20_000);
    for (from, to) in [
        (0, 20_000),
        (1, 3),
        (8_191, 8_193),
        (8_192, 16_384),
        (16_383, 20_000),
        (19_999, 20_000),
        (20_000, 20_001),
    ] {
        let time = |minute: i64| Some(UnixNanos((1_000_000_000 + minute * 60) * 1_000_000_000));
        let read = bars(&snapshot.select(&[], time(from), time(to)).unwrap());
        let volumes: Vec<i64> = read.iter().map(|bar| bar.get().volume.0).collect();
        assert_eq!(volumes, (from..to.min(20_000)).collect::<Vec<_>>());
    }
}

#[test]
fn times_that_are_closes_give_the_same_bars_as_times_that_are_opens() {
    let data = TestStore::new();
    let open = ingest_rows(
        &data,
        "A,2003-01-02T09:30:00Z,1,2,1,2,1\nA,2003-01-02T09:31:00Z,1,2,1,2,1\n",
    )
    .unwrap();
    let csv =
        format!("{HEADER}A,2003-01-02T09:31:00Z,1,2,1,2,1\nA,2003-01-02T09:32:00Z,1,2,1,2,1\n");
    let options = IngestOptions {
        time: Some(TimeMeaning::Close),
        ..IngestOptions::default()
    };
    let close = data.ingest(csv.as_bytes(), &options).unwrap();
    assert_ne!(open.id, close.id);
    let digest = |ingested: &IngestOutcome| ingested.manifest.instruments[0].bars_sha256;
    assert_eq!(digest(&open), digest(&close));
}

#[test]
fn a_bad_row_is_quarantined_with_line_and_reason_and_the_others_are_kept() {
    let data = TestStore::new();
    let mut csv = HEADER.as_bytes().to_vec();
    csv.extend_from_slice(b"A,2003-01-04,1,2,1,2,1\n\nA,2003-01-02,1,2,1,2,1\r\n");
    csv.extend_from_slice(b"A,2003-01-02,1,2,1,2,1\nA,2003-01-02,1,2,1,2,7\n");
    csv.extend_from_slice(
        b"A,2003-01-05,1,2,\xff,2,1\nA,2003-01-05,\0,2,1,2,1\nA,2003-01-05,\"1,2,1,2,1\n",
    );
    csv.extend_from_slice(format!("A,2003-01-05,{},2,1,2,1\n", "1".repeat(100_000)).as_bytes());
    csv.extend_from_slice(b"A,2003-01-05,1,2,1,2,1");
    let options = IngestOptions {
        repeats: Some(RepeatRule::First),
        ..IngestOptions::default()
    };
    let ingested = data.ingest(&csv, &options).unwrap();
    let report = &ingested.report;
    let rows: Vec<String> = report
        .examples
        .iter()
        .map(|row| format!("{} {} {}", row.line, row.reason, row.message))
        .collect();
    assert_eq!(
        rows,
        [
            "6 replaced has the time or id of line 4, which the rule for repeats keeps",
            "7 not-utf8 byte 18 is no UTF-8; another encoding is stated with --encoding",
            "8 number column open: \"\\0\" is not a decimal number",
            "9 quotes a quote is open at the end of the line",
            "10 row-too-long the row has 100022 bytes; its beginning is kept",
        ]
    );
    assert_eq!(
        (
            report.rows,
            report.bars,
            report.blank_lines,
            report.out_of_order
        ),
        (9, 3, 1, 1)
    );
    let reasons: BTreeMap<String, u64> = ingested.manifest.quarantine.reasons.clone();
    assert_eq!(reasons.values().sum::<u64>(), 5);
    let snapshot = data.store.load(&ingested.id).unwrap();
    assert_eq!(snapshot.quarantine(3).unwrap(), report.examples[..3]);
    assert_eq!(snapshot.verify_all().unwrap().quarantined, 5);
}

/// Options change the default; each error must name what is wrong, and leave nothing behind.
#[track_caller]
fn check_refused(csv: &[u8], options: &IngestOptions, expect: &str) {
    let data = TestStore::new();
    let error = data.ingest(csv, options).unwrap_err();
    let got = chain_text(&error);
    assert!(got.contains(expect), "{got}");
    if data.directory.path().join("snapshots").exists() {
        assert!(
            snapshots(&data).is_empty(),
            "{got}: left {:?}",
            snapshots(&data)
        );
    }
}

#[test]
fn a_file_that_is_none_is_refused_with_file_line_and_way_on() {
    let any = IngestOptions::default();
    let row = "A,2003-01-02,1,2,1,2,1\n";
    check_refused(b"", &any, "f.csv, line 1: no header: the file is empty");
    check_refused(b"\0\0\0\0", &any, "no header");
    check_refused(
        b"\xff\xfet\0i\0m\0e\0\n",
        &any,
        "no header: the line is not valid UTF-8",
    );
    check_refused(
        &vec![b','; 100_000],
        &any,
        "no header: the line is too long",
    );
    check_refused(row.as_bytes(), &any, "no header");
    check_refused(
        b"time,open,high,low,close,volume\n",
        &any,
        "no column for symbol",
    );
    check_refused(HEADER.as_bytes(), &any, "f.csv: it has no rows");
    check_refused(
        format!("{HEADER}A\n").as_bytes(),
        &any,
        "its only row is not a valid bar: line 2: 1 field",
    );
    check_refused(
        format!("{HEADER}{row}").as_bytes(),
        &any,
        "cannot infer the timeframe: no instrument has two bars; state it",
    );
    let epochs = format!("{HEADER}A,60,1,2,1,2,1\nA,120,1,2,1,2,1\n");
    check_refused(
        epochs.as_bytes(),
        &any,
        "line 2, column time: 60 could be s, ms, us or ns",
    );
}

#[test]
fn scales_and_timeframes_that_cannot_be_are_refused() {
    let any = IngestOptions::default();
    let row = "A,2003-01-02,1,2,1,2,1\n";
    let months = format!("{HEADER}A,2003-01-30,1,2,1,2,1\nA,2003-01-31,1,2,1,2,1\n");
    let options = IngestOptions {
        timeframe: Some("1M".parse().unwrap()),
        ..any.clone()
    };
    check_refused(
        months.as_bytes(),
        &options,
        "line 2: bars of 1M begin on the first day of a month, and most rows do not: this one is dated 2003-01-30; add \
         --time close if the file dates bars by their last day",
    );
    let closes = IngestOptions {
        time: Some(TimeMeaning::Close),
        ..options
    };
    let days = format!("{months}A,2003-01-29,1,2,1,2,1\n");
    check_refused(
        days.as_bytes(),
        &closes,
        "A: lines 4 and 2 would close at the same time as bars of 1M",
    );
    let fine = format!(
        "{HEADER}{row}A,2003-01-03,1,2,0.000000000000000001,2,1\nA,2003-01-04,5,50,5,5,1\n"
    );
    check_refused(
        fine.as_bytes(),
        &any,
        "line 4, prices: too large for 18 decimals, which line 3 has",
    );
    for (scale, tick) in [
        (Some(19), None),
        (None, Some("0")),
        (None, Some("x")),
        (Some(1), Some("0.05")),
    ] {
        let options = IngestOptions {
            price_scale: scale,
            tick: tick.map(str::to_owned),
            ..any.clone()
        };
        check_refused(format!("{HEADER}{row}").as_bytes(), &options, "option ");
    }
}

#[test]
fn a_bomb_or_a_torn_archive_is_refused() {
    let any = IngestOptions::default();
    let real = real();
    check_refused(
        &real[..real.len() / 2],
        &any,
        "f.csv: cannot be read after line ",
    );
    check_refused(&real[..12], &any, "cannot be read after line 0");
    let mut flipped = real.clone();
    flipped[real.len() / 2] ^= 0xff;
    assert!(TestStore::new().ingest(&flipped, &any).is_err());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(HEADER.as_bytes()).unwrap();
    for _ in 0..64 {
        gzip.write_all(&vec![b'0'; 1 << 16]).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    let limits = IngestLimits {
        bytes_max: 1 << 20,
        ..IngestLimits::default()
    };
    check_refused(
        &bomb,
        &IngestOptions {
            limits,
            ..any.clone()
        },
        "more than 1048576 bytes",
    );
    let limits = IngestLimits {
        rows_max: 100,
        ..IngestLimits::default()
    };
    check_refused(
        &real,
        &IngestOptions { limits, ..any },
        "line 102: more than 100 rows; split the file",
    );
}

#[test]
fn price_scale_and_tick_are_the_finest_of_the_file_or_as_given() {
    let data = TestStore::new();
    let csv = format!(
        "{HEADER}A,2003-01-02,1,2.125,1,2,1.5\nB,2003-01-02,1,2.10,1,2,1\nA,2003-01-03,1,2,1,2,1\n"
    );
    let scales = |options: &IngestOptions| {
        let ingested = data.ingest(csv.as_bytes(), options).unwrap();
        let instrument = &ingested.manifest.instruments[0];
        assert_eq!(ingested.manifest.instruments.len(), 2);
        (
            instrument.price_scale,
            instrument.tick_size,
            instrument.volume_scale,
            ingested.report.reasons,
        )
    };
    let none = BTreeMap::new();
    assert_eq!(scales(&IngestOptions::default()), (3, 1, 1, none.clone()));
    let options = IngestOptions {
        tick: Some("0.005".to_owned()),
        ..IngestOptions::default()
    };
    assert_eq!(scales(&options), (3, 5, 1, none.clone()));
    let options = IngestOptions {
        price_scale: Some(6),
        ..IngestOptions::default()
    };
    assert_eq!(scales(&options), (6, 1, 1, none));
    let options = IngestOptions {
        price_scale: Some(2),
        timeframe: Some("1d".parse().unwrap()),
        ..IngestOptions::default()
    };
    assert_eq!(
        scales(&options),
        (2, 1, 0, BTreeMap::from([("too-fine".to_owned(), 1)]))
    );
}

#[test]
fn volume_scale_and_lot_are_as_given_or_refused() {
    type Case = (
        Option<u8>,
        Option<u8>,
        Option<&'static str>,
        Result<(u8, u8, i64), &'static str>,
    );
    let data = TestStore::new();
    let csv = format!("{HEADER}A,2003-01-02,1,2,1,2,1.25\nA,2003-01-03,1,2,1,2,1\n");
    //  volume scale, quantity scale, lot; the resulting scales, or the error
    let table: [Case; 9] = [
        (None, None, None, Ok((2, 2, 1))),
        (Some(4), None, None, Ok((4, 2, 1))),
        (None, Some(3), None, Ok((2, 3, 1))),
        (None, None, Some("0.005"), Ok((2, 3, 5))),
        (None, Some(4), Some("0.005"), Ok((2, 4, 50))),
        (Some(1), None, None, Err("line 2 has 2")),
        (Some(19), None, None, Err("at most 18 decimals")),
        (None, None, Some("0"), Err("not above zero")),
        (None, Some(1), Some("0.05"), Err("lot")),
    ];
    for (volume_scale, quantity_scale, lot, expected) in table {
        let options = IngestOptions {
            volume_scale,
            quantity_scale,
            lot: lot.map(str::to_owned),
            ..IngestOptions::default()
        };
        let found = data.ingest(csv.as_bytes(), &options);
        match expected {
            Ok(scales) => {
                let instrument = &found.unwrap().manifest.instruments[0];
                let found = (
                    instrument.volume_scale,
                    instrument.quantity_scale,
                    instrument.lot_size,
                );
                assert_eq!(found, scales, "{options:?}");
            }
            Err(expected) => {
                let error = found.unwrap_err().to_string();
                assert!(error.contains(expected), "{error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sequence_of_rows_does_not_change_the_bars(
        rows in proptest::collection::btree_map((0_u8..3, 0_i64..500), 500_i64..1_000, 2..200)
            .prop_map(|rows| rows.into_iter().collect::<Vec<_>>())
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
    ) {
        let data = TestStore::new();
        let (sorted, shuffled) = rows;
        let options = IngestOptions { timeframe: Some("1m".parse().unwrap()), ..IngestOptions::default() };
        let digests = |rows: &[((u8, i64), i64)]| {
            let mut csv = String::from(HEADER);
            for ((symbol, minute), price) in rows {
                let time = 1_000_000_000 + minute * 60;
                writeln!(csv, "S{symbol},{time},{price},{price}.5,{price},{price},{minute}").unwrap();
            }
            let ingested = data.ingest(csv.as_bytes(), &options).unwrap();
            assert_eq!(ingested.report.quarantined, 0);
            let all = ingested.manifest.instruments.iter();
            all.map(|instrument| (instrument.symbol.clone(), instrument.bars_sha256, instrument.files[0].sha256)).collect::<Vec<_>>()
        };
        prop_assert_eq!(digests(&sorted), digests(&shuffled));
    }

    #[test]
    fn no_bytes_make_ingestion_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        header in any::<bool>(),
        gzip in any::<bool>(),
    ) {
        let mut csv = if gzip { vec![0x1f, 0x8b, 8, 0] } else { Vec::new() };
        csv.extend_from_slice(if header { HEADER.as_bytes() } else { b"" });
        csv.extend_from_slice(&bytes);
        drop(TestStore::new().ingest(&csv, &IngestOptions::default()));
    }

    #[test]
    fn no_text_makes_ingestion_panic(rows in "([A-B]{0,2},[0-9:T Z.-]{0,12},[0-9.\"-]{0,5},2,1,1.5?,[0-9]{0,20}\n?){0,20}") {
        if let Ok(ingested) = ingest_rows(&TestStore::new(), &rows) {
            prop_assert_eq!(ingested.report.rows, ingested.report.bars + ingested.report.quarantined);
        }
    }
}
