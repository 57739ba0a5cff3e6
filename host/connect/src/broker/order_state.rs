//! What may happen to one order, and what may not. It must never guess: an event that cannot follow
//! is reported, and changes nothing.

use counterfoil_trading::units::Quantity;

use crate::broker::order::{VenueFill, VenueOrder, VenueStatus};

/// What a venue reports about an order.
///
/// The debug form is part of recorded stop messages: names of variants never change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BrokerEvent {
    /// The venue has received it.
    Pending,
    /// It can fill.
    New,
    /// A part of it, or its rest, was executed.
    Fill(VenueFill),
    /// A cancel is in flight.
    PendingCancel,
    /// A replacement is in flight.
    PendingReplace,
    /// A cancel or replacement was rejected: it can still fill.
    WorksOn,
    Canceled,
    Expired,
    Rejected,
    Replaced,
    /// An execution was canceled or corrected after the fact.
    Amended,
}

/// What an event changes about an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventEffect {
    /// The status changed to this.
    Moved(VenueStatus),
    /// Executed; the status is now this.
    Filled(VenueFill, VenueStatus),
    /// Nothing new.
    Known,
    /// Executions are missing between the two quantities: fetch them, apply them, then apply this
    /// event again. Nothing has changed.
    Missed {
        /// Filled by the executions applied so far.
        known: Quantity,
        /// Filled before this event, as the venue states it.
        reported: Quantity,
    },
    /// It cannot follow: nothing has changed, and the run must reconcile.
    Illegal {
        /// The status of the order.
        from: VenueStatus,
    },
}

/// One order from its release to its final status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BrokerOrderState {
    quantity: Quantity,
    status: VenueStatus,
    /// Executed, as far as executions were reported.
    filled: Quantity,
    /// Executed at the end, as the end was reported; until then the order's quantity.
    filled_max: Quantity,
}

impl BrokerOrderState {
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

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> VenueStatus {
        self.status
    }

    /// Cumulative executed quantity.
    #[must_use]
    pub const fn filled(&self) -> Quantity {
        self.filled
    }

