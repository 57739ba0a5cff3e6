//! A calendar's sessions from a vendor's bars, or from a stream, to a guest's DAY orders; with
//! nothing but the journal to go by afterwards.

use core::fmt::Write as _;

use counterfoil_guests::component;
use counterfoil_runner::run::journal::JournalReader;
use counterfoil_runner::run::replay::probe::LookAheadProbe;
use counterfoil_runner::study::lookahead::audit;
use counterfoil_tests::journals::{records, verified};
use counterfoil_tests::world::{World, over_a_feed};
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::RunRecord;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Price;

use crate::recover::{killed, resume, signed_ends};

/// After each bar of the first instrument: buy 1 at 95, DAY, the order's id is the bar's number
/// from 1.
const BUYS_THE_DAY: &str = r#"(func (export "on-bar")
  (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i64.store (i32.const 16) (i64.const 0))
  (i64.store (i32.const 24) (i64.const 0))
  (if (i32.eqz (local.get 0)) (then
    (i64.store (i32.const 4112) (i64.add (local.get 1) (i64.const 1)))
    (i64.store (i32.const 4128) (i64.const 1))
    (i32.store8 (i32.const 4136) (i32.const 1))
    (i64.store (i32.const 4144) (i64.const 95))
    (i32.store8 (i32.const 4160) (i32.const 1))
    (i32.store (i32.const 20) (i32.const 4096)) (i32.store (i32.const 24) (i32.const 1))))
  (i32.const 16))"#;

/// Sessions of New York's evening, which end at 01:00 in UTC, and on the third at 17:00.
const EVENINGS: &str = r#"{"zone":"America/New_York","weekdays":["mon","tue","wed","thu","fri"],
    "open":"09:30","close":"21:00","early_closes":{"2003-07-03":"13:00"}}"#;

/// Opens of hourly bars, and whether the first instrument dips to 95 in it.
const BARS: [(&str, bool); 8] = [
    ("2003-07-01T22:30:00Z", false),
    ("2003-07-01T23:30:00Z", false),
    // The session continues after midnight in UTC, and ends inside this bar.
    ("2003-07-02T00:30:00Z", true),
    ("2003-07-02T13:30:00Z", false),
    ("2003-07-02T14:30:00Z", false),
    ("2003-07-03T15:30:00Z", false),
    // The early close is inside this one.
    ("2003-07-03T16:30:00Z", false),
    ("2003-07-03T17:30:00Z", true),
];

fn world(calendar: Option<&str>) -> (World, Manifest) {
    let mut csv = String::from("Ticker,Time,Open,High,Low,Close,Volume\n");
    for symbol in ["AAA", "BBB"] {
        for (open, dips) in BARS {
            let low = if dips { 95 } else { 100 };
            writeln!(csv, "{symbol},{open},100,100,{low},100,1000").unwrap();
        }
    }
    let world = World::of_sessions(&csv, "1h", calendar);
    let manifest = world.manifest(&component(BUYS_THE_DAY), &["AAA", "BBB"]);
    (world, manifest)
}

/// What became of the orders, slice by slice, from a journal that verifies.
fn orders(journal: &[u8], records: &[RunRecord]) -> String {
    let report = verified(journal);
    assert_eq!(report.findings, []);
    assert!(report.is_good(), "{:?}", report.completeness);
    let mut slices = Vec::new();
    for record in records {
        let RunRecord::Deliveries(all) = record else {
            continue;
        };
        let slice = all.deliveries.iter().filter_map(|delivery| match delivery {
            Delivery::Fill(fill) => Some(format!("{} fills", fill.client_order_id.0)),
            Delivery::Event(event) if event.status.is_final() => Some(format!(
                "{} {}",
                event.client_order_id.0,
                event.status.name()
            )),
            Delivery::Action(applied) if applied.action.kind == CorporateActionKind::SessionEnd => {
                Some(format!("end {}", applied.action.instrument.0))
            }
            Delivery::Event(_) | Delivery::Action(_) | Delivery::Borrow(_) => None,
        });
        let slice: Vec<String> = slice.collect();
        if !slice.is_empty() {
            slices.push(slice.join(", "));
        }
    }
    slices.join("; ")
}

const EXPECTED: &str = "end 0, end 1; end 0, end 1, 1 fills, 2 fills; \
    end 0, end 1, 3 expired, 4 expired, 5 expired; end 0, end 1; 6 expired, 7 fills";

