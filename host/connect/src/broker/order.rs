//! Orders, fills and accounts as a venue states them. It must never know a venue's spelling.

use core::fmt;
use std::sync::Arc;

use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::order::{OrderType, Side, TimeInForce};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Price, Quantity};

/// The most letters of a name: all brokers take as many.
const NAME_MAX: usize = 48;

/// Whether an order may still go out. It is asked right before each time the order is sent, and now and
/// then while it waits for that.
#[derive(Clone)]
pub struct Leave(Arc<dyn Fn() -> Result<(), String> + Send + Sync>);

impl Leave {
    /// Leave that `ask` gives, or withdraws, saying why. It must not wait.
    pub fn new(ask: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Leave that nothing withdraws.
    #[must_use]
    pub fn given() -> Self {
        Self::new(|| Ok(()))
    }

    /// # Errors
    ///
    /// Returns why the order may not go out any more.
    pub fn ask(&self) -> Result<(), String> {
        (self.0)()
    }
}

impl fmt::Debug for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leave").finish_non_exhaustive()
    }
}

/// The client order id that a venue knows an order by. A venue takes each name once.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct OrderName(String);

/// A text that is no name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no order name: up to 48 letters, digits and hyphens")]
pub struct NameError(pub String);

impl OrderName {
    /// The name in a text.
    ///
    /// # Errors
    ///
    /// Returns [`NameError`] if it is none.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if text.is_empty() || text.len() > NAME_MAX || !text.bytes().all(plain) {
            return Err(NameError(crate::field::shown(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// Its text.
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

/// What an order is about: two orders with the same terms are the same wish.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// What to trade.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// How much.
    pub quantity: Quantity,
    /// At which price.
    pub order_type: OrderType,
    /// For how long.
    pub time_in_force: TimeInForce,
}

/// An order on its way out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewOrder {
    /// Its name.
    pub name: OrderName,
    /// What it is about.
    pub terms: Terms,
}

/// Where an order stands at the venue.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum VenueStatus {
    /// The venue has it, no exchange yet: also `accepted`, `held`, `pending_new`,
    /// `accepted_for_bidding`.
    Pending,
    /// It can fill: also when it has in part, and in `stopped`, `suspended`, `calculated` and
    /// `done_for_day`, after which it may go on.
    Working,
    /// It is being taken back, and can fill until it is.
    PendingCancel,
    /// It is being replaced, and can fill until it is.
    PendingReplace,
    /// It has filled whole.
    Filled,
    /// It was taken back.
    Canceled,
    /// Its time was over.
    Expired,
    /// The venue or an exchange did not take it.
    Rejected,
    /// Another one is in its place.
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
    /// The venue's own name for it.
    pub venue_id: String,
    /// The client order id: anything, where a person or another program sent it.
    pub name: String,
    /// The run's instrument; `None` where it trades another one.
    pub instrument: Option<InstrumentId>,
    /// What it is about; `None` where a run could not have sent it.
    pub terms: Option<Terms>,
    /// How much has filled.
    pub filled: Quantity,
    /// Where it stands.
    pub status: VenueStatus,
}

/// One execution.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VenueFill {
    /// At which price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// How much of the order had filled after it. No two executions of an order have the same.
    pub filled: Quantity,
    /// When, by the venue's clock.
    pub time: UnixNanos,
}

/// A position at the venue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VenuePosition {
    /// The venue's symbol.
    pub symbol: String,
    /// What it is in the run; `None` for something the run does not trade.
    pub held: Option<(InstrumentId, Quantity)>,
    /// How much, as the venue wrote it; below zero where it is short.
    pub quantity_text: String,
}

/// What an account holds, for reconciliation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// The account's currency.
    pub currency: String,
    /// Cash.
    pub cash: Money,
    /// Cash and positions, by the venue's prices.
    pub equity: Money,
    /// Whether the venue takes no orders for it.
    pub is_blocked: bool,
    /// Positions, in the venue's sequence.
    pub positions: Vec<VenuePosition>,
    /// Orders that can still fill.
    pub open_orders: Vec<VenueOrder>,
    /// When, by the venue's clock, if it said.
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
