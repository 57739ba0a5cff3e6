//! What an order is worth to the limits: at its worst known price. It must never know a limit.

use crate::instrument::{Instrument, PriceRange};
use crate::order::{OrderType, Side};
use crate::units::{Money, Price, Quantity};

/// What an order is worth at its worst price, without its sign; `None` when it does not fit.
pub(super) fn order_value(
    order_type: OrderType,
    side: Side,
    quantity: Quantity,
    instrument: &Instrument,
    mark: Price,
) -> Option<Money> {
    let price = match instrument.prices() {
        PriceRange::Positive => worst_price(order_type, side, mark),
        // A buy limit may fill far below zero. The price that is furthest from zero is the worst known.
        PriceRange::Any => {
            let (first, second) = prices_of(order_type);
            let known = [first, second, Some(mark)].into_iter().flatten();
            known.max_by_key(|price| price.0.unsigned_abs())?
        }
    };
    let value = instrument.notional(price, quantity)?;
    value.0.checked_abs().map(Money)
}

/// The price a value is computed with: a buy limit below the market still counts at its limit, a
/// buy stop above it at the stop; anything else at the last close.
fn worst_price(order_type: OrderType, side: Side, mark: Price) -> Price {
    match (order_type, side) {
        (OrderType::Limit(limit) | OrderType::StopLimit { limit, .. }, Side::Buy) => limit,
        (OrderType::Stop(stop), Side::Buy) => stop.max(mark),
        (OrderType::Limit(limit) | OrderType::StopLimit { limit, .. }, Side::Sell) => {
            limit.max(mark)
        }
        (OrderType::Market, _) | (OrderType::Stop(_), Side::Sell) => mark,
    }
}

/// Limit or stop price of an order; of a stop-limit order both.
pub(super) const fn prices_of(order_type: OrderType) -> (Option<Price>, Option<Price>) {
    match order_type {
        OrderType::Market => (None, None),
        OrderType::Limit(price) | OrderType::Stop(price) => (Some(price), None),
        OrderType::StopLimit { stop, limit } => (Some(stop), Some(limit)),
    }
}
