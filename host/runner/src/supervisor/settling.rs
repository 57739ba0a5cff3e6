//! Ends of runs that a process closed and did not come to record, or to keep. It must never end a
//! run whose journal is open.

use std::sync::Arc;

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::RunEnd;
use counterfoil_trading::record::{CloseReason, StopCause};

use super::run::Supervised;
use super::status::RunState;
use super::{Left, SuperviseError, Supervisor, work};
use crate::run::run_end::run_end;

impl Supervisor {
    /// Takes over how a run ended: from the ledger, or from its closed journal into the ledger. False
    /// if it has not ended.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if its journal cannot be read, or the ledger does not take it.
    pub fn settle(&self, left: &Left) -> Result<bool, SuperviseError> {
        let settings = &self.inner.settings;
        let state = settings.records.state()?;
        let run = Digest(left.manifest.run_id()?);
        let started = state.registry().runs().get(&run);
        let recorded = started.and_then(|one| one.ended.as_ref());
        if let Some((end, _)) = recorded {
            self.note(left, end)?;
            return Ok(true);
        }
        let executions = settings.data.executions_of(&left.run)?;
        let Some(execution) = executions.last().filter(|one| one.journal().exists()) else {
            return Ok(false);
        };
        let key = (settings.signers)().verifying_key();
        let Some(end) = run_end(execution, &key)? else {
            return Ok(false);
        };
        self.note(left, &end)?;
        if started.is_some() {
            settings.records.end(end)?;
        }
        Ok(true)
    }

    /// Notes how a run ended, unless that is known.
    fn note(&self, left: &Left, end: &RunEnd) -> Result<(), SuperviseError> {
        let run: Arc<Supervised> = self.inner.runs().find(&left.run)?;
        if run.is_closed() {
            return Ok(());
        }
        run.close(end.decisions.0);
        let (state, reason) = (state_of(end), Some(end.reason.clone()));
        run.enter(state, reason.clone());
        work::keep(&self.inner.settings.data, &run, state, reason)
    }
}

/// The state that a run ended in, by the name in front of its reason.
fn state_of(end: &RunEnd) -> RunState {
    let name = end.reason.split(':').next().unwrap_or_default();
    let kills = [
        StopCause::RunKilled,
        StopCause::AccountKilled,
        StopCause::InstallationKilled,
    ];
    if kills.into_iter().any(|cause| cause.name() == name) {
        return RunState::Killed;
    }
    if name == CloseReason::Fault.name() {
        return RunState::Faulted;
    }
    RunState::Stopped
}
