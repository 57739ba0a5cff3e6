//! Bars, dates of actions and sessions are joined in the exchange's calendar, and what ingestion keeps is what a run
//! of the timeframe may have.

use core::fmt::Write as _;

use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::quality::findings::{QualityFinding, Severity};
use counterfoil_snapshot::source::choices::TimeMeaning;
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use counterfoil_trading::bar::RawBar;
use counterfoil_trading::bar_grid::BarSequence;
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::exchange_calendar::InstrumentCalendars;
use counterfoil_trading::slice::Slice;
use proptest::prelude::*;

use crate::test_store::TestStore;

const YORK: &str = r#"{"zone":"America/New_York","weekdays":["mon","tue","wed","thu","fri"],"open":"09:30","close":"16:00","early_closes":{"2024-07-03":"13:00"}}"#;

fn side(text: &str) -> Option<SideFile> {
    (!text.is_empty()).then(|| SideFile {
        name: "side".to_owned(),
        bytes: text.as_bytes().to_vec(),
    })
}

fn options(timeframe: &str, mapping: &str) -> IngestOptions {
    IngestOptions {
        symbol: Some("A".to_owned()),
        timeframe: Some(timeframe.parse().unwrap()),
        mapping: side(mapping),
        ..IngestOptions::default()
    }
}

/// Rows at these times, with volumes that differ.
fn rows_at<T: AsRef<str>>(times: &[T]) -> String {
    let mut csv = "date,open,high,low,close,volume\n".to_owned();
    for (number, time) in (1..).zip(times) {
        writeln!(csv, "{},10,11,9,10,{number}", time.as_ref()).unwrap();
    }
    csv
}

fn bars(data: &TestStore, done: &IngestOutcome) -> Vec<RawBar> {
    let mut slices = data.select(done).slices();
    let (mut slice, mut all) = (Slice::default(), Vec::new());
    while slices.next_into(&mut slice).unwrap() {
        all.extend(slice.bars().iter().map(|bar| *bar.get()));
    }
    all
}

fn spans(data: &TestStore, done: &IngestOutcome) -> Vec<String> {
    let all = bars(data, done).into_iter();
    let text = |bar: RawBar| {
        let (open, close) = (bar.open_time, bar.close_time);
        format!("{} {}", open.date_or_time(), close.date_or_time())
    };
    all.map(text).collect()
}

/// Daily bars at New York's or Tokyo's midnight were bars of those hours: a split given by date applied a bar early,
/// and a resting limit filled at a price that never was.
#[test]
fn a_local_midnight_is_the_date_that_it_shows() {
    let dates = [
        "2024-03-08",
        "2024-03-10",
        "2024-03-11",
        "2024-11-03",
        "2024-11-04",
    ];
    let data = TestStore::new();
    let plain = data
        .ingest(rows_at(&dates).as_bytes(), &options("1d", ""))
        .unwrap();
    let york = r#"{"time":{"zone":"America/New_York"}}"#;
    // A forex broker's clock, and an offset that no clock changes.
    let server = r#"{"time":{"zone":"America/New_York+07:00"}}"#;
    let fixed = r#"{"time":{"zone":"-05:00"}}"#;
    let shown = r#"{"time":{"dates":true}}"#;
    let in_york = r#"{"time":{"zone":"America/New_York","dates":true}}"#;
    let stated = r#"{"time":{"format":"%Y-%m-%d %H:%M:%S%:z"}}"#;
    let named = r#"{"time":{"format":"%Y-%m-%d %H:%M:%S %Q"}}"#;
    let cases = [
        ("", "DATE 00:00:00-OFFSET:00"),
        ("", "DATET00:00:00+09:00"),
        (york, "DATE 00:00:00"),
        (york, "DATETOFFSET:00:00Z"),
        (server, "DATE 00:00:00"),
        (fixed, "DATE 00:00:00"),
        (stated, "DATE 00:00:00-OFFSET:00"),
        (named, "DATE 00:00:00 America/New_York"),
        (shown, "DATET16:00:00-OFFSET:00"),
        (shown, "DATET21:00:00Z"),
        (in_york, "DATET23:00:00Z"),
    ];
    for (mapping, pattern) in cases {
        let times = dates.map(|date| {
            let is_summer = ("2024-03-11".."2024-11-04").contains(&date);
            let offset = if is_summer { "04" } else { "05" };
            pattern.replace("DATE", date).replace("OFFSET", offset)
        });
        let done = data
            .ingest(rows_at(&times).as_bytes(), &options("1d", mapping))
            .unwrap();
        assert_eq!(
            done.manifest.data_sha256, plain.manifest.data_sha256,
            "{pattern} {mapping}"
        );
    }
}

