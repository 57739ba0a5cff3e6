//! Prices, quantities, volumes, money and rates as integers of their own types, so that the
//! compiler keeps them apart. It must never know an instrument.

use alloc::string::String;
use core::fmt;

use crate::decimal;
use crate::time::DAY_NANOS;

/// Decimals of every amount of money: nano-units of the settlement currency.
pub const MONEY_SCALE: u8 = 9;

/// Decimals of a rate in basis points: 2.5 bps is 25,000.
pub const BPS_SCALE: u8 = 4;

/// What a rate is divided by: 10,000 basis points a unit, at [`BPS_SCALE`].
const BPS_DENOMINATOR: i128 = 100_000_000;

/// A price at its instrument's price scale.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Price(pub i64);

/// A quantity at its instrument's quantity scale; signed where it is a position.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Quantity(pub i64);

/// A traded volume at its instrument's volume scale.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Volume(pub i64);

/// An amount of the settlement currency in nano-units (scale 9).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Money(pub i128);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, or `None` when it does not fit.
    #[must_use]
    pub const fn plus(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` when it does not fit.
    #[must_use]
    pub const fn minus(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The amount in `text`.
    ///
    /// # Errors
    ///
    /// Returns [`decimal::DecimalError`] if the text is not a decimal of at most nine places.
    pub fn parse(text: &str) -> Result<Self, decimal::DecimalError> {
        decimal::parse(text, MONEY_SCALE).map(Self)
    }

    /// The exact text, always with nine decimals.
    #[must_use]
    pub fn to_text(self) -> String {
        decimal::format(self.0, MONEY_SCALE)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// A rate in basis points at scale 4, never negative: 1 bps is 10,000.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct BasisPoints(u32);

impl BasisPoints {
    /// No rate at all.
    pub const ZERO: Self = Self(0);
    /// The largest rate: everything (10,000 basis points).
    pub const MAX: Self = Self(100_000_000);

    /// The rate in `text`, in basis points.
    ///
    /// # Errors
    ///
    /// Returns [`decimal::DecimalError`] if the text is not a decimal from 0 to 10,000 with at most
    /// four places.
    pub fn parse(text: &str) -> Result<Self, decimal::DecimalError> {
        let value = decimal::parse(text, BPS_SCALE)?;
        let too_large = || decimal::DecimalError::TooLarge {
            text: text.into(),
            scale: BPS_SCALE,
        };
        let rate = u32::try_from(value).map(Self).map_err(|_| too_large())?;
        // More than everything would charge more than the notional, or fill more than the volume.
        if rate > Self::MAX {
            Err(too_large())
        } else {
            Ok(rate)
        }
    }

    /// The rate in `text`, in per cent without the sign: `1` is 100 basis points.
    ///
    /// # Errors
    ///
    /// Returns [`decimal::DecimalError`] if the text is not a decimal from 0 to 100 with at most six
    /// places.
    pub fn parse_percent(text: &str) -> Result<Self, decimal::DecimalError> {
        let scale = BPS_SCALE.saturating_add(2);
        let too_large = || decimal::DecimalError::TooLarge {
            text: text.into(),
            scale,
        };
        // A hundredth with two more decimals is the same integer.
        let rate = u32::try_from(decimal::parse(text, scale)?).map(Self);
        let rate = rate.map_err(|_| too_large())?;
        if rate > Self::MAX {
            Err(too_large())
        } else {
            Ok(rate)
        }
    }

    /// The exact text in basis points.
    #[must_use]
    pub fn to_text(self) -> String {
        decimal::format(i128::from(self.0), BPS_SCALE)
    }

    /// This share of `amount`, rounded half to even, or `None` when it does not fit.
    #[must_use]
    pub fn share_of(self, amount: i128) -> Option<i128> {
        decimal::divide_half_even(amount.checked_mul(i128::from(self.0))?, BPS_DENOMINATOR)
    }

    /// The charge on a sum of amount x nanoseconds at this yearly rate, actual/365, rounded half to
    /// even; `None` when it does not fit.
    #[must_use]
    pub fn yearly_share_of(self, amount_nanos: i128) -> Option<i128> {
        let year = i128::from(DAY_NANOS).checked_mul(365)?;
        let (mut rate, mut unit) = (i128::from(self.0), BPS_DENOMINATOR.checked_mul(year)?);
        // In lowest terms, so that usual rates leave room for large amounts.
        let (mut left, mut right) = (unit, rate);
        while right != 0 {
            (left, right) = (right, left.checked_rem(right)?);
        }
        rate = rate.checked_div(left)?;
        unit = unit.checked_div(left)?;
        decimal::divide_half_even(amount_nanos.checked_mul(rate)?, unit)
    }

    /// This share of `amount`, rounded down, or `None` when it does not fit.
    #[must_use]
    pub fn share_of_rounded_down(self, amount: i128) -> Option<i128> {
        amount
            .checked_mul(i128::from(self.0))?
            .checked_div_euclid(BPS_DENOMINATOR)
    }
}
