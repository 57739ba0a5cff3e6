//! A broker: orders out, and what became of them in. It must never guess what a venue has: what is
//! not known is looked up by the order's name, or told as not known.

pub mod alpaca;
pub mod bridge;
pub mod client;
pub mod desk;
pub mod life;
pub mod order;
pub mod submission;
pub mod updates;

use core::time::Duration;

use counterfoil_trading::time::UnixNanos;

use crate::broker::order::{Leave, NewOrder, OrderName, Snapshot, VenueFill, VenueOrder};
use crate::field::FieldError;
use crate::net::http::HttpError;

/// Why a broker did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The venue does not take the order. It will never fill.
    #[error("the venue refused it with status {status}: {reason}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The venue's words.
        reason: String,
    },
    /// It is not known whether the venue has the order: nothing may be sent in its place before
    /// somebody has looked.
    #[error("it is not known whether the venue has order {name}: {reason}")]
    Unknown {
        /// The order.
        name: String,
        /// What happened last.
        reason: String,
    },
    /// It may not go out any more. Nothing is there, and nothing was sent that could bring it.
    #[error("it was not sent: {reason}")]
    Withdrawn {
        /// Why.
        reason: String,
    },
    /// Another order has this name.
    #[error("the venue has another order named {name}")]
    Conflict {
        /// The name.
        name: String,
    },
    /// The venue cannot take such an order.
    #[error("the venue has no {what}")]
    Unsupported {
        /// What it lacks.
        what: String,
    },
    /// An answer cannot be read.
    #[error("the answer to {what} cannot be read: {source}")]
    Unreadable {
        /// What was asked.
        what: &'static str,
        /// The field.
        source: FieldError,
    },
    /// The account did not hold still.
    #[error("orders changed at every try to read the account: try again")]
    Moving,
    /// The clocks of venue and machine are too far apart to trust either.
    #[error("the venue's clock says {venue:?}, this machine's {local:?}: set it right first")]
    ClockSkew {
        /// The venue's time.
        venue: UnixNanos,
        /// This machine's.
        local: UnixNanos,
    },
    /// There is no answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It took longer than a run waits: it is not known what the venue did.
    #[error("there was no answer within {after:?}")]
    Late {
        /// How long was waited.
        after: Duration,
    },
    /// The venue has no order of this name to cancel or replace.
    #[error("the venue has no order {name}")]
    Absent {
        /// The name.
        name: String,
    },
    /// What is recorded of an order cannot have happened to it.
    #[error("the recorded executions of order {name} are not those of one order")]
    Recall {
        /// The order.
        name: String,
    },
    /// The broker's task is gone.
    #[error("the broker's thread has ended")]
    Gone,
}

/// What became of a request to take an order back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cancel {
    /// The venue will try.
    Requested,
    /// The order can no longer be taken back: its end is on its way.
    TooLate,
}

/// What a runner needs of a broker.
pub trait Broker: Send + Sync {
    /// Places an order once, whatever happens on the way, as long as it has leave. The same name never
    /// places two.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`]; after [`BrokerError::Unknown`] the order may be there.
    fn submit(
        &self,
        order: &NewOrder,
        leave: &Leave,
    ) -> impl Future<Output = Result<VenueOrder, BrokerError>> + Send;

    /// Puts an order in the place of another.
    ///
    /// # Errors
    ///
    /// As [`Broker::submit`]; if it is refused the other one stands.
    fn replace(
        &self,
        venue_id: &str,
        with: &NewOrder,
        leave: &Leave,
    ) -> impl Future<Output = Result<VenueOrder, BrokerError>> + Send;

    /// Takes an order back. Its end comes as an update.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue did not say what it does.
    fn cancel(&self, venue_id: &str) -> impl Future<Output = Result<Cancel, BrokerError>> + Send;

    /// The order of a name, if the venue has it.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue did not say.
    fn find(
        &self,
        name: &OrderName,
    ) -> impl Future<Output = Result<Option<VenueOrder>, BrokerError>> + Send;

    /// The fills of an order, the first first.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue did not say.
    fn fills(
        &self,
        venue_id: &str,
    ) -> impl Future<Output = Result<Vec<VenueFill>, BrokerError>> + Send;

    /// Cash, positions and open orders.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue did not say all of it.
    fn snapshot(&self) -> impl Future<Output = Result<Snapshot, BrokerError>> + Send;
}
