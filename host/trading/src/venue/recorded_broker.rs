//! The broker in a replay: its reports are run inputs, taken from the journal. What a market should
//! have done cannot be recomputed; what is checked here is that each report follows from the orders
//! that were sent before it.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::{Venue, VenueError};
use crate::execution::{Delivery, Fill, OrderCode, OrderEvent};
use crate::order::{ClientOrderId, Order, OrderStatus, OrderType, Side};
use crate::plan::Released;
use crate::slice::Slice;
use crate::time::UnixNanos;
use crate::units::{Money, Price};

/// A broker whose reports come from the journal.
#[derive(Clone, Debug, Default)]
pub struct RecordedBroker {
    /// Every order that was sent and has not ended, with the quantity that is left to fill.
    orders: BTreeMap<ClientOrderId, (Order, i64)>,
    /// The reports of the next slice.
    next: Vec<Delivery>,
}

impl RecordedBroker {
    /// Whether the delivery is a report of the broker, and not of the run itself.
    #[must_use]
    pub fn is_from_broker(delivery: &Delivery) -> bool {
        match delivery {
            Delivery::Fill(_) => true,
            Delivery::Event(event) => {
                event.status != OrderStatus::Refused && event.code != OrderCode::NotSent
            }
            Delivery::Action(_) | Delivery::Borrow(_) => false,
        }
    }

    /// Takes the broker's reports out of the recorded deliveries of the next slice.
    pub fn load_deliveries(&mut self, deliveries: &[Delivery]) {
        let reports = deliveries
            .iter()
            .filter(|delivery| Self::is_from_broker(delivery));
        self.next.extend(reports.cloned());
    }

    pub(super) fn receive(&mut self, released: &Released) {
        if let Some(order) = released.intent().order() {
            let open = (*order, order.quantity.0);
            self.orders.insert(order.client_order_id, open);
        }
    }

    /// Checks one report against its order.
    fn check_delivery(&mut self, delivery: &Delivery, time: UnixNanos) -> Result<(), String> {
        let (id, leaves) = match delivery {
            Delivery::Fill(fill) => (fill.client_order_id, fill.leaves_quantity),
            Delivery::Event(event) => (event.client_order_id, event.leaves_quantity),
            Delivery::Action(_) | Delivery::Borrow(_) => return Ok(()),
        };
        // Without this a forged journal could credit the account with the fill of an order that was never
        // sent.
        let Some((order, open)) = self.orders.get_mut(&id) else {
            return Err("the order was not sent before, or has ended".to_string());
        };
        match delivery {
            Delivery::Fill(fill) => {
                check_fill(order, fill, time)?;
                // Counted here and not taken from the record: a false leaves quantity could fill one
                // order twice.
                let left = open.checked_sub(fill.quantity.0);
                if left != Some(leaves.0) || leaves.0 < 0 {
                    return Err(
                        "it fills more than was left, or leaves another quantity".to_string()
                    );
                }
                *open = leaves.0;
            }
            Delivery::Event(event) => check_event(order, event, *open)?,
            Delivery::Action(_) | Delivery::Borrow(_) => {}
        }
        let is_final = matches!(delivery, Delivery::Event(event) if event.status.is_final());
        // Removed with its end, so that every later report of it is refused above.
        if *open == 0 || is_final {
            self.orders.remove(&id);
        }
        Ok(())
    }
}

fn check_fill(order: &Order, fill: &Fill, time: UnixNanos) -> Result<(), String> {
    // A fill of another slice would be booked at the wrong time, and borrow fees and the loss of the day
    // with it.
    let is_same = fill.instrument == order.instrument && fill.side == order.side;
    if !is_same || fill.time != time || fill.quantity.0 <= 0 {
        return Err("the fill is not of its order and slice".to_string());
    }
    // The broker's price counts as it is. Costs beside it would let a journal move money that no broker
    // reported.
    let is_plain = fill.reference_price == fill.price
        && fill.fee == Money::ZERO
        && fill.slippage == Money::ZERO
        && !fill.clamped;
    if !is_plain {
        return Err("a broker's fill has its price and no costs beside it".to_string());
    }
    Ok(check_fill_price(order, fill.price)?)
}

/// Whether an order can fill at a price: one above zero, and not beyond its limit.
///
/// # Errors
///
/// Returns why it cannot. A live run checks a fill in the same way before it records it: a journal with
/// an impossible fill would fail every verification.
pub fn check_fill_price(order: &Order, price: Price) -> Result<(), &'static str> {
    if price.0 <= 0 {
        return Err("the fill has no price");
    }
    let (OrderType::Limit(limit) | OrderType::StopLimit { limit, .. }) = order.order_type else {
        return Ok(());
    };
    let is_within = match order.side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    };
    if is_within {
        Ok(())
    } else {
        Err("the fill is beyond the order's limit")
    }
}

