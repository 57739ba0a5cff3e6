//! Values of a venue's JSON as integers, or an error that names the field. It must never know what
//! a field means. These error texts are recorded in journals: they never change.

use counterfoil_trading::decimal;
use counterfoil_trading::time::UnixNanos;
use serde_json::value::RawValue;

/// The most characters of a venue's text that an error repeats.
const SHOWN_MAX: usize = 200;

/// Why a field of a venue's message cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("field {field}: {reason}")]
pub struct FieldError {
    /// The field, in the venue's spelling.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FieldError {
    /// An error about one field.
    #[must_use]
    pub fn new(field: &str, reason: impl core::fmt::Display) -> Self {
        Self {
            field: field.to_owned(),
            reason: shown(&reason.to_string()),
        }
    }
}

/// Text from outside as an error may repeat it: its beginning, without control characters.
#[must_use]
pub fn shown(text: &str) -> String {
    // A venue may send a megabyte, or escape sequences for the operator's terminal.
    let mut out: String = text
        .chars()
        .take(SHOWN_MAX)
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        out.push('…');
    }
    out
}

/// The value of a required field.
pub(crate) fn required<T>(field: &str, value: Option<T>) -> Result<T, FieldError> {
    value.ok_or_else(|| FieldError::new(field, "is missing"))
}

/// The text of a JSON number, or of a JSON string without escapes.
pub(crate) fn digits(raw: &RawValue) -> &str {
    let text = raw.get();
    text.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text)
}

/// A decimal, as text or number, at a scale. It must be exact: nothing is rounded.
pub(crate) fn number(field: &str, raw: Option<&RawValue>, scale: u8) -> Result<i64, FieldError> {
    // Never through a float: 0.1 has no exact binary form, and a rounded price changes the decision
    // digest.
    let value = decimal::parse(digits(required(field, raw)?), scale)
        .map_err(|error| FieldError::new(field, error))?;
    i64::try_from(value).map_err(|_| FieldError::new(field, "does not fit"))
}

/// Milliseconds since 1970.
pub(crate) fn millis(field: &str, value: Option<i64>) -> Result<UnixNanos, FieldError> {
    let nanos = required(field, value)?.checked_mul(1_000_000);
    nanos
        .map(UnixNanos)
        .ok_or_else(|| FieldError::new(field, "is too far from 1970"))
}

/// An RFC 3339 time with an offset.
pub(crate) fn time(field: &str, text: Option<&str>) -> Result<UnixNanos, FieldError> {
    let text = required(field, text)?;
    let stamp: jiff::Timestamp = text
        .parse()
        .map_err(|_| FieldError::new(field, format!("{:?} is no RFC 3339 time", shown(text))))?;
    i64::try_from(stamp.as_nanosecond())
        .map(UnixNanos)
        .map_err(|_| FieldError::new(field, "is too far from 1970"))
}

/// Parses a whole message.
pub(crate) fn json<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FieldError> {
    serde_json::from_slice(bytes).map_err(|error| FieldError::new("message", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, scale: u8, expect: &str) {
        let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
        let got = match number("p", Some(&raw), scale) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn a_number_is_exact_or_an_error_names_the_field() {
        check("12.50", 2, "1250");
        check("\"0.00100000\"", 3, "1");
        check("0.005", 2, "field p: \"0.005\" has more than 2 decimals");
        check("1e-5", 8, "field p: \"1e-5\" is not a decimal number");
        check(
            "\"\\u0031\"",
            0,
            "field p: \"\\\\u0031\" is not a decimal number",
        );
        check("null", 0, "field p: \"null\" is not a decimal number");
        check("9223372036854775808", 0, "field p: does not fit");
    }

    #[test]
    fn an_error_repeats_no_more_than_a_line_of_what_came() {
        assert_eq!(shown("a\u{1b}[2J"), "a\u{fffd}[2J");
        assert_eq!(shown(&"x".repeat(1_000)).chars().count(), SHOWN_MAX + 1);
    }
}
