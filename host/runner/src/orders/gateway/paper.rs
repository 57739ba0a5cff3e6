//! The paper venue: the simulated one behind the gateway's door. It lives in this process, so what it
//! had before a crash comes back while the run decides again.

use std::collections::BTreeSet;

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::gateway::{SubmissionEnd, VenueOrderId};
use counterfoil_trading::manifest::RunSetup;
use counterfoil_trading::record::{RunStop, StopCause};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::venue::simulated::SimulatedVenue;
use counterfoil_trading::venue::{Venue as _, VenueError};

use crate::orders::reconcile::Holdings;

use super::client::{Cleared, Found, Reply, VenueClient};

/// What a venue said beside deliveries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Heard {
    /// Why the run must end, if it must.
    pub stop: Option<RunStop>,
    /// Whether its connection was lost and is back.
    pub is_back: bool,
    /// Whether it spoke of an order that the run did not send.
    pub is_foreign: bool,
}

impl Heard {
    /// Something that cannot be: the first reason counts.
    pub(super) fn stop_for(&mut self, message: String) {
        self.stop.get_or_insert(RunStop {
            cause: StopCause::VenueUnclear,
            message,
        });
    }
}

/// What says what became of the orders at a venue, slice by slice.
pub trait Market {
    /// Whether what is delivered with a slice is in the journal already.
    fn is_recorded(&self, _slice: &Slice) -> bool {
        false
    }

    /// Takes in what happened since the last time.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if the venue cannot say: nothing is lost.
    fn listen(&mut self) -> Result<Heard, VenueError> {
        Ok(Heard::default())
    }

    /// The venue's books, and what happened until they were read; `None` where there are none apart
    /// from the run's.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if the venue cannot say.
    fn look(&mut self) -> Result<Option<(Holdings, Heard)>, VenueError> {
        Ok(None)
    }

    /// What is to be delivered with the next slice.
    fn pending(&self) -> &[Delivery] {
        &[]
    }

    /// As [`Venue::answers`](counterfoil_trading::venue::Venue::answers).
    fn answers(&mut self, deliveries: &mut Vec<Delivery>);

    /// As [`Venue::executions`](counterfoil_trading::venue::Venue::executions).
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if the venue cannot say.
    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError>;
}

/// The simulated venue on live bars.
#[derive(Debug)]
pub struct PaperVenue {
    inner: SimulatedVenue,
    has: BTreeSet<VenueOrderId>,
}

impl PaperVenue {
    /// A venue at which nothing was traded yet.
    #[must_use]
    pub fn new(setup: &RunSetup) -> Self {
        Self {
            inner: SimulatedVenue::new(setup),
            has: BTreeSet::new(),
        }
    }

    fn take(&mut self, order: &Cleared<'_>) -> Reply {
        if self.has.insert(order.id().clone()) {
            self.inner.receive(order.released());
        }
        Reply::Known
    }
}

impl VenueClient for PaperVenue {
    fn name(&self) -> &'static str {
        "paper"
    }

    fn submit(&mut self, order: &Cleared<'_>) -> Reply {
        self.take(order)
    }

    fn cancel(&mut self, cancel: &Cleared<'_>) -> Reply {
        self.take(cancel)
    }

    fn replace(&mut self, order: &Cleared<'_>) -> Reply {
        self.take(order)
    }

    fn lookup(&mut self, id: &VenueOrderId) -> Found {
        if self.has.contains(id) {
            Found::Over
        } else {
            Found::NotFound
        }
    }

    fn restore(&mut self, order: &Cleared<'_>, end: SubmissionEnd) {
        if end != SubmissionEnd::NotSent {
            let _known = self.take(order);
        }
    }
}

impl Market for PaperVenue {
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
