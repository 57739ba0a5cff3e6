//! The grid on which an instrument's bars open, as most of them show it. It must never know a price.

use std::collections::BTreeMap;

use counterfoil_trading::time::{Timeframe, UnixNanos};

use crate::source::times::show;

/// Different places on the grid that are told apart; later ones are counted together.
const PLACES_MAX: usize = 64;

/// The period of the grid of longer bars: summer time moves it by whole hours, and half an hour only where the
/// zone itself is half an hour off.
const PERIOD_NANOS_MAX: i64 = 3_600_000_000_000;

/// Where in the period the bars of one instrument open.
#[derive(Debug)]
pub(crate) struct OpenGrid {
    timeframe: Timeframe,
    period: i64,
    places: BTreeMap<i64, GridPlace>,
    /// Bars at places beyond [`PLACES_MAX`].
    others: Option<GridPlace>,
}

#[derive(Clone, Copy, Debug)]
struct GridPlace {
    bars: u64,
    first: UnixNanos,
}

impl OpenGrid {
    pub(crate) fn new(timeframe: Timeframe) -> Self {
        let period = match timeframe {
            Timeframe::Fixed(nanos) => nanos.clamp(1, PERIOD_NANOS_MAX),
            Timeframe::Months(_) => PERIOD_NANOS_MAX,
        };
        Self {
            timeframe,
            period,
            places: BTreeMap::new(),
            others: None,
        }
    }

    /// Counts a bar.
    pub(crate) fn add(&mut self, open: UnixNanos) {
        let place = open.0.rem_euclid(self.period);
        let new = GridPlace {
            bars: 0,
            first: open,
        };
        let known = if self.places.len() < PLACES_MAX || self.places.contains_key(&place) {
            self.places.entry(place).or_insert(new)
        } else {
            self.others.get_or_insert(new)
        };
        known.bars = known.bars.saturating_add(1);
    }

    /// A sentence about the bars that open elsewhere than most; `None` if there are none.
    pub(crate) fn strays(&self) -> Option<String> {
        // Of equals the first in time is the grid: rows that were added later are the strays.
        let best = |place: &GridPlace| (place.bars, core::cmp::Reverse(place.first));
        let (at, _) = self.places.iter().max_by_key(|(_, place)| best(place))?;
        let strays = || {
            let elsewhere = self.places.iter().filter(|(place, _)| *place != at);
            elsewhere.map(|(_, place)| *place).chain(self.others)
        };
        let first = strays().map(|place| place.first).min()?;
        let bars = strays().fold(0_u64, |sum, place| sum.saturating_add(place.bars));
        Some(format!(
            "{bars} bars open off the grid of the others, the first at {}; if they are not bars of {}, remove \
             them or state another timeframe",
            show(first),
            self.timeframe
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(timeframe: &str, seconds: &[i64], expect: Option<&str>) {
        let mut grid = OpenGrid::new(timeframe.parse().unwrap());
        for second in seconds {
            grid.add(UnixNanos(second * 1_000_000_000));
        }
        let got = grid.strays();
        let is_as_expected = match (&got, expect) {
            (Some(got), Some(expect)) => got.starts_with(expect),
            (None, None) => true,
            _ => false,
        };
        assert!(is_as_expected, "{timeframe} {seconds:?}: {got:?}");
    }

    #[test]
    fn bars_elsewhere_than_most_are_strays() {
        check("1m", &[0, 60, 120, 240], None);
        check("1m", &[30, 90, 150], None);
        let strays = "2 bars open off the grid of the others, the first at 1970-01-01T00:01:02Z";
        check("1m", &[0, 60, 62, 120, 121, 180], Some(strays));
        check(
            "1m",
            &[60, 62],
            Some("1 bars open off the grid of the others, the first at 1970-01-01T00:01:02Z"),
        );
        // Daily bars at a local midnight, in winter and in summer.
        check("1d", &[5 * 3_600, 28 * 3_600], None);
        check("1M", &[0, 31 * 86_400], None);
        check("1m", &[], None);
    }

    #[test]
    fn places_are_bounded_and_every_bar_counts() {
        let seconds: Vec<i64> = (0..3_600).collect();
        check("1h", &seconds, Some("3599 bars open off the grid"));
    }
}
