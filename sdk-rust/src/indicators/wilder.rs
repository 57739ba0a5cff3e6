//! Wilder's smoothing, the shared piece of RSI and ATR. It must never know what it smooths.

/// Wilder's average of n values: the plain average of the first n, then
/// `(before * (n - 1) + value) / n`.
///
/// Source: J. Welles Wilder, New Concepts in Technical Trading Systems, 1978.
#[derive(Clone, Debug)]
pub(crate) struct Wilder {
    length: u32,
    seen: u32,
    /// The sum of the values until there are n, then the average.
    state: f64,
}

impl Wilder {
    /// `length` must be at least 1.
    pub(crate) fn new(length: u32) -> Self {
        Self {
            length,
            seen: 0,
            state: 0.0,
        }
    }

    pub(crate) fn update(&mut self, value: f64) -> Option<f64> {
        let length = f64::from(self.length);
        if self.seen < self.length {
            self.seen += 1;
            self.state += value;
            if self.seen < self.length {
                return None;
            }
            self.state /= length;
        } else {
            self.state = (self.state * (length - 1.0) + value) / length;
        }
        Some(self.state)
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        self.state *= factor;
    }
}