/// Checks when a split of 11 January and a dividend of noon UTC on 11 July come, with rows at these times.
#[track_caller]
fn check_action_times(
    timeframe: &str,
    mapping: &str,
    calendar: &str,
    times: &[&str],
    expect: [&str; 2],
) {
    let actions = "instrument,ex_date,action,value\nA,2024-01-11,split,2:1\nA,2024-07-11T12:00:00Z,dividend,1\n";
    let data = TestStore::new();
    let with = IngestOptions {
        actions: side(actions),
        calendar: side(calendar),
        ..options(timeframe, mapping)
    };
    let done = data.ingest(rows_at(times).as_bytes(), &with).unwrap();
    let found = data.select(&done).actions().unwrap();
    let found = found
        .iter()
        .filter(|one| one.kind != CorporateActionKind::SessionEnd);
    let found: Vec<String> = found.map(|one| one.ex_time.rfc3339()).collect();
    assert_eq!(found, expect, "{timeframe} {times:?}");
}

/// The dates of actions were midnights in UTC, and a split came before the last hours of the day before in New York.
#[test]
fn dates_of_actions_begin_with_the_days_of_the_bars() {
    let check = check_action_times;
    let noon = "2024-07-11T12:00:00Z";
    let utc = ["2024-01-11T00:00:00Z", noon];
    let york = ["2024-01-11T05:00:00Z", noon];
    let hours = [
        "2024-01-10T19:00:00-05:00",
        "2024-01-11T04:00:00-05:00",
        "2024-07-12T04:00:00-04:00",
    ];
    check("1h", "", "", &hours, york);
    let zulu = [
        "2024-01-11T00:00:00Z",
        "2024-01-11T09:00:00Z",
        "2024-07-12T08:00:00Z",
    ];
    check("1h", "", "", &zulu, utc);
    check("1h", "", YORK, &zulu, york);
    check(
        "1h",
        r#"{"time":{"zone":"America/New_York"}}"#,
        "",
        &zulu,
        york,
    );
    let tokyo = [
        "2024-01-10T08:00:00+09:00",
        "2024-01-10T09:00:00+09:00",
        "2024-01-11T09:00:00+09:00",
        "2024-07-12T09:00:00+09:00",
    ];
    check("1h", "", "", &tokyo, ["2024-01-10T15:00:00Z", noon]);
    // Dates stand for the trading days of any exchange.
    check(
        "1d",
        "",
        YORK,
        &["2024-01-10", "2024-01-11", "2024-07-12"],
        utc,
    );
    let midnights = [
        "2024-01-10 00:00:00-05:00",
        "2024-01-11 00:00:00-05:00",
        "2024-07-12 00:00:00-04:00",
    ];
    check("1d", "", "", &midnights, utc);
}

