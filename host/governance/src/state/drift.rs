//! What the state knows of drift: differences that somebody found, and which of them stand. It must
//! never look at what is there.

use std::collections::BTreeMap;

use super::LedgerState;
use crate::act::DriftFinding;
use crate::registry::RecordRef;

/// A difference that was recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DriftRecord {
    /// What differs.
    pub drift: DriftFinding,
    /// Who recorded it.
    pub deed: RecordRef,
    /// Who recorded that it is there no more.
    pub ended: Option<RecordRef>,
}

impl LedgerState {
    /// Every difference that was ever recorded, by its entry.
    #[must_use]
    pub const fn drifts(&self) -> &BTreeMap<u64, DriftRecord> {
        &self.drifts
    }

    /// The entry that holds this difference, if it stands.
    #[must_use]
    pub fn standing(&self, drift: &DriftFinding) -> Option<u64> {
        let mut all = self.drifts.iter();
        let same = |one: &DriftRecord| one.ended.is_none() && one.drift == *drift;
        all.find(|(_, one)| same(one)).map(|(index, _)| *index)
    }
}
