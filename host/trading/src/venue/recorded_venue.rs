//! The venue in a replay. The gateway may have withheld some of the released orders; which ones is a run input, and
//! comes from the journal.

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

/// The event that reports an intent that was not sent: an order is rejected, and the order of a cancel
/// is still accepted.
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

/// A venue that receives only what the journal does not report as withheld.
///
/// What is sent waits for the deliveries of the next slice, which name the withheld orders: until then a
/// venue does nothing.
#[derive(Debug)]
pub struct RecordedVenue {
    inner: ReplayBackend,
    sent: Vec<Released>,
    withheld: BTreeSet<(ClientOrderId, OrderStatus)>,
}

/// The venue behind the gateway.
#[derive(Debug)]
enum ReplayBackend {
    /// Recomputed by the rules of the simulated venue.
    Simulated(Box<SimulatedVenue>),
    /// Taken from the journal.
    Broker(RecordedBroker),
}

impl RecordedVenue {
    /// A run's venue, from which nothing was withheld so far.
    #[must_use]
    pub fn new(setup: &RunSetup) -> Self {
        let inner = if setup.broker.is_some() {
            ReplayBackend::Broker(RecordedBroker::default())
        } else {
            ReplayBackend::Simulated(Box::new(SimulatedVenue::new(setup)))
        };
        Self {
            inner,
            sent: Vec::new(),
            withheld: BTreeSet::new(),
        }
    }

    /// Takes from the recorded deliveries of the next slice which orders were withheld since the last,
    /// and the broker's reports.
    pub fn load_deliveries(&mut self, deliveries: &[Delivery]) {
        if let ReplayBackend::Broker(broker) = &mut self.inner {
            broker.load_deliveries(deliveries);
        }
        for delivery in deliveries {
            if let Delivery::Event(event) = delivery
                && event.code == OrderCode::NotSent
            {
                self.withheld.insert((event.client_order_id, event.status));
            }
        }
    }
}

impl Venue for RecordedVenue {
    fn answers(&mut self, deliveries: &mut Vec<Delivery>) {
        // In the sequence of release. A withheld order gets its event here and never reaches the venue;
        // the others reach it before it answers, as in the run.
        for released in self.sent.drain(..) {
            let event = not_sent_event(released.intent());
            if self.withheld.remove(&(event.client_order_id, event.status)) {
                deliveries.push(Delivery::Event(event));
            } else {
                match &mut self.inner {
                    ReplayBackend::Simulated(venue) => venue.receive(&released),
                    ReplayBackend::Broker(broker) => broker.receive(&released),
                }
            }
        }
        // A name that matched no released order must not withhold a later one: a forged record would
        // otherwise reach into the next slice.
        self.withheld.clear();
        match &mut self.inner {
            ReplayBackend::Simulated(venue) => venue.answers(deliveries),
            ReplayBackend::Broker(broker) => broker.answers(deliveries),
        }
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        match &mut self.inner {
            ReplayBackend::Simulated(venue) => venue.executions(slice, deliveries),
            ReplayBackend::Broker(broker) => broker.executions(slice, deliveries),
        }
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        self.sent.push(released);
        Ok(())
    }
}
