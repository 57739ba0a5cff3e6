//! The trading days of one instrument, from the session ends in the feed. It must never know a time
//! zone or a holiday: the source of the session ends does.

use alloc::vec::Vec;

use crate::time::UnixNanos;

/// What separates one trading day from the next when a bar opens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TradingDay {
    /// The UTC day: nothing is known of sessions.
    Utc,
    /// The session after the one that ended last, if any has ended.
    After(Option<UnixNanos>),
}

/// The ends of one instrument's sessions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct TradingSessions {
    is_known: bool,
    /// The last end that is not after the open of a bar.
    last: Option<UnixNanos>,
    /// Ends after the open of the last bar, or without a bar since; a slice brings few.
    ahead: Vec<UnixNanos>,
}

impl TradingSessions {
    /// A session ends at this time, which is before the close of the slice under way.
    pub(super) fn end(&mut self, time: UnixNanos) {
        self.is_known = true;
        self.ahead.push(time);
    }

    /// The trading day when a bar opens. An end inside the bar counts from the next bar on: what
    /// the bar holds was traded before it.
    pub(super) fn on_bar(&mut self, open_time: UnixNanos) -> TradingDay {
        if !self.is_known {
            return TradingDay::Utc;
        }
        let last = &mut self.last;
        // An end comes with its slice, before the bars that it separates. One that is ahead of this bar
        // is kept for a later one.
        self.ahead.retain(|end| {
            let is_over = *end <= open_time;
            if is_over {
                *last = (*last).max(Some(*end));
            }
            !is_over
        });
        TradingDay::After(self.last)
    }
}