/// A bar from 09:30 to 09:30 holds the midnight of the next date, and a split of that date came a bar early.
#[test]
fn dates_of_actions_begin_with_the_trading_day_of_daily_bars_at_any_hour() {
    let check = check_action_times;
    let noon = "2024-07-11T12:00:00Z";
    let mornings = [
        "2024-01-10T09:30:00-05:00",
        "2024-01-11T09:30:00-05:00",
        "2024-07-12T09:30:00-04:00",
    ];
    check("1d", "", "", &mornings, ["2024-01-11T14:30:00Z", noon]);
    check("1d", "", YORK, &mornings, ["2024-01-11T14:30:00Z", noon]);
    // A day of currencies begins on the evening before its date.
    let evenings = [
        "2024-01-09T17:00:00-05:00",
        "2024-01-10T17:00:00-05:00",
        "2024-07-11T17:00:00-04:00",
    ];
    check("1d", "", "", &evenings, ["2024-01-10T22:00:00Z", noon]);
}

/// The calendars of a snapshot, as `symbols zone first offset, anchor, close`.
#[track_caller]
fn check_calendars(timeframe: &str, calendar: &str, rows: &str, expect: &[&str]) {
    let data = TestStore::new();
    let with = IngestOptions {
        calendar: side(calendar),
        timeframe: Some(timeframe.parse().unwrap()),
        ..IngestOptions::default()
    };
    let done = data.ingest_rows(rows, &with).unwrap();
    let got = done.manifest.calendars.iter().map(|entry| {
        let offset = entry.offsets.first().map_or("none", String::as_str);
        let close = entry.close.as_deref().unwrap_or("none");
        let symbols = entry.instruments.join("+");
        format!(
            "[{symbols}] {} {offset} {} {close}",
            entry.zone, entry.anchor
        )
    });
    assert_eq!(got.collect::<Vec<_>>(), expect, "{rows}");
}

#[test]
fn the_grid_begins_where_most_bars_do() {
    let row = |symbol: &str, time: &str| format!("{symbol},{time},5,5,5,5,1\n");
    let a = |times: &[&str]| times.iter().map(|time| row("A", time)).collect::<String>();
    check_calendars(
        "1h",
        "",
        &a(&["2024-01-02T14:00:00Z", "2024-01-02T15:00:00Z"]),
        &[],
    );
    let half = a(&["2024-01-02T14:30:00Z", "2024-01-02T15:30:00Z"]);
    check_calendars("1h", "", &half, &["[] UTC none 00:30 none"]);
    check_calendars(
        "1h",
        YORK,
        &half,
        &["[] America/New_York -05:00 09:30 16:00"],
    );
    // A vendor that cuts at whole hours.
    let whole = a(&["2024-01-02T14:00:00Z", "2024-01-02T15:00:00Z"]);
    check_calendars(
        "1h",
        YORK,
        &whole,
        &["[] America/New_York -05:00 00:00 16:00"],
    );
    // Each on its own grid, and B on that of UTC.
    let both = half.clone() + &row("B", "2024-01-02T14:00:00Z") + &row("B", "2024-01-02T16:00:00Z");
    check_calendars("1h", "", &both, &["[A] UTC none 00:30 none"]);
    // Four hours from the opening, in winter and in summer.
    let four = a(&[
        "2024-03-08T14:30:00Z",
        "2024-03-08T18:30:00Z",
        "2024-03-11T13:30:00Z",
        "2024-03-11T17:30:00Z",
    ]);
    check_calendars(
        "4h",
        YORK,
        &four,
        &["[] America/New_York -05:00 09:30 16:00"],
    );
    check_calendars("1d", "", &a(&["2024-01-02", "2024-01-03"]), &[]);
    check_calendars(
        "1d",
        YORK,
        &a(&["2024-01-02", "2024-01-03"]),
        &["[] America/New_York -05:00 09:30 16:00"],
    );
    // The night session of currencies.
    let night = a(&[
        "2024-03-08T17:00:00-05:00",
        "2024-03-09T17:00:00-05:00",
        "2024-03-10T17:00:00-04:00",
    ]);
    check_calendars(
        "1d",
        "",
        &night,
        &["[] offsets of the rows -05:00 17:00 none"],
    );
}

