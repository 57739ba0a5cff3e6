//! Each bar of an instrument held against the rules, with the bar before and the bar after it.
//! All arithmetic is of integers, and no rule changes a bar. It must never know other instruments.

use counterfoil_trading::bar::RawBar;
use counterfoil_trading::bar_grid::{BarMisfit, check_bar};
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::decimal;
use counterfoil_trading::exchange_calendar::ExchangeCalendar;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};

use crate::quality::actions::SymbolAction;
use crate::quality::calendar::ExpectedBars;
use crate::quality::findings::{BarRow, QualityFinding, QualityRule, Severity};
use crate::source::times::{date, show};

/// How many times its neighbours a price must be to be absurd.
const ABSURD_FACTOR: i128 = 10;

/// Bars with the same prices and volume until they are called stale.
const STALE_BARS: u32 = 3;

/// New and old shares of usual splits, each of them also the other way round.
const USUAL_SPLITS: [(i128, i128); 13] = [
    (2, 1),
    (3, 1),
    (3, 2),
    (4, 1),
    (5, 1),
    (6, 1),
    (7, 1),
    (8, 1),
    (10, 1),
    (15, 1),
    (20, 1),
    (25, 1),
    (50, 1),
];

/// The timeframe, calendar and actions that all bars of a snapshot are checked against.
#[derive(Clone, Copy)]
pub(crate) struct CheckContext<'a> {
    pub(crate) timeframe: Timeframe,
    pub(crate) expected: &'a ExpectedBars,
    pub(crate) actions: &'a [SymbolAction],
}

/// The rules, and what they need to remember of one instrument.
pub(crate) struct BarChecker<'a> {
    symbol: &'a str,
    price_scale: u8,
    context: CheckContext<'a>,
    /// The actions of this instrument that can explain prices, by ex-time.
    actions: Vec<&'a SymbolAction>,
    delisted: Option<UnixNanos>,
    /// The last bar that may be used.
    before: Option<RawBar>,
    /// The last bar, usable or not.
    seen: Option<RawBar>,
    same: u32,
    kept: u64,
    calendar: ExchangeCalendar,
    overlaps: MisfitTally,
    off_grid: MisfitTally,
    bars: u64,
    zero_volume: u64,
}

/// Bars that are left out, and the first of them.
#[derive(Clone, Debug, Default)]
struct MisfitTally {
    bars: u64,
    first: Option<UnixNanos>,
    /// The row of the first.
    row: Option<BarRow>,
}

impl MisfitTally {
    fn add(&mut self, bar: &RawBar, row: Option<BarRow>) {
        self.bars = self.bars.saturating_add(1);
        if self.first.is_none() {
            self.first = Some(bar.open_time);
            self.row = row;
        }
    }
}

/// A number of bars.
fn bars_text(count: u64) -> String {
    match count {
        1 => "1 bar".to_owned(),
        count => format!("{count} bars"),
    }
}

impl<'a> BarChecker<'a> {
    pub(crate) fn new(
        symbol: &'a str,
        price_scale: u8,
        context: CheckContext<'a>,
        calendar: ExchangeCalendar,
    ) -> Self {
        // A halt explains missing prices, not a jump.
        let actions: Vec<&SymbolAction> = context
            .actions
            .iter()
            .filter(|action| action.instrument == symbol)
            .filter(|action| !matches!(action.kind, CorporateActionKind::Halt { .. }))
            .collect();
        let delisted = actions
            .iter()
            .find(|action| matches!(action.kind, CorporateActionKind::Delisting { .. }))
            .map(|action| action.ex_time);
        Self {
            symbol,
            price_scale,
            context,
            actions,
            delisted,
            before: None,
            seen: None,
            same: 0,
            kept: 0,
            calendar,
            overlaps: MisfitTally::default(),
            off_grid: MisfitTally::default(),
            bars: 0,
            zero_volume: 0,
        }
    }

