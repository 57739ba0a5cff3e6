//! One execution of a manifest, from its checks to its closing record. Backtest and live differ
//! in the feed, the clock and what the open record promises; nothing else.

use std::sync::Arc;

use counterfoil_connect::broker::bridge::Bridge;
use counterfoil_governance::id::Id;
use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::{Guest, StartError};
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_trading::manifest::{Manifest, ManifestError, RunSetup};
use counterfoil_trading::record::{Close, Commitment, Open, Stop};
use counterfoil_trading::run::{Clock, Ports, Run};
use counterfoil_trading::strategy::StrategyFault;
use counterfoil_trading::units::Money;
use counterfoil_trading::venue::Venue;
use counterfoil_trading::venue::simulated::SimulatedVenue;
use sha2::{Digest as _, Sha256};

use crate::orders::gateway::any::AnyVenue;
use crate::orders::gateway::broker::{BrokerVenue, Recorded};
use crate::orders::gateway::guard::{Guard, Guarded};
use crate::orders::gateway::paper::PaperVenue;
use crate::orders::gateway::{BookTerms, DecidedBefore, Gateway, GatewayError, Terms};
use crate::orders::kill::{KillSwitch, Told};
use crate::orders::lease::{Lease, LeaseError, RunSlot};
use crate::orders::limits::LimitsWatch;
use crate::orders::venues::VenuesError;
use crate::run::component::{ComponentError, PreparedComponent};
use crate::run::drive::{self, DriveError, RunObserver};
use crate::run::feed::{BrokerActionFilter, SliceFeed};
use crate::run::inputs::InputsError;
use crate::run::journal::{
    AnyJournal, JournalError, JournalFile, ReadJournalError, RunJournal, Sealer, Sealing,
};
use crate::run::mismatch::ManifestMismatch;
use crate::run::permission::RunPermission;
use crate::store::data_dir::{DataDir, DataDirError, Execution};
use crate::store::files::FileError;
use crate::store::keys::SharedSigner;
use crate::store::lock::{LockError, RunLock};

/// The build of this host, as journals name it.
pub const HOST: &str = concat!("counterfoil ", env!("CARGO_PKG_VERSION"));

/// What an execution is made of.
pub struct ExecutionConfig<'a> {
    /// Where components and journals lie.
    pub data: &'a DataDir,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Its values.
    pub setup: &'a RunSetup,
    /// Back end, optimisation and cache: none of them may change a result.
    pub engine: EngineSettings,
    /// Signs checkpoints.
    pub signer: Box<dyn Signer + Send>,
    /// What the open record promises of the bars; `None` for a feed.
    pub commitments: Option<Vec<Commitment>>,
    /// Whether a second execution is refused, as for a feed.
    pub once: bool,
    /// On which thread records are sealed.
    pub sealing: Sealing,
    /// What a run needs to trade an account through the gateway; `None` for a simulation.
    pub context: Option<LiveContext>,
}

/// What a run needs to trade an account: its place under the lease, limits, permission and broker.
#[derive(Debug)]
pub struct LiveContext {
    /// Its place among the account's runs.
    pub slot: RunSlot,
    /// The limits of run and account.
    pub limits: LimitsWatch,
    /// The digest of the policy that the run was started under.
    pub policy: [u8; 32],
    /// How this process stops the run.
    pub told: Told,
    /// The permission of a run that people authorized; `None` for a run that needs none.
    pub permit: Option<Box<dyn RunPermission>>,
    /// The broker that takes its orders; `None` for the paper venue.
    pub broker: Option<Bridge>,
}

/// The time between two looks at a venue's books: short against a trading day, long against the
/// limits of a broker for requests.
pub const RECONCILE_NANOS: i64 = 60_000_000_000;

impl LiveContext {
    /// The venue that the run's manifest asks for.
    ///
    /// # Errors
    ///
    /// Returns [`ManifestMismatch`] if it asks for a broker that is not there, or the other way
    /// round.
    pub(crate) fn venue(
        &mut self,
        data: &DataDir,
        setup: &RunSetup,
        recorded: Recorded,
    ) -> Result<AnyVenue, ExecuteError> {
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

    /// The conditions of an execution, watched over, and the terms of its gateway. What does not hold
    /// from here on ends the run with a record.
    pub(crate) fn watch(
        self,
        data: &DataDir,
        execution: &Execution,
        signer: &SharedSigner,
        setup: &RunSetup,
    ) -> (Arc<Guard>, Terms) {
        let account = self.slot.lease().account();
        let kill = KillSwitch::with(data, account, Some(execution), self.told);
        let guard = Arc::new(Guard::new(kill, self.limits, self.slot, self.permit));
        let terms = Terms {
            signer: signer.clone(),
            guard: Arc::clone(&guard),
            policy: self.policy,
            books: BookTerms {
                instruments: setup.instruments.clone(),
                cash: setup.cash,
                cash_tolerance: setup.broker.map_or(Money::ZERO, |one| one.cash_tolerance),
                interval_nanos: RECONCILE_NANOS,
            },
        };
        (guard, terms)
    }
}

/// The one place at a broker's account, whatever the run's own account is called: two runs there would
/// each take the other for somebody else.
fn broker_place(data: &DataDir, key: &str) -> Result<RunSlot, LeaseError> {
    let digest = hex::encode(Sha256::digest(key));
    let name = format!("broker-{}", digest.get(..16).unwrap_or_default());
    Lease::of_process(data, &Id::parse(&name)?)?.admit(1)
}

impl core::fmt::Debug for ExecutionConfig<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ExecutionConfig")
            .field("once", &self.once)
            .finish_non_exhaustive()
    }
}

