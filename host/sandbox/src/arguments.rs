//! Text from a manifest or a command line to the arguments of a run. It must never let a value
//! through that the strategy did not say it takes.

use std::collections::BTreeMap;

use counterfoil_trading::decimal;

use crate::describe::{Description, Parameter, ParameterType};
use crate::setup::{Argument, Value};

/// Why the texts are no arguments for this strategy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// A name that the strategy does not take.
    #[error(
        "the strategy has no parameter {name:?}{}; it takes: {}",
        nearest.as_ref().map(|near| format!(" (did you mean {near}?)")).unwrap_or_default(),
        if known.is_empty() { String::from("none") } else { known.join(", ") }
    )]
    Unknown {
        /// The name.
        name: String,
        /// The parameter whose name is nearest to it, if one is near.
        nearest: Option<String>,
        /// All parameters.
        known: Vec<String>,
    },
    /// A value that the parameter does not take.
    #[error("{name} cannot be {text:?}: it takes {allowed}")]
    Value {
        /// The parameter.
        name: String,
        /// The value.
        text: String,
        /// What it takes.
        allowed: String,
    },
}

/// A value for each parameter: from `texts` where it has one, else the default.
///
/// # Errors
///
/// Returns [`ArgumentError`] naming the first text that does not hold, and what would.
pub fn parse_arguments(
    description: &Description,
    texts: &BTreeMap<String, String>,
) -> Result<Vec<Argument>, ArgumentError> {
    let names = || description.parameters.iter().map(|known| &known.name);
    for name in texts.keys() {
        if !names().any(|known| known == name) {
            return Err(ArgumentError::Unknown {
                name: name.clone(),
                nearest: nearest(name, names()),
                known: names().cloned().collect(),
            });
        }
    }
    let parameters = description.parameters.iter();
    parameters
        .map(|parameter| {
            let value = match texts.get(&parameter.name) {
                Some(text) => parse_value(parameter, text)?,
                None => parameter.default.clone(),
            };
            let name = parameter.name.clone();
            Ok(Argument { name, value })
        })
        .collect()
}

fn parse_value(parameter: &Parameter, text: &str) -> Result<Value, ArgumentError> {
    let value = match &parameter.of {
        ParameterType::Number { scale, .. } => decimal::parse(text, *scale)
            .ok()
            .and_then(|value| i64::try_from(value).ok())
            .map(|value| Value::Number {
                value,
                scale: *scale,
            }),
        ParameterType::Boolean => text.parse().ok().map(Value::Boolean),
        ParameterType::Choice(choices) => (0_u32..)
            .zip(choices)
            .find(|(_, choice)| *choice == text)
            .map(|(index, _)| Value::Choice(index)),
    };
    value
        .filter(|value| parameter.of.allows(value))
        .ok_or_else(|| ArgumentError::Value {
            name: parameter.name.clone(),
            text: text.to_owned(),
            allowed: allowed(&parameter.of),
        })
}

/// What a parameter takes, for people: `a number from 1 to 500`.
#[must_use]
pub fn allowed(of: &ParameterType) -> String {
    match of {
        ParameterType::Number { scale, min, max } => {
            let text = |value: i64| decimal::format(i128::from(value), *scale);
            let decimals = match scale {
                0 => String::new(),
                _ => format!(" with at most {scale} decimals"),
            };
            format!("a number from {} to {}{decimals}", text(*min), text(*max))
        }
        ParameterType::Boolean => String::from("true or false"),
        ParameterType::Choice(choices) => format!("one of {}", choices.join(", ")),
    }
}

/// The name that takes the fewest edits, if it takes at most a third of the letters.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Option<String> {
    let scored = known.map(|candidate| (edits(name, candidate), candidate));
    scored
        .min()
        .filter(|(edits, candidate)| *edits <= candidate.len().max(3).div_ceil(3))
        .map(|(_, candidate)| candidate.clone())
}

/// The Levenshtein distance.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (done, letter) in from.chars().enumerate() {
        let mut diagonal = done;
        let mut left = done.saturating_add(1);
        let mut next = vec![left];
        for (other, above) in to.chars().zip(row.iter().skip(1)) {
            let change = diagonal.saturating_add(usize::from(letter != other));
            let cost = change
                .min(above.saturating_add(1))
                .min(left.saturating_add(1));
            diagonal = *above;
            left = cost;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
