//! A strategy's description of itself, parsed and checked. It must never let a description through
//! that a manifest could not satisfy.

mod parse;

use counterfoil_trading::decimal::SCALE_MAX;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::time::Timeframe;

use crate::call_fuel::CallFuel;
use crate::compile::LoadedComponent;
use crate::guest::{Guest, StartError};
use crate::setup::ArgumentValue;

/// Bytes of a name, a version or a choice: it must fit a table's column.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of the author, the summary or a help text: a sentence or two.
pub const SENTENCE_BYTES_MAX: usize = 500;
/// Parameters of one strategy: more than a person can set.
pub const PARAMETERS_MAX: usize = 64;
/// Choices of one parameter.
pub const CHOICES_MAX: usize = 64;
/// Bars of warm-up: two years of one-minute bars.
pub const WARM_UP_MAX: u32 = 1_000_000;

/// Why a description does not hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    #[error("{what} {text:?} is not a kebab-case name of at most {NAME_BYTES_MAX} bytes")]
    Name { what: &'static str, text: String },
    #[error("{what} has control characters or more than {bytes_max} bytes")]
    Text { what: String, bytes_max: usize },
    #[error("invalid number of instruments: {min} to {max}")]
    Instruments { min: u32, max: u32 },
    #[error("invalid timeframe {text:?}: expected one such as 1m, 4h, 1d")]
    Timeframe { text: String },
    #[error("a warm-up of {bars} bars is above {WARM_UP_MAX}")]
    WarmUp { bars: u32 },
    #[error("{count} parameters are more than {PARAMETERS_MAX}")]
    TooManyParameters { count: usize },
    #[error("duplicate parameter {name}")]
    Twice { name: String },
    #[error("the range of parameter {name} is empty or finer than {SCALE_MAX} decimals")]
    Range { name: String },
    #[error("parameter {name} has no choices, more than {CHOICES_MAX}, or duplicate ones")]
    Choices { name: String },
    #[error("the default of parameter {name} is outside its range")]
    Default { name: String },
}

/// Why a description could not be read.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("invalid strategy description: {0}")]
    Invalid(#[from] DescriptionError),
}

/// The type of a parameter, with its range.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ParameterType {
    /// A number from `min` to `max`, at `scale`.
    Number {
        /// Decimals.
        scale: u8,
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// True or false.
    Boolean,
    /// One of these names, at least one and all different.
    Choice(Vec<String>),
}

/// A parameter that a strategy takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameter {
    /// A kebab-case name, unique in the description.
    pub name: String,
    /// What it means.
    pub help: String,
    /// Its type and range.
    pub of: ParameterType,
    /// Its value where the manifest gives none; inside the range.
    pub default: ArgumentValue,
}

/// What a strategy is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Description {
    /// A kebab-case name.
    pub name: String,
    /// The author's version.
    pub version: String,
    /// Who wrote it.
    pub author: String,
    /// What it does.
    pub summary: String,
    /// At least this many instruments.
    pub instruments_min: u32,
    /// At most this many; none: any number.
    pub instruments_max: Option<u32>,
    /// The only length of bar it can work with; none: any.
    pub timeframe: Option<Timeframe>,
    /// Bars of each instrument before its orders are let through.
    pub warm_up: u32,
    /// The parameters, in the strategy's sequence.
    pub parameters: Vec<Parameter>,
}

/// Asks a fresh instance what it is; the instance is thrown away. It sees an empty account.
///
/// # Errors
///
/// Returns [`DescribeError`] if the guest is at fault or its description does not hold.
pub fn describe(
    compiled: &LoadedComponent,
    limits: &SandboxLimits,
) -> Result<Description, DescribeError> {
    // Under the limits of a run: the description is the guest's own code, which may loop or ask for memory like any other.
    // A description is the same for every universe, and so is its bound.
    let limits = limits.clone().within_ranges_of(0);
    let mut guest = Guest::instantiate(compiled, &limits, 0)?;
    let description = guest
        .call(CallFuel::Describe, |exports, store| {
            exports.call_describe(store)
        })
        .map_err(|error| StartError::of("describe", error))?;
    Ok(parse::parse(description)?)
}

impl ParameterType {
    /// Whether the value is of this type and inside its range.
    #[must_use]
    pub fn allows(&self, value: &ArgumentValue) -> bool {
        match (self, value) {
            (
                Self::Number { scale, min, max },
                ArgumentValue::Number {
                    value,
                    scale: given,
                },
            ) => scale == given && (min..=max).contains(&value),
            (Self::Boolean, ArgumentValue::Boolean(_)) => true,
            (Self::Choice(choices), ArgumentValue::Choice(index)) => {
                usize::try_from(*index).is_ok_and(|index| index < choices.len())
            }
            (Self::Number { .. } | Self::Boolean | Self::Choice(_), _) => false,
        }
    }
}
