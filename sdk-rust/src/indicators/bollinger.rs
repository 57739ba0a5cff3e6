//! Bollinger bands. It must never know of anything but closes.

use super::History;
use super::error::{IndicatorError, checked};
use crate::bindings::counterfoil::strategy::types::SplitRatio;

/// The greatest price, in either direction, that bands take in: 2^46, or seven hundred million
/// at five decimals. So the sums of squares of the longest window are exact.
pub const PRICE_MAX: i64 = 1 << 46;

/// The bands of one bar, in the prices' unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bands {
    /// The average plus so many deviations.
    pub upper: f64,
    /// The simple moving average.
    pub middle: f64,
    /// The average minus so many deviations.
    pub lower: f64,
}

/// Bollinger bands: the simple moving average of n closes, and so many standard deviations of the
/// same closes above and below it. The deviation is the population's: squares are divided by n.
///
/// Sum and sum of squares are exact integers, so nothing drifts however long the run is.
///
/// Source: John Bollinger, Bollinger on Bollinger Bands, 2001.
#[derive(Clone, Debug)]
pub struct Bollinger {
    history: History,
    length: u32,
    deviations: f64,
    sum: i128,
    squares: i128,
}

impl Bollinger {
    /// Bands over `length` closes, `deviations` standard deviations away; usually 20 and 2.0.
    ///
    /// # Errors
    ///
    /// [`IndicatorError::Length`] unless the length is from 2 to
    /// [`LENGTH_MAX`](super::LENGTH_MAX); [`IndicatorError::Deviations`] unless that is a number
    /// above zero.
    pub fn new(length: u32, deviations: f64) -> Result<Self, IndicatorError> {
        let length = checked(length, 2)?;
        if !(deviations.is_finite() && deviations > 0.0) {
            return Err(IndicatorError::Deviations);
        }
        Ok(Self {
            history: History::new(length)?,
            length,
            deviations,
            sum: 0,
            squares: 0,
        })
    }

    /// Takes a close in. The first result comes with close number n. A close beyond
    /// [`PRICE_MAX`] is not taken in and gives none.
    pub fn update(&mut self, close: i64) -> Option<Bands> {
        if !(-PRICE_MAX..=PRICE_MAX).contains(&close) {
            return None;
        }
        let left = inside(self.history.update(close).unwrap_or(0));
        let close = i128::from(close);
        self.sum += close - left;
        self.squares += close * close - left * left;
        self.history.is_full().then(|| self.bands())
    }

    /// Divides the closes so far by a split's ratio.
    pub fn rescale(&mut self, ratio: SplitRatio) {
        self.history.rescale(ratio);
        (self.sum, self.squares) = (0, 0);
        for close in self.history.iter() {
            let close = inside(close);
            self.sum += close;
            self.squares += close * close;
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "floats are what bands are made of"
    )]
    fn bands(&self) -> Bands {
        let count = i128::from(self.length);
        let divisor = f64::from(self.length);
        // n squared times the variance: an integer, and not negative.
        let spread = self.squares * count - self.sum * self.sum;
        let away = self.deviations * (spread as f64).sqrt() / divisor;
        let middle = self.sum as f64 / divisor;
        Bands {
            upper: middle + away,
            middle,
            lower: middle - away,
        }
    }
}

/// Only a reverse split can take a price in the history out of the range.
fn inside(close: i64) -> i128 {
    i128::from(close.clamp(-PRICE_MAX, PRICE_MAX))
}
