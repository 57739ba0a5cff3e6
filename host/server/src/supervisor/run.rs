//! One supervised run: its parts, its inlet, and its observer. It must never wait for another run.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_base::digest::Digest;
use counterfoil_governance::id::Id;
use counterfoil_os::files::FileError;
use counterfoil_runner::clock;
use counterfoil_runner::orders::kill::InProcessStop;
use counterfoil_runner::run::drive::RunObserver;
use counterfoil_runner::run::journal::RunHeads;
use counterfoil_sandbox::guest::{Guest, LogLine, TextLosses};
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};
use counterfoil_trading::record::{RefusedInput, RunStop};
use counterfoil_trading::run::Run;
use counterfoil_trading::time::UnixNanos;

use super::anchoring::Anchoring;
use super::events::{RunActivity, RunEvents};
use super::feed_settings::FeedSettings;
use super::inlet::{EndCommand, Inlet, LineCallback, QueueRefusal};
use super::status::{RunFigures, RunState, RunStatus};

/// Log lines of a strategy that become events, for each slice: the others are counted.
const LOG_LINES_PER_SLICE: usize = 8;

/// A run of this process, or one that an earlier process left.
pub(super) struct SupervisedRun {
    pub(super) id: Digest,
    pub(super) account: Id,
    pub(super) manifest: Manifest,
    pub(super) setup: RunSetup,
    pub(super) feed: FeedSettings,
    pub(super) by: Id,
    pub(super) inlet: Arc<Inlet>,
    pub(super) stop_signal: InProcessStop,
    /// The signed ends of its logs.
    pub(super) heads: RunHeads,
    /// Whether its logs were anchored by this process.
    was_anchored: AtomicBool,
    /// Held while its run file is written; whether that file states how it ended.
    pub(super) has_final_file: Mutex<bool>,
    events: Arc<RunEvents>,
    anchoring: Arc<Anchoring>,
    live: Mutex<SupervisedState>,
}

/// The part that changes.
struct SupervisedState {
    state: RunState,
    reason: Option<String>,
    figures: RunFigures,
    decision_digest: Option<Digest>,
    stop: Option<RunStop>,
}

impl fmt::Debug for SupervisedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisedRun")
            .field("id", &self.id)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// What every run of a supervisor has a part in.
#[derive(Default)]
pub(super) struct SharedByRuns {
    pub(super) events: Arc<RunEvents>,
    pub(super) anchoring: Arc<Anchoring>,
}

/// What a run is made from.
pub(super) struct RunParts {
    pub(super) id: Digest,
    pub(super) account: Id,
    pub(super) manifest: Manifest,
    pub(super) setup: RunSetup,
    pub(super) feed: FeedSettings,
    pub(super) by: Id,
}

impl SupervisedRun {
    pub(super) fn new(parts: RunParts, shared: &SharedByRuns, state: RunState) -> Self {
        let RunParts {
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
            stop_signal: InProcessStop::default(),
            heads: RunHeads::default(),
            was_anchored: AtomicBool::new(false),
            has_final_file: Mutex::default(),
            events: Arc::clone(&shared.events),
            anchoring: Arc::clone(&shared.anchoring),
            live: Mutex::new(SupervisedState {
                state,
                reason: None,
                figures: RunFigures::default(),
                decision_digest: None,
                stop: None,
            }),
        }
    }

    fn live(&self) -> MutexGuard<'_, SupervisedState> {
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

    /// Whether principals push its bars.
    pub(super) const fn is_pushed(&self) -> bool {
        matches!(self.feed, FeedSettings::Push {})
    }

    pub(super) fn takes_pushes_of(&self, feed: &str) -> bool {
        self.is_pushed() && self.feed_name() == feed && self.state().is_active()
    }

    pub(super) fn trades(&self, symbol: &str) -> bool {
        let mut all = self.setup.instruments.iter();
        all.any(|instrument| instrument.symbol() == symbol)
    }

    /// Enters a state and publishes it.
    pub(super) fn enter(&self, state: RunState, reason: Option<String>) {
        let mut live = self.live();
        live.state = state;
        live.reason.clone_from(&reason);
        // Published under the lock, so that watchers see the states in the order they were entered.
        self.publish(RunActivity::State { state, reason });
    }

    /// Enters a state, if the run is in one of the states `from`.
    pub(super) fn advance(&self, from: &[RunState], state: RunState, reason: Option<String>) {
        let mut live = self.live();
        // Two threads move a run: its own and the operator's. A stop that arrives after the end
        // must not turn "stopped" back into "stopping".
        if from.contains(&live.state) {
            live.state = state;
            live.reason.clone_from(&reason);
            self.publish(RunActivity::State { state, reason });
        }
    }

