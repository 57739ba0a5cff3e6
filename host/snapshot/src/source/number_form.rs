//! What the numbers of a source stand for: a multiple of what is written, integers with implied decimals, or
//! fractions such as 32nds. Every conversion is exact; it must never round.

use counterfoil_trading::decimal;

use crate::error::IngestError;
use crate::source::number::{
    DECIMALS_MAX, ExactNumber, NumberColumn, PointMeaning, WrittenNumber, sign_of,
};
use crate::source::number_grid::shortened;
use crate::source::options::NumberScaling;
use crate::source::row_error::{RowError, RowErrorCode};

/// Denominators of fractions that exchanges quote, and the digits of their numerators. Source: CME Group,
/// Fractional Pricing Structure of Treasury Futures and of grain futures.
const FRACTIONS: [(u8, usize); 5] = [(2, 1), (4, 1), (8, 1), (32, 2), (64, 2)];

/// The third digit of 32nds, and the eighths of a 32nd that it stands for.
const EIGHTHS: [(u8, i128); 8] = [
    (b'0', 0),
    (b'1', 1),
    (b'2', 2),
    (b'3', 3),
    (b'5', 4),
    (b'6', 5),
    (b'7', 6),
    (b'8', 7),
];

/// Eighths of a unit of the denominator: the finest step of a fraction.
const PARTS: i128 = 8;

/// How the numbers of one kind of column stand for values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NumberForm {
    /// What each number is multiplied by.
    factor: Option<ExactNumber>,
    /// Whether the numbers are integers in the source, so that a decimal sign shows another form.
    is_integer: bool,
    fraction: Option<FractionForm>,
}

/// A denominator and the digits of its numerators.
#[derive(Clone, Copy, Debug)]
struct FractionForm {
    denominator: u8,
    digits: usize,
}

impl NumberForm {
    /// The form that a mapping states for `prices` or `volumes`.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::Option`] if it cannot be exact, or states two forms.
    pub(crate) fn of(option: &'static str, scaling: &NumberScaling) -> Result<Self, IngestError> {
        let error = |reason: String| IngestError::Option { option, reason };
        let NumberScaling {
            divide,
            fractions,
            implied_decimals,
            multiply,
        } = scaling;
        let stated = [
            divide.is_some(),
            fractions.is_some(),
            implied_decimals.is_some(),
            multiply.is_some(),
        ];
        if stated.iter().filter(|is_stated| **is_stated).count() > 1 {
            return Err(error(
                "state one of multiply, divide, implied_decimals and fractions".to_owned(),
            ));
        }
        let factor = match (multiply, divide, implied_decimals) {
            (Some(text), ..) => Some(exact(text).map_err(error)?),
            (_, Some(text), _) => Some(exact(text).and_then(inverse).map_err(error)?),
            (_, _, Some(decimals)) if *decimals <= decimal::SCALE_MAX => Some(ExactNumber {
                digits: 1,
                decimals: *decimals,
            }),
            (_, _, Some(_)) => {
                let most = decimal::SCALE_MAX;
                return Err(error(format!("implied_decimals: at most {most}")));
            }
            (None, None, None) => None,
        };
        let fraction = fractions.map(|denominator| {
            let known = FRACTIONS
                .iter()
                .find(|(known, _)| *known == denominator)
                .map(|(denominator, digits)| FractionForm {
                    denominator: *denominator,
                    digits: *digits,
                });
            known.ok_or_else(|| {
                let known = FRACTIONS.map(|(known, _)| known.to_string()).join(", ");
                error(format!("fractions: {denominator} is not one of {known}"))
            })
        });
        Ok(Self {
            factor,
            is_integer: implied_decimals.is_some(),
            fraction: fraction.transpose()?,
        })
    }

    /// The number in a field that is written as a fraction; `None` if the form has none.
    ///
    /// # Errors
    ///
    /// Returns [`RowError`] if the field is not such a fraction.
    pub(crate) fn fraction(
        self,
        text: &str,
        column: NumberColumn,
    ) -> Option<Result<WrittenNumber, RowError>> {
        let form = self.fraction.filter(|_| !column.is_typed)?;
        Some(form.read(text).ok_or_else(|| {
            let denominator = form.denominator;
            let example = if form.digits == 1 { "452-4" } else { "101-16" };
            bad(
                column,
                &format!("{text:?} is not a price in fractions of {denominator} such as {example}"),
            )
        }))
    }