/// The stream of the same bars, with the end of a session before the bars that come after it.
fn stream(world: &World, manifest: &Manifest) -> Vec<String> {
    let end = |text: &str| format!(r#"{{"session-end":"{text}"}}"#);
    let mut lines: Vec<String> = world.lines(manifest).lines().map(str::to_owned).collect();
    // Two lines a slice, from behind.
    lines.insert(12, end("2003-07-03T17:00:00Z"));
    lines.insert(
        10,
        r#"{"session-end":"2003-07-03T01:00:00Z","symbol":"BBB"}"#.to_owned(),
    );
    lines.insert(
        9,
        r#"{"session_end":1057194000000000000,"symbol":"AAA"}"#.to_owned(),
    );
    lines.insert(4, end("2003-07-02T01:00:00Z"));
    lines.insert(0, end("2003-07-01T01:00:00Z"));
    lines
}

#[test]
fn a_snapshots_calendar_ends_day_orders_in_a_run_that_verifies_replays_and_is_audited() {
    let (world, manifest) = world(Some(EVENINGS));
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let journal = outcome.execution.journal();
    let bytes = std::fs::read(&journal).unwrap();
    let all = records(journal.path(), &outcome.execution.origin());
    assert_eq!(orders(&bytes, &all), EXPECTED);
    let opening = JournalReader::open(&journal).unwrap().opening().unwrap();
    let promised = opening.commitments.unwrap();
    let counts: Vec<u64> = promised
        .iter()
        .map(|commitment| commitment.actions)
        .collect();
    assert_eq!(counts, [4, 4], "the open record promises the ends");

    let again = world.replay(&outcome).unwrap();
    assert!(again.is_identical(), "{:?}", again.difference);
    let engine = world.engine();
    let audited = audit(&world.data, &outcome.execution, engine, &mut |_| {}).unwrap();
    assert!(audited.is_identical(), "{:?}", audited.difference);
    assert_eq!(audited.decisions, 16);

    // Killed after any checkpoint, and resumed.
    for end in signed_ends(&bytes) {
        if end == bytes.len() {
            continue;
        }
        let execution = killed(&world, &manifest, &bytes[..end]);
        let resumed = resume(&world, &execution, "").unwrap();
        assert_eq!(resumed.ended.unwrap(), outcome.close);
        assert_eq!(std::fs::read(execution.journal()).unwrap(), bytes);
    }
}

#[test]
fn without_a_calendar_the_utc_day_is_the_trading_day() {
    let (world, manifest) = world(None);
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let journal = outcome.execution.journal();
    let bytes = std::fs::read(&journal).unwrap();
    let all = records(journal.path(), &outcome.execution.origin());
    let expected = "1 expired, 2 fills; 3 expired, 4 expired; 5 fills, 6 fills, 7 fills";
    assert_eq!(orders(&bytes, &all), expected);
}

#[test]
fn a_stream_tells_the_ends_of_sessions_and_is_resumed_wherever_it_was_killed() {
    let (world, manifest) = world(Some(EVENINGS));
    let backtest = world.backtest(&manifest, world.engine()).unwrap();
    let lines = stream(&world, &manifest).join("\n");
    let manifest = over_a_feed(&manifest, "sessions");
    let outcome = world.live(&manifest, &lines).unwrap();
    assert_eq!(outcome.close, backtest.close, "as the backtest decided");
    let journal = outcome.execution.journal();
    let bytes = std::fs::read(&journal).unwrap();
    let all = records(journal.path(), &outcome.execution.origin());
    assert_eq!(orders(&bytes, &all), EXPECTED);
    assert!(world.replay(&outcome).unwrap().is_identical());

    // The feed sends everything again.
    for end in signed_ends(&bytes) {
        if end == bytes.len() {
            continue;
        }
        let execution = killed(&world, &manifest, &bytes[..end]);
        let resumed = resume(&world, &execution, &lines).unwrap();
        assert_eq!(
            resumed.ended.unwrap(),
            outcome.close,
            "killed at byte {end}"
        );
    }
}

#[test]
fn an_end_that_comes_too_late_is_refused_and_one_that_came_before_is_known() {
    let (world, manifest) = world(None);
    let manifest = over_a_feed(&manifest, "late");
    let bars: Vec<String> = world.lines(&manifest).lines().map(str::to_owned).collect();
    let mut lines = bars[..2].to_vec();
    // The first slice closed at 23:30.
    let end = |text: &str| format!(r#"{{"session-end":{text}}}"#);
    lines.push(end(r#""2003-07-01T23:29:59Z""#));
    lines.push(end(r#""soon""#));
    lines.push(r#"{"session-end":"2003-07-02T01:00:00Z","symbol":"CCC"}"#.to_owned());
    lines.push(end(r#""2003-07-01T23:30:00Z""#));
    lines.push(end(r#""2003-07-01T23:30:00Z""#));
    lines.extend(bars[2..4].to_vec());
    let outcome = world.live(&manifest, &lines.join("\n")).unwrap();
    let journal = outcome.execution.journal();
    let all = records(journal.path(), &outcome.execution.origin());
    let refused: Vec<&str> = all
        .iter()
        .filter_map(|record| match record {
            RunRecord::Refused(record) => Some(record.reason.as_str()),
            RunRecord::Open(_)
            | RunRecord::Manifest(_)
            | RunRecord::Commitments(_)
            | RunRecord::Positions(_)
            | RunRecord::WindDown(_)
            | RunRecord::Inputs(_)
            | RunRecord::Deliveries(_)
            | RunRecord::Decision(_)
            | RunRecord::Fault(_)
            | RunRecord::Close(_)
            | RunRecord::MarginCall(_)
            | RunRecord::Stop(_) => None,
        })
        .collect();
    let expected = [
        "its slice has ended",
        "field session-end is not a time",
        "the run has no instrument \"CCC\"",
    ];
    assert_eq!(refused, expected);
    // The order was accepted at this close: it belongs to the next session.
    let bytes = std::fs::read(&journal).unwrap();
    assert_eq!(orders(&bytes, &all), "end 0, end 1");
}

#[test]
fn an_audit_poisons_the_ends_of_sessions_too() {
    let price = Price(100);
    let raw = RawBar {
        close_time: UnixNanos(1_000),
        open: price,
        high: price,
        low: price,
        close: price,
        ..RawBar::default()
    };
    let mut slice = Slice::default();
    slice.add(ClosedBar::parse(raw).unwrap()).unwrap();
    let tape = LookAheadProbe::default();
    tape.show_garbage(&slice, 1);
    let ahead = (1..=64).filter_map(|place| tape.ahead(place));
    let actions = ahead.flat_map(|slice| slice.actions().to_vec());
    let ends = actions.filter(|action| action.kind == CorporateActionKind::SessionEnd);
    assert!(ends.count() > 0);
}
