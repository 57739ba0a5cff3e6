//! The bounded channel from a feed's task to a run's own thread, whose reading end blocks for a
//! limited time. It must never drop an event.

use core::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::feed::event::FeedEvent;

/// Events between task and run: at a bar a second, more than a quarter of an hour. While the
/// channel is full the task does not read, and the venue must wait.
pub const INBOX_EVENTS_MAX: usize = 1_024;

/// The outcome of waiting for an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EventRead {
    Event(FeedEvent),
    /// No event within the time; more may follow.
    Nothing,
    /// The task has ended, and every event was read.
    End,
}

/// The run's end of the channel. Dropping it ends the feed's task.
#[derive(Debug)]
pub struct FeedInbox {
    receiver: Receiver<FeedEvent>,
    /// Only for the time limit: no task runs on it.
    timer: Runtime,
}

impl FeedInbox {
    /// The sending end, for [`run_feed`](crate::feed::task::run_feed), and the reading end.
    ///
    /// # Errors
    ///
    /// Returns the system's error if it cannot create a timer.
    pub fn pair() -> std::io::Result<(Sender<FeedEvent>, Self)> {
        let timer = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let (sender, receiver) = channel(INBOX_EVENTS_MAX);
        Ok((sender, Self { receiver, timer }))
    }

    /// Waits for the next event, at most this long.
    ///
    /// It must be called on a thread of the run's own, never on one of the tasks.
    pub fn wait(&mut self, most: Duration) -> EventRead {
        // An event that is there already needs no timer: a backlog is read at full speed.
        if let Ok(event) = self.receiver.try_recv() {
            return EventRead::Event(event);
        }
        let Self { receiver, timer } = self;
        let waited = timer.block_on(async { tokio::time::timeout(most, receiver.recv()).await });
        match waited {
            Ok(Some(event)) => EventRead::Event(event),
            Ok(None) => EventRead::End,
            Err(_) => EventRead::Nothing,
        }
    }
}
