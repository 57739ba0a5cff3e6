//! A simulated venue that some of what was released never reached, because the gateway withheld it. That it
//! did is an input: whoever decides a run again takes it from the journal.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::simulated::SimulatedVenue;
use super::{Venue, VenueError};
use crate::execution::{Code, Delivery, OrderEvent};
use crate::order::{ClientOrderId, Intent, OrderStatus};
use crate::plan::Released;
use crate::slice::Slice;

/// What a strategy is told of an intent that was not sent: of an order that it is rejected, of a
/// cancel that the order is still accepted.
#[must_use]
pub fn not_sent(intent: &Intent) -> OrderEvent {
    let order = intent.order();
    OrderEvent {
        instrument: order.map(|order| order.instrument).unwrap_or_default(),
        client_order_id: intent.client_order_id(),
        status: if order.is_some() {
            OrderStatus::Rejected
        } else {
            OrderStatus::Accepted
        },
        code: Code::NotSent,
        leaves_quantity: order.map(|order| order.quantity).unwrap_or_default(),
    }
}

/// A venue, and what it will be found not to have got.
///
/// What is sent waits until the next slice tells: between the two a venue does nothing.
#[derive(Debug)]
pub struct Withheld {
    inner: SimulatedVenue,
    sent: Vec<Released>,
    kept_back: BTreeSet<(ClientOrderId, OrderStatus)>,
}

impl Withheld {
    /// A venue that got everything so far.
    #[must_use]
    pub const fn new(inner: SimulatedVenue) -> Self {
        Self {
            inner,
            sent: Vec::new(),
            kept_back: BTreeSet::new(),
        }
    }

    /// Takes from the deliveries of the next slice what was not sent since the last.
    pub fn expect(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            if let Delivery::Event(event) = delivery
                && event.code == Code::NotSent
            {
                self.kept_back.insert((event.client_order_id, event.status));
            }
        }
    }

    /// Whether a delivery tells of something that was not sent.
    #[must_use]
    pub fn tells(delivery: &Delivery) -> bool {
        matches!(delivery, Delivery::Event(event) if event.code == Code::NotSent)
    }
}

impl Venue for Withheld {
    fn answers(&mut self, deliveries: &mut Vec<Delivery>) {
        for released in self.sent.drain(..) {
            let event = not_sent(released.intent());
            if self
                .kept_back
                .remove(&(event.client_order_id, event.status))
            {
                deliveries.push(Delivery::Event(event));
            } else {
                self.inner.receive(&released);
            }
        }
        self.kept_back.clear();
        self.inner.answers(deliveries);
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        self.inner.executions(slice, deliveries)
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        self.sent.push(released);
        Ok(())
    }
}
