//! How long the other bars of a close time are waited for. It must never know which bars those are.

use core::pin::Pin;
use core::time::Duration;

use counterfoil_trading::time::UnixNanos;
use tokio::time::Sleep;

use crate::wait::wait;

/// The close time that waits for more bars, with its timer.
#[derive(Debug)]
pub(crate) struct OpenSlice {
    patience: Option<Duration>,
    open: Option<(UnixNanos, Pin<Box<Sleep>>)>,
}

impl OpenSlice {
    /// Waits for `patience` after the first bar; for ever without it.
    pub(crate) const fn new(patience: Option<Duration>) -> Self {
        Self {
            patience,
            open: None,
        }
    }

    /// A bar with this close time arrived.
    pub(crate) fn begin(&mut self, time: UnixNanos) {
        let is_later = self.open.as_ref().is_none_or(|(open, _)| *open < time);
        if let Some(patience) = self.patience.filter(|_| is_later) {
            self.open = Some((time, Box::pin(wait(patience))));
        }
    }

    /// Waits until the time is over, and returns the close time. It may be dropped while it waits.
    pub(crate) async fn ended(&mut self) -> UnixNanos {
        match &mut self.open {
            Some((time, sleep)) => {
                sleep.as_mut().await;
                let time = *time;
                // No timer until a later bar. The close time stays, so that a late bar does not
                // open its slice again.
                self.open = Some((time, Box::pin(wait(Duration::MAX))));
                time
            }
            None => core::future::pending().await,
        }
    }
}
