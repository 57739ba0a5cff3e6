//! When the logs of open runs are anchored in the ledger: each hour, and at the ends of sessions. It must never
//! depend on the wall clock, which may be set.

use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use counterfoil_os::clock::Stopwatch;

/// The longest time between two anchors: what a thief of the log's key can rewrite unseen.
const ANCHOR_EVERY: Duration = Duration::from_hours(1);
/// The shortest time between two anchors, however many sessions end.
const ANCHOR_GAP: Duration = Duration::from_mins(1);

/// Wakes the thread that anchors.
#[derive(Debug, Default)]
pub(super) struct Anchoring {
    state: Mutex<AnchorWishes>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct AnchorWishes {
    /// A session of a run ended.
    is_asked: bool,
    /// A run decided for the first time, and was never anchored.
    is_new: bool,
    /// The process ends. What its runs hold then is anchored once they stand.
    is_ending: bool,
}

/// Which runs are anchored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AnchorScope {
    /// Those that this process has not anchored yet.
    New,
    All,
}

/// How long to wait for the next anchors, after the last ones so long ago.
fn wait_after(since: Duration, is_asked: bool) -> Duration {
    let due = if is_asked { ANCHOR_GAP } else { ANCHOR_EVERY };
    due.saturating_sub(since)
}

impl Anchoring {
    fn state(&self) -> MutexGuard<'_, AnchorWishes> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for anchors soon.
    pub(super) fn ask(&self) {
        self.state().is_asked = true;
        self.changed.notify_all();
    }

    /// Asks for the first anchor of a run now. Until it is there, a folder that is taken away would look like that of a
    /// run that did not start.
    pub(super) fn ask_first(&self) {
        self.state().is_new = true;
        self.changed.notify_all();
    }

    /// Ends the waiting.
    pub(super) fn end(&self) {
        self.state().is_ending = true;
        self.changed.notify_all();
    }

    /// Waits until anchors are due; `None` at the process's end.
    pub(super) fn wait(&self, last: Stopwatch) -> Option<AnchorScope> {
        let mut state = self.state();
        loop {
            if state.is_ending {
                return None;
            }
            if core::mem::take(&mut state.is_new) {
                return Some(AnchorScope::New);
            }
            let left = wait_after(last.elapsed(), state.is_asked);
            if left.is_zero() {
                state.is_asked = false;
                return Some(AnchorScope::All);
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_come_each_hour_and_after_sessions_at_most_once_a_minute() {
        //  seconds since the last, whether a session ended, seconds to wait
        let table = [
            (0, false, 3_600),
            (3_599, false, 1),
            (3_600, false, 0),
            (9_999, false, 0),
            (0, true, 60),
            (59, true, 1),
            (60, true, 0),
            (3_000, true, 0),
        ];
        for (since, is_asked, wait) in table {
            let left = wait_after(Duration::from_secs(since), is_asked);
            assert_eq!(left.as_secs(), wait, "{since} {is_asked}");
        }
    }
}
