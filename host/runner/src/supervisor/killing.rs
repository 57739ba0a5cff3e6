//! Kills: told to the runs of this process at once, and kept in the kill switch for every other and
//! for the next. It must never wait for a run.

use counterfoil_governance::id::Id;
use counterfoil_trading::record::RunStop;

use super::inlet::Order;
use super::run::Supervised;
use super::status::{RunState, Status};
use super::{SuperviseError, Supervisor, work};
use crate::orders::kill::{self, Target};
use crate::store::data_dir::{DataDir, DataDirError, Execution};

impl Supervisor {
    /// Kills a run: before its next slice it takes its orders back as its manifest says, records
    /// why, and closes. It is told before anything is written, so that no full disk delays it.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if there is no such run, if it has ended, or if the switch could
    /// not be kept.
    pub fn kill(&self, name: &str, by: &Id, why: &str) -> Result<Status, SuperviseError> {
        let data = &self.inner.settings.data;
        let run = self.inner.runs().find(name)?;
        let state = run.state();
        if run.is_closed() || !(state.is_active() || state.is_resumable()) {
            return Err(SuperviseError::State {
                run: run.id.clone(),
                state,
                wanted: "killed",
            });
        }
        let target = Target::Run(last_execution(data, &run)?);
        let reason = reason(by, why);
        tell(&run, &target, &reason);
        if state.is_resumable() {
            run.advance(&[state], RunState::Killed, Some(reason.clone()));
        }
        kill::kill(data, &target, &reason)?;
        work::keep(data, &run, RunState::Killed, Some(reason))?;
        Ok(run.status())
    }

    /// Kills every run of the target, and keeps any from starting until the switch is lifted. The
    /// answer is those that were under way.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if the switch could not be kept; the runs of this process were
    /// told all the same.
    pub fn kill_all(
        &self,
        target: &Target,
        by: &Id,
        why: &str,
    ) -> Result<Vec<Status>, SuperviseError> {
        let reason = reason(by, why);
        let runs: Vec<_> = self.inner.runs().all.values().cloned().collect();
        let hit = runs.into_iter().filter(|run| {
            run.state().is_active()
                && match target {
                    Target::Run(execution) => execution.run == run.id,
                    Target::Account(account) => *account == run.account,
                    Target::Installation => true,
                }
        });
        let hit: Vec<_> = hit.collect();
        for run in &hit {
            tell(run, target, &reason);
        }
        kill::kill(&self.inner.settings.data, target, &reason)?;
        Ok(hit.iter().map(|run| run.status()).collect())
    }
}

/// Why, as it is recorded.
fn reason(by: &Id, why: &str) -> String {
    let why = why.trim();
    if why.is_empty() {
        return format!("by {by}");
    }
    format!("by {by}: {why}")
}

fn tell(run: &Supervised, target: &Target, reason: &str) {
    let cause = target.cause();
    let message = reason.to_owned();
    // Why first: the order wakes a run that waits, and it looks once.
    run.told.stop(RunStop { cause, message });
    let active = [RunState::Starting, RunState::Running, RunState::Resuming];
    run.advance(&active, RunState::Stopping, Some(reason.to_owned()));
    run.order(Order::Kill);
}

/// The execution that is under way or would be gone on with; a live run has one.
fn last_execution(data: &DataDir, run: &Supervised) -> Result<Execution, DataDirError> {
    let last = data.executions_of(&run.id)?.pop();
    Ok(last.unwrap_or_else(|| Execution {
        run: run.id.clone(),
        number: 1,
        folder: data.root().join("runs").join(&run.id).join("1"),
    }))
}
