//! The exponential moving average. It must never know where its values come from: prices, or
//! another indicator.

use super::error::{IndicatorError, checked};
use super::float;
use crate::bindings::counterfoil::strategy::types::SplitRatio;

/// The exponential moving average of n values:
/// `ema = before + (value - before) * 2 / (n + 1)`.
///
/// The first result comes with value number n and is the plain average of the first n values,
/// as in TA-Lib.
#[derive(Clone, Debug)]
pub struct Ema {
    length: u32,
    seen: u32,
    weight: f64,
    /// The sum of the values until there are n, then the average.
    state: f64,
}

impl Ema {
    /// An average of `length` values.
    ///
    /// # Errors
    ///
    /// [`IndicatorError::Length`] unless it is from 1 to [`LENGTH_MAX`](super::LENGTH_MAX).
    pub fn new(length: u32) -> Result<Self, IndicatorError> {
        let length = checked(length, 1)?;
        Ok(Self {
            length,
            seen: 0,
            weight: 2.0 / (f64::from(length) + 1.0),
            state: 0.0,
        })
    }

    /// Takes a price in.
    pub fn update(&mut self, price: i64) -> Option<f64> {
        self.update_float(float(price))
    }

    /// Takes a value in that is a float already, such as another indicator's.
    pub fn update_float(&mut self, value: f64) -> Option<f64> {
        if self.seen < self.length {
            self.seen += 1;
            self.state += value;
            if self.seen < self.length {
                return None;
            }
            self.state /= f64::from(self.length);
        } else {
            self.state += (value - self.state) * self.weight;
        }
        Some(self.state)
    }

    /// Divides what was seen so far by a split's ratio.
    pub fn rescale(&mut self, ratio: SplitRatio) {
        self.state *= ratio.price_factor();
    }
}
