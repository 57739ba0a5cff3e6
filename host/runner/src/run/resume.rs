//! Goes on with a run that was killed: its journal is verified, decided again and compared, and
//! only then is the next bar taken. It must never know which record of a difference is right.

mod cut;
mod feed;
mod journal;
mod known;
mod signed;

use core::fmt;
use std::fs::File;
use std::io::Read as _;

use counterfoil_connect::broker::bridge::Bridge;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};
use counterfoil_trading::record::{DataCommitment, OpenRecord, RefusedInput, RunStop};
use counterfoil_trading::run::{NoClock, Run, RunClock};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::Venue;
use counterfoil_trading::venue::simulated::SimulatedVenue;
use counterfoil_verify::{Finding, Options, PublicKey, verify_journal};

pub use cut::Cut;
pub(crate) use cut::keep;
pub use journal::Notice;
pub(crate) use signed::Signed;

use crate::clock::{self, RecordedTimes, WallClock};
use crate::error::RunnerError;
use crate::orders::gateway::Gateway;
use crate::orders::gateway::guard::Guarded;
use crate::orders::lease::RUNS_PER_ACCOUNT_MAX;
use crate::run::backtest::{inputs_of, selection_of};
use crate::run::component::Shared;
use crate::run::drive::{self, Observer};
use crate::run::execute::{Conditions, HOST, Outcome, Prepared, decide};
use crate::run::feed::{Bars, Feed, OfBroker};
use crate::run::journal::{JournalReader, RunJournal as _, Sealing};
use crate::run::live::conditions;
use crate::run::replay::{Difference, check_inputs};
use crate::store::data_dir::{DataDir, Execution};
use crate::store::files::at;
use crate::store::keys::SharedSigner;
use crate::store::lock::RunLock;
use feed::Again;
use journal::{GoingOn, Held};
use known::Known;

/// Why a run does not go on. No byte of its journal was changed.
#[derive(Clone, Debug)]
pub enum Halt {
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
    Difference(Difference),
}

impl fmt::Display for Halt {
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
pub enum Opened {
    /// It can go on.
    Ready(Box<Resumption>),
    /// It cannot.
    Halted(Box<Halt>),
}

/// What a resumption came to.
#[derive(Debug)]
pub enum Resumed {
    /// The run went on to its closing record.
    Ended {
        /// What it came to.
        outcome: Box<Outcome>,
        /// Records that were decided again and came out as recorded.
        compared: u64,
    },
    /// It halted.
    Halted(Box<Halt>),
}

/// A run that was killed, verified and locked, with nothing changed yet.
pub struct Resumption {
    execution: Execution,
    manifest: Manifest,
    setup: RunSetup,
    open: Option<OpenRecord>,
    known: Known,
    signed: Signed,
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
pub struct Found {
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
pub struct Around<'a> {
    /// Where components and snapshots lie.
    pub data: &'a DataDir,
    /// The run's component, made ready.
    pub component: &'a Prepared,
    /// Hears of progress and refused inputs, but not of what was decided before.
    pub observer: &'a mut (dyn Observer<Guest> + Send),
    /// Hears how the resumption goes.
    pub tell: &'a mut (dyn FnMut(&Notice) + Send),
}

impl fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around").finish_non_exhaustive()
    }
}

