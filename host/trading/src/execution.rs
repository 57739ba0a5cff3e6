//! A venue's execution reports: fills and order events. It must never know how a venue decides
//! them.

use crate::corporate::CorporateAction;
use crate::costs::LiquiditySide;
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
    /// What slippage cost: the distance from the reference price times the quantity.
    pub slippage: Money,
    /// Whether it gave or took liquidity, which decides the fee's rate.
    pub liquidity: LiquiditySide,
    /// Close time of the bar on which it was done.
    pub time: UnixNanos,
}

/// Why a gate refused or a venue rejected or ended an order. The names are stable.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum OrderCode {
    /// No reason beside the status.
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
    /// The order's time in force was over before the venue had it.
    ExpiredTimeInForce,
    /// An amount did not fit.
    Overflow,
    /// The strategy's client order ids leave more gaps than the host keeps count of.
    OrderIdGapsLimit,
    /// The instrument is no longer traded.
    Delisted,
    /// A corporate action left nothing of the order, or a price of zero.
    CorporateAction,
    /// Equity is below the maintenance margin; only orders that reduce a position pass.
    MarginCall,
    /// The client order id is one of those that the host keeps for its own orders.
    ReservedClientOrderId,
    /// Trading in the instrument is halted.
    InstrumentHalted,
    /// More orders on one UTC day than the limit.
    OrdersPerDayLimit,
    /// A net exposure larger than the limit.
    NetExposureLimit,
    /// Equity fell further on this UTC day than the limit; only orders that reduce a position pass.
    DailyLossLimit,
    /// The gateway did not send it; the order log has the reason.
    NotSent,
    /// The bar was decided so long after its close that only orders that reduce a position pass.
    BarTooLate,
    /// A broker did not take it; the order log has its text.
    VenueRejected,
    /// The answer held more requests than the limit, and this one came after the last within it.
    TooManyRequests,
}

impl OrderCode {
    /// Every code, in the sequence of its number in the record format: append only.
    pub const ALL: [Self; 33] = [
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
        Self::ExpiredTimeInForce,
        Self::Overflow,
        Self::OrderIdGapsLimit,
        Self::Delisted,
        Self::CorporateAction,
        Self::MarginCall,
        Self::ReservedClientOrderId,
        Self::InstrumentHalted,
        Self::OrdersPerDayLimit,
        Self::NetExposureLimit,
        Self::DailyLossLimit,
        Self::NotSent,
        Self::BarTooLate,
        Self::VenueRejected,
        Self::TooManyRequests,
    ];

