//! A run that has its place and can start: its record, its file and its thread come in this order. It must never start a
//! run whose record was refused.

use core::fmt;
use std::sync::Arc;

use counterfoil_journal::hash::Hash;
use counterfoil_runner::run::execute::ExecuteError;
use counterfoil_runner::run::journal::JournalError;
use counterfoil_runner::run::opening;
use counterfoil_runner::store::data_dir::journal_origin;

use super::SupervisorInner;
use super::error::SuperviseError;
use super::run::SupervisedRun;
use super::run_file::RunFile;
use super::run_thread::{self, ReadyRun};
use super::status::{RunState, RunStatus};

/// A run that can start: its manifest is valid, its component compiled, its feed open, and its
/// place taken. Dropped, it gives the place back.
#[must_use]
pub struct ReservedRun {
    pub(super) inner: Arc<SupervisorInner>,
    pub(super) run: Arc<SupervisedRun>,
    pub(super) ready: Option<ReadyRun>,
}

impl fmt::Debug for ReservedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReservedRun")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl Drop for ReservedRun {
    fn drop(&mut self) {
        // Only a run that never began gives its place back: one with a thread stays listed, with orders that
        // may be open.
        if self.ready.is_some() {
            self.inner.runs().all.remove(&self.run.id);
        }
    }
}

impl ReservedRun {
    /// Makes entry 0 of the run's journal, calls `record` with its leaf hash to record the start, and starts the run.
    ///
    /// # Errors
    ///
    /// Returns the error of `record`, or [`SuperviseError`] if the run file cannot be written or no thread can be
    /// started.
    pub fn begin<E: From<SuperviseError>>(
        mut self,
        record: impl FnOnce(Hash) -> Result<(), E>,
    ) -> Result<RunStatus, E> {
        let data = &self.inner.settings.data;
        let entry_0 = self.entry_0()?;
        // The run file before the record: if the process dies after the record, the next one finds the run, and ends
        // it as not started. Without the file nobody would, and its authorization could not be used again.
        run_thread::write_intent(data, &self.run, RunState::Starting, None)?;
        if let Err(error) = record(entry_0) {
            self.forget_file();
            return Err(error);
        }
        // Only now: until here the run gives its place back when it is dropped.
        if let Some(mut ready) = self.ready.take() {
            ready.conditions.entry_0 = Some(entry_0);
            self.inner.spawn(&self.run, ready)?;
        }
        Ok(self.run.status())
    }

    /// The leaf hash of the entry 0 that the run will write.
    fn entry_0(&self) -> Result<Hash, SuperviseError> {
        let run = &self.run;
        let start = self
            .ready
            .as_ref()
            .map(|ready| ready.conditions.start.clone());
        let opening = opening::of_feed(&run.manifest, start.unwrap_or_default())?;
        let origin = journal_origin(&run.id, opening.execution);
        let signer = (self.inner.settings.signers)();
        let leaf = opening::entry_0(&opening, &origin, signer.as_ref());
        leaf.map_err(|error| ExecuteError::from(JournalError::from(error)).into())
    }

    /// Removes the file of a run whose start was not recorded.
    fn forget_file(&self) {
        let inner = &self.inner;
        // A write that failed may have reached the disk all the same. Only a ledger that answers without the start
        // lets the file go; else the next process finds both, or neither.
        let state = inner.settings.records.state();
        if state.is_ok_and(|state| !state.registry().runs().contains_key(&self.run.id))
            && let Err(error) = RunFile::remove(&inner.settings.data, &self.run.id)
        {
            tracing::warn!(run = self.run.id.hex(), %error, "the file of a run that was refused is left");
        }
    }
}
