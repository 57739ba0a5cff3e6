//! Ingestion of more rows than are held in memory: the result is the same as with all of them in
//! memory, and the result is that of a model.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::source::choices::{GapRule, RepeatRule, SourceKind};
use counterfoil_snapshot::source::options::{IngestLimits, IngestOptions, SideFile};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::DAY_NANOS;
use proptest::prelude::*;

use crate::test_store::{TestStore, daily};

/// Ingests a file with so many rows in memory, and returns the store as well.
fn ingest(csv: &str, options: &IngestOptions, rows_in_memory: usize) -> (TestStore, IngestOutcome) {
    let data = TestStore::new();
    let options = IngestOptions {
        limits: IngestLimits {
            rows_in_memory,
            ..IngestLimits::default()
        },
        ..options.clone()
    };
    let done = data.ingest(csv.as_bytes(), &options).unwrap();
    let folder = data.directory.path().join("normalized");
    let left = folder.read_dir().unwrap().count();
    assert_eq!(left, 1, "no temporary folder is left");
    (data, done)
}

/// A row of a source: instrument, day, close, and whether the row is invalid.
type Given = (u8, i64, u8, bool);

/// What a source should become: the bars of each instrument as day and close, the lines that are
/// quarantined with their reasons, and the number of rows that were late.
#[derive(Debug, Default, Eq, PartialEq)]
struct Model {
    bars: BTreeMap<String, Vec<(i64, i64)>>,
    quarantine: Vec<(u64, String)>,
    late: u64,
}

fn model(rows: &[Given], rule: RepeatRule) -> Model {
    let mut model = Model::default();
    let mut kept: BTreeMap<String, BTreeMap<i64, (u64, i64)>> = BTreeMap::new();
    for (line, (symbol, day, close, is_bad)) in (2..).zip(rows) {
        if *is_bad {
            let reason = "number column high: \"x\" is not a decimal number".to_owned();
            model.quarantine.push((line, reason));
            continue;
        }
        let close = i64::from(*close) + 1;
        let days = kept.entry(format!("S{symbol}")).or_default();
        if let Some((first, there)) = days.get_mut(day) {
            // A repeat with the same values is one row with the first.
            if *there != close {
                let (dropped, kept) = match rule {
                    RepeatRule::Last => (*first, line),
                    RepeatRule::First | RepeatRule::MoreVolume | RepeatRule::Refuse => {
                        (line, *first)
                    }
                };
                model.quarantine.push((dropped, replaced(kept)));
                if rule == RepeatRule::Last {
                    (*first, *there) = (line, close);
                }
            }
            continue;
        }
        let latest = days.last_key_value().map(|(latest, _)| *latest);
        model.late += u64::from(latest.is_some_and(|latest| latest > *day));
        days.insert(*day, (line, close));
    }
    model.quarantine.sort();
    model.bars = kept
        .into_iter()
        .map(|(symbol, days)| {
            let bars = days.into_iter().map(|(day, (_, close))| (day, close));
            (symbol, bars.collect())
        })
        .collect();
    model
}

fn replaced(kept: u64) -> String {
    format!("replaced has the time or id of line {kept}, which the rule for repeats keeps")
}