    /// The stable name, in records and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::UnknownInstrument => "unknown-instrument",
            Self::QuantityNotPositive => "quantity-not-positive",
            Self::QuantityOffLot => "quantity-off-lot",
            Self::PriceOffTick => "price-off-tick",
            Self::DuplicateClientOrderId => "duplicate-client-order-id",
            Self::UnknownOrder => "unknown-order",
            Self::WarmingUp => "warming-up",
            Self::NoPrice => "no-price",
            Self::NoBuyingPower => "no-buying-power",
            Self::ShortSellingNotAllowed => "short-selling-not-allowed",
            Self::OrdersPerBarLimit => "orders-per-bar-limit",
            Self::WorkingOrdersLimit => "working-orders-limit",
            Self::OrderNotionalLimit => "order-notional-limit",
            Self::PositionNotionalLimit => "position-notional-limit",
            Self::GrossExposureLimit => "gross-exposure-limit",
            Self::PriceCollar => "price-collar",
            Self::DrawdownLimit => "drawdown-limit",
            Self::Overflow => "overflow",
            Self::OrderIdGapsLimit => "order-id-gaps-limit",
            Self::ExpiredTimeInForce => "expired-time-in-force",
            Self::Delisted => "delisted",
            Self::CorporateAction => "corporate-action",
            Self::MarginCall => "margin-call",
            Self::ReservedClientOrderId => "reserved-client-order-id",
            Self::InstrumentHalted => "instrument-halted",
            Self::OrdersPerDayLimit => "orders-per-day-limit",
            Self::NetExposureLimit => "net-exposure-limit",
            Self::DailyLossLimit => "daily-loss-limit",
            Self::NotSent => "not-sent",
            Self::BarTooLate => "bar-too-late",
            Self::VenueRejected => "venue-rejected",
            Self::TooManyRequests => "too-many-requests",
        }
    }

    /// The sentence that explains the code.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::None => "",
            Self::UnknownInstrument => "the run has no such instrument",
            Self::QuantityNotPositive => "the quantity must be above zero",
            Self::QuantityOffLot => "the quantity is not a multiple of the lot",
            Self::PriceOffTick => "the price is not above zero on the tick grid",
            Self::DuplicateClientOrderId => "the client order id was used before in this run",
            Self::UnknownOrder => "no working order has this client order id",
            Self::WarmingUp => "orders are refused until the warm-up is over",
            Self::NoPrice => {
                "the instrument has no bar yet, or its last close is zero, so nothing can be valued"
            }
            Self::NoBuyingPower => "the account cannot pay for it",
            Self::ShortSellingNotAllowed => "a cash account sells only what it holds",
            Self::OrdersPerBarLimit => "more orders on one bar than allowed",
            Self::WorkingOrdersLimit => "more working orders than allowed",
            Self::OrderNotionalLimit => "the order is larger than allowed",
            Self::PositionNotionalLimit => "the position would be larger than allowed",
            Self::GrossExposureLimit => "the gross exposure would be larger than allowed",
            Self::PriceCollar => "the price is too far from the last close",
            Self::DrawdownLimit => "equity is too far below its peak: only reducing orders pass",
            Self::Overflow => "an amount does not fit",
            Self::OrderIdGapsLimit => "client order ids leave too many gaps: count up instead",
            Self::ExpiredTimeInForce => {
                "the order's time in force was over before the venue had it"
            }
            Self::Delisted => "the instrument is no longer traded",
            Self::CorporateAction => "a corporate action left nothing of the order",
            Self::MarginCall => "equity is below the maintenance margin: only reducing orders pass",
            Self::ReservedClientOrderId => "client order ids from 2^63 are the host's own",
            Self::InstrumentHalted => "trading in the instrument is halted",
            Self::OrdersPerDayLimit => "more orders on one UTC day than allowed",
            Self::NetExposureLimit => "the net exposure would be larger than allowed",
            Self::DailyLossLimit => "equity fell too far today: only reducing orders pass",
            Self::NotSent => "the gateway did not send it: its authorization held no more",
            Self::BarTooLate => "decided too long after the bar's close: only reducing orders pass",
            Self::VenueRejected => "the broker did not take it",
            Self::TooManyRequests => "more requests in one answer than allowed",
        }
    }
}

/// A change of an order's status, other than a fill.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OrderEvent {
    /// What was to be traded.
    pub instrument: InstrumentId,
    /// The order's name.
    pub client_order_id: ClientOrderId,
    /// What happened.
    pub status: OrderStatus,
    /// Why.
    pub code: OrderCode,
    /// What is left to fill.
    pub leaves_quantity: Quantity,
}

/// A corporate action and what it did to the account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppliedAction {
    /// The action.
    pub action: CorporateAction,
    /// The position in the instrument after it.
    pub quantity: Quantity,
    /// The cash received, or paid where it is below zero.
    pub cash: Money,
}

/// The fee for one instrument's short position, booked once a day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BorrowFee {
    /// What is borrowed.
    pub instrument: InstrumentId,
    /// What has accrued since the last booking.
    pub fee: Money,
}

/// What is delivered to the account and to the strategy at the start of a slice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// A fill.
    Fill(Fill),
    /// An order event.
    Event(OrderEvent),
    /// A corporate action.
    Action(AppliedAction),
    /// A borrow fee. The strategy has no callback for it; it sees its cash.
    Borrow(BorrowFee),
}
