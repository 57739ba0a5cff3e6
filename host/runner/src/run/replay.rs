//! Re-execution: the component decides again on the journaled inputs, and every deterministic
//! part must come out as it was recorded.

mod compare;
mod recorded;

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::{Guest, StartError};
use counterfoil_sandbox::setup::Setup;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_sandbox::watchdog::Watchdog;
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};
use counterfoil_trading::record::{OpenRecord, RunRecord};
use counterfoil_trading::run::{NoClock, Run, RunPorts, RunProgress};
use counterfoil_trading::strategy::Strategy;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::recorded_venue::RecordedVenue;

use crate::clock::RecordedTimes;
use crate::error::RunnerError;
use crate::run::backtest::{inputs_of, selection_of};
use crate::run::component::{Ready, ready_for};
use crate::run::feed::SnapshotFeed;
use crate::run::journal::JournalReader;
use crate::store::data_dir::{DataDir, Execution};
use crate::study::tape::Tape;
use compare::Comparer;
use recorded::{Batch, Recorded, Recorder, SLICES_PER_BATCH, Tail};

/// Batches of slices under way between the two threads: a bound on memory.
const BATCHES: usize = 4;

/// What a replay found.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Records that came out as recorded.
    pub identical: u64,
    /// Decisions made again.
    pub decisions: u64,
    /// The decision digest of the re-execution, if nothing differs.
    pub decision_digest: Option<[u8; 32]>,
    /// The first difference, if any.
    pub difference: Option<Difference>,
    /// Close time of the first journaled slice that is not the snapshot's, if any.
    pub foreign_slice: Option<UnixNanos>,
    /// Whether a closing record was reached. Without one the replay ends before the last slice,
    /// which may not be whole.
    pub closed: bool,
}

impl Replay {
    /// Whether the inputs are the snapshot's and every decision came out as recorded.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.difference.is_none() && self.foreign_slice.is_none()
    }
}

/// The first record that came out differently.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The journal entry.
    pub index: u64,
    /// What the journal says, or `None` where it has no such record.
    pub recorded: Option<Box<RunRecord>>,
    /// What the re-execution gives, or `None` where it gives no such record.
    pub replayed: Option<Box<RunRecord>>,
}

