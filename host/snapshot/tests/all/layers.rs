//! The three layers from outside: what is kept, what is made from what, what is found without being
//! made again, and what the checks and policies do.

use core::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};
use counterfoil_os::lock::FileLock;
use counterfoil_snapshot::error::IngestError;
use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::quality::actions::format_actions;
use counterfoil_snapshot::quality::findings::Severity;
use counterfoil_snapshot::source::choices::{ErrorPolicy, GapRule, SourceKind};
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use counterfoil_snapshot::store::acceptance::{ACCEPTANCE_FORMAT, FindingAcceptance};
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use crate::test_store::{HEADER, TestStore, chain_text, daily, tests_data};

const REAL: &str = "us-equities-daily-2000-2013.csv.gz";
const ACTIONS: &str = "us-equities-actions-2000-2013.csv";

/// Number of entries of a folder in the data directory.
fn count(data: &TestStore, folder: &str) -> usize {
    let folder = data.directory.path().join(folder);
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Every finding as `rule instrument date`.
fn findings(data: &TestStore, ingested: &IngestOutcome) -> Vec<String> {
    let snapshot = data.store.load(&ingested.id).unwrap();
    let all = snapshot.findings(usize::MAX).unwrap();
    all.iter()
        .map(|finding| {
            let about = [finding.instrument.clone(), finding.date.clone()];
            let about: Vec<String> = about.into_iter().flatten().collect();
            format!("{} {}", finding.rule, about.join(" "))
                .trim()
                .to_owned()
        })
        .collect()
}

#[expect(clippy::unnecessary_wraps, reason = "an option takes it as it is")]
fn side(name: &str, text: &str) -> Option<SideFile> {
    Some(SideFile {
        name: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
    })
}

/// Rows of one instrument, one a day from 2003-01-01, with these closes and growing volume.
fn closes(symbol: &str, closes: &[i64]) -> String {
    let mut rows = String::new();
    for (day, close) in (1..).zip(closes) {
        writeln!(
            rows,
            "{symbol},2003-01-{day:02},{close},{close},{close},{close},{}",
            100 + day
        )
        .unwrap();
    }
    rows
}

#[test]
fn a_raw_file_is_kept_byte_for_byte_with_a_receipt_for_each_time_it_came() {
    let data = TestStore::new();
    let csv = format!("{HEADER}{}", closes("A", &[5, 6]));
    let at = |time: i64, vendor: Option<&str>| IngestOptions {
        ingested_at: Some(UnixNanos(time)),
        vendor: vendor.map(str::to_owned),
        ..daily()
    };
    let first = data.ingest(csv.as_bytes(), &at(7, Some("acme"))).unwrap();
    let second = data.ingest(csv.as_bytes(), &at(9, Some("acme"))).unwrap();
    assert_eq!(
        first.id, second.id,
        "the time of ingestion is not part of the data"
    );
    assert!(second.already_there);
    assert_eq!(
        (
            count(&data, "raw"),
            count(&data, "normalized"),
            count(&data, "snapshots")
        ),
        (1, 1, 1)
    );
    let hex = first.manifest.sources[0].sha256.hex();
    let kept = data.directory.path().join("raw").join(&hex);
    assert_eq!(fs::read(kept.join("file")).unwrap(), csv.as_bytes());
    let lineage = data.store.lineage(&first.id).unwrap();
    let receipts = &lineage.normalized[0].files[0].receipts;
    let listed: Vec<_> = receipts
        .iter()
        .map(|receipt| {
            (
                receipt.ingested_at.unwrap().0,
                receipt.name.as_str(),
                receipt.vendor.as_str(),
                receipt.role.as_str(),
            )
        })
        .collect();
    assert_eq!(
        listed,
        [(7, "f.csv", "acme", "bars"), (9, "f.csv", "acme", "bars")]
    );
    // Raw bytes that were changed are never read as what they were.
    fs::write(kept.join("file"), "x").unwrap();
    fs::remove_dir_all(data.directory.path().join("recipes")).unwrap();
    let error = data
        .ingest(csv.as_bytes(), &at(7, Some("acme")))
        .unwrap_err();
    assert!(
        chain_text(&error).contains("the raw file was changed"),
        "{}",
        chain_text(&error)
    );
}

#[test]
fn an_ingestion_clears_what_killed_ones_left_and_nothing_that_is_in_use() {
    let data = TestStore::new();
    let root = data.directory.path();
    for layer in ["raw", "normalized", "snapshots"] {
        for number in [0, 1] {
            let folder = root.join(layer).join(format!(".tmp-{number}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("file"), "torn").unwrap();
        }
    }
    // Another process is at work in the second of them.
    fs::create_dir_all(root.join("locks")).unwrap();
    let lock = FileLock::try_take(&root.join("locks/snapshots-1"))
        .unwrap()
        .unwrap();
    let done = data.ingest_rows(&closes("A", &[5, 6]), &daily()).unwrap();
    let left = |layer: &str, number: u8| root.join(layer).join(format!(".tmp-{number}")).exists();
    for layer in ["raw", "normalized"] {
        assert!(!left(layer, 0) && !left(layer, 1), "{layer}");
    }
    assert!(!left("snapshots", 0) && left("snapshots", 1));
    assert_eq!(data.store.list().unwrap().len(), 1, "no list shows them");
    drop(lock);
    data.ingest_rows(&closes("A", &[5, 7]), &daily()).unwrap();
    assert!(!left("snapshots", 1));
    data.store.load(&done.id).unwrap().verify_all().unwrap();
}

#[test]
fn a_snapshot_of_another_format_is_told_by_its_name() {
    let data = TestStore::new();
    let text = r#"{"format":"counterfoil-snapshot/1"}"#;
    let hex = counterfoil_base::digest::Digest::of(text.as_bytes()).hex();
    let folder = data.directory.path().join("snapshots").join(&hex);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("manifest.json"), text).unwrap();
    let id = data.store.resolve(&hex).unwrap();
    let error = data.store.load(&id).unwrap_err().to_string();
    assert!(
        error.contains("has format \"counterfoil-snapshot/1\"")
            && error.contains("ingest the source again"),
        "{error}"
    );
}

#[test]
fn only_what_depends_on_a_change_is_made_again() {
    let data = TestStore::new();
    let rows = closes("A", &[100, 50, 51, 52]);
    let plain = data.ingest_rows(&rows, &daily()).unwrap();
    let with = |actions: &str| IngestOptions {
        actions: side(
            "a.csv",
            &format!("instrument,ex_date,action,value\n{actions}"),
        ),
        ..daily()
    };
    let split = data
        .ingest_rows(&rows, &with("A,2003-01-02,split,2:1\n"))
        .unwrap();
    assert_ne!(plain.id, split.id);
    assert_eq!(plain.manifest.data_sha256, split.manifest.data_sha256);
    assert_eq!(
        (count(&data, "normalized"), count(&data, "snapshots")),
        (1, 2),
        "bars do not depend on a split"
    );
    // Without its recipe a layer is made again, and comes out the same.
    fs::remove_dir_all(data.directory.path().join("recipes")).unwrap();
    let again = data
        .ingest_rows(&rows, &with("A,2003-01-02,split,2:1\n"))
        .unwrap();
    assert_eq!((again.id, again.already_there), (split.id, true));
    // A lost normalized layer is made again from the raw one.
    fs::remove_dir_all(data.directory.path().join("normalized")).unwrap();
    let revised = data
        .ingest_rows(&rows, &with("A,2003-01-02,split,3:1\n"))
        .unwrap();
    assert_ne!(revised.id, split.id);
    data.store.load(&split.id).unwrap().verify_all().unwrap();
}

#[test]
fn a_late_or_revised_file_makes_a_new_snapshot_and_the_old_one_stays() {
    let data = TestStore::new();
    let old = data
        .ingest_rows(
            "A,2003-01-02,1,2,1,2,1\nA,2003-01-03,1,2,1,2,1\nB,2003-01-03,7,7,7,7,1\n",
            &daily(),
        )
        .unwrap();
    let options = IngestOptions {
        revises: Some(old.id),
        ..daily()
    };
    let new = data
        .ingest_rows(
            "A,2003-01-03,1,2.5,1,2,1\nA,2003-01-06,1,2,1,2,1.5\n",
            &options,
        )
        .unwrap();
    assert_eq!(new.manifest.bars(), 4);
    assert_eq!(new.manifest.sources.len(), 2);
    assert!(findings(&data, &new).contains(&"revised A 2003-01-03".to_owned()));
    let instrument = &new.manifest.instruments[0];
    assert_eq!((instrument.price_scale, instrument.volume_scale), (1, 1));
    let mut slices = data.select(&new).slices();
    let mut slice = Slice::default();
    let mut highs = Vec::new();
    while slices.next_into(&mut slice).unwrap() {
        highs.extend(slice.bars().iter().map(|bar| bar.get().high.0));
    }
    assert_eq!(highs, [20, 25, 7, 20], "B is at a scale of its own");
    assert_eq!(
        data.store.load(&old.id).unwrap().verify_all().unwrap().bars,
        3
    );
    let minutes = IngestOptions {
        timeframe: Some("1m".parse().unwrap()),
        ..options
    };
    let error = data
        .ingest_rows("A,2003-01-03,1,2,1,2,1\n", &minutes)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("bars of 1m, but earlier files have bars of 1d"),
        "{error}"
    );
}

fn accept(rule: &str, about: Option<(&str, &str)>, line: Option<u64>) -> FindingAcceptance {
    FindingAcceptance {
        at: Some(UnixNanos(1)),
        by: "ann".to_owned(),
        date: about.map(|(_, date)| date.to_owned()),
        file: line.map(|_| "f.csv".to_owned()),
        format: ACCEPTANCE_FORMAT.to_owned(),
        instrument: about.map(|(instrument, _)| instrument.to_owned()),
        line,
        reason: "seen on the tape".to_owned(),
        rule: rule.to_owned(),
    }
}

#[test]
fn errors_are_quarantined_or_refused_by_policy() {
    let data = TestStore::new();
    let rows = format!("{}A,bad,1,1,1,1,1\n", closes("A", &[10, 11, 500, 12, 13]));
    let done = data.ingest_rows(&rows, &daily()).unwrap();
    assert_eq!((done.report.bars, done.report.quarantined), (4, 2));
    assert_eq!(
        findings(&data, &done),
        ["time", "absurd-price A 2003-01-03"]
    );
    assert_eq!(done.report.findings.open(Severity::Error), 2);
    let aside: Vec<&str> = done
        .report
        .examples
        .iter()
        .map(|row| row.row.as_str())
        .collect();
    assert_eq!(
        aside,
        ["A,bad,1,1,1,1,1", "A,2003-01-03,500,500,500,500,103"]
    );

    let refuse = IngestOptions {
        policy: ErrorPolicy::Refuse,
        ..daily()
    };
    let before = count(&data, "snapshots");
    let error = data.ingest_rows(&rows, &refuse).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("refused: 2 errors are not accepted, the first: f.csv, line 7: time"),
        "{error}"
    );
    let IngestError::Refused { findings, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(findings.len(), 2);
    assert_eq!(count(&data, "snapshots"), before);
}

#[test]
fn a_finding_is_accepted_with_a_name_and_a_reason_and_no_other_with_it() {
    let data = TestStore::new();
    let rows = format!("{}A,bad,1,1,1,1,1\n", closes("A", &[10, 11, 500, 12, 13]));
    let done = data.ingest_rows(&rows, &daily()).unwrap();
    let refuse = IngestOptions {
        policy: ErrorPolicy::Refuse,
        ..daily()
    };
    let spike = accept("absurd-price", Some(("A", "2003-01-03")), None);
    let new = data.store.accept(&done.id, &spike, &mut |_| {}).unwrap();
    assert_ne!(new.id, done.id);
    // The accepted bar is used, the invalid row stays in quarantine.
    assert_eq!((new.report.bars, new.report.quarantined), (5, 1));
    let found = data.store.load(&new.id).unwrap().findings(9).unwrap();
    assert_eq!(found[1].accepted_by.as_deref(), Some("ann"));
    let row = accept("time", None, Some(7));
    let accepted = IngestOptions {
        accepted: vec![spike.clone(), row],
        ..refuse
    };
    assert_eq!(data.ingest_rows(&rows, &accepted).unwrap().report.bars, 5);
    for bad in [
        accept("absurd-price", Some(("A", "2003-01-04")), None),
        FindingAcceptance {
            by: " ".to_owned(),
            ..spike.clone()
        },
        FindingAcceptance {
            reason: String::new(),
            ..spike.clone()
        },
        FindingAcceptance {
            file: None,
            ..accept("time", None, Some(7))
        },
        FindingAcceptance {
            file: Some("other.csv".to_owned()),
            ..accept("time", None, Some(7))
        },
        FindingAcceptance {
            rule: "no-such".to_owned(),
            ..spike.clone()
        },
        FindingAcceptance {
            date: Some("1/1/03".to_owned()),
            ..spike.clone()
        },
    ] {
        assert!(
            data.store.accept(&done.id, &bad, &mut |_| {}).is_err(),
            "{bad:?}"
        );
    }
    let lineage = data.store.lineage(&new.id).unwrap();
    assert_eq!(lineage.files[0].role, "acceptance");
    data.store.load(&done.id).unwrap().verify_all().unwrap();
}

#[test]
fn gaps_are_held_against_the_calendar_or_the_dates_of_all_instruments() {
    let data = TestStore::new();
    let rows = "A,2003-01-02,5,5,5,5,1\nA,2003-01-03,5,5,5,5,2\nA,2003-01-06,5,5,5,5,3\n\
                B,2003-01-02,5,5,5,5,1\nB,2003-01-06,5,5,5,5,2\n";
    assert_eq!(
        findings(&data, &data.ingest_rows(rows, &daily()).unwrap()),
        ["gap B 2003-01-06"]
    );
    let with = |calendar: &str, timeframe: &str| IngestOptions {
        calendar: side("c.json", calendar),
        timeframe: Some(timeframe.parse().unwrap()),
        ..IngestOptions::default()
    };
    let found = findings(&data, &data.ingest_rows(rows, &with("24x7", "1d")).unwrap());
    assert_eq!(found, ["gap A 2003-01-06", "gap B 2003-01-06"]);
    let weekdays = r#"{"zone":"America/New_York","weekdays":["mon","tue","wed","thu","fri"],"open":"09:30","close":"16:00","holidays":["2003-01-03"]}"#;
    let found = findings(
        &data,
        &data.ingest_rows(rows, &with(weekdays, "1d")).unwrap(),
    );
    assert_eq!(found, ["closed-venue A 2003-01-03"]);
    let minutes = "A,2003-01-02T14:30:00Z,5,5,5,5,1\nA,2003-01-02T14:33:00Z,5,5,5,5,2\n";
    let one_minute = IngestOptions {
        timeframe: Some("1m".parse().unwrap()),
        ..IngestOptions::default()
    };
    assert_eq!(
        findings(&data, &data.ingest_rows(minutes, &one_minute).unwrap()),
        ["no-calendar"]
    );
    assert_eq!(
        findings(
            &data,
            &data.ingest_rows(minutes, &with(weekdays, "1m")).unwrap()
        ),
        ["gap A 2003-01-02"]
    );
    let error = data
        .ingest_rows(rows, &with("{}", "1d"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("c.json, line 1: missing field"), "{error}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of calendars")]
fn a_calendar_gives_each_instrument_the_ends_of_its_sessions() {
    let data = TestStore::new();
    // A from a Wednesday to the Monday after the holiday, B on the short Thursday alone.
    let rows = "A,2003-07-02T19:59:00Z,5,5,5,5,1\nA,2003-07-03T13:30:00Z,5,5,5,5,2\n\
                A,2003-07-07T13:30:00Z,5,5,5,5,2\nA,2003-07-07T20:00:00Z,5,5,5,5,3\n\
                B,2003-07-03T13:30:00Z,5,5,5,5,1\nB,2003-07-03T16:59:00Z,5,5,5,5,1\n";
    let calendar = r#"{"zone":"America/New_York","weekdays":["mon","tue","wed","thu","fri"],"open":"09:30","close":"16:00","holidays":["2003-07-04"],"early_closes":{"2003-07-03":"13:00"}}"#;
    let with = |calendar: &str| IngestOptions {
        calendar: side("c.json", calendar),
        timeframe: Some("1m".parse().unwrap()),
        ..IngestOptions::default()
    };
    let done = data.ingest_rows(rows, &with(calendar)).unwrap();
    let snapshot = data.store.load(&done.id).unwrap();
    snapshot.verify_all().unwrap();
    let time = |text: &str| {
        UnixNanos(i64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap())
    };
    let sessions = |from: Option<&str>, to: Option<&str>| {
        let selection = snapshot.select(&[], from.map(time), to.map(time)).unwrap();
        let actions = selection.actions().unwrap();
        assert!(
            actions
                .iter()
                .all(|action| action.kind == CorporateActionKind::SessionEnd)
        );
        let text = actions.iter().map(|action| {
            let moment = jiff::Timestamp::from_nanosecond(i128::from(action.ex_time.0)).unwrap();
            format!("{} {}", action.instrument.0, moment.strftime("%d %H:%M"))
        });
        text.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        sessions(None, None),
        "0 01 20:00, 0 02 20:00, 1 02 20:00, 0 03 17:00, 0 07 20:00"
    );
    // A range begins with the last end before it.
    assert_eq!(
        sessions(Some("2003-07-03T00:00:00Z"), None),
        "0 02 20:00, 1 02 20:00, 0 03 17:00, 0 07 20:00"
    );
    assert_eq!(
        sessions(None, Some("2003-07-03T17:00:00Z")),
        "0 01 20:00, 0 02 20:00, 1 02 20:00"
    );

    // No calendar and one without sessions make the snapshot that they always made.
    for manifest in [
        data.ingest_rows(
            rows,
            &IngestOptions {
                calendar: None,
                ..with("")
            },
        )
        .unwrap()
        .manifest,
        data.ingest_rows(rows, &with("24x7")).unwrap().manifest,
    ] {
        assert_eq!(manifest.sessions, None);
        let text = String::from_utf8(manifest.canonical().unwrap()).unwrap();
        assert!(!text.contains("\"sessions\":null"), "{text}");
    }
    let path = data
        .directory
        .path()
        .join("snapshots")
        .join(done.id.hex())
        .join("sessions.csv");
    let changed = fs::read_to_string(&path).unwrap().replace("17:00", "16:59");
    fs::write(&path, changed).unwrap();
    let error = snapshot
        .select(&[], None, None)
        .unwrap()
        .actions()
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("sessions.csv: the file was changed"),
        "{error}"
    );
    assert!(snapshot.verify_all().is_err());
}

#[test]
fn the_actions_that_the_adjusted_closes_show_are_those_of_the_file() {
    // Made by: counterfoil data derive-actions tests/data/us-equities-daily-2000-2013.csv.gz
    let derived = TestStore::new()
        .store
        .derive_actions(tests_data(REAL).as_slice(), REAL, &IngestOptions::default())
        .unwrap();
    assert_eq!(derived.unexplained, Vec::<String>::new());
    let text = format_actions(&derived.actions);
    if std::env::var_os("COUNTERFOIL_UPDATE").is_some() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
        fs::write(folder.join(ACTIONS), &text).unwrap();
    }
    assert_eq!(text.as_bytes(), tests_data(ACTIONS));
    for line in [
        "AAPL,2000-06-21,split,2:1",
        "AAPL,2005-02-28,split,2:1",
        "AAPL,2012-08-09,dividend,2.65",
        "MSFT,2003-02-18,split,2:1",
        "MSFT,2004-11-15,dividend,0.08",
        "MSFT,2004-11-15,special-dividend,3.00",
        "IBM,2013-02-06,dividend,0.85",
    ] {
        assert!(text.lines().any(|row| row == line), "{line}");
    }
    assert_eq!(text.lines().count(), 1 + 96);
}

