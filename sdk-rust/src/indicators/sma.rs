//! The simple moving average as an exact fraction. It must never know of floats, but for a view.

use core::cmp::Ordering;

use super::History;
use super::error::IndicatorError;
use crate::bindings::counterfoil::strategy::types::SplitRatio;

/// An average that has not been divided: a sum and of how many. Averages of different lengths,
/// and prices, compare exactly.
#[derive(Clone, Copy, Debug)]
pub struct Mean {
    sum: i128,
    count: u32,
}

impl Mean {
    /// The sum of the prices.
    #[must_use]
    pub fn sum(self) -> i128 {
        self.sum
    }

    /// How many prices are in the sum; at least 1.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// The nearest float.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "a view for humans and for other indicators"
    )]
    pub fn to_f64(self) -> f64 {
        self.sum as f64 / f64::from(self.count)
    }
}

impl From<i64> for Mean {
    fn from(price: i64) -> Self {
        Self {
            sum: i128::from(price),
            count: 1,
        }
    }
}

impl Ord for Mean {
    fn cmp(&self, other: &Self) -> Ordering {
        // Multiplied across instead of divided. A sum is below 2^81 and a count below 2^17.
        let left = self.sum * i128::from(other.count);
        left.cmp(&(other.sum * i128::from(self.count)))
    }
}

impl PartialOrd for Mean {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Mean {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Mean {}

/// The simple moving average: the sum of the last n prices over n.
#[derive(Clone, Debug)]
pub struct Sma {
    history: History,
    sum: i128,
    length: u32,
}

impl Sma {
    /// An average of `length` prices.
    ///
    /// # Errors
    ///
    /// [`IndicatorError::Length`] unless it is from 1 to [`LENGTH_MAX`](super::LENGTH_MAX).
    pub fn new(length: u32) -> Result<Self, IndicatorError> {
        Ok(Self {
            history: History::new(length)?,
            sum: 0,
            length,
        })
    }

    /// Takes a price in. The first result comes with price number n.
    pub fn update(&mut self, price: i64) -> Option<Mean> {
        let left = self.history.update(price).unwrap_or(0);
        self.sum += i128::from(price) - i128::from(left);
        self.history.is_full().then_some(Mean {
            sum: self.sum,
            count: self.length,
        })
    }

    /// Divides the prices so far by a split's ratio.
    pub fn rescale(&mut self, ratio: SplitRatio) {
        self.history.rescale(ratio);
        self.sum = self.history.iter().map(i128::from).sum();
    }
}
