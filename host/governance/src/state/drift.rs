//! What the state knows of drift: differences that somebody found, and which of them stand. It must
//! never look at what is there.

use std::collections::BTreeMap;

use super::State;
use crate::act::Drift;
use crate::registry::Deed;

/// A difference that was recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Drifted {
    /// What differs.
    pub drift: Drift,
    /// Who recorded it.
    pub deed: Deed,
    /// Who recorded that it is there no more.
    pub ended: Option<Deed>,
}

impl State {
    /// Every difference that was ever recorded, by its entry.
    #[must_use]
    pub const fn drifts(&self) -> &BTreeMap<u64, Drifted> {
        &self.drifts
    }

    /// The entry that holds this difference, if it stands.
    #[must_use]
    pub fn standing(&self, drift: &Drift) -> Option<u64> {
        let mut all = self.drifts.iter();
        let same = |one: &Drifted| one.ended.is_none() && one.drift == *drift;
        all.find(|(_, one)| same(one)).map(|(index, _)| *index)
    }
}
