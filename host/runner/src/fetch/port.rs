//! What a fetch needs from outside: the time, waits, and a receiver of its progress. It must never know a source.

use core::time::Duration;

use counterfoil_trading::time::UnixNanos;

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FetchCounts {
    /// Requests sent.
    pub requests: u64,
    /// Answers that were there already.
    pub kept: u64,
    /// Bars in the answers.
    pub bars: u64,
}

/// The clock and the caller of a fetch.
pub trait FetchPort {
    /// The time now.
    fn now(&mut self) -> UnixNanos;

    /// Waits before the next request. The reason is empty where the source's pace asks for it.
    fn wait(&mut self, time: Duration, reason: &str);

    /// Called after each answer.
    fn progress(&mut self, counts: FetchCounts);
}
