//! The places of a grid at which an instrument's bars open, and the one where most of them do. It must never know a
//! price.

use std::collections::BTreeMap;

use counterfoil_trading::time::UnixNanos;

/// Different places that are told apart: the seconds of an hour. Later ones are not counted.
const PLACES_MAX: usize = 3_600;

/// By how much clocks change.
const HOUR_NANOS: u64 = 3_600_000_000_000;

/// How many bars open at which place.
#[derive(Debug, Default)]
pub(crate) struct OpenGrid {
    places: BTreeMap<i64, GridPlace>,
}

#[derive(Clone, Copy, Debug)]
struct GridPlace {
    bars: u64,
    first: UnixNanos,
}

impl OpenGrid {
    /// Counts a bar.
    pub(crate) fn add(&mut self, place: i64, open: UnixNanos) {
        let new = GridPlace {
            bars: 0,
            first: open,
        };
        if self.places.len() < PLACES_MAX || self.places.contains_key(&place) {
            let known = self.places.entry(place).or_insert(new);
            known.bars = known.bars.saturating_add(1);
        }
    }

    /// The two places where nearly all bars open, if they are an hour apart: there clocks changed.
    pub(crate) fn clock_change(&self) -> Option<[(i64, u64); 2]> {
        let mut places: Vec<(i64, u64)> = self
            .places
            .iter()
            .map(|(place, found)| (*place, found.bars))
            .collect();
        places.sort_by_key(|(_, bars)| core::cmp::Reverse(*bars));
        let [first, second, rest @ ..] = places.as_slice() else {
            return None;
        };
        let others: u64 = rest.iter().map(|(_, bars)| *bars).sum();
        // Single strays show nothing.
        let is_clear = second.1 > 1 && others.saturating_mul(10) <= second.1;
        let is_hour = first.0.abs_diff(second.0) == HOUR_NANOS;
        (is_clear && is_hour).then_some([*first, *second])
    }

    /// The place of most bars.
    pub(crate) fn commonest(&self) -> Option<i64> {
        // Of equals the first in time is the grid: rows that were added later are the strays.
        let best = |place: &GridPlace| (place.bars, core::cmp::Reverse(place.first));
        let most = self.places.iter().max_by_key(|(_, place)| best(place));
        most.map(|(place, _)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(places: &[i64], expect: Option<i64>) {
        let mut grid = OpenGrid::default();
        for (time, place) in (0..).zip(places) {
            grid.add(*place, UnixNanos(time));
        }
        assert_eq!(grid.commonest(), expect, "{places:?}");
    }

    #[test]
    fn the_grid_is_where_most_bars_open() {
        check(&[], None);
        check(&[30, 30, 2, 30], Some(30));
        check(&[2, 30, 30, 2], Some(2));
        let all: Vec<i64> = (0..10_000).chain([9, 9_000, 9_000, 9_000]).collect();
        check(&all, Some(9));
    }

    #[test]
    fn clocks_changed_where_two_places_an_hour_apart_have_all_bars() {
        let hour = 3_600_000_000_000;
        let change = |places: &[i64]| {
            let mut grid = OpenGrid::default();
            for (time, place) in (0..).zip(places) {
                grid.add(*place, UnixNanos(time));
            }
            grid.clock_change()
        };
        let five = 5 * hour;
        let four = 4 * hour;
        assert_eq!(
            change(&[five, five, five, four, four]),
            Some([(five, 3), (four, 2)])
        );
        assert_eq!(change(&[five, five, four]), None);
        assert_eq!(change(&[five, five, four, four, 7]), None);
        assert_eq!(change(&[five, five, 2 * hour, 2 * hour]), None);
    }
}
