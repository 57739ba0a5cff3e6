//! A feed that begins with the slices that a journal holds. It must never know what was decided
//! about them.

use std::collections::VecDeque;
use std::vec::IntoIter;

use counterfoil_trading::record::{RefusedInput, RunStop};
use counterfoil_trading::slice::Slice;

use crate::run::feed::{Feed, FeedError, Next};

/// Refused inputs that wait for the end of a half-recorded slice: more than a feed sends within
/// one, and a bound on memory. Beyond it they are recorded at once.
const WAITING_MAX: usize = 1_024;

/// The journal's slices, then the feed's.
#[derive(Debug)]
pub(super) struct Again<F> {
    recorded: IntoIter<Slice>,
    /// The stop that ended the run after them.
    stop: Option<RunStop>,
    then: F,
    /// Whether the slice that the journal holds in part is still to come. Until it came out as
    /// recorded, nothing may be appended.
    is_open: bool,
    waiting: VecDeque<RefusedInput>,
}

impl<F: Feed> Again<F> {
    pub(super) fn new(
        (recorded, stop): (Vec<Slice>, Option<RunStop>),
        then: F,
        is_open: bool,
    ) -> Self {
        Self {
            recorded: recorded.into_iter(),
            stop,
            then,
            is_open,
            waiting: VecDeque::new(),
        }
    }
}

impl<F: Feed> Feed for Again<F> {
    fn next(&mut self, slice: &mut Slice) -> Result<Next, FeedError> {
        if let Some(next) = self.recorded.next() {
            *slice = next;
            return Ok(Next::Slice);
        }
        if let Some(stop) = self.stop.take() {
            return Ok(Next::Stop(stop));
        }
        loop {
            if !self.is_open
                && let Some(input) = self.waiting.pop_front()
            {
                return Ok(Next::Refused(input));
            }
            match self.then.next(slice)? {
                Next::Refused(input) if self.is_open && self.waiting.len() < WAITING_MAX => {
                    self.waiting.push_back(input);
                }
                Next::Slice => {
                    self.is_open = false;
                    return Ok(Next::Slice);
                }
                Next::End if !self.waiting.is_empty() => self.is_open = false,
                next @ (Next::Refused(_)
                | Next::Known
                | Next::Nothing
                | Next::Stop(_)
                | Next::End) => {
                    return Ok(next);
                }
            }
        }
    }
}
