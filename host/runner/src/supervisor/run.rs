//! One run under supervision: what is known of it, its inlet, and what is heard of it while it
//! decides. It must never wait for another run.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_governance::id::Id;
use counterfoil_sandbox::guest::{Guest, LogLevel};
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};
use counterfoil_trading::record::{RefusedInput, RunStop};
use counterfoil_trading::run::Run;

use super::events::{Events, Happened};
use super::feeds::FeedSettings;
use super::inlet::{Inlet, NotQueued, Order, Tell};
use super::status::{Figures, RunState, Status};
use crate::clock;
use crate::orders::kill::Told;
use crate::run::drive::RunObserver;

/// Log lines of a strategy that become events, for one slice: the others are dropped.
const LOG_LINES_PER_SLICE: usize = 8;

/// One run.
pub(super) struct Supervised {
    pub(super) id: String,
    pub(super) account: Id,
    pub(super) manifest: Manifest,
    pub(super) setup: RunSetup,
    pub(super) feed: FeedSettings,
    pub(super) by: Id,
    pub(super) inlet: Arc<Inlet>,
    pub(super) told: Told,
    /// Held while what is kept of it is written; whether that was how it ended.
    pub(super) settled: Mutex<bool>,
    events: Arc<Events>,
    live: Mutex<Live>,
}

/// What changes.
struct Live {
    state: RunState,
    reason: Option<String>,
    figures: Figures,
    decision_digest: Option<[u8; 32]>,
    stop: Option<RunStop>,
}

impl fmt::Debug for Supervised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervised")
            .field("id", &self.id)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// What a run is made from.
pub(super) struct Parts {
    pub(super) id: String,
    pub(super) account: Id,
    pub(super) manifest: Manifest,
    pub(super) setup: RunSetup,
    pub(super) feed: FeedSettings,
    pub(super) by: Id,
}

impl Supervised {
    pub(super) fn new(parts: Parts, events: Arc<Events>, state: RunState) -> Self {
        let Parts {
            id,
            account,
            manifest,
            setup,
            feed,
            by,
        } = parts;
        Self {
            id,
            account,
            manifest,
            setup,
            feed,
            by,
            inlet: Arc::default(),
            told: Told::default(),
            settled: Mutex::default(),
            events,
            live: Mutex::new(Live {
                state,
                reason: None,
                figures: Figures::default(),
                decision_digest: None,
                stop: None,
            }),
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> RunState {
        self.live().state
    }

    /// The name of the feed in the manifest; empty for a snapshot.
    fn feed_name(&self) -> &str {
        match &self.manifest.data {
            DataSource::Feed { name, .. } => name,
            DataSource::Snapshot { .. } => "",
        }
    }

    pub(super) fn takes_pushes_of(&self, feed: &str) -> bool {
        let is_push = matches!(self.feed, FeedSettings::Push {});
        is_push && self.feed_name() == feed && self.state().is_active()
    }

    pub(super) fn trades(&self, symbol: &str) -> bool {
        let mut all = self.setup.instruments.iter();
        all.any(|one| one.symbol() == symbol)
    }

    /// Moves to a state and tells whoever watches.
    pub(super) fn enter(&self, state: RunState, reason: Option<String>) {
        let mut live = self.live();
        live.state = state;
        live.reason.clone_from(&reason);
        // Published while it is held, so that states are told in the order they were entered.
        self.publish(Happened::State { state, reason });
    }

    /// Moves from one state to another, unless it stands elsewhere by now.
    pub(super) fn advance(&self, from: &[RunState], state: RunState, reason: Option<String>) {
        let mut live = self.live();
        if from.contains(&live.state) {
            live.state = state;
            live.reason.clone_from(&reason);
            self.publish(Happened::State { state, reason });
        }
    }

    pub(super) fn close(&self, digest: [u8; 32]) {
        self.live().decision_digest = Some(digest);
    }

    /// Whether its journal has its closing record.
    pub(super) fn is_closed(&self) -> bool {
        self.live().decision_digest.is_some()
    }

    /// The decision digest, once its journal is closed.
    pub(super) fn decision_digest(&self) -> Option<[u8; 32]> {
        self.live().decision_digest
    }

    /// Why the host stopped it, if it did.
    pub(super) fn stopped(&self) -> Option<RunStop> {
        self.live().stop.clone()
    }

    pub(super) fn publish(&self, what: Happened) {
        self.events.publish(clock::now(), &self.id, what);
    }

    pub(super) fn order(&self, order: Order) {
        self.inlet.order(order);
    }

    pub(super) fn status(&self) -> Status {
        let live = self.live();
        Status {
            run: self.id.clone(),
            state: live.state,
            reason: live.reason.clone(),
            account: self.account.to_string(),
            component: self.manifest.component.clone(),
            feed: self.feed_name().to_owned(),
            feed_kind: self.feed.kind(),
            timeframe: self.manifest.timeframe.clone(),
            by: self.by.to_string(),
            instruments: self.setup.instruments.clone(),
            figures: live.figures.clone(),
            decision_digest: live.decision_digest,
        }
    }
}

/// A run that takes bars pushed to a feed.
#[derive(Clone, Debug)]
pub struct Taker(pub(super) Arc<Supervised>);

impl Taker {
    /// The run id.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.0.id
    }

    /// Whether the run has an instrument of this symbol.
    #[must_use]
    pub fn trades(&self, symbol: &str) -> bool {
        self.0.trades(symbol)
    }

    /// Queues a line for the run, or says at once why not.
    ///
    /// # Errors
    ///
    /// Returns [`NotQueued`].
    pub fn offer(&self, line: Vec<u8>, tell: Tell) -> Result<(), NotQueued> {
        self.0.inlet.offer(line, Some(tell))
    }
}

/// Hears a run and notes its numbers.
pub(super) struct Watch<'a>(pub(super) &'a Supervised);

impl RunObserver<Guest> for Watch<'_> {
    fn stepped(&mut self, strategy: &mut Guest, run: &Run) {
        let totals = run.totals();
        self.0.live().figures.take(run);
        self.0.publish(Happened::Slice {
            close_time: run.last_close(),
            bars: totals.decisions,
            fills: totals.fills,
            requests_refused: totals.refused,
            equity: run.account().equity().to_text(),
        });
        let (lines, _dropped) = strategy.take_log();
        for line in lines.into_iter().take(LOG_LINES_PER_SLICE) {
            let level = match line.level {
                LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            };
            let text = line.text;
            self.0.publish(Happened::Log { level, text });
        }
    }

    fn refused(&mut self, input: &RefusedInput) {
        let mut live = self.0.live();
        live.figures.inputs_refused = live.figures.inputs_refused.saturating_add(1);
        drop(live);
        let reason = input.reason.clone();
        self.0.publish(Happened::InputRefused { reason });
    }

    fn stopped(&mut self, stop: &RunStop) {
        self.0.live().stop = Some(stop.clone());
    }

    fn skipped(&mut self) {
        let mut live = self.0.live();
        live.figures.bars_skipped = live.figures.bars_skipped.saturating_add(1);
    }
}
