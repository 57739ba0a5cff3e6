//! How long the other bars of a close time are waited for. It must never know which those are.

use core::pin::Pin;
use core::time::Duration;

use counterfoil_trading::time::UnixNanos;
use tokio::time::Sleep;

use crate::wait::wait;

/// The close time that waits for more bars, with its end.
#[derive(Debug)]
pub(crate) struct OpenSlice {
    patience: Option<Duration>,
    open: Option<(UnixNanos, Pin<Box<Sleep>>)>,
}

impl OpenSlice {
    /// Waits for `patience` after the first bar; forever if there is none.
    pub(crate) const fn new(patience: Option<Duration>) -> Self {
        Self {
            patience,
            open: None,
        }
    }

    /// A bar with this close time came.
    pub(crate) fn begin(&mut self, time: UnixNanos) {
        let is_later = self.open.as_ref().is_none_or(|(open, _)| *open < time);
        if let Some(patience) = self.patience.filter(|_| is_later) {
            self.open = Some((time, Box::pin(wait(patience))));
        }
    }

    /// Waits for the end of the wait, and tells whose it was. It may be dropped while it waits.
    pub(crate) async fn ended(&mut self) -> UnixNanos {
        match &mut self.open {
            Some((time, sleep)) => {
                sleep.as_mut().await;
                let time = *time;
                // Nothing is waited for until a later bar; the time stays, so that a bar that
                // comes after it does not open its slice anew.
                self.open = Some((time, Box::pin(wait(Duration::MAX))));
                time
            }
            None => core::future::pending().await,
        }
    }
}