#[test]
fn a_week_or_month_that_is_dated_by_its_last_day_is_that_week_or_month() {
    let check = |timeframe: &str, times: &[&str], expect: &[&str]| {
        let data = TestStore::new();
        let with = IngestOptions {
            time: Some(TimeMeaning::Close),
            ..options(timeframe, "")
        };
        let done = data.ingest(rows_at(times).as_bytes(), &with).unwrap();
        assert_eq!(spans(&data, &done), expect, "{times:?}");
    };
    // A Friday, the Thursday before Good Friday, a Friday.
    check(
        "1w",
        &["2024-03-22", "2024-03-28", "2024-04-05"],
        &[
            "2024-03-18 2024-03-25",
            "2024-03-25 2024-04-01",
            "2024-04-01 2024-04-08",
        ],
    );
    check(
        "1M",
        &["2024-01-31", "2024-02-29", "2024-03-28"],
        &[
            "2024-01-01 2024-02-01",
            "2024-02-01 2024-03-01",
            "2024-03-01 2024-04-01",
        ],
    );
}

/// Bars of 4h over a session of 6.5 hours closed in a backtest an hour and a half after the session; live they close
/// with it.
#[test]
fn the_last_bar_of_a_session_closes_with_it_unless_trade_goes_on() {
    let york = r#"{"time":{"zone":"America/New_York"}}"#;
    let with = IngestOptions {
        calendar: side(YORK),
        ..options("4h", york)
    };
    let mut times = vec![
        "2024-03-08T09:30",
        "2024-03-08T13:30",
        "2024-03-11T09:30",
        "2024-07-03T09:30",
    ];
    let spans_of = |times: &[&str]| {
        let data = TestStore::new();
        let done = data.ingest(rows_at(times).as_bytes(), &with).unwrap();
        spans(&data, &done)
    };
    assert_eq!(
        spans_of(&times),
        [
            "2024-03-08T14:30:00Z 2024-03-08T18:30:00Z",
            "2024-03-08T18:30:00Z 2024-03-08T21:00:00Z",
            "2024-03-11T13:30:00Z 2024-03-11T17:30:00Z",
            "2024-07-03T13:30:00Z 2024-07-03T17:00:00Z",
        ]
    );
    // A bar after the session shows that the one before it holds trades from after it as well.
    times.push("2024-07-05T17:30");
    let later = spans_of(&times);
    assert_eq!(later[1], "2024-03-08T18:30:00Z 2024-03-08T22:30:00Z");
    assert_eq!(later[3], "2024-07-03T13:30:00Z 2024-07-03T17:30:00Z");
}

/// What the checks found of a bar named no row: only the vendor's file says where to look.
#[test]
fn findings_of_bars_name_the_row_in_each_file() {
    let place = |data: &TestStore, done: &IngestOutcome| {
        let snapshot = data.store.load(&done.id).unwrap();
        snapshot.verify_all().unwrap();
        let all = snapshot.findings(usize::MAX).unwrap().into_iter();
        let errors = all.filter(|one| one.severity == Severity::Error);
        let text = |one: QualityFinding| {
            let (file, line) = (one.file.unwrap_or_default(), one.line.unwrap_or_default());
            format!("{} {file}:{line}", one.rule)
        };
        let rows = snapshot.quarantine(9).unwrap().into_iter();
        let rows = rows.map(|row| format!("{}:{}", row.file, row.line));
        let (errors, rows): (Vec<_>, Vec<_>) = (errors.map(text).collect(), rows.collect());
        format!("{} | {}", errors.join(", "), rows.join(", "))
    };
    let hours = |symbol: &str, clock: &str| format!("{symbol},2024-03-04T{clock}Z,9,9,9,9,5\n");
    let data = TestStore::new();
    let with = IngestOptions {
        timeframe: Some("1h".parse().unwrap()),
        ..IngestOptions::default()
    };
    // Two instruments, so that neither begins with the first row; the later time comes first.
    let rows = ["10:00", "12:00", "11:07", "13:00"]
        .map(|clock| hours("B", clock))
        .concat()
        + &["11:00", "10:00"].map(|clock| hours("A", clock)).concat();
    let first = data.ingest_rows(&rows, &with).unwrap();
    assert_eq!(place(&data, &first), "off-grid f.csv:4 | f.csv:4");
    let more = ["14:00", "15:30"].map(|clock| hours("B", clock)).concat();
    let with = IngestOptions {
        revises: Some(first.id),
        actions: side("instrument,ex_date,action,value\nA,2024-03-04T11:00:00Z,delisting,5\n"),
        ..with
    };
    let csv = format!("symbol,time,open,high,low,close,volume\n{more}");
    let done = data
        .store
        .ingest(csv.as_bytes(), "more.csv", &with, &mut |_| {});
    assert_eq!(
        place(&data, &done.unwrap()),
        "after-delisting f.csv:6, off-grid f.csv:4 | f.csv:6, f.csv:4, more.csv:3"
    );
}

