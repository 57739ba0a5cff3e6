//! Resumes a run whose process ended: the journal is verified, replayed and compared, and only then is the next bar
//! taken. It must never decide which record of a difference is right.

mod cut_tail;
mod recorded_run;
mod replay_then_live;
mod resumed_journal;

use core::fmt;
use std::io::Read as _;

use counterfoil_connect::broker::bridge::BrokerBridge;
use counterfoil_journal::checkpoint::SignatureCheck;
use counterfoil_journal::consistency::TreeHead;
use counterfoil_journal::hash::Hash;
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::LogSigner;
use counterfoil_os::files::{FileError, open_plain};
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::manifest::{Manifest, ManifestError, RunSetup};
use counterfoil_trading::record::{DataCommitment, Opening, RunStarter};
use counterfoil_trading::run::{ClosedRun, NoClock, RecordedTimes, RunClock};
use counterfoil_trading::slice::SliceError;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::Venue;
use counterfoil_trading::venue::simulated::SimulatedVenue;
use counterfoil_verify::{Finding, VerifyError, VerifyOptions, verify_journal};

pub use cut_tail::CutTail;
pub(crate) use cut_tail::keep_tail;
pub use resumed_journal::ResumeEvent;

use crate::build::host_build;
use crate::clock::{self, WallClock};
use crate::orders::gateway::Gateway;
use crate::orders::gateway::guard::GuardedFeed;
use crate::orders::lease::RUNS_PER_ACCOUNT_MAX;
use crate::run::component::{ComponentError, PreparedComponent, SharedComponent};
use crate::run::drive::{self, DriveError, RunObserver};
use crate::run::execute::{ExecuteError, ExecutionOutcome, LiveContext, run_guest};
use crate::run::feed::{BarSource, BrokerActionFilter, SliceFeed};
use crate::run::inputs::{check_inputs, inputs_of, selection_of};
use crate::run::journal::{
    JournalReader, ReadJournalError, RunHeads, RunJournal as _, Sealing, head_of,
};
use crate::run::keep_log::KeepLog;
use crate::run::live::live_context;
use crate::run::mismatch::ManifestMismatch;
use crate::run::opening::check_entry_0;
use crate::run::replay::RecordDifference;
use crate::run::signed_prefix::SignedPrefix;
use crate::store::data_dir::{DataDir, DataDirError, Execution};
use crate::store::keys::SharedSigner;
use crate::store::lock::{LockError, RunLock};
use crate::store::run_log::RunLog;
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
    /// The run's origin is not the name of a key.
    #[error("invalid origin of the run: {0}")]
    Origin(#[from] VerifierKeyError),
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
    Broken(Finding),
    /// A signed checkpoint follows bytes that are not part of a journal.
    Damaged {
        /// Where in the file the last good checkpoint ends.
        offset: u64,
        /// Entries before the offset.
        entries: u64,
        /// Entries that the later checkpoint covers.
        signed: u64,
    },
    /// The journal is another run's.
    OtherRun {
        /// The origin in the journal.
        found: String,
    },
    /// A record replays differently.
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
                 and a later checkpoint covers {signed}"
            ),
            Self::OtherRun { found } => write!(f, "the journal belongs to another run: {found}"),
            Self::Difference(found) => write!(f, "record {} replays differently", found.index),
        }
    }
}

/// Outcome of opening a run for its resumption.
#[derive(Debug)]
pub enum ResumeAttempt {
    Ready(Box<Resumption>),
    Blocked(Box<ResumeBlocked>),
}

/// Outcome of a resumption.
#[derive(Debug)]
pub enum ResumeOutcome {
    /// The run reached its closing record.
    Ended {
        outcome: Box<ExecutionOutcome>,
        /// Records that replayed as recorded.
        compared: u64,
    },
    Blocked(Box<ResumeBlocked>),
}

/// A run that is verified and locked for its resumption. Nothing is changed yet.
pub struct Resumption {
    execution: Execution,
    manifest: Manifest,
    setup: RunSetup,
    open: Option<Opening>,
    known: RecordedRun,
    signed: SignedPrefix,
    signer: SharedSigner,
    /// Where the signed ends of the logs are shown.
    heads: RunHeads,
    /// The leaf hash of entry 0 that the ledger's start names.
    entry_0: Option<Hash>,
    _lock: RunLock,
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumption")
            .field("execution", &self.execution)
            .finish_non_exhaustive()
    }
}

/// Where a resumption begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResumePoint {
    /// Records that a checkpoint covers.
    pub records: u64,
    /// Bars decided in them.
    pub decisions: u64,
    /// Whole records after the last checkpoint; the run decides their bars again.
    pub uncovered: u64,
    /// All bytes after the last checkpoint.
    pub tail_bytes: u64,
}

