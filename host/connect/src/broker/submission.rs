//! How one order is placed once: the next step after each outcome. It must never send an order a
//! second time before a lookup by its name has shown that the venue does not have it.

use core::time::Duration;

use crate::backoff::Backoff;

/// How often an order is sent.
const POSTS_MAX: u32 = 3;

/// Lookups by name after each time it was sent.
const LOOKS_MAX: u32 = 6;

/// Lookups in a row that must not find an order that may be in flight, before it is sent again.
const ABSENT_MIN: u32 = 2;

/// The outcome of the last step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SubmitOutcome<T> {
    /// The venue has the order.
    Found(T),
    /// The venue refuses the order.
    Refused,
    /// The venue has an order of this name.
    NameTaken,
    /// The venue did nothing: rate limit, or no connection. Retry after this time.
    NotYet(Duration),
    /// What the venue did is unknown.
    Unclear,
    /// A lookup did not find it.
    Absent,
}

/// The next step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SubmitStep<T> {
    /// Send it, after this time.
    Post(Duration),
    /// Look it up by name, after this time.
    Look(Duration),
    Placed(T),
    /// The venue does not have it and will not.
    Refused,
    /// Give up: the outcome stays unknown.
    Unknown,
}

/// The attempts to place one order.
#[derive(Debug)]
pub struct Submission {
    posts: u32,
    looks: u32,
    absent: u32,
    /// Whether an earlier request may still arrive.
    is_unclear: bool,
    /// Whether the last request was refused.
    is_refused: bool,
    backoff: Backoff,
}

impl Submission {
    /// An order that was not sent yet. The first step is to send it.
    #[must_use]
    pub fn new(backoff: Backoff) -> Self {
        Self {
            posts: 1,
            looks: 0,
            absent: 0,
            is_unclear: false,
            is_refused: false,
            backoff,
        }
    }

    /// Whether an earlier request may still arrive, or has arrived.
    #[must_use]
    pub const fn is_unclear(&self) -> bool {
        self.is_unclear
    }

    /// The step after an outcome.
    pub fn next<T>(&mut self, outcome: SubmitOutcome<T>) -> SubmitStep<T> {
        match outcome {
            SubmitOutcome::Found(order) => SubmitStep::Placed(order),
            // An earlier request may have arrived, and be the reason of this refusal.
            SubmitOutcome::Refused if self.is_unclear => {
                self.is_refused = true;
                self.absent = 0;
                self.look(Duration::ZERO)
            }
            SubmitOutcome::Refused => SubmitStep::Refused,
            // The name is unique to this order, so an earlier request of it, perhaps by a process
            // that crashed, has arrived. The lookup compares the terms.
            SubmitOutcome::NameTaken => {
                self.is_unclear = true;
                self.look(Duration::ZERO)
            }
            // Looked up all the same: a rate limit on this request shows nothing about the one before
            // it.
            SubmitOutcome::NotYet(wait) => {
                self.absent = 0;
                self.look(wait)
            }
            SubmitOutcome::Unclear => {
                self.is_unclear = true;
                self.absent = 0;
                self.look(Duration::ZERO)
            }
            SubmitOutcome::Absent => self.again(),
        }
    }

    /// Looks it up again, or gives up.
    fn look<T>(&mut self, wait: Duration) -> SubmitStep<T> {
        if self.looks >= LOOKS_MAX {
            // The caller records the order as unknown, and the run stops. To send once more here
            // could place it twice.
            return SubmitStep::Unknown;
        }
        self.looks = self.looks.saturating_add(1);
        SubmitStep::Look(wait.max(self.backoff.next_wait()))
    }

