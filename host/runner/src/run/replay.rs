//! Replay: the component decides again on the journaled inputs, and every deterministic part must equal the recorded
//! one. It must never write to the run's folder.

mod compare;
pub mod probe;
mod recorded_slices;

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use counterfoil_base::digest::Digest;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::{Guest, StartError};
use counterfoil_sandbox::setup::GuestSetup;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_sandbox::watchdog::Watchdog;
use counterfoil_trading::manifest::{Manifest, ManifestError, RunSetup};
use counterfoil_trading::record::RunRecord;
use counterfoil_trading::run::{NoClock, Run, RunPorts, StepOutcome};
use counterfoil_trading::strategy::Strategy;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::recorded_venue::RecordedVenue;

use crate::run::component::{CompiledComponent, ComponentError, compile_for_manifest};
use crate::run::feed::FeedError;
use crate::run::inputs::{InputsError, check_inputs};
use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::{DataDir, Execution};
use compare::ReplayComparer;
use counterfoil_trading::run::RecordedTimes;
use probe::LookAheadProbe;
use recorded_slices::{
    JournalTail, RecordedSlice, RecordedSliceReader, SLICES_PER_BATCH, SliceBatch,
};

/// Batches of slices in flight between the two threads: a bound on memory.
const BATCHES: usize = 4;

/// Why a run could not be replayed. It is no finding about the run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    #[error(transparent)]
    Journal(#[from] ReadJournalError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The journal in the run's folder is another run's.
    #[error(
        "the journal in the run's folder is that of run {found}; restore the run's own from a copy"
    )]
    OtherRun {
        /// Its run id and execution.
        found: String,
    },
    #[error(transparent)]
    Inputs(#[from] InputsError),
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The host could not start the guest.
    #[error(transparent)]
    Guest(#[from] StartError),
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The host could not take a recorded slice through the run again.
    #[error("the host could not replay a slice: {0}")]
    Step(String),
    #[error("cannot start a thread for the replay: {0}")]
    Thread(std::io::Error),
    #[error("the thread that reads the journal ended early")]
    ReaderGone,
}

/// Outcome of a replay.
#[derive(Clone, Debug)]
pub struct ReplayReport {
    /// Records that replayed as recorded.
    pub identical: u64,
    /// Decisions made again.
    pub decisions: u64,
    /// The decision digest of the replay, if nothing differs.
    pub decision_digest: Option<Digest>,
    pub difference: Option<RecordDifference>,
    /// Close time of the first journaled slice that differs from the snapshot's, if any.
    pub foreign_slice: Option<UnixNanos>,
    /// Whether a closing record was reached. Without one the replay ends before the last slice,
    /// which may not be whole.
    pub closed: bool,
}

impl ReplayReport {
    /// Whether the inputs are the snapshot's and every decision replayed as recorded.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.difference.is_none() && self.foreign_slice.is_none()
    }
}

/// The first record that replayed differently.
#[derive(Clone, Debug)]
pub struct RecordDifference {
    /// The index of the journal entry.
    pub index: u64,
    /// The journal's record; `None` where it has no such record.
    pub recorded: Option<Box<RunRecord>>,
    /// The replay's record; `None` where it gives no such record.
    pub replayed: Option<Box<RunRecord>>,
}

