//! Keeps what a strategy logs beside its journal, and shows it to the observer. It must never end a run.

use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::record::{RefusedInput, RunStop};
use counterfoil_trading::run::Run;

use crate::run::drive::RunObserver;
use crate::run::journal::RecordSink;
use crate::store::run_log::RunLog;

/// Takes the guest's log after each slice. What was decided before the process ended is kept again and not shown again:
/// the strategy writes its log anew while it is replayed.
pub(crate) struct KeepLog<'a> {
    inner: &'a mut (dyn RunObserver<Guest> + Send),
    log: RunLog,
    /// Bars that an earlier process decided.
    decided: u64,
}

impl<'a> KeepLog<'a> {
    /// Of a run that begins.
    pub(crate) fn new(inner: &'a mut (dyn RunObserver<Guest> + Send), log: RunLog) -> Self {
        Self::resumed(inner, log, 0)
    }

    /// Of a run that goes on after so many bars.
    pub(crate) fn resumed(
        inner: &'a mut (dyn RunObserver<Guest> + Send),
        log: RunLog,
        decided: u64,
    ) -> Self {
        Self {
            inner,
            log,
            decided,
        }
    }
}

impl RunObserver<Guest> for KeepLog<'_> {
    fn stepped(&mut self, strategy: &mut Guest, run: &Run) {
        let is_new = run.totals().decisions > self.decided;
        if is_new {
            self.inner.stepped(strategy, run);
        }
        let (lines, losses) = strategy.take_log();
        if !self.inner.keeps_log() {
            return;
        }
        if let Err(error) = self.log.write(&lines, losses) {
            // A full disk must not stop trading for a text that decides nothing. It will stop the journal soon enough.
            self.inner.log_not_kept(&error);
        }
        if is_new {
            self.inner.logged(lines, losses);
        }
    }

    fn record_sink(&mut self) -> Option<Box<dyn RecordSink>> {
        self.inner.record_sink()
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
