//! Closed bars as newline-delimited JSON, from standard input or a socket.
//!
//! A slice ends when every instrument has a bar, at `{"end-of-slice":true}`, or at a bar with a later close time.
//! Session ends come between the bars. A line that cannot join its slice is refused and recorded.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::bar_grid::BarSequence;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;

use super::line::{LineContent, parse};
use super::line_source::{LineRead, LineSource, LineTreatment};
use super::refusal_fold::RefusalFold;
use super::sessions::SessionEnds;
use super::{FeedError, FeedItem, SliceFeed};
use crate::clock;

/// How far ahead of this machine's clock a bar may close: as far as two synchronized clocks may differ.
const AHEAD_NANOS: i64 = 5_000_000_000;

/// A feed of lines of JSON.
#[derive(Debug)]
pub struct LineFeed<R> {
    source: R,
    instruments: Vec<Instrument>,
    bars: BarSequence,
    line: Vec<u8>,
    /// A bar that ended the slice before it and belongs to the next.
    ahead: Option<ClosedBar>,
    /// Close time of the last slice given.
    ended: Option<UnixNanos>,
    /// The open slice.
    pending: Slice,
    session_ends: SessionEnds,
    /// Bars decided before this feed was connected.
    decided: BTreeMap<(UnixNanos, InstrumentId), ClosedBar>,
    /// Whether the last line was a decided bar: a mark after it belongs to that bar's slice.
    is_behind: bool,
    fold: RefusalFold,
}

/// The decided part of a feed that is connected again.
#[derive(Debug, Default)]
pub struct DecidedBars {
    /// Every decided bar.
    pub bars: BTreeMap<(UnixNanos, InstrumentId), ClosedBar>,
    /// The decided bars of a last slice that may not be whole.
    pub open: Slice,
    /// Close time of the last whole slice.
    pub ended: Option<UnixNanos>,
    /// Every recorded session end, with those of the last slice.
    pub session_ends: BTreeSet<(UnixNanos, InstrumentId)>,
    /// Close time of the last slice with any record: its actions are settled.
    pub settled: Option<UnixNanos>,
}

impl<R: LineSource> LineFeed<R> {
    /// A feed of the manifest's instruments.
    pub fn new(source: R, instruments: &[Instrument], bars: BarSequence) -> Self {
        Self::resume(source, instruments, bars, DecidedBars::default())
    }

    /// A feed that may send decided bars again, and ends the open slice.
    pub fn resume(
        source: R,
        instruments: &[Instrument],
        mut bars: BarSequence,
        decided: DecidedBars,
    ) -> Self {
        decided.bars.values().for_each(|bar| bars.take(bar.get()));
        Self {
            source,
            bars,
            instruments: instruments.to_vec(),
            line: Vec::new(),
            ahead: None,
            ended: decided.ended,
            pending: decided.open,
            session_ends: SessionEnds::new(decided.session_ends, decided.settled),
            decided: decided.bars,
            is_behind: false,
            fold: RefusalFold::default(),
        }
    }

    /// The item of a bar whose place is decided already; `None` if it is not.
    fn known(&mut self, bar: &ClosedBar) -> Option<FeedItem> {
        let place = (bar.get().close_time, bar.get().instrument);
        let decided = self.decided.get(&place)?;
        self.is_behind = self
            .pending
            .close_time()
            .is_none_or(|under_way| place.0 < under_way);
        // The same bar again is what a reconnection sends. Another bar in a decided place is a revision: the run
        // keeps its decision, and the journal shows that the feed changed its mind.
        Some(if decided == bar {
            self.source.treated(LineTreatment::Known);
            FeedItem::Known
        } else {
            self.refused("another bar of this time was decided before".to_owned())
        })
    }

    /// Reads the next line.
    fn read_line(&mut self) -> Result<LineRead, FeedError> {
        self.line.clear();
        self.source
            .next_line(&mut self.line)
            .map_err(FeedError::Stream)
    }

    fn refused(&mut self, reason: String) -> FeedItem {
        self.source.treated(LineTreatment::Refused(reason.clone()));
        FeedItem::Refused(RefusedInput {
            reason,
            input: self.line.trim_ascii().to_vec(),
        })
    }

