//! The interface to a venue: released orders go in, executions come out. It must never know which
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

/// A failure of a venue. The run stops: nothing may be assumed about its orders.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("venue: {reason}")]
pub struct VenueError {
    /// What happened.
    pub reason: String,
}

/// Where released orders go.
pub trait Venue {
    /// Reconciles with the venue's books before a slice is taken, and returns why the run must end instead,
    /// if it must. A venue within this process has nothing to reconcile.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if the books cannot be read.
    fn reconcile(
        &mut self,
        _slice: &Slice,
        _account: &AccountView<'_>,
    ) -> Result<Option<RunStop>, VenueError> {
        Ok(None)
    }

    /// Pushes the venue's answers since the slice before: order events, in the sequence in which they
    /// happened.
    fn answers(&mut self, deliveries: &mut Vec<Delivery>);

    /// Applies the slice's corporate actions to the orders sent before it, then pushes fills and
    /// events, in the sequence in which they happened.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if the venue cannot report them.
    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError>;

    /// Sends a released order, cancel or replacement. Its answer comes with
    /// [`Venue::executions`] of a later slice.
    ///
    /// # Errors
    ///
    /// Returns [`VenueError`] if it is unknown whether the venue has it.
    fn send(&mut self, released: Released) -> Result<(), VenueError>;
}