    /// Whether no further event can follow: the status is final, and every execution was reported.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.status.is_final() && self.filled == self.filled_max
    }

    /// Applies an event. `filled` is the cumulative filled quantity that the venue states with it.
    pub fn apply(&mut self, happened: BrokerEvent, filled: Quantity) -> EventEffect {
        let from = self.status;
        match happened {
            BrokerEvent::Fill(fill) => self.apply_fill(fill),
            // The run has booked that execution and decided on it: no later record can take that
            // back.
            BrokerEvent::Amended => EventEffect::Illegal { from },
            _ if from == VenueStatus::Rejected && happened != BrokerEvent::Rejected => {
                // It never worked, so no other event can have happened to it.
                if happened == BrokerEvent::Pending {
                    EventEffect::Known
                } else {
                    EventEffect::Illegal { from }
                }
            }
            BrokerEvent::Pending => EventEffect::Known,
            BrokerEvent::New => self.move_to(VenueStatus::Working, from == VenueStatus::Pending),
            BrokerEvent::WorksOn => {
                let was_pending = matches!(
                    from,
                    VenueStatus::PendingCancel | VenueStatus::PendingReplace
                );
                self.move_to(VenueStatus::Working, was_pending)
            }
            BrokerEvent::PendingCancel => self.move_to(
                VenueStatus::PendingCancel,
                !from.is_final() && from != VenueStatus::PendingCancel,
            ),
            BrokerEvent::PendingReplace => self.move_to(
                VenueStatus::PendingReplace,
                !from.is_final() && from != VenueStatus::PendingReplace,
            ),
            BrokerEvent::Canceled => self.end_as(VenueStatus::Canceled, filled),
            BrokerEvent::Expired => self.end_as(VenueStatus::Expired, filled),
            BrokerEvent::Replaced => self.end_as(VenueStatus::Replaced, filled),
            BrokerEvent::Rejected => self.end_as(VenueStatus::Rejected, filled),
        }
    }

    /// Applies the order as the venue states it now, in place of events that may be lost.
    pub fn apply_order(&mut self, order: &VenueOrder) -> EventEffect {
        // Before the status: to apply an end with executions still missing would end the order
        // short, and its last fills would then be illegal.
        if order.filled > self.filled {
            return EventEffect::Missed {
                known: self.filled,
                reported: order.filled,
            };
        }
        let happened = match order.status {
            VenueStatus::Pending => BrokerEvent::Pending,
            VenueStatus::Working => {
                let works = self.apply(BrokerEvent::New, order.filled);
                if works != EventEffect::Known {
                    return works;
                }
                BrokerEvent::WorksOn
            }
            VenueStatus::PendingCancel => BrokerEvent::PendingCancel,
            VenueStatus::PendingReplace => BrokerEvent::PendingReplace,
            // The status follows from the executions, which are complete here.
            VenueStatus::Filled if self.status == VenueStatus::Filled => return EventEffect::Known,
            VenueStatus::Filled => return EventEffect::Illegal { from: self.status },
            VenueStatus::Canceled => BrokerEvent::Canceled,
            VenueStatus::Expired => BrokerEvent::Expired,
            VenueStatus::Rejected => BrokerEvent::Rejected,
            VenueStatus::Replaced => BrokerEvent::Replaced,
        };
        self.apply(happened, order.filled)
    }

    fn move_to(&mut self, to: VenueStatus, is_next: bool) -> EventEffect {
        if !is_next {
            // Late: an acknowledgement after the execution that it made possible.
            return EventEffect::Known;
        }
        self.status = to;
        EventEffect::Moved(to)
    }

    /// The order ends with this filled quantity. Executions from before the end may still be in
    /// flight.
    fn end_as(&mut self, to: VenueStatus, filled: Quantity) -> EventEffect {
        let from = self.status;
        if from == to {
            return EventEffect::Known;
        }
        // An order ends once. A second, different end, or one with less filled than was executed,
        // comes from a venue that is wrong or hostile: to accept it would drop or invent a
        // position.
        let is_possible = !from.is_final()
            && filled >= self.filled
            && filled < self.quantity
            && (to != VenueStatus::Rejected || filled == Quantity(0));
        if !is_possible {
            return EventEffect::Illegal { from };
        }
        self.status = to;
        // Executions from before the end are still accepted, up to this quantity and no further.
        self.filled_max = filled;
        EventEffect::Moved(to)
    }

    fn apply_fill(&mut self, fill: VenueFill) -> EventEffect {
        let from = self.status;
        let illegal = EventEffect::Illegal { from };
        let Some(before) = fill.filled.0.checked_sub(fill.quantity.0) else {
            return illegal;
        };
        if fill.quantity.0 <= 0 || before < 0 || fill.filled > self.filled_max {
            return illegal;
        }
        // A duplicate: the stream repeats executions after a reconnection, and a poll finds them
        // again. The cumulative quantity identifies each.
        if fill.filled <= self.filled {
            return EventEffect::Known;
        }
        if before < self.filled.0 {
            // It overlaps an execution that was applied: one of the two is wrong.
            return illegal;
        }
        if before > self.filled.0 {
            return EventEffect::Missed {
                known: self.filled,
                reported: Quantity(before),
            };
        }
        self.filled = fill.filled;
        if fill.filled == self.quantity {
            self.status = VenueStatus::Filled;
        } else if from == VenueStatus::Pending {
            // An execution implies that the order works, whether or not that was reported.
            self.status = VenueStatus::Working;
        }
        EventEffect::Filled(fill, self.status)
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::time::UnixNanos;
    use counterfoil_trading::units::Price;

    use super::*;

    fn fill(quantity: i64, filled: i64) -> BrokerEvent {
        BrokerEvent::Fill(VenueFill {
            price: Price(100),
            quantity: Quantity(quantity),
            filled: Quantity(filled),
            time: UnixNanos(0),
        })
    }

    /// The meaning of a letter, with the quantity filled by then.
    fn meaning(letter: char) -> (BrokerEvent, i64) {
        match letter {
            'a' => (BrokerEvent::Pending, 0),
            'n' => (BrokerEvent::New, 0),
            '4' => (fill(4, 4), 4),
            '6' => (fill(6, 10), 10),
            'c' => (BrokerEvent::Canceled, 0),
            'C' => (BrokerEvent::Canceled, 4),
            'p' => (BrokerEvent::PendingCancel, 0),
            'w' => (BrokerEvent::WorksOn, 0),
            'e' => (BrokerEvent::Expired, 0),
            'r' => (BrokerEvent::Rejected, 0),
            'R' => (BrokerEvent::Replaced, 4),
            'x' => (BrokerEvent::Amended, 4),
            other => panic!("{other}"),
        }
    }

    fn letter(applied: EventEffect) -> char {
        match applied {
            EventEffect::Moved(_) => 'm',
            EventEffect::Filled(..) => 'f',
            EventEffect::Known => '-',
            EventEffect::Missed { .. } => '?',
            EventEffect::Illegal { .. } => '!',
        }
    }

    /// An order of 10: what arrives, what it means, and the order's state then.
    #[track_caller]
    fn check(comes: &str, means: &str, status: VenueStatus, filled: i64) -> BrokerOrderState {
        let mut state = BrokerOrderState::new(Quantity(10));
        let got: String = comes
            .chars()
            .map(|code| {
                let (happened, filled) = meaning(code);
                letter(state.apply(happened, Quantity(filled)))
            })
            .collect();
        assert_eq!(got, means, "{comes}");
        assert_eq!(
            (state.status(), state.filled().0),
            (status, filled),
            "{comes}"
        );
        state
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
            let mut state = BrokerOrderState::new(Quantity(10));
            for code in comes.chars() {
                let (happened, filled) = meaning(code);
                let applied = state.apply(happened, Quantity(filled));
                assert!(!matches!(applied, EventEffect::Illegal { .. }), "{comes}");
            }
            assert_eq!(state.status(), VenueStatus::Canceled, "{comes}");
            assert_eq!(state.filled(), Quantity(4), "{comes}");
            assert!(state.is_over(), "{comes}");
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
            let mut state = BrokerOrderState::new(Quantity(10));
            let mut rest = number;
            let mut counted = 0;
            for _ in 0..6 {
                let (happened, filled) = meaning(letters[rest % letters.len()]);
                rest /= letters.len();
                let before = state;
                match state.apply(happened, Quantity(filled)) {
                    EventEffect::Filled(fill, _) => {
                        counted += fill.quantity.0;
                        let late = before.status.is_final();
                        assert!(!late || state.status == before.status);
                        assert!(state.filled <= state.filled_max);
                    }
                    EventEffect::Moved(to) => {
                        assert!(!before.status.is_final() && to == state.status);
                    }
                    EventEffect::Known
                    | EventEffect::Missed { .. }
                    | EventEffect::Illegal { .. } => {
                        assert_eq!(state, before);
                    }
                }
                assert_eq!(state.filled.0, counted);
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
        let mut state = BrokerOrderState::new(Quantity(10));
        let missed = EventEffect::Missed {
            known: Quantity(0),
            reported: Quantity(10),
        };
        assert_eq!(state.apply_order(&order(VenueStatus::Filled, 10)), missed);
        for (quantity, filled) in [(4, 4), (6, 10)] {
            let applied = state.apply(fill(quantity, filled), Quantity(filled));
            assert_eq!(letter(applied), 'f');
        }
        assert_eq!(
            state.apply_order(&order(VenueStatus::Filled, 10)),
            EventEffect::Known
        );
        assert_eq!(
            letter(state.apply_order(&order(VenueStatus::Canceled, 4))),
            '!'
        );
        let mut state = BrokerOrderState::new(Quantity(10));
        assert_eq!(
            letter(state.apply_order(&order(VenueStatus::Working, 0))),
            'm'
        );
        assert_eq!(
            letter(state.apply_order(&order(VenueStatus::Working, 0))),
            '-'
        );
        assert_eq!(
            letter(state.apply_order(&order(VenueStatus::Expired, 0))),
            'm'
        );
        assert_eq!(
            letter(state.apply_order(&order(VenueStatus::Working, 0))),
            '-'
        );
    }
}
