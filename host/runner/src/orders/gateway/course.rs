//! What is known of one order while it is carried. It must never decide what comes next.

use counterfoil_trading::gateway::{Answer, Event, Life, Refusal};
use counterfoil_trading::time::UnixNanos;

use super::client::Reply;
use super::token::SignedToken;

/// One order on its way.
pub(super) struct Course {
    pub(super) life: Life,
    pub(super) not_after: UnixNanos,
    /// Why it may not be sent by this process, though it was decided before.
    pub(super) lapsed: Option<Refusal>,
    pub(super) token: Option<SignedToken>,
    pub(super) refusal: Option<Refusal>,
    pub(super) detail: String,
    pub(super) lookups: u32,
}

impl Course {
    pub(super) fn withhold(&mut self, refusal: Refusal) -> Event {
        self.refusal = Some(refusal);
        Event::Withhold
    }

    pub(super) fn heard(&mut self, reply: Reply) -> Answer {
        match reply {
            Reply::Known => Answer::Known,
            Reply::Refused(why) => {
                self.detail = why;
                Answer::Refused
            }
            Reply::Unknown(why) => {
                self.detail = why;
                Answer::Unknown
            }
        }
    }
}
