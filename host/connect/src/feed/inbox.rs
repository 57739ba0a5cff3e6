//! The bridge from the feed's task to a run's own thread: a bounded channel whose reading end
//! blocks for a limited time. It must never let an event go.

use core::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::feed::event::FeedEvent;

/// The events between task and run: at a bar a second more than a quarter of an hour. While it is
/// full the task does not read, and the venue must wait.
pub const INBOX_EVENTS_MAX: usize = 1_024;

/// What came of waiting for an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Heard {
    /// An event.
    Event(FeedEvent),
    /// Nothing so far; there may be more.
    Nothing,
    /// The task is gone, and everything was read.
    End,
}

/// The reading end. When it is dropped the feed's task ends.
#[derive(Debug)]
pub struct Inbox {
    receiver: Receiver<FeedEvent>,
    /// Only for the time limit: nothing else runs on it.
    timer: Runtime,
}

impl Inbox {
    /// The writing end, for [`run`](crate::feed::session::run), and the reading end.
    ///
    /// # Errors
    ///
    /// Returns the system's error if it has nothing to wait with.
    pub fn pair() -> std::io::Result<(Sender<FeedEvent>, Self)> {
        let timer = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let (sender, receiver) = channel(INBOX_EVENTS_MAX);
        Ok((sender, Self { receiver, timer }))
    }

    /// Waits for the next event, for at most so long.
    ///
    /// It must be called on a thread of the run's own, never on one of the tasks.
    pub fn wait(&mut self, most: Duration) -> Heard {
        // What is there already is taken without asking the clock.
        if let Ok(event) = self.receiver.try_recv() {
            return Heard::Event(event);
        }
        let Self { receiver, timer } = self;
        let waited = timer.block_on(async { tokio::time::timeout(most, receiver.recv()).await });
        match waited {
            Ok(Some(event)) => Heard::Event(event),
            Ok(None) => Heard::End,
            Err(_) => Heard::Nothing,
        }
    }
}
