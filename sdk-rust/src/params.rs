//! Typed parameters: declared once, described to the host, read back from its arguments.

use crate::Decimal;
use crate::bindings::counterfoil::strategy::types::{
    Argument, NumberRange, Parameter, ParameterType, ParameterValue,
};

/// A set of parameters. [`params!`](crate::params!) writes this for a struct.
pub trait Parameters: Sized {
    /// The parameters in the types of the contract.
    fn declare() -> Vec<Parameter>;

    /// The values that the host gave.
    ///
    /// # Errors
    ///
    /// A sentence that names the argument that is missing or of another type.
    fn read(arguments: &[Argument]) -> Result<Self, String>;
}

impl Parameters for () {
    fn declare() -> Vec<Parameter> {
        Vec::new()
    }

    fn read(_: &[Argument]) -> Result<Self, String> {
        Ok(())
    }
}

/// A type that a parameter can have: the integers, [`Decimal`], `bool`, and choices.
pub trait Value: Sized {
    /// How its range and default are written in [`params!`](crate::params!).
    type Literal;

    /// Its type, range and default in the types of the contract.
    fn declare(
        range: Option<[Self::Literal; 2]>,
        default: Self::Literal,
    ) -> (ParameterType, ParameterValue);

    /// The value in the host's argument; none if it is of another type.
    fn read(value: &ParameterValue) -> Option<Self>;
}

/// A closed list of names. [`choice!`](crate::choice!) writes this for an enum.
pub trait Choice: Sized + Copy + 'static {
    /// Each name with its value.
    const NAMES: &'static [(&'static str, Self)];
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Value for $integer {
            type Literal = $integer;

            fn declare(range: Option<[$integer; 2]>, default: $integer) -> (ParameterType, ParameterValue) {
                let [min, max] = range.unwrap_or([<$integer>::MIN, <$integer>::MAX]).map(i64::from);
                let value = Decimal::new(i64::from(default), 0);
                (
                    ParameterType::Number(NumberRange { scale: 0, min, max }),
                    ParameterValue::Number(value.into()),
                )
            }

            fn read(value: &ParameterValue) -> Option<Self> {
                let ParameterValue::Number(number) = value else { return None };
                Decimal::from(*number).at_scale(0)?.try_into().ok()
            }
        }
    )*};
}
integers!(u8, u16, u32, i8, i16, i32, i64);

impl Value for bool {
    type Literal = bool;

    fn declare(_: Option<[bool; 2]>, default: bool) -> (ParameterType, ParameterValue) {
        (ParameterType::Boolean, ParameterValue::Boolean(default))
    }

