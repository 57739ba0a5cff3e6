//! Falls of equity from its running peak. It must never know what equity is made of.

use counterfoil_trading::time::{DAY_NANOS, UnixNanos};

use crate::number;

/// One fall from a peak until the peak is reached again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drawdown {
    /// The lowest equity over the peak, less one: below zero.
    pub(crate) depth: f64,
    /// When the peak was; `None`: before the first slice.
    pub(crate) peak: Option<UnixNanos>,
    /// When the lowest equity was.
    pub(crate) trough: UnixNanos,
    /// When equity reached the peak again; `None`: not by the end.
    pub(crate) recovered: Option<UnixNanos>,
    /// The last moment of it that is known: the recovery, or the end of the run.
    pub(crate) until: UnixNanos,
}

impl Drawdown {
    /// Days from the peak to the recovery, or to the end.
    pub(crate) fn days(&self, begin: UnixNanos) -> f64 {
        let nanos = self.until.0.saturating_sub(self.peak.unwrap_or(begin).0);
        number::signed(nanos) / number::signed(DAY_NANOS)
    }
}

/// The deepest fall and the longest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct DrawdownSummary {
    /// The deepest; the first of two that are equal.
    pub(crate) deepest: Option<Drawdown>,
    /// The longest; the first of two that are equal.
    pub(crate) longest: Option<Drawdown>,
    /// Days of the longest.
    pub(crate) longest_days: f64,
}

/// Equity over its running peak, less one, for each slice; the run's start counts as a peak.
pub(crate) fn series(start: f64, equity: &[f64]) -> Vec<f64> {
    let mut peak = start;
    let below = |now: &f64| {
        peak = peak.max(*now);
        // Equity that never was above zero has no fall in per cent.
        if peak > 0.0 { now / peak - 1.0 } else { 0.0 }
    };
    equity.iter().map(below).collect()
}

/// The deepest and the longest fall of a series of drawdowns.
pub(crate) fn falls(times: &[UnixNanos], drawdowns: &[f64]) -> DrawdownSummary {
    let mut all = DrawdownSummary::default();
    let Some(begin) = times.first().copied() else {
        return all;
    };
    let mut open: Option<Drawdown> = None;
    let mut peak = None;
    for (time, depth) in times.iter().copied().zip(drawdowns.iter().copied()) {
        if depth < 0.0 {
            let fall = open.get_or_insert(Drawdown {
                depth,
                peak,
                trough: time,
                recovered: None,
                until: time,
            });
            fall.until = time;
            // Below and not equal: of two troughs of one depth the first is named.
            if depth < fall.depth {
                fall.depth = depth;
                fall.trough = time;
            }
            continue;
        }
        // Every new or equal high is the peak of the next fall: a fall is as long as it lasted, not
        // as long as the high before it.
        peak = Some(time);
        if let Some(mut fall) = open.take() {
            fall.recovered = Some(time);
            fall.until = time;
            all.note(fall, begin);
        }
    }
    // A fall that lasts to the end counts as long as it was seen; it has no recovery.
    if let Some(fall) = open {
        all.note(fall, begin);
    }
    all
}

impl DrawdownSummary {
    fn note(&mut self, fall: Drawdown, begin: UnixNanos) {
        if self
            .deepest
            .is_none_or(|deepest| fall.depth < deepest.depth)
        {
            self.deepest = Some(fall);
        }
        let days = fall.days(begin);
        if self.longest.is_none() || days > self.longest_days {
            self.longest = Some(fall);
            self.longest_days = days;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equity a day, from 100; expected: depth, peak, trough and recovery of the deepest, and the
    /// days of the longest.
    #[track_caller]
    fn check(equity: &[f64], expect: &str) {
        let times: Vec<UnixNanos> = (1..=equity.len())
            .map(|day| UnixNanos(i64::try_from(day).unwrap() * DAY_NANOS))
            .collect();
        let falls = falls(&times, &series(100.0, equity));
        let day = |time: Option<UnixNanos>| time.map_or(-1, |time| time.0 / DAY_NANOS);
        let got = falls.deepest.map_or("none".to_owned(), |fall| {
            format!(
                "{:.2} peak {} trough {} recovered {} longest {}",
                fall.depth,
                day(fall.peak),
                day(Some(fall.trough)),
                day(fall.recovered),
                falls.longest_days,
            )
        });
        assert_eq!(got, expect, "{equity:?}");
    }

    #[test]
    fn a_fall_runs_from_a_peak_to_the_same_height() {
        check(&[], "none");
        check(&[100.0, 101.0, 101.0], "none");
        check(
            &[110.0, 99.0, 105.0, 110.0],
            "-0.10 peak 1 trough 2 recovered 4 longest 3",
        );
        check(
            &[90.0, 95.0],
            "-0.10 peak -1 trough 1 recovered -1 longest 1",
        );
        check(
            &[100.0, 99.0, 100.0, 200.0, 100.0, 150.0, 150.0, 150.0],
            "-0.50 peak 4 trough 5 recovered -1 longest 4",
        );
    }
}
