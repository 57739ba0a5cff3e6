//! The audit of look-ahead: a run is decided again while everything beyond the bar at hand is
//! garbage, and every decision must come out as it was recorded.
//!
//! The true slice comes over from another thread when its step begins, and not before: until then
//! no part of the host on this side of the channel has it.

use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::strategy::Strategy;

pub use crate::run::replay::FutureView;
use crate::run::replay::probe::LookAheadProbe;
use crate::run::replay::{ReplayError, ReplayReport, replay_with_host};
use crate::store::data_dir::{DataDir, Execution};

/// Decides a run again over garbage and compares. `progress` hears the number of decisions.
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
    let tape = LookAheadProbe::default();
    let host = |guest| guest;
    let sight = FutureView::Garbage(&tape);
    audit_host(data, execution, engine, sight, host, progress)
}

/// As [`audit`], for a host with a part of its own between the run and the guest. That part may
/// hold the tape of `sight`, which is all that this host has of the future.
///
/// # Errors
///
/// As [`crate::run::replay::replay`].
pub fn audit_host<S: Strategy>(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    sight: FutureView<'_>,
    host: impl FnOnce(Guest) -> S + Send,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<ReplayReport, ReplayError> {
    replay_with_host(data, execution, engine, sight, host, progress)
}