/// What an execution came to.
#[derive(Clone, Debug)]
pub struct ExecutionOutcome {
    /// Which.
    pub execution: Execution,
    /// Its closing record.
    pub close: Close,
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
    /// A kill switch, a limit or the permission keeps the run from starting.
    #[error("{}: the run does not start: {}", .0.cause.name(), .0.message)]
    NotStarted(Stop),
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
/// Returns [`ExecuteError`] if anything it names is missing or does not agree (then nothing was
/// written), or if the host could not go on (then the journal has no closing record).
pub fn execute<F, C>(
    start: ExecutionConfig<'_>,
    feed: &mut F,
    clock: &mut C,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ExecutionOutcome, ExecuteError>
where
    F: SliceFeed + Send,
    C: Clock + Send,
{
    let (data, manifest, setup) = (start.data, start.manifest, start.setup);
    let guest = PreparedComponent::new(data, manifest, setup, start.engine.clone())?;
    execute_prepared(start, &guest, feed, clock, observer)
}

/// As [`execute`], with a component that was made ready before.
///
/// # Errors
///
/// As [`execute`], and if the component was made ready for another run.
pub fn execute_prepared<F, C>(
    start: ExecutionConfig<'_>,
    guest: &PreparedComponent,
    feed: &mut F,
    clock: &mut C,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ExecutionOutcome, ExecuteError>
where
    F: SliceFeed + Send,
    C: Clock + Send,
{
    let (data, manifest, setup) = (start.data, start.manifest, start.setup);
    let run_id = manifest.run_id()?;
    guest.check_run(&hex::encode(run_id))?;
    let canonical = manifest.canonical()?;
    let execution = data.new_execution(&run_id, &canonical, start.once)?;
    // Held until the journal is closed; a process that is killed gives it back.
    let _lock = RunLock::take(&execution)?;
    let open = Open {
        manifest: canonical,
        execution: execution.number,
        host: HOST.to_owned(),
        commitments: start.commitments,
    };
    let signer = SharedSigner::new(start.signer);
    // The order log begins before the journal: a journal without one was never traded by.
    let gateway = match start.context {
        None => None,
        Some(mut context) => {
            let venue = context.venue(data, setup, Recorded::default())?;
            let (guard, terms) = context.watch(data, &execution, &signer, setup);
            let mut gateway = Gateway::open(venue, &execution, terms, DecidedBefore::new())?;
            gateway.begin()?;
            Some((gateway, guard))
        }
    };
    let file = JournalFile::create(&execution.journal())?;
    let cadence = setup.cadence;
    let sealer = Sealer::new(file, Box::new(signer), execution.origin(), cadence);
    let mut journal =
        AnyJournal::start(sealer, cadence, start.sealing).map_err(ExecuteError::Thread)?;
    let mut body = Vec::new();
    open.encode(&mut body);
    drive::append_outside(&body, &mut journal)?;
    let close = match gateway {
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
            let mut feed = BrokerActionFilter::new(Guarded::new(feed, guard), setup);
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
    journal.finish()?;
    Ok(ExecutionOutcome { execution, close })
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
) -> Result<Close, ExecuteError>
where
    F: SliceFeed + Send,
    C: Clock + Send,
    J: RunJournal + Send,
    V: Venue + Send,
{
    let compiled = guest.compiled();
    let stack = compiled.engine().settings().thread_stack_bytes();
    guest_thread(stack, || {
        let mut run = Run::new(setup);
        match Guest::start(compiled, &manifest.limits, &guest.setup) {
            Ok(mut guest) => {
                let mut ports = Ports {
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
) -> Result<Close, DriveError> {
    let mut ports = Ports {
        strategy: &mut (),
        venue,
        journal,
        clock: &mut (),
    };
    let _faulted = run.fail_init(fault, &mut ports)?;
    drive::close(run, ports.journal)
}