#[test]
fn a_selection_that_begins_within_a_halt_has_it() {
    let data = TestStore::new();
    let actions = "instrument,ex_date,action,value\n\
                   MSFT,2003-01-13T14:30:00Z,halt,2003-01-15T15:00:00Z\n";
    let options = IngestOptions {
        actions: Some(SideFile {
            name: ACTIONS.to_owned(),
            bytes: actions.as_bytes().to_vec(),
        }),
        ..daily()
    };
    let done = data.ingest(&tests_data(REAL), &options).unwrap();
    let snapshot = data.store.load(&done.id).unwrap();
    let day = |days: i64| Some(UnixNanos(days * 86_400_000_000_000));
    let count = |from, to| {
        let selection = snapshot.select(&["MSFT".to_owned()], day(from), day(to));
        selection.unwrap().actions().unwrap().len()
    };
    // 2003-01-13 is day 12,065.
    let found = [
        count(12_060, 12_065),
        count(12_065, 12_066),
        count(12_067, 12_068),
        count(12_068, 12_069),
    ];
    assert_eq!(found, [0, 1, 1, 0]);
}

#[test]
fn a_selection_gives_the_actions_of_its_range_in_sequence() {
    let data = TestStore::new();
    let options = IngestOptions {
        actions: Some(SideFile {
            name: ACTIONS.to_owned(),
            bytes: tests_data(ACTIONS),
        }),
        ..daily()
    };
    let done = data.ingest(&tests_data(REAL), &options).unwrap();
    let rules: Vec<&str> = done
        .report
        .findings
        .rules
        .keys()
        .map(String::as_str)
        .collect();
    assert!(
        !rules.contains(&"missing-split") && !rules.contains(&"split-without-jump"),
        "{rules:?}"
    );
    let without = findings(&data, &data.ingest(&tests_data(REAL), &daily()).unwrap());
    for split in ["AAPL 2000-06-21", "AAPL 2005-02-28", "MSFT 2003-02-18"] {
        assert!(
            without.contains(&format!("missing-split {split}")),
            "{split}: {without:?}"
        );
    }
    let snapshot = data.store.load(&done.id).unwrap();
    let all = snapshot.select(&[], None, None).unwrap();
    let actions = all.actions().unwrap();
    assert_eq!(actions.len(), 96);
    assert!(actions.is_sorted_by_key(|action| (action.ex_time, action.instrument)));
    let day = |days: i64| Some(UnixNanos(days * 86_400_000_000_000));
    // 2003-02-18 is day 12,101.
    let msft = ["MSFT".to_owned()];
    let split = snapshot
        .select(&msft, day(12_101), day(12_102))
        .unwrap()
        .actions()
        .unwrap();
    assert_eq!(split.len(), 1);
    assert_eq!(
        (split[0].instrument.0, split[0].ex_time),
        (0, day(12_101).unwrap())
    );
    assert!(matches!(split[0].kind, CorporateActionKind::Split { .. }));
    assert!(
        snapshot
            .select(&msft, day(12_103), day(12_104))
            .unwrap()
            .actions()
            .unwrap()
            .is_empty()
    );
    // A changed file of actions is caught when it is read.
    let path = data
        .directory
        .path()
        .join("snapshots")
        .join(done.id.hex())
        .join("actions.csv");
    let changed = fs::read_to_string(&path).unwrap().replace("3.00", "9.00");
    fs::write(&path, changed).unwrap();
    let error = all.actions().unwrap_err().to_string();
    assert!(
        error.contains("actions.csv: the file was changed"),
        "{error}"
    );
    assert!(snapshot.verify_all().is_err());
}

