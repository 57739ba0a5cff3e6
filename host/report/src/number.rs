//! Exact numbers to floats and to texts that people read. It must never know what a number means.

use counterfoil_trading::decimal::{self, divide_half_even};
use counterfoil_trading::units::{MONEY_SCALE, Money};

/// 2 to the power of 32.
const HALF: f64 = 4_294_967_296.0;
/// Every integer up to 2^53 is a float.
const EXACT_MAX: u128 = 1 << 53;

/// The float nearest to an integer. Both halves are exact, so only the sum rounds.
pub(crate) fn signed(value: i64) -> f64 {
    // `as` would do the same and is forbidden, since elsewhere it drops bits in silence.
    let high = i32::try_from(value >> 32).unwrap_or(0);
    let low = u32::try_from(value & 0xffff_ffff).unwrap_or(0);
    f64::from(high) * HALF + f64::from(low)
}

/// The float nearest to a count.
pub(crate) fn count(value: u64) -> f64 {
    let high = u32::try_from(value >> 32).unwrap_or(0);
    let low = u32::try_from(value & 0xffff_ffff).unwrap_or(0);
    f64::from(high) * HALF + f64::from(low)
}

/// The float nearest to a length.
pub(crate) fn length(value: usize) -> f64 {
    count(u64::try_from(value).unwrap_or(u64::MAX))
}

/// The float nearest to a decimal of `scale` places, 22 at most.
pub(crate) fn decimal(value: i128, scale: u8) -> f64 {
    let ten = decimal::power_of_ten(scale).and_then(|ten| i64::try_from(ten).ok());
    if let (Some(ten), Ok(narrow)) = (ten, i64::try_from(value))
        && value.unsigned_abs() <= EXACT_MAX
        && ten.unsigned_abs() <= 1 << 53
    {
        // Both are exact floats, so the quotient is the nearest one.
        return signed(narrow) / signed(ten);
    }
    // By way of text: the parser rounds once and to the nearest float, where a quotient of two
    // numbers that are rounded themselves would be one off.
    decimal::format(value, scale).parse().unwrap_or(f64::NAN)
}

/// The float nearest to an amount.
pub(crate) fn money(amount: Money) -> f64 {
    decimal(amount.0, MONEY_SCALE)
}

/// An amount as people read it: two decimals, rounded half to even, thousands apart.
pub(crate) fn money_text(amount: Money) -> String {
    // Shown rounded, never computed on: the files beside the page have all nine decimals.
    let cents = divide_half_even(amount.0, 10_000_000).unwrap_or(0);
    grouped(&decimal::format(cents, 2))
}

/// An amount with its sign, also when it is a gain.
pub(crate) fn signed_money_text(amount: Money) -> String {
    let text = money_text(amount);
    if amount > Money::ZERO {
        format!("+{text}")
    } else {
        text
    }
}

/// A decimal with its thousands apart and a true minus sign.
pub(crate) fn grouped(text: &str) -> String {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let mut out = String::from(if negative { "\u{2212}" } else { "" });
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && whole.len().saturating_sub(place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A count with its thousands apart.
pub(crate) fn count_text(value: u64) -> String {
    grouped(&value.to_string())
}

/// A float with so many decimals; a value that is not finite is a dash.
pub(crate) fn float_text(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "\u{2013}".to_owned();
    }
    let text = format!("{value:.decimals$}");
    // A negative number that rounds to nothing is shown as nothing.
    let zero = text.bytes().all(|byte| b"-0.".contains(&byte));
    grouped(if zero {
        text.trim_start_matches('-')
    } else {
        &text
    })
}

/// A share as a percentage.
pub(crate) fn percent_text(share: f64, decimals: usize) -> String {
    let text = float_text(share * 100.0, decimals);
    if share.is_finite() {
        format!("{text}\u{a0}%")
    } else {
        text
    }
}

/// A share as a percentage with its sign, also when it is a gain.
pub(crate) fn signed_percent_text(share: f64, decimals: usize) -> String {
    let text = percent_text(share, decimals);
    if share > 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        format!("+{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_number_becomes_the_nearest_float() {
        let table = [0, 1, -1, i64::MAX, i64::MIN, (1 << 53) + 1, -4_294_967_297];
        for value in table {
            let nearest: f64 = value.to_string().parse().unwrap();
            assert_eq!(
                signed(value).to_bits(),
                (nearest + 0.0).to_bits(),
                "{value}"
            );
            let nearest: f64 = decimal::format(value.into(), 9).parse().unwrap();
            let got = decimal(value.into(), 9);
            assert_eq!(got.to_bits(), (nearest + 0.0).to_bits(), "{value}");
        }
        assert_eq!(
            count(u64::MAX).to_bits(),
            18_446_744_073_709_551_615_f64.to_bits()
        );
    }

    #[test]
    fn numbers_are_written_for_people() {
        let money = |text: &str| money_text(Money::parse(text).unwrap());
        assert_eq!(money("1234567.125"), "1,234,567.12");
        assert_eq!(money("-999.995"), "\u{2212}1,000.00");
        assert_eq!(money("0"), "0.00");
        assert_eq!(float_text(-0.001, 2), "0.00");
        assert_eq!(float_text(f64::NAN, 2), "\u{2013}");
        assert_eq!(signed_percent_text(0.1234, 1), "+12.3\u{a0}%");
        assert_eq!(signed_percent_text(0.0001, 1), "0.0\u{a0}%");
        assert_eq!(signed_percent_text(-12.5, 0), "\u{2212}1,250\u{a0}%");
    }
}
