//! An axis of a sweep: a field and its values. It must never know what the field means.

use core::str::FromStr;

use counterfoil_trading::decimal;

/// The most values of one axis.
pub(super) const VALUES_MAX: usize = 100_000;

/// A field of the manifest and the values it takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SweepAxis {
    /// A parameter's name, or the path of another field, such as `costs.fee-bps`.
    pub field: String,
    /// The values, in order.
    pub values: Vec<String>,
}

/// A text that is not an axis.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?}: {reason}; expected NAME=VALUE,VALUE,… or NAME=FROM..TO:STEP with TO included")]
pub struct SweepAxisError {
    pub text: String,
    pub reason: &'static str,
}

impl FromStr for SweepAxis {
    type Err = SweepAxisError;

    fn from_str(text: &str) -> Result<Self, SweepAxisError> {
        let error = |reason| SweepAxisError {
            text: text.to_owned(),
            reason,
        };
        let (field, values) = text.split_once('=').ok_or(error("= is missing"))?;
        let values = match values.split_once("..") {
            Some((from, rest)) => range(from, rest).map_err(error)?,
            None => values.split(',').map(str::to_owned).collect(),
        };
        if field.is_empty() || values.iter().any(String::is_empty) {
            return Err(error("a name or a value is empty"));
        }
        // Two equal values would be two items with one run id, of which the second reuses the first.
        let mut sorted: Vec<&String> = values.iter().collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|two| two[0] == two[1]) {
            return Err(error("a value is given twice"));
        }
        Ok(Self {
            field: field.to_owned(),
            values,
        })
    }
}

/// The decimals from `from` to the bound in `rest`, in steps.
fn range(from: &str, rest: &str) -> Result<Vec<String>, &'static str> {
    let (to, step) = rest.split_once(':').unwrap_or((rest, "1"));
    let scale = [from, to, step].map(decimal::decimals_of);
    let scale = scale.into_iter().collect::<Option<Vec<u8>>>();
    let scale = scale.and_then(|all| all.into_iter().max());
    let scale = scale.ok_or("a bound or the step is not a decimal number")?;
    let number = |text| decimal::parse(text, scale).map_err(|_| "a number is too large");
    let (from, to, step) = (number(from)?, number(to)?, number(step)?);
    if step <= 0 {
        return Err("the step must be above zero");
    }
    if from > to {
        return Err("the range ends before it begins");
    }
    let mut values = Vec::new();
    let mut value = from;
    while value <= to {
        // Before the push: a step far smaller than the range would otherwise fill the memory first.
        if values.len() == VALUES_MAX {
            return Err("the range has more than 100,000 values");
        }
        values.push(decimal::format(value, scale));
        value = value.checked_add(step).ok_or("a number is too large")?;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match text.parse::<SweepAxis>() {
            Ok(axis) => format!("{}: {}", axis.field, axis.values.join(" ")),
            Err(error) => error.reason.to_owned(),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn an_axis_is_a_list_or_a_range() {
        check("fast=5", "fast: 5");
        check("fast=5,10,20", "fast: 5 10 20");
        check("short=true,false", "short: true false");
        check("fast=5..20:5", "fast: 5 10 15 20");
        check("fast=5..19:5", "fast: 5 10 15");
        check("fast=3..5", "fast: 3 4 5");
        check(
            "costs.fee-bps=0..1:0.25",
            "costs.fee-bps: 0.00 0.25 0.50 0.75 1.00",
        );
        check("fast=-1..1", "fast: -1 0 1");
        check("fast", "= is missing");
        check("fast=", "a name or a value is empty");
        check("=5", "a name or a value is empty");
        check("fast=5,,6", "a name or a value is empty");
        check("fast=5,6,5", "a value is given twice");
        check("fast=5..4", "the range ends before it begins");
        check("fast=5..9:0", "the step must be above zero");
        check("fast=5..9:-1", "the step must be above zero");
        check("fast=a..9", "a bound or the step is not a decimal number");
        check("fast=1..100001", "the range has more than 100,000 values");
    }
}
