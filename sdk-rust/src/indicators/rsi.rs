//! Wilder's relative strength index. It must never know of anything but closes.

use super::error::{IndicatorError, checked};
use super::float;
use super::wilder::Wilder;
use crate::bindings::counterfoil::strategy::types::SplitRatio;

/// The relative strength index: 100 x gain / (gain + loss), where gain and loss are Wilder's
/// averages of the rises and falls from close to close.
///
/// The first result comes with close number n + 1, as there are n changes then. Where no close
/// differs from the one before there is neither gain nor loss, and the result is 50: neither
/// side. (TA-Lib gives 0 there, which reads as a steep fall.)
///
/// Source: J. Welles Wilder, New Concepts in Technical Trading Systems, 1978.
#[derive(Clone, Debug)]
pub struct Rsi {
    gain: Wilder,
    loss: Wilder,
    previous_close: Option<i64>,
}

impl Rsi {
    /// An index over `length` changes.
    ///
    /// # Errors
    ///
    /// [`IndicatorError::Length`] unless it is from 2 to [`LENGTH_MAX`](super::LENGTH_MAX).
    pub fn new(length: u32) -> Result<Self, IndicatorError> {
        let length = checked(length, 2)?;
        Ok(Self {
            gain: Wilder::new(length),
            loss: Wilder::new(length),
            previous_close: None,
        })
    }

    /// Adds a close. The result is from 0 to 100.
    pub fn update(&mut self, close: i64) -> Option<f64> {
        let previous = self.previous_close.replace(close)?;
        let change = float(close.saturating_sub(previous));
        // Both are asked, so that both have seen the change.
        let gain = self.gain.update(change.max(0.0));
        let loss = self.loss.update((-change).max(0.0));
        let (gain, loss) = (gain?, loss?);
        let both = gain + loss;
        Some(if both > 0.0 {
            100.0 * gain / both
        } else {
            50.0
        })
    }

    /// Divides the closes so far by a split's ratio.
    pub fn rescale(&mut self, ratio: SplitRatio) {
        self.gain.scale(ratio.price_factor());
        self.loss.scale(ratio.price_factor());
        self.previous_close = self.previous_close.map(|close| ratio.price(close));
    }
}