fn check_event(order: &Order, event: &OrderEvent, open: i64) -> Result<(), String> {
    let is_known = match event.status {
        OrderStatus::Accepted | OrderStatus::Rejected => {
            matches!(event.code, OrderCode::None | OrderCode::VenueRejected)
        }
        OrderStatus::Canceled | OrderStatus::Expired => event.code == OrderCode::None,
        // These two come from the host and never from a broker.
        OrderStatus::Submitted | OrderStatus::Refused => false,
    };
    if is_known && event.instrument == order.instrument && event.leaves_quantity.0 == open {
        Ok(())
    } else {
        Err("the event is not one that a broker's order can have now".to_string())
    }
}

impl Venue for RecordedBroker {
    fn answers(&mut self, _deliveries: &mut Vec<Delivery>) {}

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        let time = slice.time().unwrap_or_default();
        for delivery in core::mem::take(&mut self.next) {
            self.check_delivery(&delivery, time)
                .map_err(|reason| VenueError {
                    reason: alloc::format!("impossible broker report: {reason}"),
                })?;
            deliveries.push(delivery);
        }
        Ok(())
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        self.receive(&released);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::LiquiditySide;
    use crate::instrument::InstrumentId;
    use crate::order::TimeInForce;
    use crate::units::{Price, Quantity};

    const SLICE: UnixNanos = UnixNanos(60);

    fn fill(quantity: i64, leaves: i64, price: i64) -> Fill {
        Fill {
            instrument: InstrumentId(0),
            client_order_id: ClientOrderId(7),
            side: Side::Buy,
            quantity: Quantity(quantity),
            leaves_quantity: Quantity(leaves),
            reference_price: Price(price),
            price: Price(price),
            clamped: false,
            fee: Money::ZERO,
            slippage: Money::ZERO,
            liquidity: LiquiditySide::Taker,
            time: SLICE,
        }
    }

    fn event(status: OrderStatus, code: OrderCode, leaves: i64) -> Delivery {
        Delivery::Event(OrderEvent {
            instrument: InstrumentId(0),
            client_order_id: ClientOrderId(7),
            status,
            code,
            leaves_quantity: Quantity(leaves),
        })
    }

    /// What is held against an order to buy 10 at 100 or better; the last delivery decides.
    #[track_caller]
    fn check(deliveries: &[Delivery], expect: &str) {
        let mut broker = RecordedBroker::default();
        let order = Order {
            instrument: InstrumentId(0),
            client_order_id: ClientOrderId(7),
            side: Side::Buy,
            quantity: Quantity(10),
            order_type: OrderType::Limit(Price(100)),
            time_in_force: TimeInForce::Gtc,
        };
        broker.orders.insert(order.client_order_id, (order, 10));
        let mut last = Ok(());
        for delivery in deliveries {
            assert_eq!(last, Ok(()), "only the last may be wrong");
            last = broker.check_delivery(delivery, SLICE);
        }
        assert_eq!(last.err().unwrap_or_default(), expect);
    }

    #[test]
    fn a_brokers_words_follow_from_the_orders_before_them() {
        let accepted = event(OrderStatus::Accepted, OrderCode::None, 10);
        let part = Delivery::Fill(fill(4, 6, 99));
        let rest = Delivery::Fill(fill(6, 0, 100));
        let canceled = event(OrderStatus::Canceled, OrderCode::None, 6);
        check(&[accepted.clone(), part.clone(), rest.clone()], "");
        check(&[part.clone(), canceled.clone()], "");
        let gone = "the order was not sent before, or has ended";
        check(&[part.clone(), canceled, rest.clone()], gone);
        check(&[part.clone(), rest.clone(), accepted], gone);
        let wrong = "it fills more than was left, or leaves another quantity";
        check(&[part.clone(), part.clone()], wrong);
        check(&[Delivery::Fill(fill(11, -1, 99))], wrong);
        check(&[Delivery::Fill(fill(4, 7, 99))], wrong);
        let beyond = "the fill is beyond the order's limit";
        check(&[Delivery::Fill(fill(4, 6, 101))], beyond);
        let foreign = "the fill is not of its order and slice";
        for change in [
            (|fill| fill.side = Side::Sell) as fn(&mut Fill),
            |fill| fill.instrument = InstrumentId(1),
            |fill| fill.time = UnixNanos(59),
            |fill| fill.quantity = Quantity(0),
        ] {
            let mut forged = fill(4, 6, 99);
            change(&mut forged);
            check(&[Delivery::Fill(forged)], foreign);
        }
        let plain = "a broker's fill has its price and no costs beside it";
        for change in [
            (|fill| fill.fee = Money(1)) as fn(&mut Fill),
            |fill| fill.slippage = Money(1),
            |fill| fill.reference_price = Price(98),
            |fill| fill.clamped = true,
        ] {
            let mut forged = fill(4, 6, 99);
            change(&mut forged);
            check(&[Delivery::Fill(forged)], plain);
        }
        let odd = "the event is not one that a broker's order can have now";
        check(&[event(OrderStatus::Canceled, OrderCode::None, 9)], odd);
        check(
            &[event(OrderStatus::Canceled, OrderCode::NoBuyingPower, 10)],
            odd,
        );
        check(&[event(OrderStatus::Submitted, OrderCode::None, 10)], odd);
        check(
            &[
                event(OrderStatus::Rejected, OrderCode::VenueRejected, 10),
                part,
            ],
            gone,
        );
    }
}
