//! A set of numbers that come nearly in sequence. It must never know what they number.

use std::collections::BTreeMap;

/// Numbers that came, as ranges: they come nearly in sequence, so that a long log takes no more room than a short one.
#[derive(Debug, Default)]
pub(super) struct NumberRanges(BTreeMap<u64, u64>);

impl NumberRanges {
    pub(super) fn contains(&self, number: u64) -> bool {
        let range = self.0.range(..=number).next_back();
        range.is_some_and(|(_, last)| number <= *last)
    }

    /// Adds a number that is not among them.
    pub(super) fn add(&mut self, number: u64) {
        let before = self.0.range(..number).next_back();
        let before = before.filter(|(_, last)| last.checked_add(1) == Some(number));
        let first = before.map_or(number, |(first, _)| *first);
        let after = number.checked_add(1).and_then(|next| self.0.remove(&next));
        self.0.insert(first, after.unwrap_or(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_come_nearly_in_sequence_stay_one_range() {
        let mut ranges = NumberRanges::default();
        for number in [0, 1, 3, 2, 6, 5, u64::MAX] {
            assert!(!ranges.contains(number));
            ranges.add(number);
            assert!(ranges.contains(number));
        }
        let got: Vec<_> = ranges.0.iter().map(|(a, b)| (*a, *b)).collect();
        assert_eq!(got, [(0, 3), (5, 6), (u64::MAX, u64::MAX)]);
        assert!(!ranges.contains(4) && !ranges.contains(7));
    }
}