    /// Why a bar is in no run of this timeframe; `None` if it may be.
    pub(crate) fn check_fit(&self, bar: &RawBar) -> Option<BarMisfit> {
        let last = self.before.map(|before| before.close_time);
        check_bar(self.context.timeframe, &self.calendar, bar, last).err()
    }

    /// Notes a bar that is left out; the rule that keeps it out.
    pub(crate) fn leave_out(
        &mut self,
        bar: &RawBar,
        misfit: &BarMisfit,
        row: Option<BarRow>,
    ) -> QualityRule {
        if matches!(misfit, BarMisfit::Overlap { .. }) {
            self.overlaps.add(bar, row);
            QualityRule::Overlap
        } else {
            self.off_grid.add(bar, row);
            QualityRule::OffGrid
        }
    }

    /// The findings about a bar; `next` is the bar after it.
    pub(crate) fn check_bar(&mut self, bar: &RawBar, next: Option<&RawBar>) -> Vec<QualityFinding> {
        let mut found = Vec::new();
        let before = self.before;
        self.check_time(bar, &mut found);
        // With both neighbours only: at the ends of the data a spike and a new level look alike.
        if let (Some(before), Some(next)) = (&before, next) {
            self.check_neighbours(before, bar, next, &mut found);
        }
        // A bar that is an error already would only add a jump there and a jump back.
        let is_bad = found
            .iter()
            .any(|finding| finding.severity == Severity::Error);
        if let Some(before) = before.as_ref().filter(|_| !is_bad) {
            self.check_jump(before, bar, &mut found);
            let values = |bar: &RawBar| (bar.open, bar.high, bar.low, bar.close, bar.volume);
            let same = values(before) == values(bar) && bar.volume > Volume(0);
            self.same = if same { self.same.saturating_add(1) } else { 0 };
            // Reported once, when the third is seen: a feed that hangs repeats for hours.
            if self.same.saturating_add(1) == STALE_BARS {
                let message = format!(
                    "the same prices and volume as the {} bars before it",
                    self.same
                );
                found.push(self.about(QualityRule::Stale, bar, message));
            }
        }
        self.bars = self.bars.saturating_add(1);
        self.zero_volume = self
            .zero_volume
            .saturating_add((bar.volume == Volume(0)).into());
        self.seen = Some(*bar);
        found
    }

    /// Bars that no run of the timeframe may have.
    pub(crate) const fn left_out(&self) -> u64 {
        self.overlaps.bars.saturating_add(self.off_grid.bars)
    }

    /// Bars that are used.
    pub(crate) const fn kept(&self) -> u64 {
        self.kept
    }

    /// Remembers a bar that is used.
    pub(crate) fn keep(&mut self, bar: &RawBar) {
        self.kept = self.kept.saturating_add(1);
        self.before = Some(*bar);
    }

    /// The findings that are reported once, after the last bar.
    pub(crate) fn finish(self) -> Vec<QualityFinding> {
        let mut found = Vec::new();
        let timeframe = self.context.timeframe;
        let since = |tally: &MisfitTally| tally.first.map_or_else(String::new, show);
        let overlap = format!(
            "left out: {}, which open before the bar before them closed, the first at {}; the timeframe may be too \
             long, or the file may date bars by their last day (--time close)",
            bars_text(self.overlaps.bars),
            since(&self.overlaps)
        );
        let off_grid = format!(
            "left out: {} off the grid of the others, the first at {}; if they are not bars of {timeframe}, state \
             another timeframe; if clocks changed, state the exchange's zone with --zone or --calendar",
            bars_text(self.off_grid.bars),
            since(&self.off_grid)
        );
        let what = if self.zero_volume == self.bars {
            ", and none has a volume: orders fill without, and a volume cap is refused"
        } else {
            " without any volume; nothing fills there"
        };
        let zero_volume = format!("{}{what}", bars_text(self.zero_volume));
        let (overlaps, off_grids) = (self.overlaps, self.off_grid);
        for (rule, bars, message, row) in [
            (QualityRule::Overlap, overlaps.bars, overlap, overlaps.row),
            (QualityRule::ZeroVolume, self.zero_volume, zero_volume, None),
            (
                QualityRule::OffGrid,
                off_grids.bars,
                off_grid,
                off_grids.row,
            ),
        ] {
            if bars > 0 {
                let finding = QualityFinding {
                    quarantined: rule.severity() == Severity::Error,
                    ..QualityFinding::new(rule, message)
                        .about(self.symbol, None)
                        .counting(bars)
                };
                found.push(finding.of_row(row));
            }
        }
        found
    }

