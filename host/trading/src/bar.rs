//! Bars: an interval that is over, its prices in order. It must never know where bars come from.

use crate::instrument::{InstrumentId, PriceRange};
use crate::time::UnixNanos;
use crate::units::{Price, Volume};

/// The bytes of one bar in canonical form, the form that digests are taken over.
pub const CANONICAL_BAR_BYTES: usize = 56;

/// The values of a bar, before they are checked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RawBar {
    /// What was traded.
    pub instrument: InstrumentId,
    /// Start of the interval, inclusive.
    pub open_time: UnixNanos,
    /// End of the interval, exclusive; when the bar is known.
    pub close_time: UnixNanos,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Quantity traded.
    pub volume: Volume,
}

/// A bar whose interval is over and whose values agree with each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClosedBar(RawBar);

/// Why the values are not a closed bar. The names are also the quarantine reasons of ingestion.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BarError {
    /// The interval is empty or runs backwards.
    #[error("it opens at {}, which is not before its close at {}", .open_time.rfc3339(), .close_time.rfc3339())]
    Interval {
        /// Start.
        open_time: UnixNanos,
        /// End.
        close_time: UnixNanos,
    },
    /// The lowest price is above the highest.
    #[error("its low is above its high")]
    Crossed {
        /// Low.
        low: Price,
        /// High.
        high: Price,
    },
    /// Open or close lies outside the range.
    #[error("its open or close is not between its low and its high")]
    OutsideRange {
        /// Low.
        low: Price,
        /// High.
        high: Price,
    },
    /// A price that is zero or below.
    #[error("a price is not above zero")]
    NotPositive {
        /// The lowest price.
        low: Price,
    },
    /// A volume below zero.
    #[error("its volume is below zero")]
    NegativeVolume {
        /// The volume.
        volume: Volume,
    },
}

impl ClosedBar {
    /// The bar, if its values agree and its prices are above zero.
    ///
    /// # Errors
    ///
    /// Returns [`BarError`] naming the first thing that does not agree.
    pub fn parse(raw: RawBar) -> Result<Self, BarError> {
        Self::parse_in(raw, PriceRange::Positive)
    }

    /// The bar, if its values agree and its prices are in the range.
    ///
    /// # Errors
    ///
    /// Returns [`BarError`] naming the first thing that does not agree.
    pub fn parse_in(raw: RawBar, prices: PriceRange) -> Result<Self, BarError> {
        let RawBar {
            open_time,
            close_time,
            open,
            high,
            low,
            close,
            volume,
            ..
        } = raw;
        if open_time >= close_time {
            return Err(BarError::Interval {
                open_time,
                close_time,
            });
        }
        if low > high {
            return Err(BarError::Crossed { low, high });
        }
        if open < low || open > high || close < low || close > high {
            return Err(BarError::OutsideRange { low, high });
        }
        // The low speaks for all prices: every other one is at or above it by now.
        if !prices.allows(low) {
            return Err(BarError::NotPositive { low });
        }
        if volume.0 < 0 {
            return Err(BarError::NegativeVolume { volume });
        }
        Ok(Self(raw))
    }

    /// The values.
    #[inline]
    #[must_use]
    pub fn get(&self) -> &RawBar {
        &self.0
    }

    /// The bar in canonical form: open time, close time, open, high, low, close and volume, each
    /// as eight bytes, big-endian two's complement. The instrument is not part of it.
    #[must_use]
    pub fn canonical(&self) -> [u8; CANONICAL_BAR_BYTES] {
        let RawBar {
            open_time,
            close_time,
            open,
            high,
            low,
            close,
            volume,
            ..
        } = self.0;
        let fields = [
            open_time.0,
            close_time.0,
            open.0,
            high.0,
            low.0,
            close.0,
            volume.0,
        ];
        let mut bytes = [0; CANONICAL_BAR_BYTES];
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString as _};
    use alloc::vec::Vec;

    use super::*;

    #[track_caller]
    fn check(values: &str, expect: &str) {
        check_in(PriceRange::Positive, values, expect);
    }

    #[track_caller]
    fn check_in(prices: PriceRange, values: &str, expect: &str) {
        let v: Vec<i64> = values
            .split_whitespace()
            .map(|word| word.parse().unwrap())
            .collect();
        let raw = RawBar {
            instrument: InstrumentId(0),
            open_time: UnixNanos(v[0]),
            close_time: UnixNanos(v[1]),
            open: Price(v[2]),
            high: Price(v[3]),
            low: Price(v[4]),
            close: Price(v[5]),
            volume: Volume(v[6]),
        };
        let got = ClosedBar::parse_in(raw, prices);
        let got = got.map_or_else(|error| error.to_string(), |_| String::from("closed"));
        assert_eq!(got, expect, "{values}");
    }

    #[test]
    fn a_bar_is_closed_only_when_its_prices_and_times_agree() {
        //     open_time close_time  open high low close volume
        check("60 120                10   12   9   11    5", "closed");
        check(
            "60 120                10   12   9   13    5",
            "its open or close is not between its low and its high",
        );
        check(
            "60 120                10   8    9   11    5",
            "its low is above its high",
        );
        check(
            "60 60                 10   12   9   11    5",
            "it opens at 1970-01-01T00:00:00.00000006Z, which is not before its close at 1970-01-01T00:00:00.00000006Z",
        );
        check(
            "60 120                10   12   0   11    5",
            "a price is not above zero",
        );
        check(
            "60 120                10   12   9   11    -5",
            "its volume is below zero",
        );
    }

    #[test]
    fn prices_below_zero_are_in_a_bar_only_where_the_instrument_allows_them() {
        let below = "60 120 10 12 -9 -3 5";
        check(below, "a price is not above zero");
        check_in(PriceRange::Any, below, "closed");
        check_in(PriceRange::Any, "60 120 0 0 0 0 5", "closed");
        check_in(
            PriceRange::Any,
            "60 120 -3 -1 -2 -2 5",
            "its open or close is not between its low and its high",
        );
    }
}
