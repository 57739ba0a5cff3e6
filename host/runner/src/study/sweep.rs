//! Many runs of one manifest, each with other values in some of its fields. Every item is a run
//! like any other, named by its manifest, so a sweep that was interrupted finds what it has done.

mod axis;
mod item;
mod samples;
mod walk;

use core::sync::atomic::{AtomicUsize, Ordering};
use std::fs::File;
use std::sync::mpsc::channel;
use std::thread;

use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::record::{CloseRecord, RefusedInput};
use counterfoil_trading::run::Run;
use counterfoil_verify::{Options, PublicKey, verify_journal};
use sha2::{Digest as _, Sha256};

pub use axis::{Axis, AxisError};
pub use item::{Item, SweepError, grid, listed};
pub use samples::samples;
pub use walk::{Split, Windows, over, splits};

use crate::error::RunnerError;
use crate::run::backtest::backtest_sealing;
use crate::run::drive::Observer;
use crate::run::journal::Sealing;
use crate::store::data_dir::{DataDir, Execution};

/// What every item of a sweep shares.
pub struct Bench<'a> {
    /// Where components, snapshots and journals lie.
    pub data: &'a DataDir,
    /// Back end, optimisation and cache: none of them may change a result.
    pub engine: EngineSettings,
    /// Makes the signer of one run.
    pub signer: &'a (dyn Fn() -> Box<dyn Signer + Send> + Sync),
}

impl core::fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Bench")
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// What came of one item.
#[derive(Clone, Debug)]
pub struct Done {
    /// Its execution.
    pub execution: Execution,
    /// Its closing record.
    pub close: CloseRecord,
    /// Whether an earlier execution was found and verified, and nothing was run.
    pub is_reused: bool,
}

/// The name of a sweep: SHA-256 over the run ids of its items, in sequence.
///
/// # Errors
///
/// Returns [`RunnerError`] if a manifest cannot be written canonically.
pub fn sweep_id(items: &[Item]) -> Result<[u8; 32], RunnerError> {
    let mut hasher = Sha256::new();
    for item in items {
        hasher.update(item.manifest.run_id()?);
    }
    Ok(hasher.finalize().into())
}

/// Runs all items, `workers` at a time, and gives what came of each in the sequence of the items,
/// whatever the number of workers. `progress` hears how many are done.
///
/// # Errors
///
/// Returns [`RunnerError`] if there is no thread to be had. What is wrong with one item stands in
/// its place and stops no other.
pub fn sweep(
    bench: &Bench<'_>,
    items: &[Item],
    workers: usize,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Result<Done, RunnerError>>, RunnerError> {
    let next = AtomicUsize::new(0);
    let (send, receive) = channel();
    thread::scope(|scope| {
        for worker in 0..workers.clamp(1, items.len().max(1)) {
            let (next, send) = (&next, send.clone());
            thread::Builder::new()
                .name(format!("sweep-{worker}"))
                .spawn_scoped(scope, move || {
                    while let Some((place, item)) = take(next, items) {
                        if send.send((place, one(bench, item))).is_err() {
                            return;
                        }
                    }
                })
                .map_err(RunnerError::Thread)?;
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

fn take<'a>(next: &AtomicUsize, items: &'a [Item]) -> Option<(usize, &'a Item)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    items.get(place).map(|item| (place, item))
}

/// Finds or makes the run of one item.
fn one(bench: &Bench<'_>, item: &Item) -> Result<Done, RunnerError> {
    let run = hex::encode(item.manifest.run_id()?);
    let signer = (bench.signer)();
    for execution in bench.data.executions_of(&run)?.into_iter().rev() {
        if let Some(close) = sound(&execution, signer.as_ref()) {
            return Ok(Done {
                execution,
                close,
                is_reused: true,
            });
        }
    }
    let engine = bench.engine.clone();
    let sealing = Sealing::RunThread;
    let done = backtest_sealing(
        bench.data,
        &item.manifest,
        engine,
        signer,
        sealing,
        &mut Deaf,
    )?;
    Ok(Done {
        execution: done.execution,
        close: done.close,
        is_reused: false,
    })
}

/// The closing record of an execution whose journal verifies and is complete. What an interrupted
/// sweep left, or what was changed since, is passed over and run again.
fn sound(execution: &Execution, signer: &dyn Signer) -> Option<CloseRecord> {
    let key = PublicKey::new(signer.verifying_key()).ok()?;
    let file = File::open(execution.journal()).ok()?;
    let report = verify_journal(file, &key, Options::default()).ok()?;
    report.is_good().then_some(report.closed)?
}

/// Hears nothing.
struct Deaf;

impl Observer<Guest> for Deaf {
    fn stepped(&mut self, _strategy: &mut Guest, _run: &Run) {}
    fn refused(&mut self, _input: &RefusedInput) {}
}
