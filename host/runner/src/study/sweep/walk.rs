//! Walk-forward splits: a train window to choose parameters in, and an out-of-sample test window after it. It must never
//! know how a choice is made.

use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};

/// The most splits, each of which takes a sweep.
const SPLITS_MAX: usize = 10_000;

/// Lengths of the two windows, in UTC days.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WalkWindows {
    /// Days of the train window.
    pub train_days: u32,
    /// Days of the test window, by which both windows move on.
    pub test_days: u32,
    /// Whether every train window begins at the first day, not at the last `train_days`.
    pub is_anchored: bool,
}

/// Two windows, as dates: the first day of each, and the first day after it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WalkSplit {
    /// The train window.
    pub train: [String; 2],
    /// The test window, of which no bar was seen in choosing.
    pub test: [String; 2],
}

/// The splits of the time from `first` to `end`. The end of the data may shorten the last test window; windows of no
/// days give no splits.
#[must_use]
pub fn walk_splits(first: UnixNanos, end: UnixNanos, windows: WalkWindows) -> Vec<WalkSplit> {
    let day = |time: i64| time.div_euclid(DAY_NANOS);
    let (first, end) = (day(first.0), day(end.0.saturating_sub(1)).saturating_add(1));
    let (train, test) = (i64::from(windows.train_days), i64::from(windows.test_days));
    let mut all = Vec::new();
    let mut from = first;
    while test > 0 && train > 0 && all.len() < SPLITS_MAX {
        // The test window begins exactly where the train window ends: one shared day would let a choice see the bars
        // that judge it.
        let middle = from.saturating_add(train);
        if middle >= end {
            break;
        }
        let start = if windows.is_anchored { first } else { from };
        let date = |day: i64| UnixNanos(day.saturating_mul(DAY_NANOS)).date_or_time();
        let until = middle.saturating_add(test).min(end);
        all.push(WalkSplit {
            train: [date(start), date(middle)],
            test: [date(middle), date(until)],
        });
        from = from.saturating_add(test);
    }
    all
}

/// The manifest over one window of its snapshot. A manifest over a feed is returned unchanged.
#[must_use]
pub fn with_window(manifest: &Manifest, window: &[String; 2]) -> Manifest {
    let mut manifest = manifest.clone();
    if let DataSource::Snapshot { from, to, .. } = &mut manifest.data {
        let [start, end] = window.clone();
        (*from, *to) = (Some(start), Some(end));
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits of the first `days` days of 1970 as `train|test` day numbers in January.
    #[track_caller]
    fn check(days: i64, train_days: u32, test_days: u32, is_anchored: bool, expected: &str) {
        let windows = WalkWindows {
            train_days,
            test_days,
            is_anchored,
        };
        let all = walk_splits(UnixNanos(0), UnixNanos(days * DAY_NANOS), windows);
        let number = |date: &String| date.strip_prefix("1970-01-").unwrap().to_owned();
        let texts = all.iter().map(|split| {
            let [a, b] = split.train.each_ref().map(number);
            let [c, d] = split.test.each_ref().map(number);
            format!("{a}-{b}|{c}-{d}")
        });
        assert_eq!(texts.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn a_test_window_follows_its_train_window_and_the_windows_move_on_by_it() {
        check(10, 4, 2, false, "01-05|05-07 03-07|07-09 05-09|09-11");
        check(10, 4, 2, true, "01-05|05-07 01-07|07-09 01-09|09-11");
        check(9, 4, 2, false, "01-05|05-07 03-07|07-09 05-09|09-10");
        check(4, 4, 2, false, "");
        check(10, 0, 2, false, "");
        check(10, 4, 0, false, "");
    }
}
