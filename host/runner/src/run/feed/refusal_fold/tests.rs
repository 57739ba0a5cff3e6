//! Garbage on a feed: a bounded number of records, a count that is right, and the end of the connection.
//!
//! One byte of garbage was a signed record of 198 bytes, without end; a reason of 60,000 letters ended the run.

use std::io::{self, BufReader};

use counterfoil_trading::bar_grid::BarSequence;
use counterfoil_trading::exchange_calendar::InstrumentCalendars;
use counterfoil_trading::instrument::{Instrument, InstrumentGrid};
use counterfoil_trading::time::Timeframe;

use super::*;
use crate::run::feed::{LineFeed, LineRead, LineSource, LineTreatment, SliceFeed as _};

const MINUTE: i64 = 60_000_000_000;

fn bar(minute: i64) -> String {
    format!(
        r#"{{"symbol":"AAA","open-time":{},"close-time":{},"open":1,"high":1,"low":1,"close":1,"volume":1}}"#,
        (minute - 1) * MINUTE,
        minute * MINUTE
    )
}

/// Lines of a sender that has no connection to drop.
struct Pushed<R>(R);

impl<R: LineSource> LineSource for Pushed<R> {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        self.0.next_line(line)
    }
    fn treated(&mut self, _: LineTreatment) {}
    fn drops_floods(&self) -> bool {
        false
    }
}

/// What a feed of these lines gives: the reasons of records, slices, and how it ended.
fn items(source: impl LineSource) -> Vec<String> {
    let grid = InstrumentGrid::whole_units(0);
    let instruments = [Instrument::new("AAA".to_owned(), grid).unwrap()];
    let sequence = BarSequence::new(Timeframe::Fixed(MINUTE), InstrumentCalendars::default(), 1);
    let mut feed = LineFeed::new(source, &instruments, sequence);
    let mut slice = Slice::default();
    let mut out = Vec::new();
    loop {
        match feed.next(&mut slice) {
            Ok(FeedItem::Refused(refused)) => out.push(refused.reason),
            Ok(FeedItem::Slice) => {
                out.push(format!("slice {}", slice.close_time().unwrap().0 / MINUTE));
            }
            Ok(FeedItem::Known | FeedItem::Nothing | FeedItem::Stop(_)) => {}
            Ok(FeedItem::End) => return out,
            Err(error) => {
                out.push(error.to_string());
                return out;
            }
        }
    }
}

fn lines(text: String) -> impl LineSource {
    BufReader::new(io::Cursor::new(text.into_bytes()))
}

const WHY: &str = "invalid type: integer `1`, expected struct FeedLine at line 1 column 1";

#[test]
fn refused_lines_beyond_the_first_are_one_record_in_front_of_the_slice() {
    for (garbage, more) in [(3, None), (100, None), (101, Some(1)), (150, Some(50))] {
        let text = format!("{}{}\n{}", "1\n".repeat(garbage), bar(1), bar(2));
        let items = items(lines(text));
        let first = garbage.min(100);
        assert!(
            items[..first].iter().all(|item| item == WHY),
            "{garbage}: {items:?}"
        );
        let mut expect = Vec::new();
        expect.extend(more.map(|more| {
            format!("inputs-refused: {more} more since the last slice; the last: {WHY}")
        }));
        expect.extend(["slice 1".to_owned(), "slice 2".to_owned()]);
        assert_eq!(items[first..], expect, "{garbage}");
    }
}

#[test]
fn each_slice_counts_anew_and_the_end_is_counted_too() {
    let row = "1\n".repeat(120);
    let items = items(lines(format!("{row}{}\n{row}", bar(1))));
    let folded = format!("inputs-refused: 20 more since the last slice; the last: {WHY}");
    let at: Vec<usize> = (0..items.len()).filter(|at| items[*at] == folded).collect();
    assert_eq!(at, [100, 202]);
    assert_eq!(items[101], "slice 1");
    assert_eq!(items.len(), 203);
}

#[test]
fn a_flood_ends_its_connection_with_a_bounded_number_of_records() {
    let flood = "1\n".repeat(50_000);
    let items = items(lines(flood.clone()));
    assert!(items.len() < 120, "{}", items.len());
    let counted: u64 = items
        .iter()
        .filter_map(|item| {
            item.strip_prefix("inputs-refused: ")?
                .split(' ')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum();
    assert_eq!(counted + RECORDED_MAX, REFUSED_MAX);
    let end =
        format!("the feed broke: 10000 inputs were refused since the last slice; the last: {WHY}");
    assert_eq!(items.last(), Some(&end));
    // A sender of pushes has no connection: it is told of each line, and the run goes on.
    let items = self::items(Pushed(lines(format!("{flood}{}", bar(1)))));
    assert!(items.len() < 120, "{}", items.len());
    assert_eq!(items.last().unwrap(), "slice 1");
}

#[test]
fn a_reason_repeats_a_bounded_part_of_what_was_sent() {
    let items = items(lines(format!("{{\"{}\":1}}\n", "x".repeat(60_000))));
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].chars().count(), 501, "{}", items[0]);
}
