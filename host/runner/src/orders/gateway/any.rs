//! The venue behind a gateway: the paper venue or a broker.

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::gateway::{SubmissionEnd, VenueOrderId};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::venue::VenueError;

use super::broker::BrokerVenue;
use super::client::{Cleared, Found, Reply, VenueClient};
use super::paper::{Heard, Market, PaperVenue};
use crate::orders::reconcile::Holdings;

/// Either.
#[derive(Debug)]
pub enum AnyVenue {
    /// The simulated venue on live bars.
    Paper(Box<PaperVenue>),
    /// A broker.
    Broker(Box<BrokerVenue>),
}

impl AnyVenue {
    fn client(&mut self) -> &mut dyn VenueClient {
        match self {
            Self::Paper(venue) => venue.as_mut(),
            Self::Broker(venue) => venue.as_mut(),
        }
    }

    fn market(&mut self) -> &mut dyn Market {
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

    fn submit(&mut self, order: &Cleared<'_>) -> Reply {
        self.client().submit(order)
    }

    fn cancel(&mut self, cancel: &Cleared<'_>) -> Reply {
        self.client().cancel(cancel)
    }

    fn replace(&mut self, order: &Cleared<'_>) -> Reply {
        self.client().replace(order)
    }

    fn expect(&mut self, order: &Cleared<'_>) {
        self.client().expect(order);
    }

    fn lookup(&mut self, id: &VenueOrderId) -> Found {
        self.client().lookup(id)
    }

    fn restore(&mut self, order: &Cleared<'_>, end: SubmissionEnd) {
        self.client().restore(order, end);
    }
}

impl Market for AnyVenue {
    fn is_recorded(&self, slice: &Slice) -> bool {
        match self {
            Self::Paper(venue) => venue.is_recorded(slice),
            Self::Broker(venue) => venue.is_recorded(slice),
        }
    }

    fn listen(&mut self) -> Result<Heard, VenueError> {
        self.market().listen()
    }

    fn look(&mut self) -> Result<Option<(Holdings, Heard)>, VenueError> {
        self.market().look()
    }

    fn pending(&self) -> &[Delivery] {
        match self {
            Self::Paper(venue) => venue.pending(),
            Self::Broker(venue) => venue.pending(),
        }
    }

    fn answers(&mut self, deliveries: &mut Vec<Delivery>) {
        self.market().answers(deliveries);
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        self.market().executions(slice, deliveries)
    }
}
