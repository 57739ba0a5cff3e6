//! A line of any length as a few points: first, lowest, highest and last of each of some hundred
//! buckets. It must never know what the line shows.
//!
//! Source: Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014.

/// Buckets of a wide chart: 2,000 points at most.
pub(crate) const BUCKETS_WIDE: usize = 500;
/// Buckets of a chart on a phone.
pub(crate) const BUCKETS_NARROW: usize = 150;

/// One point: when, in nanoseconds, and how much.
pub(crate) type LinePoint = (i64, f64);

/// Keeps a line in flat memory. Every bucket holds the same number of points; when there are too
/// many buckets, neighbours are joined and hold twice as many.
#[derive(Clone, Debug)]
pub(crate) struct ThinnedLine {
    per_bucket: u64,
    buckets: Vec<LineBucket>,
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct LineBucket {
    count: u64,
    first: LinePoint,
    low: LinePoint,
    high: LinePoint,
    last: LinePoint,
}

impl LineBucket {
    fn join(&mut self, later: &Self) {
        self.count = self.count.saturating_add(later.count);
        // Strictly below: of two equal lows the earlier one stays, as it would in one bucket.
        if later.low.1 < self.low.1 {
            self.low = later.low;
        }
        if later.high.1 > self.high.1 {
            self.high = later.high;
        }
        self.last = later.last;
    }
}

impl ThinnedLine {
    /// An empty line that keeps so many buckets at most.
    pub(crate) fn new(buckets: usize) -> Self {
        Self {
            per_bucket: 1,
            buckets: Vec::new(),
            most: buckets.max(2),
        }
    }

    /// Adds a point that is not earlier than those before it.
    pub(crate) fn push(&mut self, point: LinePoint) {
        let single = LineBucket {
            count: 1,
            first: point,
            low: point,
            high: point,
            last: point,
        };
        if let Some(last) = self.buckets.last_mut()
            && last.count < self.per_bucket
        {
            last.join(&single);
            return;
        }
        // Full: half the buckets, twice the points in each. So memory is flat however long the run
        // is, and nothing need be known of its length.
        if self.buckets.len() == self.most {
            self.halve();
            self.push(point);
            return;
        }
        self.buckets.push(single);
    }

    fn halve(&mut self) {
        let mut half: Vec<LineBucket> = Vec::with_capacity(self.most);
        for pair in self.buckets.chunks(2) {
            if let Some(first) = pair.first() {
                let mut joined = *first;
                if let Some(second) = pair.get(1) {
                    joined.join(second);
                }
                half.push(joined);
            }
        }
        self.buckets = half;
        self.per_bucket = self.per_bucket.saturating_mul(2);
    }

    /// The points, in sequence of time.
    pub(crate) fn points(&self) -> Vec<LinePoint> {
        let mut points: Vec<LinePoint> = Vec::with_capacity(self.buckets.len().saturating_mul(4));
        for bucket in &self.buckets {
            // In sequence of time, or the line would be drawn backwards inside the bucket.
            let (early, late) = if bucket.low.0 <= bucket.high.0 {
                (bucket.low, bucket.high)
            } else {
                (bucket.high, bucket.low)
            };
            for point in [bucket.first, early, late, bucket.last] {
                // A short line has buckets of one point: it is drawn once and not four times.
                let same =
                    |last: &LinePoint| last.0 == point.0 && last.1.to_bits() == point.1.to_bits();
                if !points.last().is_some_and(same) {
                    points.push(point);
                }
            }
        }
        points
    }

    /// The same line with fewer buckets.
    pub(crate) fn narrower(&self, buckets: usize) -> Self {
        let mut thin = Self::new(buckets);
        for point in self.points() {
            thin.push(point);
        }
        thin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_line_is_kept_whole_and_a_long_one_keeps_its_ends_and_extremes() {
        let mut thin = ThinnedLine::new(4);
        for point in [(0, 1.0), (1, 5.0), (2, -2.0)] {
            thin.push(point);
        }
        assert_eq!(thin.points(), [(0, 1.0), (1, 5.0), (2, -2.0)]);
        let mut thin = ThinnedLine::new(4);
        let mut low = 0.0_f64;
        for time in 0..1_000_i64 {
            let value = crate::number::signed(time * 7_919 % 1_000) - 500.0;
            low = low.min(value);
            thin.push((time, value));
        }
        let points = thin.points();
        assert!(points.len() <= 16, "{points:?}");
        assert!(points.iter().any(|point| point.1 <= low));
        assert_eq!(points[0].0, 0);
        assert_eq!(points[points.len() - 1].0, 999);
        assert!(points.is_sorted_by_key(|point| point.0));
    }
}