#[test]
fn a_new_ticker_does_not_make_a_new_instrument() {
    let data = TestStore::new();
    let rows = "FB,2022-06-07,5,5,5,5,1\nFB,2022-06-08,5,5,5,5,2\nMETA,2022-06-08,70,70,70,70,1\n\
                META,2022-06-09,6,6,6,6,3\nMETA,2022-06-10,6,6,6,6,4\n";
    let options = IngestOptions {
        actions: side(
            "a.csv",
            "instrument,ex_date,action,value\nFB,2022-06-09,symbol,META\nX,2022-06-09,split,2:1\n",
        ),
        ..daily()
    };
    let done = data.ingest_rows(rows, &options).unwrap();
    let listed: Vec<_> = done
        .manifest
        .instruments
        .iter()
        .map(|instrument| {
            (
                instrument.symbol.as_str(),
                instrument.bars,
                instrument.tickers.len(),
            )
        })
        .collect();
    // The META of the day before was another instrument's.
    assert_eq!(listed, [("FB", 4, 2), ("META", 1, 1)]);
    assert!(findings(&data, &done).contains(&"unused-action X 2022-06-09".to_owned()));
    assert_eq!(data.select(&done).actions().unwrap().len(), 1);
}

/// The real file as columns, as a vendor of Parquet would send it.
fn columns() -> RecordBatch {
    let mut csv = String::new();
    let real = tests_data(REAL);
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(real.as_slice()), &mut csv)
        .unwrap();
    let rows: Vec<Vec<&str>> = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let column = |place: usize| rows.iter().map(move |row| row[place]);
    let day = |text: &str| {
        let date: jiff::civil::Date = text.parse().unwrap();
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        i32::try_from(zoned.timestamp().as_second() / 86_400).unwrap()
    };
    let float = |place| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(
            column(place).map(|text| text.parse::<f64>().unwrap()),
        ))
    };
    let volume = column(6).map(|text| text.split('.').next().unwrap().parse::<i64>().unwrap());
    let all: Vec<(&str, ArrayRef)> = vec![
        ("Ticker", Arc::new(StringArray::from_iter_values(column(0)))),
        (
            "Date",
            Arc::new(Date32Array::from_iter_values(column(1).map(day))),
        ),
        ("Open", float(2)),
        ("High", float(3)),
        ("Low", float(4)),
        ("Close", float(5)),
        ("Volume", Arc::new(Int64Array::from_iter_values(volume))),
    ];
    RecordBatch::try_from_iter(all).unwrap()
}

