//! Why a row cannot be used, as a stable code and a sentence. It must never know the whole row.

use core::fmt;

use counterfoil_trading::bar::BarError;
use serde::{Deserialize, Serialize};

/// Why a row cannot be used.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum RowErrorCode {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The row is longer than a row may be.
    RowTooLong,
    /// A quote is open at the end of the line.
    Quotes,
    /// Not as many fields as the header has.
    Fields,
    /// The symbol is empty, longer than 64 bytes or holds a control character.
    Symbol,
    /// The time cannot be read.
    Time,
    /// A price or volume is not a plain decimal number.
    Number,
    /// There is no volume, and other rows have one.
    NoVolume,
    /// A price has more decimals than the requested price scale.
    TooFine,
    /// A price is not a multiple of the requested tick.
    OffTick,
    /// The interval is empty.
    Interval,
    /// Low is above high.
    Crossed,
    /// Open or close is outside low and high.
    OutsideRange,
    /// A price is zero or below.
    NotPositive,
    /// The volume is below zero.
    NegativeVolume,
    /// The instrument has a bar of that time already.
    Duplicate,
    /// The rule for repeats uses another row of that time or id.
    Replaced,
    /// The bar closes with one before it.
    Overlap,
    /// The caller states that it is in the footer.
    Footer,
}

impl RowErrorCode {
    /// Its stable code.
    #[must_use]
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not-utf8",
            Self::RowTooLong => "row-too-long",
            Self::Quotes => "quotes",
            Self::Fields => "fields",
            Self::Symbol => "symbol",
            Self::Time => "time",
            Self::Number => "number",
            Self::TooFine => "too-fine",
            Self::NoVolume => "no-volume",
            Self::OffTick => "off-tick",
            Self::Interval => "interval",
            Self::Crossed => "crossed",
            Self::OutsideRange => "outside-range",
            Self::NotPositive => "not-positive",
            Self::NegativeVolume => "negative-volume",
            Self::Duplicate => "duplicate",
            Self::Replaced => "replaced",
            Self::Overlap => "overlap",
            Self::Footer => "footer",
        }
    }
}

impl RowErrorCode {
    /// Whether a line of a footer can be refused for this: it is no row at all, and not a row with a wrong price.
    pub(crate) const fn may_be_footer(self) -> bool {
        match self {
            Self::NotUtf8
            | Self::RowTooLong
            | Self::Quotes
            | Self::Fields
            | Self::Symbol
            | Self::Time
            | Self::Footer => true,
            Self::Number
            | Self::NoVolume
            | Self::TooFine
            | Self::OffTick
            | Self::Interval
            | Self::Crossed
            | Self::OutsideRange
            | Self::NotPositive
            | Self::NegativeVolume
            | Self::Duplicate
            | Self::Replaced
            | Self::Overlap => false,
        }
    }
}

impl fmt::Display for RowErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<&BarError> for RowErrorCode {
    fn from(error: &BarError) -> Self {
        match error {
            BarError::Crossed { .. } => Self::Crossed,
            BarError::OutsideRange { .. } => Self::OutsideRange,
            BarError::NotPositive { .. } => Self::NotPositive,
            BarError::NegativeVolume { .. } => Self::NegativeVolume,
            // The enum may grow; a new reason has only its message until it is named here.
            BarError::Interval { .. } | _ => Self::Interval,
        }
    }
}

/// Why a line cannot be used. The message goes into the quarantine, whose bytes are part of what
/// names a snapshot: its wording changes only with the rules' version.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct RowError {
    pub(crate) code: RowErrorCode,
    pub(crate) message: String,
}
