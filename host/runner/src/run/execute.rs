//! One execution of a manifest, from its checks to its closing record. Backtest and live differ
//! in the feed, the clock and what the open record promises; nothing else.

use std::sync::Arc;

use counterfoil_connect::broker::bridge::Bridge;
use counterfoil_governance::id::Id;
use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::{Guest, StartError};
use counterfoil_sandbox::setup::Setup;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_trading::manifest::{Manifest, RunSetup};
use counterfoil_trading::record::{CloseRecord, DataCommitment, OpenRecord};
use counterfoil_trading::run::{Run, RunClock, RunPorts};
use counterfoil_trading::strategy::StrategyFault;
use counterfoil_trading::units::Money;
use counterfoil_trading::venue::Venue;
use counterfoil_trading::venue::simulated::SimulatedVenue;
use sha2::{Digest as _, Sha256};

use crate::error::RunnerError;
use crate::orders::gateway::any::AnyVenue;
use crate::orders::gateway::broker::{BrokerVenue, Recorded};
use crate::orders::gateway::guard::{Guard, Guarded};
use crate::orders::gateway::paper::PaperVenue;
use crate::orders::gateway::{BookTerms, DecidedBefore, Gateway, Terms};
use crate::orders::kill::{KillSwitch, Told};
use crate::orders::lease::{Lease, LeaseError, RunSlot};
use crate::orders::limits::LimitsWatch;
use crate::permit::PermitWatch;
use crate::run::component::{self, Shared};
use crate::run::drive::{self, Observer};
use crate::run::feed::{Feed, OfBroker};
use crate::run::journal::{AnyJournal, JournalFile, RunJournal, Sealer, Sealing};
use crate::store::data_dir::{DataDir, Execution};
use crate::store::keys::SharedSigner;
use crate::store::lock::RunLock;

/// The build of this host, as journals name it.
pub const HOST: &str = concat!("counterfoil ", env!("CARGO_PKG_VERSION"));

/// What an execution is made of.
pub struct Start<'a> {
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
    pub commitments: Option<Vec<DataCommitment>>,
    /// Whether a second execution is refused, as for a feed.
    pub once: bool,
    /// On which thread records are sealed.
    pub sealing: Sealing,
    /// Under which conditions it trades an account, through the gateway; `None` for a simulation.
    pub conditions: Option<Conditions>,
}

/// Under which conditions a run trades an account.
#[derive(Debug)]
pub struct Conditions {
    /// Its place among the account's runs.
    pub slot: RunSlot,
    /// The limits of run and account.
    pub limits: LimitsWatch,
    /// The digest of the policy that the run was started under.
    pub policy: [u8; 32],
    /// How this process stops the run.
    pub told: Told,
    /// The permission of a run that people authorized.
    pub permit: Option<PermitWatch>,
    /// The broker that takes its orders; `None` for the paper venue.
    pub broker: Option<Bridge>,
}

/// The time between two looks at a venue's books: short against a trading day, long against the
/// limits of a broker for requests.
pub const RECONCILE_NANOS: i64 = 60_000_000_000;

impl Conditions {
    /// The venue that the run's manifest asks for.
    ///
    /// # Errors
    ///
    /// Returns [`RunnerError::Disagrees`] if it asks for a broker that is not there, or the other way
    /// round.
    pub(crate) fn venue(
        &mut self,
        data: &DataDir,
        setup: &RunSetup,
        recorded: Recorded,
    ) -> Result<AnyVenue, RunnerError> {
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
        Err(RunnerError::Disagrees {
            what: "the venue",
            place: "this start",
            found: found.to_owned(),
            stated: stated.to_owned(),
            way_on: "name the broker in the manifest and with --broker, or in neither",
        })
    }

    /// The conditions of an execution, watched over, and the terms of its gateway. What does not hold
    /// from here on ends the run with a record.
    pub(crate) fn watch(
        self,
        data: &DataDir,
        execution: &Execution,
        (signer, setup): (&SharedSigner, &RunSetup),
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

impl core::fmt::Debug for Start<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Start")
            .field("once", &self.once)
            .finish_non_exhaustive()
    }
}

/// What an execution came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which.
    pub execution: Execution,
    /// Its closing record.
    pub close: CloseRecord,
}

