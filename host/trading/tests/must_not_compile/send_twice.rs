//! What was released is sent once.
use counterfoil_trading::plan::Released;
use counterfoil_trading::venue::{Venue, VenueError};

fn twice(venue: &mut impl Venue, released: Released) -> Result<(), VenueError> {
    venue.send(released)?;
    venue.send(released)
}

fn main() {}
