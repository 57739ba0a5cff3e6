//! The timeframe of a file is that of each of its instruments, and weeks and months are those of the calendar.

use core::fmt::Write as _;

use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::quality::findings::Severity;
use counterfoil_snapshot::source::choices::{SourceKind, TimeMeaning};
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use counterfoil_snapshot::store::selection::BarSelection;
use counterfoil_trading::slice::Slice;

use crate::test_store::{HEADER, TestStore, chain_text};

fn of(timeframe: &str) -> IngestOptions {
    IngestOptions {
        timeframe: (!timeframe.is_empty()).then(|| timeframe.parse().unwrap()),
        ..IngestOptions::default()
    }
}

fn rows(symbol: &str, times: &[String]) -> String {
    let row = |(number, time): (usize, &String)| format!("{symbol},{time},10,11,9,10,{number}\n");
    (1..).zip(times).map(row).collect()
}

fn dates(all: &[&str]) -> Vec<String> {
    all.iter().map(|date| (*date).to_owned()).collect()
}

/// So many minutes apart from half past two.
fn minutes(count: usize, apart: usize) -> Vec<String> {
    let at = |place: usize| {
        let minute = 14 * 60 + 30 + place * apart;
        format!(
            "2024-01-{:02}T{:02}:{:02}:00Z",
            2 + minute / 1_440,
            minute / 60 % 24,
            minute % 60
        )
    };
    (0..count).map(at).collect()
}

fn check_refused(rows: &str, options: &IngestOptions, expect: &str) {
    let error = TestStore::new().ingest_rows(rows, options).unwrap_err();
    let text = chain_text(&error);
    assert!(text.contains(expect), "{text}");
}

/// One timeframe was taken for all instruments, and a stated one that was shorter than the data was accepted: closes
/// were known before they happened.
#[test]
fn bars_that_are_longer_than_the_timeframe_are_refused() {
    let days = rows("A", &dates(&["2024-01-04", "2024-01-05", "2024-01-08"]));
    check_refused(
        &days,
        &of("1m"),
        "f.csv: A: 1 of 2 rows come 1d after the row before them (first in line 3): bars of 1m would have their closes \
         before they happened; state --timeframe 1d, or if other instruments have bars of 1m, ingest A from a file of \
         its own",
    );
    let mixed = rows("MINUTES", &minutes(300, 1)) + &rows("HOURS", &minutes(6, 60));
    for timeframe in ["", "1m"] {
        check_refused(
            &mixed,
            &of(timeframe),
            "f.csv: HOURS: 5 of 5 rows come 1h after",
        );
    }
    check_refused(
        &rows("A", &minutes(30, 5)),
        &of("1m"),
        "state --timeframe 5m",
    );
    let data = TestStore::new();
    // Sparse: few rows beside others, or as many of the timeframe.
    let sparse = rows("A", &minutes(300, 1)) + &rows("B", &minutes(3, 60));
    data.ingest_rows(&sparse, &of("")).unwrap();
    let mut some = minutes(10, 60);
    some.insert(1, "2024-01-02T14:31:00Z".to_owned());
    data.ingest_rows(&rows("A", &some), &of("1m")).unwrap();
    let friday = rows("A", &dates(&["2024-01-05", "2024-01-08"]));
    data.ingest_rows(&friday, &of("1d")).unwrap();
    // Bars that are made of trades have the timeframe, however rare they are.
    let trades = IngestOptions {
        kind: SourceKind::Trades,
        ..of("1m")
    };
    let mut hourly = "symbol,time,price,size\n".to_owned();
    for time in minutes(6, 60) {
        writeln!(hourly, "A,{time},10,1").unwrap();
    }
    data.ingest(hourly.as_bytes(), &trades).unwrap();
}

fn spans(data: &TestStore, done: &IngestOutcome) -> Vec<String> {
    let selection: BarSelection = data.select(done);
    let (mut slices, mut slice, mut all) = (selection.slices(), Slice::default(), Vec::new());
    while slices.next_into(&mut slice).unwrap() {
        all.extend(slice.bars().iter().map(|bar| {
            let bar = bar.get();
            format!(
                "{} {}",
                bar.open_time.date_or_time(),
                bar.close_time.date_or_time()
            )
        }));
    }
    all
}

