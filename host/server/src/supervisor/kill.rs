//! Kills: the runs of this process are stopped at once, and the kill switch stops every other
//! process and the next. It must never wait for a run.

use counterfoil_governance::id::Id;
use counterfoil_runner::orders::kill::{self, KillTarget};
use counterfoil_runner::store::data_dir::{DataDir, DataDirError, Execution};

use super::inlet::EndCommand;
use super::run::SupervisedRun;
use super::status::{RunState, RunStatus};
use super::{SuperviseError, Supervisor, run_thread};

impl Supervisor {
    /// Kills a run: before its next slice it cancels its orders as its manifest says, records the
    /// reason, and closes. It is stopped before anything is written, so that a full disk does not
    /// delay it.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if there is no such run, if it has ended, or if the switch may
    /// not be durable.
    pub fn kill(&self, name: &str, by: &Id, why: &str) -> Result<RunStatus, SuperviseError> {
        let data = &self.inner.settings.data;
        let run = self.inner.runs().find(name)?;
        let state = run.state();
        if run.is_closed() || !(state.is_active() || state.is_resumable()) {
            return Err(SuperviseError::State {
                run: run.id.hex(),
                state,
                wanted: "killed",
            });
        }
        let target = KillTarget::Run(last_execution(data, &run)?);
        let reason = reason(by, why);
        // Memory before disk: should the process die before the switch is written, the run dies
        // with it, and its open orders are found when it is resumed.
        stop_now(&run, &target, &reason);
        if state.is_resumable() {
            run.advance(&[state], RunState::Killed, Some(reason.clone()));
        }
        // The switch before the run file: with the switch alone a resume is refused, and with the
        // run file alone it would not be.
        kill::set_switch(data, &target, &reason)?;
        run_thread::write_intent(data, &run, RunState::Killed, Some(reason))?;
        Ok(run.status())
    }

    /// Kills every run of the target, and keeps any from starting until the switch is lifted.
    /// Returns those that were active.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if the switch may not be durable; the runs of this process were
    /// stopped all the same.
    pub fn kill_all(
        &self,
        target: &KillTarget,
        by: &Id,
        why: &str,
    ) -> Result<Vec<RunStatus>, SuperviseError> {
        let reason = reason(by, why);
        let runs: Vec<_> = self.inner.runs().all.values().cloned().collect();
        // A run that starts after this list was read finds the switch, which its guard reads before
        // each slice.
        let hit = runs.into_iter().filter(|run| {
            run.state().is_active()
                && match target {
                    KillTarget::Run(execution) => execution.run == run.id,
                    KillTarget::Account(account) => *account == run.account,
                    KillTarget::Installation => true,
                }
        });
        let hit: Vec<_> = hit.collect();
        // All of them before the first write: the last run must not trade on while a slow disk is
        // synced for the first.
        for run in &hit {
            stop_now(run, target, &reason);
        }
        kill::set_switch(&self.inner.settings.data, target, &reason)?;
        Ok(hit.iter().map(|run| run.status()).collect())
    }
}

/// The reason as it is recorded.
fn reason(by: &Id, why: &str) -> String {
    let why = why.trim();
    if why.is_empty() {
        return format!("by {by}");
    }
    format!("by {by}: {why}")
}

/// Stops a run of this process.
fn stop_now(run: &SupervisedRun, target: &KillTarget, reason: &str) {
    let cause = target.cause();
    let message = reason.to_owned();
    // The reason first: the command wakes a run that waits, and it checks for a stop once.
    run.stop_signal.stop(kill::asked_stop(cause, message));
    let active = [RunState::Starting, RunState::Running, RunState::Resuming];
    run.advance(&active, RunState::Stopping, Some(reason.to_owned()));
    run.command(EndCommand::Kill);
}

/// The last execution of a run, which is active or would be resumed.
fn last_execution(data: &DataDir, run: &SupervisedRun) -> Result<Execution, DataDirError> {
    // A run without an execution is killed under the number of its first: the guard of that execution finds
    // the switch before the first slice.
    let last = data.executions_of(&run.id)?.pop();
    Ok(last.unwrap_or_else(|| data.first_execution(&run.id)))
}