    fn about(&self, rule: QualityRule, bar: &RawBar, message: String) -> QualityFinding {
        // A date identifies a daily bar; of shorter ones there are many a day.
        let time = show(bar.open_time);
        let message = if time.len() > 10 {
            format!("bar of {time}: {message}")
        } else {
            message
        };
        QualityFinding::new(rule, message).about(self.symbol, Some(date(bar.open_time)))
    }

    fn text(&self, price: Price) -> String {
        decimal::format(i128::from(price.0), self.price_scale)
    }

    /// The actions whose ex-time is after one bar's open and before another bar's close.
    fn actions(&self, after: UnixNanos, before: UnixNanos) -> impl Iterator<Item = &SymbolAction> {
        let from = self
            .actions
            .partition_point(|action| action.ex_time <= after);
        let rest = self.actions.get(from..).unwrap_or_default().iter();
        rest.take_while(move |action| action.ex_time < before)
            .copied()
    }

    fn check_time(&mut self, bar: &RawBar, found: &mut Vec<QualityFinding>) {
        if let Some(since) = self.delisted.filter(|since| *since <= bar.open_time) {
            let message = format!("delisted since {}", show(since));
            found.push(self.about(QualityRule::AfterDelisting, bar, message));
        }
        if self
            .context
            .expected
            .is_closed(self.context.timeframe, bar.open_time)
        {
            let message = "the calendar says that the venue is closed".to_owned();
            found.push(self.about(QualityRule::ClosedVenue, bar, message));
        }
        // Against the last bar seen, usable or not: a quarantined bar is not a gap.
        let Some(seen) = &self.seen else { return };
        let expected = self.context.expected;
        if let Some(gap) = expected.missing(self.context.timeframe, seen.open_time, bar.open_time) {
            let (first, last) = (show(gap.first), show(gap.last));
            let message = match gap.count {
                1 => format!("no bar opens at {first}"),
                count => format!("{count} bars are missing, {first} to {last}"),
            };
            found.push(self.about(QualityRule::Gap, bar, message));
        }
    }

    /// A spike: far from the bar before and the bar after, which agree with each other.
    fn check_neighbours(
        &self,
        before: &RawBar,
        bar: &RawBar,
        next: &RawBar,
        found: &mut Vec<QualityFinding>,
    ) {
        // How many times larger is no question about prices of zero or below.
        if [before, bar, next].iter().any(|bar| bar.low.0 <= 0) {
            return;
        }
        let wide = |price: Price| i128::from(price.0);
        let highest = wide(before.high.max(next.high));
        let lowest = wide(before.low.min(next.low));
        let (high, low) = (wide(bar.high), wide(bar.low));
        // Products are compared, never quotients: nothing is rounded.
        let times = |value: i128, factor: i128| value.saturating_mul(factor);
        let rule = if high >= times(highest, ABSURD_FACTOR) || times(low, ABSURD_FACTOR) <= lowest {
            QualityRule::AbsurdPrice
        } else if times(high, 2) >= times(highest, 3) || times(low, 3) <= times(lowest, 2) {
            QualityRule::Outlier
        } else {
            return;
        };
        let message = format!(
            "{} to {}, and its neighbours {} to {} and {} to {}",
            self.text(bar.low),
            self.text(bar.high),
            self.text(before.low),
            self.text(before.high),
            self.text(next.low),
            self.text(next.high)
        );
        found.push(self.about(rule, bar, message));
    }

