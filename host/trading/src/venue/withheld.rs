//! A venue as a journal has it. Some of what was released never reached it, because the gateway withheld it. That it
//! did is an input: whoever decides a run again takes it from the journal.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::simulated::SimulatedVenue;
use super::told::Told;
use super::{Venue, VenueError};
use crate::execution::{Code, Delivery, OrderEvent};
use crate::manifest::RunSetup;
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
    inner: Inner,
    sent: Vec<Released>,
    kept_back: BTreeSet<(ClientOrderId, OrderStatus)>,
}

/// The venue behind the gateway.
#[derive(Debug)]
enum Inner {
    /// Decided again.
    Simulated(Box<SimulatedVenue>),
    /// Taken from the record.
    Told(Told),
}

impl Withheld {
    /// A run's venue, which got everything so far.
    #[must_use]
    pub fn new(setup: &RunSetup) -> Self {
        let inner = if setup.broker.is_some() {
            Inner::Told(Told::default())
        } else {
            Inner::Simulated(Box::new(SimulatedVenue::new(setup)))
        };
        Self {
            inner,
            sent: Vec::new(),
            kept_back: BTreeSet::new(),
        }
    }

    /// Takes from the deliveries of the next slice what was not sent since the last, and what a
    /// broker said.
    pub fn expect(&mut self, deliveries: &[Delivery]) {
        if let Inner::Told(told) = &mut self.inner {
            told.expect(deliveries);
        }
        for delivery in deliveries {
            if let Delivery::Event(event) = delivery
                && event.code == Code::NotSent
            {
                self.kept_back.insert((event.client_order_id, event.status));
            }
        }
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
                match &mut self.inner {
                    Inner::Simulated(venue) => venue.receive(&released),
                    Inner::Told(told) => told.receive(&released),
                }
            }
        }
        self.kept_back.clear();
        match &mut self.inner {
            Inner::Simulated(venue) => venue.answers(deliveries),
            Inner::Told(told) => told.answers(deliveries),
        }
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        match &mut self.inner {
            Inner::Simulated(venue) => venue.executions(slice, deliveries),
            Inner::Told(told) => told.executions(slice, deliveries),
        }
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        self.sent.push(released);
        Ok(())
    }
}