fn parquet_file(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow_file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    for from in (0..batch.num_rows()).step_by(5_000) {
        let length = 5_000.min(batch.num_rows() - from);
        writer.write(&batch.slice(from, length)).unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn csv_parquet_and_arrow_of_the_same_bars_are_the_same_data() {
    let data = TestStore::new();
    let csv = data.ingest(&tests_data(REAL), &daily()).unwrap();
    let batch = columns();
    let files = [
        ("parquet", parquet_file(&batch, Compression::UNCOMPRESSED)),
        ("parquet", parquet_file(&batch, Compression::SNAPPY)),
        (
            "parquet",
            parquet_file(&batch, Compression::ZSTD(ZstdLevel::default())),
        ),
        (
            "parquet",
            parquet_file(&batch, Compression::GZIP(GzipLevel::default())),
        ),
        ("arrow", arrow_file(&batch)),
    ];
    for (format, bytes) in files {
        let other = data.ingest(&bytes, &daily()).unwrap();
        assert_eq!(other.manifest.sources[0].format, format);
        assert_eq!(other.report.quarantined, 0);
        assert_eq!(other.manifest.data_sha256, csv.manifest.data_sha256);
        assert_ne!(other.id, csv.id, "they were made from other files");
    }
    let normalized =
        |done: &IngestOutcome| data.store.lineage(&done.id).unwrap().normalized[0].data_sha256;
    assert_eq!(
        normalized(&csv),
        csv.manifest.data_sha256,
        "nothing was put aside"
    );
}

#[test]
fn floats_that_are_no_number_and_columns_of_a_wrong_type_are_put_aside_or_refused() {
    let data = TestStore::new();
    let file = |prices: Vec<f64>, times: ArrayRef| {
        let price: ArrayRef = Arc::new(Float64Array::from(prices));
        let count = times.len();
        let names: ArrayRef = Arc::new(StringArray::from(vec!["A"; count]));
        let volume: ArrayRef = Arc::new(Int64Array::from(vec![1; count]));
        let all = [
            ("symbol", names),
            ("time", times),
            ("open", Arc::clone(&price)),
            ("high", Arc::clone(&price)),
            ("low", Arc::clone(&price)),
            ("close", price),
            ("volume", volume),
        ];
        parquet_file(
            &RecordBatch::try_from_iter(all).unwrap(),
            Compression::UNCOMPRESSED,
        )
    };
    let days: ArrayRef = Arc::new(Date32Array::from_iter_values(0..7));
    let prices = vec![0.1 + 0.2, f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 0.3];
    let done = data.ingest(&file(prices, days), &daily()).unwrap();
    let aside: Vec<String> = done
        .report
        .examples
        .iter()
        .map(|row| format!("{} {}", row.line, row.reason))
        .collect();
    assert_eq!(
        aside,
        [
            "3 number",
            "4 number",
            "5 not-positive",
            "6 not-positive",
            "7 number"
        ]
    );
    // The shortest decimal that reads back as the same float, to the last digit.
    let mut slice = Slice::default();
    data.select(&done).slices().next_into(&mut slice).unwrap();
    assert_eq!(done.report.price_scale, 17);
    assert_eq!(slice.bars()[0].get().close.0, 30_000_000_000_000_004);
    let flags: ArrayRef = Arc::new(arrow_array::BooleanArray::from(vec![true, false]));
    let error = data
        .ingest(&file(vec![1.0, 2.0], flags), &daily())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(
            "none of its 2 rows is a valid bar; the first problem: line 2: column time: \"\" is not a time"
        ),
        "{error}"
    );
}

#[test]
fn a_damaged_columnar_file_is_refused_and_never_ends_the_host() {
    let data = TestStore::new();
    let batch = columns().slice(0, 300);
    for good in [
        parquet_file(&batch, Compression::SNAPPY),
        arrow_file(&batch),
    ] {
        for length in [6, 12, good.len() / 2, good.len() - 1] {
            let error = data.ingest(&good[..length], &daily()).unwrap_err();
            assert!(
                chain_text(&error).contains("f.csv: cannot be read as "),
                "{}",
                chain_text(&error)
            );
        }
        // The footer is what a reader follows.
        for place in (good.len().saturating_sub(1_500)..good.len()).step_by(31) {
            let mut bad = good.clone();
            bad[place] = if place % 2 == 0 { 0xff } else { 0x7f };
            drop(data.ingest(&bad, &daily()));
        }
    }
}

#[test]
fn trades_become_bars_whatever_their_sequence_in_the_file() {
    let data = TestStore::new();
    let options = IngestOptions {
        kind: SourceKind::Trades,
        symbol: Some("A".to_owned()),
        timeframe: Some("1m".parse().unwrap()),
        calendar: side("c", "24x7"),
        ..IngestOptions::default()
    };
    let rows = [
        "2003-01-02T14:30:00Z,10.5,2,1",
        "2003-01-02T14:30:00Z,10.25,1,2",
        "2003-01-02T14:30:59.999Z,11,3.5,3",
        "2003-01-02T14:31:00Z,12,1,4",
        "2003-01-02T14:33:30Z,9,1,10",
        "2003-01-02T14:33:30Z,8,1,9",
    ];
    let file = |rows: &[&str]| format!("time,price,size,id\n{}\n", rows.join("\n"));
    let done = data.ingest(file(&rows).as_bytes(), &options).unwrap();
    let mut backwards = rows;
    backwards.reverse();
    let other = data.ingest(file(&backwards).as_bytes(), &options).unwrap();
    assert_eq!(done.manifest.data_sha256, other.manifest.data_sha256);
    let mut slices = data.select(&done).slices();
    let mut slice = Slice::default();
    let mut bars = Vec::new();
    while slices.next_into(&mut slice).unwrap() {
        let bar = slice.bars()[0].get();
        bars.push([bar.open.0, bar.high.0, bar.low.0, bar.close.0, bar.volume.0]);
    }
    assert_eq!(
        bars,
        [
            [1050, 1100, 1025, 1100, 65],
            [1200, 1200, 1200, 1200, 10],
            [800, 900, 800, 900, 20]
        ]
    );
    // From 12 to 8 is 3:2: a rule does not know that these are minutes.
    let found = ["gap A 2003-01-02", "missing-split A 2003-01-02"];
    assert_eq!(findings(&data, &done), found);
    let bad = file(&[
        rows[0],
        rows[0],
        "x,1,1,5",
        "2003-01-02T14:30:00Z,0,1,6",
        "2003-01-02T14:30:00Z,1,0,7",
    ]);
    let done = data.ingest(bad.as_bytes(), &options).unwrap();
    let reasons: Vec<&str> = done
        .report
        .examples
        .iter()
        .map(|row| row.reason.as_str())
        .collect();
    assert_eq!(reasons, ["time", "not-positive", "negative-volume"]);
    assert_eq!(done.report.findings.rules["repeated"].count, 1);
    let without = IngestOptions {
        timeframe: None,
        ..options
    };
    let error = data
        .ingest(file(&rows).as_bytes(), &without)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("option timeframe: trades need a timeframe of fixed length"),
        "{error}"
    );
}

