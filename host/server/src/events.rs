//! The stream of events for one watcher. It reads from the ring at the watcher's own pace; what
//! the ring no longer has is counted and told.

use core::convert::Infallible;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use axum::response::sse::{Event, KeepAlive, Sse};
use counterfoil_governance::id::Id;
use counterfoil_runner::supervisor::events::{EventSubscription, RunEvents};
use futures_util::stream::{Stream, unfold};
use serde_json::json;
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::types::EventReply;

/// Events read from the ring at once.
const BATCH: usize = 256;
/// How often a quiet stream shows that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where a watcher begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    after: u64,
    /// Events of an earlier process: nobody knows how many.
    is_gap: bool,
}

impl Start {
    /// After the event with this id; with what comes next if there is none.
    pub(crate) fn of(app: &App, seen: Option<&str>) -> Result<Self, Problem> {
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
            let detail = format!("{seen:?} is no event's id");
            let hint = "send the id of the last event you saw, or none";
            return Err(Problem::new(Code::BodyMalformed, detail, hint));
        };
        let is_ours = boot == app.boot && number <= last;
        Ok(Self {
            after: if is_ours { number } else { 0 },
            is_gap: !is_ours,
        })
    }
}

struct Watcher {
    app: Arc<App>,
    events: Arc<RunEvents>,
    woken: Arc<Notify>,
    ending: watch::Receiver<bool>,
    after: u64,
    run: Option<String>,
    waiting: VecDeque<Event>,
    _subscription: EventSubscription,
    _permit: OwnedSemaphorePermit,
}

/// The events after `start`, of one run or of all.
pub(crate) fn stream(
    app: Arc<App>,
    who: &Id,
    start: Start,
    run: Option<String>,
    permit: OwnedSemaphorePermit,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let woken = Arc::new(Notify::new());
    let events = Arc::clone(app.supervisor.events());
    let wake = Arc::clone(&woken);
    let subscription = events.subscribe(Arc::new(move || wake.notify_one()));
    let mut waiting = VecDeque::new();
    if start.is_gap {
        waiting.push_back(lost(None));
    }
    tracing::info!(%who, "watches");
    let watcher = Watcher {
        ending: app.ending.clone(),
        app,
        events,
        woken,
        after: start.after,
        run,
        waiting,
        _subscription: subscription,
        _permit: permit,
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

impl Watcher {
    /// The next event; none when the server ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            self.read();
            if !self.waiting.is_empty() {
                continue;
            }
            if *self.ending.borrow() {
                return None;
            }
            tokio::select! {
                biased;
                _ = self.ending.changed() => {}
                () = self.woken.notified() => {}
            }
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
            // A whole batch of other runs: look again at once.
            self.woken.notify_one();
        }
    }
}
