//! A run over a live feed, through the gateway into the paper venue: the same path, another feed,
//! venue and clock.

use std::io::BufRead;
use std::sync::Arc;

use counterfoil_governance::id::Id;
use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};

use crate::clock::{self, WallClock};
use crate::data_dir::DataDir;
use crate::drive::Observer;
use crate::error::RunnerError;
use crate::execute::{Conditions, Outcome, Start, execute};
use crate::feed::LineFeed;
use crate::journal::Sealing;
use crate::kill::KillSwitch;
use crate::lease::{Lease, LeaseError, RUNS_PER_ACCOUNT_MAX};
use crate::limits::{LimitsWatch, Need};

/// Runs a manifest over closed bars from `source`, as newline-delimited JSON.
///
/// # Errors
///
/// As [`execute`]; and if the manifest names no feed, signs less than every decision, was started
/// before, or if account, limits or kill switch keep it from starting.
pub fn live<R: BufRead + Send>(
    data: &DataDir,
    manifest: &Manifest,
    engine: EngineSettings,
    signer: Box<dyn Signer + Send>,
    source: R,
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Outcome, RunnerError> {
    let setup = manifest.setup()?;
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
    let account = Id::parse(&manifest.account.name).map_err(LeaseError::from)?;
    let lease = Lease::take(data, &account)?;
    live_under(
        &lease,
        (data, manifest, &setup),
        engine,
        signer,
        source,
        observer,
    )
}

fn live_under<R: BufRead + Send>(
    lease: &Arc<Lease>,
    (data, manifest, setup): (&DataDir, &Manifest, &RunSetup),
    engine: EngineSettings,
    signer: Box<dyn Signer + Send>,
    source: R,
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Outcome, RunnerError> {
    let conditions = conditions(lease, data, manifest)?;
    let start = Start {
        data,
        manifest,
        setup,
        engine,
        signer,
        commitments: None,
        once: true,
        sealing: Sealing::RunThread,
        conditions: Some(conditions),
    };
    let mut feed = LineFeed::new(source, &setup.instruments);
    execute(start, &mut feed, &mut WallClock::new(), observer)
}

/// The conditions under which a run of the manifest trades its account: a place under the lease, limits
/// that hold, and no stop.
///
/// # Errors
///
/// Returns [`RunnerError`] if one of them keeps it from starting.
pub(crate) fn conditions(
    lease: &Arc<Lease>,
    data: &DataDir,
    manifest: &Manifest,
) -> Result<Conditions, RunnerError> {
    let slot = lease.admit(RUNS_PER_ACCOUNT_MAX)?;
    let account = lease.account();
    if let Some(stop) = KillSwitch::new(data, account, None).check() {
        return Err(RunnerError::NotStarted(stop));
    }
    // Paper moves no money, so an account may do without limits of its own there.
    let when = (Need::IfThere, clock::now());
    let limits = LimitsWatch::start(data, account, manifest, when);
    Ok(Conditions {
        slot,
        limits: limits.map_err(RunnerError::NotStarted)?,
        // Until somebody signs a start, the manifest is what a run is started under.
        policy: manifest.run_id()?,
    })
}
