//! The values of single fields: texts to numbers and digests, and the error that names the field.
//! It must never know what the fields mean together.

use alloc::string::{String, ToString as _};
use core::fmt;

use counterfoil_base::digest::Digest;

use crate::decimal::{self, DecimalError};
use crate::instrument::InstrumentError;
use crate::limits::SandboxLimitError;
use crate::time::TimeframeError;
use crate::units::{BasisPoints, Money};

/// Why a manifest is invalid.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not JSON, or not of the manifest's form.
    #[error("manifest: {message}")]
    Json {
        /// The reader's message, with line and column.
        message: String,
    },
    /// A field with a value that is not one of those expected.
    #[error("manifest: {field} is {value:?}; expected {expected}")]
    Value {
        field: &'static str,
        value: String,
        expected: &'static str,
    },
    /// A number that cannot be read.
    #[error("manifest: {field}: {source}")]
    Number {
        field: &'static str,
        source: DecimalError,
    },
    /// A term that needs volumes, over an instrument without any.
    #[error("manifest: {symbol} has no volume in any bar, and {term}")]
    NoVolume { symbol: String, term: VolumeTerm },
    #[error("manifest: timeframe: {0}")]
    Timeframe(#[from] TimeframeError),
    #[error("manifest: instruments: {0}")]
    Instrument(#[from] InstrumentError),
    #[error("manifest: {0}")]
    Limit(#[from] SandboxLimitError),
}

/// A term that is a share of a bar's volume.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VolumeTerm {
    /// `costs.volume-cap-bps`.
    Cap,
    /// `costs.slippage-volume-bps`.
    Slippage,
}

impl fmt::Display for VolumeTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cap => {
                "under a volume cap no order in it would ever fill; use --volume-cap off (costs.volume-cap-bps off)"
            }
            Self::Slippage => {
                "slippage by the share of a bar's volume cannot be computed; use costs.slippage-volume-bps 0, and \
                 slippage by rate or ticks"
            }
        })
    }
}

/// The digest written `sha256:<hex>`.
///
/// # Errors
///
/// Returns [`ManifestError`] naming `field` if the text is not such a digest.
pub fn digest(field: &'static str, text: &str) -> Result<Digest, ManifestError> {
    let expected = "sha256: and 64 lower-case hex digits";
    text.parse().map_err(|_| invalid(field, text, expected))
}

/// The error for a field whose value is not one of those expected.
pub(super) fn invalid(field: &'static str, value: &str, expected: &'static str) -> ManifestError {
    ManifestError::Value {
        field,
        value: value.to_string(),
        expected,
    }
}

pub(super) fn bps(field: &'static str, text: &str) -> Result<BasisPoints, ManifestError> {
    // The range says more than that the text does not fit: which sign, size and decimals are allowed.
    let expected = "0 to 10,000 basis points with at most 4 decimals";
    BasisPoints::parse(text).map_err(|_| invalid(field, text, expected))
}

/// Money that is at least zero.
pub(super) fn amount(field: &'static str, text: &str) -> Result<Money, ManifestError> {
    let money = Money::parse(text).map_err(|source| ManifestError::Number { field, source })?;
    if money < Money::ZERO {
        Err(invalid(field, text, "zero or more"))
    } else {
        Ok(money)
    }
}

/// A grid step at `scale`.
pub(super) fn step(field: &'static str, text: &str, scale: u8) -> Result<i64, ManifestError> {
    let value =
        decimal::parse(text, scale).map_err(|source| ManifestError::Number { field, source })?;
    i64::try_from(value).map_err(|_| invalid(field, text, "a smaller number"))
}
