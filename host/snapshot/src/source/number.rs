//! A number as people and spreadsheets write it, as an exact decimal: `1.234,56`, `$1,234.56`, `69.47K`, `1e-05`.
//! It must never go through a float, and never read a sign in one of two ways.

use core::ops::RangeInclusive;
use std::borrow::Cow;

use counterfoil_trading::decimal;

use crate::error::IngestError;
use crate::source::options::IngestOptions;
use crate::source::row_error::{RowError, RowErrorCode};

/// Decimals, trailing zeros apart, and digits: ten to this power still fits in 128 bits. A binary float has at
/// most 17 digits.
pub(crate) const DECIMALS_MAX: u8 = 38;

/// Digits of an exponent: no price or volume needs more.
const EXPONENT_DIGITS_MAX: usize = 3;

/// Signs of currencies that leave the number as it is. A cent sign would make it a hundredth.
const CURRENCIES: [char; 12] = ['$', '€', '£', '¥', '₹', '₩', '₽', '₺', '₿', '₴', '₫', '₪'];

/// Signs that group digits. Spaces and apostrophes have several forms, which are one sign here.
const GROUP_SIGNS: [char; 9] = [
    '.', ',', '_', '\'', '\u{2019}', ' ', '\u{a0}', '\u{202f}', '\u{2009}',
];

/// A number column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NumberColumn {
    /// Its place in the row.
    pub(crate) place: usize,
    /// Its name, for messages.
    pub(crate) name: &'static str,
    /// Whether its values are numbers in the file, not text: no sign in them is the source's.
    pub(crate) is_typed: bool,
}

impl NumberColumn {
    /// Whether it is a volume, which may be abbreviated; other numbers are prices.
    pub(crate) fn is_volume(self) -> bool {
        matches!(self.name, "volume" | "size")
    }
}

/// The signs in the numbers of a source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NumberSigns {
    decimal: char,
    thousands: Option<char>,
    /// Whether the caller states them: then no column is ambiguous.
    is_stated: bool,
}

/// A decimal number, exact: `digits` divided by ten to the power of `decimals`, without trailing zeros.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ExactNumber {
    pub(crate) digits: i128,
    pub(crate) decimals: u8,
}

/// Whether a point could group thousands: `1.234` could be 1234.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PointMeaning {
    /// It could be both.
    Ambiguous,
    /// This number shows that it is the decimal sign, or that thousands are not grouped.
    Clear,
    /// Nothing is shown.
    Unknown,
}

/// A number and how it was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct WrittenNumber {
    pub(crate) number: ExactNumber,
    pub(crate) currency: Option<char>,
    /// Whether it ended in K, M, B or T: its source has rounded it.
    pub(crate) is_abbreviated: bool,
    pub(crate) point: PointMeaning,
    /// Decimals as written, with the zeros at their end: two of `1.50`.
    pub(crate) decimals_written: u8,
}

impl Default for NumberSigns {
    fn default() -> Self {
        Self {
            decimal: '.',
            thousands: None,
            is_stated: false,
        }
    }
}

