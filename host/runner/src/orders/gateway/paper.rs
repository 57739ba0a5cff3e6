//! The paper venue: the simulated venue behind the gateway. It lives in this process, so the orders
//! it had before a crash return while the run replays.

use std::collections::BTreeSet;

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::gateway::{SubmissionEnd, VenueOrderId};
use counterfoil_trading::manifest::RunSetup;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::venue::simulated::SimulatedVenue;
use counterfoil_trading::venue::{Venue as _, VenueError};

use super::client::{ClearedIntent, VenueClient, VenueLookup, VenueReply};
use super::deliveries::DeliverySource;

/// The simulated venue on live bars.
#[derive(Debug)]
pub struct PaperVenue {
    inner: SimulatedVenue,
    has: BTreeSet<VenueOrderId>,
}

impl PaperVenue {
    /// A venue without orders.
    #[must_use]
    pub fn new(setup: &RunSetup) -> Self {
        Self {
            inner: SimulatedVenue::new(setup),
            has: BTreeSet::new(),
        }
    }

    fn receive(&mut self, order: &ClearedIntent<'_>) -> VenueReply {
        if self.has.insert(order.id().clone()) {
            self.inner.receive(order.released());
        }
        VenueReply::Known
    }
}

impl VenueClient for PaperVenue {
    fn name(&self) -> &'static str {
        "paper"
    }

    fn submit(&mut self, order: &ClearedIntent<'_>) -> VenueReply {
        self.receive(order)
    }

    fn cancel(&mut self, cancel: &ClearedIntent<'_>) -> VenueReply {
        self.receive(cancel)
    }

    fn replace(&mut self, order: &ClearedIntent<'_>) -> VenueReply {
        self.receive(order)
    }

    fn lookup(&mut self, id: &VenueOrderId) -> VenueLookup {
        if self.has.contains(id) {
            VenueLookup::Over
        } else {
            VenueLookup::NotFound
        }
    }

    fn restore(&mut self, order: &ClearedIntent<'_>, end: SubmissionEnd) {
        if end != SubmissionEnd::NotSent {
            let _known = self.receive(order);
        }
    }
}

impl DeliverySource for PaperVenue {
    fn answers(&mut self, deliveries: &mut Vec<Delivery>) {
        self.inner.answers(deliveries);
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        self.inner.executions(slice, deliveries)
    }
}
