//! From the gaps between a source's rows to the length of its bars. It must never know a price, and never
//! answer where two lengths are possible.

use std::collections::BTreeMap;

use counterfoil_trading::time::{DAY_NANOS, Timeframe};

/// Different gaps that are counted: bars of a second with a hole of any length up to a day have as many.
/// A source with more has no grid.
const GAPS_MAX: usize = 86_400;

/// Of so many gaps of a bar's length one may be shorter: a stray row adds two short gaps.
const GAPS_PER_STRAY: u64 = 10;

/// Equal gaps of less than a day that are no chance.
const SHORT_GAPS_MIN: u64 = 3;

/// Equal gaps of a length that bars rarely have, such as 19 minutes or 3 days, that are no chance.
const ODD_GAPS_MIN: u64 = 8;

/// Gaps that show the length of one instrument's bars beside others that have the timeframe: a sparse instrument
/// may have fewer at equal distances by chance.
const LONGER_GAPS_MIN: u64 = 4;

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

/// The commonest gap of an instrument whose bars are longer than the timeframe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LongerGap {
    pub(crate) length: Timeframe,
    pub(crate) count: u64,
    /// All gaps of the instrument.
    pub(crate) gaps: u64,
    /// The first line that ends such a gap.
    pub(crate) line: u64,
}

impl LongerGap {
    /// Whether so few rows show it, although other instruments have bars of the timeframe.
    pub(crate) const fn is_sparse(&self) -> bool {
        self.gaps < LONGER_GAPS_MIN
    }
}

impl GapCounts {
    /// How many gaps are as long as a timeframe.
    pub(crate) fn count_of(&self, timeframe: Timeframe) -> u64 {
        let own = self.by_length();
        own.get(&timeframe).map_or(0, |gap| gap.count)
    }

    /// The commonest gap, if it shows that the bars are longer than a timeframe: it is a whole multiple, half of all
    /// gaps are of it and three quarters multiples of it, and fewer than one to ten of it are of the timeframe.
    ///
    /// Bars that are closed by a shorter timeframe have closes that are known before they happened.
    pub(crate) fn longer_than(&self, timeframe: Timeframe) -> Option<LongerGap> {
        let all = self.by_length();
        // Of equals the shorter: it may be the length, and the longer a multiple of it.
        let (length, most) = all
            .iter()
            .max_by_key(|(length, gap)| (gap.count, core::cmp::Reverse(nanos_of(**length))))?;
        let count = |is_one: &dyn Fn(Timeframe) -> bool| {
            let some = all.iter().filter(|(length, _)| is_one(**length));
            some.fold(0_u64, |sum, (_, gap)| sum.saturating_add(gap.count))
        };
        let gaps = count(&|_| true).saturating_add(self.uncounted);
        let multiples = count(&|other| other == *length || is_multiple(other, *length));
        let own = all.get(&timeframe).map_or(0, |gap| gap.count);
        let own = own.saturating_mul(GAPS_PER_STRAY);
        // Two of an odd length, such as 7 minutes, are chance; a day between two rows is not.
        let needed = match length {
            Timeframe::Fixed(nanos) if usual_length(*nanos).is_none() => ODD_GAPS_MIN,
            Timeframe::Fixed(nanos) if *nanos < DAY_NANOS => SHORT_GAPS_MIN,
            Timeframe::Fixed(_) | Timeframe::Months(_) => 1,
        };
        let is_shown = gaps > 1 && most.count >= needed;
        let is_longer = is_multiple(*length, timeframe) && is_shown;
        let is_rule = most.count.saturating_mul(2) >= gaps
            && multiples.saturating_mul(4) >= gaps.saturating_mul(3)
            && own < most.count;
        (is_longer && is_rule).then_some(LongerGap {
            length: *length,
            count: most.count,
            gaps,
            line: most.line,
        })
    }

    /// The gaps by the length of bars that they show, and those that show none as they are.
    fn by_length(&self) -> BTreeMap<Timeframe, GapCount> {
        let mut all: BTreeMap<Timeframe, GapCount> = BTreeMap::new();
        for (nanos, gap) in &self.by_nanos {
            let length = usual_length(*nanos).unwrap_or(Timeframe::Fixed(*nanos));
            let known = all.entry(length).or_insert(GapCount { count: 0, ..*gap });
            known.count = known.count.saturating_add(gap.count);
            known.line = known.line.min(gap.line);
        }
        all
    }

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

