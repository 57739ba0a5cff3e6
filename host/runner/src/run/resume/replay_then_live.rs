//! A feed that gives a journal's slices first and the live feed's after them. It must never know what was decided
//! about either.

use std::collections::VecDeque;
use std::vec::IntoIter;

use counterfoil_trading::record::{RefusedInput, RunStop};
use counterfoil_trading::slice::Slice;

use crate::run::feed::{FeedError, FeedItem, SliceFeed};

/// Refused inputs that wait for the end of a partly recorded slice: more than a feed sends within one, and a bound
/// on memory. Further ones are recorded at once.
const WAITING_MAX: usize = 1_024;

/// Gives the journal's slices, then the feed's.
#[derive(Debug)]
pub(super) struct ReplayThenLive<F> {
    recorded: IntoIter<Slice>,
    /// The recorded stop after them.
    stop: Option<RunStop>,
    then: F,
    /// Whether the slice that the journal holds in part is still to come. Nothing may be appended until its
    /// recorded part is compared.
    is_open: bool,
    waiting: VecDeque<RefusedInput>,
}

impl<F: SliceFeed> ReplayThenLive<F> {
    pub(super) fn new(recorded: Vec<Slice>, stop: Option<RunStop>, then: F, is_open: bool) -> Self {
        Self {
            recorded: recorded.into_iter(),
            stop,
            then,
            is_open,
            waiting: VecDeque::new(),
        }
    }
}

impl<F: SliceFeed> SliceFeed for ReplayThenLive<F> {
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        if let Some(next) = self.recorded.next() {
            *slice = next;
            return Ok(FeedItem::Slice);
        }
        // A recorded stop is given again before the live feed is read: the process may have ended between the stop
        // and the closing record, and the run must close for the reason that is signed.
        if let Some(stop) = self.stop.take() {
            return Ok(FeedItem::Stop(stop));
        }
        loop {
            if !self.is_open
                && let Some(input) = self.waiting.pop_front()
            {
                return Ok(FeedItem::Refused(input));
            }
            match self.then.next(slice)? {
                // Appending the refusal now would cut the tail in the middle of a slice whose recorded decisions
                // are not compared yet.
                FeedItem::Refused(input) if self.is_open && self.waiting.len() < WAITING_MAX => {
                    self.waiting.push_back(input);
                }
                FeedItem::Slice => {
                    self.is_open = false;
                    return Ok(FeedItem::Slice);
                }
                FeedItem::End if !self.waiting.is_empty() => self.is_open = false,
                next @ (FeedItem::Refused(_)
                | FeedItem::Known
                | FeedItem::Nothing
                | FeedItem::Stop(_)
                | FeedItem::End) => {
                    return Ok(next);
                }
            }
        }
    }
}
