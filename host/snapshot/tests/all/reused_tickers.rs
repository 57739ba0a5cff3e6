//! A ticker that is used again after a delisting is another instrument.

use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::quality::actions::format_actions;
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use counterfoil_trading::corporate::CorporateActionKind;

use crate::test_store::{TestStore, daily};

fn with(actions: &str) -> IngestOptions {
    IngestOptions {
        actions: Some(SideFile {
            name: "a.csv".to_owned(),
            bytes: format!("instrument,ex_date,action,value\n{actions}").into_bytes(),
        }),
        ..daily()
    }
}

fn rows(price: u32, days: &[&str]) -> String {
    let row = |(number, day): (usize, &&str)| {
        format!("X,{day},{price},{price},{price},{price},{number}\n")
    };
    (1..).zip(days).map(row).collect()
}

/// Each instrument with its ticker and its bars.
fn instruments(done: &IngestOutcome) -> Vec<String> {
    let all = done.manifest.instruments.iter();
    all.map(|it| format!("{} {} {}", it.symbol, it.tickers[0].symbol, it.bars))
        .collect()
}

const OLD: [&str; 3] = ["2010-01-27", "2010-01-28", "2010-01-29"];
const NEW: [&str; 3] = ["2015-03-02", "2015-03-03", "2015-03-04"];
const DELISTING: &str = "X,2010-01-30,delisting,12.5\n";

/// Bars after a delisting were in quarantine, and the company that got the ticker could not be traded.
#[test]
fn bars_after_a_delisting_and_a_rest_are_an_instrument_of_their_own() {
    let data = TestStore::new();
    let all = rows(12, &OLD) + &rows(50, &NEW);
    let actions = format!("{DELISTING}X,2015-03-03,dividend,0.5\nX,2009-01-02,dividend,0.1\n");
    let done = data.ingest_rows(&all, &with(&actions)).unwrap();
    assert_eq!(instruments(&done), ["X X 3", "X@2015-03-02 X 3"]);
    assert_eq!(
        done.report.reused,
        [("X@2015-03-02".to_owned(), "X".to_owned())]
    );
    assert_eq!(done.report.quarantined, 0);
    // Its actions are its own, and reports show the ticker of the day.
    let snapshot = data.store.load(&done.id).unwrap();
    let own = snapshot
        .select(&["X@2015-03-02".to_owned()], None, None)
        .unwrap();
    let kinds: Vec<CorporateActionKind> = own
        .actions()
        .unwrap()
        .into_iter()
        .map(|one| one.kind)
        .collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    let symbol = "X".to_owned();
    assert_eq!(kinds[0], CorporateActionKind::SymbolChange { symbol });
    assert!(matches!(kinds[1], CorporateActionKind::Dividend { .. }));
    snapshot.verify_all().unwrap();
}

#[test]
fn rows_that_go_on_after_a_delisting_are_errors() {
    let data = TestStore::new();
    let junk = ["2010-01-30", "2010-02-01", "2010-02-04"];
    let done = data
        .ingest_rows(&(rows(12, &OLD) + &rows(12, &junk)), &with(DELISTING))
        .unwrap();
    assert_eq!(instruments(&done), ["X X 3"]);
    assert_eq!(done.report.reasons["after-delisting"], 3);
}

/// A later file begins on another day: its rows are of the instrument that the snapshot has.
#[test]
fn a_further_file_of_the_new_instrument_keeps_its_name() {
    let data = TestStore::new();
    let first = data
        .ingest_rows(&(rows(12, &OLD) + &rows(50, &NEW)), &with(DELISTING))
        .unwrap();
    let more = IngestOptions {
        revises: Some(first.id),
        ..daily()
    };
    let done = data
        .ingest_rows(&rows(51, &["2015-03-05", "2015-03-06"]), &more)
        .unwrap();
    assert_eq!(instruments(&done), ["X X 3", "X@2015-03-02 X 5"]);
}

#[test]
fn a_ticker_may_be_used_a_third_time() {
    let data = TestStore::new();
    let third = ["2020-05-04", "2020-05-05"];
    let all = rows(12, &OLD) + &rows(50, &NEW) + &rows(7, &third);
    let actions = format!("{DELISTING}X,2016-01-04,delisting,49\n");
    let done = data.ingest_rows(&all, &with(&actions)).unwrap();
    assert_eq!(
        instruments(&done),
        ["X X 3", "X@2015-03-02 X 3", "X@2020-05-04 X 2"]
    );
    let actions = data.select(&done).actions().unwrap();
    assert_eq!(
        actions.len(),
        4,
        "two delistings, two changes of ticker: {}",
        format_actions(&[])
    );
}
