//! What may happen to one order, and what may not. It must never guess: what does not follow is
//! told, and changes nothing.

use counterfoil_trading::units::Quantity;

use crate::broker::order::{VenueFill, VenueOrder, VenueStatus};

/// What a venue says happened to an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Happened {
    /// The venue has it.
    Pending,
    /// It works.
    New,
    /// Some of it, or its rest, was executed.
    Fill(VenueFill),
    /// It is being taken back.
    PendingCancel,
    /// It is being replaced.
    PendingReplace,
    /// It was not taken back, or not replaced: it works on.
    WorksOn,
    /// It was taken back.
    Canceled,
    /// Its time was over.
    Expired,
    /// It was not taken.
    Rejected,
    /// Another one is in its place.
    Replaced,
    /// An execution was taken back or changed after the fact.
    Amended,
}

/// What that means for the order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Applied {
    /// It stands elsewhere now.
    Moved(VenueStatus),
    /// It was executed, and stands there now.
    Filled(VenueFill, VenueStatus),
    /// It was known, or is old news.
    Known,
    /// Executions are missing between the two quantities: fetch them, apply them, and say this
    /// again. Nothing has changed.
    Missed {
        /// How much is known to have filled.
        known: Quantity,
        /// How much had filled before this.
        told: Quantity,
    },
    /// It cannot be: nothing has changed, and somebody must look.
    Illegal {
        /// Where the order stood.
        from: VenueStatus,
    },
}

/// One order from its release to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Life {
    quantity: Quantity,
    status: VenueStatus,
    /// Executed, as far as executions were told.
    filled: Quantity,
    /// Executed at the end, as the end was told; until then the order's quantity.
    filled_max: Quantity,
}

