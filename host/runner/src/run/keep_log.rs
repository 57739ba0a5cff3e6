//! Keeps what a strategy logs beside its journal, and shows it to the observer. It must never end a run.

use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::record::{RefusedInput, RunStop};
use counterfoil_trading::run::Run;

use crate::run::drive::RunObserver;
use crate::store::run_log::RunLog;

/// Takes the guest's log after each slice.
pub(crate) struct KeepLog<'a> {
    inner: &'a mut (dyn RunObserver<Guest> + Send),
    log: RunLog,
}

impl<'a> KeepLog<'a> {
    pub(crate) fn new(inner: &'a mut (dyn RunObserver<Guest> + Send), log: RunLog) -> Self {
        Self { inner, log }
    }
}

impl RunObserver<Guest> for KeepLog<'_> {
    fn stepped(&mut self, strategy: &mut Guest, run: &Run) {
        self.inner.stepped(strategy, run);
        let (lines, losses) = strategy.take_log();
        if let Err(error) = self.log.write(&lines, losses) {
            // A full disk must not stop trading for a text that decides nothing. It will stop the journal soon enough.
            self.inner.log_not_kept(&error);
        }
        self.inner.logged(lines, losses);
    }

    fn refused(&mut self, input: &RefusedInput) {
        self.inner.refused(input);
    }

    fn skipped(&mut self) {
        self.inner.skipped();
    }

    fn stopped(&mut self, stop: &RunStop) {
        self.inner.stopped(stop);
    }
}
