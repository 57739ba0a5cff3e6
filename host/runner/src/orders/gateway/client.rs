//! What a gateway needs of a venue. A broker's protocol implements this; so does the paper venue.

use counterfoil_connect::broker::order::Leave;
use counterfoil_trading::gateway::{SubmissionEnd, VenueOrderId};
use counterfoil_trading::order::Intent;
use counterfoil_trading::plan::Released;

/// What a gateway lets through to a venue. Only a gateway makes one, and only for a token that it
/// spent, durably, right before.
#[derive(Clone, Copy, Debug)]
pub struct Cleared<'a> {
    pub(super) id: &'a VenueOrderId,
    pub(super) of: Option<&'a VenueOrderId>,
    pub(super) released: &'a Released,
    pub(super) leave: &'a Leave,
}

impl Cleared<'_> {
    /// The client order id to send it under. A retry has the same.
    #[must_use]
    pub const fn id(&self) -> &VenueOrderId {
        self.id
    }

    /// For a cancel or replacement: the client order id of the order it is about, if this run sent
    /// one.
    #[must_use]
    pub const fn of(&self) -> Option<&VenueOrderId> {
        self.of
    }

    /// What to do.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        self.released.intent()
    }

    /// Whether it may still go out: to be asked again before each time it is sent.
    #[must_use]
    pub fn leave(&self) -> Leave {
        self.leave.clone()
    }

    /// The release itself, for a venue within this process.
    pub const fn released(&self) -> &Released {
        self.released
    }
}

/// What a venue said to what was sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// It has it, or had it before: a refusal because the client order id is in use says this.
    Known,
    /// It does not take it, in its words.
    Refused(String),
    /// It is not known whether it has it, and why: a time-out, a disconnect, a server's error.
    Unknown(String),
}

/// What a venue says when it is asked for an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// It has it, and it can still fill.
    Working,
    /// It had it; it is filled, canceled or expired.
    Over,
    /// It had it and did not take it.
    Refused,
    /// It does not have it, and nothing that was sent before can still bring it there. A venue that
    /// cannot promise that says [`Found::Unknown`] until it can.
    NotFound,
    /// It cannot be told now, and why.
    Unknown(String),
}

/// A venue as a gateway sees it. No call waits longer than the venue's own time-out.
pub trait VenueClient {
    /// Its name in the order log.
    fn name(&self) -> &str;

    /// Sends an order.
    fn submit(&mut self, order: &Cleared<'_>) -> Reply;

    /// Takes an order back. It may be asked twice for one order.
    fn cancel(&mut self, cancel: &Cleared<'_>) -> Reply;

    /// Puts an order in the place of another: both or neither.
    fn replace(&mut self, order: &Cleared<'_>) -> Reply;

    /// Hears what is asked for next, which may have been sent before this process began. A venue that
    /// keeps its orders has nothing to do.
    fn expect(&mut self, _order: &Cleared<'_>) {}

    /// Asks for an order by its client order id.
    fn lookup(&mut self, id: &VenueOrderId) -> Found;

    /// Hears of what it was sent before this process began, and how that ended at the gateway, while
    /// the run decides it again. A venue that keeps its orders has nothing to do.
    fn restore(&mut self, _order: &Cleared<'_>, _end: SubmissionEnd) {}
}