impl NumberSigns {
    /// The signs that the caller states.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::Option`] if a sign cannot be one, or both are the same.
    pub(crate) fn of(options: &IngestOptions) -> Result<Self, IngestError> {
        let error = |option: &'static str, reason: String| IngestError::Option { option, reason };
        let one = |option: &'static str, text: &str| {
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(sign), None) if GROUP_SIGNS.contains(&sign) => Ok(plain_sign(sign)),
                _ => Err(error(
                    option,
                    format!(
                        "{text:?} is not a sign in numbers; use . or , (to group also ' _ or a space)"
                    ),
                )),
            }
        };
        let thousands = options
            .thousands
            .as_deref()
            .map(|text| one("thousands", text))
            .transpose()?;
        let decimal = match options.decimal.as_deref() {
            Some(text) => one("decimal", text)?,
            None if thousands == Some('.') => ',',
            None => '.',
        };
        if !matches!(decimal, '.' | ',') {
            return Err(error(
                "decimal",
                format!("{decimal:?} is not a decimal sign; use . or ,"),
            ));
        }
        if thousands == Some(decimal) {
            return Err(error(
                "thousands",
                format!("{decimal:?} is the decimal sign already"),
            ));
        }
        Ok(Self {
            decimal,
            thousands,
            is_stated: options.decimal.is_some() || thousands.is_some(),
        })
    }

    /// The decimal sign of a column.
    pub(crate) fn decimal_in(self, column: NumberColumn) -> char {
        if column.is_typed { '.' } else { self.decimal }
    }

    /// The number in a field. Only a volume may be abbreviated.
    ///
    /// # Errors
    ///
    /// Returns [`RowError`], whose message names the column and what to state.
    pub(crate) fn read(self, text: &str, column: NumberColumn) -> Result<WrittenNumber, RowError> {
        // The text of a typed column was written by this program: no sign in it is the source's.
        let signs = if column.is_typed {
            Self {
                is_stated: true,
                ..Self::default()
            }
        } else {
            self
        };
        let bad = |reason: String| RowError {
            code: RowErrorCode::Number,
            message: format!("column {}: {reason}", column.name),
        };
        let text = text.trim();
        let BareNumber {
            negative,
            currency,
            body,
        } = BareNumber::of(text);
        let (body, thousandfold) = if column.is_volume() {
            abbreviation_of(body)
        } else {
            (body, 0)
        };
        let parts = signs.parts(body).ok_or_else(|| {
            let hint =
                Self::hint(text, column).map_or_else(String::new, |hint| format!("; {hint}"));
            bad(format!("{text:?} is not a decimal number{hint}"))
        })?;
        let number = parts.exact(thousandfold, negative).ok_or_else(|| {
            bad(format!(
                "{text:?} has more than {DECIMALS_MAX} digits or decimals"
            ))
        })?;
        // An exponent moves the point: what is written before it are no decimals of the number.
        let fraction = match body.split_once(signs.decimal) {
            Some((_, fraction)) if !fraction.contains(['e', 'E']) => fraction.len(),
            Some(_) | None => 0,
        };
        Ok(WrittenNumber {
            decimals_written: u8::try_from(fraction).unwrap_or(u8::MAX),
            number,
            currency,
            is_abbreviated: thousandfold > 0,
            point: if signs.is_stated {
                PointMeaning::Clear
            } else {
                point_meaning(body)
            },
        })
    }

    /// The digits of an unsigned number and the power of ten they are multiplied by.
    fn parts(self, body: &str) -> Option<NumberParts<'_>> {
        let (mantissa, exponent) = match body.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (body, 0),
        };
        let (whole, fraction) = mantissa.split_once(self.decimal).unwrap_or((mantissa, ""));
        if !is_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        Some(NumberParts {
            whole: self.ungrouped(whole)?,
            // Trailing zeros do not count: `1.50` and `1.5` are one value, and files mix both.
            fraction: fraction.trim_end_matches('0'),
            exponent,
        })
    }

    /// A whole part without the signs that group its digits: the last group has three, those before it two
    /// (as in India) or three, and the first at most as many.
    fn ungrouped(self, whole: &str) -> Option<Cow<'_, str>> {
        if is_digits(whole) {
            return Some(Cow::Borrowed(whole));
        }
        let sign = self.thousands?;
        let groups: Vec<&str> = whole.split(|letter| plain_sign(letter) == sign).collect();
        let [first, middle @ .., last] = groups.as_slice() else {
            return None;
        };
        let width = middle.first().map_or(3, |group| group.len());
        let is_even = (2..=3).contains(&width) && middle.iter().all(|group| group.len() == width);
        let fits = (1..=width).contains(&first.len()) && last.len() == 3;
        let is_number = is_even && fits && groups.iter().all(|group| is_digits(group));
        is_number.then(|| Cow::Owned(groups.concat()))
    }

    /// What to state so that a text is a number: two ways at most.
    fn hint(text: &str, column: NumberColumn) -> Option<String> {
        if text.starts_with('(') && text.ends_with(')') {
            return Some("numbers below zero have a minus sign here, not brackets".to_owned());
        }
        let is_fraction = text
            .split_once(['-', '\''])
            .is_some_and(|(whole, part)| !whole.is_empty() && part.len() < 4 && is_digits(whole));
        if is_fraction && !column.is_volume() {
            return Some(
                "if it is a price in 32nds, state \"prices\": {\"fractions\": 32} in a mapping"
                    .to_owned(),
            );
        }
        let has = |sign: char| text.chars().any(|letter| plain_sign(letter) == sign);
        let way = |(decimal, thousands): &(char, Option<char>)| {
            let signs = Self {
                decimal: *decimal,
                thousands: *thousands,
                is_stated: true,
            };
            // A sign that is not there would only make the way on longer.
            let is_there = thousands.is_none_or(has)
                && (has(*decimal) || *decimal == '.' || *thousands == Some('.'));
            let body = BareNumber::of(text).body;
            let body = if column.is_volume() {
                abbreviation_of(body).0
            } else {
                body
            };
            signs.parts(body).filter(|_| is_there)?;
            let group =
                thousands.map_or_else(String::new, |sign| format!(" --thousands \"{sign}\""));
            Some(format!("--decimal \"{decimal}\"{group}"))
        };
        let ways: Vec<String> = OTHER_SIGNS.iter().filter_map(way).take(2).collect();
        let ways = ways.join(", or ");
        if !ways.is_empty() {
            return Some(format!("if its signs are others, state them: {ways}"));
        }
        let affix = foreign_affix(text).filter(|_| !column.is_volume())?;
        Some(format!(
            "a number may have one sign of a currency, such as $ or €: write the column without {affix:?}"
        ))
    }
}

