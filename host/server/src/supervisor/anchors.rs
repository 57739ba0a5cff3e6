//! Anchors the logs of open runs in the ledger.

use counterfoil_governance::act::RunAnchor;
use counterfoil_governance::rule::RuleCode;
use counterfoil_os::clock::Stopwatch;
use counterfoil_runner::run::opening::FIRST_EXECUTION;

use super::Supervisor;
use super::anchoring::AnchorScope;

impl Supervisor {
    /// Anchors the logs of open runs whenever that is due, until the process ends.
    pub fn anchor_until_ended(&self) {
        let mut last = Stopwatch::start();
        while let Some(scope) = self.inner.shared.anchoring.wait(last) {
            if scope == AnchorScope::All {
                last = Stopwatch::start();
            }
            self.anchor(scope);
        }
    }

    /// Anchors the logs of open runs now.
    pub fn anchor_runs(&self) {
        self.anchor(AnchorScope::All);
    }

    fn anchor(&self, scope: AnchorScope) {
        let anchors = self.open_logs(scope);
        if anchors.is_empty() {
            return;
        }
        // A failure does not stop a run: every end is anchored by itself. A ledger that is busy is tried again in a
        // minute; what a rule denies stays denied, and each try would be a record.
        if let Err(error) = self.inner.settings.records.anchor(anchors) {
            tracing::error!(%error, "open runs not anchored in the ledger");
            if matches!(error.rule, RuleCode::Host(_)) {
                self.inner.shared.anchoring.ask();
            }
        }
    }

    /// The signed ends of the logs of this process's runs that have not ended, by run id.
    fn open_logs(&self, scope: AnchorScope) -> Vec<RunAnchor> {
        let runs = self.inner.runs();
        let open = runs.all.values().filter(|run| !run.is_closed());
        let open = open.filter(|run| {
            let was_anchored = run.heads.journal.get().size == 0 || run.note_anchor();
            scope == AnchorScope::All || !was_anchored
        });
        let anchors = open.map(|run| RunAnchor {
            run: run.id,
            execution: FIRST_EXECUTION,
            journal: run.heads.journal.get(),
            orders: run.heads.orders.get(),
        });
        // A run whose entry 0 is not written, or that this process did not run, has nothing to anchor.
        anchors.filter(|anchor| anchor.journal.size > 0).collect()
    }
}
