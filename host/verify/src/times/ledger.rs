//! When the ledger says that a run started, held so many records, and ended, against the times of its decisions.

use counterfoil_governance::registry::RegisteredRun;
use counterfoil_governance::state::CLOCK_STEP_MAX;
use counterfoil_trading::time::UnixNanos;

/// What the ledger knows of the times of one execution.
#[derive(Clone, Debug)]
pub(crate) struct LedgerTimes {
    /// The record of the start, and its time.
    start: (u64, UnixNanos),
    /// By the ledger's records: that the journal had this many by this time.
    held: Vec<HeldRecords>,
    /// Those of `held` whose records were all seen.
    passed: usize,
}

#[derive(Clone, Copy, Debug)]
struct HeldRecords {
    record: u64,
    size: u64,
    time: UnixNanos,
}

impl LedgerTimes {
    pub(crate) fn new(started: &RegisteredRun, execution: u64) -> Self {
        let anchors = started.anchors.iter();
        let anchors = anchors.filter(|(one, _)| one.execution == execution);
        let anchors = anchors.map(|(one, record_ref)| (one.journal.size, record_ref));
        let end = started.ended.as_ref();
        let end = end.filter(|(one, _)| one.execution == execution);
        let end = end.map(|(one, record_ref)| (one.journal.size, record_ref));
        let held = anchors.chain(end).map(|(size, record_ref)| HeldRecords {
            record: record_ref.index,
            size,
            time: record_ref.time,
        });
        Self {
            start: (started.record_ref.index, started.record_ref.time),
            held: held.collect(),
            passed: 0,
        }
    }

    /// What does not fit the time of a decision, if anything. Called with growing indices.
    pub(crate) fn contradiction(
        &mut self,
        index: u64,
        decided: UnixNanos,
        bound_nanos: i64,
    ) -> Option<String> {
        let at = decided.rfc3339();
        let (record, start) = self.start;
        // An act may carry the time of the record in front of it, which another clock made, and after a step back of
        // its own clock a run goes on with its last time: so far apart may both be.
        let slack = bound_nanos.saturating_add(CLOCK_STEP_MAX);
        if decided.0 < start.0.saturating_sub(slack) {
            let start = start.rfc3339();
            return Some(format!(
                "record {index}: decided at {at}, before record {record} of the ledger started the run at {start}"
            ));
        }
        // Records that were there by a time were decided before it. Sizes only grow, so each is passed once.
        while self
            .held
            .get(self.passed)
            .is_some_and(|held| held.size <= index)
        {
            self.passed = self.passed.saturating_add(1);
        }
        let held = self.held.get(self.passed)?;
        if decided.0 <= held.time.0.saturating_add(slack) {
            return None;
        }
        Some(format!(
            "record {index}: decided at {at}, after record {} of the ledger held it at {}",
            held.record,
            held.time.rfc3339()
        ))
    }
}
