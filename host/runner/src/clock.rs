//! The wall clock as a run uses it. It reads no clock itself: that is `os`.

use core::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;

use counterfoil_os::clock::unix_nanos;
use counterfoil_trading::run::RunClock;
use counterfoil_trading::time::UnixNanos;

/// The wall clock of one run, whose times never go backward. Everything that records times of the run shares it: the
/// order log must not have an order sent before the journal has it decided.
#[derive(Clone, Debug)]
pub struct RecordClock {
    /// The last time given.
    last: Arc<AtomicI64>,
    /// The earliest time that the clock said after it was set back; the last moment of all where it was not.
    behind: Arc<AtomicI64>,
}

impl Default for RecordClock {
    fn default() -> Self {
        Self {
            last: Arc::default(),
            behind: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }
}

/// By how much two readings of one clock by two threads may be given in the other sequence.
const THREADS_NANOS: i64 = 1_000_000;

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

    /// How the clock was set back since the last call, if it was. It may have its time again by now.
    #[must_use]
    pub fn take_step(&self) -> Option<ClockStep> {
        let clock = UnixNanos(self.behind.swap(i64::MAX, Ordering::SeqCst));
        let last = UnixNanos(self.last.load(Ordering::SeqCst));
        (clock.0 != i64::MAX).then_some(ClockStep { last, clock })
    }

    fn now_at(&self, clock: UnixNanos) -> UnixNanos {
        let last = self.last.fetch_max(clock.0, Ordering::SeqCst);
        // Two threads may read the clock and give its times in the other sequence: that is no step.
        if last.saturating_sub(clock.0) > THREADS_NANOS {
            self.behind.fetch_min(clock.0, Ordering::SeqCst);
        }
        UnixNanos(last.max(clock.0))
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
        const SECOND: i64 = 1_000_000_000;
        let clock = RecordClock::default();
        let shared = clock.clone();
        let at = |seconds: i64| UnixNanos(seconds * SECOND);
        assert_eq!(clock.take_step(), None);
        let given = [5, 9, 3, 4, 9, 12].map(|seconds| clock.now_at(at(seconds)));
        assert_eq!(given, [5, 9, 9, 9, 9, 12].map(at));
        // Also once the clock has passed its last time again.
        let step = ClockStep {
            last: at(12),
            clock: at(3),
        };
        assert_eq!(shared.take_step(), Some(step));
        assert_eq!(clock.take_step(), None);
        let early = UnixNanos(at(12).0 - THREADS_NANOS);
        assert_eq!(shared.now_at(early), at(12));
        assert_eq!(clock.take_step(), None);
        clock.not_before(at(20));
        clock.not_before(at(19));
        assert_eq!(shared.now_at(at(13)), at(20));
    }
}
