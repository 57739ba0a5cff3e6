//! A venue's events as a feed of slices. It must never know which venue it is, or how it is reached.

use std::collections::BTreeMap;
use std::io;

use counterfoil_connect::feed::event::{FeedEvent, FeedTreatment};
use counterfoil_connect::feed::inbox::{EventRead, FeedInbox};
use counterfoil_connect::feed::slicer::{SliceProgress, Slicer};
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::bar_grid::BarSequence;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;

use super::refusal_fold::RefusalFold;
use super::{DecidedBars, FeedError, FeedItem, SILENCE_MAX, SliceFeed};

/// A source of a venue's events.
pub trait EventSource {
    /// The next event; [`EventRead::Nothing`] every [`SILENCE_MAX`] while there is no event.
    ///
    /// # Errors
    ///
    /// Returns an error if no further event may be taken.
    fn next_event(&mut self) -> io::Result<EventRead>;
}

impl EventSource for FeedInbox {
    fn next_event(&mut self) -> io::Result<EventRead> {
        Ok(self.wait(SILENCE_MAX))
    }
}

/// A feed of a venue's events. Bars become slices; other events are recorded as refused input, whose reason begins
/// with the event's code.
#[derive(Debug)]
pub struct ConnectedFeed<S> {
    source: S,
    slicer: Slicer,
    bars: BarSequence,
    decided: BTreeMap<(UnixNanos, InstrumentId), ClosedBar>,
    /// Whether [`Slicer::start_next`] may hold a whole slice that is not given yet.
    is_fresh: bool,
    fold: RefusalFold,
}

impl<S: EventSource> ConnectedFeed<S> {
    /// A feed of the bars of a run of this many instruments. It may send decided bars again, and ends the slice that
    /// is open.
    pub fn new(source: S, mut bars: BarSequence, instruments: usize, decided: DecidedBars) -> Self {
        decided.bars.values().for_each(|bar| bars.take(bar.get()));
        Self {
            source,
            bars,
            slicer: Slicer::new(instruments, decided.ended, decided.open),
            decided: decided.bars,
            is_fresh: true,
            fold: RefusalFold::default(),
        }
    }

    /// The event, with a bar that the run may not decide marked as such.
    fn checked(&mut self, event: FeedEvent) -> FeedEvent {
        let FeedEvent::Closed(bar) = event else {
            return event;
        };
        // A bar that comes late overlaps as well. That it is late is the reason.
        if self.slicer.is_past(&bar) {
            return event;
        }
        match self.bars.check(bar.get()) {
            Ok(()) => {
                self.bars.take(bar.get());
                event
            }
            Err(misfit) => FeedEvent::Misfit {
                bar,
                reason: misfit.to_string(),
            },
        }
    }

    /// The feed item of an event outside every slice.
    fn note(&self, event: &FeedEvent) -> FeedItem {
        if let FeedEvent::OutOfOrder(bar) | FeedEvent::Late(bar) = event {
            // Equal in every field, not by time alone: a venue that revises a bar after a reconnection must leave
            // a trace in the journal.
            let place = (bar.get().close_time, bar.get().instrument);
            if self.decided.get(&place) == Some(bar) {
                return FeedItem::Known;
            }
        }
        match event.treatment() {
            FeedTreatment::Skip => FeedItem::Known,
            FeedTreatment::Decide
            | FeedTreatment::EndSlice
            | FeedTreatment::Record
            | FeedTreatment::End => FeedItem::Refused(RefusedInput {
                reason: event.reason(),
                input: event.input(),
            }),
        }
    }
}

impl<S: EventSource> SliceFeed for ConnectedFeed<S> {
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        slice.clear();
        if let Some(held) = self.fold.take_held(slice) {
            return held;
        }
        match self.read(slice) {
            Ok(EventItem::Report(item)) => Ok(item),
            Ok(EventItem::Feed(item)) => self.fold.pass(Ok(item), slice),
            Err(error) => self.fold.pass(Err(error), slice),
        }
    }
}

/// An item of the feed, by whether it may be counted together with others.
enum EventItem {
    Feed(FeedItem),
    /// What the feed itself reports of its connection and gaps: each is recorded.
    Report(FeedItem),
}