/// Decimal and thousands signs of countries, which errors propose.
const OTHER_SIGNS: [(char, Option<char>); 8] = [
    (',', None),
    ('.', Some(',')),
    (',', Some('.')),
    ('.', Some('\'')),
    (',', Some('\'')),
    ('.', Some(' ')),
    (',', Some(' ')),
    ('.', Some('_')),
];

impl ExactNumber {
    /// The integer at a scale that is not coarser than its decimals.
    pub(crate) fn at(self, scale: u8, column: &str) -> Result<i64, RowError> {
        let value = scale
            .checked_sub(self.decimals)
            .and_then(decimal::power_of_ten)
            .and_then(|factor| self.digits.checked_mul(factor))
            .and_then(|value| i64::try_from(value).ok());
        value.ok_or_else(|| RowError {
            code: RowErrorCode::Number,
            message: match decimal::power_of_ten(scale) {
                Some(one) if scale > 0 => format!(
                    "column {column}: too large: with {scale} decimals a number is at most {}",
                    i128::from(i64::MAX) / one
                ),
                _ => format!(
                    "column {column}: too large: a number is at most {}",
                    i64::MAX
                ),
            },
        })
    }

    /// The integer at a scale, rounded half to even; `None` if it does not fit in 128 bits.
    pub(crate) fn half_even_at(self, scale: u8) -> Option<i128> {
        match self.decimals.checked_sub(scale) {
            Some(finer) => decimal::divide_half_even(self.digits, decimal::power_of_ten(finer)?),
            None => self
                .digits
                .checked_mul(decimal::power_of_ten(scale.saturating_sub(self.decimals))?),
        }
    }
}

/// A number that was taken apart: all digits, times ten to the power of the exponent.
struct NumberParts<'a> {
    whole: Cow<'a, str>,
    fraction: &'a str,
    exponent: i32,
}

impl NumberParts<'_> {
    /// The number, times another power of ten; `None` if it does not fit.
    fn exact(&self, power: i32, negative: bool) -> Option<ExactNumber> {
        let mut value: i128 = 0;
        for digit in self.whole.bytes().chain(self.fraction.bytes()) {
            let digit = i128::from(digit.wrapping_sub(b'0'));
            value = value.checked_mul(10)?.checked_add(digit)?;
        }
        let fraction = i32::try_from(self.fraction.len()).ok()?;
        let mut power = self.exponent.saturating_add(power).saturating_sub(fraction);
        while power < 0 && value.checked_rem(10)? == 0 {
            // Zero has no last digit that counts, and would be divided for ever.
            if value == 0 {
                return Some(ExactNumber::default());
            }
            value = value.checked_div(10)?;
            power = power.saturating_add(1);
        }
        if value == 0 {
            return Some(ExactNumber::default());
        }
        let decimals = u8::try_from(power.min(0).unsigned_abs())
            .ok()
            .filter(|decimals| *decimals <= DECIMALS_MAX)?;
        let factor = decimal::power_of_ten(u8::try_from(power.max(0)).ok()?)?;
        let value = value.checked_mul(factor)?;
        Some(ExactNumber {
            digits: if negative {
                value.checked_neg()?
            } else {
                value
            },
            decimals,
        })
    }
}

