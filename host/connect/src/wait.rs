//! The one place that waits for time to pass. It must never read a clock.

use core::time::Duration;

/// A timer that a test with a paused clock shortens to nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "waiting for a venue belongs to this crate's tasks; no result depends on it"
)]
pub(crate) fn wait(duration: Duration) -> tokio::time::Sleep {
    tokio::time::sleep(duration)
}
