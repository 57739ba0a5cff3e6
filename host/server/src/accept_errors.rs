//! What a server does while it cannot accept connections: waits ever longer, and logs one line. It must never end the
//! server.

use core::fmt;
use core::time::Duration;

/// The first wait after an error.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
/// The longest wait: how late a connection may be accepted once descriptors are free.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Errors after which another line is logged: one in ten minutes.
const ERRORS_PER_LINE: u64 = 600;

/// The errors since the last accepted connection.
#[derive(Debug, Default)]
pub(crate) struct AcceptErrors {
    count: u64,
}

impl AcceptErrors {
    /// How long to wait after an error; the first of a row is logged, and every six hundredth.
    pub(crate) fn pause(&mut self, error: &dyn fmt::Display) -> Duration {
        if self.count.is_multiple_of(ERRORS_PER_LINE) {
            tracing::warn!(%error, times = self.count.saturating_add(1), "connections not accepted");
        }
        let doublings = u32::try_from(self.count).unwrap_or(u32::MAX).min(16);
        self.count = self.count.saturating_add(1);
        PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX)
    }

    /// A connection was accepted.
    pub(crate) fn end(&mut self) {
        if self.count > 1 {
            tracing::warn!(times = self.count, "connections accepted again");
        }
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Out of descriptors, the loop turned without a pause and logged 48 MB a second.
    #[test]
    fn errors_in_a_row_wait_ever_longer_up_to_a_second() {
        let mut errors = AcceptErrors::default();
        let pauses: Vec<u128> = (0..10).map(|_| errors.pause(&"full").as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
        errors.count = u64::MAX;
        assert_eq!(errors.pause(&"full"), PAUSE_MAX);
        errors.end();
        assert_eq!(errors.pause(&"full"), PAUSE_FIRST);
    }
}
