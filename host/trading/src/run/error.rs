//! Why a run stops without a verdict on the strategy. Faults of the guest are recorded instead.

use alloc::string::String;

use crate::account::AccountError;
use crate::bar_grid::BarMisfit;
use crate::execution::OrderCode;
use crate::instrument::InstrumentId;
use crate::plan::TokenError;
use crate::time::UnixNanos;
use crate::venue::VenueError;

/// Why a run stops, other than by the guest's fault; `E` is the journal's error.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError<E> {
    #[error("the slice holds no bar and no corporate action")]
    EmptySlice,
    #[error("slice closes at {time:?}, which is not after the last close at {last:?}")]
    OutOfOrder {
        time: UnixNanos,
        /// The close time of the slice before.
        last: UnixNanos,
    },
    #[error("the manifest lists no instrument {}", id.0)]
    UnknownInstrument { id: InstrumentId },
    /// A bar that is none of the manifest's timeframe.
    #[error("{symbol}: {misfit}")]
    BarMisfit { symbol: String, misfit: BarMisfit },
    /// The slice's feed did not check its bars.
    #[error(
        "a price of {symbol} is zero or below, and the manifest does not allow that (instruments.negative-prices)"
    )]
    NotPositive { symbol: String },
    /// A corporate action outside the time between the previous close and the slice's close.
    #[error(
        "corporate action of {id:?} at {ex_time:?} does not belong to the slice that closes at {time:?}"
    )]
    ActionTime {
        id: InstrumentId,
        ex_time: UnixNanos,
        /// The slice's close time.
        time: UnixNanos,
    },
    /// The run ended with a fault or a stop before.
    #[error("the run has ended and takes no more slices")]
    Ended,
    #[error(transparent)]
    Account(#[from] AccountError),
    /// It is unknown whether the venue has an order.
    #[error(transparent)]
    Venue(#[from] VenueError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the risk gate refused the host's own cancel or order: {}", .0.sentence())]
    Refused(OrderCode),
    /// The host could not call the guest: no verdict on the strategy.
    #[error("host: {0}")]
    Host(String),
    /// The journal did not accept a record.
    #[error("journal: {0}")]
    Journal(E),
}
