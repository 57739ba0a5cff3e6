//! One execution of a manifest, from its checks to its closing record. Backtest and live differ
//! in the feed, the clock and what the open record promises; nothing else.

use std::sync::Arc;

use counterfoil_base::digest::Digest;
use counterfoil_connect::broker::bridge::BrokerBridge;
use counterfoil_governance::id::Id;
use counterfoil_journal::hash::Hash;
use counterfoil_journal::salt::LogSigner;
use counterfoil_os::files::{self, FileError};
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::{Guest, StartError};
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_trading::manifest::{Manifest, ManifestError, RunSetup};
use counterfoil_trading::record::{CloseRecord, DataCommitment, Opening, RunStarter, RunStop};
use counterfoil_trading::run::{ClosedRun, Run, RunClock, RunPorts};
use counterfoil_trading::strategy::StrategyFault;
use counterfoil_trading::units::{Money, Quantity};
use counterfoil_trading::venue::Venue;
use counterfoil_trading::venue::simulated::SimulatedVenue;

use crate::build::{self, host_build};
use crate::clock::RecordClock;
use crate::orders::gateway::any::AnyVenue;
use crate::orders::gateway::broker::{BrokerVenue, RecordedDeliveries};
use crate::orders::gateway::guard::{GuardedFeed, RunGuard};
use crate::orders::gateway::paper::PaperVenue;
use crate::orders::gateway::{
    Gateway, GatewayConfig, GatewayError, PriorDecisions, ReconcileConfig,
};
use crate::orders::kill::{InProcessStop, KillSwitch};
use crate::orders::lease::{Lease, LeaseError, RunSlot};
use crate::orders::limits::LimitsWatch;
use crate::orders::venues::VenuesError;
use crate::run::component::{ComponentError, PreparedComponent};
use crate::run::drive::{self, DriveError, RunObserver};
use crate::run::feed::{BrokerActionFilter, SliceFeed};
use crate::run::inputs::InputsError;
use crate::run::journal::{
    AnyJournal, JournalError, JournalFile, ReadJournalError, RunHeads, RunJournal, Sealer, Sealing,
};
use crate::run::keep_log::KeepLog;
use crate::run::mismatch::ManifestMismatch;
use crate::run::opening::{OtherStart, check_entry_0};
use crate::run::permission::RunPermission;
use crate::run::signed_prefix::SignedPrefix;
use crate::store::data_dir::{DataDir, DataDirError, Execution};
use crate::store::keys::SharedSigner;
use crate::store::lock::{LockError, RunLock};
use crate::store::run_log::RunLog;

/// Everything that one execution needs.
pub struct ExecutionConfig<'a> {
    pub data: &'a DataDir,
    pub manifest: &'a Manifest,
    /// The manifest's parsed values.
    pub setup: &'a RunSetup,
    /// Back end, optimization and cache, none of which may change a result.
    pub engine: EngineSettings,
    pub signer: Box<dyn LogSigner + Send>,
    /// The open record's commitments to bars and actions; `None` for a feed.
    pub commitments: Option<Vec<DataCommitment>>,
    /// Whether a second execution is refused, as for a feed.
    pub once: bool,
    pub sealing: Sealing,
    /// What a run needs to trade an account through the gateway; `None` for a simulation.
    pub context: Option<LiveContext>,
}

/// What a run needs to trade an account: its place under the lease, limits, permission and broker.
#[derive(Debug)]
pub struct LiveContext {
    /// The run's place among the account's runs.
    pub slot: RunSlot,
    pub limits: LimitsWatch,
    /// The digest of the policy that the run was started under.
    pub policy: Digest,
    pub in_process_stop: InProcessStop,
    /// The permission of a run that people authorized; `None` for a run that needs none.
    pub permit: Option<Box<dyn RunPermission>>,
    /// The broker that takes the run's orders; `None` for the paper venue.
    pub broker: Option<BrokerBridge>,
    /// Who started the run, or this process of it, and what allowed it.
    pub start: RunStarter,
    /// The clock of the run's records.
    pub clock: RecordClock,
    /// The leaf hash of entry 0 that the ledger's start names; `None` without a ledger.
    pub entry_0: Option<Hash>,
    /// Where the signed ends of the logs are shown.
    pub heads: RunHeads,
}

