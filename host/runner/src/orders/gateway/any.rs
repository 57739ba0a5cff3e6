//! The venue behind a gateway: the paper venue or a broker.

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::gateway::{SubmissionEnd, VenueOrderId};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::venue::VenueError;

use super::broker::BrokerVenue;
use super::client::{ClearedIntent, VenueClient, VenueLookup, VenueReply};
use super::deliveries::{DeliverySource, VenueNotices};
use super::paper::PaperVenue;
use crate::orders::reconcile::Holdings;

/// The paper venue or a broker.
#[derive(Debug)]
pub enum AnyVenue {
    /// The simulated venue on live bars.
    Paper(Box<PaperVenue>),
    Broker(Box<BrokerVenue>),
}

impl AnyVenue {
    fn client(&mut self) -> &mut dyn VenueClient {
        match self {
            Self::Paper(venue) => venue.as_mut(),
            Self::Broker(venue) => venue.as_mut(),
        }
    }

    fn deliveries(&mut self) -> &mut dyn DeliverySource {
        match self {
            Self::Paper(venue) => venue.as_mut(),
            Self::Broker(venue) => venue.as_mut(),
        }
    }
}

impl VenueClient for AnyVenue {
    fn name(&self) -> &str {
        match self {
            Self::Paper(venue) => venue.name(),
            Self::Broker(venue) => venue.name(),
        }
    }

    fn submit(&mut self, order: &ClearedIntent<'_>) -> VenueReply {
        self.client().submit(order)
    }

    fn cancel(&mut self, cancel: &ClearedIntent<'_>) -> VenueReply {
        self.client().cancel(cancel)
    }

    fn replace(&mut self, order: &ClearedIntent<'_>) -> VenueReply {
        self.client().replace(order)
    }

    fn expect(&mut self, order: &ClearedIntent<'_>) {
        self.client().expect(order);
    }

    fn lookup(&mut self, id: &VenueOrderId) -> VenueLookup {
        self.client().lookup(id)
    }

    fn restore(&mut self, order: &ClearedIntent<'_>, end: SubmissionEnd) {
        self.client().restore(order, end);
    }
}

impl DeliverySource for AnyVenue {
    fn is_recorded(&self, slice: &Slice) -> bool {
        match self {
            Self::Paper(venue) => venue.is_recorded(slice),
            Self::Broker(venue) => venue.is_recorded(slice),
        }
    }

    fn apply_reports(&mut self) -> Result<VenueNotices, VenueError> {
        self.deliveries().apply_reports()
    }

    fn read_books(&mut self) -> Result<Option<(Holdings, VenueNotices)>, VenueError> {
        self.deliveries().read_books()
    }

    fn pending(&self) -> &[Delivery] {
        match self {
            Self::Paper(venue) => venue.pending(),
            Self::Broker(venue) => venue.pending(),
        }
    }

    fn answers(&mut self, deliveries: &mut Vec<Delivery>) {
        self.deliveries().answers(deliveries);
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        self.deliveries().executions(slice, deliveries)
    }
}
