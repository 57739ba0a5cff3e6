//! Which bar is the next of its instrument, and what the others are. It must never do I/O: where
//! bars are missing it names the gap, and the feed's task requests them. The reasons here are
//! recorded: they never change.

use std::collections::BTreeMap;

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;

use crate::feed::event::FeedEvent;
use crate::feed::protocol::BarGap;

/// Bars kept per instrument to tell a duplicate from a revision: more than a day of minutes.
const RECENT_MAX: usize = 1_500;

/// The longest gap that is requested, in bars: two months of minutes.
pub const GAP_BARS_MAX: i64 = 100_000;

/// The sequence of bars of each instrument.
#[derive(Clone, Debug)]
pub struct BarIntake {
    timeframe_nanos: i64,
    is_continuous: bool,
    instruments: BTreeMap<InstrumentId, InstrumentBars>,
}

/// The sequence of one instrument.
#[derive(Clone, Debug, Default)]
struct InstrumentBars {
    /// Open time of the next bar; `None` before the first.
    expected: Option<UnixNanos>,
    recent: BTreeMap<UnixNanos, ClosedBar>,
    /// Whether bars may have been lost since the last one.
    is_interrupted: bool,
}

/// What becomes of an offered bar.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OfferOutcome {
    /// It is this event.
    Event(FeedEvent),
    /// It comes after these gaps: request them, call [`BarIntake::fill_gaps`], then offer it again.
    After(Vec<BarGap>),
}

impl BarIntake {
    /// An intake for these instruments. `decided` holds the close time of each instrument's last
    /// bar that a run has; bars that closed since are requested.
    #[must_use]
    pub fn new(
        timeframe_nanos: i64,
        is_continuous: bool,
        instruments: impl Iterator<Item = InstrumentId>,
        decided: &BTreeMap<InstrumentId, UnixNanos>,
    ) -> Self {
        let instruments = instruments
            .map(|id| {
                let expected = decided.get(&id).copied();
                let bars = InstrumentBars {
                    expected,
                    recent: BTreeMap::new(),
                    is_interrupted: expected.is_some(),
                };
                (id, bars)
            })
            .collect();
        Self {
            timeframe_nanos,
            is_continuous,
            instruments,
        }
    }

    /// The connection is lost: bars may be missing from here on.
    pub fn interrupt(&mut self) {
        for bars in self.instruments.values_mut() {
            bars.is_interrupted = true;
        }
    }

    /// Possible gaps of every instrument with a bar so far, up to the start of the interval
    /// that contains `until`.
    #[must_use]
    pub fn gaps(&self, until: UnixNanos) -> Vec<BarGap> {
        let offset = until.past_grid(self.timeframe_nanos).unwrap_or(0);
        let to = UnixNanos(until.0.saturating_sub(offset));
        self.lost(to, None)
    }

    /// Gaps up to `to` of the interrupted instruments, and of `also`.
    fn lost(&self, to: UnixNanos, also: Option<InstrumentId>) -> Vec<BarGap> {
        self.instruments
            .iter()
            .filter(|(id, bars)| bars.is_interrupted || also == Some(**id))
            .filter_map(|(id, bars)| {
                let from = bars.expected.filter(|from| *from < to)?;
                let instrument = *id;
                Some(BarGap {
                    instrument,
                    from,
                    to,
                })
            })
            .collect()
    }

    /// Classifies a bar of the stream.
    pub fn offer(&mut self, bar: ClosedBar) -> OfferOutcome {
        let raw = *bar.get();
        let Some(bars) = self.instruments.get(&raw.instrument) else {
            return OfferOutcome::Event(FeedEvent::OutOfOrder(bar));
        };
        if let Some(event) = bars.classify_old(&bar) {
            return OfferOutcome::Event(event);
        }
        let is_hole = bars.expected.is_some_and(|next| raw.open_time > next);
        if is_hole && (self.is_continuous || bars.is_interrupted) {
            // The other instruments were interrupted too. All gaps are filled together, so that
            // their bars pass in the order of their close times.
            return OfferOutcome::After(self.lost(raw.open_time, Some(raw.instrument)));
        }
        OfferOutcome::Event(self.accept(bar))
    }

