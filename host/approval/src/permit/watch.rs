//! Checks whether an open run is still permitted, whenever the ledger changed or a window ended. It must never
//! decide that itself.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_governance::act::{KillScope, RunAnchor, RunEnd, RunResume};
use counterfoil_governance::id::Id;
use counterfoil_governance::rule::{AccessDenial, Rule};
use counterfoil_governance::state::LedgerState;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{RunStop, StopCause};
use counterfoil_trading::time::UnixNanos;

use counterfoil_runner::run::permission::RunPermission;

use super::may_continue;

/// The ledger, as the process that runs strategies reads and writes it.
pub trait Records: Send + Sync {
    /// Its state now: the same value as long as no record was added.
    ///
    /// # Errors
    ///
    /// Returns [`AccessDenial`] if it is missing or does not verify.
    fn state(&self) -> Result<Arc<LedgerState>, AccessDenial>;

    /// Records how a run ended. A run whose end is recorded already is not an error.
    ///
    /// # Errors
    ///
    /// Returns [`AccessDenial`] if a rule forbids it, or the ledger cannot be written.
    fn end(&self, end: RunEnd) -> Result<(), AccessDenial>;

    /// Records that a process goes on with a run.
    ///
    /// # Errors
    ///
    /// Returns [`AccessDenial`] if a rule forbids it, or the ledger cannot be written.
    fn resume(&self, resume: RunResume) -> Result<(), AccessDenial>;

    /// Anchors the logs of open runs, given by run id.
    ///
    /// # Errors
    ///
    /// Returns [`AccessDenial`] if a rule forbids it for one of them, or the ledger cannot be written.
    fn anchor(&self, runs: Vec<RunAnchor>) -> Result<(), AccessDenial>;
}

/// Watches over the permission of one run.
pub struct PermitWatch {
    records: Arc<dyn Records>,
    manifest: Manifest,
    seen: Mutex<Option<Seen>>,
}

/// The state in which the run was last found to be permitted.
struct Seen {
    state: Arc<LedgerState>,
    /// When the permission expires without any new record.
    until: UnixNanos,
}

impl fmt::Debug for PermitWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitWatch").finish_non_exhaustive()
    }
}

impl PermitWatch {
    /// The permission of the run of this manifest, which was started according to the ledger.
    #[must_use]
    pub fn new(records: Arc<dyn Records>, manifest: Manifest) -> Self {
        Self {
            records,
            manifest,
            seen: Mutex::default(),
        }
    }

    /// The stop by a kill switch in the ledger; it has the same cause as a kill by the switch's file.
    fn killed(&self, state: &LedgerState, denied: &AccessDenial) -> Option<RunStop> {
        if !denied.is_by(Rule::KillOn) {
            return None;
        }
        let run = self.manifest.run_id().ok()?;
        let account = Id::parse(&self.manifest.account.name).ok()?;
        let (_, killed) = state.killed(&run, &account)?;
        let by = Some(killed.record_ref.by.to_string());
        let cause = match killed.scope {
            KillScope::Run(_) => StopCause::RunKilled,
            KillScope::Account(_) => StopCause::AccountKilled,
            KillScope::Installation => StopCause::InstallationKilled,
        };
        let message = denied.why.clone();
        Some(RunStop { cause, message, by })
    }
}

impl RunPermission for PermitWatch {
    fn check(&self, now: UnixNanos) -> Result<(), RunStop> {
        // A ledger that cannot be read stops the run: an attacker who cannot forge a record could still
        // delete the file to hide a kill.
        let state = self
            .records
            .state()
            .map_err(|denied| not_permitted(&denied))?;
        // A panic under this lock leaves a whole value or none, and it is only a cache of the last look.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.as_ref();
        // The same state as at the last look, and the window still open: nothing can have changed. This runs
        // before every slice, so it must not judge the whole ledger again.
        if known.is_some_and(|seen| Arc::ptr_eq(&seen.state, &state) && now < seen.until) {
            return Ok(());
        }
        let grant = may_continue(&state, &self.manifest, now).map_err(|denied| {
            self.killed(&state, &denied)
                .unwrap_or_else(|| not_permitted(&denied))
        })?;
        // Only a grant is cached: while a run is not permitted, every call judges the ledger again.
        *seen = Some(Seen {
            state,
            until: grant.until(),
        });
        Ok(())
    }
}

fn not_permitted(denied: &AccessDenial) -> RunStop {
    RunStop::of(
        StopCause::NotPermitted,
        format!("{}: {}", denied.rule, denied.why),
    )
}
