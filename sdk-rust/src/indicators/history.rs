//! The last prices of an instrument, and how a split changes them. It must never know what they
//! are averaged into.

use std::collections::VecDeque;

use super::error::{IndicatorError, checked};
use crate::bindings::counterfoil::strategy::types::SplitRatio;

/// The last so many prices, oldest first.
#[derive(Clone, Debug)]
pub struct History {
    prices: VecDeque<i64>,
    length: usize,
}

impl History {
    /// An empty history of at most `length` prices.
    ///
    /// # Errors
    ///
    /// [`IndicatorError::Length`] unless it is from 1 to [`LENGTH_MAX`](super::LENGTH_MAX).
    pub fn new(length: u32) -> Result<Self, IndicatorError> {
        // At most 100,000: nothing is lost on any address width.
        let length = checked(length, 1)? as usize;
        Ok(Self {
            prices: VecDeque::with_capacity(length),
            length,
        })
    }

    /// Adds a price. The result is the price that left; none until the history is full.
    pub fn update(&mut self, price: i64) -> Option<i64> {
        let left = if self.is_full() {
            self.prices.pop_front()
        } else {
            None
        };
        self.prices.push_back(price);
        left
    }

    /// Whether as many prices are in as it was made for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.prices.len() == self.length
    }

    /// The prices, oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + '_ {
        self.prices.iter().copied()
    }

    /// The newest price.
    #[must_use]
    pub fn last(&self) -> Option<i64> {
        self.prices.back().copied()
    }

    /// Divides every price by a split's ratio, each rounded half to even.
    pub fn rescale(&mut self, ratio: SplitRatio) {
        for price in &mut self.prices {
            *price = ratio.price(*price);
        }
    }
}

impl SplitRatio {
    /// What a price before the split is worth after it: divided by new shares per old share,
    /// rounded half to even. A ratio with a zero in it, which no host sends, changes nothing.
    #[must_use]
    pub fn price(self, price: i64) -> i64 {
        if self.new == 0 || self.old == 0 {
            return price;
        }
        let divisor = i128::from(self.new);
        let product = i128::from(price) * i128::from(self.old);
        let (floor, rest) = (product.div_euclid(divisor), product.rem_euclid(divisor));
        let up = match (2 * rest).cmp(&divisor) {
            core::cmp::Ordering::Less => false,
            core::cmp::Ordering::Equal => floor % 2 != 0,
            core::cmp::Ordering::Greater => true,
        };
        let rounded = floor + i128::from(up);
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
    }

    /// What a float in the price's unit is to be multiplied with.
    #[must_use]
    pub fn price_factor(self) -> f64 {
        if self.new == 0 || self.old == 0 {
            return 1.0;
        }
        f64::from(self.old) / f64::from(self.new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_holds_the_last_prices_and_says_what_left() {
        let mut history = History::new(2).unwrap();
        assert_eq!((history.last(), history.is_full()), (None, false));
        assert_eq!(
            [5, 7, 9].map(|price| history.update(price)),
            [None, None, Some(5)]
        );
        assert_eq!(history.iter().collect::<Vec<_>>(), [7, 9]);
        assert_eq!((history.last(), history.is_full()), (Some(9), true));
    }

    #[test]
    fn a_length_is_checked() {
        for (length, good) in [(0, false), (1, true), (100_000, true), (100_001, false)] {
            assert_eq!(History::new(length).is_ok(), good, "{length}");
        }
        let sentence: String = History::new(0).unwrap_err().into();
        assert_eq!(sentence, "an indicator of 0 bars: it takes 1 to 100000");
    }

    #[test]
    fn a_split_divides_prices_and_rounds_half_to_even() {
        //   new, old, before, after
        let table = [
            (2, 1, 10, 5),
            (2, 1, 5, 2),
            (2, 1, 7, 4),
            (2, 1, -5, -2),
            (2, 1, -7, -4),
            (3, 1, 5, 2),
            (3, 2, 10, 7),
            (1, 10, 3, 30),
            (1, u32::MAX, i64::MAX, i64::MAX),
            (1, u32::MAX, i64::MIN, i64::MIN),
            (0, 1, 9, 9),
            (1, 0, 9, 9),
        ];
        for (new, old, before, after) in table {
            assert_eq!(
                SplitRatio { new, old }.price(before),
                after,
                "{before} at {new}:{old}"
            );
        }
    }
}
