//! Orders, fills and accounts as a venue states them. It must never know a venue's JSON.

use core::fmt;
use std::sync::Arc;

use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::order::{OrderType, Side, TimeInForce};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Price, Quantity};

/// The most characters of a name: every supported broker accepts as many.
const NAME_MAX: usize = 48;

/// Decides whether an order may still be sent. Checked right before each attempt to send, and repeatedly
/// while an attempt waits.
#[derive(Clone)]
pub struct SendGuard(Arc<dyn Fn() -> Result<(), String> + Send + Sync>);

impl SendGuard {
    /// A guard that calls `check`, which returns the reason once the order may no longer be sent.
    /// It must not block.
    pub fn new(check: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    /// A guard that always allows sending.
    #[must_use]
    pub fn unconditional() -> Self {
        Self::new(|| Ok(()))
    }

    /// Whether the order may be sent now.
    ///
    /// # Errors
    ///
    /// Returns the reason why it may not.
    pub fn check(&self) -> Result<(), String> {
        (self.0)()
    }
}

impl fmt::Debug for SendGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGuard").finish_non_exhaustive()
    }
}

/// The client order id that a venue knows an order by. A venue accepts each name once.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct OrderName(String);

/// Text that is not an order name. The message is recorded in order logs: it never changes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no order name: up to 48 letters, digits and hyphens")]
pub struct OrderNameError(pub String);

impl OrderName {
    /// Parses an order name.
    ///
    /// # Errors
    ///
    /// Returns [`OrderNameError`] if the text is not 1 to 48 letters, digits and hyphens.
    pub fn parse(text: &str) -> Result<Self, OrderNameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if text.is_empty() || text.len() > NAME_MAX || !text.bytes().all(plain) {
            return Err(OrderNameError(crate::field::shown(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as the broker receives it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Instrument, side, quantity, type and time in force of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OrderTerms {
    pub instrument: InstrumentId,
    pub side: Side,
    pub quantity: Quantity,
    pub order_type: OrderType,
    pub time_in_force: TimeInForce,
}

/// An order to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewOrder {
    pub name: OrderName,
    pub terms: OrderTerms,
}

/// Status of an order at the venue.
///
/// The variants' debug names are part of recorded stop messages: they never change.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum VenueStatus {
    /// Received by the venue, not yet routed to an exchange: `accepted`, `held`, `pending_new`,
    /// `accepted_for_bidding`.
    Pending,
    /// Can fill: also partly filled, and `stopped`, `suspended`, `calculated` and `done_for_day`, after
    /// which it may fill again.
    Working,
    /// A cancel is in flight; it can fill until then.
    PendingCancel,
    /// A replacement is in flight; it can fill until then.
    PendingReplace,
    Filled,
    Canceled,
    Expired,
    /// Refused by the venue or by an exchange.
    Rejected,
    Replaced,
}

impl VenueStatus {
    /// Whether no new execution can happen.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Working | Self::PendingCancel | Self::PendingReplace => false,
            Self::Filled | Self::Canceled | Self::Expired | Self::Rejected | Self::Replaced => true,
        }
    }
}

/// An order as the venue states it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VenueOrder {
    /// The venue's own id.
    pub venue_id: String,
    /// The client order id: any text, where a person or another program sent the order.
    pub name: String,
    /// The run's instrument; `None` for one that the run does not trade.
    pub instrument: Option<InstrumentId>,
    /// `None` for an order that no run could have sent.
    pub terms: Option<OrderTerms>,
    /// Cumulative filled quantity.
    pub filled: Quantity,
    pub status: VenueStatus,
}

/// One execution.
///
/// Its debug form is part of recorded stop messages: names of type and fields never change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VenueFill {
    pub price: Price,
    pub quantity: Quantity,
    /// Cumulative filled quantity of the order after this execution: unique within the order.
    pub filled: Quantity,
    /// By the venue's clock.
    pub time: UnixNanos,
}

/// A position at the venue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VenuePosition {
    pub symbol: String,
    /// The run's instrument and signed quantity; `None` for an instrument that the run does not trade.
    pub held: Option<(InstrumentId, Quantity)>,
    /// The quantity as the venue wrote it; negative for a short position.
    pub quantity_text: String,
}

/// Cash, positions and open orders of a broker's account, for reconciliation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VenueAccount {
    pub currency: String,
    pub cash: Money,
    /// Cash and positions at the venue's prices.
    pub equity: Money,
    /// Whether the venue accepts no orders for the account.
    pub is_blocked: bool,
    /// In the venue's sequence.
    pub positions: Vec<VenuePosition>,
    /// Orders that can still fill.
    pub open_orders: Vec<VenueOrder>,
    /// By the venue's clock, if the response has a `Date` header.
    pub time: Option<UnixNanos>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        assert_eq!(OrderName::parse("cf-1").unwrap().as_str(), "cf-1");
        assert!(OrderName::parse("a b").is_err());
        assert!(OrderName::parse("").is_err());
        assert!(OrderName::parse(&"x".repeat(49)).is_err());
    }
}