/// Everything that a resumption needs beside the journal.
pub struct ResumeDeps<'a> {
    pub data: &'a DataDir,
    /// The run's prepared component.
    pub component: &'a PreparedComponent,
    /// Receives progress and refused inputs, but not of bars that are decided already.
    pub observer: &'a mut (dyn RunObserver<Guest> + Send),
    /// Receives the progress of the resumption itself.
    pub on_event: &'a mut (dyn FnMut(&ResumeEvent) + Send),
}

impl fmt::Debug for ResumeDeps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResumeDeps").finish_non_exhaustive()
    }
}

/// Takes an execution's lock and verifies the signed part of its journal.
///
/// # Errors
///
/// Returns [`ResumeError`] if another process holds the run, if the run is closed, or if the journal could not be
/// verified.
pub fn open(
    data: &DataDir,
    execution: &Execution,
    signer: Box<dyn LogSigner + Send>,
) -> Result<ResumeAttempt, ResumeError> {
    // The lock comes before the first read: a run that is still alive elsewhere would append while its journal is
    // scanned, and what looks like a torn tail would be its next decision.
    let lock = RunLock::acquire(execution)?;
    let path = execution.journal();
    let covered = SignedPrefix::scan(&path)?;
    let key = signer.verifying_key();
    let mut known = RecordedRun::default();
    if covered.end > 0 {
        let file = open_plain(&path)?;
        let key = PublicKey(key);
        // Only the signed prefix is verified. Behind it a crash may leave anything, which is cut and never read as
        // a record.
        let options = VerifyOptions {
            // This process holds the key and reads its own log.
            signatures: SignatureCheck::Together,
            ..VerifyOptions::default()
        };
        let report = verify_journal(file.take(covered.end), &key, options)?;
        if let Some(finding) = report.findings.first() {
            return Ok(halted(ResumeBlocked::Broken(finding.clone())));
        }
        // A journal of another run verifies under the same key. Without this check it could be put in this run's
        // folder, and this run would continue from its positions.
        if let Some(found) = report.origin.filter(|found| *found != execution.origin()) {
            return Ok(halted(ResumeBlocked::OtherRun { found }));
        }
    }
    // A crash tears the end of the file and nothing else. A genuine checkpoint in the tail means that bytes in
    // front of it were changed: cutting there would let an attacker take back signed decisions.
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
    // The signed copy of the manifest goes before the file beside the journal. Where nothing is signed yet, the
    // file is checked against the run's id, which is its digest.
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
        heads: RunHeads::default(),
        entry_0: None,
        _lock: lock,
    })))
}

fn halted(halt: ResumeBlocked) -> ResumeAttempt {
    ResumeAttempt::Blocked(Box::new(halt))
}

impl Resumption {
    /// Where the resumption begins.
    #[must_use]
    pub fn resume_point(&self) -> ResumePoint {
        ResumePoint {
            records: self.signed.entries,
            decisions: self.known.bars,
            uncovered: self.signed.uncovered,
            tail_bytes: u64::try_from(self.signed.tail.len()).unwrap_or(u64::MAX),
        }
    }

    /// Prepares the run's component. Back end, optimization and cache never change a result.
    ///
    /// # Errors
    ///
    /// Returns [`ComponentError`] if it is missing, was changed, or contradicts the manifest.
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

    /// The close time of the last slice with a decided bar; `None` if there is none, or if the bars come from a
    /// snapshot.
    #[must_use]
    pub fn last_close(&self) -> Option<UnixNanos> {
        self.known.last_close()
    }

    /// The signed entries of its journal.
    #[must_use]
    pub fn journal_head(&self) -> TreeHead {
        head_of(&self.known.head.tree)
    }