    /// Classifies another version of a bar. It never becomes the bar, even if none was passed on.
    #[must_use]
    pub fn revise(&self, bar: ClosedBar) -> FeedEvent {
        let bars = self.instruments.get(&bar.get().instrument);
        let known = bars.and_then(|bars| bars.recent.get(&bar.get().close_time));
        if known == Some(&bar) {
            FeedEvent::Duplicate(bar)
        } else {
            FeedEvent::Revised(bar)
        }
    }

    /// Accepts the bars found for some gaps, or the reason why none were found: the bars by close
    /// time, then the outcome of each gap. After it no bar before a gap's end is waited for.
    pub fn fill_gaps(
        &mut self,
        found: Vec<(BarGap, Result<Vec<ClosedBar>, String>)>,
    ) -> Vec<FeedEvent> {
        let mut all: Vec<ClosedBar> = Vec::new();
        let mut ends = Vec::new();
        for (gap, bars) in found {
            match bars {
                Ok(bars) => {
                    // A history may return more than it was asked for. A bar outside the gap would
                    // move the sequence past bars of the stream that are still to come.
                    let inside = bars.into_iter().filter(|bar| gap.holds(bar));
                    all.extend(inside);
                    ends.push((gap, None));
                }
                Err(reason) => ends.push((gap, Some(reason))),
            }
        }
        // A slice ends with the first bar of a later close time: out of order, each bar would end
        // the slice of the one before.
        all.sort_by_key(|bar| (bar.get().close_time, bar.get().instrument));
        let mut events = Vec::new();
        let mut counts: BTreeMap<InstrumentId, u64> = BTreeMap::new();
        let mut holes = Vec::new();
        for bar in all {
            let raw = *bar.get();
            let Some(bars) = self.instruments.get(&raw.instrument) else {
                continue;
            };
            if let Some(event) = bars.classify_old(&bar) {
                events.push(event);
                continue;
            }
            if let Some(from) = bars.expected.filter(|next| *next < raw.open_time) {
                holes.push(BarGap {
                    instrument: raw.instrument,
                    from,
                    to: raw.open_time,
                });
            }
            let count = counts.entry(raw.instrument).or_default();
            *count = count.saturating_add(1);
            events.push(self.accept(bar));
        }
        for (gap, reason) in ends {
            events.extend(self.close_gap(gap, reason, &mut holes, &counts));
        }
        let missing = |gap| FeedEvent::Missing {
            gap,
            reason: "the venue's history does not have them".to_owned(),
        };
        if self.is_continuous {
            events.extend(holes.into_iter().map(missing));
        }
        events
    }

    /// Ends a gap: no bar before its end is waited for any more.
    fn close_gap(
        &mut self,
        gap: BarGap,
        reason: Option<String>,
        holes: &mut Vec<BarGap>,
        counts: &BTreeMap<InstrumentId, u64>,
    ) -> Option<FeedEvent> {
        let bars = self.instruments.get_mut(&gap.instrument)?;
        let rest = BarGap {
            from: bars.expected.unwrap_or(gap.from).max(gap.from),
            ..gap
        };
        bars.is_interrupted = false;
        // Even where the history had nothing: a gap is requested once, or a bar that no one has
        // would stop the feed for ever.
        bars.expected = bars.expected.max(Some(gap.to));
        if let Some(reason) = reason {
            return Some(FeedEvent::Missing { gap, reason });
        }
        if rest.from < rest.to {
            holes.push(rest);
        }
        let bars = counts.get(&gap.instrument).copied().unwrap_or(0);
        Some(FeedEvent::Filled { gap, bars })
    }

    /// The bar is the next of its instrument.
    fn accept(&mut self, bar: ClosedBar) -> FeedEvent {
        let raw = *bar.get();
        let bars = self.instruments.entry(raw.instrument).or_default();
        bars.expected = Some(raw.close_time);
        bars.is_interrupted = false;
        bars.recent.insert(raw.close_time, bar);
        // Older bars can no longer be distinguished from revisions; they are out of order in either
        // case, and the strategy sees neither.
        while bars.recent.len() > RECENT_MAX {
            bars.recent.pop_first();
        }
        FeedEvent::Closed(bar)
    }
}

