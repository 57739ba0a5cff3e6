//! The one file that reads a clock. Everything that decides a result gets its times as
//! arguments.

use std::collections::VecDeque;

use counterfoil_trading::run::RunClock;
use counterfoil_trading::time::UnixNanos;

/// The wall clock, with the time at which the slice in hand was received.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    received: UnixNanos,
}

impl WallClock {
    /// A clock whose slice was received now.
    #[must_use]
    pub fn new() -> Self {
        Self { received: now() }
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

impl RunClock for WallClock {
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
        Some((self.received, now()))
    }

    fn receive(&mut self) {
        self.received = now();
    }
}

/// The times that a journal has of decisions, in their sequence, and then another clock's. So the
/// gate says of a bar that was late what it said when it was.
#[derive(Clone, Debug, Default)]
pub struct RecordedTimes<C> {
    recorded: VecDeque<Option<(UnixNanos, UnixNanos)>>,
    then: C,
}

impl<C> RecordedTimes<C> {
    /// A clock that goes on as `then`.
    #[must_use]
    pub const fn new(recorded: VecDeque<Option<(UnixNanos, UnixNanos)>>, then: C) -> Self {
        Self { recorded, then }
    }

    /// Adds the times of one more decision.
    pub fn add(&mut self, times: Option<(UnixNanos, UnixNanos)>) {
        self.recorded.push_back(times);
    }

    /// Forgets the times that were not asked for.
    pub fn clear(&mut self) {
        self.recorded.clear();
    }
}

impl<C: RunClock> RunClock for RecordedTimes<C> {
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
        match self.recorded.pop_front() {
            Some(times) => times,
            None => self.then.times(),
        }
    }

    fn receive(&mut self) {
        self.then.receive();
    }
}

/// The wall clock's time; 0 before 1970 and the last representable moment after 2262.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the wall clock"
)]
pub fn now() -> UnixNanos {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    UnixNanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// Waits; for whoever tries something again.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that waits by a clock"
)]
pub fn wait(time: core::time::Duration) {
    std::thread::sleep(time);
}

/// A stopwatch, for progress and figures only.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// A stopwatch that starts now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads a clock"
    )]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> core::time::Duration {
        self.0.elapsed()
    }
}

/// From here on the kernel itself says that its clock is not synchronised, in microseconds.
///
/// Source: Linux, `NTP_PHASE_LIMIT`; adjtimex(2).
const UNSYNCHRONIZED_MICROS: i64 = 16_000_000;

/// What the kernel says of its own clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KernelClock {
    /// Whether something keeps it in step with other clocks.
    pub is_synchronized: bool,
    /// The most by which it may be off, in nanoseconds. It grows while nothing corrects it.
    pub offset_max_nanos: i64,
    /// By how much it is thought to be off, in nanoseconds.
    pub offset_estimate_nanos: i64,
}

/// Why a clock is not good enough to trade by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// Nothing keeps it in step.
    #[error(
        "this machine's clock is not synchronised; start chrony, ntpd or systemd-timesyncd and wait"
    )]
    NotSynchronized,
    /// It may be too far off.
    #[error(
        "this machine's clock may be {offset_max_nanos} ns off, more than the limit of {limit_nanos} ns"
    )]
    TooFarOff {
        /// How far.
        offset_max_nanos: i64,
        /// How far is allowed.
        limit_nanos: i64,
    },
}

impl KernelClock {
    /// The clock of these answers of the kernel's, both in microseconds.
    ///
    /// The bound decides, not the flag: some daemons never clear the kernel's flag, and the bound
    /// of a clock that nothing corrects grows past the limit by itself.
    #[must_use]
    pub const fn of(error_max_micros: i64, error_estimate_micros: i64) -> Self {
        Self {
            is_synchronized: error_max_micros >= 0 && error_max_micros < UNSYNCHRONIZED_MICROS,
            offset_max_nanos: error_max_micros.saturating_mul(1_000),
            offset_estimate_nanos: error_estimate_micros.saturating_mul(1_000),
        }
    }

    /// Holds the clock against a limit, in nanoseconds.
    ///
    /// # Errors
    ///
    /// Returns [`ClockError`] if it is not synchronised or may be further off.
    pub const fn check(&self, limit_nanos: i64) -> Result<(), ClockError> {
        if !self.is_synchronized {
            return Err(ClockError::NotSynchronized);
        }
        if self.offset_max_nanos > limit_nanos {
            return Err(ClockError::TooFarOff {
                offset_max_nanos: self.offset_max_nanos,
                limit_nanos,
            });
        }
        Ok(())
    }
}

/// What the kernel says of its clock now. Nothing is set by asking.
///
/// # Errors
///
/// Returns the operating system's error: where it does not say, nothing may be assumed.
///
/// Source: adjtimex(2); both errors are in microseconds whatever the kernel's mode is.
#[cfg(target_os = "linux")]
pub fn kernel_clock() -> std::io::Result<KernelClock> {
    // All zeros: a question, which changes nothing.
    let mut asked = rtime_clock::adjtime::Timex::new();
    rtime_clock::adjtime::adjtimex(&mut asked)?;
    Ok(KernelClock::of(asked.0.maxerror, asked.0.esterror))
}

/// What the kernel says of its clock now: only Linux is asked.
///
/// # Errors
///
/// Always: nothing may be assumed.
#[cfg(not(target_os = "linux"))]
pub fn kernel_clock() -> std::io::Result<KernelClock> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::run::NoClock;

    use super::*;

    #[test]
    fn a_clock_is_good_only_within_its_bound_and_its_limit() {
        let check = |error_max, limit| KernelClock::of(error_max, 3).check(limit);
        assert_eq!(check(1_000, 1_000_000), Ok(()));
        let off = ClockError::TooFarOff {
            offset_max_nanos: 1_001_000,
            limit_nanos: 1_000_000,
        };
        assert_eq!(check(1_001, 1_000_000), Err(off));
        assert_eq!(check(15_999_999, i64::MAX), Ok(()));
        for error_max in [16_000_000, i64::MAX, -1] {
            let checked = check(error_max, i64::MAX);
            assert_eq!(checked, Err(ClockError::NotSynchronized));
        }
        assert_eq!(KernelClock::of(i64::MAX, 0).offset_max_nanos, i64::MAX);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_says_how_good_its_clock_is() {
        let clock = kernel_clock().unwrap();
        assert!(clock.offset_max_nanos >= 0, "{clock:?}");
        assert_eq!(
            clock.is_synchronized,
            clock.offset_max_nanos < 16_000_000_000
        );
    }

    #[test]
    fn recorded_times_come_first_and_then_those_of_a_clock() {
        let time = |nanos| Some((UnixNanos(nanos), UnixNanos(nanos)));
        let mut clock = RecordedTimes::new([time(1), None].into(), NoClock);
        clock.add(time(2));
        let told: Vec<_> = (0..4).map(|_| clock.times()).collect();
        assert_eq!(told, [time(1), None, time(2), None]);
        let mut clock = RecordedTimes::new([None].into(), WallClock::new());
        assert_eq!(clock.times(), None);
        assert!(clock.times().is_some());
    }
}