    pub(super) fn close(&self, digest: Digest) {
        self.live().decision_digest = Some(digest);
    }

    /// Notes that its logs are anchored now; whether they were before.
    pub(super) fn note_anchor(&self) -> bool {
        self.was_anchored.swap(true, Ordering::Relaxed)
    }

    /// Asks for its first anchor, and for one where a session of one of its markets ends.
    fn ask_anchor(&self, close: Option<UnixNanos>) {
        if !self.was_anchored.load(Ordering::Relaxed) {
            self.anchoring.ask_first();
        }
        let mut markets = self.setup.calendars.all().iter();
        if close.is_some_and(|close| markets.any(|market| market.ends_session(close))) {
            self.anchoring.ask();
        }
    }

    /// Whether its journal has its closing record.
    pub(super) fn is_closed(&self) -> bool {
        self.live().decision_digest.is_some()
    }

    /// The decision digest, once its journal is closed.
    pub(super) fn decision_digest(&self) -> Option<Digest> {
        self.live().decision_digest
    }

    /// The stop that ended it, if the host did.
    pub(super) fn stopped(&self) -> Option<RunStop> {
        self.live().stop.clone()
    }

    pub(super) fn publish(&self, what: RunActivity) {
        self.events.publish(clock::now(), &self.id, what);
    }

    pub(super) fn command(&self, command: EndCommand) {
        self.inlet.command(command);
    }

    pub(super) fn status(&self) -> RunStatus {
        let live = self.live();
        RunStatus {
            run: self.id,
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

/// A run that accepts bars pushed to a feed.
#[derive(Clone, Debug)]
pub struct FeedSubscriber(pub(super) Arc<SupervisedRun>);

impl FeedSubscriber {
    /// The run id.
    #[must_use]
    pub fn run(&self) -> &Digest {
        &self.0.id
    }

    /// Whether the run trades an instrument with this symbol.
    #[must_use]
    pub fn trades(&self, symbol: &str) -> bool {
        self.0.trades(symbol)
    }

    /// Queues a line for the run, or refuses at once.
    ///
    /// # Errors
    ///
    /// Returns [`QueueRefusal`].
    pub fn offer(&self, line: Vec<u8>, report: LineCallback) -> Result<(), QueueRefusal> {
        self.0.inlet.offer(line, Some(report))
    }
}

/// Updates the figures of a run and publishes its events.
pub(super) struct SupervisedObserver<'a>(pub(super) &'a SupervisedRun);

impl RunObserver<Guest> for SupervisedObserver<'_> {
    fn stepped(&mut self, _strategy: &mut Guest, run: &Run) {
        let totals = run.totals();
        // The figures before the event: a watcher that reads the status because of the event finds this slice
        // in it.
        self.0.live().figures.update(run);
        self.0.ask_anchor(run.last_close());
        self.0.publish(RunActivity::Slice {
            close_time: run.last_close(),
            bars: totals.decisions,
            fills: totals.fills,
            requests_refused: totals.refused,
            equity: run.account().equity().to_text(),
        });
    }

    fn logged(&mut self, mut lines: Vec<LogLine>, mut losses: TextLosses) {
        // Bounded: a strategy that logs without end must not push the events of other runs out of
        // the ring.
        let shown = lines.len().min(LOG_LINES_PER_SLICE);
        for line in lines.drain(shown..) {
            losses.drop_line(line.text.len());
        }
        for line in lines {
            let (level, text) = (line.level.name(), line.text);
            self.0.publish(RunActivity::Log { level, text });
        }
        if losses != TextLosses::default() {
            let text = format!("strategy text {losses}");
            let level = "warn";
            self.0.publish(RunActivity::Log { level, text });
        }
    }

    fn refused(&mut self, input: &RefusedInput) {
        let mut live = self.0.live();
        live.figures.inputs_refused = live.figures.inputs_refused.saturating_add(1);
        drop(live);
        let reason = input.reason.clone();
        self.0.publish(RunActivity::InputRefused { reason });
    }

    fn log_not_kept(&mut self, error: &FileError) {
        let text = format!("the strategy's log is not kept any more: {error}");
        let level = "warn";
        self.0.publish(RunActivity::Log { level, text });
    }

    fn stopped(&mut self, stop: &RunStop) {
        self.0.live().stop = Some(stop.clone());
    }

    fn skipped(&mut self) {
        let mut live = self.0.live();
        live.figures.bars_skipped = live.figures.bars_skipped.saturating_add(1);
    }
}
