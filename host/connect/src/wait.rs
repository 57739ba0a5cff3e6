//! The one place that waits for time to pass. It must never tell what time it is.

use core::time::Duration;

/// A wait, which a test with a paused clock can shorten to nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "waiting for a venue belongs to this crate's tasks; no result depends on it"
)]
pub(crate) fn wait(duration: Duration) -> tokio::time::Sleep {
    tokio::time::sleep(duration)
}
