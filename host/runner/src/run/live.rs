//! A run over a live feed, through the gateway into the paper venue or to a broker: the same path,
//! another feed, venue and clock.

use counterfoil_connect::broker::bridge::BrokerBridge;
use counterfoil_governance::id::Id;
use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};

use crate::clock::{self, WallClock};
use crate::error::RunnerError;
use crate::orders::kill::{InProcessStop, KillSwitch};
use crate::orders::lease::{Lease, LeaseError, RUNS_PER_ACCOUNT_MAX};
use crate::orders::limits::{LimitsRequirement, LimitsWatch};
use crate::run::drive::Observer;
use crate::run::execute::{Conditions, Outcome, Prepared, Start, execute_prepared};
use crate::run::feed::{Bars, Decided};
use crate::run::journal::Sealing;
use crate::store::data_dir::DataDir;

/// Runs a manifest over closed bars from `source`.
///
/// # Errors
///
/// As [`execute`]; and if the manifest names no feed, signs less than every decision, was started
/// before, or if account, limits or kill switch keep it from starting.
pub fn live<B: Bars>(
    data: &DataDir,
    manifest: &Manifest,
    engine: EngineSettings,
    signer: Box<dyn Signer + Send>,
    (source, broker): (B, Option<BrokerBridge>),
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Outcome, RunnerError> {
    let setup = manifest.setup()?;
    check(manifest, &setup)?;
    let component = Prepared::new(data, manifest, &setup, engine)?;
    let mut conditions = conditions(data, manifest, RUNS_PER_ACCOUNT_MAX)?;
    conditions.broker = broker;
    not_killed(data, manifest)?;
    let place = (data, conditions);
    live_under(place, manifest, &component, signer, source, observer)
}

/// As [`live`], with a component that was made ready and under conditions that were found before.
pub(crate) fn live_under<B: Bars>(
    (data, conditions): (&DataDir, Conditions),
    manifest: &Manifest,
    component: &Prepared,
    signer: Box<dyn Signer + Send>,
    source: B,
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Outcome, RunnerError> {
    let setup = manifest.setup()?;
    check(manifest, &setup)?;
    let start = Start {
        data,
        manifest,
        setup: &setup,
        engine: component.engine().clone(),
        signer,
        commitments: None,
        once: true,
        sealing: Sealing::RunThread,
        conditions: Some(conditions),
    };
    let mut feed = source.open(manifest, &setup, Decided::default())?;
    execute_prepared(start, component, &mut feed, &mut WallClock::new(), observer)
}

/// Whether a manifest can be run live: over a feed, every decision signed.
///
/// # Errors
///
/// Returns [`RunnerError`] naming what is otherwise.
pub fn check(manifest: &Manifest, setup: &RunSetup) -> Result<(), RunnerError> {
    if !matches!(manifest.data, DataSource::Feed { .. }) {
        return Err(RunnerError::Disagrees {
            what: "the data source",
            place: "a live run",
            found: "a feed".to_owned(),
            stated: "a snapshot".to_owned(),
            way_on: "start it with `counterfoil backtest`",
        });
    }
    if setup.cadence != 1 {
        return Err(RunnerError::Disagrees {
            what: "the cadence",
            place: "a live run",
            found: "1".to_owned(),
            stated: setup.cadence.to_string(),
            way_on: "set cadence to 1: a decision is signed before its order leaves",
        });
    }
    if setup.broker.is_some_and(|broker| broker.is_live) {
        return Err(RunnerError::Disagrees {
            what: "the broker's environment",
            place: "a start that nobody authorized for money",
            found: "paper".to_owned(),
            stated: "live".to_owned(),
            way_on: "set data.feed.broker.environment to paper",
        });
    }
    Ok(())
}

/// Refuses a start while a kill switch of its account or of the installation is thrown.
pub(crate) fn not_killed(data: &DataDir, manifest: &Manifest) -> Result<(), RunnerError> {
    let account = Id::parse(&manifest.account.name).map_err(LeaseError::from)?;
    let stop = KillSwitch::new(data, &account, None).check();
    stop.map_or(Ok(()), Err).map_err(RunnerError::NotStarted)
}

/// The conditions under which a run of the manifest trades its account: a place among `most` under the
/// lease, and limits that hold. Whether a kill switch is thrown is not asked here.
///
/// # Errors
///
/// Returns [`RunnerError`] if one of them keeps it from starting.
pub(crate) fn conditions(
    data: &DataDir,
    manifest: &Manifest,
    most: usize,
) -> Result<Conditions, RunnerError> {
    let account = &Id::parse(&manifest.account.name).map_err(LeaseError::from)?;
    let lease = Lease::acquire_shared(data, account)?;
    let slot = lease.admit_run(most)?;
    // Paper moves no money, so an account may do without limits of its own there.
    let limits = LimitsWatch::start(
        data,
        account,
        manifest,
        LimitsRequirement::IfThere,
        clock::now(),
    );
    Ok(Conditions {
        slot,
        limits: limits.map_err(RunnerError::NotStarted)?,
        // Where nobody authorized a start, the manifest is all that a run is started under.
        policy: manifest.run_id()?,
        told: InProcessStop::default(),
        permit: None,
        broker: None,
    })
}
