//! What a strategy learns before its first bar. It must never know how the values were found.

use counterfoil_trading::instrument::Instrument;

/// The value of one parameter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ArgumentValue {
    /// `value` x 10^-`scale`.
    Number {
        /// The digits.
        value: i64,
        /// How many of them are behind the decimal point.
        scale: u8,
    },
    /// True or false.
    Boolean(bool),
    /// The index of the chosen name in the parameter's list.
    Choice(u32),
}

/// A parameter's value for this run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Argument {
    /// The parameter's name.
    pub name: String,
    pub value: ArgumentValue,
}

/// The setup that `init` receives.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GuestSetup {
    /// The instruments of the run, by id.
    pub instruments: Vec<Instrument>,
    /// A value for each parameter of the description, in its sequence.
    pub arguments: Vec<Argument>,
    /// The manifest's seed.
    pub seed: u64,
}
