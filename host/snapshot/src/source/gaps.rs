//! From the gaps between a source's rows to the length of its bars. It must never know a price, and never
//! answer where two lengths are possible.

use std::collections::BTreeMap;

use counterfoil_trading::time::{DAY_NANOS, Timeframe};

/// Different gaps that are counted: bars of a second with a hole of any length up to a day have as many.
/// A source with more has no grid.
const GAPS_MAX: usize = 86_400;

/// Of so many gaps of a bar's length one may be shorter: a stray row adds two short gaps.
const GAPS_PER_STRAY: u64 = 10;

const SECOND_NANOS: i64 = 1_000_000_000;
const HOUR_NANOS: i64 = 3_600 * SECOND_NANOS;

/// How often each gap between two rows of one instrument was seen.
#[derive(Debug, Default)]
pub(crate) struct GapCounts {
    by_nanos: BTreeMap<i64, GapCount>,
    /// Gaps that found no place any more.
    uncounted: u64,
}

#[derive(Clone, Copy, Debug)]
struct GapCount {
    count: u64,
    /// The first line that ends such a gap.
    line: u64,
}

impl GapCounts {
    /// Counts the gap before the row of a line.
    pub(crate) fn add(&mut self, nanos: i64, line: u64) {
        if let Some(known) = self.by_nanos.get_mut(&nanos) {
            known.count = known.count.saturating_add(1);
            known.line = known.line.min(line);
        } else if self.by_nanos.len() < GAPS_MAX {
            self.by_nanos.insert(nanos, GapCount { count: 1, line });
        } else {
            self.uncounted = self.uncounted.saturating_add(1);
        }
    }

    /// The length that the commonest gap shows, or why it cannot be inferred.
    pub(crate) fn timeframe(&self) -> Result<Timeframe, String> {
        if self.by_nanos.is_empty() {
            return Err("no instrument has two bars".to_owned());
        }
        if self.uncounted > 0 {
            return Err(format!("there are more than {GAPS_MAX} different gaps"));
        }
        let mut by_length: Vec<(Timeframe, u64)> = Vec::new();
        for (nanos, gap) in &self.by_nanos {
            let Some(length) = usual_length(*nanos) else {
                continue;
            };
            match by_length.iter_mut().find(|(known, _)| *known == length) {
                Some((_, count)) => *count = count.saturating_add(gap.count),
                None => by_length.push((length, gap.count)),
            }
        }
        let Some((length, count)) = by_length.iter().max_by_key(|(_, count)| *count).copied()
        else {
            return Err(format!("no gap is a usual length: {}", self.commonest()));
        };
        let is_tie = by_length
            .iter()
            .any(|(other, as_many)| *other != length && *as_many == count);
        // Rows between two bars are strays as long as they are few. Taken for the grid they would make every
        // bar shorter than it is, and a run would know its close before it happened.
        let is_shorter =
            |nanos: i64| usual_length(nanos) != Some(length) && nanos < nanos_of(length);
        let shorter = self
            .by_nanos
            .iter()
            .filter(|(nanos, _)| is_shorter(**nanos))
            .fold(0_u64, |sum, (_, gap)| sum.saturating_add(gap.count));
        if is_tie || shorter.saturating_mul(GAPS_PER_STRAY) > count {
            return Err(format!("the gaps do not agree: {}", self.commonest()));
        }
        Ok(length)
    }

    /// The three commonest gaps, for a message.
    fn commonest(&self) -> String {
        let mut all: Vec<(i64, GapCount)> = self
            .by_nanos
            .iter()
            .map(|(nanos, gap)| (*nanos, *gap))
            .collect();
        // Stable: of equals the shorter comes first.
        all.sort_by_key(|(_, gap)| core::cmp::Reverse(gap.count));
        let text = |(nanos, gap): &(i64, GapCount)| {
            let length = if nanos.checked_rem(SECOND_NANOS) == Some(0) {
                Timeframe::Fixed(*nanos).to_string()
            } else {
                format!("{nanos} ns")
            };
            format!(
                "{length} between {} rows (first before line {})",
                gap.count, gap.line
            )
        };
        let three: Vec<String> = all.iter().take(3).map(text).collect();
        three.join(", ")
    }
}

