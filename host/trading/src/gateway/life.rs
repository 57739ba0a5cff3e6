//! The states of one order at the gateway. Every transition and every next step is a pure
//! function: the runner's gateway does what they say, and a test walks through all they allow.

use super::Refusal;

/// Where an order stands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// A durable decision approved it. Nothing of it is in the order log.
    Decided,
    /// A token for it is out, in this process only.
    Issued,
    /// The order log has its token as spent, and nothing was sent since.
    Spent,
    /// It was handed to the venue, and no answer came yet.
    Sent,
    /// The venue may have it or not.
    Unknown,
    /// The venue does not have it and will not get it from what was sent.
    Absent,
    /// Nothing more happens to it at the gateway.
    Ended(End),
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum End {
    /// The venue has it.
    Acknowledged,
    /// The venue did not take it.
    Rejected,
    /// It was never handed to the venue, or the venue never got it.
    NotSent,
}

impl End {
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

/// What a venue said to something that was sent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Answer {
    /// It has it. That it had it before says the same.
    Known,
    /// It does not take it.
    Refused,
    /// No answer, or one that does not say: a time-out, a disconnect, a server's error.
    Unknown,
}

/// What a venue says when it is asked for an order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Lookup {
    /// It has it.
    Found,
    /// It had it and did not take it.
    Refused,
    /// It does not have it, and nothing that was sent before can still bring it there.
    NotFound,
    /// It cannot be told now.
    Unknown,
}

/// What happens to an order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Event {
    /// A token is issued for it.
    Issue,
    /// Its token is spent, and that is durable.
    Spend,
    /// It is handed to the venue.
    Send,
    /// The venue answered this attempt.
    Answer(u32, Answer),
    /// The venue was asked for it.
    Lookup(Lookup),
    /// What its token was bound to holds no more.
    Withhold,
}

/// What is durable about an order in the order log.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mark {
    /// A token was spent.
    Spent,
    /// It ended.
    Ended(End),
}

/// What is to be done next about an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Check what a token binds; issue one, or withhold the order.
    Authorize,
    /// Check the token again, and make durable that it is spent.
    Spend,
    /// Hand it to the venue.
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
pub struct Life {
    /// Where it stands.
    pub phase: Phase,
    /// Tokens spent for it so far: the number of its last attempt, from 1.
    pub attempt: u32,
}

impl Life {
    /// An order that a durable decision approved just now.
    #[must_use]
    pub const fn decided() -> Self {
        Self {
            phase: Phase::Decided,
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
    /// Returns the [`Refusal`] that keeps the event from happening; the order stays as it is.
    pub const fn after(self, event: Event) -> Result<Self, Refusal> {
        let Self { phase, attempt } = self;
        let phase = match (phase, event) {
            (Phase::Decided | Phase::Absent, Event::Issue) => Phase::Issued,
            (Phase::Issued, Event::Spend) => {
                return Ok(Self {
                    phase: Phase::Spent,
                    attempt: attempt.saturating_add(1),
                });
            }
            // A token that this process did not issue.
            (Phase::Decided | Phase::Absent, Event::Spend) => return Err(Refusal::Foreign),
            (Phase::Spent, Event::Send) => Phase::Sent,
            (Phase::Decided | Phase::Issued | Phase::Absent, Event::Send) => {
                return Err(Refusal::NotSpent);
            }
            (Phase::Unknown, Event::Send) | (Phase::Sent | Phase::Unknown, Event::Withhold) => {
                return Err(Refusal::NotResolved);
            }
            (_, Event::Issue | Event::Spend | Event::Send) | (Phase::Ended(_), Event::Withhold) => {
                return Err(Refusal::Spent);
            }
            (Phase::Decided | Phase::Issued | Phase::Spent | Phase::Absent, Event::Withhold) => {
                Phase::Ended(End::NotSent)
            }
            (Phase::Sent | Phase::Unknown, Event::Answer(to, answer)) if to == attempt => {
                match answer {
                    Answer::Known => Phase::Ended(End::Acknowledged),
                    Answer::Refused => Phase::Ended(End::Rejected),
                    Answer::Unknown => Phase::Unknown,
                }
            }
            (Phase::Unknown, Event::Lookup(said)) => match said {
                Lookup::Found => Phase::Ended(End::Acknowledged),
                Lookup::Refused => Phase::Ended(End::Rejected),
                Lookup::NotFound => Phase::Absent,
                Lookup::Unknown => Phase::Unknown,
            },
            (same, Event::Answer(..) | Event::Lookup(_)) => same,
        };
        Ok(Self { phase, attempt })
    }

    /// What is to be done next.
    #[must_use]
    pub const fn step(self) -> Step {
        match self.phase {
            Phase::Decided | Phase::Absent => Step::Authorize,
            Phase::Issued => Step::Spend,
            Phase::Spent => Step::Send,
            Phase::Sent => Step::Await,
            Phase::Unknown => Step::Lookup,
            Phase::Ended(_) => Step::Done,
        }
    }
}

/// Where an order stands after the process was gone, from what the order log holds of it.
///
/// A spent token without an end may have been sent: nobody knows.
#[must_use]
pub fn recovered(marks: impl IntoIterator<Item = Mark>) -> Life {
    let mut life = Life::decided();
    for mark in marks {
        match mark {
            Mark::Spent => {
                life.phase = Phase::Unknown;
                life.attempt = life.attempt.saturating_add(1);
            }
            Mark::Ended(end) => life.phase = Phase::Ended(end),
        }
    }
    life
}
