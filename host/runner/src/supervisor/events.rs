//! What happened to runs, kept for whoever watches. A watcher reads at its own pace from a ring of
//! bounded size: nobody who watches can ever make a run wait.

use core::fmt;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_trading::time::UnixNanos;

use super::status::RunState;

/// Events that are kept: sixteen seconds of a thousand runs at a bar a second, in a few MiB.
pub const EVENTS_KEPT: usize = 16_384;

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Happened {
    /// The run stands elsewhere now.
    State {
        state: RunState,
        /// Why, if there is a reason to tell.
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
        /// Equity, as a decimal.
        equity: String,
    },
    /// An input was refused and recorded.
    InputRefused { reason: String },
    /// The strategy said something.
    Log { level: &'static str, text: String },
}

/// One event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Its number, from 1, without gaps.
    pub id: u64,
    pub time: UnixNanos,
    pub run: String,
    pub what: Happened,
}

/// What stands after a number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Batch {
    /// Events that are no longer kept: the watcher was too slow.
    pub lost: u64,
    /// The events, in order.
    pub events: Vec<Arc<Event>>,
    /// The number to ask after next.
    pub last: u64,
}

/// Called after every event. It must not block.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The ring.
#[derive(Default)]
pub struct Events {
    ring: Mutex<Ring>,
    wakers: Arc<Mutex<Wakers>>,
}

#[derive(Default)]
struct Ring {
    last: u64,
    kept: VecDeque<Arc<Event>>,
}

#[derive(Default)]
struct Wakers {
    next: u64,
    all: BTreeMap<u64, Waker>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("last", &held(&self.ring).last)
            .finish_non_exhaustive()
    }
}

/// The right to be woken, until it is dropped.
#[must_use]
pub struct Subscription {
    number: u64,
    wakers: Arc<Mutex<Wakers>>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        held(&self.wakers).all.remove(&self.number);
    }
}

impl Events {
    /// Keeps an event, and drops the oldest if there are too many.
    pub fn publish(&self, time: UnixNanos, run: &str, what: Happened) {
        let mut ring = held(&self.ring);
        ring.last = ring.last.saturating_add(1);
        let event = Event {
            id: ring.last,
            time,
            run: run.to_owned(),
            what,
        };
        if ring.kept.len() >= EVENTS_KEPT {
            ring.kept.pop_front();
        }
        ring.kept.push_back(Arc::new(event));
        drop(ring);
        let wakers: Vec<Waker> = held(&self.wakers).all.values().cloned().collect();
        for wake in wakers {
            wake();
        }
    }

    /// The number of the last event.
    #[must_use]
    pub fn last(&self) -> u64 {
        held(&self.ring).last
    }

    /// At most `most` events after number `after`, and how many between are lost.
    #[must_use]
    pub fn after(&self, after: u64, most: usize) -> Batch {
        let ring = held(&self.ring);
        let first = ring.kept.front().map_or(ring.last, |first| first.id);
        let from = after.saturating_add(1).max(first);
        let lost = from.saturating_sub(after.saturating_add(1));
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        let events: Vec<_> = ring.kept.iter().skip(skip).take(most).cloned().collect();
        Batch {
            lost,
            last: events.last().map_or(after, |event| event.id),
            events,
        }
    }

    /// Calls `wake` after every event from now on.
    pub fn subscribe(&self, wake: Waker) -> Subscription {
        let mut wakers = held(&self.wakers);
        let number = wakers.next;
        wakers.next = number.saturating_add(1);
        wakers.all.insert(number, wake);
        Subscription {
            number,
            wakers: Arc::clone(&self.wakers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU64, Ordering};

    fn log(events: &Events, text: &str) {
        let text = text.to_owned();
        let level = "info";
        events.publish(UnixNanos(1), "run", Happened::Log { level, text });
    }

    #[test]
    fn who_reads_too_late_is_told_how_many_are_lost() {
        let events = Events::default();
        assert_eq!(events.after(0, 10), Batch::default());
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
            assert_eq!(batch.events.first().map(|one| one.id), first);
            assert_eq!(batch.events.len(), count, "after {after}");
        }
    }

    #[test]
    fn a_subscriber_is_woken_until_it_lets_go() {
        let events = Events::default();
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