/// The length of bars that are so far apart; `None` where bars have no such length.
fn usual_length(nanos: i64) -> Option<Timeframe> {
    let divides = |whole: i64| nanos > 0 && whole.checked_rem(nanos) == Some(0);
    let is_grid = nanos.checked_rem(SECOND_NANOS) == Some(0) && divides(60 * SECOND_NANOS)
        || nanos.checked_rem(60 * SECOND_NANOS) == Some(0) && divides(HOUR_NANOS)
        || nanos.checked_rem(HOUR_NANOS) == Some(0) && divides(DAY_NANOS);
    if is_grid {
        return Some(Timeframe::Fixed(nanos));
    }
    // Days, weeks and months that begin at a local midnight are an hour shorter or longer where the clocks
    // change: 23 hours are a day, and never a length of bars.
    let near = |days: i64| {
        let length = days.saturating_mul(DAY_NANOS);
        nanos.saturating_sub(length).abs() <= HOUR_NANOS
    };
    let any = |mut days: core::ops::RangeInclusive<i64>| days.any(near);
    if near(1) {
        Some(Timeframe::Fixed(DAY_NANOS))
    } else if near(7) {
        Some(Timeframe::Fixed(DAY_NANOS.saturating_mul(7)))
    } else if any(28..=31) {
        Some(Timeframe::Months(1))
    } else if any(89..=92) {
        Some(Timeframe::Months(3))
    } else if any(365..=366) {
        Some(Timeframe::Months(12))
    } else {
        None
    }
}

/// The shortest gap of a length, for comparison.
fn nanos_of(length: Timeframe) -> i64 {
    match length {
        Timeframe::Fixed(nanos) => nanos,
        Timeframe::Months(months) => i64::from(months)
            .saturating_mul(28)
            .saturating_mul(DAY_NANOS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gaps as seconds and how often, and the length or the reason.
    #[track_caller]
    fn check(gaps: &[(i64, u64)], expect: &str) {
        let mut counts = GapCounts::default();
        let mut line = 2;
        for (seconds, count) in gaps {
            for _ in 0..*count {
                line += 1;
                counts.add(seconds * SECOND_NANOS, line);
            }
        }
        let got = match counts.timeframe() {
            Ok(length) => length.to_string(),
            Err(reason) => reason,
        };
        assert_eq!(got, expect, "{gaps:?}");
    }

    #[test]
    fn every_usual_gap_shows_its_length() {
        for (seconds, expect) in [
            (1, "1s"),
            (60, "1m"),
            (300, "5m"),
            (3_600, "1h"),
            (14_400, "4h"),
        ] {
            check(&[(seconds, 1)], expect);
        }
        let days = [
            (1, "1d"),
            (7, "1w"),
            (28, "1M"),
            (31, "1M"),
            (90, "3M"),
            (365, "12M"),
        ];
        for (days, expect) in days {
            check(&[(days * 86_400, 1)], expect);
        }
        check(&[], "no instrument has two bars");
    }

    /// The smallest gap was taken: one stray row made bars of a minute "2s", which closed before they had
    /// happened.
    #[test]
    fn a_stray_row_does_not_shorten_the_bars() {
        check(&[(60, 100), (2, 1), (58, 1), (63_060, 3)], "1m");
        check(
            &[(60, 2), (2, 1), (58, 1)],
            "the gaps do not agree: 1m between 2 rows (first before line 3), 2s between 1 rows (first before \
             line 5), 58s between 1 rows (first before line 6)",
        );
        check(
            &[(60, 5), (300, 5)],
            "the gaps do not agree: 1m between 5 rows (first before line 3), 5m between 5 rows (first before \
             line 8)",
        );
        check(
            &[(300, 5), (60, 4)],
            &format!(
                "the gaps do not agree: {}, {}",
                "5m between 5 rows (first before line 3)",
                "1m between 4 rows (first before line 8)"
            ),
        );
    }

    /// Daily bars at a local midnight are 23 or 25 hours apart where the clocks change.
    #[test]
    fn a_day_of_23_hours_is_a_day() {
        check(&[(82_800, 1)], "1d");
        check(&[(86_400, 3), (82_800, 1), (90_000, 1), (255_600, 1)], "1d");
        check(
            &[(7 * 86_400, 30), (7 * 86_400 - 3_600, 1), (6 * 86_400, 2)],
            "1w",
        );
        check(
            &[(28 * 86_400, 1), (30 * 86_400 + 3_600, 4), (31 * 86_400, 7)],
            "1M",
        );
    }

    #[test]
    fn a_gap_that_no_bars_have_is_no_length() {
        for seconds in [7, 37, 13 * 60, 5 * 3_600, 20 * 3_600, 3 * 86_400] {
            let gap = Timeframe::Fixed(seconds * SECOND_NANOS);
            let expect =
                format!("no gap is a usual length: {gap} between 1 rows (first before line 3)");
            check(&[(seconds, 1)], &expect);
        }
        let mut trades = GapCounts::default();
        trades.add(1, 3);
        let reason = trades.timeframe().unwrap_err();
        assert_eq!(
            reason,
            "no gap is a usual length: 1 ns between 1 rows (first before line 3)"
        );
    }

    #[test]
    fn the_gaps_of_a_source_take_bounded_memory() {
        let mut counts = GapCounts::default();
        for gap in 0..i64::try_from(GAPS_MAX).unwrap() + 2 {
            counts.add(SECOND_NANOS + gap, 3);
        }
        assert_eq!(counts.by_nanos.len(), GAPS_MAX);
        let reason = counts.timeframe().unwrap_err();
        assert!(
            reason.contains("more than 86400 different gaps"),
            "{reason}"
        );
    }
}