/// Runs a manifest over a feed.
///
/// # Errors
///
/// Returns [`RunnerError`] if anything it names is missing or does not agree (then nothing was
/// written), or if the host could not go on (then the journal has no closing record).
pub fn execute<F, C>(
    start: Start<'_>,
    feed: &mut F,
    clock: &mut C,
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Outcome, RunnerError>
where
    F: Feed + Send,
    C: RunClock + Send,
{
    let (data, manifest, setup) = (start.data, start.manifest, start.setup);
    let guest = Prepared::new(data, manifest, setup, start.engine.clone())?;
    execute_prepared(start, &guest, feed, clock, observer)
}

/// As [`execute`], with a component that was made ready before.
///
/// # Errors
///
/// As [`execute`], and if the component was made ready for another run.
pub fn execute_prepared<F, C>(
    start: Start<'_>,
    guest: &Prepared,
    feed: &mut F,
    clock: &mut C,
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Outcome, RunnerError>
where
    F: Feed + Send,
    C: RunClock + Send,
{
    let (data, manifest, setup) = (start.data, start.manifest, start.setup);
    let run_id = manifest.run_id()?;
    guest.check_run(&hex::encode(run_id))?;
    let canonical = manifest.canonical()?;
    let execution = data.new_execution(&run_id, &canonical, start.once)?;
    // Held until the journal is closed; a process that is killed gives it back.
    let _lock = RunLock::take(&execution)?;
    let open = OpenRecord {
        manifest: canonical,
        execution: execution.number,
        host: HOST.to_owned(),
        commitments: start.commitments,
    };
    let signer = SharedSigner::new(start.signer);
    // The order log begins before the journal: a journal without one was never traded by.
    let gateway = match start.conditions {
        None => None,
        Some(mut conditions) => {
            let venue = conditions.venue(data, setup, Recorded::default())?;
            let (guard, terms) = conditions.watch(data, &execution, (&signer, setup));
            let mut gateway = Gateway::open(venue, &execution, terms, DecidedBefore::new())?;
            gateway.begin()?;
            Some((gateway, guard))
        }
    };
    let file = JournalFile::create(&execution.journal())?;
    let cadence = setup.cadence;
    let sealer = Sealer::new(file, Box::new(signer), execution.origin(), cadence);
    let mut journal =
        AnyJournal::start(sealer, cadence, start.sealing).map_err(RunnerError::Thread)?;
    let mut body = Vec::new();
    open.encode(&mut body);
    drive::append_outside(&body, &mut journal)?;
    let terms = (manifest, setup);
    let close = match gateway {
        None => {
            let mut venue = SimulatedVenue::new(setup);
            let ends = (&mut journal, &mut venue);
            decide(guest, terms, feed, clock, ends, observer)?
        }
        Some((mut gateway, guard)) => {
            let mut feed = OfBroker::new(Guarded::new(feed, guard), setup);
            let ends = (&mut journal, &mut gateway);
            decide(guest, terms, &mut feed, clock, ends, observer)?
        }
    };
    journal.finish()?;
    Ok(Outcome { execution, close })
}

/// A component that is ready for a manifest, and what its `init` is told.
#[derive(Debug)]
pub struct Prepared {
    run: [u8; 32],
    shared: Shared,
    setup: Setup,
}

impl Prepared {
    /// Makes the component of a manifest ready.
    ///
    /// # Errors
    ///
    /// Returns [`RunnerError`] if it is missing, was changed, or does not agree with the manifest.
    pub fn new(
        data: &DataDir,
        manifest: &Manifest,
        setup: &RunSetup,
        engine: EngineSettings,
    ) -> Result<Self, RunnerError> {
        let shared = Shared::new(data, manifest, setup, engine)?;
        Self::share(&shared, manifest, setup)
    }

    /// Makes a component that other runs may use at the same time ready for this manifest.
    ///
    /// # Errors
    ///
    /// Returns [`RunnerError`] if it does not agree with the manifest.
    pub fn share(
        shared: &Shared,
        manifest: &Manifest,
        setup: &RunSetup,
    ) -> Result<Self, RunnerError> {
        Ok(Self {
            run: manifest.run_id()?,
            setup: component::setup_for(&shared.ready, manifest, setup)?,
            shared: shared.clone(),
        })
    }

    /// Refuses to be used for another run.
    pub(crate) fn check_run(&self, run: &str) -> Result<(), RunnerError> {
        let ready_for = hex::encode(self.run);
        if ready_for == run {
            return Ok(());
        }
        Err(RunnerError::Disagrees {
            what: "the run",
            place: "the component made ready",
            found: ready_for,
            stated: run.to_owned(),
            way_on: "make the component ready for this run",
        })
    }

    /// The settings of its engine.
    #[must_use]
    pub fn engine(&self) -> &EngineSettings {
        self.shared.ready.compiled.engine().settings()
    }

    /// The run that it was made ready for.
    #[must_use]
    pub const fn run(&self) -> &[u8; 32] {
        &self.run
    }
}

/// Takes a feed down the path from its first slice to the closing record.
pub(crate) fn decide<F, C, J, V>(
    guest: &Prepared,
    (manifest, setup): (&Manifest, &RunSetup),
    feed: &mut F,
    clock: &mut C,
    (journal, venue): (&mut J, &mut V),
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<CloseRecord, RunnerError>
where
    F: Feed + Send,
    C: RunClock + Send,
    J: RunJournal + Send,
    V: Venue + Send,
{
    let compiled = &guest.shared.ready.compiled;
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
                drive::drive(feed, &mut run, &mut ports, observer)
            }
            Err(StartError::Fault { fault, .. }) => fail_init(&mut run, fault, venue, journal),
            Err(error) => Err(error.into()),
        }
    })
    .map_err(RunnerError::Thread)?
}

fn fail_init<J: RunJournal, V: Venue>(
    run: &mut Run,
    fault: StrategyFault,
    venue: &mut V,
    journal: &mut J,
) -> Result<CloseRecord, RunnerError> {
    let mut ports = RunPorts {
        strategy: &mut (),
        venue,
        journal,
        clock: &mut (),
    };
    let _faulted = run.fail_init(fault, &mut ports)?;
    drive::close(run, ports.journal)
}
