//! Recovers run ends after a crash between closing the journal and recording it. It must never end
//! a run whose journal is open.

use std::sync::Arc;

use counterfoil_governance::act::{NOT_STARTED, RunEnd};
use counterfoil_runner::run::end_cause::RunEndCause;
use counterfoil_runner::run::run_end::run_end;
use counterfoil_trading::record::CloseReason;

use super::error::SuperviseError;
use super::run::SupervisedRun;
use super::run_file::RunFile;
use super::status::RunState;
use super::{PriorRun, Supervisor, run_thread};

impl Supervisor {
    /// Recovers the end of a run: from the ledger, or from its closed journal, which is then
    /// recorded in the ledger. False if the run has not ended.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if its journal cannot be read, or the ledger does not accept the
    /// record.
    pub fn recover_end(&self, prior: &PriorRun) -> Result<bool, SuperviseError> {
        let settings = &self.inner.settings;
        let state = settings.records.state()?;
        let run = prior.manifest.run_id()?;
        let started = state.registry().runs().get(&run);
        let recorded = started.and_then(|run| run.ended.as_ref());
        // The ledger first: a crash between its record and the run file leaves the end there, and a
        // second record of it would be refused.
        if let Some((end, _)) = recorded {
            self.enter_end(prior, end)?;
            return Ok(true);
        }
        let key = (settings.signers)().verifying_key();
        // Only a journal whose closing record is under a checkpoint signed by this installation
        // counts: anyone who can write the folder can append a closing record.
        let Some(end) = run_end(&settings.data, &prior.run, &key)? else {
            return Ok(false);
        };
        // The process ended between the run file and the record of the start: neither ledger nor journal knows it.
        if started.is_none() && end.reason == NOT_STARTED {
            self.inner.runs().all.remove(&prior.run);
            RunFile::remove(&settings.data, &prior.run)?;
            return Ok(true);
        }
        // The run file before the ledger: should the process stop here, the next start finds the
        // run as ended, and recovers the record from the journal again.
        self.enter_end(prior, &end)?;
        if started.is_some() {
            settings.records.end(end)?;
        }
        Ok(true)
    }

    /// Enters how a run ended, unless that is known.
    fn enter_end(&self, prior: &PriorRun, end: &RunEnd) -> Result<(), SuperviseError> {
        let run: Arc<SupervisedRun> = self.inner.runs().find(&prior.run.hex())?;
        if run.is_closed() {
            return Ok(());
        }
        run.close(end.decisions);
        let (state, reason) = (state_of(end), Some(end.reason.clone()));
        run.enter(state, reason.clone());
        run_thread::write_intent(&self.inner.settings.data, &run, state, reason)
    }
}

/// The state of a run that ended with this recorded cause.
fn state_of(end: &RunEnd) -> RunState {
    match RunEndCause::parse(&end.reason) {
        Some(cause) if cause.is_kill() => RunState::Killed,
        Some(RunEndCause::Closed(CloseReason::Fault)) => RunState::Faulted,
        Some(
            RunEndCause::Closed(CloseReason::EndOfData | CloseReason::Stopped)
            | RunEndCause::Stopped(_),
        )
        | None => RunState::Stopped,
    }
}