impl InstrumentBars {
    /// What a bar is that does not come after the last one; `None` if it does.
    fn classify_old(&self, bar: &ClosedBar) -> Option<FeedEvent> {
        if let Some(passed_on) = self.recent.get(&bar.get().close_time) {
            return Some(if passed_on == bar {
                FeedEvent::Duplicate(*bar)
            } else {
                FeedEvent::Revised(*bar)
            });
        }
        let is_before = self.expected.is_some_and(|next| bar.get().open_time < next);
        is_before.then_some(FeedEvent::OutOfOrder(*bar))
    }
}

impl BarGap {
    /// Whether a bar belongs to the gap.
    fn holds(&self, bar: &ClosedBar) -> bool {
        let raw = bar.get();
        raw.instrument == self.instrument && raw.open_time >= self.from && raw.open_time < self.to
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::bar::RawBar;
    use counterfoil_trading::units::{Price, Volume};
    use proptest::prelude::*;

    use super::*;

    fn bar(instrument: u32, close: i64, price: i64) -> ClosedBar {
        ClosedBar::parse(RawBar {
            instrument: InstrumentId(instrument),
            open_time: UnixNanos(close - 10),
            close_time: UnixNanos(close),
            open: Price(price),
            high: Price(price),
            low: Price(price),
            close: Price(price),
            volume: Volume(1),
        })
        .unwrap()
    }

    fn intake(is_continuous: bool) -> BarIntake {
        let ids = (0..2).map(InstrumentId);
        BarIntake::new(10, is_continuous, ids, &BTreeMap::new())
    }

    fn text(event: &FeedEvent) -> String {
        let code = event.code();
        if let FeedEvent::Closed(bar)
        | FeedEvent::Duplicate(bar)
        | FeedEvent::Revised(bar)
        | FeedEvent::OutOfOrder(bar) = event
        {
            let bar = bar.get();
            return format!("{code} {}@{}", bar.instrument.0, bar.close_time.0);
        }
        let (FeedEvent::Missing { gap, .. } | FeedEvent::Filled { gap, .. }) = event else {
            return code.to_owned();
        };
        format!("{code} {}@{}..{}", gap.instrument.0, gap.from.0, gap.to.0)
    }

    fn offered(intake: &mut BarIntake, bar: ClosedBar) -> String {
        match intake.offer(bar) {
            OfferOutcome::Event(event) => text(&event),
            OfferOutcome::After(gaps) => {
                let gaps: Vec<String> = gaps
                    .iter()
                    .map(|gap| format!("{}@{}..{}", gap.instrument.0, gap.from.0, gap.to.0))
                    .collect();
                format!("after {}", gaps.join(" "))
            }
        }
    }

    fn texts(events: &[FeedEvent]) -> Vec<String> {
        events.iter().map(text).collect()
    }

    #[test]
    fn a_bar_is_next_known_revised_or_out_of_order() {
        let mut intake = intake(true);
        for (next, expect) in [
            (bar(0, 20, 1), "closed-bar 0@20"),
            (bar(0, 20, 1), "duplicate-bar 0@20"),
            (bar(0, 20, 2), "revised-bar 0@20"),
            (bar(0, 10, 1), "out-of-order-bar 0@10"),
            (bar(0, 30, 1), "closed-bar 0@30"),
            (bar(1, 90, 1), "closed-bar 1@90"),
            (bar(7, 90, 1), "out-of-order-bar 7@90"),
        ] {
            assert_eq!(offered(&mut intake, next), expect);
        }
        assert_eq!(text(&intake.revise(bar(0, 30, 1))), "duplicate-bar 0@30");
        assert_eq!(text(&intake.revise(bar(0, 30, 2))), "revised-bar 0@30");
        assert_eq!(text(&intake.revise(bar(0, 40, 2))), "revised-bar 0@40");
    }

    #[test]
    fn a_hole_is_asked_for_and_what_nobody_has_is_missing() {
        let mut intake = intake(true);
        intake.offer(bar(0, 20, 1));
        assert_eq!(offered(&mut intake, bar(0, 60, 1)), "after 0@20..50");
        let gap = BarGap {
            instrument: InstrumentId(0),
            from: UnixNanos(20),
            to: UnixNanos(50),
        };
        // Out of sequence, one twice, one outside.
        let found = vec![bar(0, 50, 1), bar(0, 30, 1), bar(0, 30, 1), bar(0, 60, 9)];
        let events = intake.fill_gaps(vec![(gap, Ok(found))]);
        assert_eq!(
            texts(&events),
            [
                "closed-bar 0@30",
                "duplicate-bar 0@30",
                "closed-bar 0@50",
                "gap-filled 0@20..50",
                "missing-bars 0@30..40"
            ]
        );
        assert_eq!(offered(&mut intake, bar(0, 60, 1)), "closed-bar 0@60");
    }

    #[test]
    fn where_intervals_may_be_empty_a_hole_is_one_only_after_an_interruption() {
        let mut intake = intake(false);
        intake.offer(bar(0, 20, 1));
        intake.offer(bar(1, 20, 1));
        assert_eq!(offered(&mut intake, bar(0, 60, 1)), "closed-bar 0@60");
        intake.interrupt();
        assert_eq!(
            intake.gaps(UnixNanos(59)).len(),
            1,
            "only 1 may have lost one"
        );
        assert_eq!(
            offered(&mut intake, bar(0, 90, 1)),
            "after 0@60..80 1@20..80"
        );
        let gaps = match intake.offer(bar(0, 90, 1)) {
            OfferOutcome::After(gaps) => gaps,
            OfferOutcome::Event(event) => panic!("{event:?}"),
        };
        let found = vec![
            (gaps[0], Err("no answer".to_owned())),
            (gaps[1], Ok(vec![bar(1, 50, 1)])),
        ];
        assert_eq!(
            texts(&intake.fill_gaps(found)),
            [
                "closed-bar 1@50",
                "missing-bars 0@60..80",
                "gap-filled 1@20..80"
            ]
        );
        assert_eq!(offered(&mut intake, bar(0, 90, 1)), "closed-bar 0@90");
        assert_eq!(offered(&mut intake, bar(0, 80, 1)), "out-of-order-bar 0@80");
    }

    #[test]
    fn what_a_run_has_decided_is_where_the_feed_goes_on() {
        let decided = BTreeMap::from([(InstrumentId(0), UnixNanos(40))]);
        let ids = (0..2).map(InstrumentId);
        let mut intake = BarIntake::new(10, false, ids, &decided);
        let gaps = intake.gaps(UnixNanos(75));
        assert_eq!(gaps.len(), 1);
        assert_eq!((gaps[0].from.0, gaps[0].to.0), (40, 70));
        assert_eq!(offered(&mut intake, bar(0, 40, 1)), "out-of-order-bar 0@40");
    }

    proptest! {
        /// Whatever the stream loses, doubles and shuffles, with a history that has everything,
        /// each bar passes once, in sequence, and none is missing up to the last.
        #[test]
        fn with_a_whole_history_no_bar_is_lost_or_doubled(
            stream in proptest::collection::vec((0_u32..2, 1_i64..40, any::<bool>()), 1..80),
        ) {
            let mut intake = intake(true);
            let mut passed: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
            let mut take = |events: &[FeedEvent]| {
                for event in events {
                    if let FeedEvent::Closed(bar) = event {
                        let bar = bar.get();
                        passed.entry(bar.instrument.0).or_default().push(bar.close_time.0);
                    }
                    let is_missing = matches!(event, FeedEvent::Missing { .. });
                    prop_assert!(!is_missing);
                }
                Ok(())
            };
            for (id, at, breaks) in stream {
                if breaks {
                    intake.interrupt();
                }
                let next = bar(id, at * 10, 1);
                let event = match intake.offer(next) {
                    OfferOutcome::Event(event) => event,
                    OfferOutcome::After(gaps) => {
                        let found = gaps.iter().map(|gap| {
                            let bars = (gap.from.0 / 10..gap.to.0 / 10)
                                .map(|open| bar(gap.instrument.0, open * 10 + 10, 1));
                            (*gap, Ok(bars.collect()))
                        });
                        take(&intake.fill_gaps(found.collect()))?;
                        let OfferOutcome::Event(event) = intake.offer(next) else {
                            return Err(TestCaseError::fail("asked twice"));
                        };
                        prop_assert!(matches!(event, FeedEvent::Closed(_)));
                        event
                    }
                };
                take(&[event])?;
            }
            for closes in passed.values() {
                let first = closes[0];
                let expect: Vec<i64> = (0_i64..).take(closes.len()).map(|n| first + n * 10).collect();
                prop_assert_eq!(closes, &expect);
            }
        }
    }
}