/// Replays a run and compares. `progress` receives the number of decisions after each slice.
///
/// Signatures are checked by the verifier. Replay checks that the inputs are the snapshot's and that the component
/// decides as recorded. One thread reads the journal and the snapshot and compares their bars; another decides again
/// and compares the records.
///
/// # Errors
///
/// Returns [`ReplayError`] if a part is missing or unreadable.
pub fn replay(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<ReplayReport, ReplayError> {
    replay_with_host(
        data,
        execution,
        engine,
        FutureView::None,
        |guest| guest,
        progress,
    )
}

/// What a replaying host can see of the slices after the current one.
#[derive(Clone, Copy, Debug)]
pub enum FutureView<'a> {
    /// Nothing: a replay.
    None,
    /// The true slices, as far as the batch goes: a replay on a host that reads ahead.
    Truth(&'a LookAheadProbe),
    /// Garbage. Slices cross to the replaying thread one by one, each when its step begins: the look-ahead audit.
    Garbage(&'a LookAheadProbe),
}

impl FutureView<'_> {
    /// Slices in a batch, and batches that may wait in the channel.
    const fn pace(self) -> (usize, usize) {
        match self {
            Self::None | Self::Truth(_) => (SLICES_PER_BATCH, BATCHES),
            Self::Garbage(_) => (1, 0),
        }
    }

    /// Sets the probe for the step of the batch's slice at `place`.
    fn set(self, batch: &[RecordedSlice], place: usize, salt: u64) {
        match self {
            Self::None => {}
            Self::Truth(probe) => {
                probe.show_truth(batch.iter().skip(place + 1).map(|recorded| &recorded.slice));
            }
            Self::Garbage(probe) => {
                if let Some(current) = batch.get(place) {
                    probe.show_garbage(&current.slice, salt);
                }
            }
        }
    }
}

/// Replays a run on a host that wraps the guest with `host`, and compares.
pub(crate) fn replay_with_host<S: Strategy>(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    view: FutureView<'_>,
    host: impl FnOnce(Guest) -> S + Send,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<ReplayReport, ReplayError> {
    let path = execution.journal();
    let open = JournalReader::open(&path)?.opening()?;
    let manifest = Manifest::parse(&open.manifest)?;
    // Another run's journal in this run's folder is as it was decided, and is no answer about this run.
    let found = (manifest.run_id()?, open.execution);
    if found != (execution.run, execution.number) {
        let found = format!("{}/{}", found.0.hex(), found.1);
        return Err(ReplayError::OtherRun { found });
    }
    let setup = manifest.setup()?;
    let snapshot = check_inputs(data, &manifest, &setup, &open)?;
    let (ready, guest) = compile_for_manifest(data, &manifest, &setup, engine)?;
    let job = ReplayJob {
        manifest: &manifest,
        setup: &setup,
        ready,
        guest,
        view,
    };
    let engine = job.ready.compiled.engine();
    let _watchdog = Watchdog::start(engine).map_err(ReplayError::Thread)?;
    let stack = engine.settings().thread_stack_bytes();
    let reader = RecordedSliceReader::open(&path, snapshot)?;
    let (slices, waiting) = view.pace();
    let (send, receive) = sync_channel::<SliceBatch>(waiting);
    let (give_back, empty) = sync_channel::<SliceBatch>(BATCHES);
    let (decided, tail) = thread::scope(|scope| {
        let reading = thread::Builder::new()
            .name("recorded".to_owned())
            .spawn_scoped(scope, move || reader.send_slices(slices, &send, &empty))
            .map_err(ReplayError::Thread)?;
        // The receiver moves into the replaying thread. When that thread ends at a difference, a reader that waits
        // to send gets an error and ends too, instead of blocking the join for ever.
        let job = &job;
        let decided = guest_thread(stack, move || {
            job.replay_slices(receive, &give_back, host, progress)
        });
        let tail = reading.join().map_err(|_| ReplayError::ReaderGone)??;
        Ok::<_, ReplayError>((decided.map_err(ReplayError::Thread)??, tail))
    })?;
    Ok(conclude(decided, tail))
}

/// The report from what the two threads found.
fn conclude(decided: ReplayTally, tail: Option<JournalTail>) -> ReplayReport {
    let whole = decided.difference.is_none() && decided.foreign_slice.is_none();
    let closed = tail.as_ref().and_then(|tail| tail.close.clone());
    let digest = tail.filter(|_| whole).map(|tail| tail.digest);
    // The records equal the recorded ones, so the closing record has to state their digest. A forged closing record
    // would pass the comparison of records, as it is outside the digest.
    let misstated = closed
        .clone()
        .filter(|(_, close)| digest.is_some_and(|digest| digest != close.decision_digest))
        .map(|(index, close)| RecordDifference {
            index,
            recorded: Some(Box::new(RunRecord::Close(close))),
            replayed: None,
        });
    ReplayReport {
        identical: decided.identical,
        decisions: decided.decisions,
        decision_digest: digest,
        difference: decided.difference.or(misstated),
        foreign_slice: decided.foreign_slice,
        closed: closed.is_some(),
    }
}

/// The run that is replayed.
struct ReplayJob<'a> {
    manifest: &'a Manifest,
    setup: &'a RunSetup,
    ready: CompiledComponent,
    guest: GuestSetup,
    view: FutureView<'a>,
}

/// Counts and findings of the replaying thread.
#[derive(Debug, Default)]
struct ReplayTally {
    difference: Option<RecordDifference>,
    foreign_slice: Option<UnixNanos>,
    decisions: u64,
    identical: u64,
}

impl ReplayJob<'_> {
    fn replay_slices<S: Strategy>(
        &self,
        slices: Receiver<SliceBatch>,
        give_back: &SyncSender<SliceBatch>,
        host: impl FnOnce(Guest) -> S,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<ReplayTally, ReplayError> {
        let setup = self.setup;
        let mut run = Run::new(setup);
        let mut venue = RecordedVenue::new(setup);
        let mut guest = match Guest::start(&self.ready.compiled, &self.manifest.limits, &self.guest)
        {
            Ok(guest) => Ok(host(guest)),
            Err(StartError::Fault { fault, .. }) => Err(fault),
            Err(error) => return Err(error.into()),
        };
        let mut clock = RecordedTimes::new(VecDeque::new(), NoClock);
        let mut decided = ReplayTally::default();
        // The channel ends with the journal, or with an error that the reading thread returns.
        for batch in slices {
            for (place, recorded) in batch.iter().enumerate() {
                self.view.set(&batch, place, decided.decisions);
                if recorded.is_foreign {
                    decided.foreign_slice = recorded.slice.time();
                    return Ok(decided);
                }
                // Broker reports are inputs that the host cannot compute; they are taken from the journal, and so
                // are the clock's times, which the risk gate uses to refuse late orders.
                venue.load_deliveries(&recorded.from_outside);
                clock.clear();
                recorded.times.iter().for_each(|times| clock.add(*times));
                let mut comparer = ReplayComparer::new(recorded);
                let outcome = match &mut guest {
                    Ok(guest) => {
                        let mut ports = RunPorts {
                            strategy: guest,
                            venue: &mut venue,
                            journal: &mut comparer,
                            clock: &mut clock,
                        };
                        match &recorded.stop {
                            None => run.step(&recorded.slice, &mut ports),
                            Some(stop) => run
                                .halt(stop.clone(), &mut ports)
                                .map(|()| StepOutcome::Faulted),
                        }
                    }
                    Err(fault) => run.fail_init(
                        fault.clone(),
                        &mut RunPorts {
                            strategy: &mut (),
                            venue: &mut venue,
                            journal: &mut comparer,
                            clock: &mut (),
                        },
                    ),
                };
                decided.difference = comparer.difference(outcome)?;
                decided.identical = decided.identical.saturating_add(comparer.identical());
                decided.decisions = run.totals().decisions;
                if decided.difference.is_some() {
                    return Ok(decided);
                }
                progress(decided.decisions);
            }
            // Returned to be filled again. Once the reader has ended there is no receiver, and it is dropped.
            let _unused = give_back.try_send(batch);
        }
        Ok(decided)
    }
}