    /// The venue does not have it: sends it again once that is certain enough.
    fn again<T>(&mut self) -> SubmitStep<T> {
        self.absent = self.absent.saturating_add(1);
        // One "not found" can overtake a request that is still in the network; two with a wait
        // between them are believed.
        if self.is_unclear && self.absent < ABSENT_MIN {
            return self.look(Duration::ZERO);
        }
        if self.is_refused {
            return SubmitStep::Refused;
        }
        if self.posts >= POSTS_MAX {
            return SubmitStep::Unknown;
        }
        self.posts = self.posts.saturating_add(1);
        self.looks = 0;
        self.absent = 0;
        self.backoff.reset();
        SubmitStep::Post(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a network does with a request.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Net {
        Works,
        LosesRequest,
        LosesAnswer,
        Limited,
        /// The request arrives two steps later.
        Delays,
    }

    const NETS: [Net; 5] = [
        Net::Works,
        Net::LosesRequest,
        Net::LosesAnswer,
        Net::Limited,
        Net::Delays,
    ];

    /// A venue that takes a name once.
    #[derive(Default)]
    struct Venue {
        orders: u32,
        takes: bool,
        on_its_way: Vec<u32>,
    }

    impl Venue {
        fn arrives(&mut self) -> SubmitOutcome<()> {
            if self.orders > 0 {
                return SubmitOutcome::NameTaken;
            }
            if !self.takes {
                return SubmitOutcome::Refused;
            }
            self.orders += 1;
            SubmitOutcome::Found(())
        }

        fn step(&mut self) {
            for left in &mut self.on_its_way {
                *left -= 1;
            }
            let due = self.on_its_way.iter().filter(|left| **left == 0).count();
            self.on_its_way.retain(|left| *left > 0);
            for _ in 0..due {
                let _nobody_hears = self.arrives();
            }
        }

        fn post(&mut self, net: Net) -> SubmitOutcome<()> {
            match net {
                Net::Works => self.arrives(),
                Net::LosesRequest => SubmitOutcome::Unclear,
                Net::LosesAnswer => {
                    let _lost = self.arrives();
                    SubmitOutcome::Unclear
                }
                Net::Limited => SubmitOutcome::NotYet(Duration::from_secs(1)),
                Net::Delays => {
                    self.on_its_way.push(2);
                    SubmitOutcome::Unclear
                }
            }
        }

        fn look(&self, net: Net) -> SubmitOutcome<()> {
            match net {
                Net::Limited => SubmitOutcome::NotYet(Duration::from_secs(1)),
                Net::Works if self.orders > 0 => SubmitOutcome::Found(()),
                Net::Works => SubmitOutcome::Absent,
                Net::LosesRequest | Net::LosesAnswer | Net::Delays => SubmitOutcome::Unclear,
            }
        }
    }

    /// Every sequence of eight things a network can do, with a venue that takes the order and one
    /// that does not; after them it works.
    #[test]
    fn whatever_the_network_does_there_is_one_order_at_most_and_what_is_said_is_so() {
        const STEPS: u32 = 8;
        for number in 0..NETS.len().pow(STEPS) * 2 {
            let mut rest = number / 2;
            let mut venue = Venue {
                takes: number % 2 == 0,
                ..Venue::default()
            };
            let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(9), 1);
            let mut submission = Submission::new(backoff);
            let mut next: SubmitStep<()> = SubmitStep::Post(Duration::ZERO);
            let mut may_post = true;
            let mut steps = 0;
            loop {
                let weather = NETS[rest % NETS.len()];
                rest /= NETS.len();
                venue.step();
                let outcome = match next {
                    SubmitStep::Post(_) => {
                        assert!(may_post, "sent again without a look");
                        may_post = false;
                        venue.post(weather)
                    }
                    SubmitStep::Look(_) => {
                        let outcome = venue.look(weather);
                        may_post = outcome == SubmitOutcome::Absent;
                        outcome
                    }
                    SubmitStep::Placed(()) => {
                        assert_eq!(venue.orders, 1, "{number}");
                        break;
                    }
                    SubmitStep::Refused => {
                        assert_eq!(venue.orders, 0, "{number}");
                        let none = venue.on_its_way.is_empty() || !venue.takes;
                        assert!(none, "{number}: it may still arrive");
                        break;
                    }
                    SubmitStep::Unknown => break,
                };
                assert!(venue.orders <= 1, "{number}");
                next = submission.next(outcome);
                steps += 1;
                assert!(steps < 60, "{number}: it does not end");
            }
        }
    }
}
