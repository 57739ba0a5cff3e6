//! A broker as a journal has it: what it said is an input of the run, and comes again from the
//! record. Nobody can say what a market should have done; what is held here is that a broker's words
//! follow from the orders that were sent before them.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::{Venue, VenueError};
use crate::execution::{Code, Delivery, Fill, OrderEvent};
use crate::order::{ClientOrderId, Order, OrderStatus, OrderType, Side};
use crate::plan::Released;
use crate::slice::Slice;
use crate::time::UnixNanos;
use crate::units::Money;

/// The recorded broker.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Every order that was sent and has not ended, and what is left of it.
    orders: BTreeMap<ClientOrderId, (Order, i64)>,
    /// What is told with the next slice.
    next: Vec<Delivery>,
}

impl Told {
    /// Whether a broker said this, and not the run itself.
    #[must_use]
    pub fn says(delivery: &Delivery) -> bool {
        match delivery {
            Delivery::Fill(_) => true,
            Delivery::Event(event) => {
                event.status != OrderStatus::Refused && event.code != Code::NotSent
            }
            Delivery::Action(_) | Delivery::Borrow(_) => false,
        }
    }

    /// Takes what the broker said, of the deliveries of the next slice.
    pub fn expect(&mut self, deliveries: &[Delivery]) {
        let said = deliveries.iter().filter(|one| Self::says(one));
        self.next.extend(said.cloned());
    }

    pub(super) fn receive(&mut self, released: &Released) {
        if let Some(order) = released.intent().order() {
            let open = (*order, order.quantity.0);
            self.orders.insert(order.client_order_id, open);
        }
    }

    /// Holds one delivery against its order.
    fn hold(&mut self, delivery: &Delivery, time: UnixNanos) -> Result<(), String> {
        let (id, leaves) = match delivery {
            Delivery::Fill(fill) => (fill.client_order_id, fill.leaves_quantity),
            Delivery::Event(event) => (event.client_order_id, event.leaves_quantity),
            Delivery::Action(_) | Delivery::Borrow(_) => return Ok(()),
        };
        let Some((order, open)) = self.orders.get_mut(&id) else {
            return Err("the order was not sent before, or has ended".to_string());
        };
        match delivery {
            Delivery::Fill(fill) => {
                hold_fill(order, fill, time)?;
                let left = open.checked_sub(fill.quantity.0);
                if left != Some(leaves.0) || leaves.0 < 0 {
                    return Err(
                        "it fills more than was left, or leaves another quantity".to_string()
                    );
                }
                *open = leaves.0;
            }
            Delivery::Event(event) => hold_event(order, event, *open)?,
            Delivery::Action(_) | Delivery::Borrow(_) => {}
        }
        let is_final = matches!(delivery, Delivery::Event(event) if event.status.is_final());
        if *open == 0 || is_final {
            self.orders.remove(&id);
        }
        Ok(())
    }
}

fn hold_fill(order: &Order, fill: &Fill, time: UnixNanos) -> Result<(), String> {
    let is_same = fill.instrument == order.instrument && fill.side == order.side;
    if !is_same || fill.time != time || fill.quantity.0 <= 0 || fill.price.0 <= 0 {
        return Err("the fill is not of its order and slice".to_string());
    }
    let is_plain = fill.reference_price == fill.price
        && fill.fee == Money::ZERO
        && fill.slippage == Money::ZERO
        && !fill.clamped;
    if !is_plain {
        return Err("a broker's fill has its price and no costs beside it".to_string());
    }
    let (OrderType::Limit(limit) | OrderType::StopLimit { limit, .. }) = order.order_type else {
        return Ok(());
    };
    let is_within = match order.side {
        Side::Buy => fill.price <= limit,
        Side::Sell => fill.price >= limit,
    };
    if is_within {
        Ok(())
    } else {
        Err("the fill is beyond the order's limit".to_string())
    }
}

fn hold_event(order: &Order, event: &OrderEvent, open: i64) -> Result<(), String> {
    let is_known = match event.status {
        OrderStatus::Accepted | OrderStatus::Rejected => {
            matches!(event.code, Code::None | Code::VenueRejected)
        }
        OrderStatus::Canceled | OrderStatus::Expired => event.code == Code::None,
        OrderStatus::Submitted | OrderStatus::Refused => false,
    };
    if is_known && event.instrument == order.instrument && event.leaves_quantity.0 == open {
        Ok(())
    } else {
        Err("the event is not one that a broker's order can have now".to_string())
    }
}

impl Venue for Told {
    fn answers(&mut self, _deliveries: &mut Vec<Delivery>) {}

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        let time = slice.close_time().unwrap_or_default();
        for delivery in core::mem::take(&mut self.next) {
            let held = self.hold(&delivery, time);
            held.map_err(|reason| VenueError {
                reason: alloc::format!("a broker cannot have said this: {reason}"),
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
