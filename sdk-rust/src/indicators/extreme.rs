//! The highest and the lowest of the last prices, as Donchian's channel takes them. It must never
//! know what breaks out of it.

use std::collections::VecDeque;

use super::error::{IndicatorError, checked};
use crate::bindings::counterfoil::strategy::types::SplitRatio;

/// The highest of the last n prices.
pub type Highest = Extreme<true>;

/// The lowest of the last n prices.
pub type Lowest = Extreme<false>;

/// The highest or lowest of the last n prices.
///
/// It keeps only prices that may still become the answer: each is beaten by those before it. So a
/// price goes in once and out once, and an update takes the same time on average whatever n is.
#[derive(Clone, Debug)]
pub struct Extreme<const HIGHEST: bool> {
    /// Number and price, the answer first.
    candidates: VecDeque<(u64, i64)>,
    seen: u64,
    length: u64,
}

impl<const HIGHEST: bool> Extreme<HIGHEST> {
    /// Over a window of `length` prices.
    ///
    /// # Errors
    ///
    /// [`IndicatorError::Length`] unless it is from 1 to [`LENGTH_MAX`](super::LENGTH_MAX).
    pub fn new(length: u32) -> Result<Self, IndicatorError> {
        Ok(Self {
            candidates: VecDeque::new(),
            seen: 0,
            length: u64::from(checked(length, 1)?),
        })
    }

    /// Takes a price in. The first result comes with price number n.
    pub fn update(&mut self, price: i64) -> Option<i64> {
        let beaten = |(_, other): &(u64, i64)| {
            if HIGHEST {
                *other <= price
            } else {
                *other >= price
            }
        };
        while self.candidates.back().is_some_and(beaten) {
            self.candidates.pop_back();
        }
        self.candidates.push_back((self.seen, price));
        self.seen += 1;
        let left = |(number, _): &(u64, i64)| number + self.length < self.seen;
        if self.candidates.front().is_some_and(left) {
            self.candidates.pop_front();
        }
        self.value()
    }

    /// The answer as of the last update: what a channel was before the bar that breaks out of it.
    #[must_use]
    pub fn value(&self) -> Option<i64> {
        let (_, price) = self.candidates.front()?;
        (self.seen >= self.length).then_some(*price)
    }

    /// Divides the prices so far by a split's ratio. Their sequence stays as it is.
    pub fn rescale(&mut self, ratio: SplitRatio) {
        for (_, price) in &mut self.candidates {
            *price = ratio.price(*price);
        }
    }
}
