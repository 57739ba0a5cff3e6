//! The gateway as the venue of a run: what the run asks of a venue goes through the gateway's checks first.
//! It must never release an order that the gateway did not carry.

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::plan::Released;
use counterfoil_trading::record::RunStop;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::AccountView;
use counterfoil_trading::venue::{Venue, VenueError};

use super::Gateway;
use super::client::VenueClient;
use super::deliveries::DeliverySource;

impl<V: VenueClient + DeliverySource> Venue for Gateway<V> {
    fn reconcile(
        &mut self,
        slice: &Slice,
        account: &AccountView<'_>,
    ) -> Result<Option<RunStop>, VenueError> {
        self.check_books(slice, account)
    }

    fn answers(&mut self, deliveries: &mut Vec<Delivery>) {
        deliveries.append(&mut self.withheld);
        self.venue.answers(deliveries);
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        self.slice_began = None;
        self.note_clock().map_err(|error| VenueError {
            reason: error.to_string(),
        })?;
        self.venue.executions(slice, deliveries)
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        match self.carry(&released) {
            Ok(_end) => Ok(()),
            Err(error) => Err(VenueError {
                reason: error.to_string(),
            }),
        }
    }
}
