//! Choices that a caller makes by a word: the meaning and unit of times, the kind of rows, what becomes of errors.
//! It must never know a file.

use core::fmt;
use core::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

/// The meaning of the times in a source.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeMeaning {
    /// Each bar opens at its time and closes one timeframe later.
    #[default]
    Open,
    /// Each bar closes at its time (a date: at the end of that day) and opened one timeframe
    /// before.
    Close,
}

/// Whether the gaps between bars are held against the timeframe.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GapRule {
    /// A file whose bars are longer is refused.
    #[default]
    Held,
    /// The bars are known to be of the timeframe, however far apart they are: a run took them.
    Any,
}

/// The unit of times that are numbers since 1970.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum EpochUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// Which of several rows of one instrument and time, or of one trade id, is used.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatRule {
    /// The first in the file.
    First,
    /// The last in the file.
    Last,
    /// The last in the file if it has more volume, as the whole bar has after one that was still forming; else none.
    MoreVolume,
    /// None: rows that differ refuse the file. Rows that are the same are one.
    #[default]
    Refuse,
}

/// What the prices of a file are adjusted for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PriceAdjustment {
    /// Nothing: they are as traded.
    None,
    /// Splits.
    Splits,
    /// Splits and dividends.
    All,
}

/// Whether the first line of a text file names its columns.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HeaderRule {
    /// It does.
    #[default]
    Present,
    /// It is a row: columns are known by their places.
    Absent,
    /// It does unless a field of it begins with a digit, as every row's do.
    Optional,
}

/// How the bytes of a text file are letters.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum TextEncoding {
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, little end first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big end first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// ISO 8859-1: each byte is the letter of its number.
    #[serde(rename = "latin-1")]
    Latin1,
    /// Windows code page 1252: as Latin-1, with the euro and other signs in 0x80 to 0x9f.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// A word that is not one of the known ones.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is not one of {words}")]
pub struct WordError {
    /// The text.
    pub text: String,
    /// The known words.
    pub words: &'static str,
}

/// What happens to data with an error that is not accepted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorPolicy {
    /// The row or bar is quarantined, the others are used.
    #[default]
    Quarantine,
    /// No snapshot is made.
    Refuse,
}

impl FromStr for ErrorPolicy {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "quarantine" => Ok(Self::Quarantine),
            "refuse" => Ok(Self::Refuse),
            _ => Err(WordError {
                text: text.to_owned(),
                words: "quarantine, refuse",
            }),
        }
    }
}

impl fmt::Display for ErrorPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quarantine => "quarantine",
            Self::Refuse => "refuse",
        })
    }
}

/// The kind of rows in a source.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SourceKind {
    /// Bars.
    #[default]
    Bars,
    /// Trades, which are aggregated to bars of the given timeframe.
    Trades,
}

impl SourceKind {
    /// `bars` or `trades`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bars => "bars",
            Self::Trades => "trades",
        }
    }
}

impl TimeMeaning {
    /// `open` or `close`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
        }
    }
}

impl RepeatRule {
    /// `first`, `last` or `refuse`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::MoreVolume => "more-volume",
            Self::Refuse => "refuse",
        }
    }
}

impl FromStr for RepeatRule {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        [Self::First, Self::Last, Self::MoreVolume, Self::Refuse]
            .into_iter()
            .find(|rule| rule.name() == text)
            .ok_or_else(|| WordError {
                text: text.to_owned(),
                words: "first, last, more-volume, refuse",
            })
    }
}

impl PriceAdjustment {
    /// `none`, `splits` or `all`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Splits => "splits",
            Self::All => "all",
        }
    }
}

impl FromStr for PriceAdjustment {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        [Self::None, Self::Splits, Self::All]
            .into_iter()
            .find(|adjustment| adjustment.name() == text)
            .ok_or_else(|| WordError {
                text: text.to_owned(),
                words: "none, splits, all",
            })
    }
}

impl HeaderRule {
    /// `true`, `false` or `optional`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "true",
            Self::Absent => "false",
            Self::Optional => "optional",
        }
    }
}

impl<'de> Deserialize<'de> for HeaderRule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(HeaderRuleVisitor)
    }
}

/// Reads `true`, `false` or `"optional"`.
struct HeaderRuleVisitor;

impl Visitor<'_> for HeaderRuleVisitor {
    type Value = HeaderRule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("header: true, false or \"optional\"")
    }

    fn visit_bool<E: serde::de::Error>(self, is_present: bool) -> Result<HeaderRule, E> {
        Ok(if is_present {
            HeaderRule::Present
        } else {
            HeaderRule::Absent
        })
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HeaderRule, E> {
        match text {
            "optional" => Ok(HeaderRule::Optional),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

impl TextEncoding {
    /// Every encoding.
    pub const ALL: [Self; 5] = [
        Self::Utf8,
        Self::Utf16Le,
        Self::Utf16Be,
        Self::Latin1,
        Self::Windows1252,
    ];

    /// Its usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Latin1 => "latin-1",
            Self::Windows1252 => "windows-1252",
        }
    }
}

impl FromStr for TextEncoding {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        Self::ALL
            .into_iter()
            .find(|encoding| encoding.name() == text)
            .ok_or_else(|| WordError {
                text: text.to_owned(),
                words: "utf-8, utf-16le, utf-16be, latin-1, windows-1252",
            })
    }
}

impl fmt::Display for TimeMeaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TimeMeaning {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "open" => Ok(Self::Open),
            "close" => Ok(Self::Close),
            _ => Err(WordError {
                text: text.to_owned(),
                words: "open, close",
            }),
        }
    }
}

impl EpochUnit {
    /// Every unit, coarsest first.
    pub const ALL: [Self; 4] = [Self::Seconds, Self::Millis, Self::Micros, Self::Nanos];

    /// `s`, `ms`, `us` or `ns`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Millis => "ms",
            Self::Micros => "us",
            Self::Nanos => "ns",
        }
    }

    /// Nanoseconds in one unit.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }
}

impl fmt::Display for EpochUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EpochUnit {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        Self::ALL
            .into_iter()
            .find(|unit| unit.name() == text)
            .ok_or_else(|| WordError {
                text: text.to_owned(),
                words: "s, ms, us, ns",
            })
    }
}