    fn read(value: &ParameterValue) -> Option<Self> {
        match value {
            ParameterValue::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

impl Value for Decimal {
    type Literal = &'static str;

    fn declare(
        range: Option<[&'static str; 2]>,
        default: &'static str,
    ) -> (ParameterType, ParameterValue) {
        // Only an author can write a literal that is not a decimal; the first call of `describe`
        // fails on it, in the author's own test.
        let parse = |text| {
            let decimal = Decimal::parse(text);
            assert!(decimal.is_some(), "`{text}` in params! is not a decimal");
            decimal.unwrap_or(Decimal::new(0, 0))
        };
        let default = parse(default);
        let range = range.map(|range| range.map(parse));
        let scales = range.iter().flatten().map(|decimal| decimal.scale);
        let scale = scales.fold(default.scale, u8::max);
        let fit = |decimal: Decimal| {
            let value = decimal.at_scale(scale);
            assert!(
                value.is_some(),
                "{decimal} in params! does not fit at scale {scale}"
            );
            value.unwrap_or_default()
        };
        let [min, max] = range.map_or([-i64::MAX, i64::MAX], |range| range.map(fit));
        (
            ParameterType::Number(NumberRange { scale, min, max }),
            ParameterValue::Number(Decimal::new(fit(default), scale).into()),
        )
    }

    fn read(value: &ParameterValue) -> Option<Self> {
        match value {
            ParameterValue::Number(number) => Some((*number).into()),
            _ => None,
        }
    }
}

/// Declares a set of parameters. Each has a doc comment that becomes its help text, a type, a
/// range for numbers, and a default. Names become kebab-case.
///
/// ```
/// use counterfoil_sdk::{Decimal, Parameters as _, choice, params};
///
/// choice! {
///     /// Which way to trade.
///     pub enum Direction { Long = "long", Both = "both" }
/// }
///
/// params! {
///     /// What the author may choose.
///     pub struct Params {
///         /// Bars in the fast average
///         fast: u32 in 1..=1000 = 10,
///         /// Units of the instrument
///         order_quantity: Decimal in "0.01"..="1000" = "2.5",
///         /// Whether to trade on Mondays
///         mondays: bool = false,
///         /// Which way to trade
///         direction: Direction = "long",
///     }
/// }
///
/// assert_eq!(Params::declare()[1].name, "order-quantity");
/// ```
#[macro_export]
macro_rules! params {
    (
        $(#[$outer:meta])*
        $visibility:vis struct $params:ident {
            $(
                #[doc = $help:literal]
                $name:ident : $type:ident $(in $min:literal ..= $max:literal)? = $default:literal
            ),* $(,)?
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Debug)]
        $visibility struct $params {
            $(
                #[doc = $help]
                pub $name: $type,
            )*
        }

        impl $crate::Parameters for $params {
            fn declare() -> ::std::vec::Vec<$crate::Parameter> {
                ::std::vec![$({
                    #[allow(unused_mut, unused_assignments, reason = "not every parameter has a range")]
                    let mut range = ::core::option::Option::None;
                    $(range = ::core::option::Option::Some([$min, $max]);)?
                    let (of, default) = <$type as $crate::Value>::declare(range, $default);
                    $crate::Parameter {
                        name: ::core::stringify!($name).replace('_', "-"),
                        help: $help.trim().to_owned(),
                        of,
                        default,
                    }
                }),*]
            }

            fn read(arguments: &[$crate::Argument]) -> ::core::result::Result<Self, ::std::string::String> {
                let mut arguments = arguments.iter();
                ::core::result::Result::Ok(Self {
                    $($name: $crate::read_argument(arguments.next(), ::core::stringify!($name))?,)*
                })
            }
        }
    };
}

/// Declares an enum that a parameter can have as its type, with the name of each choice.
#[macro_export]
macro_rules! choice {
    (
        $(#[$outer:meta])*
        $visibility:vis enum $choice:ident { $($variant:ident = $name:literal),* $(,)? }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        $visibility enum $choice {
            $(#[doc = ::core::concat!("`", $name, "`")] $variant,)*
        }

        impl $crate::Choice for $choice {
            const NAMES: &'static [(&'static str, Self)] = &[$(($name, Self::$variant)),*];
        }

        impl $crate::Value for $choice {
            type Literal = &'static str;

            fn declare(
                _: ::core::option::Option<[&'static str; 2]>,
                default: &'static str,
            ) -> ($crate::ParameterType, $crate::ParameterValue) {
                $crate::declare_choice::<Self>(default)
            }

            fn read(value: &$crate::ParameterValue) -> ::core::option::Option<Self> {
                $crate::read_choice(value)
            }
        }
    };
}

/// The value of one argument, for [`params!`](crate::params!).
///
/// # Errors
///
/// A sentence that names the argument that is missing or of another type.
#[doc(hidden)]
pub fn read_argument<V: Value>(argument: Option<&Argument>, name: &str) -> Result<V, String> {
    let name = name.replace('_', "-");
    let argument = argument
        .filter(|argument| argument.name == name)
        .ok_or_else(|| format!("the parameter {name} has no value"))?;
    V::read(&argument.value).ok_or_else(|| format!("the value of {name} does not fit its type"))
}

/// The type and default of a choice, for [`choice!`](crate::choice!).
#[doc(hidden)]
#[must_use]
pub fn declare_choice<C: Choice>(default: &str) -> (ParameterType, ParameterValue) {
    let position = C::NAMES.iter().position(|(name, _)| *name == default);
    assert!(position.is_some(), "`{default}` is none of the choices");
    let index = position
        .and_then(|index| u32::try_from(index).ok())
        .unwrap_or_default();
    let names = C::NAMES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    (ParameterType::Choice(names), ParameterValue::Choice(index))
}

/// The value of a choice, for [`choice!`](crate::choice!).
#[doc(hidden)]
#[must_use]
pub fn read_choice<C: Choice>(value: &ParameterValue) -> Option<C> {
    let ParameterValue::Choice(index) = value else {
        return None;
    };
    C::NAMES
        .get(usize::try_from(*index).ok()?)
        .map(|(_, value)| *value)
}
