//! The venue's part: the simulated one. Only in a slice whose bars are not in the journal, because
//! the guest was at fault before any was decided, its fills are taken as recorded.

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::order::OrderStatus;
use counterfoil_trading::plan::Released;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::venue::simulated::SimulatedVenue;
use counterfoil_trading::venue::{Venue, VenueError};

/// The simulated venue, and in the slice without bars what the journal says it delivered.
#[derive(Debug)]
pub(super) struct AuditVenue {
    pub(super) venue: SimulatedVenue,
    pub(super) recorded: Option<Vec<Delivery>>,
}

impl Venue for AuditVenue {
    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        let Some(recorded) = &self.recorded else {
            return self.venue.executions(slice, deliveries);
        };
        let start = deliveries.len();
        // Without a bar nothing fills: these are the answers to what was sent before.
        self.venue.executions(&Slice::default(), deliveries)?;
        let answers = deliveries.get(start..).unwrap_or_default();
        // Refusals are the run's own and already delivered.
        let recorded = recorded.iter().filter(|one| !is_refusal(one)).copied();
        let answered = answers.len();
        if recorded.clone().take(answered).eq(answers.iter().copied()) {
            deliveries.extend(recorded.skip(answered));
        }
        Ok(())
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        self.venue.send(released)
    }
}

fn is_refusal(delivery: &Delivery) -> bool {
    matches!(delivery, Delivery::Event(event) if event.status == OrderStatus::Refused)
}
