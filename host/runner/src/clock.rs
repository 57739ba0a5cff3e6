//! The wall clock as a run uses it. It reads no clock itself: that is `os`.

use core::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;

use counterfoil_os::clock::unix_nanos;
use counterfoil_trading::run::RunClock;
use counterfoil_trading::time::UnixNanos;

/// The wall clock of one run, whose times never go backward. Everything that records times of the run shares it: the
/// order log must not have an order sent before the journal has it decided.
#[derive(Clone, Debug, Default)]
pub struct RecordClock {
    /// The last time given.
    last: Arc<AtomicI64>,
}

/// A wall clock that was set back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClockStep {
    /// The last time given, which is given until the clock has it again.
    pub last: UnixNanos,
    /// What the clock says.
    pub clock: UnixNanos,
}

impl RecordClock {
    /// The clock's time, or the last time given if that is later.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        self.now_at(now())
    }

    /// Gives no time before `time` from here on: one that an earlier process recorded.
    pub fn not_before(&self, time: UnixNanos) {
        self.last.fetch_max(time.0, Ordering::SeqCst);
    }

    /// By how much the clock is behind what was given; `None` while it is not.
    #[must_use]
    pub fn step(&self) -> Option<ClockStep> {
        self.step_at(now())
    }

    fn now_at(&self, clock: UnixNanos) -> UnixNanos {
        UnixNanos(self.last.fetch_max(clock.0, Ordering::SeqCst).max(clock.0))
    }

    fn step_at(&self, clock: UnixNanos) -> Option<ClockStep> {
        let last = UnixNanos(self.last.load(Ordering::SeqCst));
        (clock < last).then_some(ClockStep { last, clock })
    }
}

/// A run's clock, with the time at which the current slice was received.
#[derive(Clone, Debug)]
pub struct WallClock {
    clock: RecordClock,
    received: UnixNanos,
}

impl WallClock {
    /// A clock whose slice was received now.
    #[must_use]
    pub fn new(clock: RecordClock) -> Self {
        Self {
            received: clock.now(),
            clock,
        }
    }
}

impl RunClock for WallClock {
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
        Some((self.received, self.clock.now()))
    }

    fn note_receipt(&mut self) {
        self.received = self.clock.now();
    }
}

/// The wall clock's time; 0 before 1970 and the last representable moment after 2262.
#[must_use]
pub fn now() -> UnixNanos {
    UnixNanos(unix_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_gives_its_last_time_until_it_has_it_again() {
        let clock = RecordClock::default();
        let shared = clock.clone();
        let given = [5, 9, 3, 8, 9, 12].map(|time| clock.now_at(UnixNanos(time)).0);
        assert_eq!(given, [5, 9, 9, 9, 9, 12]);
        assert_eq!(shared.now_at(UnixNanos(1)), UnixNanos(12));
        let (last, behind) = (UnixNanos(12), UnixNanos(11));
        let step = ClockStep {
            last,
            clock: behind,
        };
        assert_eq!(clock.step_at(behind), Some(step));
        assert_eq!(clock.step_at(last), None);
        clock.not_before(UnixNanos(20));
        clock.not_before(UnixNanos(19));
        assert_eq!(shared.now_at(UnixNanos(13)), UnixNanos(20));
    }
}
