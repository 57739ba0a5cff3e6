//! Why the gateway does not carry an order.

use counterfoil_journal::key::VerifierKeyError;
use counterfoil_journal::signer::SignError;
use counterfoil_trading::gateway::TokenRefusal;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::VenueError;

use super::order_log::OrderLogError;
use crate::orders::lease::LeaseError;

/// Why a gateway could not be opened or cannot continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The order log.
    #[error(transparent)]
    Log(#[from] OrderLogError),
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The signer's public key is invalid.
    #[error("the order log's key: {0}")]
    Key(#[from] VerifierKeyError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The lease file was restored to a fencing token that was given out before.
    #[error(
        "lease.behind: the lease has fencing token {found}, but the order log has seen {logged}; \
         set `epoch` in the lease file to {logged}"
    )]
    Behind {
        /// The lease's fencing token.
        found: u64,
        /// The order log's last.
        logged: u64,
    },
    /// All records would have one time until the clock has it again.
    #[error(
        "clock.behind: the clock says {}, and the run's last record is of {}; correct the clock, or if that record is \
         wrong, start another run",
        .clock.rfc3339(), .recorded.rfc3339()
    )]
    ClockBehind {
        recorded: UnixNanos,
        clock: UnixNanos,
    },
    /// The state of the order does not allow the step.
    #[error(transparent)]
    Order(#[from] TokenRefusal),
    /// The venue's books cannot be read, or the run cannot begin on them.
    #[error("cannot reconcile with the venue: {reason}")]
    Books { reason: String },
    #[error(transparent)]
    Venue(#[from] VenueError),
    /// Whether the venue has an order stayed unknown.
    #[error(
        "order.unknown: the venue may have order {venue_order}: {detail}; resume the run once the venue \
         can be reached"
    )]
    Unresolved {
        /// Its client order id.
        venue_order: String,
        /// The last reason.
        detail: String,
    },
}
