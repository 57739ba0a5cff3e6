//! A venue takes nothing but what was released.
use counterfoil_trading::plan::Authorized;
use counterfoil_trading::venue::{Venue, VenueError};

fn send(venue: &mut impl Venue, authorized: Authorized) -> Result<(), VenueError> {
    venue.send(authorized)
}

fn main() {}
