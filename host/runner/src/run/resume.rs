//! Goes on with a run that was killed: its journal is verified, decided again and compared, and
//! only then is the next bar taken. It must never know which record of a difference is right.

mod cut_tail;
mod recorded_run;
mod replay_then_live;
mod resumed_journal;
mod signed_prefix;

use core::fmt;
use std::fs::File;
use std::io::Read as _;

use counterfoil_connect::broker::bridge::Bridge;
use counterfoil_journal::key::{KeyError, VerifierKey};
use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::manifest::{DataSource, Manifest, ManifestError, RunSetup};
use counterfoil_trading::record::{Commitment, Open, RefusedInput, Stop};
use counterfoil_trading::run::{Clock, NoClock, Run};
use counterfoil_trading::slice::SliceError;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::Venue;
use counterfoil_trading::venue::simulated::SimulatedVenue;
use counterfoil_verify::{
    Finding, Options, PublicKey, PublicKeyError, VerifyError, verify_journal,
};

pub use cut_tail::CutTail;
pub(crate) use cut_tail::keep_tail;
pub use resumed_journal::ResumeEvent;
pub(crate) use signed_prefix::SignedPrefix;

use crate::clock::{self, RecordedTimes, WallClock};
use crate::orders::gateway::Gateway;
use crate::orders::gateway::guard::Guarded;
use crate::orders::lease::RUNS_PER_ACCOUNT_MAX;
use crate::run::component::{ComponentError, PreparedComponent, SharedComponent};
use crate::run::drive::{self, DriveError, RunObserver};
use crate::run::execute::{ExecuteError, ExecutionOutcome, HOST, LiveContext, run_guest};
use crate::run::feed::{BarSource, BrokerActionFilter, SliceFeed};
use crate::run::inputs::{check_inputs, inputs_of, selection_of};
use crate::run::journal::{JournalReader, ReadJournalError, RunJournal as _, Sealing};
use crate::run::live::live_context;
use crate::run::mismatch::ManifestMismatch;
use crate::run::replay::RecordDifference;
use crate::store::data_dir::{DataDir, DataDirError, Execution};
use crate::store::files::{FileError, at};
use crate::store::keys::SharedSigner;
use crate::store::lock::{LockError, RunLock};
use recorded_run::RecordedRun;
use replay_then_live::ReplayThenLive;
use resumed_journal::{JournalContinuation, ResumedJournal};

/// Why a run could not be opened for its resumption. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    File(#[from] FileError),
    /// The signer's public key is not a valid one.
    #[error("the signing key cannot verify the journal: {0}")]
    PublicKey(#[from] PublicKeyError),
    /// The run's origin is not the name of a key.
    #[error("invalid origin of the run: {0}")]
    Origin(#[from] KeyError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    ReadJournal(#[from] ReadJournalError),
    #[error(transparent)]
    Slice(#[from] SliceError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("run {run} is closed; there is nothing to resume")]
    Ended {
        /// The run's short name.
        run: String,
    },
}

/// Why a run is not resumed. No byte of its journal was changed.
#[derive(Clone, Debug)]
pub enum ResumeBlocked {
    /// The journal does not verify.
    Broken(Finding),
    /// A signed checkpoint stands behind bytes that are no part of a journal.
    Damaged {
        /// Where in the file the journal breaks, or where its last good checkpoint ends.
        offset: u64,
        /// Entries before it.
        entries: u64,
        /// Entries that a checkpoint behind it covers.
        signed: u64,
    },
    /// The journal is another run's.
    OtherRun {
        /// The origin it has.
        found: String,
    },
    /// A record came out differently when it was decided again.
    Difference(RecordDifference),
}

impl fmt::Display for ResumeBlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(finding) => write!(f, "the journal does not verify: {finding}"),
            Self::Damaged {
                offset,
                entries,
                signed,
            } => write!(
                f,
                "the journal was changed after byte {offset}: {entries} records are whole there, \
                 and a checkpoint further on covers {signed}"
            ),
            Self::OtherRun { found } => write!(f, "the journal is another run's: {found}"),
            Self::Difference(found) => write!(
                f,
                "record {} comes out differently when it is decided again",
                found.index
            ),
        }
    }
}

