//! Indicators that take one bar at a time and answer `None` until they have seen enough. They must
//! never know of orders or of the account.
//!
//! Every `update` takes the same time whatever the length, and never panics. Prices go in as they
//! come, as integers at the instrument's scale, and results are in the same unit: at scale 2 an
//! average true range of 150.0 is 1.50. What is exact in integers stays so: [`Sma`], [`Highest`]
//! and [`Lowest`] compare without rounding. The rest are floats, the same on every machine.
//!
//! Seeds are TA-Lib's, and `tests/golden/indicators.csv` holds its values: an average that
//! smooths begins as the plain average of its first values.
//!
//! After a split, call `rescale` with its ratio on each indicator of the instrument. It does what
//! would have come out had all prices so far been divided by the ratio, up to rounding.
//!
//! ```
//! use counterfoil_sdk::indicators::{Mean, Sma};
//!
//! let (mut fast, mut slow) = (Sma::new(2)?, Sma::new(3)?);
//! let mut above = Vec::new();
//! for close in [10, 20, 30] {
//!     if let (Some(fast), Some(slow)) = (fast.update(close), slow.update(close)) {
//!         above.push((fast > slow, fast > Mean::from(close)));
//!     }
//! }
//! // 25 is above 20, but not above 30.
//! assert_eq!(above, [(true, false)]);
//! # Ok::<(), counterfoil_sdk::indicators::IndicatorError>(())
//! ```

mod atr;
mod bollinger;
mod ema;
mod error;
mod extreme;
mod history;
mod macd;
mod rsi;
mod sma;
mod wilder;

pub use atr::{Atr, true_range};
pub use bollinger::{Bands, Bollinger, PRICE_MAX};
pub use ema::Ema;
pub use error::{IndicatorError, LENGTH_MAX};
pub use extreme::{Extreme, Highest, Lowest};
pub use history::History;
pub use macd::{Macd, MacdLengths, MacdValue};
pub use rsi::Rsi;
pub use sma::{Mean, Sma};

/// A price as a float. Exact up to 2^53, which no price of a sensible scale reaches.
#[allow(
    clippy::cast_precision_loss,
    reason = "floats are what these indicators are made of"
)]
fn float(price: i64) -> f64 {
    price as f64
}
