//! The event stream of one watcher, read from the ring at the watcher's own pace. It must never make a run
//! wait: events that the ring no longer has are counted and reported as lost.

use core::convert::Infallible;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use axum::response::sse::{Event, KeepAlive, Sse};
use counterfoil_base::digest::Digest;
use futures_util::stream::{Stream, unfold};
use serde_json::json;
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};

use crate::app::{ApiCaller, ApiState};
use crate::problem::{Problem, ProblemCode};
use crate::supervisor::events::{EventSubscription, RunEvents};
use crate::types::EventReply;

/// Events read from the ring at once.
const BATCH: usize = 256;
/// How late a stream notices that its key no longer counts.
const KEY_CHECK: Duration = Duration::from_secs(2);
/// The interval of keep-alive comments on a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where a stream starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamStart {
    after: u64,
    /// The last event seen is of an earlier process, so an unknown number of events is lost.
    is_gap: bool,
}

impl StreamStart {
    /// After the event with this id, or with the next event if there is no id.
    pub(crate) fn of(app: &ApiState, seen: Option<&str>) -> Result<Self, Problem> {
        let last = app.supervisor.events().last();
        let Some(seen) = seen else {
            return Ok(Self {
                after: last,
                is_gap: false,
            });
        };
        let parts = seen.rsplit_once('-');
        let parsed = parts.and_then(|(boot, number)| Some((boot, number.parse::<u64>().ok()?)));
        let Some((boot, number)) = parsed else {
            let detail = format!("invalid event id {seen:?}");
            let hint = "send the id of the last event you received, or none";
            return Err(Problem::new(ProblemCode::BodyMalformed, detail, hint));
        };
        // The numbers of an earlier process mean nothing here. The stream starts over and reports a gap
        // instead of skipping events with small numbers.
        let is_ours = boot == app.boot && number <= last;
        Ok(Self {
            after: if is_ours { number } else { 0 },
            is_gap: !is_ours,
        })
    }
}

struct EventWatcher {
    app: Arc<ApiState>,
    events: Arc<RunEvents>,
    woken: Arc<Notify>,
    ending: watch::Receiver<bool>,
    after: u64,
    run: Option<Digest>,
    waiting: VecDeque<Event>,
    _subscription: EventSubscription,
    caller: ApiCaller,
    _permits: [OwnedSemaphorePermit; 2],
}

/// The events after `start`, of one run or of all.
pub(crate) fn stream(
    app: Arc<ApiState>,
    caller: ApiCaller,
    start: StreamStart,
    run: Option<Digest>,
    permits: [OwnedSemaphorePermit; 2],
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let woken = Arc::new(Notify::new());
    let events = Arc::clone(app.supervisor.events());
    let wake = Arc::clone(&woken);
    // Before the first read: an event between the two then wakes the stream instead of waiting in the ring for
    // the next event.
    let subscription = events.subscribe(Arc::new(move || wake.notify_one()));
    let mut waiting = VecDeque::new();
    if start.is_gap {
        waiting.push_back(lost(None));
    }
    tracing::info!(who = %caller.id, "event stream opened");
    let watcher = EventWatcher {
        ending: app.ending.clone(),
        app,
        events,
        woken,
        after: start.after,
        run,
        waiting,
        _subscription: subscription,
        caller,
        _permits: permits,
    };
    let all = unfold(watcher, async |mut watcher| {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    Sse::new(all).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn lost(count: Option<u64>) -> Event {
    let data = json!({ "lost": count }).to_string();
    Event::default().event("lost").data(data)
}

impl EventWatcher {
    /// The next event; none when the server shuts down, or the caller's key no longer counts.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            // A stream may be open for days: a key that was revoked since must not go on reading what the runs
            // do.
            if !self.app.owns_key(&self.caller.id, &self.caller.key) {
                tracing::info!(who = %self.caller.id, "event stream ended with its key");
                return None;
            }
            // Read before waiting. A wake-up that comes in between is stored by `Notify`, so no event is
            // missed.
            self.read();
            if !self.waiting.is_empty() {
                continue;
            }
            if *self.ending.borrow() {
                return None;
            }
            let woken = async {
                tokio::select! {
                    biased;
                    _ = self.ending.changed() => {}
                    () = self.woken.notified() => {}
                }
            };
            let _time_to_look = tokio::time::timeout(KEY_CHECK, woken).await;
        }
    }

    fn read(&mut self) {
        let batch = self.events.after(self.after, BATCH);
        if batch.lost > 0 {
            self.app.metrics.events_lost.inc_by(batch.lost);
            self.waiting.push_back(lost(Some(batch.lost)));
        }
        self.after = batch.last;
        for event in &batch.events {
            if self.run.as_ref().is_some_and(|run| *run != event.run) {
                continue;
            }
            let reply = EventReply::from(event.as_ref());
            let id = format!("{}-{}", self.app.boot, event.id);
            let named = Event::default().id(id).event(&reply.kind);
            // A reply is made of texts and numbers: it is always JSON.
            self.waiting.extend(named.json_data(&reply).ok());
        }
        if !batch.events.is_empty() && self.waiting.is_empty() {
            // A whole batch of other runs' events: wake up again at once, or the rest would wait for the
            // next event.
            self.woken.notify_one();
        }
    }
}