impl<S: EventSource> ConnectedFeed<S> {
    fn read(&mut self, slice: &mut Slice) -> Result<EventItem, FeedError> {
        loop {
            if core::mem::take(&mut self.is_fresh) && self.slicer.start_next(slice)? {
                self.is_fresh = true;
                return Ok(EventItem::Feed(FeedItem::Slice));
            }
            let event = match self.source.next_event().map_err(FeedError::Stream)? {
                EventRead::Event(event) => event,
                EventRead::Nothing => return Ok(EventItem::Feed(FeedItem::Nothing)),
                // The open slice is given before the end: its bars are closed, and a run that stops here has decided
                // everything that it received.
                EventRead::End => {
                    let is_left = self.slicer.finish(slice);
                    return Ok(EventItem::Feed(if is_left {
                        FeedItem::Slice
                    } else {
                        FeedItem::End
                    }));
                }
            };
            let event = self.checked(event);
            match self.slicer.push(event, slice)? {
                SliceProgress::Waiting => {}
                SliceProgress::Whole => {
                    self.is_fresh = true;
                    return Ok(EventItem::Feed(FeedItem::Slice));
                }
                SliceProgress::Note(event) if event.is_of_venue() => {
                    return Ok(EventItem::Feed(self.note(&event)));
                }
                SliceProgress::Note(event) => return Ok(EventItem::Report(self.note(&event))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::bar::RawBar;
    use counterfoil_trading::exchange_calendar::InstrumentCalendars;
    use counterfoil_trading::time::Timeframe;
    use counterfoil_trading::units::{Price, Volume};

    use super::*;

    fn bar(instrument: u32, close: i64) -> ClosedBar {
        ClosedBar::parse(RawBar {
            instrument: InstrumentId(instrument),
            open_time: UnixNanos(close - 10),
            close_time: UnixNanos(close),
            open: Price(5),
            high: Price(5),
            low: Price(5),
            close: Price(5),
            volume: Volume(1),
        })
        .unwrap()
    }

    /// Bars of ten nanoseconds.
    fn tens() -> BarSequence {
        BarSequence::new(Timeframe::Fixed(10), InstrumentCalendars::default(), 2)
    }

    /// The items of a feed of two instruments, as text.
    fn items(events: Vec<FeedEvent>, decided: DecidedBars) -> Vec<String> {
        let (sender, inbox) = FeedInbox::pair().unwrap();
        for event in events {
            sender.try_send(event).unwrap();
        }
        drop(sender);
        let mut feed = ConnectedFeed::new(inbox, tens(), 2, decided);
        let mut slice = Slice::default();
        let mut out = Vec::new();
        loop {
            out.push(match feed.next(&mut slice).unwrap() {
                FeedItem::Slice => {
                    let ids: Vec<u32> = slice
                        .bars()
                        .iter()
                        .map(|bar| bar.get().instrument.0)
                        .collect();
                    format!("{}: {ids:?}", slice.close_time().unwrap().0)
                }
                FeedItem::Refused(refused) => {
                    let input = String::from_utf8(refused.input).unwrap();
                    format!("{} {input}", refused.reason)
                }
                FeedItem::Known => "known".to_owned(),
                FeedItem::Nothing => "nothing".to_owned(),
                FeedItem::Stop(stop) => stop.message,
                FeedItem::End => return out,
            });
        }
    }

    #[test]
    fn bars_become_slices_and_everything_else_is_recorded_in_its_place() {
        let events = vec![
            FeedEvent::Closed(bar(0, 20)),
            FeedEvent::Duplicate(bar(0, 20)),
            FeedEvent::Disconnected {
                reason: "cable".to_owned(),
            },
            FeedEvent::Reconnected { tries: 2 },
            FeedEvent::Closed(bar(1, 30)),
            FeedEvent::Closed(bar(1, 20)),
            FeedEvent::Closed(bar(0, 30)),
            FeedEvent::Closed(bar(0, 40)),
            FeedEvent::Ended {
                reason: "denied".to_owned(),
            },
        ];
        let late = r#"{"close":5,"close-time":20,"event":"late-bar","high":5,"instrument":1,"low":5,"open":5,"open-time":10,"volume":1}"#;
        let expect = [
            "known".to_owned(),
            r#"feed-disconnected: cable {"event":"feed-disconnected"}"#.to_owned(),
            r#"feed-reconnected: at try 2 {"event":"feed-reconnected","tries":2}"#.to_owned(),
            "20: [0]".to_owned(),
            format!("late-bar: its slice has ended {late}"),
            "30: [0, 1]".to_owned(),
            r#"feed-ended: denied {"event":"feed-ended"}"#.to_owned(),
            "40: [0]".to_owned(),
        ];
        assert_eq!(items(events, DecidedBars::default()), expect);
    }

    #[test]
    fn a_feed_goes_on_where_the_run_stopped() {
        let mut decided = DecidedBars {
            ended: Some(UnixNanos(20)),
            ..DecidedBars::default()
        };
        for bar in [bar(0, 20), bar(1, 20), bar(0, 30)] {
            let place = (bar.get().close_time, bar.get().instrument);
            decided.bars.insert(place, bar);
        }
        decided.open.add(bar(0, 30)).unwrap();
        let events = vec![
            FeedEvent::Closed(bar(1, 20)),
            FeedEvent::OutOfOrder(bar(0, 20)),
            FeedEvent::Closed(bar(1, 30)),
        ];
        assert_eq!(items(events, decided), ["known", "known", "30: [0, 1]"]);
    }
}
