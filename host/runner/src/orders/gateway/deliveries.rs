//! What a gateway reads from a venue: deliveries for the next slice, notices beside them, and the venue's
//! books. It must never send an order.

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::record::{RunStop, StopCause};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::venue::VenueError;

use crate::orders::reconcile::Holdings;

/// What a venue reports beside deliveries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct VenueNotices {
    /// The stop that must end the run, if any.
    pub stop: Option<RunStop>,
    /// Whether its connection was lost and is back.
    pub is_back: bool,
    /// Whether it reported an order that the run did not send.
    pub is_foreign: bool,
}

impl VenueNotices {
    /// Stops the run because of a report that cannot be true: the first reason counts.
    pub(super) fn stop_for(&mut self, message: String) {
        self.stop
            .get_or_insert(RunStop::of(StopCause::VenueUnclear, message));
    }
}

/// Reports what became of the orders at a venue, slice by slice.
pub trait DeliverySource {
    /// Whether the deliveries of a slice are in the journal already.
    fn is_recorded(&self, _slice: &Slice) -> bool {
        false
    }

    /// Applies what the venue reported since the last call.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if the venue does not respond: no report is lost.
    fn apply_reports(&mut self) -> Result<VenueNotices, VenueError> {
        Ok(VenueNotices::default())
    }

    /// The venue's books, and the notices until they were read; `None` for a venue without books of
    /// its own.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if the venue does not respond.
    fn read_books(&mut self) -> Result<Option<(Holdings, VenueNotices)>, VenueError> {
        Ok(None)
    }

    /// Deliveries of the next slice.
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