    /// From the close before to the open: with an action, does it fit; without one, what is it.
    fn check_jump(&self, before: &RawBar, bar: &RawBar, found: &mut Vec<QualityFinding>) {
        let (close, open) = (i128::from(before.close.0), i128::from(bar.open.0));
        let from_to = || format!("{} to {}", self.text(before.close), self.text(bar.open));
        let mut explained = false;
        for action in self.actions(before.open_time, bar.close_time) {
            // Any action explains a jump. Only a split states how large it should be.
            explained = true;
            // One within the bar before was held against that bar's open, where the run applies it.
            let is_of_bar = action.ex_time >= before.close_time;
            if let CorporateActionKind::Split { new, old } = action.kind
                && is_of_bar
                && close > 0
                && open > 0
            {
                let (new, old) = (i128::from(new.get()), i128::from(old.get()));
                if !is_near(close, open, new, old, 25) {
                    let message =
                        format!("a split of {new}:{old}, and close to open is {}", from_to());
                    found.push(self.about(QualityRule::SplitWithoutJump, bar, message));
                }
            }
        }
        if explained {
            return;
        }
        // There is no ratio through zero. A change of sign is always worth a look.
        if close <= 0 || open <= 0 {
            if (close > 0) != (open > 0) {
                let message = format!("close to open is {}", from_to());
                found.push(self.about(QualityRule::Jump, bar, message));
            }
            return;
        }
        let both_ways = USUAL_SPLITS
            .iter()
            .flat_map(|(new, old)| [(*new, *old), (*old, *new)]);
        for (new, old) in both_ways {
            if is_near(close, open, new, old, 3) {
                let message = format!(
                    "close to open is {}: a split of {new}:{old} that no action states?",
                    from_to()
                );
                found.push(self.about(QualityRule::MissingSplit, bar, message));
                return;
            }
        }
        let (more, less) = (close.max(open), close.min(open));
        if more.saturating_mul(2) >= less.saturating_mul(3) {
            let message = format!("close to open is {}, and no action says why", from_to());
            found.push(self.about(QualityRule::Jump, bar, message));
        }
    }
}

