//! The states of one order at the gateway. Every transition and every next step is a pure
//! function: the runner's gateway does what they say, and a test walks through all they allow.

use super::TokenRefusal;

/// The phase of one order at the gateway.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SubmissionPhase {
    /// A durable decision approved it. Nothing of it is in the order log.
    Decided,
    /// A token for it is out, in this process only.
    Issued,
    /// The order log has its token as spent, and nothing was sent since.
    Spent,
    /// It was sent to the venue, and no answer has come yet.
    Sent,
    /// The venue may have it or not.
    Unknown,
    /// The venue does not have it and will not get it from what was sent.
    Absent,
    Ended(SubmissionEnd),
}

/// How an order ended at the gateway.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SubmissionEnd {
    /// The venue has it.
    Acknowledged,
    /// The venue did not take it.
    Rejected,
    /// It was never sent to the venue, or the venue never received it.
    NotSent,
}

impl SubmissionEnd {
    /// Every end, in the sequence of its number in the order log: append only.
    pub const ALL: [Self; 3] = [Self::Acknowledged, Self::Rejected, Self::NotSent];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Rejected => "rejected",
            Self::NotSent => "not-sent",
        }
    }
}

/// The venue's answer to something that was sent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum VenueAnswer {
    /// The venue has it; "already known" counts as the same.
    Known,
    /// The venue does not take it.
    Refused,
    /// No answer, or one that settles nothing: a time-out, a disconnect, a server's error.
    Unknown,
}

/// The venue's answer when it is asked for an order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LookupAnswer {
    /// The venue has it.
    Found,
    /// The venue received it and did not take it.
    Refused,
    /// It does not have it, and nothing that was sent before can still bring it there.
    NotFound,
    /// Cannot be determined now.
    Unknown,
}

/// An event of an order at the gateway.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SubmissionEvent {
    /// A token is issued for it.
    Issue,
    /// Its token is spent, and that is durable.
    Spend,
    /// It is sent to the venue.
    Send,
    /// The venue answered this attempt.
    Answer(u32, VenueAnswer),
    /// The venue was asked for it.
    Lookup(LookupAnswer),
    /// A condition that its token was bound to no longer holds.
    Withhold,
}

/// What the order log holds durably about an order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DurableMark {
    /// A token was spent.
    Spent,
    /// It ended.
    Ended(SubmissionEnd),
}

/// The next thing the gateway does about an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubmissionStep {
    /// Check what a token binds; issue one, or withhold the order.
    Authorize,
    /// Check the token again, and make durable that it is spent.
    Spend,
    /// Send it to the venue.
    Send,
    /// Wait for the answer to this attempt.
    Await,
    /// Ask the venue for it.
    Lookup,
    /// Make its end durable, if it is not.
    Done,
}

/// One order at the gateway.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SubmissionState {
    pub phase: SubmissionPhase,
    /// Tokens spent for it so far: the number of its last attempt, from 1.
    pub attempt: u32,
}

impl SubmissionState {
    /// An order that a durable decision approved just now.
    #[must_use]
    pub const fn decided() -> Self {
        Self {
            phase: SubmissionPhase::Decided,
            attempt: 0,
        }
    }