    /// The value that a number stands for.
    ///
    /// # Errors
    ///
    /// Returns [`RowError`] if it does not fit, or if an integer has decimals.
    pub(crate) fn value(
        self,
        number: ExactNumber,
        column: NumberColumn,
        text: &str,
    ) -> Result<ExactNumber, RowError> {
        let Some(factor) = self.factor else {
            return Ok(number);
        };
        // Prices that are decimals already would become a billionth of themselves.
        if self.is_integer && text.contains(['.', ',', 'e', 'E']) {
            let reason = format!(
                "{text:?} is not an integer; if prices are decimals, leave implied_decimals out of the mapping"
            );
            return Err(bad(column, &reason));
        }
        let digits = number.digits.checked_mul(factor.digits);
        let decimals = number.decimals.checked_add(factor.decimals);
        let value = digits
            .zip(decimals)
            .and_then(|(digits, decimals)| shortened(digits, decimals))
            .filter(|value| value.decimals <= DECIMALS_MAX);
        value.ok_or_else(|| bad(column, &format!("{text:?} is too large or too fine")))
    }

    /// The decimals of a value that was written with some: two of `10000` in cents.
    pub(crate) fn decimals_written(self, written: u8) -> u8 {
        // The decimals that integers imply are those of the source's notation, and finer than its prices.
        match self.factor.filter(|_| !self.is_integer) {
            Some(factor) => written.saturating_add(factor.decimals),
            None => written,
        }
    }
}

impl FractionForm {
    /// `101-16`, `101'165`, `101-16+` or `101`.
    fn read(self, text: &str) -> Option<WrittenNumber> {
        let (negative, body) = sign_of(text.trim());
        let (whole, fraction) = body.split_once(['-', '\'']).unwrap_or((body, ""));
        if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let parts = if fraction.is_empty() && body.len() == whole_len(body) {
            0
        } else {
            self.parts(fraction)?
        };
        let denominator = i128::from(self.denominator).checked_mul(PARTS)?;
        let parts = i128::from(whole)
            .checked_mul(denominator)?
            .checked_add(parts)?;
        // One part is one over a power of two, and so five to that power over ten to it.
        let power = denominator.trailing_zeros();
        let digits = parts.checked_mul(5_i128.checked_pow(power)?)?;
        let digits = if negative {
            digits.checked_neg()?
        } else {
            digits
        };
        Some(WrittenNumber {
            number: shortened(digits, u8::try_from(power).ok()?)?,
            currency: None,
            is_abbreviated: false,
            point: PointMeaning::Clear,
            // The market moves in these fractions, although 101-16 is written with one decimal.
            decimals_written: u8::try_from(self.denominator.trailing_zeros()).ok()?,
        })
    }

    /// Eighths of a unit of the denominator in a fraction's digits.
    fn parts(self, fraction: &str) -> Option<i128> {
        let (units, rest) = fraction.split_at_checked(self.digits)?;
        let is_number = units.bytes().all(|byte| byte.is_ascii_digit());
        let units: u8 = units.parse().ok().filter(|_| is_number)?;
        if units >= self.denominator {
            return None;
        }
        let rest = match rest.as_bytes() {
            [] => 0,
            [b'+'] => PARTS.checked_div(2)?,
            [digit] if self.denominator == 32 => {
                EIGHTHS.iter().find(|(known, _)| known == digit)?.1
            }
            _ => return None,
        };
        i128::from(units).checked_mul(PARTS)?.checked_add(rest)
    }
}