/// Weeks were taken on any weekday and months on any day: two bars of one week were two decisions, and a month that is
/// dated by its last day was the next one.
#[test]
fn weeks_and_months_are_those_of_the_calendar() {
    let check = |timeframe: &str, time: Option<TimeMeaning>, days: &[&str], expect: &[&str]| {
        let data = TestStore::new();
        let options = IngestOptions {
            time,
            ..of(timeframe)
        };
        let done = data
            .ingest_rows(&rows("A", &dates(days)), &options)
            .unwrap();
        assert_eq!(spans(&data, &done), expect, "{days:?}");
        done
    };
    // A Tuesday after a holiday, and a download on a Wednesday.
    let days = ["2024-01-08", "2024-01-16", "2024-01-22", "2024-01-24"];
    let weeks = [
        "2024-01-08 2024-01-15",
        "2024-01-15 2024-01-22",
        "2024-01-22 2024-01-29",
    ];
    let done = check("1w", None, &days, &weeks);
    let left_out = &done.report.examples[0];
    assert_eq!((left_out.line, left_out.reason.as_str()), (5, "overlap"));
    let months = ["2024-01-01 2024-02-01", "2024-02-01 2024-03-01"];
    check("1M", None, &["2024-01-02", "2024-02-01"], &months);
    check(
        "1M",
        Some(TimeMeaning::Close),
        &["2024-01-31", "2024-02-29"],
        &months,
    );
    check(
        "",
        Some(TimeMeaning::Close),
        &["2024-01-31", "2024-02-29"],
        &months,
    );
    let sundays = ["2024-01-07", "2024-01-14"];
    let forex = ["2024-01-07 2024-01-14", "2024-01-14 2024-01-21"];
    check("1w", Some(TimeMeaning::Open), &sundays, &forex);
    let pandas = ["2024-01-01 2024-01-08", "2024-01-08 2024-01-15"];
    check("1w", Some(TimeMeaning::Close), &sundays, &pandas);
    let refused = |timeframe: &str, days: &[&str], expect: &str| {
        check_refused(&rows("A", &dates(days)), &of(timeframe), expect);
    };
    refused("1w", &sundays, "or --time open if it begins the week");
    refused(
        "",
        &["2024-01-05", "2024-01-12", "2024-01-19"],
        "begin on a Monday, and most rows do not: this one is dated 2024-01-05; add --time close",
    );
    refused(
        "1M",
        &["2024-01-31", "2024-02-29"],
        "f.csv, line 2: bars of 1M begin on the first day of a month",
    );
}

/// A local midnight is the date that it shows, also of a week.
#[test]
fn a_week_may_begin_at_a_local_midnight() {
    let data = TestStore::new();
    let times = dates(&["2024-03-04 00:00:00-05:00", "2024-03-11 00:00:00-04:00"]);
    let done = data.ingest_rows(&rows("A", &times), &of("1w")).unwrap();
    assert_eq!(
        spans(&data, &done),
        ["2024-03-04 2024-03-11", "2024-03-11 2024-03-18"]
    );
}

/// A mapping says what times mean, and the caller has the last word.
#[test]
fn the_caller_may_state_opens_where_a_mapping_states_closes() {
    let mapping = |time| IngestOptions {
        time,
        mapping: Some(SideFile {
            name: "m.json".to_owned(),
            bytes: br#"{"time":{"meaning":"close"}}"#.to_vec(),
        }),
        ..of("1h")
    };
    let data = TestStore::new();
    let csv = format!("{HEADER}A,2024-01-02T10:00:00Z,1,1,1,1,1\n");
    let hour = |time| spans(&data, &data.ingest(csv.as_bytes(), &mapping(time)).unwrap()).remove(0);
    assert_eq!(hour(None), "2024-01-02T09:00:00Z 2024-01-02T10:00:00Z");
    let opens = Some(TimeMeaning::Open);
    assert_eq!(hour(opens), "2024-01-02T10:00:00Z 2024-01-02T11:00:00Z");
}

/// Bars that are left out are listed by one finding, and `data report` counted one.
#[test]
fn a_rule_counts_bars_and_not_findings() {
    let data = TestStore::new();
    let hours = ["10:00", "11:07", "12:00", "13:09", "14:00", "15:00"];
    let rows = hours.map(|clock| format!("A,2024-03-04T{clock}Z,9,9,9,9,0\n"));
    let done = data.ingest_rows(&rows.concat(), &of("1h")).unwrap();
    let rules = &done.report.findings.rules;
    let count = |rule: &str| rules.get(rule).map(|found| found.count);
    assert_eq!(
        (count("off-grid"), count("zero-volume")),
        (Some(2), Some(4))
    );
    assert_eq!(done.report.findings.open(Severity::Error), 2);
    let snapshot = data.store.load(&done.id).unwrap();
    let found = snapshot.findings(usize::MAX).unwrap();
    let off_grid: Vec<_> = found.iter().filter(|one| one.rule == "off-grid").collect();
    assert_eq!(off_grid.len(), 1);
    assert_eq!(off_grid[0].count, Some(2));
}