/// A number apart from its signs.
pub(crate) struct BareNumber<'a> {
    negative: bool,
    currency: Option<char>,
    pub(crate) body: &'a str,
}

impl<'a> BareNumber<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let (outer, unsigned) = sign_of(text);
        let (currency, body) = currency_of(unsigned);
        // `-$5` and `$-5` are both written, `-$-5` is not.
        let has_one_sign = currency.is_some() && unsigned.len() == text.len();
        let (inner, body) = if has_one_sign {
            sign_of(body)
        } else {
            (false, body)
        };
        Self {
            negative: outer || inner,
            currency,
            body,
        }
    }
}

/// Letters of an affix that may name a currency: one alone may be an exponent or stand for thousands.
const AFFIX_LETTERS: RangeInclusive<usize> = 2..=5;

/// What stands before or behind the digits of a text, if it may be a currency's name: `US$1.50`, `1.50 EUR`.
fn foreign_affix(text: &str) -> Option<&str> {
    let of_number =
        |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ',' | '-' | '+');
    let start = text.find(of_number)?;
    let end = text.rfind(of_number)?;
    let (before, number) = text.split_at_checked(start)?;
    let (number, behind) = number.split_at_checked(end.checked_sub(start)?.checked_add(1)?)?;
    let (("", affix) | (affix, "")) = (before.trim(), behind.trim()) else {
        return None;
    };
    let is_name = |affix: &str| {
        let letters = affix.chars().count();
        let may_name = |letter: char| letter.is_alphabetic() || CURRENCIES.contains(&letter);
        AFFIX_LETTERS.contains(&letters) && affix.chars().all(may_name)
    };
    (is_name(affix)
        && number.chars().all(of_number)
        && number.contains(|it: char| it.is_ascii_digit()))
    .then_some(affix)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Spaces and apostrophes of every form as one.
fn plain_sign(sign: char) -> char {
    match sign {
        '\u{a0}' | '\u{202f}' | '\u{2009}' => ' ',
        '\u{2019}' => '\'',
        other => other,
    }
}