#[test]
fn a_mapping_reads_a_vendors_own_columns_and_local_times() {
    let data = TestStore::new();
    let mapping = r#"{"columns":{"open":"O","high":"H","low":"L","close":"C","volume":"V"},"delimiter":";",
        "symbol":"A","schema":"acme/3","time":{"columns":["Day","Clock"],"format":"%d.%m.%Y %H:%M","zone":"America/New_York"}}"#;
    let csv = "Day;Clock;O;H;L;C;V;Note\n02.01.2003;09:30;1;2;1;2;5;x\n02.01.2003;09:31;1;2;1;2;5;\n26.10.2003;01:30;1;2;1;2;5;\n";
    let options = IngestOptions {
        mapping: side("acme.json", mapping),
        ..IngestOptions::default()
    };
    let done = data.ingest(csv.as_bytes(), &options).unwrap();
    assert_eq!((done.report.bars, done.report.reasons["time"]), (2, 1));
    assert_eq!(done.report.ignored_columns, ["Note"]);
    let plain = "symbol,time,open,high,low,close,volume\nA,2003-01-02T14:30:00Z,1,2,1,2,5\nA,2003-01-02T14:31:00Z,1,2,1,2,5\n";
    let plain = data
        .ingest(plain.as_bytes(), &IngestOptions::default())
        .unwrap();
    assert_eq!(plain.manifest.data_sha256, done.manifest.data_sha256);
    let lineage = data.store.lineage(&done.id).unwrap();
    let files = &lineage.normalized[0].files;
    assert_eq!(files[0].receipts[0].schema, "acme/3");
    assert_eq!(files[1].role, "mapping");
    let missing = IngestOptions {
        mapping: side("acme.json", &mapping.replace("\"O\"", "\"Opn\"")),
        ..IngestOptions::default()
    };
    let error = data
        .ingest(csv.as_bytes(), &missing)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no column for the mapping: name it Opn; the header has Day, Clock"),
        "{error}"
    );
}

