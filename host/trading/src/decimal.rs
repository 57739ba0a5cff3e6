//! Decimal text to scaled integers and back, and the one rounding rule.
//!
//! It must never know what the digits mean.

use alloc::format;
use alloc::string::{String, ToString as _};

/// The most decimals any number here may have: 10^18 is the largest power of ten below 2^63.
pub const SCALE_MAX: u8 = 18;

/// Why a text cannot be read as a decimal.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Something other than an optional minus sign, digits, a point and digits.
    #[error("{text:?} is not a decimal number")]
    NotANumber {
        /// The text.
        text: String,
    },
    /// More decimals than the scale has, and not zeros.
    #[error("{text:?} has more than {scale} decimals")]
    TooFine {
        /// The text.
        text: String,
        /// The scale.
        scale: u8,
    },
    /// Too large for the integer that holds it.
    #[error("{text:?} at scale {scale} is too large")]
    TooLarge {
        /// The text.
        text: String,
        /// The scale.
        scale: u8,
    },
}

/// Ten to the power of `scale`, or `None` beyond 10^38.
#[must_use]
pub fn power_of_ten(scale: u8) -> Option<i128> {
    10_i128.checked_pow(u32::from(scale))
}

/// The integer in `text` at `scale`: `"1.5"` at scale 2 is 150.
///
/// # Errors
///
/// Returns [`DecimalError`] if the text is not a plain decimal, is finer than the scale, or does not
/// fit in an `i128`.
pub fn parse(text: &str, scale: u8) -> Result<i128, DecimalError> {
    let too_large = || DecimalError::TooLarge {
        text: text.to_string(),
        scale,
    };
    let Some((negative, whole, fraction)) = parts(text) else {
        return Err(DecimalError::NotANumber {
            text: text.to_string(),
        });
    };
    // Too many decimals are refused and not rounded: a price finer than its grid is a mistake in data or
    // manifest, and rounding would hide it.
    let missing = usize::from(scale)
        .checked_sub(fraction.len())
        .ok_or_else(|| DecimalError::TooFine {
            text: text.to_string(),
            scale,
        })?;
    let mut value: i128 = 0;
    let zeros = core::iter::repeat_n(b'0', missing);
    for digit in whole.bytes().chain(fraction.bytes()).chain(zeros) {
        // Only digits get here: `parts` refused everything else.
        let digit = i128::from(digit.wrapping_sub(b'0'));
        value = value
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(digit))
            .ok_or_else(too_large)?;
    }
    if negative {
        value.checked_neg().ok_or_else(too_large)
    } else {
        Ok(value)
    }
}

/// How many decimals `text` shows, trailing zeros apart, however large the number is; `None` if it
/// is not a plain decimal or shows more than [`SCALE_MAX`].
#[must_use]
pub fn decimals_of(text: &str) -> Option<u8> {
    let (_, _, fraction) = parts(text)?;
    let decimals = u8::try_from(fraction.len()).ok()?;
    (decimals <= SCALE_MAX).then_some(decimals)
}

/// Whether a plain decimal is below zero, its whole part, and its fraction without the zeros behind
/// it; `None` for any other text.
fn parts(text: &str) -> Option<(bool, &str, &str)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    // Without a point the fraction is zero. `1.` has an empty fraction and is refused: a cut number must
    // not pass for a whole one.
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let plain = all_digits(whole) && all_digits(fraction);
    plain.then(|| (negative, whole, fraction.trim_end_matches('0')))
}

/// The exact text of `value` at `scale`, with all its decimals: 150 at scale 2 is `"1.50"`.
#[must_use]
pub fn format(value: i128, scale: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    let width = usize::from(scale);
    if width == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>least$}", least = width.saturating_add(1));
    let point = padded.len().saturating_sub(width);
    let (whole, fraction) = padded.split_at(point);
    format!("{sign}{whole}.{fraction}")
}

/// `numerator / denominator`, rounded half to even, or `None` when the denominator is not above
/// zero or the arithmetic does not fit.
///
/// Source: IEEE 754-2019, 4.3.1, roundTiesToEven.
#[must_use]
pub fn divide_half_even(numerator: i128, denominator: i128) -> Option<i128> {
    // The comparison below assumes a denominator above zero: with a negative one it would always round
    // up.
    if denominator <= 0 {
        return None;
    }
    let quotient = numerator.div_euclid(denominator);
    // Not a second division, which takes most of the time here. It lies between zero and the denominator.
    let remainder = numerator.wrapping_sub(quotient.wrapping_mul(denominator));
    // Half of the denominator may not be an integer, so twice the remainder is compared.
    let twice = remainder.checked_mul(2)?;
    let up = match twice.cmp(&denominator) {
        core::cmp::Ordering::Less => false,
        core::cmp::Ordering::Greater => true,
        core::cmp::Ordering::Equal => quotient.rem_euclid(2) == 1,
    };
    if up {
        quotient.checked_add(1)
    } else {
        Some(quotient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, scale: u8, expect: &str) {
        let got = match parse(text, scale) {
            Ok(value) => format!("{value} {}", format(value, scale)),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn a_decimal_is_exact_or_an_error() {
        check("1.5", 2, "150 1.50");
        check("-0.05", 2, "-5 -0.05");
        check("100", 0, "100 100");
        check("1.500", 1, "15 1.5");
        check("1.55", 1, "\"1.55\" has more than 1 decimals");
        check("", 2, "\"\" is not a decimal number");
        check("1.", 2, "\"1.\" is not a decimal number");
        check("+1", 2, "\"+1\" is not a decimal number");
        check("1e5", 2, "\"1e5\" is not a decimal number");
        check("NaN", 2, "\"NaN\" is not a decimal number");
    }

    /// The count was taken from a parse at the largest scale, so that a whole number of 22 digits was
    /// called no decimal. Seen by the fuzz target `number`.
    #[test]
    fn the_decimals_of_a_number_do_not_depend_on_its_size() {
        let table = [
            ("1.50", Some(1)),
            ("-3", Some(0)),
            ("1.00", Some(0)),
            ("1234567890123456789012", Some(0)),
            ("1234567890123456789012345678901234567890.25", Some(2)),
            ("0.000000000000000001", Some(18)),
            ("0.0000000000000000010", Some(18)),
            ("0.0000000000000000001", None),
            ("1.", None),
            ("1e5", None),
            ("", None),
        ];
        for (text, expect) in table {
            assert_eq!(decimals_of(text), expect, "{text}");
        }
    }

    #[test]
    fn ties_go_to_the_even_neighbour() {
        let table = [
            (5, 2, 2),
            (7, 2, 4),
            (-5, 2, -2),
            (-7, 2, -4),
            (6, 4, 2),
            (7, 4, 2),
            (1, 3, 0),
        ];
        for (numerator, denominator, expect) in table {
            assert_eq!(
                divide_half_even(numerator, denominator),
                Some(expect),
                "{numerator}/{denominator}"
            );
        }
        assert_eq!(divide_half_even(1, 0), None);
    }
}
