//! What is known of one order while it is carried. It must never decide what comes next.

use counterfoil_trading::gateway::{SubmissionEvent, SubmissionState, TokenRefusal, VenueAnswer};
use counterfoil_trading::time::UnixNanos;

use super::client::Reply;
use super::token::SignedToken;

/// One order on its way.
pub(super) struct Course {
    pub(super) life: SubmissionState,
    pub(super) not_after: UnixNanos,
    /// Why it may not be sent by this process, though it was decided before.
    pub(super) lapsed: Option<TokenRefusal>,
    pub(super) token: Option<SignedToken>,
    pub(super) refusal: Option<TokenRefusal>,
    pub(super) detail: String,
    pub(super) lookups: u32,
}

impl Course {
    pub(super) fn withhold(&mut self, refusal: TokenRefusal) -> SubmissionEvent {
        self.refusal = Some(refusal);
        SubmissionEvent::Withhold
    }

    pub(super) fn heard(&mut self, reply: Reply) -> VenueAnswer {
        match reply {
            Reply::Known => VenueAnswer::Known,
            Reply::Refused(why) => {
                self.detail = why;
                VenueAnswer::Refused
            }
            Reply::Unknown(why) => {
                self.detail = why;
                VenueAnswer::Unknown
            }
        }
    }
}