    /// The order after an event.
    ///
    /// An answer to an attempt before the last one, or after the end, changes nothing: answers come
    /// late, twice and in any sequence.
    ///
    /// # Errors
    ///
    /// Returns the [`TokenRefusal`] that keeps the event from happening; the order stays as it is.
    pub const fn apply(self, event: SubmissionEvent) -> Result<Self, TokenRefusal> {
        let Self { phase, attempt } = self;
        let phase = match (phase, event) {
            // Also after a lookup that found nothing: the venue never had the order, so a further attempt
            // under the same name cannot fill it twice.
            (SubmissionPhase::Decided | SubmissionPhase::Absent, SubmissionEvent::Issue) => {
                SubmissionPhase::Issued
            }
            (SubmissionPhase::Issued, SubmissionEvent::Spend) => {
                // The attempt counts when its token is durably spent: after a crash no number is used
                // again.
                return Ok(Self {
                    phase: SubmissionPhase::Spent,
                    attempt: attempt.saturating_add(1),
                });
            }
            // A token that this process did not issue.
            (SubmissionPhase::Decided | SubmissionPhase::Absent, SubmissionEvent::Spend) => {
                return Err(TokenRefusal::Foreign);
            }
            (SubmissionPhase::Spent, SubmissionEvent::Send) => SubmissionPhase::Sent,
            (
                SubmissionPhase::Decided | SubmissionPhase::Issued | SubmissionPhase::Absent,
                SubmissionEvent::Send,
            ) => {
                // Sent before the token is durable, the order would be unknown to a process that restarts
                // here.
                return Err(TokenRefusal::NotSpent);
            }
            (SubmissionPhase::Unknown, SubmissionEvent::Send)
            | (SubmissionPhase::Sent | SubmissionPhase::Unknown, SubmissionEvent::Withhold) => {
                // The venue may have it. A second send could fill it twice, and withholding it would
                // report as not sent what may be filled.
                return Err(TokenRefusal::NotResolved);
            }
            (_, SubmissionEvent::Issue | SubmissionEvent::Spend | SubmissionEvent::Send)
            | (SubmissionPhase::Ended(_), SubmissionEvent::Withhold) => {
                return Err(TokenRefusal::Spent);
            }
            (
                SubmissionPhase::Decided
                | SubmissionPhase::Issued
                | SubmissionPhase::Spent
                | SubmissionPhase::Absent,
                SubmissionEvent::Withhold,
            ) => SubmissionPhase::Ended(SubmissionEnd::NotSent),
            // An answer to an earlier attempt, however late, settles nothing about this one. To the last
            // attempt it still resolves an unknown order.
            (
                SubmissionPhase::Sent | SubmissionPhase::Unknown,
                SubmissionEvent::Answer(to, answer),
            ) if to == attempt => match answer {
                VenueAnswer::Known => SubmissionPhase::Ended(SubmissionEnd::Acknowledged),
                VenueAnswer::Refused => SubmissionPhase::Ended(SubmissionEnd::Rejected),
                VenueAnswer::Unknown => SubmissionPhase::Unknown,
            },
            (SubmissionPhase::Unknown, SubmissionEvent::Lookup(answer)) => match answer {
                LookupAnswer::Found => SubmissionPhase::Ended(SubmissionEnd::Acknowledged),
                LookupAnswer::Refused => SubmissionPhase::Ended(SubmissionEnd::Rejected),
                LookupAnswer::NotFound => SubmissionPhase::Absent,
                LookupAnswer::Unknown => SubmissionPhase::Unknown,
            },
            (same, SubmissionEvent::Answer(..) | SubmissionEvent::Lookup(_)) => same,
        };
        Ok(Self { phase, attempt })
    }

    /// The next thing the gateway does about the order.
    #[must_use]
    pub const fn next_step(self) -> SubmissionStep {
        match self.phase {
            SubmissionPhase::Decided | SubmissionPhase::Absent => SubmissionStep::Authorize,
            SubmissionPhase::Issued => SubmissionStep::Spend,
            SubmissionPhase::Spent => SubmissionStep::Send,
            SubmissionPhase::Sent => SubmissionStep::Await,
            SubmissionPhase::Unknown => SubmissionStep::Lookup,
            SubmissionPhase::Ended(_) => SubmissionStep::Done,
        }
    }
}

/// The state of an order after a restart, from the marks in the order log.
///
/// A spent token without an end may have been sent: its outcome is unknown.
#[must_use]
pub fn recover_state(marks: impl IntoIterator<Item = DurableMark>) -> SubmissionState {
    let mut state = SubmissionState::decided();
    for mark in marks {
        match mark {
            DurableMark::Spent => {
                // The crash came before or after the send, and the log looks the same for both: only the
                // venue can answer which.
                state.phase = SubmissionPhase::Unknown;
                state.attempt = state.attempt.saturating_add(1);
            }
            DurableMark::Ended(end) => state.phase = SubmissionPhase::Ended(end),
        }
    }
    state
}
