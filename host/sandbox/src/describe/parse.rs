//! A description from a guest to one that holds, or the first thing that does not. It must never
//! keep a text of the guest's that it has not bounded.

use std::collections::BTreeSet;

use counterfoil_trading::decimal::SCALE_MAX;
use counterfoil_trading::time::Timeframe;

use super::{
    CHOICES_MAX, Description, DescriptionError, NAME_BYTES_MAX, PARAMETERS_MAX, Parameter,
    ParameterType, SENTENCE_BYTES_MAX, WARM_UP_MAX,
};
use crate::setup::ArgumentValue;
use crate::wit::counterfoil::strategy::types as wit;

pub(super) fn parse(raw: wit::Description) -> Result<Description, DescriptionError> {
    let bars = raw.bars;
    if let Some(max) = bars.instruments_max
        && (max == 0 || max < bars.instruments_min)
    {
        let min = bars.instruments_min;
        return Err(DescriptionError::Instruments { min, max });
    }
    let timeframe = bars.timeframe.map(|text| {
        let timeframe = text.parse::<Timeframe>();
        timeframe.map_err(|_| DescriptionError::Timeframe { text: cut(&text) })
    });
    if raw.warm_up > WARM_UP_MAX {
        return Err(DescriptionError::WarmUp { bars: raw.warm_up });
    }
    let count = raw.parameters.len();
    if count > PARAMETERS_MAX {
        return Err(DescriptionError::TooManyParameters { count });
    }
    let mut names = BTreeSet::new();
    let mut parameters = Vec::with_capacity(count);
    for parameter in raw.parameters {
        let parameter = parse_parameter(parameter)?;
        if !names.insert(parameter.name.clone()) {
            let name = parameter.name;
            return Err(DescriptionError::Twice { name });
        }
        parameters.push(parameter);
    }
    Ok(Description {
        name: name("the strategy's name", raw.name)?,
        version: text("its version", raw.version, NAME_BYTES_MAX)?,
        author: text("its author", raw.author, SENTENCE_BYTES_MAX)?,
        summary: text("its summary", raw.summary, SENTENCE_BYTES_MAX)?,
        instruments_min: bars.instruments_min,
        instruments_max: bars.instruments_max,
        timeframe: timeframe.transpose()?,
        warm_up: raw.warm_up,
        parameters,
    })
}

fn parse_parameter(raw: wit::Parameter) -> Result<Parameter, DescriptionError> {
    let name = name("parameter", raw.name)?;
    let of = match raw.of {
        wit::ParameterType::Number(range) => {
            if range.scale > SCALE_MAX || range.min > range.max {
                return Err(DescriptionError::Range { name });
            }
            ParameterType::Number {
                scale: range.scale,
                min: range.min,
                max: range.max,
            }
        }
        wit::ParameterType::Boolean => ParameterType::Boolean,
        wit::ParameterType::Choice(choices) => {
            let different: BTreeSet<&String> = choices.iter().collect();
            if choices.is_empty() || choices.len() > CHOICES_MAX || different.len() != choices.len()
            {
                return Err(DescriptionError::Choices { name });
            }
            for choice in &choices {
                check_text("a choice", choice, NAME_BYTES_MAX)?;
            }
            ParameterType::Choice(choices)
        }
    };
    let default = match raw.default {
        wit::ParameterValue::Number(number) => ArgumentValue::Number {
            value: number.value,
            scale: number.scale,
        },
        wit::ParameterValue::Boolean(value) => ArgumentValue::Boolean(value),
        wit::ParameterValue::Choice(index) => ArgumentValue::Choice(index),
    };
    if !of.allows(&default) {
        return Err(DescriptionError::Default { name });
    }
    let help = text("a parameter's help", raw.help, SENTENCE_BYTES_MAX)?;
    Ok(Parameter {
        name,
        help,
        of,
        default,
    })
}

fn name(what: &'static str, text: String) -> Result<String, DescriptionError> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let word = |word: &str| !word.is_empty() && word.bytes().all(letter);
    let first = text.starts_with(|first: char| first.is_ascii_lowercase());
    if first && text.len() <= NAME_BYTES_MAX && text.split('-').all(word) {
        Ok(text)
    } else {
        let text = cut(&text);
        Err(DescriptionError::Name { what, text })
    }
}

fn text(what: &str, text: String, bytes_max: usize) -> Result<String, DescriptionError> {
    check_text(what, &text, bytes_max).map(|()| text)
}

