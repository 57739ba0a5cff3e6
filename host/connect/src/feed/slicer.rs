//! Groups the bars of a feed into slices: the bars that a run decides together. It must never wait:
//! its caller does.

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::slice::{Slice, SliceError};
use counterfoil_trading::time::UnixNanos;

use crate::feed::event::FeedEvent;

/// The slice in progress.
///
/// A slice ends when every instrument has a bar, at an end-of-slice event, or at a bar with a later
/// close time. A bar that arrives after its slice has ended is late.
#[derive(Clone, Debug)]
pub struct Slicer {
    instruments: usize,
    pending: Slice,
    /// A bar that ended the slice before it.
    ahead: Option<ClosedBar>,
    ended: Option<UnixNanos>,
}

/// What an event means for the slice in progress.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SliceProgress {
    /// The slice needs more bars.
    Waiting,
    /// The slice passed in by the caller is complete.
    Whole,
    /// An event to record or to count; not part of a slice.
    Note(FeedEvent),
}

impl Slicer {
    /// Slices of this number of instruments, after the slice that ended last, continued with the
    /// bars of one in progress.
    #[must_use]
    pub fn new(instruments: usize, ended: Option<UnixNanos>, under_way: Slice) -> Self {
        Self {
            instruments,
            pending: under_way,
            ahead: None,
            ended,
        }
    }

    /// Adds the bar that ended the slice before; true if the slice is complete with it.
    ///
    /// # Errors
    ///
    /// Returns [`SliceError`] if bars do not fit together.
    pub fn start_next(&mut self, slice: &mut Slice) -> Result<bool, SliceError> {
        if let Some(bar) = self.ahead.take() {
            self.pending.add(bar)?;
        }
        let is_whole = self.pending.bars().len() >= self.instruments;
        if is_whole {
            self.hand_out(slice);
        }
        Ok(is_whole)
    }

    /// Whether the slice of a bar has ended, or has a bar of its instrument.
    #[must_use]
    pub fn is_past(&self, bar: &ClosedBar) -> bool {
        let time = bar.get().close_time;
        let under_way = self.pending.close_time();
        let is_second =
            under_way == Some(time) && self.pending.bar_of(bar.get().instrument).is_some();
        is_second || self.is_late(time)
    }

    /// Whether a slice that closes at this time has ended.
    fn is_late(&self, time: UnixNanos) -> bool {
        let under_way = self.pending.close_time();
        self.ended.max(under_way.filter(|slice| time < *slice)) >= Some(time)
    }

    /// Applies an event. If it ends the slice in progress, that is in `slice`; call
    /// [`Slicer::start_next`] before the next event then.
    ///
    /// # Errors
    ///
    /// Returns [`SliceError`] if bars do not fit together.
    pub fn push(
        &mut self,
        event: FeedEvent,
        slice: &mut Slice,
    ) -> Result<SliceProgress, SliceError> {
        if let FeedEvent::EndOfSlice(time) = event {
            let is_it = self.pending.close_time() == Some(time);
            if is_it {
                self.hand_out(slice);
            }
            return Ok(if is_it {
                SliceProgress::Whole
            } else {
                SliceProgress::Waiting
            });
        }
        let FeedEvent::Closed(bar) = event else {
            return Ok(SliceProgress::Note(event));
        };
        let time = bar.get().close_time;
        let under_way = self.pending.close_time();
        // A slice is decided once. A bar that arrives after that would have to change a decision
        // that is signed and perhaps sent.
        if self.is_late(time) {
            return Ok(SliceProgress::Note(FeedEvent::Late(bar)));
        }
        if under_way.is_some_and(|slice| time > slice) {
            self.ahead = Some(bar);
            self.hand_out(slice);
            return Ok(SliceProgress::Whole);
        }
        match self.pending.add(bar) {
            Ok(()) if self.pending.bars().len() >= self.instruments => {
                self.hand_out(slice);
                Ok(SliceProgress::Whole)
            }
            Ok(()) => Ok(SliceProgress::Waiting),
            Err(SliceError::Duplicate { .. }) => Ok(SliceProgress::Note(FeedEvent::Duplicate(bar))),
            Err(error) => Err(error),
        }
    }

    /// Returns the remaining slices at the end of the feed; false if there are none.
    pub fn finish(&mut self, slice: &mut Slice) -> bool {
        let is_left = !self.pending.bars().is_empty();
        if is_left {
            self.hand_out(slice);
        }
        is_left
    }

    fn hand_out(&mut self, slice: &mut Slice) {
        core::mem::swap(slice, &mut self.pending);
        self.pending.clear();
        self.ended = self.ended.max(slice.close_time());
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::bar::RawBar;
    use counterfoil_trading::instrument::InstrumentId;
    use counterfoil_trading::units::{Price, Volume};

    use super::*;

    fn bar(instrument: u32, close: i64) -> FeedEvent {
        let price = Price(5);
        let raw = RawBar {
            instrument: InstrumentId(instrument),
            open_time: UnixNanos(close - 10),
            close_time: UnixNanos(close),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Volume(1),
        };
        FeedEvent::Closed(ClosedBar::parse(raw).unwrap())
    }

    /// What comes of a list of events, as text.
    fn run(events: Vec<FeedEvent>) -> Vec<String> {
        let mut slicer = Slicer::new(2, Some(UnixNanos(10)), Slice::default());
        let mut slice = Slice::default();
        let mut out = Vec::new();
        let show = |slice: &Slice| {
            let ids: Vec<u32> = slice.bars().iter().map(|b| b.get().instrument.0).collect();
            format!("{}: {ids:?}", slice.close_time().unwrap().0)
        };
        for event in events {
            slice.clear();
            match slicer.push(event, &mut slice).unwrap() {
                SliceProgress::Waiting => {}
                SliceProgress::Whole => out.push(show(&slice)),
                SliceProgress::Note(event) => out.push(event.code().to_owned()),
            }
            slice.clear();
            if slicer.start_next(&mut slice).unwrap() {
                out.push(show(&slice));
            }
        }
        slice.clear();
        if slicer.finish(&mut slice) {
            out.push(show(&slice));
        }
        out
    }

    #[test]
    fn a_slice_ends_when_all_have_reported_at_a_mark_or_at_a_later_bar() {
        assert_eq!(run(vec![bar(1, 20), bar(0, 20)]), ["20: [0, 1]"]);
        let mark = |time| FeedEvent::EndOfSlice(UnixNanos(time));
        assert_eq!(
            run(vec![
                bar(1, 20),
                mark(10),
                mark(20),
                bar(0, 20),
                mark(20),
                bar(0, 30)
            ]),
            ["20: [1]", "late-bar", "30: [0]"]
        );
        assert_eq!(
            run(vec![bar(1, 20), bar(1, 30), bar(0, 30), bar(0, 20)]),
            ["20: [1]", "30: [0, 1]", "late-bar"]
        );
        assert_eq!(
            run(vec![bar(1, 10), bar(1, 30), bar(0, 20), bar(1, 30)]),
            ["late-bar", "late-bar", "duplicate-bar", "30: [1]"]
        );
    }
}
