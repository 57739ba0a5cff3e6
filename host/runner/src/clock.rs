//! The one file that reads a clock. Everything that decides a result gets its times as
//! arguments.

use counterfoil_trading::run::Clock;
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

impl Clock for WallClock {
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
        Some((self.received, now()))
    }

    fn receive(&mut self) {
        self.received = now();
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