#[test]
fn bars_of_many_months_are_files_by_month_and_a_range_reads_what_it_needs() {
    let data = TestStore::new();
    let mut csv = String::from("time,open,high,low,close,volume\n");
    // 2003-01-01, and 70,000 minutes from there: into the third week of February.
    for minute in 0..70_000_i64 {
        let (time, price) = (1_041_379_200 + minute * 60, 1_000 + minute % 7);
        writeln!(csv, "{time},{price},{price},{price},{price},{minute}").unwrap();
    }
    // A second file takes it over the end of February, after 65,536 bars: March is a file of its own.
    let rest: String = (70_000..90_000_i64).fold(
        "time,open,high,low,close,volume\n".to_owned(),
        |csv, minute| {
            format!(
                "{csv}{},1000,1000,1000,1000,{minute}\n",
                1_041_379_200 + minute * 60
            )
        },
    );
    let options = IngestOptions {
        symbol: Some("A".to_owned()),
        calendar: side("c", "24x7"),
        ..IngestOptions::default()
    };
    let first = data.ingest(csv.as_bytes(), &options).unwrap();
    assert_eq!(first.manifest.instruments[0].files.len(), 1);
    let options = IngestOptions {
        revises: Some(first.id),
        ..options
    };
    let done = data.ingest(rest.as_bytes(), &options).unwrap();
    let instrument = &done.manifest.instruments[0];
    let names: Vec<&str> = instrument
        .files
        .iter()
        .map(|file| file.file.as_str())
        .collect();
    assert_eq!(names, ["0000-A-2003-01.arrow", "0000-A-2003-03.arrow"]);
    let snapshot = data.store.load(&done.id).unwrap();
    assert_eq!(snapshot.verify_all().unwrap().bars, 90_000);
    let volumes = |from: i64, to: i64| {
        let time = |minute: i64| Some(UnixNanos((1_041_379_200 + minute * 60) * 1_000_000_000));
        let mut slices = snapshot.select(&[], time(from), time(to)).unwrap().slices();
        let mut slice = Slice::default();
        let mut all = Vec::new();
        while slices.next_into(&mut slice).unwrap() {
            all.push(slice.bars()[0].get().volume.0);
        }
        all
    };
    // The first minute of March is number 84,960.
    assert_eq!(volumes(84_958, 84_962), [84_958, 84_959, 84_960, 84_961]);
    // A range of January needs no file of March.
    let folder = data.directory.path().join("snapshots").join(done.id.hex());
    fs::remove_file(folder.join("0000-A-2003-03.arrow")).unwrap();
    assert_eq!(volumes(9, 11), [9, 10]);
    assert!(snapshot.verify_all().is_err());
}

