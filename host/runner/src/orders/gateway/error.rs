//! Why the gateway does not carry an order. It must never decide that.

use counterfoil_journal::key::VerifierKeyError;
use counterfoil_journal::signer::SignError;
use counterfoil_trading::gateway::TokenRefusal;
use counterfoil_trading::venue::VenueError;

use super::order_log::OrderLogError;
use crate::orders::lease::LeaseError;

/// Why a gateway could not be opened or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The order log.
    #[error(transparent)]
    Log(#[from] OrderLogError),
    /// The signer.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The signer's key cannot verify.
    #[error("the order log's key: {0}")]
    Key(#[from] VerifierKeyError),
    /// The account.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The lease's file was put back to an epoch of before.
    #[error(
        "lease.behind: the account is in epoch {found}, but the order log was in {logged} before"
    )]
    Behind {
        /// The lease's epoch.
        found: u64,
        /// The order log's last.
        logged: u64,
    },
    /// An order cannot go the way that its state asks for.
    #[error(transparent)]
    Order(#[from] TokenRefusal),
    /// The run id is no digest.
    #[error("the run {run:?} has no id of 64 hex digits")]
    Run {
        /// What it has.
        run: String,
    },
    /// The venue's books cannot be read, or the run cannot begin on them.
    #[error("the venue's books: {reason}")]
    Books {
        /// Why.
        reason: String,
    },
    /// The venue.
    #[error(transparent)]
    Venue(#[from] VenueError),
    /// Nobody knows what became of an order.
    #[error(
        "order.unknown: it is not known whether the venue has order {venue_order}: {detail}; \
         resume the run once the venue can be asked"
    )]
    Unresolved {
        /// Its name at the venue.
        venue_order: String,
        /// What is known.
        detail: String,
    },
}