/// Time between two reconciliations with a venue's books: short against a trading day, long against a broker's
/// rate limits.
pub const RECONCILE_NANOS: i64 = 60_000_000_000;

impl LiveContext {
    /// The venue that the manifest names.
    ///
    /// # Errors
    ///
    /// Returns [`ExecuteError`] if the manifest names a broker and none was given, or the other way round, or if
    /// another run trades the broker's account.
    pub(crate) fn venue(
        &mut self,
        data: &DataDir,
        setup: &RunSetup,
        recorded: RecordedDeliveries,
    ) -> Result<AnyVenue, ExecuteError> {
        // Neither case falls back to the other venue: a paper run whose orders reach a broker moves money, and a
        // broker run on paper reports fills that never happened.
        let (stated, found) = match (setup.broker, self.broker.take()) {
            (None, None) => return Ok(AnyVenue::Paper(Box::new(PaperVenue::new(setup)))),
            (Some(_), Some(bridge)) => {
                let place = broker_place(data, bridge.key())?;
                let venue = BrokerVenue::new(bridge, setup.instruments.clone(), recorded, place);
                return Ok(AnyVenue::Broker(Box::new(venue)));
            }
            (Some(_), None) => ("a broker", "the paper venue"),
            (None, Some(_)) => ("the paper venue", "a broker"),
        };
        Err(ManifestMismatch {
            subject: "the venue",
            place: "this start",
            found: found.to_owned(),
            stated: stated.to_owned(),
            hint: "name the broker in the manifest and with --broker, or in neither",
        }
        .into())
    }

    /// Begins the order log of a new execution, behind the guard that watches this context from here on.
    fn begin_orders(
        mut self,
        data: &DataDir,
        execution: &Execution,
        signer: &SharedSigner,
        setup: &RunSetup,
    ) -> Result<(Gateway<AnyVenue>, Arc<RunGuard>), ExecuteError> {
        let venue = self.venue(data, setup, RecordedDeliveries::default())?;
        let (guard, terms) = self.watch(data, execution, signer, setup);
        let mut gateway = Gateway::open(venue, execution, terms, PriorDecisions::new())?;
        gateway.begin()?;
        Ok((gateway, guard))
    }

    /// The guard that watches this context from here on, and the terms of the gateway. A condition that fails from
    /// now on ends the run with a record.
    pub(crate) fn watch(
        self,
        data: &DataDir,
        execution: &Execution,
        signer: &SharedSigner,
        setup: &RunSetup,
    ) -> (Arc<RunGuard>, GatewayConfig) {
        let account = self.slot.lease().account();
        let kill = KillSwitch::with_stop(data, account, Some(execution), self.in_process_stop);
        let guard = Arc::new(RunGuard::new(kill, self.limits, self.slot, self.permit));
        let terms = GatewayConfig {
            signer: signer.clone(),
            guard: Arc::clone(&guard),
            policy: self.policy,
            start: self.start,
            resumed_at: None,
            clock: self.clock,
            head: self.heads.orders,
            books: ReconcileConfig {
                instruments: setup.instruments.clone(),
                cash: setup.cash,
                cash_tolerance: setup
                    .broker
                    .map_or(Money::ZERO, |broker| broker.cash_tolerance),
                interval_nanos: RECONCILE_NANOS,
            },
        };
        (guard, terms)
    }
}

/// The only slot at a broker's account, whatever the run's own account is called. Each of two runs there would
/// take the other's orders for foreign ones.
fn broker_place(data: &DataDir, key: &str) -> Result<RunSlot, LeaseError> {
    // A broker's key name may hold characters that no id allows; the start of its digest never does.
    let digest: String = Digest::of(key.as_bytes()).hex().chars().take(16).collect();
    Lease::acquire_shared(data, &Id::parse(&format!("broker-{digest}"))?)?.admit_run(1)
}

impl core::fmt::Debug for ExecutionConfig<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ExecutionConfig")
            .field("once", &self.once)
            .finish_non_exhaustive()
    }
}