#[test]
fn a_schema_says_what_it_says() {
    // The fields of an ingested file are those of the documentation, so that other tools can read it.
    let data = TestStore::new();
    let done = data.ingest_rows(&closes("A", &[5, 6]), &daily()).unwrap();
    let instrument = &done.manifest.instruments[0];
    let path = data
        .directory
        .path()
        .join("snapshots")
        .join(done.id.hex())
        .join(&instrument.files[0].file);
    let reader =
        arrow_ipc::reader::FileReader::try_new(fs::File::open(path).unwrap(), None).unwrap();
    let schema: Arc<Schema> = reader.schema();
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field: &Arc<Field>| field.name().as_str())
        .collect();
    assert_eq!(
        names,
        [
            "open_time",
            "close_time",
            "open",
            "high",
            "low",
            "close",
            "volume"
        ]
    );
    assert_eq!(schema.field(2).data_type(), &DataType::Int64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_in_any_sequence_give_the_same_data_where_they_do_not_revise_each_other(
        files in proptest::collection::vec(proptest::collection::btree_map(0_i64..400, 500_i64..999, 1..20), 1..4)
            .prop_flat_map(|files| (Just(files.clone()), Just(files).prop_shuffle()))
    ) {
        let digest = |files: &[std::collections::BTreeMap<i64, i64>]| {
            let data = TestStore::new();
            let mut revises = None;
            let mut last = None;
            for file in files {
                let mut rows = String::new();
                for minute in file.keys() {
                    let time = 1_000_000_000 + minute * 60;
                    // The same minute has the same bar in every file.
                    let price = 500 + minute;
                    writeln!(rows, "A,{time},{price},{price},{price},{price},{minute}").unwrap();
                }
                let options = IngestOptions { timeframe: Some("1m".parse().unwrap()), gaps: GapRule::Any, revises, ..IngestOptions::default() };
                let done = data.ingest_rows(&rows, &options).unwrap();
                revises = Some(done.id);
                last = Some(done.manifest.data_sha256);
            }
            last
        };
        let (files, shuffled) = files;
        prop_assert_eq!(digest(&files), digest(&shuffled));
    }
}