#[test]
fn a_split_within_a_bar_is_held_against_the_bar_that_the_run_applies_it_to() {
    // The bar of Monday's close to Tuesday's holds Tuesday's split, and opens at the new price.
    let bars = |prices: [&str; 4]| {
        let days = ["08", "11", "12", "13"].into_iter().zip(prices);
        let row = |(day, price)| {
            format!("A,2024-03-{day}T16:00-04:00,{price},{price},{price},{price},{day}\n")
        };
        days.map(row).collect::<String>()
    };
    let with = IngestOptions {
        timeframe: Some("1d".parse().unwrap()),
        time: Some(TimeMeaning::Close),
        actions: side("instrument,ex_date,action,value\nA,2024-03-12T13:30:00Z,split,2:1\n"),
        ..IngestOptions::default()
    };
    for (prices, expect) in [
        (["100", "100", "50", "50"], None),
        // A day too late.
        (["100", "100", "100", "50"], Some("2024-03-11")),
    ] {
        let data = TestStore::new();
        let done = data.ingest_rows(&bars(prices), &with).unwrap();
        let all = data.store.load(&done.id).unwrap().findings(9).unwrap();
        let dates = all.iter().filter(|one| one.rule == "split-without-jump");
        let dates: Vec<Option<&str>> = dates.map(|one| one.date.as_deref()).collect();
        assert_eq!(dates, expect.map(Some).as_slice(), "{prices:?} {all:?}");
    }
}

