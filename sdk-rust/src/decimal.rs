//! Decimal numbers and the views of prices and quantities. No float decides anything here.

use core::fmt;

use crate::bindings::counterfoil::strategy::types::{self, Bar, Instrument};

/// Powers of ten that fit in an `i64`; a scale is at most 18.
const POWERS: [i64; 19] = {
    let mut powers = [1_i64; 19];
    let mut i = 1;
    while i < 19 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// A decimal number: `value` x 10^-`scale`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decimal {
    /// The digits.
    pub value: i64,
    /// How many of them are behind the decimal point: 0 ..= 18.
    pub scale: u8,
}

impl Decimal {
    /// A decimal of a value and a scale.
    #[must_use]
    pub const fn new(value: i64, scale: u8) -> Self {
        Self { value, scale }
    }

    /// The decimal that a text such as `-12.50` spells; none if it is not one or does not fit.
    /// The scale is the number of digits behind the point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mut value, mut scale, mut point, mut any) = (0_i64, 0_u8, false, false);
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    let digit = i64::from(byte - b'0');
                    let digit = if negative { -digit } else { digit };
                    value = value.checked_mul(10)?.checked_add(digit)?;
                    scale += u8::from(point);
                    any = true;
                }
                b'.' if !point && any => point = true,
                b'_' if any => {}
                _ => return None,
            }
        }
        let complete = any && (!point || scale > 0) && scale <= 18;
        complete.then_some(Self { value, scale })
    }

    /// The digits at another scale; none if that would round or not fit.
    #[must_use]
    pub fn at_scale(self, scale: u8) -> Option<i64> {
        if scale >= self.scale {
            self.value
                .checked_mul(*POWERS.get(usize::from(scale - self.scale))?)
        } else {
            let divisor = *POWERS.get(usize::from(self.scale - scale))?;
            (self.value % divisor == 0).then_some(self.value / divisor)
        }
    }

    /// The number as a quantity of an instrument, in its scale.
    ///
    /// # Errors
    ///
    /// A sentence if the instrument cannot express it, or its lot does not divide it.
    pub fn to_quantity(self, instrument: &Instrument) -> Result<i64, String> {
        let symbol = &instrument.symbol;
        let quantity = self.at_scale(instrument.quantity_scale).ok_or_else(|| {
            let scale = instrument.quantity_scale;
            format!("a quantity of {symbol} has at most {scale} decimals, and {self} does not fit")
        })?;
        if instrument.lot_size > 1 && quantity % instrument.lot_size != 0 {
            let lot = Self::new(instrument.lot_size, instrument.quantity_scale);
            return Err(format!(
                "{symbol} trades in lots of {lot}, and {self} is not a multiple"
            ));
        }
        Ok(quantity)
    }

    /// The nearest float. For indicators and log lines, never for money.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "a view for humans and indicators"
    )]
    pub fn to_f64(self) -> f64 {
        let power = POWERS
            .get(usize::from(self.scale))
            .copied()
            .unwrap_or(i64::MAX);
        self.value as f64 / power as f64
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.value < 0 { "-" } else { "" };
        let digits = self.value.unsigned_abs();
        match POWERS
            .get(usize::from(self.scale))
            .map(|power| power.unsigned_abs())
        {
            Some(power) if self.scale > 0 => {
                let width = usize::from(self.scale);
                write!(f, "{sign}{}.{:0width$}", digits / power, digits % power)
            }
            _ => write!(f, "{sign}{digits}"),
        }
    }
}

impl From<types::Decimal> for Decimal {
    fn from(decimal: types::Decimal) -> Self {
        Self::new(decimal.value, decimal.scale)
    }
}

impl From<Decimal> for types::Decimal {
    fn from(decimal: Decimal) -> Self {
        Self {
            value: decimal.value,
            scale: decimal.scale,
        }
    }
}

impl Instrument {
    /// A price of this instrument as a decimal.
    #[must_use]
    pub fn price(&self, price: i64) -> Decimal {
        Decimal::new(price, self.price_scale)
    }

    /// A quantity of this instrument as a decimal.
    #[must_use]
    pub fn quantity(&self, quantity: i64) -> Decimal {
        Decimal::new(quantity, self.quantity_scale)
    }

    /// A price of this instrument as a float.
    #[must_use]
    pub fn price_f64(&self, price: i64) -> f64 {
        self.price(price).to_f64()
    }

    /// The greatest price on the tick grid that is not above `price`.
    #[must_use]
    pub fn tick_below(&self, price: i64) -> i64 {
        price - price.rem_euclid(self.tick_size.max(1))
    }

    /// The greatest quantity on the lot grid that is not above `quantity`.
    #[must_use]
    pub fn lot_below(&self, quantity: i64) -> i64 {
        quantity - quantity.rem_euclid(self.lot_size.max(1))
    }
}

impl Bar {
    /// Open, high, low and close as floats.
    #[must_use]
    pub fn ohlc_f64(&self, instrument: &Instrument) -> [f64; 4] {
        [self.open, self.high, self.low, self.close].map(|price| instrument.price_f64(price))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_exactly_or_not_at_all() {
        //   text              value and scale
        let table = [
            ("0", Some((0, 0))),
            ("100", Some((100, 0))),
            ("-12.50", Some((-1250, 2))),
            ("1_000.5", Some((10_005, 1))),
            ("-9223372036854775808", Some((i64::MIN, 0))),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            (".5", None),
            ("5.", None),
            ("1.2.3", None),
            ("1e5", None),
            ("0.0000000000000000001", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(value, scale)| Decimal::new(value, scale));
            assert_eq!(Decimal::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_decimal_changes_scale_only_without_rounding() {
        assert_eq!(Decimal::new(1250, 2).at_scale(1), Some(125));
        assert_eq!(Decimal::new(1250, 2).at_scale(0), None);
        assert_eq!(
            Decimal::new(1, 0).at_scale(18),
            Some(1_000_000_000_000_000_000)
        );
        assert_eq!(Decimal::new(10, 0).at_scale(18), None);
        assert_eq!(Decimal::new(1, 0).at_scale(19), None);
    }

    #[test]
    fn a_decimal_prints_as_it_is_read() {
        for text in ["0", "100", "-12.50", "0.05", "-0.05"] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
    }
}
