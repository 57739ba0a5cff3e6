//! A venue as a journal has it. Some of what was released never reached it, because the gateway withheld it. That it
//! did is an input: whoever decides a run again takes it from the journal.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::recorded_broker::RecordedBroker;
use super::simulated::SimulatedVenue;
use super::{Venue, VenueError};
use crate::execution::{Delivery, OrderCode, OrderEvent};
use crate::manifest::RunSetup;
use crate::order::{ClientOrderId, Intent, OrderStatus};
use crate::plan::Released;
use crate::slice::Slice;

/// What a strategy is told of an intent that was not sent: of an order that it is rejected, of a
/// cancel that the order is still accepted.
#[must_use]
pub fn not_sent_event(intent: &Intent) -> OrderEvent {
    let order = intent.order();
    OrderEvent {
        instrument: order.map(|order| order.instrument).unwrap_or_default(),
        client_order_id: intent.client_order_id(),
        status: if order.is_some() {
            OrderStatus::Rejected
        } else {
            OrderStatus::Accepted
        },
        code: OrderCode::NotSent,
        leaves_quantity: order.map(|order| order.quantity).unwrap_or_default(),
    }
}

/// A venue, and what it will be found not to have got.
///
/// What is sent waits until the next slice tells: between the two a venue does nothing.
#[derive(Debug)]
pub struct RecordedVenue {
    inner: ReplayBackend,
    sent: Vec<Released>,
    kept_back: BTreeSet<(ClientOrderId, OrderStatus)>,
}

/// The venue behind the gateway.
#[derive(Debug)]
enum ReplayBackend {
    /// Decided again.
    Simulated(Box<SimulatedVenue>),
    /// Taken from the record.
    Told(RecordedBroker),
}

impl RecordedVenue {
    /// A run's venue, which got everything so far.
    #[must_use]
    pub fn new(setup: &RunSetup) -> Self {
        let inner = if setup.broker.is_some() {
            ReplayBackend::Told(RecordedBroker::default())
        } else {
            ReplayBackend::Simulated(Box::new(SimulatedVenue::new(setup)))
        };
        Self {
            inner,
            sent: Vec::new(),
            kept_back: BTreeSet::new(),
        }
    }

    /// Takes from the deliveries of the next slice what was not sent since the last, and what a
    /// broker said.
    pub fn load_deliveries(&mut self, deliveries: &[Delivery]) {
        if let ReplayBackend::Told(told) = &mut self.inner {
            told.load_deliveries(deliveries);
        }
        for delivery in deliveries {
            if let Delivery::Event(event) = delivery
                && event.code == OrderCode::NotSent
            {
                self.kept_back.insert((event.client_order_id, event.status));
            }
        }
    }
}

impl Venue for RecordedVenue {
    fn answers(&mut self, deliveries: &mut Vec<Delivery>) {
        for released in self.sent.drain(..) {
            let event = not_sent_event(released.intent());
            if self
                .kept_back
                .remove(&(event.client_order_id, event.status))
            {
                deliveries.push(Delivery::Event(event));
            } else {
                match &mut self.inner {
                    ReplayBackend::Simulated(venue) => venue.receive(&released),
                    ReplayBackend::Told(told) => told.receive(&released),
                }
            }
        }
        self.kept_back.clear();
        match &mut self.inner {
            ReplayBackend::Simulated(venue) => venue.answers(deliveries),
            ReplayBackend::Told(told) => told.answers(deliveries),
        }
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        match &mut self.inner {
            ReplayBackend::Simulated(venue) => venue.executions(slice, deliveries),
            ReplayBackend::Told(told) => told.executions(slice, deliveries),
        }
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        self.sent.push(released);
        Ok(())
    }
}