/// What opening a run for its resumption came to.
#[derive(Debug)]
pub enum ResumeAttempt {
    /// It can go on.
    Ready(Box<Resumption>),
    /// It cannot.
    Blocked(Box<ResumeBlocked>),
}

/// What a resumption came to.
#[derive(Debug)]
pub enum ResumeOutcome {
    /// The run went on to its closing record.
    Ended {
        /// What it came to.
        outcome: Box<ExecutionOutcome>,
        /// Records that were decided again and came out as recorded.
        compared: u64,
    },
    /// It halted.
    Blocked(Box<ResumeBlocked>),
}

/// A run that was killed, verified and locked, with nothing changed yet.
pub struct Resumption {
    execution: Execution,
    manifest: Manifest,
    setup: RunSetup,
    open: Option<Open>,
    known: RecordedRun,
    signed: SignedPrefix,
    signer: SharedSigner,
    _lock: RunLock,
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumption")
            .field("execution", &self.execution)
            .finish_non_exhaustive()
    }
}

/// What a resumption begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResumePoint {
    /// Records that a checkpoint covers.
    pub records: u64,
    /// Bars decided among them.
    pub decisions: u64,
    /// Whole records after the last checkpoint, which are decided again.
    pub uncovered: u64,
    /// All bytes after the last checkpoint.
    pub tail_bytes: u64,
}

/// What is needed beside the journal.
pub struct ResumeDeps<'a> {
    /// Where components and snapshots lie.
    pub data: &'a DataDir,
    /// The run's component, made ready.
    pub component: &'a PreparedComponent,
    /// Hears of progress and refused inputs, but not of what was decided before.
    pub observer: &'a mut (dyn RunObserver<Guest> + Send),
    /// Hears how the resumption goes.
    pub on_event: &'a mut (dyn FnMut(&ResumeEvent) + Send),
}

impl fmt::Debug for ResumeDeps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResumeDeps").finish_non_exhaustive()
    }
}

/// Takes the lock of an execution and verifies what is signed of its journal.
///
/// # Errors
///
/// Returns [`ResumeError`] if another process has the run, if it has ended, or if it could not be
/// told whether the journal holds.
pub fn open(
    data: &DataDir,
    execution: &Execution,
    signer: Box<dyn Signer + Send>,
) -> Result<ResumeAttempt, ResumeError> {
    let lock = RunLock::take(execution)?;
    let path = execution.journal();
    let covered = SignedPrefix::scan(&path)?;
    let key = signer.verifying_key();
    let mut known = RecordedRun::default();
    if covered.end > 0 {
        let file = File::open(&path).map_err(at("open", &path))?;
        let key = PublicKey::new(key)?;
        let report = verify_journal(file.take(covered.end), &key, Options::default())?;
        if let Some(finding) = report.findings.first() {
            return Ok(halted(ResumeBlocked::Broken(finding.clone())));
        }
        if let Some(found) = report.origin.filter(|found| *found != execution.origin()) {
            return Ok(halted(ResumeBlocked::OtherRun { found }));
        }
    }
    if let Some(covers) = covered.checkpoint_beyond(&VerifierKey::new(&execution.origin(), &key)?) {
        return Ok(halted(ResumeBlocked::Damaged {
            offset: covered.end,
            entries: covered.entries,
            signed: covers,
        }));
    }
    if covered.end > 0 {
        known = RecordedRun::read(&path, covered.entries)?;
    }
    if known.is_closed {
        let run = execution.short();
        return Err(ResumeError::Ended { run });
    }
    let open = known.open.take();
    let manifest = match &open {
        Some(open) => Manifest::parse(&open.manifest)?,
        None => Manifest::parse(&data.manifest_text(execution)?)?,
    };
    Ok(ResumeAttempt::Ready(Box::new(Resumption {
        execution: execution.clone(),
        setup: manifest.setup()?,
        manifest,
        open,
        known,
        signed: covered,
        signer: SharedSigner::new(signer),
        _lock: lock,
    })))
}