/// Whether close / open is within `percent` of new / old.
fn is_near(close: i128, open: i128, new: i128, old: i128, percent: i128) -> bool {
    let (got, exact) = (close.saturating_mul(old), open.saturating_mul(new));
    let distance = got.saturating_sub(exact).abs();
    distance.saturating_mul(100) <= exact.saturating_mul(percent)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use counterfoil_trading::time::DAY_NANOS;

    use super::*;
    use crate::quality::actions::parse_actions;

    /// Bars as `day open high low close volume`, and the findings as `rule day`.
    #[track_caller]
    fn check(actions: &str, bars: &[[i64; 6]], expect: &[&str]) {
        let text = format!("instrument,ex_date,action,value\n{actions}");
        let actions = parse_actions("a", text.as_bytes()).unwrap();
        let expected = ExpectedBars::Dates((0..100).collect::<BTreeSet<i64>>());
        let context = CheckContext {
            timeframe: "1d".parse().unwrap(),
            expected: &expected,
            actions: &actions,
        };
        let raw: Vec<RawBar> = bars
            .iter()
            .map(|[day, open, high, low, close, volume]| RawBar {
                open_time: UnixNanos(day * DAY_NANOS),
                close_time: UnixNanos((day + 1) * DAY_NANOS),
                open: Price(*open),
                high: Price(*high),
                low: Price(*low),
                close: Price(*close),
                volume: Volume(*volume),
                ..RawBar::default()
            })
            .collect();
        let mut checker = BarChecker::new("A", 0, context, ExchangeCalendar::default());
        let mut found = Vec::new();
        for (place, bar) in raw.iter().enumerate() {
            let new = checker.check_bar(bar, raw.get(place + 1));
            if new
                .iter()
                .all(|finding| finding.severity != Severity::Error)
            {
                checker.keep(bar);
            }
            found.extend(new);
        }
        found.extend(checker.finish());
        let got: Vec<String> = found
            .iter()
            .map(|finding| {
                format!(
                    "{} {}",
                    finding.rule,
                    finding.date.clone().unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(got, expect, "{found:?}");
    }

    #[test]
    fn bars_that_agree_with_their_neighbours_have_no_finding() {
        check(
            "",
            &[
                [1, 10, 12, 9, 11, 5],
                [2, 11, 13, 10, 12, 6],
                [3, 12, 12, 11, 11, 7],
            ],
            &[],
        );
    }

    #[test]
    fn a_spike_is_an_outlier_or_absurd_and_a_new_level_is_neither() {
        let a = [1, 100, 100, 100, 100, 1];
        let b = [3, 100, 100, 100, 100, 2];
        check("", &[a, [2, 100, 149, 100, 100, 3], b], &[]);
        check(
            "",
            &[a, [2, 100, 150, 100, 100, 3], b],
            &["outlier 1970-01-03"],
        );
        check(
            "",
            &[a, [2, 100, 999, 100, 100, 3], b],
            &["outlier 1970-01-03"],
        );
        check(
            "",
            &[a, [2, 100, 1000, 100, 100, 3], b],
            &["absurd-price 1970-01-03"],
        );
        check(
            "",
            &[a, [2, 100, 100, 11, 100, 3], b],
            &["outlier 1970-01-03"],
        );
        check(
            "",
            &[a, [2, 100, 100, 10, 100, 3], b],
            &["absurd-price 1970-01-03"],
        );
        check(
            "",
            &[a, [2, 180, 180, 180, 180, 3], [3, 181, 181, 181, 181, 2]],
            &["jump 1970-01-03"],
        );
    }

    #[test]
    fn prices_below_zero_are_no_spike_and_a_change_of_sign_is_a_jump() {
        check(
            "",
            &[
                [1, 20, 20, 17, 18, 1],
                [2, 17, 17, -40, -37, 2],
                [3, -14, 13, -16, 10, 3],
                [4, 11, 13, 6, 13, 4],
            ],
            &[],
        );
        check(
            "",
            &[[1, 20, 20, 18, 18, 1], [2, -3, -3, -4, -4, 2]],
            &["jump 1970-01-03"],
        );
    }

    #[test]
    fn a_split_is_stated_and_seen_or_reported() {
        let bars = [
            [1, 100, 100, 100, 100, 1],
            [2, 51, 51, 51, 51, 1],
            [3, 51, 51, 50, 50, 1],
        ];
        check("", &bars, &["missing-split 1970-01-03"]);
        check("A,1970-01-03,split,2:1\n", &bars, &[]);
        check(
            "B,1970-01-03,split,2:1\n",
            &bars,
            &["missing-split 1970-01-03"],
        );
        check(
            "A,1970-01-03,split,3:1\n",
            &bars,
            &["split-without-jump 1970-01-03"],
        );
        check(
            "A,1970-01-04,split,2:1\n",
            &bars,
            &["missing-split 1970-01-03", "split-without-jump 1970-01-04"],
        );
        let reverse = [[1, 10, 10, 10, 10, 1], [2, 100, 100, 100, 100, 1]];
        check("", &reverse, &["missing-split 1970-01-03"]);
        check("A,1970-01-03,split,1:10\n", &reverse, &[]);
    }

    #[test]
    fn gaps_repeats_and_bars_after_the_end_are_seen() {
        check(
            "",
            &[[1, 9, 9, 9, 9, 1], [4, 9, 9, 9, 9, 2]],
            &["gap 1970-01-05"],
        );
        let same = [5, 5, 5, 5, 7];
        let day = |day: i64| [day, same[0], same[1], same[2], same[3], same[4]];
        check("", &[day(1), day(2)], &[]);
        check("", &[day(1), day(2), day(3), day(4)], &["stale 1970-01-04"]);
        check(
            "A,1970-01-03,delisting,5\n",
            &[day(1), day(2)],
            &["after-delisting 1970-01-03"],
        );
        check(
            "",
            &[[1, 9, 9, 9, 9, 0], [2, 9, 9, 9, 9, 0]],
            &["zero-volume "],
        );
    }
}
