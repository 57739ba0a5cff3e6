//! A broker: sends orders and receives what becomes of them. It must never guess what a venue has: an
//! unknown outcome is looked up by the order's name, or reported as unknown.

pub mod alpaca;
pub mod bridge;
pub mod client;
pub mod order;
pub mod order_state;
pub mod submission;
pub mod tracker;
pub mod updates;

use core::time::Duration;

use counterfoil_trading::time::UnixNanos;

use crate::broker::order::{NewOrder, OrderName, SendGuard, VenueAccount, VenueFill, VenueOrder};
use crate::field::FieldError;
use crate::net::http::HttpError;

/// Why a broker request failed. These texts are recorded in order logs: they never change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The venue refused the order. It will never fill.
    #[error("the venue refused it with status {status}: {reason}")]
    Refused {
        /// HTTP status of the response.
        status: u16,
        reason: String,
    },
    /// The venue may or may not have the order: nothing may be sent in its place before a lookup.
    #[error("it is not known whether the venue has order {name}: {reason}")]
    Unknown { name: String, reason: String },
    /// The order may no longer be sent. The venue does not have it, and no earlier request can place it.
    #[error("it was not sent: {reason}")]
    Withdrawn { reason: String },
    /// The venue has another order under this name.
    #[error("the venue has another order named {name}")]
    Conflict { name: String },
    /// The venue does not support such an order.
    #[error("the venue has no {what}")]
    Unsupported { what: String },
    /// A response cannot be parsed.
    #[error("the answer to {what} cannot be read: {source}")]
    Unreadable {
        what: &'static str,
        source: FieldError,
    },
    /// The account changed during every attempt to read it.
    #[error("orders changed at every try to read the account; try again")]
    Moving,
    /// The clocks of venue and machine differ too much to trust either.
    #[error("the venue's clock shows {}, this machine's {}; set this machine's clock", .venue.date_or_time(), .local.date_or_time())]
    ClockSkew { venue: UnixNanos, local: UnixNanos },
    /// No response.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The call exceeded its time limit: what the venue did is unknown.
    #[error("there was no answer within {after:?}")]
    Late { after: Duration },
    /// The venue has no order of this name to cancel or replace.
    #[error("the venue has no order {name}")]
    Absent { name: String },
    /// The recorded executions cannot all belong to the order.
    #[error("the recorded executions of order {name} do not follow each other")]
    Recall { name: String },
    /// The broker's task has ended.
    #[error("the broker's thread has ended")]
    Gone,
}

/// The venue's response to a cancel request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CancelOutcome {
    /// The venue will try.
    Requested,
    /// The order can no longer be canceled: its final status follows as an update.
    TooLate,
}

/// The requests that a runner makes of a broker.
pub trait BrokerApi: Send + Sync {
    /// Places an order at most once, whatever the network does, while `guard` allows it. The same name
    /// never places two orders.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`]; after [`BrokerError::Unknown`] the order may be there.
    fn submit(
        &self,
        order: &NewOrder,
        guard: &SendGuard,
    ) -> impl Future<Output = Result<VenueOrder, BrokerError>> + Send;

    /// Replaces an order with another.
    ///
    /// # Errors
    ///
    /// As [`BrokerApi::submit`]; after a refusal the old order keeps working.
    fn replace(
        &self,
        venue_id: &str,
        with: &NewOrder,
        guard: &SendGuard,
    ) -> impl Future<Output = Result<VenueOrder, BrokerError>> + Send;

    /// Cancels an order. Its final status follows as an update.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue did not acknowledge the request.
    fn cancel(
        &self,
        venue_id: &str,
    ) -> impl Future<Output = Result<CancelOutcome, BrokerError>> + Send;

    /// The order with this name, if the venue has it.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue did not respond.
    fn find(
        &self,
        name: &OrderName,
    ) -> impl Future<Output = Result<Option<VenueOrder>, BrokerError>> + Send;

    /// The fills of an order, oldest first.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue did not respond.
    fn fills(
        &self,
        venue_id: &str,
    ) -> impl Future<Output = Result<Vec<VenueFill>, BrokerError>> + Send;

    /// Cash, positions and open orders.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if a part of it could not be read.
    fn account(&self) -> impl Future<Output = Result<VenueAccount, BrokerError>> + Send;
}
