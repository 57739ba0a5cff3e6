//! Recent events of all runs, kept for watchers. A watcher reads at its own pace from a ring of
//! bounded size: no watcher can make a run wait.

use core::fmt;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_base::digest::Digest;
use counterfoil_trading::time::UnixNanos;

use super::status::RunState;

/// Events kept: sixteen seconds of a thousand runs at a bar a second, in a few MiB.
pub const EVENTS_KEPT: usize = 16_384;

/// What a run did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunActivity {
    /// The run entered a state.
    State {
        state: RunState,
        reason: Option<String>,
    },
    /// A slice was decided.
    Slice {
        close_time: Option<UnixNanos>,
        /// Bars decided so far.
        bars: u64,
        /// Fills booked so far.
        fills: u64,
        /// Requests refused so far.
        requests_refused: u64,
        /// A decimal.
        equity: String,
    },
    /// An input was refused and recorded.
    InputRefused { reason: String },
    /// The strategy wrote a log line.
    Log { level: &'static str, text: String },
}

/// One event of one run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunEvent {
    /// Its number, from 1, without gaps.
    pub id: u64,
    pub time: UnixNanos,
    pub run: Digest,
    pub what: RunActivity,
}

/// The events after a number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EventBatch {
    /// Events that are no longer kept: the watcher was too slow.
    pub lost: u64,
    /// In order.
    pub events: Vec<Arc<RunEvent>>,
    /// The number to read after next.
    pub last: u64,
}

/// Called after every event. It must not block.
pub type WakeCallback = Arc<dyn Fn() + Send + Sync>;

/// The ring of recent events.
#[derive(Default)]
pub struct RunEvents {
    ring: Mutex<EventRing>,
    wakers: Arc<Mutex<WakeCallbacks>>,
}

#[derive(Default)]
struct EventRing {
    last: u64,
    kept: VecDeque<Arc<RunEvent>>,
}

#[derive(Default)]
struct WakeCallbacks {
    next: u64,
    all: BTreeMap<u64, WakeCallback>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for RunEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunEvents")
            .field("last", &held(&self.ring).last)
            .finish_non_exhaustive()
    }
}

/// Wakes a watcher until it is dropped.
#[must_use]
pub struct EventSubscription {
    number: u64,
    wakers: Arc<Mutex<WakeCallbacks>>,
}

impl fmt::Debug for EventSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSubscription")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Drop for EventSubscription {
    fn drop(&mut self) {
        held(&self.wakers).all.remove(&self.number);
    }
}

impl RunEvents {
    /// Adds an event, and drops the oldest if the ring is full.
    pub fn publish(&self, time: UnixNanos, run: &Digest, what: RunActivity) {
        let mut ring = held(&self.ring);
        ring.last = ring.last.saturating_add(1);
        let event = RunEvent {
            id: ring.last,
            time,
            run: *run,
            what,
        };
        if ring.kept.len() >= EVENTS_KEPT {
            // The oldest goes: a watcher that falls behind learns how many events it missed, and no run waits
            // for it.
            ring.kept.pop_front();
        }
        ring.kept.push_back(Arc::new(event));
        // Released before the callbacks: one that reads the ring, or blocks, must not stop every
        // run.
        drop(ring);
        let wakers: Vec<WakeCallback> = held(&self.wakers).all.values().cloned().collect();
        for wake in wakers {
            wake();
        }
    }

    /// The number of the last event.
    #[must_use]
    pub fn last(&self) -> u64 {
        held(&self.ring).last
    }

    /// At most `most` events after number `after`, and the count of those in between that are no
    /// longer kept.
    #[must_use]
    pub fn after(&self, after: u64, most: usize) -> EventBatch {
        let ring = held(&self.ring);
        let first = ring.kept.front().map_or(ring.last, |first| first.id);
        let from = after.saturating_add(1).max(first);
        let lost = from.saturating_sub(after.saturating_add(1));
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        // Bounded, because the ring is locked meanwhile: a watcher that reads from the start must not hold up
        // every run.
        let events: Vec<_> = ring.kept.iter().skip(skip).take(most).cloned().collect();
        EventBatch {
            lost,
            last: events.last().map_or(after, |event| event.id),
            events,
        }
    }

    /// Calls `wake` after every event from now on.
    pub fn subscribe(&self, wake: WakeCallback) -> EventSubscription {
        let mut wakers = held(&self.wakers);
        let number = wakers.next;
        wakers.next = number.saturating_add(1);
        wakers.all.insert(number, wake);
        EventSubscription {
            number,
            wakers: Arc::clone(&self.wakers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU64, Ordering};

    fn log(events: &RunEvents, text: &str) {
        let text = text.to_owned();
        let level = "info";
        let run = Digest::default();
        events.publish(UnixNanos(1), &run, RunActivity::Log { level, text });
    }

    #[test]
    fn who_reads_too_late_is_told_how_many_are_lost() {
        let events = RunEvents::default();
        assert_eq!(events.after(0, 10), EventBatch::default());
        let all = EVENTS_KEPT + 5;
        for number in 1..=all {
            log(&events, &number.to_string());
        }
        //     after, most, lost, first, count
        let table = [
            (0, 3, 5, Some(6), 3),
            (4, 3, 1, Some(6), 3),
            (5, 3, 0, Some(6), 3),
            (7, 1, 0, Some(8), 1),
            (events.last() - 1, 9, 0, Some(events.last()), 1),
            (events.last(), 9, 0, None, 0),
            // A number from another life of the process: nothing is claimed of it.
            (u64::MAX, 9, 0, None, 0),
        ];
        for (after, most, lost, first, count) in table {
            let batch = events.after(after, most);
            assert_eq!(batch.lost, lost, "after {after}");
            assert_eq!(batch.events.first().map(|event| event.id), first);
            assert_eq!(batch.events.len(), count, "after {after}");
        }
    }

    #[test]
    fn a_subscriber_is_woken_until_it_lets_go() {
        let events = RunEvents::default();
        let woken = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&woken);
        let subscription = events.subscribe(Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }));
        log(&events, "one");
        drop(subscription);
        log(&events, "two");
        assert_eq!(woken.load(Ordering::SeqCst), 1);
    }
}
