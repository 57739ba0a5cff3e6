//! The times of decisions as a journal recorded them, for a run that is derived again. It must never read a clock.

use alloc::collections::VecDeque;

use super::RunClock;
use crate::time::UnixNanos;

/// The times that a journal recorded for its decisions, in their sequence, and then those of another clock. So a
/// check of a bar's age gives the same answer in a replay as it gave in the run.
#[derive(Clone, Debug, Default)]
pub struct RecordedTimes<C> {
    recorded: VecDeque<Option<(UnixNanos, UnixNanos)>>,
    then: C,
}

impl<C> RecordedTimes<C> {
    /// The recorded times, and then those of `then`.
    #[must_use]
    pub const fn new(recorded: VecDeque<Option<(UnixNanos, UnixNanos)>>, then: C) -> Self {
        Self { recorded, then }
    }

    /// Adds the times of one more decision.
    pub fn add(&mut self, times: Option<(UnixNanos, UnixNanos)>) {
        self.recorded.push_back(times);
    }

    /// Drops the recorded times that were not used.
    pub fn clear(&mut self) {
        self.recorded.clear();
    }
}

impl<C: RunClock> RunClock for RecordedTimes<C> {
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
        match self.recorded.pop_front() {
            // A recorded absence counts too: a run without a clock must not get one in its replay.
            Some(times) => times,
            None => self.then.times(),
        }
    }

    fn note_receipt(&mut self) {
        self.then.note_receipt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct OneTime;

    impl RunClock for OneTime {
        fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
            Some((UnixNanos(7), UnixNanos(8)))
        }
    }

    #[test]
    fn recorded_times_come_first_and_then_those_of_the_clock() {
        let time = |nanos| Some((UnixNanos(nanos), UnixNanos(nanos)));
        let mut clock = RecordedTimes::new([time(1), None].into(), OneTime);
        clock.add(time(2));
        let read = [(); 4].map(|()| clock.times());
        let of_clock = Some((UnixNanos(7), UnixNanos(8)));
        assert_eq!(read, [time(1), None, time(2), of_clock]);
        clock.add(time(3));
        clock.clear();
        assert_eq!(clock.times(), of_clock);
    }
}
