//! A run over a snapshot. It must never know a clock.

use counterfoil_journal::salt::LogSigner;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::run::NoClock;

use crate::run::drive::RunObserver;
use crate::run::execute::{ExecuteError, ExecutionConfig, ExecutionOutcome, execute};
use crate::run::inputs::{check_range, inputs_of, selection_of};
use crate::run::journal::Sealing;
use crate::store::data_dir::DataDir;

/// Runs a manifest over its snapshot.
///
/// # Errors
///
/// As [`execute`], and if the snapshot contradicts the manifest.
pub fn backtest(
    data: &DataDir,
    manifest: &Manifest,
    engine: EngineSettings,
    signer: Box<dyn LogSigner + Send>,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ExecutionOutcome, ExecuteError> {
    backtest_sealing(data, manifest, engine, signer, Sealing::OwnThread, observer)
}

/// As [`backtest`], with a choice of where records are sealed.
///
/// # Errors
///
/// As [`backtest`].
pub fn backtest_sealing(
    data: &DataDir,
    manifest: &Manifest,
    engine: EngineSettings,
    signer: Box<dyn LogSigner + Send>,
    sealing: Sealing,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ExecutionOutcome, ExecuteError> {
    let setup = manifest.setup()?;
    let selection = selection_of(data, manifest, &setup)?;
    let mut inputs = inputs_of(&selection)?;
    check_range(manifest, &selection, &inputs)?;
    let start = ExecutionConfig {
        data,
        manifest,
        setup: &setup,
        engine,
        signer,
        commitments: Some(inputs.commitments),
        once: false,
        sealing,
        context: None,
    };
    execute(start, &mut inputs.feed, &mut NoClock, observer)
}
