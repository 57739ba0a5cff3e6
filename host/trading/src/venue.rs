//! The venue's door: where released orders go and executions come from. It must never know which
//! strategy an order came from.

pub mod books;
pub mod matching;
pub mod recorded_broker;
pub mod recorded_venue;
mod resting;
mod sessions;
pub mod simulated;

use alloc::string::String;
use alloc::vec::Vec;

use crate::execution::Delivery;
use crate::plan::Released;
use crate::record::RunStop;
use crate::slice::Slice;
use crate::strategy::AccountView;

/// Why a venue cannot go on. The run stops: nothing may be assumed about its orders.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("venue: {reason}")]
pub struct VenueError {
    /// What happened.
    pub reason: String,
}

/// Where released orders go.
pub trait Venue {
    /// Looks at what the venue holds before a slice is taken, and says why the run must end instead,
    /// if so. A venue within this process has nothing to look at.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if it cannot be told.
    fn reconcile(
        &mut self,
        _slice: &Slice,
        _account: &AccountView<'_>,
    ) -> Result<Option<RunStop>, VenueError> {
        Ok(None)
    }

    /// What the venue answered since the slice before: pushes order events, in the sequence in
    /// which they happened.
    fn answers(&mut self, deliveries: &mut Vec<Delivery>);

    /// What the slice does to the orders sent before it: applies its corporate actions, then
    /// pushes fills and events, in the sequence in which they happened.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if the venue cannot say.
    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError>;

    /// Takes a released order, cancel or replacement. Its answer comes with
    /// [`Venue::executions`] of a later slice.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if it is not known whether the venue has it.
    fn send(&mut self, released: Released) -> Result<(), VenueError>;
}
