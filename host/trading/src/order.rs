//! Orders, from what a strategy asks for to what a venue may receive.
//!
//! The types are the permissions: [`Request`] → [`Approved`](crate::risk::Approved) (risk gate) →
//! [`Plan`](crate::plan::Plan) → [`Authorized`](crate::plan::Authorized) (token) →
//! [`Released`](crate::plan::Released) (journal receipt). A later one can only be made from the
//! one before it, so what must not happen does not compile.

use alloc::string::String;

use crate::instrument::InstrumentId;
use crate::time::UnixNanos;
use crate::units::{Price, Quantity};

/// A name for an order, chosen by the strategy, unique in the run (FIX tag 11).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientOrderId(pub u64);

impl ClientOrderId {
    /// The first id that the host keeps for orders of its own, such as a liquidation.
    pub const HOST_FIRST: Self = Self(1 << 63);

    /// Whether the id is one of the host's own.
    #[must_use]
    pub const fn is_host(self) -> bool {
        self.0 >= Self::HOST_FIRST.0
    }
}

/// The direction of an order (FIX tag 54).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// Adds to the position.
    Buy,
    /// Takes from the position.
    Sell,
}

impl Side {
    /// `buy` or `sell`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// At which price an order may fill (FIX tag 40).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OrderType {
    /// At the next bar's open.
    Market,
    /// At this price or better.
    Limit(Price),
    /// As a market order once this price is reached.
    Stop(Price),
    /// As a limit order once the stop price is reached.
    StopLimit {
        /// The price that triggers it.
        stop: Price,
        /// The worst price at which it may then fill.
        limit: Price,
    },
}

/// How long an order may rest (FIX tag 59).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeInForce {
    /// Until it is filled or canceled.
    Gtc,
    /// Until the end of the instrument's trading day.
    Day,
    /// Until this time.
    Gtd(UnixNanos),
    /// What can be filled on the first bar is, the rest is canceled.
    Ioc,
    /// Filled whole on the first bar, or canceled.
    Fok,
}

/// An order: what to trade, how much, at which price and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Order {
    /// What to trade.
    pub instrument: InstrumentId,
    /// Its name.
    pub client_order_id: ClientOrderId,
    /// Buy or sell.
    pub side: Side,
    /// How much; above zero once reviewed.
    pub quantity: Quantity,
    /// At which price.
    pub order_type: OrderType,
    /// For how long.
    pub time_in_force: TimeInForce,
}

/// What a strategy asks for, before the risk gate reviews it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Intent {
    /// Send an order.
    Submit(Order),
    /// Cancel a working order.
    Cancel(ClientOrderId),
    /// Put an order in the place of a working one: both or neither.
    Replace {
        /// The order to cancel.
        replaces: ClientOrderId,
        /// The order to put in its place.
        with: Order,
    },
}

impl Intent {
    /// The order it would send, if any.
    #[must_use]
    pub const fn order(&self) -> Option<&Order> {
        match self {
            Self::Submit(order) | Self::Replace { with: order, .. } => Some(order),
            Self::Cancel(_) => None,
        }
    }

    /// The name of the order it is about.
    #[must_use]
    pub const fn client_order_id(&self) -> ClientOrderId {
        match self {
            Self::Submit(order) | Self::Replace { with: order, .. } => order.client_order_id,
            Self::Cancel(id) => *id,
        }
    }
}

/// An intent with the strategy's reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    pub intent: Intent,
    /// Why, in the strategy's words.
    pub reason: Option<String>,
}

/// What became of an order, other than a fill (FIX tag 39).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum OrderStatus {
    /// On its way to the venue.
    Submitted,
    /// The venue has it.
    Accepted,
    /// The risk gate did not let it through.
    Refused,
    /// The venue did not take it.
    Rejected,
    /// Canceled by the strategy, the host or the venue.
    Canceled,
    /// Its time in force ended.
    Expired,
}

impl OrderStatus {
    /// Every status, in the sequence of its number in the record format.
    pub const ALL: [Self; 6] = [
        Self::Submitted,
        Self::Accepted,
        Self::Refused,
        Self::Rejected,
        Self::Canceled,
        Self::Expired,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// Whether the order can never fill again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Submitted | Self::Accepted => false,
            Self::Refused | Self::Rejected | Self::Canceled | Self::Expired => true,
        }
    }
}
