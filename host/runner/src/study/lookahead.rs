//! The look-ahead audit: a run is replayed while every slice after the current one is garbage, and every decision must
//! equal the recorded one.
//!
//! The true slice crosses from another thread when its step begins. Until then no part of the host on this side of the
//! channel has it.

use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::strategy::Strategy;

pub use crate::run::replay::FutureView;
use crate::run::replay::probe::LookAheadProbe;
use crate::run::replay::{ReplayError, ReplayReport, replay_with_host};
use crate::store::data_dir::{DataDir, Execution};

/// Replays a run over garbage and compares. `progress` receives the number of decisions.
///
/// # Errors
///
/// As [`crate::run::replay::replay`].
pub fn audit(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<ReplayReport, ReplayError> {
    let probe = LookAheadProbe::default();
    let view = FutureView::Garbage(&probe);
    audit_host(data, execution, engine, view, |guest| guest, progress)
}

/// As [`audit`], for a host with a part of its own between the run and the guest. That part may hold the probe of `view`,
/// which is all that this host has of the future.
///
/// # Errors
///
/// As [`crate::run::replay::replay`].
pub fn audit_host<S: Strategy>(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    view: FutureView<'_>,
    host: impl FnOnce(Guest) -> S + Send,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<ReplayReport, ReplayError> {
    replay_with_host(data, execution, engine, view, host, progress)
}
