//! Text from a manifest or a command line to the arguments of a run. It must never let a value
//! through that the strategy did not say it takes.

use std::collections::BTreeMap;

use counterfoil_trading::decimal;

use crate::describe::{Description, Parameter, ParameterType};
use crate::setup::{Argument, ArgumentValue};

/// Why the texts are no arguments for this strategy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    #[error(
        "the strategy has no parameter {name:?}{}; it takes: {}",
        nearest.as_ref().map(|near| format!(" (did you mean {near}?)")).unwrap_or_default(),
        if known.is_empty() { String::from("none") } else { known.join(", ") }
    )]
    Unknown {
        name: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    #[error("{name} cannot be {text:?}: it takes {allowed}")]
    Value {
        name: String,
        text: String,
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
        // An unknown name is an error: a misspelt parameter would else leave the default in force without a word.
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

fn parse_value(parameter: &Parameter, text: &str) -> Result<ArgumentValue, ArgumentError> {
    let value = match &parameter.of {
        ParameterType::Number { scale, .. } => decimal::parse(text, *scale)
            .ok()
            .and_then(|value| i64::try_from(value).ok())
            .map(|value| ArgumentValue::Number {
                value,
                scale: *scale,
            }),
        ParameterType::Boolean => text.parse().ok().map(ArgumentValue::Boolean),
        ParameterType::Choice(choices) => (0_u32..)
            .zip(choices)
            .find(|(_, choice)| *choice == text)
            .map(|(index, _)| ArgumentValue::Choice(index)),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        let parameter = |name: &str, of, default| Parameter {
            name: name.to_owned(),
            help: String::new(),
            of,
            default,
        };
        let number = |value| ArgumentValue::Number { value, scale: 1 };
        let range = ParameterType::Number {
            scale: 1,
            min: -10,
            max: 5000,
        };
        let modes = ParameterType::Choice(vec![String::from("long"), String::from("both")]);
        Description {
            name: String::from("test"),
            version: String::new(),
            author: String::new(),
            summary: String::new(),
            instruments_min: 1,
            instruments_max: None,
            timeframe: None,
            warm_up: 0,
            parameters: vec![
                parameter("slow", range, number(200)),
                parameter("mode", modes, ArgumentValue::Choice(1)),
                parameter(
                    "trace",
                    ParameterType::Boolean,
                    ArgumentValue::Boolean(false),
                ),
            ],
        }
    }

    #[track_caller]
    fn check(texts: &str, expect: &str) {
        let texts = texts
            .split_whitespace()
            .filter_map(|word| word.split_once('='));
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let got = match parse_arguments(&description(), &texts.collect()) {
            Ok(arguments) => {
                let values = arguments.iter().map(|argument| match argument.value {
                    ArgumentValue::Number { value, scale } => decimal::format(value.into(), scale),
                    ArgumentValue::Boolean(value) => value.to_string(),
                    ArgumentValue::Choice(index) => format!("#{index}"),
                });
                values.collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn a_text_is_an_argument_only_inside_the_range() {
        let range = "it takes a number from -1.0 to 500.0 with at most 1 decimals";
        check("", "20.0 #1 false");
        check("slow=7.5 mode=long trace=true", "7.5 #0 true");
        check("slow=-1", "-1.0 #1 false");
        check("slow=7.55", &format!("slow cannot be \"7.55\": {range}"));
        check("slow=500.1", &format!("slow cannot be \"500.1\": {range}"));
        check("slow=1e2", &format!("slow cannot be \"1e2\": {range}"));
        check(
            "mode=short",
            "mode cannot be \"short\": it takes one of long, both",
        );
        check("trace=1", "trace cannot be \"1\": it takes true or false");
        check(
            "solw=1",
            "the strategy has no parameter \"solw\" (did you mean slow?); \
             it takes: slow, mode, trace",
        );
        check(
            "quantity=1",
            "the strategy has no parameter \"quantity\"; it takes: slow, mode, trace",
        );
    }
}
