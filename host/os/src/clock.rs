//! The one file that reads a clock or waits by one. It must never know what a time is for; whatever decides a
//! result gets its times as arguments.

use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock's time in nanoseconds since 1970; 0 before 1970 and the last representable moment after 2262.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the wall clock"
)]
pub fn unix_nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

/// Waits, between two tries or two looks.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that waits by a clock"
)]
pub fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// A stopwatch, for bounds on waiting, progress and figures. It never runs backwards.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// A stopwatch that starts now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads a clock"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Above this bound the kernel itself reports its clock as not synchronised, in microseconds.
///
/// Source: Linux, `NTP_PHASE_LIMIT`; adjtimex(2).
const UNSYNCHRONIZED_MICROS: i64 = 16_000_000;

/// The kernel's report on its own clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KernelClock {
    /// Whether a time daemon keeps it in step with other clocks.
    pub is_synchronized: bool,
    /// The bound on its error, in nanoseconds. It grows while no daemon corrects the clock.
    pub offset_max_nanos: i64,
    /// The estimate of its error, in nanoseconds.
    pub offset_estimate_nanos: i64,
}

/// Why a clock is not good enough to trade by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    #[error(
        "this machine's clock is not synchronised; start chrony, ntpd or systemd-timesyncd and wait"
    )]
    NotSynchronized,
    #[error(
        "this machine's clock may be {offset_max_nanos} ns off, more than the limit of {limit_nanos} ns"
    )]
    TooFarOff {
        offset_max_nanos: i64,
        limit_nanos: i64,
    },
}

impl KernelClock {
    /// The clock of the kernel's two answers, in microseconds.
    ///
    /// The bound decides, not the kernel's flag: some daemons never clear the flag, and the bound of a clock that
    /// no daemon corrects grows past the limit.
    #[must_use]
    pub const fn from_errors(error_max_micros: i64, error_estimate_micros: i64) -> Self {
        Self {
            is_synchronized: error_max_micros >= 0 && error_max_micros < UNSYNCHRONIZED_MICROS,
            offset_max_nanos: error_max_micros.saturating_mul(1_000),
            offset_estimate_nanos: error_estimate_micros.saturating_mul(1_000),
        }
    }

    /// Checks the clock against a limit, in nanoseconds.
    ///
    /// # Errors
    ///
    /// Returns [`ClockError`] if it is not synchronised or its error may exceed the limit.
    pub const fn check_within(&self, limit_nanos: i64) -> Result<(), ClockError> {
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

/// The kernel's report on its clock now.
///
/// # Errors
///
/// Returns the operating system's error; then nothing may be assumed about the clock.
///
/// Source: adjtimex(2); both errors are in microseconds whatever the kernel's mode is.
#[cfg(target_os = "linux")]
pub fn kernel_clock() -> std::io::Result<KernelClock> {
    // All zeros ask for the state and set nothing.
    let mut state = rtime_clock::adjtime::Timex::new();
    rtime_clock::adjtime::adjtimex(&mut state)?;
    Ok(KernelClock::from_errors(state.0.maxerror, state.0.esterror))
}

/// The kernel's report on its clock now: there is one on Linux only.
///
/// # Errors
///
/// Always: nothing may be assumed about the clock.
#[cfg(not(target_os = "linux"))]
pub fn kernel_clock() -> std::io::Result<KernelClock> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_good_only_within_its_bound_and_its_limit() {
        let check = |error_max, limit| KernelClock::from_errors(error_max, 3).check_within(limit);
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
        let saturated = KernelClock::from_errors(i64::MAX, 0);
        assert_eq!(saturated.offset_max_nanos, i64::MAX);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_reports_the_bound_of_its_clock() {
        let clock = kernel_clock().unwrap();
        assert!(clock.offset_max_nanos >= 0, "{clock:?}");
        assert_eq!(
            clock.is_synchronized,
            clock.offset_max_nanos < 16_000_000_000
        );
    }
}