    /// The manifest of the run.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Resumes a backtest, over the rest of its snapshot.
    ///
    /// # Errors
    ///
    /// Returns [`ExecuteError`] if anything that the manifest names is missing or contradicts it (nothing is changed
    /// then), or if the host could not continue (the run can be resumed again then).
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
        // The snapshot gives the decided slices again, so none comes from the journal. Their commitments were
        // compared above: a snapshot that changed since would make every record differ for the wrong reason.
        let mut venue = SimulatedVenue::new(setup);
        self.resume(
            &mut feed,
            &mut venue,
            &mut NoClock,
            promised,
            RunStarter::default(),
            sealing,
            around,
        )
    }

    /// Resumes a live run, over closed bars from `source`.
    ///
    /// # Errors
    ///
    /// As [`Resumption::backtest`].
    pub fn live<B: BarSource>(
        self,
        source: B,
        broker: Option<BrokerBridge>,
        around: ResumeDeps<'_>,
    ) -> Result<ResumeOutcome, ExecuteError> {
        let mut context = live_context(around.data, &self.manifest, RUNS_PER_ACCOUNT_MAX)?;
        context.broker = broker;
        self.live_in_context(context, source, around)
    }

    /// As [`Resumption::live`], in a context that was made before.
    ///
    /// # Errors
    ///
    /// As [`Resumption::live`].
    pub fn live_in_context<B: BarSource>(
        mut self,
        mut context: LiveContext,
        source: B,
        around: ResumeDeps<'_>,
    ) -> Result<ResumeOutcome, ExecuteError> {
        if !self.manifest.is_live() {
            return Err(ManifestMismatch::no_feed(
                "resume it with `counterfoil backtest --resume`",
            )
            .into());
        }
        // Before anything is written: a journal that another start began must not go on under this one's name.
        if let Some(open) = &self.open {
            check_entry_0(
                open,
                &self.execution.origin(),
                &self.signer,
                context.entry_0,
            )?;
        }
        self.entry_0 = context.entry_0;
        self.heads = context.heads.clone();
        let reports = self.known.take_broker_reports();
        let venue = context.venue(around.data, &self.setup, reports)?;
        let start = context.start.clone();
        let wall = context.clock.clone();
        // Before anything is recorded: a clock that was set back since must not give an earlier time.
        wall.not_before(self.known.decided());
        let (guard, mut terms) =
            context.watch(around.data, &self.execution, &self.signer, &self.setup);
        // Before the feed is opened, so that a refused resumption takes no bar from it.
        if let Err(stop) = guard.check(clock::now())
            && !stop.cause.is_kill()
        {
            return Err(ExecuteError::NotStarted(stop));
        }
        // A killed run is resumed all the same: it has to cancel its orders and close. The guarded feed stops it
        // before the next bar.
        let instruments = &self.setup.instruments;
        let (slices, decided) = self
            .known
            .take_slices(instruments.len())
            .map_err(|error| DriveError::Feed(error.into()))?;
        let is_open = self.known.is_ahead || !decided.open.bars().is_empty();
        let mut bars = source.open(&self.manifest, &self.setup, decided)?;
        let bars = GuardedFeed::new(&mut bars, guard);
        let bars = BrokerActionFilter::new(bars, &self.setup);
        let mut feed = ReplayThenLive::new(slices, self.known.stop.take(), bars, is_open);
        let plans = core::mem::take(&mut self.known.plans);
        let times = core::mem::take(&mut self.known.times);
        let is_begun = self.open.is_some();
        terms.resumed_at = is_begun.then_some(self.signed.entries);
        let mut gateway = Gateway::open(venue, &self.execution, terms, plans)?;
        // Now that both logs are read: an anchor of one without the other would look like a log that was cut.
        self.heads.journal.set(&self.known.head.tree);
        if !is_begun {
            gateway.begin()?;
        }
        let sealing = Sealing::RunThread;
        let mut clock = RecordedTimes::new(times, WallClock::new(wall));
        self.resume(
            &mut feed,
            &mut gateway,
            &mut clock,
            None,
            start,
            sealing,
            around,
        )
    }

    fn resume<F: SliceFeed + Send, V: Venue + Send, C: RunClock + Send>(
        self,
        feed: &mut F,
        venue: &mut V,
        clock: &mut C,
        promised: Option<Vec<DataCommitment>>,
        start: RunStarter,
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
        let signer = self.signer;
        let recorded = match &self.open {
            Some(_) => Some(JournalReader::open(&self.execution.journal())?),
            None => None,
        };
        let continuation = JournalContinuation {
            execution: self.execution.clone(),
            signed: self.signed,
            head: self.known.head,
            signer: Box::new(signer.clone()),
            cadence: setup.cadence,
            sealing,
            shown: self.heads.journal,
        };
        let mut journal = ResumedJournal::new(recorded, continuation, on_event);
        if self.open.is_none() {
            let opening = Opening {
                manifest: manifest.canonical()?,
                execution: self.execution.number,
                host: host_build(),
                start,
                commitments: promised,
            };
            check_entry_0(&opening, &self.execution.origin(), &signer, self.entry_0)?;
            drive::append_opening(&opening, &mut journal)?;
        }
        let log = RunLog::begin(&self.execution, &setup.instruments);
        let mut observer = KeepLog::resumed(observer, log, self.known.bars);
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
        // Asked before the outcome's error: a difference stops the run by an error of its own making, and is a
        // finding about the journal, not a failure of the host.
        if let Some(difference) = journal.take_difference() {
            return Ok(ResumeOutcome::Blocked(Box::new(ResumeBlocked::Difference(
                difference,
            ))));
        }
        let ClosedRun { close, positions } = decided?;
        let compared = journal.compared();
        journal.finish()?;
        let execution = self.execution;
        Ok(ResumeOutcome::Ended {
            outcome: Box::new(ExecutionOutcome {
                execution,
                close,
                positions,
            }),
            compared,
        })
    }
}