/// An execution that reached its closing record.
#[derive(Clone, Debug)]
pub struct ExecutionOutcome {
    pub execution: Execution,
    pub close: CloseRecord,
    /// The position in each instrument.
    pub positions: Vec<Quantity>,
}

/// Why a run did not start, or stopped without a closing record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Mismatch(#[from] ManifestMismatch),
    #[error(transparent)]
    Component(#[from] ComponentError),
    #[error(transparent)]
    Inputs(#[from] InputsError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The journal's file could not be created.
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The ledger's start names another entry 0.
    #[error(transparent)]
    OtherStart(#[from] OtherStart),
    /// A kill switch, a limit or the permission keeps the run from starting.
    #[error("{}: the run does not start: {}", .0.cause.name(), .0.message)]
    NotStarted(RunStop),
    #[error(transparent)]
    Venue(#[from] Box<VenuesError>),
    /// The host could not start the guest.
    #[error(transparent)]
    Guest(#[from] StartError),
    #[error(transparent)]
    Drive(#[from] DriveError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The recorded part of a resumed run could not be read.
    #[error(transparent)]
    ReadJournal(#[from] ReadJournalError),
    #[error("cannot start a thread for the run: {0}")]
    Thread(std::io::Error),
}

/// Runs a manifest over a feed.
///
/// # Errors
///
/// Returns [`ExecuteError`] if anything that the manifest names is missing or contradicts it (nothing is written
/// then), or if the host could not continue (the journal has no closing record then).
pub fn execute<F, C>(
    start: ExecutionConfig<'_>,
    feed: &mut F,
    clock: &mut C,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ExecutionOutcome, ExecuteError>
where
    F: SliceFeed + Send,
    C: RunClock + Send,
{
    let (data, manifest, setup) = (start.data, start.manifest, start.setup);
    build::prepare();
    let guest = PreparedComponent::new(data, manifest, setup, start.engine.clone())?;
    execute_prepared(start, &guest, feed, clock, observer)
}

/// As [`execute`], with a component that was prepared before.
///
/// # Errors
///
/// As [`execute`], and if the component was prepared for another run.
pub fn execute_prepared<F, C>(
    start: ExecutionConfig<'_>,
    guest: &PreparedComponent,
    feed: &mut F,
    clock: &mut C,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ExecutionOutcome, ExecuteError>
where
    F: SliceFeed + Send,
    C: RunClock + Send,
{
    let run_id = start.manifest.run_id()?;
    guest.check_run(&run_id)?;
    let canonical = start.manifest.canonical()?;
    // A crash after this line leaves a folder without a journal. A resumption finds no signed entry in it and
    // begins the run there, so a live manifest that starts once is not used up by it.
    let execution = start.data.new_execution(&run_id, &canonical, start.once)?;
    let is_simulation = start.context.is_none();
    let done = execute_new(start, guest, &execution, canonical, feed, clock, observer);
    // On a full disk, say: a backtest that signed nothing would be listed for ever. A live run's folder stays, with what
    // its order log may hold.
    if done.is_err() && is_simulation {
        discard_unbegun(&execution);
    }
    done
}

/// Removes the folder of an execution without a signed entry.
fn discard_unbegun(execution: &Execution) {
    let path = execution.journal();
    // A journal that is there and cannot be read may be signed.
    let is_begun = match SignedPrefix::scan(&path) {
        Ok(found) => found.entries > 0,
        Err(_) => !matches!(files::own_facts_of(&path), Ok(None)),
    };
    if is_begun {
        return;
    }
    // Best effort: the error of the run is what the caller hears of. The folder of the run goes with its only execution.
    let _removed = files::remove_tree(&execution.folder);
    let above = execution.folder.parent();
    let _was_last = above.map(|folder| files::remove_folder(&folder));
}

/// Runs a new execution from its first record.
fn execute_new<F, C>(
    start: ExecutionConfig<'_>,
    guest: &PreparedComponent,
    execution: &Execution,
    canonical: String,
    feed: &mut F,
    clock: &mut C,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ExecutionOutcome, ExecuteError>
where
    F: SliceFeed + Send,
    C: RunClock + Send,
{
    let (data, manifest, setup) = (start.data, start.manifest, start.setup);
    // Held until the journal is closed. Two writers would interleave entries of two chains in one file. The kernel
    // releases the lock when the process is killed.
    let _lock = RunLock::acquire(execution)?;
    let context = start.context.as_ref();
    let (starter, heads) = context
        .map(|context| (context.start.clone(), context.heads.clone()))
        .unwrap_or_default();
    let opening = Opening {
        manifest: canonical,
        execution: execution.number,
        host: host_build(),
        start: starter,
        commitments: start.commitments,
    };
    let log = RunLog::begin(execution, &setup.instruments);
    let observer = &mut KeepLog::new(observer, log);
    let signer = SharedSigner::new(start.signer);
    // The order log begins before the journal. If the process stops between the two, no decision exists that
    // could have sent an order; the other way round, a journal without an order log could belong to a run whose
    // orders are at the venue.
    let gateway = match start.context {
        None => None,
        Some(context) => {
            check_entry_0(&opening, &execution.origin(), &signer, context.entry_0)?;
            Some(context.begin_orders(data, execution, &signer, setup)?)
        }
    };
    let file = JournalFile::create(&execution.journal())?;
    let cadence = setup.cadence;
    let sealer = Sealer::new(file, Box::new(signer), execution.origin(), cadence);
    let sealer = sealer
        .shown_in(heads.journal)
        .passing_on(observer.record_sink());
    let mut journal =
        AnyJournal::start(sealer, cadence, start.sealing).map_err(ExecuteError::Thread)?;
    drive::append_opening(&opening, &mut journal)?;
    let ClosedRun { close, positions } = match gateway {
        None => {
            let mut venue = SimulatedVenue::new(setup);
            run_guest(
                guest,
                manifest,
                setup,
                feed,
                clock,
                &mut journal,
                &mut venue,
                observer,
            )?
        }
        Some((mut gateway, guard)) => {
            // The guard is asked before the feed. Where a kill and the end of the feed come together, the kill is
            // recorded as the cause, and not the harmless end that the filter makes of a feed's last item.
            let mut feed = BrokerActionFilter::new(GuardedFeed::new(feed, guard), setup);
            run_guest(
                guest,
                manifest,
                setup,
                &mut feed,
                clock,
                &mut journal,
                &mut gateway,
                observer,
            )?
        }
    };
    // Only a journal that is synced to its last byte counts as closed; the caller records the run's end in the
    // ledger after this.
    journal.finish()?;
    Ok(ExecutionOutcome {
        execution: execution.clone(),
        close,
        positions,
    })
}

/// Starts the guest on a thread of its own and drives the run from the feed's first slice to the closing
/// record.
pub(crate) fn run_guest<F, C, J, V>(
    guest: &PreparedComponent,
    manifest: &Manifest,
    setup: &RunSetup,
    feed: &mut F,
    clock: &mut C,
    journal: &mut J,
    venue: &mut V,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ClosedRun, ExecuteError>
where
    F: SliceFeed + Send,
    C: RunClock + Send,
    J: RunJournal + Send,
    V: Venue + Send,
{
    let compiled = guest.compiled();
    let stack = compiled.engine().settings().thread_stack_bytes();
    guest_thread(stack, || {
        let mut run = Run::new(setup);
        match Guest::start(compiled, &manifest.limits, &guest.setup) {
            Ok(mut guest) => {
                let mut ports = RunPorts {
                    strategy: &mut guest,
                    venue,
                    journal,
                    clock,
                };
                Ok(drive::drive(feed, &mut run, &mut ports, observer)?)
            }
            Err(StartError::Fault { fault, .. }) => Ok(fail_init(&mut run, fault, venue, journal)?),
            Err(error) => Err(error.into()),
        }
    })
    .map_err(ExecuteError::Thread)?
}

fn fail_init<J: RunJournal, V: Venue>(
    run: &mut Run,
    fault: StrategyFault,
    venue: &mut V,
    journal: &mut J,
) -> Result<ClosedRun, DriveError> {
    let mut ports = RunPorts {
        strategy: &mut (),
        venue,
        journal,
        clock: &mut (),
    };
    let _faulted = run.fail_init(fault, &mut ports)?;
    drive::close(run, ports.journal)
}
