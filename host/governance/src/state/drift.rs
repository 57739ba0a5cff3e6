//! Recorded drift, and which differences are open. It must never look at the machine.

use std::collections::BTreeMap;

use super::LedgerState;
use crate::act::DriftFinding;
use crate::registry::RecordRef;

/// A difference as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DriftRecord {
    pub drift: DriftFinding,
    /// Who recorded it.
    pub record_ref: RecordRef,
    /// Who recorded that it is gone.
    pub ended: Option<RecordRef>,
}

impl LedgerState {
    /// Every recorded difference, by its record.
    #[must_use]
    pub const fn drifts(&self) -> &BTreeMap<u64, DriftRecord> {
        &self.drifts
    }

    /// The record of this difference, if it is open.
    #[must_use]
    pub fn standing(&self, drift: &DriftFinding) -> Option<u64> {
        let mut all = self.drifts.iter();
        let same = |record: &DriftRecord| record.ended.is_none() && record.drift == *drift;
        all.find(|(_, record)| same(record))
            .map(|(index, _)| *index)
    }
}