impl Life {
    /// An order that was just sent.
    #[must_use]
    pub const fn new(quantity: Quantity) -> Self {
        Self {
            quantity,
            status: VenueStatus::Pending,
            filled: Quantity(0),
            filled_max: quantity,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn status(&self) -> VenueStatus {
        self.status
    }

    /// How much was executed.
    #[must_use]
    pub const fn filled(&self) -> Quantity {
        self.filled
    }

    /// Whether nothing can come any more: it has ended, and every execution was told.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.status.is_final() && self.filled == self.filled_max
    }

    /// Takes what happened. `filled` is how much of the order had filled by then, as the venue
    /// states it with every event.
    pub fn apply(&mut self, happened: Happened, filled: Quantity) -> Applied {
        let from = self.status;
        match happened {
            Happened::Fill(fill) => self.execute(fill),
            Happened::Amended => Applied::Illegal { from },
            _ if from == VenueStatus::Rejected && happened != Happened::Rejected => {
                // It never worked, so nothing else can have happened to it.
                if happened == Happened::Pending {
                    Applied::Known
                } else {
                    Applied::Illegal { from }
                }
            }
            Happened::Pending => Applied::Known,
            Happened::New => self.go(VenueStatus::Working, from == VenueStatus::Pending),
            Happened::WorksOn => {
                let was_pending = matches!(
                    from,
                    VenueStatus::PendingCancel | VenueStatus::PendingReplace
                );
                self.go(VenueStatus::Working, was_pending)
            }
            Happened::PendingCancel => self.go(
                VenueStatus::PendingCancel,
                !from.is_final() && from != VenueStatus::PendingCancel,
            ),
            Happened::PendingReplace => self.go(
                VenueStatus::PendingReplace,
                !from.is_final() && from != VenueStatus::PendingReplace,
            ),
            Happened::Canceled => self.end(VenueStatus::Canceled, filled),
            Happened::Expired => self.end(VenueStatus::Expired, filled),
            Happened::Replaced => self.end(VenueStatus::Replaced, filled),
            Happened::Rejected => self.end(VenueStatus::Rejected, filled),
        }
    }

    /// Takes the order as the venue states it now, in place of events that may be lost.
    pub fn look(&mut self, order: &VenueOrder) -> Applied {
        if order.filled > self.filled {
            return Applied::Missed {
                known: self.filled,
                told: order.filled,
            };
        }
        let happened = match order.status {
            VenueStatus::Pending => Happened::Pending,
            VenueStatus::Working => {
                let works = self.apply(Happened::New, order.filled);
                if works != Applied::Known {
                    return works;
                }
                Happened::WorksOn
            }
            VenueStatus::PendingCancel => Happened::PendingCancel,
            VenueStatus::PendingReplace => Happened::PendingReplace,
            // Its executions are known, so that it has filled is too.
            VenueStatus::Filled if self.status == VenueStatus::Filled => return Applied::Known,
            VenueStatus::Filled => return Applied::Illegal { from: self.status },
            VenueStatus::Canceled => Happened::Canceled,
            VenueStatus::Expired => Happened::Expired,
            VenueStatus::Rejected => Happened::Rejected,
            VenueStatus::Replaced => Happened::Replaced,
        };
        self.apply(happened, order.filled)
    }

    fn go(&mut self, to: VenueStatus, is_next: bool) -> Applied {
        if !is_next {
            // Old news: an acknowledgement after the execution it made possible.
            return Applied::Known;
        }
        self.status = to;
        Applied::Moved(to)
    }

    /// The order ends, having filled so far. Executions before it may still be on their way.
    fn end(&mut self, to: VenueStatus, filled: Quantity) -> Applied {
        let from = self.status;
        if from == to {
            return Applied::Known;
        }
        let is_possible = !from.is_final()
            && filled >= self.filled
            && filled < self.quantity
            && (to != VenueStatus::Rejected || filled == Quantity(0));
        if !is_possible {
            return Applied::Illegal { from };
        }
        self.status = to;
        self.filled_max = filled;
        Applied::Moved(to)
    }

    fn execute(&mut self, fill: VenueFill) -> Applied {
        let from = self.status;
        let illegal = Applied::Illegal { from };
        let Some(before) = fill.filled.0.checked_sub(fill.quantity.0) else {
            return illegal;
        };
        if fill.quantity.0 <= 0 || before < 0 || fill.filled > self.filled_max {
            return illegal;
        }
        if fill.filled <= self.filled {
            return Applied::Known;
        }
        if before < self.filled.0 {
            // It overlaps an execution that was told.
            return illegal;
        }
        if before > self.filled.0 {
            return Applied::Missed {
                known: self.filled,
                told: Quantity(before),
            };
        }
        self.filled = fill.filled;
        if fill.filled == self.quantity {
            self.status = VenueStatus::Filled;
        } else if from == VenueStatus::Pending {
            // What is executed works, whether or not that was told.
            self.status = VenueStatus::Working;
        }
        Applied::Filled(fill, self.status)
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::time::UnixNanos;
    use counterfoil_trading::units::Price;

    use super::*;

    fn fill(quantity: i64, filled: i64) -> Happened {
        Happened::Fill(VenueFill {
            price: Price(100),
            quantity: Quantity(quantity),
            filled: Quantity(filled),
            time: UnixNanos(0),
        })
    }

    /// What a letter stands for, with how much had filled by then.
    fn meaning(letter: char) -> (Happened, i64) {
        match letter {
            'a' => (Happened::Pending, 0),
            'n' => (Happened::New, 0),
            '4' => (fill(4, 4), 4),
            '6' => (fill(6, 10), 10),
            'c' => (Happened::Canceled, 0),
            'C' => (Happened::Canceled, 4),
            'p' => (Happened::PendingCancel, 0),
            'w' => (Happened::WorksOn, 0),
            'e' => (Happened::Expired, 0),
            'r' => (Happened::Rejected, 0),
            'R' => (Happened::Replaced, 4),
            'x' => (Happened::Amended, 4),
            other => panic!("{other}"),
        }
    }

    fn letter(applied: Applied) -> char {
        match applied {
            Applied::Moved(_) => 'm',
            Applied::Filled(..) => 'f',
            Applied::Known => '-',
            Applied::Missed { .. } => '?',
            Applied::Illegal { .. } => '!',
        }
    }

    /// An order of 10: what comes, what it means, and where the order stands then.
    #[track_caller]
    fn check(comes: &str, means: &str, status: VenueStatus, filled: i64) -> Life {
        let mut life = Life::new(Quantity(10));
        let got: String = comes
            .chars()
            .map(|one| {
                let (happened, filled) = meaning(one);
                letter(life.apply(happened, Quantity(filled)))
            })
            .collect();
        assert_eq!(got, means, "{comes}");
        assert_eq!(
            (life.status(), life.filled().0),
            (status, filled),
            "{comes}"
        );
        life
    }

    #[test]
    fn what_follows_moves_and_what_does_not_is_told() {
        use VenueStatus::{Canceled, Expired, Filled, PendingCancel, Rejected, Replaced, Working};
        assert!(check("an46", "-mff", Filled, 10).is_over());
        check("46", "ff", Filled, 10);
        check("6", "?", VenueStatus::Pending, 0);
        check("446", "f-f", Filled, 10);
        check("n4pw", "mfmm", Working, 4);
        check("n4p6", "mfmf", Filled, 10);
        assert!(check("n4C", "mfm", Canceled, 4).is_over());
        check("ne", "mm", Expired, 0);
        check("nr", "mm", Rejected, 0);
        check("r4", "m!", Rejected, 0);
        check("rn", "m!", Rejected, 0);
        check("n4r", "mf!", Working, 4);
        check("n4R", "mfm", Replaced, 4);
        check("n46c", "mff!", Filled, 10);
        check("npc4", "mmm!", Canceled, 0);
        check("n4x", "mf!", Working, 4);
        check("npp", "mm-", PendingCancel, 0);
    }

    /// Acknowledgement, an execution of 4 and the end of a cancel that crossed it, as they may
    /// arrive: the books say the same at the end of every sequence.
    #[test]
    fn every_sequence_of_acknowledgement_fill_and_cancel_ends_the_same() {
        for comes in ["n4C", "nC4", "4nC", "4Cn", "Cn4", "C4n"] {
            let mut life = Life::new(Quantity(10));
            for one in comes.chars() {
                let (happened, filled) = meaning(one);
                let applied = life.apply(happened, Quantity(filled));
                assert!(!matches!(applied, Applied::Illegal { .. }), "{comes}");
            }
            assert_eq!(life.status(), VenueStatus::Canceled, "{comes}");
            assert_eq!(life.filled(), Quantity(4), "{comes}");
            assert!(life.is_over(), "{comes}");
        }
        let waits = check("nC", "mm", VenueStatus::Canceled, 0);
        assert!(!waits.is_over(), "an execution is on its way");
    }

    /// Whatever comes: executions are counted once, the end is the end, and what is illegal or
    /// missed changes nothing. All sequences of six.
    #[test]
    fn no_sequence_counts_an_execution_twice_or_wakes_an_order() {
        const LETTERS: &str = "an46cCpweR";
        let letters: Vec<char> = LETTERS.chars().collect();
        let all = letters.len().pow(6);
        for number in 0..all {
            let mut life = Life::new(Quantity(10));
            let mut rest = number;
            let mut counted = 0;
            for _ in 0..6 {
                let (happened, filled) = meaning(letters[rest % letters.len()]);
                rest /= letters.len();
                let before = life;
                match life.apply(happened, Quantity(filled)) {
                    Applied::Filled(fill, _) => {
                        counted += fill.quantity.0;
                        let late = before.status.is_final();
                        assert!(!late || life.status == before.status);
                        assert!(life.filled <= life.filled_max);
                    }
                    Applied::Moved(to) => {
                        assert!(!before.status.is_final() && to == life.status);
                    }
                    Applied::Known | Applied::Missed { .. } | Applied::Illegal { .. } => {
                        assert_eq!(life, before);
                    }
                }
                assert_eq!(life.filled.0, counted);
            }
        }
    }

    #[test]
    fn a_look_at_the_order_finds_what_was_missed() {
        let order = |status, filled| VenueOrder {
            venue_id: String::new(),
            name: String::new(),
            instrument: None,
            terms: None,
            filled: Quantity(filled),
            status,
        };
        let mut life = Life::new(Quantity(10));
        let missed = Applied::Missed {
            known: Quantity(0),
            told: Quantity(10),
        };
        assert_eq!(life.look(&order(VenueStatus::Filled, 10)), missed);
        for (quantity, filled) in [(4, 4), (6, 10)] {
            let applied = life.apply(fill(quantity, filled), Quantity(filled));
            assert_eq!(letter(applied), 'f');
        }
        assert_eq!(life.look(&order(VenueStatus::Filled, 10)), Applied::Known);
        assert_eq!(letter(life.look(&order(VenueStatus::Canceled, 4))), '!');
        let mut life = Life::new(Quantity(10));
        assert_eq!(letter(life.look(&order(VenueStatus::Working, 0))), 'm');
        assert_eq!(letter(life.look(&order(VenueStatus::Working, 0))), '-');
        assert_eq!(letter(life.look(&order(VenueStatus::Expired, 0))), 'm');
        assert_eq!(letter(life.look(&order(VenueStatus::Working, 0))), '-');
    }
}
