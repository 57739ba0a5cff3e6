//! The bridge from the feed's task to a run's own thread: a bounded channel whose reading end
//! blocks. It must never let an event go.

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::feed::event::FeedEvent;

/// The events between task and run: at a bar a second more than a quarter of an hour. While it is
/// full the task does not read, and the venue must wait.
pub const INBOX_EVENTS_MAX: usize = 1_024;

/// The reading end. When it is dropped the feed's task ends.
#[derive(Debug)]
pub struct Inbox {
    receiver: Receiver<FeedEvent>,
}

impl Inbox {
    /// The writing end, for [`run`](crate::feed::session::run), and the reading end.
    #[must_use]
    pub fn pair() -> (Sender<FeedEvent>, Self) {
        let (sender, receiver) = channel(INBOX_EVENTS_MAX);
        (sender, Self { receiver })
    }

    /// Waits for the next event; `None` when the task is gone and everything was read.
    ///
    /// It must be called on a thread of the run's own, never on one of the tasks.
    pub fn wait(&mut self) -> Option<FeedEvent> {
        self.receiver.blocking_recv()
    }
}
