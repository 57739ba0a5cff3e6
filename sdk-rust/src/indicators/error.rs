//! Why an indicator cannot be made. It must never know of a price: once made, an indicator does
//! not fail.

use core::fmt;

/// The longest window, in bars: 800 kB of history, well inside a guest's memory, and sums of so
/// many prices fit their integers.
pub const LENGTH_MAX: u32 = 100_000;

/// Why an indicator cannot be made. It becomes the sentence of `init` with `?`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IndicatorError {
    /// The length is outside the range of the indicator.
    Length {
        /// The length asked for, in bars.
        length: u32,
        /// The shortest one.
        min: u32,
    },
    /// The bands' distance is not a number above zero.
    // Without the number: printing a float would put 27 kB into every component with an indicator.
    Deviations,
    /// The fast average is not shorter than the slow one.
    FastNotShorter {
        /// Bars in the fast average.
        fast: u32,
        /// Bars in the slow average.
        slow: u32,
    },
}

impl fmt::Display for IndicatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { length, min } => write!(
                f,
                "an indicator of {length} bars: it takes {min} to {LENGTH_MAX}"
            ),
            Self::Deviations => f.write_str("bands stand a number of deviations above zero away"),
            Self::FastNotShorter { fast, slow } => {
                write!(f, "fast ({fast}) must be less than slow ({slow})")
            }
        }
    }
}

impl core::error::Error for IndicatorError {}

impl From<IndicatorError> for String {
    fn from(error: IndicatorError) -> Self {
        error.to_string()
    }
}

/// The length, if it is from `min` to [`LENGTH_MAX`].
pub(crate) fn checked(length: u32, min: u32) -> Result<u32, IndicatorError> {
    if (min..=LENGTH_MAX).contains(&length) {
        Ok(length)
    } else {
        Err(IndicatorError::Length { length, min })
    }
}
