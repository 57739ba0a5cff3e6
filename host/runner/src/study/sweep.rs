//! Many runs of one manifest, each with other values in some of its fields. Every item is a run like any other, named by
//! its manifest, so an interrupted sweep finds the runs that it has finished. It must never reuse a run unverified.

mod axis;
mod item;
mod samples;
mod walk;

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::LogSigner;
use counterfoil_journal::signer::Signer;
use counterfoil_os::files::open_plain;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::manifest::ManifestError;
use counterfoil_trading::record::{CloseRecord, RefusedInput};
use counterfoil_trading::run::Run;
use counterfoil_verify::{VerifyOptions, verify_journal};
use sha2::{Digest as _, Sha256};

pub use axis::{SweepAxis, SweepAxisError};
pub use item::{SweepError, SweepItem, items_from_grid, items_from_rows};
pub use samples::{DrawnSamples, SamplesError, sample_items};
pub use walk::{WalkSplit, WalkWindows, walk_splits, with_window};

use crate::run::backtest::backtest_sealing;
use crate::run::drive::RunObserver;
use crate::run::execute::ExecuteError;
use crate::run::journal::Sealing;
use crate::store::data_dir::{DataDir, Execution};

/// Everything that the items of a sweep share.
pub struct SweepConfig<'a> {
    pub data: &'a DataDir,
    /// Back end, optimization and cache, none of which may change a result.
    pub engine: EngineSettings,
    /// Creates the signer of one run.
    pub signer: &'a (dyn Fn() -> Box<dyn LogSigner + Send> + Sync),
}

impl core::fmt::Debug for SweepConfig<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SweepConfig")
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// The run of one item.
#[derive(Clone, Debug)]
pub struct SweepItemRun {
    pub execution: Execution,
    pub close: CloseRecord,
    /// Whether an earlier execution was found and verified instead of a new one run.
    pub is_reused: bool,
}

/// The name of a sweep: SHA-256 over the run ids of its items, in order.
///
/// # Errors
///
/// Returns [`ManifestError`] if a manifest cannot be written canonically.
pub fn sweep_id(items: &[SweepItem]) -> Result<Digest, ManifestError> {
    let mut hasher = Sha256::new();
    for item in items {
        hasher.update(item.manifest.run_id()?.bytes());
    }
    Ok(Digest::finish(hasher))
}

/// Runs all items, `workers` at a time. The outcomes are in the order of the items, whatever the number of workers.
/// `progress` receives how many are done.
///
/// # Errors
///
/// Returns [`ExecuteError`] if a thread could not be started. The error of an item is in its place and stops no other
/// item.
pub fn sweep(
    config: &SweepConfig<'_>,
    items: &[SweepItem],
    workers: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Result<SweepItemRun, ExecuteError>>, ExecuteError> {
    let next = AtomicUsize::new(0);
    let (send, receive) = channel();
    thread::scope(|scope| {
        for worker in 0..workers.clamp(1, items.len().max(1)) {
            let (next, send) = (&next, send.clone());
            thread::Builder::new()
                .name(format!("sweep-{worker}"))
                .spawn_scoped(scope, move || {
                    while let Some((place, item)) = next_item(next, items) {
                        // The receiver is gone when the caller gave up; further items would run for nothing.
                        if send.send((place, run_item(config, item))).is_err() {
                            return;
                        }
                    }
                })
                .map_err(ExecuteError::Thread)?;
        }
        drop(send);
        let mut all: Vec<_> = receive
            .into_iter()
            .enumerate()
            .inspect(|(count, _)| progress(count.saturating_add(1)))
            .map(|(_, done)| done)
            .collect();
        all.sort_by_key(|(place, _)| *place);
        Ok(all.into_iter().map(|(_, done)| done).collect())
    })
}

fn next_item<'a>(next: &AtomicUsize, items: &'a [SweepItem]) -> Option<(usize, &'a SweepItem)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    items.get(place).map(|item| (place, item))
}

/// Finds or executes the run of one item.
fn run_item(config: &SweepConfig<'_>, item: &SweepItem) -> Result<SweepItemRun, ExecuteError> {
    let run = item.manifest.run_id()?;
    let signer = (config.signer)();
    for execution in config.data.executions_of(&run)?.into_iter().rev() {
        if let Some(close) = verified_close(&execution, signer.as_ref()) {
            return Ok(SweepItemRun {
                execution,
                close,
                is_reused: true,
            });
        }
    }
    let outcome = backtest_sealing(
        config.data,
        &item.manifest,
        config.engine.clone(),
        signer,
        Sealing::RunThread,
        &mut SilentObserver,
    )?;
    Ok(SweepItemRun {
        execution: outcome.execution,
        close: outcome.close,
        is_reused: false,
    })
}

/// The closing record of an execution whose journal verifies and is closed. An execution that was interrupted, or changed
/// since, is ignored, and the item runs again.
fn verified_close(execution: &Execution, signer: &dyn Signer) -> Option<CloseRecord> {
    let key = PublicKey(signer.verifying_key());
    let file = open_plain(&execution.journal()).ok()?;
    // A reused result goes into the sweep's table as if it was computed now, so it needs the same proof as one from a
    // stranger: a journal that was edited to look profitable would otherwise win the sweep.
    let report = verify_journal(file, &key, VerifyOptions::default()).ok()?;
    report.is_good().then_some(report.closed)?
}

/// Ignores all progress.
struct SilentObserver;

impl RunObserver<Guest> for SilentObserver {
    fn stepped(&mut self, _strategy: &mut Guest, _run: &Run) {}
    fn refused(&mut self, _input: &RefusedInput) {}

    // Thousands of runs that log would fill the disk; each can be run alone.
    fn keeps_log(&self) -> bool {
        false
    }
}