fn halted(halt: ResumeBlocked) -> ResumeAttempt {
    ResumeAttempt::Blocked(Box::new(halt))
}

impl Resumption {
    /// What there is.
    #[must_use]
    pub fn resume_point(&self) -> ResumePoint {
        ResumePoint {
            records: self.signed.entries,
            decisions: self.known.bars,
            uncovered: self.signed.uncovered,
            tail_bytes: u64::try_from(self.signed.tail.len()).unwrap_or(u64::MAX),
        }
    }

    /// Makes the run's component ready. Back end, optimisation and cache never change a result.
    ///
    /// # Errors
    ///
    /// Returns [`ExecuteError`] if it is missing, was changed, or does not agree with the manifest.
    pub fn prepare(
        &self,
        data: &DataDir,
        engine: EngineSettings,
    ) -> Result<PreparedComponent, ComponentError> {
        PreparedComponent::new(data, &self.manifest, &self.setup, engine)
    }

    /// As [`Resumption::prepare`], with a component that other runs may use at the same time.
    ///
    /// # Errors
    ///
    /// As [`Resumption::prepare`].
    pub fn share(&self, shared: &SharedComponent) -> Result<PreparedComponent, ComponentError> {
        PreparedComponent::share(shared, &self.manifest, &self.setup)
    }