/// Re-executes a run and compares. `progress` hears the number of decisions after each slice.
///
/// The journal's signatures are the verifier's work; what is checked here is that the inputs are
/// those of the snapshot and that the component decides as recorded. One thread reads the journal
/// and the snapshot and holds one against the other; another decides again and compares.
///
/// # Errors
///
/// Returns [`RunnerError`] if it could not be told: a part is missing or unreadable.
pub fn replay(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Replay, RunnerError> {
    again(
        data,
        execution,
        engine,
        Sight::None,
        |guest| guest,
        progress,
    )
}

/// What the host that decides again can see of the slices beyond the one at hand.
#[derive(Clone, Copy, Debug)]
pub enum Sight<'a> {
    /// Nothing is put in its reach: a replay.
    None,
    /// What comes, as far as the batch goes: a replay on a host that reads ahead.
    Truth(&'a Tape),
    /// Garbage, and slices come one by one, each when its step begins: the audit.
    Garbage(&'a Tape),
}

impl Sight<'_> {
    /// Slices in one batch, and batches that may wait on the channel.
    const fn pace(self) -> (usize, usize) {
        match self {
            Self::None | Self::Truth(_) => (SLICES_PER_BATCH, BATCHES),
            Self::Garbage(_) => (1, 0),
        }
    }

    /// Sets the tape for the step of the batch's slice at `place`.
    fn set(self, batch: &[Recorded], place: usize, salt: u64) {
        match self {
            Self::None => {}
            Self::Truth(tape) => tape.show(batch.iter().skip(place + 1).map(|one| &one.slice)),
            Self::Garbage(tape) => {
                if let Some(one) = batch.get(place) {
                    tape.garble(&one.slice, salt);
                }
            }
        }
    }
}

/// Decides a run again on a host that wraps the guest with `host`, and compares.
pub(crate) fn again<S: Strategy>(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    sight: Sight<'_>,
    host: impl FnOnce(Guest) -> S + Send,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Replay, RunnerError> {
    let path = execution.journal();
    let open = JournalReader::open(&path)?.open_record()?;
    let manifest = Manifest::parse(&open.manifest)?;
    let setup = manifest.setup()?;
    let snapshot = check_inputs(data, &manifest, &setup, &open)?;
    let (ready, guest) = ready_for(data, &manifest, &setup, engine)?;
    let again = Again {
        manifest: &manifest,
        setup: &setup,
        ready,
        guest,
        sight,
    };
    let engine = again.ready.compiled.engine();
    let _watchdog = Watchdog::start(engine).map_err(RunnerError::Thread)?;
    let stack = engine.settings().thread_stack_bytes();
    let recorder = Recorder::open(&path, snapshot)?;
    let (slices, waiting) = sight.pace();
    let (send, receive) = sync_channel::<Batch>(waiting);
    let (give_back, empty) = sync_channel::<Batch>(BATCHES);
    let (decided, tail) = thread::scope(|scope| {
        let reading = thread::Builder::new()
            .name("recorded".to_owned())
            .spawn_scoped(scope, move || recorder.run(slices, &send, &empty))
            .map_err(RunnerError::Thread)?;
        // The receiver goes along, so that a reader that waits to send hears when nobody listens.
        let again = &again;
        let decided = guest_thread(stack, move || {
            again.run(receive, &give_back, host, progress)
        });
        let tail = reading.join().map_err(|_| RunnerError::ThreadGone)??;
        Ok::<_, RunnerError>((decided.map_err(RunnerError::Thread)??, tail))
    })?;
    Ok(conclude(decided, tail))
}

/// What the two threads found, put together.
fn conclude(decided: Decided, tail: Option<Tail>) -> Replay {
    let whole = decided.difference.is_none() && decided.foreign_slice.is_none();
    let closed = tail.as_ref().and_then(|tail| tail.close.clone());
    let digest = tail.filter(|_| whole).map(|tail| tail.digest);
    // Every record came out as recorded, so the closing record must state their digest.
    let misstated = closed
        .clone()
        .filter(|(_, close)| digest.is_some_and(|digest| digest != close.decision_digest))
        .map(|(index, close)| Difference {
            index,
            recorded: Some(Box::new(RunRecord::Close(close))),
            replayed: None,
        });
    Replay {
        identical: decided.identical,
        decisions: decided.decisions,
        decision_digest: digest,
        difference: decided.difference.or(misstated),
        foreign_slice: decided.foreign_slice,
        closed: closed.is_some(),
    }
}

/// What is run again.
struct Again<'a> {
    manifest: &'a Manifest,
    setup: &'a RunSetup,
    ready: Ready,
    guest: Setup,
    sight: Sight<'a>,
}

/// What came of deciding again.
#[derive(Debug, Default)]
struct Decided {
    difference: Option<Difference>,
    foreign_slice: Option<UnixNanos>,
    decisions: u64,
    identical: u64,
}

impl Again<'_> {
    fn run<S: Strategy>(
        &self,
        slices: Receiver<Batch>,
        give_back: &SyncSender<Batch>,
        host: impl FnOnce(Guest) -> S,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Decided, RunnerError> {
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
        let mut decided = Decided::default();
        // The channel ends with the journal, or with an error that the other thread reports.
        for batch in slices {
            for (place, one) in batch.iter().enumerate() {
                self.sight.set(&batch, place, decided.decisions);
                if one.is_foreign {
                    decided.foreign_slice = one.slice.close_time();
                    return Ok(decided);
                }
                venue.load_deliveries(&one.from_outside);
                clock.clear();
                one.times.iter().for_each(|times| clock.add(*times));
                let mut comparer = Comparer::new(one);
                let outcome = match &mut guest {
                    Ok(guest) => {
                        let mut ports = RunPorts {
                            strategy: guest,
                            venue: &mut venue,
                            journal: &mut comparer,
                            clock: &mut clock,
                        };
                        match &one.stop {
                            None => run.step(&one.slice, &mut ports),
                            Some(stop) => run
                                .halt(stop.clone(), &mut ports)
                                .map(|()| RunProgress::Faulted),
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
            // Filled again there; nobody takes it once all was read, which is no loss.
            let _unused = give_back.try_send(batch);
        }
        Ok(decided)
    }
}

/// The snapshot that the manifest names, if it names one, checked against the promise of the open
/// record.
pub(crate) fn check_inputs(
    data: &DataDir,
    manifest: &Manifest,
    setup: &RunSetup,
    open: &OpenRecord,
) -> Result<Option<SnapshotFeed>, RunnerError> {
    if matches!(manifest.data, DataSource::Feed { .. }) {
        return Ok(None);
    }
    let inputs = inputs_of(&selection_of(data, manifest, setup)?)?;
    let there = inputs.commitments;
    if open.commitments.as_ref() == Some(&there) {
        return Ok(Some(inputs.feed));
    }
    Err(RunnerError::Disagrees {
        what: "what is promised of bars and corporate actions",
        place: "the snapshot",
        found: format!("{there:?}"),
        stated: format!("{:?}", open.commitments),
        way_on: "the journal was not made from this snapshot: do not trust it",
    })
}
