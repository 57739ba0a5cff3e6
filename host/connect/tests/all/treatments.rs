//! The table in docs/reference/FEEDS.md is what the code does.

use std::path::Path;

use counterfoil_connect::feed::event::FeedEvent;
use counterfoil_connect::feed::protocol::BarGap;
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Price, Volume};

/// One of each event, in the sequence of the table. A new one breaks `FeedEvent::code`, whoever
/// adds it there adds it here and in the document.
fn one_of_each() -> Vec<FeedEvent> {
    let bar = ClosedBar::parse(RawBar {
        open_time: UnixNanos(0),
        close_time: UnixNanos(60),
        open: Price(1),
        high: Price(1),
        low: Price(1),
        close: Price(1),
        volume: Volume(0),
        instrument: InstrumentId(0),
    })
    .unwrap();
    let gap = BarGap {
        instrument: InstrumentId(0),
        from: UnixNanos(0),
        to: UnixNanos(60),
    };
    let reason = || "why".to_owned();
    vec![
        FeedEvent::Closed(bar),
        FeedEvent::EndOfSlice(UnixNanos(60)),
        FeedEvent::Duplicate(bar),
        FeedEvent::Revised(bar),
        FeedEvent::OutOfOrder(bar),
        FeedEvent::Late(bar),
        FeedEvent::Misfit {
            bar,
            reason: reason(),
        },
        FeedEvent::TradeRefused {
            reason: reason(),
            instrument: InstrumentId(0),
            time: UnixNanos(0),
        },
        FeedEvent::Amended { input: vec![] },
        FeedEvent::Missing {
            gap,
            reason: reason(),
        },
        FeedEvent::Filled { gap, bars: 1 },
        FeedEvent::Refused {
            reason: reason(),
            input: vec![],
        },
        FeedEvent::Disconnected { reason: reason() },
        FeedEvent::Reconnected { tries: 1 },
        FeedEvent::Ended { reason: reason() },
    ]
}

#[test]
fn the_table_in_the_document_is_what_is_done() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/FEEDS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, table) = text
        .split_once("\n## What is done with each event\n")
        .unwrap();
    let rows = table
        .lines()
        .skip_while(|line| !line.starts_with("| ---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let documented: Vec<(String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[3].to_owned())
        })
        .collect();
    let done: Vec<(String, String)> = one_of_each()
        .iter()
        .map(|event| {
            let treatment = event.treatment().name().to_owned();
            (event.code().to_owned(), treatment)
        })
        .collect();
    assert_eq!(documented, done);
}

#[test]
fn every_event_can_be_kept_and_its_reason_begins_with_its_name() {
    for event in one_of_each() {
        assert!(event.reason().starts_with(&format!("{}:", event.code())));
        let input = event.input();
        let is_message = matches!(event, FeedEvent::Amended { .. } | FeedEvent::Refused { .. });
        if !is_message {
            let kept: serde_json::Value = serde_json::from_slice(&input).unwrap();
            assert_eq!(kept["event"], event.code());
        }
    }
}