fn check_text(what: &str, text: &str, bytes_max: usize) -> Result<(), DescriptionError> {
    if text.len() > bytes_max || text.chars().any(char::is_control) {
        let what = what.to_owned();
        return Err(DescriptionError::Text { what, bytes_max });
    }
    Ok(())
}

/// So much of a text from a guest as an error message may show.
fn cut(text: &str) -> String {
    crate::cut::bounded(text.to_owned(), NAME_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str) -> wit::Parameter {
        wit::Parameter {
            name: name.to_owned(),
            help: String::from("What it means."),
            of: wit::ParameterType::Number(wit::NumberRange {
                scale: 0,
                min: 1,
                max: 9,
            }),
            default: wit::ParameterValue::Number(wit::Decimal { value: 5, scale: 0 }),
        }
    }

    /// A description that holds, after `change`.
    #[track_caller]
    fn check(change: impl FnOnce(&mut wit::Description), expect: &str) {
        let mut raw = wit::Description {
            name: String::from("moving-average-2"),
            version: String::from("1.0"),
            author: String::from("A. Uthor"),
            summary: String::from("Buys."),
            bars: wit::BarsWanted {
                instruments_min: 1,
                instruments_max: Some(2),
                timeframe: Some(String::from("1m")),
            },
            warm_up: 10,
            parameters: vec![parameter("fast"), parameter("slow")],
        };
        change(&mut raw);
        let got = parse(raw).map_or_else(|error| error.to_string(), |_| String::from("holds"));
        assert_eq!(got, expect);
    }

    #[test]
    fn a_description_holds_only_when_a_manifest_could_satisfy_it() {
        check(|_| {}, "holds");
        for name in ["", "Fast", "a--b", "-a", "2a", "a_b"] {
            check(
                |raw| name.clone_into(&mut raw.name),
                &format!(
                    "the strategy's name {name:?} is not a kebab-case name of at most 64 bytes"
                ),
            );
        }
        check(
            |raw| raw.author = String::from("a\nb"),
            "its author has control characters or more than 500 bytes",
        );
        check(
            |raw| raw.bars.instruments_min = 3,
            "invalid number of instruments: 3 to 2",
        );
        check(
            |raw| raw.bars.timeframe = Some(String::from("soon")),
            "invalid timeframe \"soon\": expected one such as 1m, 4h, 1d",
        );
        check(
            |raw| raw.warm_up = u32::MAX,
            "a warm-up of 4294967295 bars is above 1000000",
        );
        check(
            |raw| raw.parameters = vec![parameter("a"); 65],
            "65 parameters are more than 64",
        );
        check(
            |raw| raw.parameters.push(parameter("fast")),
            "duplicate parameter fast",
        );
    }

    #[test]
    fn a_parameter_holds_only_when_its_default_is_in_its_range() {
        let of = |of, default| {
            move |raw: &mut wit::Description| {
                raw.parameters = vec![wit::Parameter {
                    of,
                    default,
                    ..parameter("fast")
                }];
            }
        };
        let range =
            |scale, min, max| wit::ParameterType::Number(wit::NumberRange { scale, min, max });
        let number = |value, scale| wit::ParameterValue::Number(wit::Decimal { value, scale });
        let choice = |names: &[&str]| {
            wit::ParameterType::Choice(names.iter().map(|&name| name.to_owned()).collect())
        };
        let not_one = "the default of parameter fast is outside its range";
        let empty = "the range of parameter fast is empty or finer than 18 decimals";
        let different = "parameter fast has no choices, more than 64, or duplicate ones";
        check(of(range(2, -1, 1), number(0, 2)), "holds");
        check(of(range(2, -1, 1), number(0, 1)), not_one);
        check(of(range(2, -1, 1), number(2, 2)), not_one);
        check(
            of(range(2, -1, 1), wit::ParameterValue::Boolean(true)),
            not_one,
        );
        check(of(range(0, 1, 0), number(0, 0)), empty);
        check(of(range(19, 0, 1), number(0, 19)), empty);
        check(
            of(choice(&["a", "b"]), wit::ParameterValue::Choice(1)),
            "holds",
        );
        check(
            of(choice(&["a", "b"]), wit::ParameterValue::Choice(2)),
            not_one,
        );
        check(of(choice(&[]), wit::ParameterValue::Choice(0)), different);
        check(
            of(choice(&["a", "a"]), wit::ParameterValue::Choice(0)),
            different,
        );
    }
}
