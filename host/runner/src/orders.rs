//! The path of an order to a venue and back: gateway, lease, limits, kill switch, reconciliation.
//! It must never decide what a strategy may do.

pub mod gateway;
pub mod kill;
pub mod lease;
pub mod limits;
pub mod reconcile;
pub mod venues;
