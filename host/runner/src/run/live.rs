//! A run over a live feed, through the gateway to the paper venue or a broker: the same path as a backtest with
//! another feed, venue and clock.

use counterfoil_connect::broker::bridge::BrokerBridge;
use counterfoil_governance::id::Id;
use counterfoil_journal::salt::LogSigner;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::manifest::{Manifest, RunSetup};
use counterfoil_trading::record::RunStarter;

use crate::clock::{self, RecordClock, WallClock};
use crate::orders::kill::{InProcessStop, KillSwitch};
use crate::orders::lease::{Lease, LeaseError, RUNS_PER_ACCOUNT_MAX};
use crate::orders::limits::{LimitsRequirement, LimitsWatch};
use crate::run::component::PreparedComponent;
use crate::run::drive::RunObserver;
use crate::run::execute::{
    ExecuteError, ExecutionConfig, ExecutionOutcome, LiveContext, execute_prepared,
};
use crate::run::feed::{BarSource, DecidedBars};
use crate::run::journal::{RunHeads, Sealing};
use crate::run::mismatch::ManifestMismatch;
use crate::store::data_dir::DataDir;

/// Runs a manifest over closed bars from `source`.
///
/// # Errors
///
/// As [`crate::run::execute::execute`], and if the manifest names no feed, signs less than every decision, was started
/// before, or if account, limits or kill switch keep it from starting.
pub fn live<B: BarSource>(
    data: &DataDir,
    manifest: &Manifest,
    engine: EngineSettings,
    signer: Box<dyn LogSigner + Send>,
    source: B,
    broker: Option<BrokerBridge>,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ExecutionOutcome, ExecuteError> {
    let setup = manifest.setup()?;
    check_manifest(manifest, &setup)?;
    let component = PreparedComponent::new(data, manifest, &setup, engine)?;
    let mut context = live_context(data, manifest, RUNS_PER_ACCOUNT_MAX)?;
    context.broker = broker;
    check_kill_switches(data, manifest)?;
    live_in_context(
        data, context, manifest, &component, signer, source, observer,
    )
}

/// As [`live`], with a component that was prepared and a context that was made before.
///
/// # Errors
///
/// As [`live`].
pub fn live_in_context<B: BarSource>(
    data: &DataDir,
    context: LiveContext,
    manifest: &Manifest,
    component: &PreparedComponent,
    signer: Box<dyn LogSigner + Send>,
    source: B,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ExecutionOutcome, ExecuteError> {
    let setup = manifest.setup()?;
    check_manifest(manifest, &setup)?;
    let mut clock = WallClock::new(context.clock.clone());
    let start = ExecutionConfig {
        data,
        manifest,
        setup: &setup,
        engine: component.engine().clone(),
        signer,
        commitments: None,
        once: true,
        sealing: Sealing::RunThread,
        context: Some(context),
    };
    let mut feed = source.open(manifest, &setup, DecidedBars::default())?;
    execute_prepared(start, component, &mut feed, &mut clock, observer)
}

/// Checks that a manifest can be run live: over a feed, every decision signed, no money at stake.
///
/// # Errors
///
/// Returns [`ManifestMismatch`] for the first value that keeps it from being run live.
pub fn check_manifest(manifest: &Manifest, setup: &RunSetup) -> Result<(), ManifestMismatch> {
    if !manifest.is_live() {
        return Err(ManifestMismatch::no_feed(
            "start it with `counterfoil backtest`",
        ));
    }
    // With a larger cadence an order could leave before its decision is signed and durable; after a crash the
    // journal would not explain the order.
    if setup.cadence != 1 {
        return Err(ManifestMismatch {
            subject: "the cadence",
            place: "a live run",
            found: "1".to_owned(),
            stated: setup.cadence.to_string(),
            hint: "set cadence to 1: a decision is signed before its order leaves",
        });
    }
    // No record in the ledger authorizes live money yet, so no manifest may reach a live environment, whatever the
    // caller passes as broker.
    if setup.broker.is_some_and(|broker| broker.is_live) {
        return Err(ManifestMismatch {
            subject: "the broker's environment",
            place: "a start without an authorization for money",
            found: "paper".to_owned(),
            stated: "live".to_owned(),
            hint: "set data.feed.broker.environment to paper",
        });
    }
    Ok(())
}

/// Refuses a start while a kill switch of its account or of the installation is on.
///
/// # Errors
///
/// Returns [`ExecuteError::NotStarted`] with the switch's stop, or the account's error if its name is not a
/// valid id.
pub fn check_kill_switches(data: &DataDir, manifest: &Manifest) -> Result<(), ExecuteError> {
    let account = Id::parse(&manifest.account.name).map_err(LeaseError::from)?;
    let stop = KillSwitch::new(data, &account, None).active_stop();
    stop.map_or(Ok(()), Err).map_err(ExecuteError::NotStarted)
}

/// The context in which a run of the manifest trades its account: one of `most` slots under the account's lease,
/// and limits that hold. It does not look at kill switches.
///
/// # Errors
///
/// Returns [`ExecuteError`] if the lease, the slots or the limits keep the run from starting.
pub fn live_context(
    data: &DataDir,
    manifest: &Manifest,
    most: usize,
) -> Result<LiveContext, ExecuteError> {
    let account = &Id::parse(&manifest.account.name).map_err(LeaseError::from)?;
    let lease = Lease::acquire_shared(data, account)?;
    let slot = lease.admit_run(most)?;
    // Paper moves no money, so an account without limits may trade there.
    let need = LimitsRequirement::IfThere;
    let limits = LimitsWatch::start(data, account, manifest, need, clock::now());
    Ok(LiveContext {
        slot,
        limits: limits.map_err(ExecuteError::NotStarted)?,
        // Without an authorization the manifest itself is the policy that the order log names.
        policy: manifest.run_id()?,
        in_process_stop: InProcessStop::default(),
        permit: None,
        broker: None,
        start: RunStarter::default(),
        clock: RecordClock::default(),
        entry_0: None,
        heads: RunHeads::default(),
    })
}
