//! Why no bars were drawn. A message names what to change.

use counterfoil_trading::time::UnixNanos;

use crate::error::IngestError;
use crate::store::read_error::ReadError;

/// Why no bars were drawn from a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResampleError {
    /// There is nothing to draw from.
    #[error("the selection has no bars to draw from")]
    Empty,
    /// More bars than are held in memory.
    #[error("more than {max} bars to draw from; select a shorter range or fewer instruments")]
    TooMany { max: usize },
    /// Bars are drawn as ratios of the close before them, and there is none of a price of zero or below.
    #[error(
        "{symbol} may have prices of zero or below, whose moves are no ratios; draw from a run without it"
    )]
    NegativePrices { symbol: String },
    /// A bar's move cannot be computed from the close before it.
    #[error(
        "{symbol}: no valid reference close for the bar closing at {}; check the dividend or split before it",
        .close_time.date_or_time()
    )]
    Reference {
        symbol: String,
        close_time: UnixNanos,
    },
    /// A drawn price does not fit in 64 bits.
    #[error(
        "{symbol}: a price of sample {sample} does not fit in 64 bits; draw longer blocks, or fewer bars"
    )]
    Beyond {
        symbol: String,
        /// The sample, from 0.
        sample: u32,
    },
    /// The source cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sample cannot be written.
    #[error(transparent)]
    Write(#[from] IngestError),
}
