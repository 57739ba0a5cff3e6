//! The report as JSON. It must never decide what a finding means.

use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use super::{Completeness, Integrity, Rerun, VerifyReport};
use crate::anchors::AnchorsReport;
use crate::finding::Finding;
use crate::orders::OrdersJoin;
use crate::times::{NANOS_PER_MS, TimesVerdict};

impl VerifyReport {
    /// The report as JSON: integrity, re-run and completeness apart.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let bars = self.bars.iter().map(|bars| {
            json!({
                "symbol": bars.symbol, "bars": bars.bars, "promised": bars.promised,
                "first-close": bars.closes.map(|(first, _)| first.rfc3339()),
                "last-close": bars.closes.map(|(_, last)| last.rfc3339()),
            })
        });
        json!({
            "good": self.is_good(),
            "run": self.run_id,
            "execution": self.execution,
            "origin": self.origin,
            "host": self.host,
            "records": self.entries,
            "decisions": self.decisions,
            "refused-inputs": self.refused_inputs,
            "fills": self.fills,
            "checkpoints": self.checkpoints,
            "last-checkpoint": self.last_checkpoint.as_ref().map(|last| json!({
                "size": last.size, "root": last.root.to_string(),
            })),
            "decision-digest": self.decision_digest,
            "closed": self.closed.as_ref().map(|close| json!({
                "reason": close.reason.name(), "equity": close.equity.to_text(),
                "cash": close.cash.to_text(), "fees": close.fees.to_text(),
            })),
            "bars": bars.collect::<Vec<_>>(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "integrity": self.integrity_json(),
            "re-run": self.rerun_json(),
            "completeness": self.completeness_json(),
            "times": self.times_json(),
            "orders": self.orders.as_ref().map(OrdersJoin::to_json),
            "anchored": self.anchors.as_ref().map(AnchorsReport::to_json),
        })
    }

    fn integrity_json(&self) -> Value {
        match &self.integrity {
            Integrity::Intact => json!({"verdict": "intact"}),
            Integrity::IntactUpTo {
                covered,
                uncovered,
                torn_bytes,
            } => json!({
                "verdict": "intact-up-to", "covered": covered, "uncovered": uncovered,
                "torn-bytes": torn_bytes,
            }),
            Integrity::Broken(first) => json!({"verdict": "broken", "finding": finding(first)}),
        }
    }

    fn rerun_json(&self) -> Value {
        match &self.rerun {
            Rerun::NotAsked => json!({"verdict": "not-asked"}),
            Rerun::Agrees => json!({"verdict": "agrees"}),
            Rerun::AgreesExceptFrom { index, why } => {
                json!({"verdict": "agrees-except-from", "index": index, "why": why})
            }
            Rerun::Stopped => json!({"verdict": "stopped"}),
        }
    }

    fn times_json(&self) -> Value {
        match &self.times {
            TimesVerdict::NotAsked => json!({"verdict": "unknown"}),
            TimesVerdict::Backtest => json!({"verdict": "none"}),
            TimesVerdict::InOrder {
                bound_nanos,
                with_orders,
                with_ledger,
            } => json!({
                "verdict": "in-order", "clock-bound-ms": bound_nanos / NANOS_PER_MS,
                "with-orders": with_orders, "with-ledger": with_ledger,
            }),
            TimesVerdict::Wrong { why, more } => {
                json!({"verdict": "wrong", "why": why, "more": more})
            }
        }
    }

    fn completeness_json(&self) -> Value {
        match &self.completeness {
            Completeness::Complete => json!({"verdict": "complete"}),
            Completeness::Incomplete { why } => json!({"verdict": "incomplete", "why": why}),
            Completeness::Unknown { why } => json!({"verdict": "unknown", "why": why}),
        }
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "index": finding.index,
        "kind": finding.kind,
        "instrument": finding.instrument,
        "close-time": finding.close_time.map(UnixNanos::rfc3339),
        "cause": finding.cause.to_string(),
    })
}