    /// Why no slice may have the bar; `None` if one may.
    fn refusal(&self, bar: &ClosedBar) -> Option<String> {
        // A bar from the future could still change before it closes, and a decision on it would look into the
        // future. The clock is asked here and not in the run: replay reads the refusal from the journal.
        let time = bar.get().close_time;
        if time.0.saturating_sub(clock::now().0) > AHEAD_NANOS {
            let reason = "closes in the future by this machine's clock: it may still form";
            return Some(reason.to_owned());
        }
        if self.ended.is_some_and(|ended| time <= ended) {
            return Some("its slice has ended".to_owned());
        }
        let under_way = self.pending.close_time();
        if under_way.is_some_and(|under_way| time < under_way) {
            return Some("closes before the slice under way".to_owned());
        }
        // A second bar of the slice overlaps the first, which is not what is wrong with it.
        let id = bar.get().instrument;
        if under_way == Some(time) && self.pending.bar_of(id).is_some() {
            return None;
        }
        // The timeframe is the manifest's, and what was authorized. A minute taken for a day would fill orders at
        // prices that the strategy could not have had.
        let misfit = self.bars.check(bar.get()).err()?;
        Some(format!("misfit-bar: {misfit}"))
    }

    /// Gives the open slice.
    fn give(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        core::mem::swap(slice, &mut self.pending);
        self.pending.clear();
        self.session_ends.join(slice)?;
        self.ended = slice.close_time();
        Ok(FeedItem::Slice)
    }

    fn is_whole(&self) -> bool {
        self.pending.bars().len() == self.instruments.len()
    }
}

impl<R: LineSource> SliceFeed for LineFeed<R> {
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        slice.clear();
        if let Some(held) = self.fold.take_held(slice) {
            return held;
        }
        if self.fold.is_flooded() && self.source.drops_floods() {
            let reason = self.fold.flood_reason();
            return Err(FeedError::Stream(std::io::Error::other(reason)));
        }
        let item = self.read(slice);
        self.fold.pass(item, slice)
    }
}

impl<R: LineSource> LineFeed<R> {
    /// The item of the next lines.
    fn read(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        if let Some(bar) = self.ahead.take() {
            self.pending.add(bar)?;
        }
        loop {
            if self.is_whole() {
                return self.give(slice);
            }
            match self.read_line()? {
                LineRead::Line => {}
                LineRead::Nothing => return Ok(FeedItem::Nothing),
                LineRead::End if self.pending.bars().is_empty() => return Ok(FeedItem::End),
                LineRead::End => return self.give(slice),
            }
            if self.line.trim_ascii().is_empty() {
                self.source.treated(LineTreatment::Mark);
                return Ok(FeedItem::Nothing);
            }
            let bar = match parse(&self.line, &self.instruments) {
                Ok(LineContent::Bar(bar)) => bar,
                Ok(LineContent::EndOfSlice) => {
                    self.source.treated(LineTreatment::Mark);
                    let is_of_another = core::mem::take(&mut self.is_behind);
                    if is_of_another || self.pending.bars().is_empty() {
                        return Ok(FeedItem::Nothing);
                    }
                    return self.give(slice);
                }
                Ok(LineContent::SessionEnds(ends)) => match self.session_ends.add(&ends) {
                    Ok(true) => {
                        self.source.treated(LineTreatment::Taken);
                        return Ok(FeedItem::Nothing);
                    }
                    Ok(false) => {
                        self.source.treated(LineTreatment::Known);
                        return Ok(FeedItem::Known);
                    }
                    Err(reason) => return Ok(self.refused(reason)),
                },
                Err(reason) => return Ok(self.refused(reason)),
            };
            if let Some(known) = self.known(&bar) {
                return Ok(known);
            }
            self.is_behind = false;
            if let Some(reason) = self.refusal(&bar) {
                return Ok(self.refused(reason));
            }
            let time = bar.get().close_time;
            match self.pending.close_time() {
                // A later bar ends the slice. The bar waits, so that the slice is decided without it.
                Some(under_way) if time > under_way => {
                    self.source.treated(LineTreatment::Taken);
                    self.bars.take(bar.get());
                    self.ahead = Some(bar);
                    return self.give(slice);
                }
                _ => {}
            }
            if let Err(error) = self.pending.add(bar) {
                return Ok(self.refused(error.to_string()));
            }
            self.source.treated(LineTreatment::Taken);
            self.bars.take(bar.get());
        }
    }
}
