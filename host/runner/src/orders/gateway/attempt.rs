//! The attempt to carry one order: what is known of it so far. It must never decide the next step.

use counterfoil_trading::gateway::{Answer, Event, Life, Refusal};
use counterfoil_trading::time::UnixNanos;

use super::client::VenueReply;
use super::token::SignedToken;

/// One order being carried.
pub(super) struct OrderAttempt {
    pub(super) life: Life,
    pub(super) not_after: UnixNanos,
    /// Why this process may not send it, although an earlier one decided it.
    pub(super) lapsed: Option<Refusal>,
    pub(super) token: Option<SignedToken>,
    pub(super) refusal: Option<Refusal>,
    pub(super) detail: String,
    pub(super) lookups: u32,
}

impl OrderAttempt {
    /// The order is not sent, for this reason.
    pub(super) fn withhold(&mut self, refusal: Refusal) -> Event {
        self.refusal = Some(refusal);
        Event::Withhold
    }

    /// Keeps the reason of a reply for the order log.
    pub(super) fn record_reply(&mut self, reply: VenueReply) -> Answer {
        match reply {
            VenueReply::Known => Answer::Known,
            VenueReply::Refused(why) => {
                self.detail = why;
                Answer::Refused
            }
            VenueReply::Unknown(why) => {
                self.detail = why;
                Answer::Unknown
            }
        }
    }
}
