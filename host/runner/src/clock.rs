//! The wall clock as a run uses it. It reads no clock itself: that is `os`.

use counterfoil_os::clock::unix_nanos;
use counterfoil_trading::run::RunClock;
use counterfoil_trading::time::UnixNanos;

/// The wall clock, with the time at which the current slice was received.
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

    fn note_receipt(&mut self) {
        self.received = now();
    }
}

/// The wall clock's time; 0 before 1970 and the last representable moment after 2262.
#[must_use]
pub fn now() -> UnixNanos {
    UnixNanos(unix_nanos())
}
