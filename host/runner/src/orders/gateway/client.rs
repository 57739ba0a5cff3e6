//! The requests that a gateway makes of a venue. A broker's protocol implements them, and so does
//! the paper venue.

use counterfoil_connect::broker::order::SendGuard;
use counterfoil_trading::gateway::{SubmissionEnd, VenueOrderId};
use counterfoil_trading::order::Intent;
use counterfoil_trading::plan::Released;

/// An intent that the gateway lets through to a venue. Only a gateway makes one, and only for a
/// token that it spent, durably, right before.
#[derive(Clone, Copy, Debug)]
pub struct ClearedIntent<'a> {
    pub(super) id: &'a VenueOrderId,
    pub(super) target: Option<&'a VenueOrderId>,
    pub(super) released: &'a Released,
    pub(super) send_guard: &'a SendGuard,
}

impl ClearedIntent<'_> {
    /// The client order id to send it under. A retry uses the same.
    #[must_use]
    pub const fn id(&self) -> &VenueOrderId {
        self.id
    }

    /// The client order id of the order that a cancel or replacement is about, if this run sent it.
    #[must_use]
    pub const fn target(&self) -> Option<&VenueOrderId> {
        self.target
    }

    /// The intent.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        self.released.intent()
    }

    /// Whether it may still be sent: to be checked before each attempt.
    #[must_use]
    pub fn send_guard(&self) -> SendGuard {
        self.send_guard.clone()
    }

    /// The release itself, for a venue within this process.
    pub const fn released(&self) -> &Released {
        self.released
    }
}

/// Reply of a venue to an order, cancel or replacement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VenueReply {
    /// It has it, or had it before: also if it refuses a client order id that is in use.
    Known,
    /// The venue refuses it, with the venue's reason.
    Refused(String),
    /// Whether the venue has it is unknown, with the reason: a time-out, a lost connection, a
    /// server error.
    Unknown(String),
}

/// Reply of a venue to a lookup.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VenueLookup {
    /// It has the order, which can still fill.
    Working,
    /// It had the order, which is filled, canceled or expired.
    Over,
    /// It had the order and refused it.
    Refused,
    /// It does not have the order, and no request that was sent before can still place it. A venue
    /// that cannot guarantee that replies [`VenueLookup::Unknown`] until it can.
    NotFound,
    /// Unknown now, with the reason.
    Unknown(String),
}

/// A venue as a gateway sees it. No call waits longer than the venue's own time limit.
pub trait VenueClient {
    /// Its name in the order log.
    fn name(&self) -> &str;

    /// Sends an order.
    fn submit(&mut self, order: &ClearedIntent<'_>) -> VenueReply;

    /// Cancels an order. It may be called twice for one order.
    fn cancel(&mut self, cancel: &ClearedIntent<'_>) -> VenueReply;

    /// Replaces an order with another: both or neither.
    fn replace(&mut self, order: &ClearedIntent<'_>) -> VenueReply;

    /// Announces the intent of the next lookup, which an earlier process may have sent. A venue
    /// that keeps its orders ignores it.
    fn expect(&mut self, _order: &ClearedIntent<'_>) {}

    /// Looks an order up by its client order id.
    fn lookup(&mut self, id: &VenueOrderId) -> VenueLookup;

    /// Restores an intent of an earlier process and how it ended at the gateway, while the run
    /// replays. A venue that keeps its orders ignores it.
    fn restore(&mut self, _order: &ClearedIntent<'_>, _end: SubmissionEnd) {}
}