#[test]
fn a_file_of_another_timeframe_or_of_several_zones_is_refused_or_said() {
    let data = TestStore::new();
    let minutes: Vec<String> = (0..60)
        .map(|minute| format!("2024-01-02T10:{minute:02}:00Z"))
        .collect();
    let error = data
        .ingest(rows_at(&minutes).as_bytes(), &options("1h", ""))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "A: 59 of 60 bars overlap or are off the grid of 1h; state another timeframe with --timeframe, or the \
         exchange's zone with --zone or --calendar"
    );
    let zones = [
        "2024-01-02T00:00:00-05:00",
        "2024-01-03T00:00:00-05:00",
        "2024-01-04T00:00:00+09:00",
        "2024-01-05T00:00:00-05:00",
        "2024-01-06T00:00:00-05:00",
    ];
    let refused = data.ingest(rows_at(&zones).as_bytes(), &options("1d", ""));
    let says = "rows of one week have the offsets +09:00 and -05:00";
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains(says) && error.contains(r#"{"dates": true}"#),
        "{error}"
    );
    // As the error says: the dates that the rows show, those of Tokyo too.
    let dates = r#"{"time": {"dates": true}}"#;
    let done = data
        .ingest(rows_at(&zones).as_bytes(), &options("1d", dates))
        .unwrap();
    let days = (2..7).map(|day| format!("2024-01-0{day} 2024-01-0{}", day + 1));
    assert_eq!(spans(&data, &done), days.collect::<Vec<_>>());
    let found = &done.report.findings.rules;
    assert!(!found.contains_key("several-zones"), "{found:?}");
    // Shorter bars are moments, whatever the zone of their rows.
    let hours = zones.map(|time| time.replace("T00", "T10"));
    let done = data
        .ingest(rows_at(&hours).as_bytes(), &options("1h", ""))
        .unwrap();
    let notes = &done.report.notes;
    let note = notes.iter().find(|note| note.rule == "several-zones");
    assert!(note.unwrap().message.starts_with(says), "{notes:?}");
    // Two files in one: no timeframe is that of all.
    let mixed = |days: usize| {
        let hour = |hour: usize| format!("A,2024-01-02T{hour:02}:00:00Z,9,9,9,9,5\n");
        let day =
            |day: usize| format!("B,2024-{:02}-{:02},9,9,9,9,5\n", 1 + day / 28, 1 + day % 28);
        let rows: String = (0..12).map(hour).chain((0..days).map(day)).collect();
        let error = data.ingest_rows(&rows, &IngestOptions::default());
        error.unwrap_err().to_string()
    };
    for days in [12, 140] {
        let says = "cannot infer the timeframe: A has bars of 1h, B has bars of 1d; ingest";
        assert!(mixed(days).contains(says), "{}", mixed(days));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever rows come, each bar of the snapshot is one that a run of its timeframe and calendars takes.
    #[test]
    fn what_ingestion_keeps_fits_every_run(
        timeframe in prop::sample::select(vec!["1m", "7m", "1h", "4h", "7h", "1d", "2d", "1w", "1M", "3M"]),
        mapping in prop::sample::select(vec![
            "",
            r#"{"time":{"zone":"America/New_York"}}"#,
            r#"{"time":{"dates":true}}"#,
            r#"{"time":{"meaning":"close"}}"#,
        ]),
        calendar in prop::sample::select(vec!["", "24x7", YORK]),
        start in 0_i64..400,
        phase in prop::sample::select(vec![0_i64, 30, 570, 23 * 60]),
        steps in proptest::collection::vec(0_i64..4, 3..40),
        strays in proptest::collection::btree_set(0_usize..40, 0..2),
    ) {
        let minutes = match timeframe {
            "1m" => 1,
            "7m" => 7,
            "1h" => 60,
            "4h" => 240,
            "7h" => 420,
            "1d" => 1_440,
            "2d" => 2_880,
            "1w" => 10_080,
            _ => 44_640,
        };
        let mut at = 1_704_067_200 + start * 86_400 + phase * 60;
        let mut times = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            at += (step + 1) * minutes * 60 + if strays.contains(&place) { 11 } else { 0 };
            times.push(counterfoil_trading::time::UnixNanos(at * 1_000_000_000).rfc3339());
        }
        let with = IngestOptions {
            calendar: side(calendar),
            ..options(timeframe, mapping)
        };
        let data = TestStore::new();
        let Ok(done) = data.ingest(rows_at(&times).as_bytes(), &with) else {
            return Ok(());
        };
        let entries = done.manifest.calendars.iter();
        let calendars = entries.map(|entry| entry.parse().unwrap()).collect::<Vec<_>>();
        let calendars = if calendars.is_empty() {
            InstrumentCalendars::default()
        } else {
            InstrumentCalendars::new(calendars, Vec::new())
        };
        let mut sequence = BarSequence::new(timeframe.parse().unwrap(), calendars, 1);
        let all = bars(&data, &done);
        prop_assert!(!all.is_empty());
        for bar in all {
            prop_assert_eq!(sequence.check(&bar), Ok(()), "{} {:?}", timeframe, times);
            sequence.take(&bar);
        }
    }
}

const TOKYO: &str = r#"{"zone":"Asia/Tokyo","weekdays":["mon","tue","wed","thu","fri"],"open":"09:00","close":"15:00"}"#;

