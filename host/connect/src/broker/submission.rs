//! How one order is placed once: what to do after each answer. It must never send an order a
//! second time before a look by its name said that it is not there.

use core::time::Duration;

use crate::backoff::Backoff;

/// How often an order is sent.
const POSTS_MAX: u32 = 3;

/// How often its name is looked for after each.
const LOOKS_MAX: u32 = 6;

/// How many looks in a row must not find an order that may be on its way, before it is sent again.
const ABSENT_MIN: u32 = 2;

/// What came of the last step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Came<T> {
    /// The order is there.
    There(T),
    /// The venue does not take it.
    Refused,
    /// The venue has an order of this name.
    NameTaken,
    /// The venue did nothing: too many requests, or no connection. Try after this time.
    NotYet(Duration),
    /// It is not known what the venue did.
    Unclear,
    /// A look did not find it.
    Absent,
}

/// What to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next<T> {
    /// Send it, after this time.
    Post(Duration),
    /// Look for its name, after this time.
    Look(Duration),
    /// It is there.
    Placed(T),
    /// It is not there and will not be.
    Refused,
    /// Nobody can say.
    Unknown,
}

/// One order on its way.
#[derive(Debug)]
pub struct Submission {
    posts: u32,
    looks: u32,
    absent: u32,
    /// Whether something that was sent may still arrive.
    is_unclear: bool,
    /// Whether what was sent last was not taken.
    is_refused: bool,
    backoff: Backoff,
}

impl Submission {
    /// An order that was not sent yet: send it.
    #[must_use]
    pub const fn new(backoff: Backoff) -> Self {
        Self {
            posts: 1,
            looks: 0,
            absent: 0,
            is_unclear: false,
            is_refused: false,
            backoff,
        }
    }

    /// Whether something that was sent may still arrive, or be there.
    #[must_use]
    pub const fn is_unclear(&self) -> bool {
        self.is_unclear
    }

    /// What to do after what came.
    pub fn next<T>(&mut self, came: Came<T>) -> Next<T> {
        match came {
            Came::There(order) => Next::Placed(order),
            // What was sent before may have arrived, and be why this was not taken.
            Came::Refused if self.is_unclear => {
                self.is_refused = true;
                self.absent = 0;
                self.look(Duration::ZERO)
            }
            Came::Refused => Next::Refused,
            Came::NameTaken => {
                self.is_unclear = true;
                self.look(Duration::ZERO)
            }
            Came::NotYet(wait) => {
                self.absent = 0;
                self.look(wait)
            }
            Came::Unclear => {
                self.is_unclear = true;
                self.absent = 0;
                self.look(Duration::ZERO)
            }
            Came::Absent => self.again(),
        }
    }

    /// Looks again, or gives up.
    fn look<T>(&mut self, wait: Duration) -> Next<T> {
        if self.looks >= LOOKS_MAX {
            return Next::Unknown;
        }
        self.looks = self.looks.saturating_add(1);
        Next::Look(wait.max(self.backoff.next_wait()))
    }

    /// It is not there: sends it again once that is sure enough.
    fn again<T>(&mut self) -> Next<T> {
        self.absent = self.absent.saturating_add(1);
        if self.is_unclear && self.absent < ABSENT_MIN {
            return self.look(Duration::ZERO);
        }
        if self.is_refused {
            return Next::Refused;
        }
        if self.posts >= POSTS_MAX {
            return Next::Unknown;
        }
        self.posts = self.posts.saturating_add(1);
        self.looks = 0;
        self.absent = 0;
        self.backoff.reset();
        Next::Post(Duration::ZERO)
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
        fn arrives(&mut self) -> Came<()> {
            if self.orders > 0 {
                return Came::NameTaken;
            }
            if !self.takes {
                return Came::Refused;
            }
            self.orders += 1;
            Came::There(())
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

        fn post(&mut self, net: Net) -> Came<()> {
            match net {
                Net::Works => self.arrives(),
                Net::LosesRequest => Came::Unclear,
                Net::LosesAnswer => {
                    let _lost = self.arrives();
                    Came::Unclear
                }
                Net::Limited => Came::NotYet(Duration::from_secs(1)),
                Net::Delays => {
                    self.on_its_way.push(2);
                    Came::Unclear
                }
            }
        }

        fn look(&self, net: Net) -> Came<()> {
            match net {
                Net::Limited => Came::NotYet(Duration::from_secs(1)),
                Net::Works if self.orders > 0 => Came::There(()),
                Net::Works => Came::Absent,
                Net::LosesRequest | Net::LosesAnswer | Net::Delays => Came::Unclear,
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
            let mut next: Next<()> = Next::Post(Duration::ZERO);
            let mut may_post = true;
            let mut steps = 0;
            loop {
                let weather = NETS[rest % NETS.len()];
                rest /= NETS.len();
                venue.step();
                let came = match next {
                    Next::Post(_) => {
                        assert!(may_post, "sent again without a look");
                        may_post = false;
                        venue.post(weather)
                    }
                    Next::Look(_) => {
                        let came = venue.look(weather);
                        may_post = came == Came::Absent;
                        came
                    }
                    Next::Placed(()) => {
                        assert_eq!(venue.orders, 1, "{number}");
                        break;
                    }
                    Next::Refused => {
                        assert_eq!(venue.orders, 0, "{number}");
                        let none = venue.on_its_way.is_empty() || !venue.takes;
                        assert!(none, "{number}: it may still arrive");
                        break;
                    }
                    Next::Unknown => break,
                };
                assert!(venue.orders <= 1, "{number}");
                next = submission.next(came);
                steps += 1;
                assert!(steps < 60, "{number}: it does not end");
            }
        }
    }
}