/// Whether a number is below zero, and the text after its sign.
pub(crate) fn sign_of(text: &str) -> (bool, &str) {
    match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The currency's sign before or behind a number, and the rest.
fn currency_of(text: &str) -> (Option<char>, &str) {
    let first = text
        .chars()
        .next()
        .filter(|letter| CURRENCIES.contains(letter));
    let last = text
        .chars()
        .next_back()
        .filter(|letter| CURRENCIES.contains(letter));
    match (first, last) {
        (Some(sign), _) => (
            Some(sign),
            text.strip_prefix(sign).unwrap_or(text).trim_start(),
        ),
        (None, Some(sign)) => (
            Some(sign),
            text.strip_suffix(sign).unwrap_or(text).trim_end(),
        ),
        (None, None) => (None, text),
    }
}

/// A number without its suffix, and the power of ten that the suffix stands for.
fn abbreviation_of(text: &str) -> (&str, i32) {
    let powers = [
        ('K', 3),
        ('k', 3),
        ('M', 6),
        ('m', 6),
        ('B', 9),
        ('b', 9),
        ('T', 12),
        ('t', 12),
    ];
    let found = powers
        .iter()
        .find_map(|(suffix, power)| Some((text.strip_suffix(*suffix)?, *power)));
    found.map_or((text, 0), |(rest, power)| (rest.trim_end(), power))
}

fn exponent_of(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = (1..=EXPONENT_DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// What a number shows about the meaning of the point in its column.
fn point_meaning(body: &str) -> PointMeaning {
    // Nobody groups thousands in front of an exponent.
    if body.contains(['e', 'E']) {
        return PointMeaning::Clear;
    }
    match body.split_once('.') {
        Some((whole, fraction)) => {
            let could_group =
                (1..=3).contains(&whole.len()) && !whole.starts_with('0') && fraction.len() == 3;
            if could_group {
                PointMeaning::Ambiguous
            } else {
                PointMeaning::Clear
            }
        }
        None if body.len() > 3 => PointMeaning::Clear,
        None => PointMeaning::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: NumberColumn = NumberColumn {
        place: 0,
        name: "open",
        is_typed: false,
    };
    const VOLUME: NumberColumn = NumberColumn {
        place: 0,
        name: "volume",
        is_typed: false,
    };

    /// Decimal and thousands signs.
    fn signs(both: &str) -> NumberSigns {
        let mut letters = both.chars().map(|sign| sign.to_string());
        let options = IngestOptions {
            decimal: letters.next(),
            thousands: letters.next(),
            ..IngestOptions::default()
        };
        NumberSigns::of(&options).unwrap()
    }

    fn read(both: &str, text: &str, column: NumberColumn) -> String {
        match signs(both).read(text, column) {
            Ok(written) => {
                let number = written.number;
                let currency = written
                    .currency
                    .map_or(String::new(), |sign| format!(" in {sign}"));
                let short = if written.is_abbreviated {
                    " abbreviated"
                } else {
                    ""
                };
                format!(
                    "{}{currency}{short}",
                    decimal::format(number.digits, number.decimals)
                )
            }
            Err(error) => error.message,
        }
    }

    #[track_caller]
    fn check(both: &str, text: &str, expect: &str) {
        assert_eq!(read(both, text, PRICE), expect, "{both:?} {text:?}");
    }

    #[test]
    fn a_number_is_exact_however_it_is_written() {
        for (text, expect) in [
            ("1.50", "1.5"),
            ("+10", "10"),
            ("-3", "-3"),
            ("\u{2212}3", "-3"),
            (".5", "0.5"),
            ("11.", "11"),
            ("1e6", "1000000"),
            ("1.5E+3", "1500"),
            ("5.1e-06", "0.0000051"),
            ("1e-05", "0.00001"),
            ("0e99", "0"),
            ("0000000000000000000000000000000000000000001", "1"),
            ("4.8100000000000005", "4.8100000000000005"),
            ("0.000012345678901234567", "0.000012345678901234567"),
            ("$1.5", "1.5 in $"),
            ("-$5", "-5 in $"),
            ("$-5", "-5 in $"),
            ("12 €", "12 in €"),
        ] {
            check("", text, expect);
        }
        for text in [
            "", "-", "+", ".", "NaN", "inf", "0x10", "--5", "++5", "+-5", "-$-5", "$", "1e", "1e+",
            "e5",
        ] {
            check(
                "",
                text,
                &format!("column open: {text:?} is not a decimal number"),
            );
        }
        for text in ["1e999", "1e-39", "999999999999999999999999999999999999999"] {
            check(
                "",
                text,
                &format!("column open: {text:?} has more than 38 digits or decimals"),
            );
        }
        check("", "12K", "column open: \"12K\" is not a decimal number");
        for (text, expect) in [
            ("69.47K", "69470"),
            ("1.2m", "1200000"),
            ("3B", "3000000000"),
        ] {
            assert_eq!(read("", text, VOLUME), format!("{expect} abbreviated"));
        }
        assert_eq!(read(",.", "69,47K", VOLUME), "69470 abbreviated");
    }

    /// `1.234` for 1234 was read as 1.234 without a word, and `1.234,56` was refused without a way on.
    #[test]
    fn signs_are_read_as_stated() {
        for (both, text, expect) in [
            (",.", "1.234,56", "1234.56"),
            (",.", "1.234", "1234"),
            (",.", "1.234.567", "1234567"),
            (",", "1228,44", "1228.44"),
            (".,", "4,149.90", "4149.9"),
            (".,", "12,34,567.5", "1234567.5"),
            (".'", "1\u{2019}234.5", "1234.5"),
            (", ", "1\u{202f}234,5", "1234.5"),
            (".,", "999", "999"),
        ] {
            check(both, text, expect);
        }
        for (both, text) in [
            (",.", "1.23,5"),
            (",.", "1234.567"),
            (".,", "1,2345"),
            (".,", ",234"),
            (".,", "1,,234"),
            (".,", "1234,567.5"),
            (",", "1.5"),
        ] {
            let got = read(both, text, PRICE);
            assert!(
                got.contains("is not a decimal number"),
                "{both:?} {text:?}: {got}"
            );
        }
    }

    #[test]
    fn an_error_names_the_signs_to_state() {
        for (text, expect) in [
            ("1.228,44", "state them: --decimal \",\" --thousands \".\""),
            ("4,170.88", "state them: --decimal \".\" --thousands \",\""),
            ("1228,44", "state them: --decimal \",\""),
            (
                "1,234",
                "state them: --decimal \",\", or --decimal \".\" --thousands \",\"",
            ),
            ("1.234.567", "state them: --decimal \",\" --thousands \".\""),
            ("1'234.5", "state them: --decimal \".\" --thousands \"'\""),
            ("1 234,5", "state them: --decimal \",\" --thousands \" \""),
            ("-4,170.88", "state them: --decimal \".\" --thousands \",\""),
            (
                "-$4,170.88",
                "state them: --decimal \".\" --thousands \",\"",
            ),
            (
                "$-4,170.88",
                "state them: --decimal \".\" --thousands \",\"",
            ),
            ("US$4,170.88", "write the column without \"US$\""),
            ("-17.5 USD", "write the column without \"USD\""),
            ("17,5 zł", "write the column without \"zł\""),
            ("N/A", "\"N/A\" is not a decimal number"),
            ("see 2.5 below", "\"see 2.5 below\" is not a decimal number"),
        ] {
            let got = read("", text, PRICE);
            assert!(got.ends_with(expect), "{text:?}: {got}");
        }
    }

    #[test]
    fn signs_that_cannot_be_are_refused() {
        let refused = |decimal: &str, thousands: &str| {
            let options = IngestOptions {
                decimal: Some(decimal.to_owned()),
                thousands: Some(thousands.to_owned()),
                ..IngestOptions::default()
            };
            NumberSigns::of(&options).unwrap_err().to_string()
        };
        assert_eq!(
            refused(",", ","),
            "option thousands: ',' is the decimal sign already"
        );
        assert_eq!(
            refused("'", ","),
            "option decimal: '\\'' is not a decimal sign; use . or ,"
        );
        assert!(refused("5", ",").starts_with("option decimal: \"5\" is not a sign in numbers"));
        assert!(refused(".", "").starts_with("option thousands: \"\" is not a sign in numbers"));
        let comma = IngestOptions {
            thousands: Some(".".to_owned()),
            ..IngestOptions::default()
        };
        assert_eq!(NumberSigns::of(&comma).unwrap(), signs(",."));
    }

    #[test]
    fn a_point_that_could_group_thousands_is_ambiguous() {
        for (text, expect) in [
            ("1.234", PointMeaning::Ambiguous),
            ("1.5e3", PointMeaning::Clear),
            ("1.234E2", PointMeaning::Clear),
            ("999.000", PointMeaning::Ambiguous),
            ("0.123", PointMeaning::Clear),
            ("1.23", PointMeaning::Clear),
            ("1234.567", PointMeaning::Clear),
            ("1234", PointMeaning::Clear),
            ("12", PointMeaning::Unknown),
        ] {
            assert_eq!(
                NumberSigns::default().read(text, PRICE).unwrap().point,
                expect,
                "{text}"
            );
        }
        assert_eq!(
            signs(".").read("1.234", PRICE).unwrap().point,
            PointMeaning::Clear
        );
        let typed = NumberColumn {
            is_typed: true,
            ..PRICE
        };
        assert_eq!(
            signs("").read("1.234", typed).unwrap().point,
            PointMeaning::Clear
        );
        assert_eq!(signs(",.").read("1.234", typed).unwrap().number.decimals, 3);
    }

    proptest::proptest! {
        #[test]
        fn no_text_ends_the_host(text in "[-+0-9.,'eEKMB$ ]{0,50}", any in ".{0,20}") {
            for both in ["", ",.", ".,", ".'"] {
                for text in [&text, &any] {
                    drop(signs(both).read(text, VOLUME));
                }
            }
        }

        #[test]
        fn a_number_reads_back(digits in -1_000_000_000_000_i64.., decimals in 0_u8..18) {
            let text = decimal::format(i128::from(digits), decimals);
            let number = NumberSigns::default().read(&text, PRICE).unwrap().number;
            proptest::prop_assert_eq!(number.at(decimals, "x").unwrap(), digits);
        }
    }
}