    /// The close time of the last slice that has a decided bar; none if there is none, or if the
    /// run's bars come from a snapshot.
    #[must_use]
    pub fn last_close(&self) -> Option<UnixNanos> {
        self.known.last_close()
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Goes on with a backtest, over the rest of its snapshot.
    ///
    /// # Errors
    ///
    /// Returns [`ExecuteError`] if anything the manifest names is missing or does not agree (then
    /// nothing was changed), or if the host could not go on (then it can be resumed again).
    pub fn backtest(
        self,
        sealing: Sealing,
        around: ResumeDeps<'_>,
    ) -> Result<ResumeOutcome, ExecuteError> {
        let (data, manifest, setup) = (around.data, &self.manifest, &self.setup);
        let mut promised = None;
        let feed = match &self.open {
            Some(open) => check_inputs(data, manifest, setup, open)?,
            None => None,
        };
        let mut feed = if let Some(feed) = feed {
            feed
        } else {
            let inputs = inputs_of(&selection_of(data, manifest, setup)?)?;
            promised = Some(inputs.commitments);
            inputs.feed
        };
        // The snapshot brings again what was decided: no slice comes from the journal.
        let mut venue = SimulatedVenue::new(setup);
        self.resume(
            &mut feed,
            &mut venue,
            &mut NoClock,
            promised,
            sealing,
            around,
        )
    }

    /// Goes on with a live run, over closed bars from `source`.
    ///
    /// # Errors
    ///
    /// As [`Resumption::backtest`].
    pub fn live<B: BarSource>(
        self,
        source: B,
        broker: Option<Bridge>,
        around: ResumeDeps<'_>,
    ) -> Result<ResumeOutcome, ExecuteError> {
        let mut context = live_context(around.data, &self.manifest, RUNS_PER_ACCOUNT_MAX)?;
        context.broker = broker;
        self.live_in_context(context, source, around)
    }

    /// As [`Resumption::live`], in a context that was made before.
    pub(crate) fn live_in_context<B: BarSource>(
        mut self,
        mut context: LiveContext,
        source: B,
        around: ResumeDeps<'_>,
    ) -> Result<ResumeOutcome, ExecuteError> {
        if !matches!(self.manifest.data, DataSource::Feed { .. }) {
            return Err(ManifestMismatch {
                subject: "the data source",
                place: "a live run",
                found: "a feed".to_owned(),
                stated: "a snapshot".to_owned(),
                hint: "resume it with `counterfoil backtest --resume`",
            }
            .into());
        }
        let recorded = self.known.take_told();
        let venue = context.venue(around.data, &self.setup, recorded)?;
        let (guard, terms) = context.watch(around.data, &self.execution, &self.signer, &self.setup);
        if let Err(stop) = guard.check(clock::now())
            && !stop.cause.is_kill()
        {
            return Err(ExecuteError::NotStarted(stop));
        }
        // A run that somebody killed goes on to take its orders back, and closes: its feed says so.
        let instruments = &self.setup.instruments;
        let (slices, decided) = self
            .known
            .take_slices(instruments.len())
            .map_err(|error| DriveError::Feed(error.into()))?;
        let is_open = self.known.is_ahead || !decided.open.bars().is_empty();
        let mut bars = source.open(&self.manifest, &self.setup, decided)?;
        let bars = Guarded::new(&mut bars, guard);
        let bars = BrokerActionFilter::new(bars, &self.setup);
        let mut feed = ReplayThenLive::new(slices, self.known.stop.take(), bars, is_open);
        let plans = core::mem::take(&mut self.known.plans);
        let times = core::mem::take(&mut self.known.times);
        let is_begun = self.open.is_some();
        let mut gateway = Gateway::open(venue, &self.execution, terms, plans)?;
        if !is_begun {
            gateway.begin()?;
        }
        let sealing = Sealing::RunThread;
        let mut clock = RecordedTimes::new(times, WallClock::new());
        self.resume(&mut feed, &mut gateway, &mut clock, None, sealing, around)
    }

    fn resume<F: SliceFeed + Send, V: Venue + Send, C: Clock + Send>(
        self,
        feed: &mut F,
        venue: &mut V,
        clock: &mut C,
        promised: Option<Vec<Commitment>>,
        sealing: Sealing,
        around: ResumeDeps<'_>,
    ) -> Result<ResumeOutcome, ExecuteError> {
        let (manifest, setup) = (&self.manifest, &self.setup);
        let ResumeDeps {
            component,
            observer,
            on_event,
            ..
        } = around;
        component.check_run(&self.execution.run)?;
        let recorded = match &self.open {
            Some(_) => Some(JournalReader::open(&self.execution.journal())?),
            None => None,
        };
        let held = JournalContinuation {
            execution: self.execution.clone(),
            signed: self.signed,
            sealed: self.known.sealed,
            signer: Box::new(self.signer),
            cadence: setup.cadence,
            sealing,
        };
        let mut journal = ResumedJournal::new(recorded, held, on_event);
        if self.open.is_none() {
            let open = Open {
                manifest: manifest.canonical()?,
                execution: self.execution.number,
                host: HOST.to_owned(),
                commitments: promised,
            };
            let mut body = Vec::new();
            open.encode(&mut body);
            drive::append_outside(&body, &mut journal)?;
        }
        let mut observer = SuppressReplayed {
            inner: observer,
            decided: self.known.bars,
        };
        let decided = run_guest(
            component,
            manifest,
            setup,
            feed,
            clock,
            &mut journal,
            venue,
            &mut observer,
        );
        if let Some(difference) = journal.take_difference() {
            return Ok(ResumeOutcome::Blocked(Box::new(ResumeBlocked::Difference(
                difference,
            ))));
        }
        let close = decided?;
        let compared = journal.compared();
        journal.finish()?;
        let execution = self.execution;
        Ok(ResumeOutcome::Ended {
            outcome: Box::new(ExecutionOutcome { execution, close }),
            compared,
        })
    }
}

/// Keeps from the observer what it heard before the kill: the strategy's log is written again
/// while it decides again.
struct SuppressReplayed<'a> {
    inner: &'a mut (dyn RunObserver<Guest> + Send),
    /// Bars that were decided before.
    decided: u64,
}

impl RunObserver<Guest> for SuppressReplayed<'_> {
    fn stepped(&mut self, strategy: &mut Guest, run: &Run) {
        if run.totals().decisions <= self.decided {
            let _heard_before = strategy.take_log();
        } else {
            self.inner.stepped(strategy, run);
        }
    }

    fn refused(&mut self, input: &RefusedInput) {
        self.inner.refused(input);
    }

    fn skipped(&mut self) {
        self.inner.skipped();
    }

    fn stopped(&mut self, stop: &Stop) {
        self.inner.stopped(stop);
    }
}
