//! Which client order ids a run has seen. Ids that count up take one range, however many.

use alloc::collections::BTreeMap;

use crate::execution::OrderCode;
use crate::order::ClientOrderId;

/// The most ranges kept: 65,536 take about 2 MiB, so no strategy can fill the host's memory.
const RANGES_MAX: usize = 65_536;

/// The ids seen, as ranges from first to last.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct SeenIds {
    ranges: BTreeMap<u64, u64>,
}

impl SeenIds {
    /// Notes an id.
    ///
    /// # Errors
    ///
    /// Returns the code that refuses its order: it was seen before, or there is no room to
    /// remember it.
    pub(crate) fn insert(&mut self, id: ClientOrderId) -> Result<(), OrderCode> {
        let id = id.0;
        // Ranges do not overlap: only the last one that begins at or below the id can hold it.
        let below = self
            .ranges
            .range(..=id)
            .next_back()
            .map(|(first, last)| (*first, *last));
        if below.is_some_and(|(_, last)| id <= last) {
            return Err(OrderCode::DuplicateClientOrderId);
        }
        let joins_below = below.filter(|(_, last)| last.checked_add(1) == Some(id));
        let above = id
            .checked_add(1)
            .and_then(|next| self.ranges.get(&next).map(|last| (next, *last)));
        match (joins_below, above) {
            (None, None) if self.ranges.len() >= RANGES_MAX => {
                // Refused, because an id that is not remembered could be used for a second order. Ids
                // that count up never get here.
                return Err(OrderCode::OrderIdGapsLimit);
            }
            (None, None) => {
                self.ranges.insert(id, id);
            }
            (Some((first, _)), None) => {
                self.ranges.insert(first, id);
            }
            (below, Some((next, last))) => {
                self.ranges.remove(&next);
                self.ranges
                    .insert(below.map_or(id, |(first, _)| first), last);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_remember_what_a_set_would(ids in proptest::collection::vec(0_u64..60, 0..200)) {
            let mut seen = SeenIds::default();
            let mut model = BTreeSet::new();
            for id in ids {
                prop_assert_eq!(seen.insert(ClientOrderId(id)).is_ok(), model.insert(id));
            }
            let covered: usize = seen.ranges.iter().map(|(first, last)| usize::try_from(last - first + 1).unwrap()).sum();
            prop_assert_eq!(covered, model.len());
        }
    }

    #[test]
    fn gaps_without_end_are_refused_and_the_ends_of_the_range_work() {
        let mut seen = SeenIds::default();
        for id in 0..65_536 {
            assert_eq!(seen.insert(ClientOrderId(id * 2)), Ok(()));
        }
        assert_eq!(
            seen.insert(ClientOrderId(u64::MAX)),
            Err(OrderCode::OrderIdGapsLimit)
        );
        assert_eq!(seen.insert(ClientOrderId(1)), Ok(()));
        assert_eq!(seen.insert(ClientOrderId(u64::MAX)), Ok(()));
        assert_eq!(
            seen.insert(ClientOrderId(u64::MAX)),
            Err(OrderCode::DuplicateClientOrderId)
        );
    }
}
