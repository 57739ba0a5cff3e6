//! Why a run cannot go on. None of these is the guest's fault: faults are recorded.

use alloc::string::String;

use crate::account::AccountError;
use crate::execution::OrderCode;
use crate::instrument::InstrumentId;
use crate::plan::TokenError;
use crate::time::UnixNanos;
use crate::venue::VenueError;

/// Why a run cannot go on; `E` is the journal's error.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError<E> {
    /// A slice without a bar.
    #[error("the slice holds no bar")]
    EmptySlice,
    /// A slice that closes no later than the one before it.
    #[error("slice closes at {time:?}, not after the last one at {last:?}")]
    OutOfOrder {
        /// The slice's close time.
        time: UnixNanos,
        /// The last slice's.
        last: UnixNanos,
    },
    /// A bar of an instrument that the manifest does not list.
    #[error("the run has no {id:?}")]
    UnknownInstrument {
        /// The instrument.
        id: InstrumentId,
    },
    /// A corporate action that does not belong to its slice.
    #[error(
        "a corporate action of {id:?} at {ex_time:?} is not of the slice that closes at {time:?}"
    )]
    ActionTime {
        /// The instrument.
        id: InstrumentId,
        /// The action's ex-time.
        ex_time: UnixNanos,
        /// The slice's close time.
        time: UnixNanos,
    },
    /// The run ended with a fault or a stop.
    #[error("the run has ended and takes no more slices")]
    Ended,
    /// The account cannot go on.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The venue cannot say, or may not have, an order.
    #[error(transparent)]
    Venue(#[from] VenueError),
    /// A plan and its token did not fit.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The gate refused what the host does of its own accord.
    #[error("the risk gate refused a cancel or an order of the host's own: {}", .0.sentence())]
    Refused(OrderCode),
    /// The host could not call the guest; no verdict on the strategy.
    #[error("host: {0}")]
    Host(String),
    /// The journal did not take a record.
    #[error("journal: {0}")]
    Journal(E),
}
