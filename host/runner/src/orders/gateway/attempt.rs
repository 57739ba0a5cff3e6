//! The attempt to carry one order: what is known of it so far. It must never decide the next step.

use counterfoil_trading::gateway::{SubmissionEvent, SubmissionState, TokenRefusal, VenueAnswer};
use counterfoil_trading::time::UnixNanos;

use super::client::VenueReply;
use super::token::SignedToken;

/// One order being carried.
pub(super) struct OrderAttempt {
    pub(super) state: SubmissionState,
    pub(super) not_after: UnixNanos,
    /// Why this process may not send it, although an earlier one decided it.
    pub(super) lapsed: Option<TokenRefusal>,
    pub(super) token: Option<SignedToken>,
    pub(super) refusal: Option<TokenRefusal>,
    pub(super) detail: String,
    pub(super) lookups: u32,
}

impl OrderAttempt {
    /// The order is not sent, for this reason.
    pub(super) fn withhold(&mut self, refusal: TokenRefusal) -> SubmissionEvent {
        self.refusal = Some(refusal);
        SubmissionEvent::Withhold
    }

    /// Keeps the reason of a reply for the order log.
    pub(super) fn record_reply(&mut self, reply: VenueReply) -> VenueAnswer {
        match reply {
            VenueReply::Known => VenueAnswer::Known,
            VenueReply::Refused(why) => {
                self.detail = why;
                VenueAnswer::Refused
            }
            VenueReply::Unknown(why) => {
                self.detail = why;
                VenueAnswer::Unknown
            }
        }
    }
}
