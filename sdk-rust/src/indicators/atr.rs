//! Wilder's average true range. It must never know what size or stop is made of it.

use super::error::{IndicatorError, checked};
use super::float;
use super::wilder::Wilder;
use crate::bindings::counterfoil::strategy::types::{Bar, SplitRatio};

/// How far the price moved in a bar, the gap from the close before included:
/// `max(high, previous close) - min(low, previous close)`. Without a close before it is high
/// minus low.
#[must_use]
pub fn true_range(bar: &Bar, previous_close: Option<i64>) -> i64 {
    let close = previous_close.unwrap_or(bar.high);
    let top = bar.high.max(close);
    top.saturating_sub(bar.low.min(close))
}

/// The average true range: Wilder's average of the true ranges, in the prices' unit.
///
/// The first bar has no close before it and gives no range, so the first result comes with bar
/// number n + 1, as in TA-Lib.
///
/// Source: J. Welles Wilder, New Concepts in Technical Trading Systems, 1978.
#[derive(Clone, Debug)]
pub struct Atr {
    range: Wilder,
    previous_close: Option<i64>,
}

impl Atr {
    /// An average of `length` ranges.
    ///
    /// # Errors
    ///
    /// [`IndicatorError::Length`] unless it is from 1 to [`LENGTH_MAX`](super::LENGTH_MAX).
    pub fn new(length: u32) -> Result<Self, IndicatorError> {
        Ok(Self {
            range: Wilder::new(checked(length, 1)?),
            previous_close: None,
        })
    }

    /// Takes a bar in. The result is never negative.
    pub fn update(&mut self, bar: &Bar) -> Option<f64> {
        let previous = self.previous_close.replace(bar.close)?;
        self.range.update(float(true_range(bar, Some(previous))))
    }

    /// Divides the prices so far by a split's ratio.
    pub fn rescale(&mut self, ratio: SplitRatio) {
        self.range.scale(ratio.price_factor());
        self.previous_close = self.previous_close.map(|close| ratio.price(close));
    }
}
