//! Appel's moving average convergence/divergence. It must never know of anything but closes.

use super::Ema;
use super::error::{IndicatorError, checked};
use crate::bindings::counterfoil::strategy::types::SplitRatio;

/// The lengths of the three averages, in bars; usually 12, 26 and 9.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MacdLengths {
    /// The fast average of closes.
    pub fast: u32,
    /// The slow average of closes.
    pub slow: u32,
    /// The average of their difference.
    pub signal: u32,
}

/// The three lines of one bar, in the prices' unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MacdValue {
    /// The fast average minus the slow one.
    pub macd: f64,
    /// The exponential average of `macd`.
    pub signal: f64,
    /// `macd` minus `signal`.
    pub histogram: f64,
}

/// Moving average convergence/divergence, from exponential averages.
///
/// As in TA-Lib both averages of closes begin with the same bar, number `slow`: the fast one is
/// seeded with the last `fast` closes up to it. The first result comes with bar number
/// `slow + signal - 1`.
///
/// Source: Gerald Appel, The Moving Average Convergence-Divergence Trading Method, 1979.
#[derive(Clone, Debug)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Closes that only the slow average takes in.
    slow_only: u32,
}

impl Macd {
    /// With these lengths.
    ///
    /// # Errors
    ///
    /// [`IndicatorError::Length`] unless each is from 1 to [`LENGTH_MAX`](super::LENGTH_MAX);
    /// [`IndicatorError::FastNotShorter`] if the fast average is as long as the slow one.
    pub fn new(lengths: MacdLengths) -> Result<Self, IndicatorError> {
        let MacdLengths { fast, slow, signal } = lengths;
        let slow_only = checked(slow, 1)?
            .checked_sub(checked(fast, 1)?)
            .filter(|bars| *bars > 0)
            .ok_or(IndicatorError::FastNotShorter { fast, slow })?;
        Ok(Self {
            fast: Ema::new(fast)?,
            slow: Ema::new(slow)?,
            signal: Ema::new(signal)?,
            slow_only,
        })
    }

    /// Takes a close in.
    pub fn update(&mut self, close: i64) -> Option<MacdValue> {
        let slow = self.slow.update(close);
        if self.slow_only > 0 {
            self.slow_only -= 1;
            return None;
        }
        let macd = self.fast.update(close)? - slow?;
        let signal = self.signal.update_float(macd)?;
        Some(MacdValue {
            macd,
            signal,
            histogram: macd - signal,
        })
    }

    /// Divides the closes so far by a split's ratio.
    pub fn rescale(&mut self, ratio: SplitRatio) {
        self.fast.rescale(ratio);
        self.slow.rescale(ratio);
        self.signal.rescale(ratio);
    }
}
