//! What a venue says about an order: fills and order events. It must never know how a venue
//! came to say it.

use crate::instrument::InstrumentId;
use crate::order::{ClientOrderId, OrderStatus, Side};
use crate::time::UnixNanos;
use crate::units::{Money, Price, Quantity};

/// Price and quantity done for one order on one bar (FIX tags 31 and 32).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fill {
    /// What was traded.
    pub instrument: InstrumentId,
    /// The order's name.
    pub client_order_id: ClientOrderId,
    /// Bought or sold.
    pub side: Side,
    /// How much was done, above zero.
    pub quantity: Quantity,
    /// What is left to fill (FIX tag 151).
    pub leaves_quantity: Quantity,
    /// The price before slippage.
    pub reference_price: Price,
    /// The price paid or received.
    pub price: Price,
    /// Whether slippage ran into the end of the bar's range and was cut there.
    pub clamped: bool,
    /// The fee of this fill.
    pub fee: Money,
    /// Close time of the bar on which it was done.
    pub time: UnixNanos,
}

/// Why a gate refused or a venue rejected or ended an order. The names are stable.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Code {
    /// The status says it all.
    None,
    /// The run has no such instrument.
    UnknownInstrument,
    /// A quantity of zero or below.
    QuantityNotPositive,
    /// A quantity off the lot grid.
    QuantityOffLot,
    /// A price off the tick grid, or not above zero.
    PriceOffTick,
    /// The client order id was used before in this run.
    DuplicateClientOrderId,
    /// No working order has this id.
    UnknownOrder,
    /// The warm-up is not over.
    WarmingUp,
    /// No bar of the instrument was seen yet, so nothing can be valued.
    NoPrice,
    /// The account cannot pay for it.
    NoBuyingPower,
    /// A cash account sells only what it holds.
    ShortSellingNotAllowed,
    /// More orders in one answer than the limit.
    OrdersPerBarLimit,
    /// More working orders than the limit.
    WorkingOrdersLimit,
    /// An order larger than the limit.
    OrderNotionalLimit,
    /// A position larger than the limit.
    PositionNotionalLimit,
    /// A gross exposure larger than the limit.
    GrossExposureLimit,
    /// A price further from the last close than the limit.
    PriceCollar,
    /// Equity fell further from its peak than the limit; only orders that reduce a position pass.
    DrawdownLimit,
    /// The venue does not offer this order type or time in force.
    NotOffered,
    /// An amount did not fit.
    Overflow,
    /// The strategy's client order ids leave more gaps than the host keeps count of.
    OrderIdGapsLimit,
}

impl Code {
    /// Every code, in the sequence of its number in the record format: append only.
    pub const ALL: [Self; 21] = [
        Self::None,
        Self::UnknownInstrument,
        Self::QuantityNotPositive,
        Self::QuantityOffLot,
        Self::PriceOffTick,
        Self::DuplicateClientOrderId,
        Self::UnknownOrder,
        Self::WarmingUp,
        Self::NoPrice,
        Self::NoBuyingPower,
        Self::ShortSellingNotAllowed,
        Self::OrdersPerBarLimit,
        Self::WorkingOrdersLimit,
        Self::OrderNotionalLimit,
        Self::PositionNotionalLimit,
        Self::GrossExposureLimit,
        Self::PriceCollar,
        Self::DrawdownLimit,
        Self::NotOffered,
        Self::Overflow,
        Self::OrderIdGapsLimit,
    ];

    /// The stable code and the sentence that goes with it.
    #[must_use]
    pub const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("", ""),
            Self::UnknownInstrument => ("unknown-instrument", "the run has no such instrument"),
            Self::QuantityNotPositive => {
                ("quantity-not-positive", "the quantity must be above zero")
            }
            Self::QuantityOffLot => (
                "quantity-off-lot",
                "the quantity is not a multiple of the lot",
            ),
            Self::PriceOffTick => (
                "price-off-tick",
                "the price is not above zero on the tick grid",
            ),
            Self::DuplicateClientOrderId => (
                "duplicate-client-order-id",
                "the client order id was used before in this run",
            ),
            Self::UnknownOrder => ("unknown-order", "no working order has this client order id"),
            Self::WarmingUp => ("warming-up", "orders are refused until the warm-up is over"),
            Self::NoPrice => (
                "no-price",
                "the instrument has no bar yet, so nothing can be valued",
            ),
            Self::NoBuyingPower => ("no-buying-power", "the account cannot pay for it"),
            Self::ShortSellingNotAllowed => (
                "short-selling-not-allowed",
                "a cash account sells only what it holds",
            ),
            Self::OrdersPerBarLimit => (
                "orders-per-bar-limit",
                "more orders on one bar than allowed",
            ),
            Self::WorkingOrdersLimit => {
                ("working-orders-limit", "more working orders than allowed")
            }
            Self::OrderNotionalLimit => {
                ("order-notional-limit", "the order is larger than allowed")
            }
            Self::PositionNotionalLimit => (
                "position-notional-limit",
                "the position would be larger than allowed",
            ),
            Self::GrossExposureLimit => (
                "gross-exposure-limit",
                "the gross exposure would be larger than allowed",
            ),
            Self::PriceCollar => ("price-collar", "the price is too far from the last close"),
            Self::DrawdownLimit => (
                "drawdown-limit",
                "equity is too far below its peak: only reducing orders pass",
            ),
            Self::NotOffered => (
                "not-offered",
                "the venue does not offer this order type or time in force",
            ),
            Self::Overflow => ("overflow", "an amount does not fit"),
            Self::OrderIdGapsLimit => (
                "order-id-gaps-limit",
                "client order ids leave too many gaps: count up instead",
            ),
        }
    }
}

/// One event in the life of an order, other than a fill.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OrderEvent {
    /// What was to be traded.
    pub instrument: InstrumentId,
    /// The order's name.
    pub client_order_id: ClientOrderId,
    /// What happened.
    pub status: OrderStatus,
    /// Why.
    pub code: Code,
    /// What is left to fill.
    pub leaves_quantity: Quantity,
}

/// What is delivered to the account and to the strategy at the start of a slice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// A fill.
    Fill(Fill),
    /// An order event.
    Event(OrderEvent),
}