/// Takes the lock of an execution and verifies what is signed of its journal.
///
/// # Errors
///
/// Returns [`RunnerError`] if another process has the run, if it has ended, or if it could not be
/// told whether the journal holds.
pub fn open(
    data: &DataDir,
    execution: &Execution,
    signer: Box<dyn Signer + Send>,
) -> Result<Opened, RunnerError> {
    let lock = RunLock::take(execution)?;
    let path = execution.journal();
    let covered = Signed::scan(&path)?;
    let key = signer.verifying_key();
    let mut known = Known::default();
    if covered.end > 0 {
        let file = File::open(&path).map_err(at("open", &path))?;
        let key = PublicKey::new(key)?;
        let report = verify_journal(file.take(covered.end), &key, Options::default())?;
        if let Some(finding) = report.findings.first() {
            return Ok(halted(Halt::Broken(finding.clone())));
        }
        if let Some(found) = report.origin.filter(|found| *found != execution.origin()) {
            return Ok(halted(Halt::OtherRun { found }));
        }
    }
    if let Some(covers) = covered.checkpoint_beyond(&VerifierKey::new(&execution.origin(), &key)?) {
        return Ok(halted(Halt::Damaged {
            offset: covered.end,
            entries: covered.entries,
            signed: covers,
        }));
    }
    if covered.end > 0 {
        known = Known::read(&path, covered.entries)?;
    }
    if known.is_closed {
        let run = execution.short();
        return Err(RunnerError::RunEnded { run });
    }
    let open = known.open.take();
    let manifest = match &open {
        Some(open) => Manifest::parse(&open.manifest)?,
        None => Manifest::parse(&data.manifest_text(execution)?)?,
    };
    Ok(Opened::Ready(Box::new(Resumption {
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

fn halted(halt: Halt) -> Opened {
    Opened::Halted(Box::new(halt))
}

impl Resumption {
    /// What there is.
    #[must_use]
    pub fn found(&self) -> Found {
        Found {
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
    /// Returns [`RunnerError`] if it is missing, was changed, or does not agree with the manifest.
    pub fn prepare(&self, data: &DataDir, engine: EngineSettings) -> Result<Prepared, RunnerError> {
        Prepared::new(data, &self.manifest, &self.setup, engine)
    }

    /// As [`Resumption::prepare`], with a component that other runs may use at the same time.
    ///
    /// # Errors
    ///
    /// As [`Resumption::prepare`].
    pub fn share(&self, shared: &Shared) -> Result<Prepared, RunnerError> {
        Prepared::share(shared, &self.manifest, &self.setup)
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
    /// Returns [`RunnerError`] if anything the manifest names is missing or does not agree (then
    /// nothing was changed), or if the host could not go on (then it can be resumed again).
    pub fn backtest(self, sealing: Sealing, around: Around<'_>) -> Result<Resumed, RunnerError> {
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
        let ends = (&mut feed, &mut venue);
        self.go_on(ends, &mut NoClock, promised, sealing, around)
    }

    /// Goes on with a live run, over closed bars from `source`.
    ///
    /// # Errors
    ///
    /// As [`Resumption::backtest`].
    pub fn live<B: Bars>(
        self,
        (source, broker): (B, Option<Bridge>),
        around: Around<'_>,
    ) -> Result<Resumed, RunnerError> {
        let mut conditions = conditions(around.data, &self.manifest, RUNS_PER_ACCOUNT_MAX)?;
        conditions.broker = broker;
        self.live_under(conditions, source, around)
    }

    /// As [`Resumption::live`], under conditions that were found before.
    pub(crate) fn live_under<B: Bars>(
        mut self,
        mut conditions: Conditions,
        source: B,
        around: Around<'_>,
    ) -> Result<Resumed, RunnerError> {
        if !matches!(self.manifest.data, DataSource::Feed { .. }) {
            return Err(RunnerError::Disagrees {
                what: "the data source",
                place: "a live run",
                found: "a feed".to_owned(),
                stated: "a snapshot".to_owned(),
                way_on: "resume it with `counterfoil backtest --resume`",
            });
        }
        let recorded = self.known.take_told();
        let venue = conditions.venue(around.data, &self.setup, recorded)?;
        let own = (&self.signer, &self.setup);
        let (guard, terms) = conditions.watch(around.data, &self.execution, own);
        if let Err(stop) = guard.check(clock::now())
            && !stop.cause.is_kill()
        {
            return Err(RunnerError::NotStarted(stop));
        }
        // A run that somebody killed goes on to take its orders back, and closes: its feed says so.
        let instruments = &self.setup.instruments;
        let (slices, decided) = self.known.take_slices(instruments.len())?;
        let is_open = self.known.is_ahead || !decided.open.bars().is_empty();
        let mut bars = source.open(&self.manifest, &self.setup, decided)?;
        let bars = Guarded::new(&mut bars, guard);
        let bars = OfBroker::new(bars, &self.setup);
        let recorded = (slices, self.known.stop.take());
        let mut feed = Again::new(recorded, bars, is_open);
        let plans = core::mem::take(&mut self.known.plans);
        let times = core::mem::take(&mut self.known.times);
        let is_begun = self.open.is_some();
        let mut gateway = Gateway::open(venue, &self.execution, terms, plans)?;
        if !is_begun {
            gateway.begin()?;
        }
        let sealing = Sealing::RunThread;
        let ends = (&mut feed, &mut gateway);
        let mut clock = RecordedTimes::new(times, WallClock::new());
        self.go_on(ends, &mut clock, None, sealing, around)
    }

    fn go_on<F: Feed + Send, V: Venue + Send, C: RunClock + Send>(
        self,
        (feed, venue): (&mut F, &mut V),
        clock: &mut C,
        promised: Option<Vec<DataCommitment>>,
        sealing: Sealing,
        around: Around<'_>,
    ) -> Result<Resumed, RunnerError> {
        let (manifest, setup) = (&self.manifest, &self.setup);
        let Around {
            component,
            observer,
            tell,
            ..
        } = around;
        component.check_run(&self.execution.run)?;
        let recorded = match &self.open {
            Some(_) => Some(JournalReader::open(&self.execution.journal())?),
            None => None,
        };
        let held = Held {
            execution: self.execution.clone(),
            signed: self.signed,
            sealed: self.known.sealed,
            signer: Box::new(self.signer),
            cadence: setup.cadence,
            sealing,
        };
        let mut journal = GoingOn::new(recorded, held, tell);
        if self.open.is_none() {
            let open = OpenRecord {
                manifest: manifest.canonical()?,
                execution: self.execution.number,
                host: HOST.to_owned(),
                commitments: promised,
            };
            let mut body = Vec::new();
            open.encode(&mut body);
            drive::append_outside(&body, &mut journal)?;
        }
        let mut observer = Hushed {
            inner: observer,
            decided: self.known.bars,
        };
        let terms = (manifest, setup);
        let decided = decide(
            component,
            terms,
            feed,
            clock,
            (&mut journal, venue),
            &mut observer,
        );
        if let Some(difference) = journal.take_difference() {
            return Ok(Resumed::Halted(Box::new(Halt::Difference(difference))));
        }
        let close = decided?;
        let compared = journal.compared();
        journal.finish()?;
        let execution = self.execution;
        Ok(Resumed::Ended {
            outcome: Box::new(Outcome { execution, close }),
            compared,
        })
    }
}

/// Keeps from the observer what it heard before the kill: the strategy's log is written again
/// while it decides again.
struct Hushed<'a> {
    inner: &'a mut (dyn Observer<Guest> + Send),
    /// Bars that were decided before.
    decided: u64,
}

impl Observer<Guest> for Hushed<'_> {
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

    fn stopped(&mut self, stop: &RunStop) {
        self.inner.stopped(stop);
    }
}