/// Dates of actions of an instrument with a calendar of its own began with the days of the others.
#[test]
fn dates_of_actions_begin_with_the_days_of_their_own_instrument() {
    let data = TestStore::new();
    let own = [("T", TOKYO), ("B", "24x7")]
        .map(|(symbol, text)| (symbol.to_owned(), side(text).unwrap()));
    let actions = "instrument,ex_date,action,value\nT,2024-01-11,split,2:1\nB,2024-01-11,split,2:1\nY,2024-01-11,split,2:1\n";
    let with = IngestOptions {
        actions: side(actions),
        calendar: side(YORK),
        own_calendars: own.into_iter().collect(),
        timeframe: Some("1h".parse().unwrap()),
        ..IngestOptions::default()
    };
    let row = |symbol: &str, day: u32, hour: u32| {
        format!("{symbol},2024-01-{day:02}T{hour:02}:00:00Z,10,10,10,10,1\n")
    };
    // The hours of a morning: rows a day apart would be daily bars.
    let mut rows = String::new();
    for day in 10..13 {
        for hour in 0..3 {
            rows += &row("T", day, hour);
            rows += &row("B", day, hour);
            rows += &row("Y", day, 15 + hour).replace(":00:00Z", ":30:00Z");
        }
    }
    let done = data.ingest_rows(&rows, &with).unwrap();
    let selection = data.select(&done);
    let actions = selection.actions().unwrap();
    let splits = actions
        .iter()
        .filter(|one| one.kind != CorporateActionKind::SessionEnd);
    let found: Vec<String> = splits
        .map(|one| {
            format!(
                "{} {}",
                selection.instruments()[one.instrument.index()].symbol(),
                one.ex_time.rfc3339()
            )
        })
        .collect();
    let expect = [
        "T 2024-01-10T15:00:00Z",
        "B 2024-01-11T00:00:00Z",
        "Y 2024-01-11T05:00:00Z",
    ];
    assert_eq!(found, expect);
}

/// Daily bars at 05:00 UTC are New York's midnight or not: by dates in UTC a split came a bar early.
#[test]
fn dates_of_actions_are_asked_for_where_the_bars_do_not_show_their_dates() {
    let data = TestStore::new();
    let actions = "instrument,ex_date,action,value\nA,2024-01-11,split,2:1\n";
    let ingest = |hour: &str, mapping: &str, zone: Option<&str>, actions: &str| {
        let mut rows = "time,open,high,low,close,volume\n".to_owned();
        for day in 10..13 {
            writeln!(rows, "2024-01-{day}T{hour}:00:00Z,10,10,10,10,{day}").unwrap();
        }
        let with = IngestOptions {
            actions: side(actions),
            zone: zone.map(str::to_owned),
            ..options("1d", mapping)
        };
        data.ingest(rows.as_bytes(), &with)
    };
    for hour in ["04", "05", "21"] {
        let error = ingest(hour, "", None, actions).unwrap_err().to_string();
        let expect = format!(
            "side, line 2: column ex_date: bars of A begin at hours such as 2024-01-10T{hour}:00:00Z, and no zone"
        );
        assert!(error.starts_with(&expect), "{error}");
    }
    // Each way on, and an action with a time of its own.
    let split_of = |done: &IngestOutcome| {
        let actions = data.select(done).actions().unwrap();
        let bars = bars(&data, done);
        let first = bars
            .iter()
            .position(|bar| bar.open_time >= actions[0].ex_time);
        (first, actions[0].ex_time.rfc3339())
    };
    let by_date = (Some(1), "2024-01-11T00:00:00Z".to_owned());
    let york = ingest("05", "", Some("America/New_York"), actions).unwrap();
    assert_eq!(split_of(&york), by_date);
    for hour in ["05", "21"] {
        let dates = ingest(hour, r#"{"time":{"dates":true}}"#, None, actions).unwrap();
        assert_eq!(split_of(&dates), by_date);
    }
    let timed = actions.replace("2024-01-11", "2024-01-11T05:00:00Z");
    let timed = ingest("05", "", None, &timed).unwrap();
    assert_eq!(
        split_of(&timed),
        (Some(1), "2024-01-11T05:00:00Z".to_owned())
    );
    ingest("05", "", None, "").unwrap();
}