    /// Adds the gaps of another instrument.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (nanos, gap) in &other.by_nanos {
            let is_full = self.by_nanos.len() >= GAPS_MAX;
            if let Some(known) = self.by_nanos.get_mut(nanos) {
                known.count = known.count.saturating_add(gap.count);
                known.line = known.line.min(gap.line);
            } else if is_full {
                self.uncounted = self.uncounted.saturating_add(gap.count);
            } else {
                self.by_nanos.insert(*nanos, *gap);
            }
        }
        self.uncounted = self.uncounted.saturating_add(other.uncounted);
    }

    /// The length that one instrument's bars show by enough gaps to be no chance.
    pub(crate) fn clear_timeframe(&self) -> Option<Timeframe> {
        let length = self.timeframe().ok()?;
        (self.count_of(length) >= SHORT_GAPS_MIN).then_some(length)
    }

    /// The length that the commonest gap shows, or why it cannot be inferred.
    pub(crate) fn timeframe(&self) -> Result<Timeframe, String> {
        if self.by_nanos.is_empty() {
            return Err("no instrument has two bars".to_owned());
        }
        if self.uncounted > 0 {
            return Err(format!("there are more than {GAPS_MAX} different gaps"));
        }
        let mut by_length = self.by_length();
        by_length.retain(|length, _| match length {
            Timeframe::Fixed(nanos) => usual_length(*nanos) == Some(*length),
            Timeframe::Months(_) => true,
        });
        let most = by_length.iter().max_by_key(|(_, gap)| gap.count);
        let Some((length, count)) = most.map(|(length, gap)| (*length, gap.count)) else {
            return Err(format!("no gap is a usual length: {}", self.commonest()));
        };
        let is_tie = by_length
            .iter()
            .any(|(other, gap)| *other != length && gap.count == count);
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
            match gap.count {
                1 => format!("{length} once (before line {})", gap.line),
                count => format!("{length} {count} times (first before line {})", gap.line),
            }
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

/// Whether bars of a length are several of a timeframe.
fn is_multiple(length: Timeframe, of: Timeframe) -> bool {
    match (length, of) {
        (Timeframe::Fixed(length), Timeframe::Fixed(of)) => {
            length > of && length.checked_rem(of) == Some(0)
        }
        (Timeframe::Months(length), Timeframe::Months(of)) => {
            length > of && length.checked_rem(of) == Some(0)
        }
        // A month is whole days, and is longer than a week.
        (Timeframe::Months(_), Timeframe::Fixed(of)) => {
            DAY_NANOS.checked_rem(of) == Some(0) || of == DAY_NANOS.saturating_mul(7)
        }
        (Timeframe::Fixed(_), Timeframe::Months(_)) => false,
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
            "the gaps do not agree: 1m 2 times (first before line 3), 2s once (before \
             line 5), 58s once (before line 6)",
        );
        check(
            &[(60, 5), (300, 5)],
            "the gaps do not agree: 1m 5 times (first before line 3), 5m 5 times (first before \
             line 8)",
        );
        check(
            &[(300, 5), (60, 4)],
            &format!(
                "the gaps do not agree: {}, {}",
                "5m 5 times (first before line 3)", "1m 4 times (first before line 8)"
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
            let expect = format!("no gap is a usual length: {gap} once (before line 3)");
            check(&[(seconds, 1)], &expect);
        }
        let mut trades = GapCounts::default();
        trades.add(1, 3);
        let reason = trades.timeframe().unwrap_err();
        assert_eq!(
            reason,
            "no gap is a usual length: 1 ns once (before line 3)"
        );
    }

    /// Daily rows were taken as bars of a minute, and hours of one instrument as those beside minutes of another: their
    /// closes were known before they happened.
    #[test]
    fn bars_that_are_longer_than_the_timeframe_are_seen() {
        let check = |timeframe: &str, gaps: &[(i64, u64)], expect: &str| {
            let mut counts = GapCounts::default();
            for (seconds, count) in gaps {
                for _ in 0..*count {
                    counts.add(seconds * SECOND_NANOS, 3);
                }
            }
            let found = counts.longer_than(timeframe.parse().unwrap());
            let text = found.map_or_else(
                || "none".to_owned(),
                |longer| format!("{} {}/{}", longer.length, longer.count, longer.gaps),
            );
            assert_eq!(text, expect, "{timeframe} {gaps:?}");
        };
        let (hour, day) = (3_600, 86_400);
        check("1m", &[(day, 2)], "1d 2/2");
        check("1m", &[(day, 1), (3 * day, 1)], "1d 1/2");
        check("1m", &[(hour, 60), (18 * hour, 9)], "1h 60/69");
        check(
            "1d",
            &[(day - hour, 1), (7 * day, 20), (7 * day - hour, 1)],
            "1w 21/22",
        );
        check("1d", &[(7 * day, 20), (7 * day - hour, 1)], "1w 21/21");
        check("1d", &[(3 * day, 9)], "3d 9/9");
        check("1w", &[(28 * day, 3), (31 * day, 7)], "1M 10/10");
        check("1M", &[(90 * day, 2), (92 * day, 2)], "3M 4/4");
        // As long, or sparse.
        check("1d", &[(day, 4), (3 * day, 5)], "none");
        check("1m", &[(60, 1), (300, 10)], "none");
        check("1m", &[(60, 1), (300, 11)], "5m 11/12");
        check("1m", &[(420, 1), (780, 1), (1_320, 1)], "none");
        check("1m", &[(300, 2), (780, 1), (1_320, 1)], "none");
        check("1d", &[(7 * day, 1)], "none");
        check("1d", &[(3 * day, 1)], "none");
        check("1h", &[(90 * 60, 9)], "none");
        check("1h", &[(60, 9)], "none");
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
