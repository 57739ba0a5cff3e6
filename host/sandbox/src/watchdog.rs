//! The wall-clock backstop: a thread that advances an engine's epoch. It must never decide what
//! a deadline means; that is `fault`.

use core::time::Duration;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};

use crate::engine::Engine;

/// Milliseconds from one epoch to the next: a deadline is this exact, and a hundred wake-ups a
/// second cost nothing.
pub const EPOCH_MS: u64 = 10;

/// Advances an engine's epoch until it is dropped. Without one, no deadline ever comes.
#[derive(Debug)]
pub struct Watchdog {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if it has no thread to give.
    pub fn start(engine: &Engine) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let engine = engine.inner().weak();
        let thread = Builder::new()
            .name(String::from("watchdog"))
            .spawn(move || {
                let interval = Duration::from_millis(EPOCH_MS);
                // The channel is its stop signal; a timeout is the normal case. Dropping the sender ends the wait at once.
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    // Weak: the watchdog must not keep an engine and its compiled code alive after the last run.
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => return,
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

/// How many epochs make `deadline_ms`, rounded up, and one more because the first is already
/// under way.
pub(crate) fn epochs(deadline_ms: u64) -> u64 {
    deadline_ms.div_ceil(EPOCH_MS).saturating_add(1)
}