fn found(data: &TestStore, done: &IngestOutcome) -> Model {
    let snapshot = data.store.load(&done.id).unwrap();
    let selection = snapshot.select(&[], None, None).unwrap();
    let names: Vec<String> = selection
        .instruments()
        .iter()
        .map(|instrument| instrument.symbol().to_owned())
        .collect();
    let mut bars: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    let (mut slices, mut slice) = (selection.slices(), Slice::default());
    while slices.next_into(&mut slice).unwrap() {
        for bar in slice.bars() {
            let raw = bar.get();
            let name = &names[usize::try_from(raw.instrument.0).unwrap()];
            let bar = (raw.open_time.0 / DAY_NANOS, raw.close.0);
            bars.entry(name.clone()).or_default().push(bar);
        }
    }
    let quarantine = snapshot.quarantine(usize::MAX).unwrap().into_iter();
    let mut quarantine: Vec<(u64, String)> = quarantine
        .map(|row| (row.line, format!("{} {}", row.reason, row.message)))
        .collect();
    quarantine.sort();
    Model {
        bars,
        quarantine,
        late: done.report.out_of_order,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_in_any_sequence_become_what_a_model_says_however_few_are_in_memory(
        mut rows in proptest::collection::vec((0_u8..3, 0_i64..40, 0_u8..3, prop::bool::weighted(0.1)), 0..120),
        few in 1_usize..8,
        rule in prop_oneof![Just(RepeatRule::First), Just(RepeatRule::Last)],
    ) {
        // A file without a single bar is refused; this row is one.
        rows.insert(0, (0, 50, 0, false));
        let mut csv = "symbol,time,open,high,low,close,volume\n".to_owned();
        for (symbol, day, close, is_bad) in &rows {
            let close = i64::from(*close) + 1;
            let high = if *is_bad { "x".to_owned() } else { close.to_string() };
            let day = format!("1970-{:02}-{:02}", 1 + day / 28, 1 + day % 28);
            writeln!(csv, "S{symbol},{day},{close},{high},{close},{close},{}", close + 7).unwrap();
        }
        // Of 1970 the days since its first, as the rows above write them.
        let day = |day: i64| day / 28 * 31 + day % 28;
        let rows: Vec<Given> = rows.into_iter().map(|(a, b, c, d)| (a, day(b), c, d)).collect();
        let options = IngestOptions { repeats: Some(rule), gaps: GapRule::Any, ..daily() };
        let (data, done) = ingest(&csv, &options, few);
        prop_assert_eq!(found(&data, &done), model(&rows, rule));
        let (_, whole) = ingest(&csv, &options, 100_000);
        prop_assert_eq!(done.id, whole.id);
    }
}

#[test]
fn trades_of_few_in_memory_become_the_same_bars_and_repeats_are_told_by_line() {
    let mut csv = "symbol,time,price,size,id\n".to_owned();
    let mut seen: BTreeMap<(u32, String), u64> = BTreeMap::new();
    let mut expected = Vec::new();
    for (number, line) in (0..500_u32).zip(2..) {
        // Backwards, two instruments, every seventh id a second time, some rows no trade.
        let symbol = number % 2;
        let id = (if number % 7 == 6 { number - 4 } else { number }) ^ 8;
        let second = 1_500_000_000 + 3 * (500 - number);
        let price = if number % 50 == 9 {
            0
        } else {
            100 + number % 3
        };
        let id = if number % 11 == 0 {
            String::new()
        } else {
            id.to_string()
        };
        writeln!(csv, "T{symbol},{second},{price},1,{id}").unwrap();
        let first = seen.get(&(symbol, id.clone()));
        if price == 0 {
            let reason = format!(
                "not-positive price 0 is not above zero; if T{symbol} traded so, ingest it with --negative-prices \
                 T{symbol}"
            );
            expected.push((line, reason));
        } else if let Some(first) = first.filter(|_| !id.is_empty()) {
            expected.push((line, replaced(*first)));
        } else {
            seen.insert((symbol, id), line);
        }
    }
    assert!(expected.len() > 50, "{}", expected.len());
    let options = IngestOptions {
        kind: SourceKind::Trades,
        repeats: Some(RepeatRule::First),
        timeframe: Some("1m".parse().unwrap()),
        ..IngestOptions::default()
    };
    let (data, few) = ingest(&csv, &options, 3);
    let (_, all) = ingest(&csv, &options, 100_000);
    assert_eq!(few.id, all.id);
    assert_eq!(few.manifest.instruments.len(), 2);
    assert_eq!(found(&data, &few).quarantine, expected);
}

#[test]
fn a_ticker_that_changes_hands_does_so_however_few_rows_are_in_memory() {
    let mut csv = "symbol,time,open,high,low,close,volume\n".to_owned();
    for day in 1..=28 {
        for (symbol, price) in [("FB", 10), ("META", 70), ("OLD", 5)] {
            // Both are there for some days after the change.
            if symbol != "FB" || day < 20 {
                let row =
                    format!("{symbol},2022-02-{day:02},{price},{price},{price},{price},{day}");
                writeln!(csv, "{row}").unwrap();
            }
        }
    }
    let options = IngestOptions {
        timeframe: None,
        actions: Some(SideFile {
            name: "a.csv".to_owned(),
            bytes: b"instrument,ex_date,action,value\nFB,2022-02-15,symbol,META\n\
                     META,2022-02-10,symbol,OLD\n"
                .to_vec(),
        }),
        ..IngestOptions::default()
    };
    let (data, few) = ingest(&csv, &options, 2);
    let (_, all) = ingest(&csv, &options, 100_000);
    assert_eq!(few.id, all.id);
    let bars: Vec<(&str, u64)> = few
        .manifest
        .instruments
        .iter()
        .map(|instrument| (instrument.symbol.as_str(), instrument.bars))
        .collect();
    assert_eq!(bars, [("FB", 28), ("META", 14), ("OLD", 9)]);
    let found = found(&data, &few);
    assert_eq!(found.quarantine.len(), 24, "{:?}", found.quarantine);
}
