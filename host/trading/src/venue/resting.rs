//! Orders that rest at the venue, and those in flight to it: how long they stay, and what a split
//! does to them. It must never know prices of a bar.

use alloc::vec::Vec;

use crate::bar::RawBar;
use crate::corporate::SplitRatio;
use crate::costs::FeeTally;
use crate::execution::{Delivery, OrderCode, OrderEvent};
use crate::instrument::Instrument;
use crate::order::{Intent, Order, OrderStatus, OrderType, TimeInForce};
use crate::time::UnixNanos;
use crate::units::Quantity;

use super::sessions::TradingDay;

/// An order that rests at the venue. A stop that was triggered rests as a market order, a
/// stop-limit as a limit order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RestingOrder {
    pub(super) order: Order,
    pub(super) leaves: i64,
    /// When the venue took it: at the close before the first bar that it can fill on.
    accepted: UnixNanos,
    /// Without a calendar, the trading day of a day order: the UTC day of the first bar it saw.
    day: Option<i64>,
    pub(super) fees: FeeTally,
}

/// An intent that the venue has not received yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InFlightIntent {
    pub(super) intent: Intent,
    /// Bars of its instrument that pass before the venue has it.
    pub(super) bars: u32,
}

impl RestingOrder {
    pub(super) fn new(order: Order, accepted: UnixNanos) -> Self {
        Self {
            leaves: order.quantity.0,
            order,
            accepted,
            day: None,
            fees: FeeTally::default(),
        }
    }

    /// Whether the order may still fill on the bar. A day order accepted at the end of a session
    /// belongs to the next one; without a calendar it gets its trading day from the first bar it
    /// sees. The time of a price inside a bar is unknown, so a bar that closes after the time of a GTD
    /// order is too late.
    fn is_alive(&mut self, bar: &RawBar, trading_day: TradingDay) -> bool {
        match self.order.time_in_force {
            TimeInForce::Day => match trading_day {
                // An order sent at the close of a session belongs to the next one, so an end at its
                // acceptance does not expire it.
                TradingDay::After(ended) => ended.is_none_or(|ended| ended <= self.accepted),
                TradingDay::Utc => {
                    // The first bar fixes the day: an order sent after the last bar of a day must not
                    // expire before it could fill.
                    let today = bar.open_time.day();
                    *self.day.get_or_insert(today) == today
                }
            },
            TimeInForce::Gtd(until) => bar.close_time <= until,
            TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => true,
        }
    }

    /// Whether its first bar is its last.
    const fn is_immediate(&self) -> bool {
        matches!(
            self.order.time_in_force,
            TimeInForce::Ioc | TimeInForce::Fok
        )
    }

    pub(super) fn event(&self, status: OrderStatus, code: OrderCode) -> Delivery {
        event(&self.order, self.leaves, status, code)
    }
}

/// Expires the orders whose time in force ended before the bar.
pub(super) fn expire(
    resting: &mut Vec<RestingOrder>,
    bar: &RawBar,
    trading_day: TradingDay,
    deliveries: &mut Vec<Delivery>,
) {
    resting.retain_mut(|order| {
        let alive = order.is_alive(bar, trading_day);
        if !alive {
            deliveries.push(order.event(OrderStatus::Expired, OrderCode::None));
        }
        alive
    });
}

/// Removes filled orders, and expires those that may not rest beyond their first bar.
pub(super) fn end_of_bar(resting: &mut Vec<RestingOrder>, deliveries: &mut Vec<Delivery>) {
    resting.retain(|order| {
        let expires = order.leaves > 0 && order.is_immediate();
        if expires {
            deliveries.push(order.event(OrderStatus::Expired, OrderCode::None));
        }
        order.leaves > 0 && !expires
    });
}

/// Converts an order to new shares; `false` if nothing of it is left. `None` when it does not fit.
pub(super) fn split(
    order: &mut Order,
    leaves: &mut i64,
    ratio: SplitRatio,
    instrument: &Instrument,
) -> Option<bool> {
    let (order_type, after) =
        ratio.order(instrument, order.order_type, order.side, Quantity(*leaves))?;
    let priced = match order_type {
        OrderType::Market => true,
        OrderType::Limit(price) | OrderType::Stop(price) => instrument.prices().allows(price),
        OrderType::StopLimit { stop, limit } => {
            instrument.prices().allows(stop) && instrument.prices().allows(limit)
        }
    };
    // Rounded to a price of zero, or to less than a lot, the order could neither fill nor be refused: it
    // would rest forever.
    if !priced || after.0 <= 0 {
        return Some(false);
    }
    order.order_type = order_type;
    order.quantity = ratio.quantity(instrument, order.quantity)?;
    *leaves = after.0;
    Some(true)
}

pub(super) fn event(order: &Order, leaves: i64, status: OrderStatus, code: OrderCode) -> Delivery {
    Delivery::Event(OrderEvent {
        instrument: order.instrument,
        client_order_id: order.client_order_id,
        status,
        code,
        leaves_quantity: Quantity(leaves),
    })
}