/// The length of a text's digits at its start.
fn whole_len(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn bad(column: NumberColumn, reason: &str) -> RowError {
    RowError {
        code: RowErrorCode::Number,
        message: format!("column {}: {reason}", column.name),
    }
}

/// A number of a mapping, above zero.
fn exact(text: &str) -> Result<ExactNumber, String> {
    let digits = decimal::parse(text, decimal::SCALE_MAX).map_err(|error| error.to_string())?;
    let number = shortened(digits, decimal::SCALE_MAX);
    number
        .filter(|number| number.digits > 0)
        .ok_or_else(|| format!("{text} is not above zero"))
}

/// One over a number, if it is a decimal with an end.
fn inverse(number: ExactNumber) -> Result<ExactNumber, String> {
    let of_power = |power: u8| {
        let whole = decimal::power_of_ten(power)?;
        (whole.checked_rem(number.digits)? == 0)
            .then(|| whole.checked_div(number.digits))?
            .map(|digits| (power, digits))
    };
    let found = (0..=DECIMALS_MAX).find_map(of_power);
    let inverse = found.and_then(|(power, digits)| {
        let more = decimal::power_of_ten(number.decimals)?;
        shortened(digits.checked_mul(more)?, power)
    });
    inverse.ok_or_else(|| {
        "divide: one over this number has no end as a decimal; use a number such as 100 or 8"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::options::IngestOptions;

    #[track_caller]
    fn check(scaling: &str, text: &str, expect: &str) {
        let column = NumberColumn {
            place: 0,
            name: "close",
            is_typed: false,
        };
        let scaling: NumberScaling = serde_json::from_str(scaling).unwrap();
        let got = NumberForm::of("prices", &scaling)
            .map_err(|error| error.to_string())
            .and_then(|form| {
                let read = form.fraction(text, column).unwrap_or_else(|| {
                    crate::source::number::NumberSigns::default().read(text, column)
                });
                read.and_then(|read| form.value(read.number, column, text))
                    .map_err(|error| error.message)
            })
            .map_or_else(
                |error| error,
                |number| decimal::format(number.digits, number.decimals),
            );
        assert!(got.contains(expect), "{scaling:?} {text}: {got}");
    }

    #[test]
    fn numbers_are_multiplied_and_divided_exactly_or_refused() {
        check(r#"{"implied_decimals": 9}"#, "4512250000000", "4512.25");
        check(
            r#"{"implied_decimals": 9}"#,
            "9223372036854775807",
            "9223372036.854775807",
        );
        check(
            r#"{"implied_decimals": 9}"#,
            "4512.25",
            "\"4512.25\" is not an integer",
        );
        check(r#"{"implied_decimals": 19}"#, "1", "at most 18");
        check(r#"{"multiply": "0.01"}"#, "12345", "123.45");
        check(r#"{"multiply": "100"}"#, "1.5", "150");
        check(r#"{"divide": "100"}"#, "12345", "123.45");
        check(r#"{"divide": "8"}"#, "1", "0.125");
        check(r#"{"divide": "0.5"}"#, "3", "6");
        check(r#"{"divide": "0.001"}"#, "3", "3000");
        check(r#"{"divide": "3"}"#, "1", "has no end");
        check(r#"{"divide": "0"}"#, "1", "0 is not above zero");
        check(r#"{"multiply": "2", "divide": "2"}"#, "1", "state one of");
    }

    /// A file of whole prices would get a tick of 1, although it is written in cents or 32nds.
    #[test]
    fn decimals_are_those_of_the_values_that_the_notation_can_have() {
        let check = |scaling: &str, text: &str, expect: u8| {
            let column = NumberColumn {
                place: 0,
                name: "close",
                is_typed: false,
            };
            let rules = crate::source::number_rules::NumberRules::of(&IngestOptions {
                prices_as: serde_json::from_str(scaling).unwrap(),
                ..IngestOptions::default()
            });
            let (_, seen) = rules.unwrap().read(text, column).unwrap();
            assert_eq!(seen.written.decimals_written, expect, "{scaling} {text}");
        };
        check("{}", "100.00", 2);
        check(r#"{"divide": "100"}"#, "10000", 2);
        check(r#"{"multiply": "0.01"}"#, "10000.0", 3);
        check(r#"{"multiply": "100"}"#, "1", 0);
        check(r#"{"implied_decimals": 9}"#, "100000000000", 0);
        check(r#"{"fractions": 32}"#, "101-00", 5);
        check(r#"{"fractions": 8}"#, "452", 3);
    }

    #[test]
    fn fractions_are_read_as_exchanges_quote_them() {
        let bond = r#"{"fractions": 32}"#;
        check(bond, "101-16", "101.5");
        check(bond, "101'165", "101.515625");
        check(bond, "101-162", "101.5078125");
        check(bond, "101-168", "101.52734375");
        check(bond, "101-16+", "101.515625");
        check(bond, "101-00", "101");
        check(bond, "101", "101");
        check(bond, "-0-08", "-0.25");
        check(r#"{"fractions": 8}"#, "452-4", "452.5");
        check(r#"{"fractions": 8}"#, "452'4+", "452.5625");
        for text in [
            "101-32", "101-164", "101-1", "101-", "101.16", "", "-", "101-1655", "101 16",
        ] {
            check(
                bond,
                text,
                "is not a price in fractions of 32 such as 101-16",
            );
        }
        check(
            r#"{"fractions": 8}"#,
            "452-8",
            "is not a price in fractions of 8 such as 452-4",
        );
        check(
            r#"{"fractions": 10}"#,
            "1",
            "10 is not one of 2, 4, 8, 32, 64",
        );
    }
}
