//! Whether the times in a journal can be those of a clock that was right: each by itself, in their sequence, and against the
//! order log and the ledger. It must never read a clock.

mod ledger;

use std::sync::Arc;

use counterfoil_trading::record::{DecisionRecord, PlanNote, RunRecord};
use counterfoil_trading::time::UnixNanos;

use crate::opened::OpenedJournal;
use crate::orders::OrderLogFacts;
pub(crate) use ledger::LedgerTimes;

/// By how much a clock may be off where the manifest sets no bound: two seconds, far more than a machine that keeps its time
/// by a network is.
pub const CLOCK_OFFSET_DEFAULT_NANOS: i64 = 2_000_000_000;

/// Nanoseconds in a millisecond.
pub(crate) const NANOS_PER_MS: i64 = 1_000_000;

/// The most sentences that are kept. One wrong clock makes every time wrong.
const SENTENCES_MAX: usize = 8;

/// What the times of a journal were found to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TimesVerdict {
    /// They were not looked at, or the chain does not hold.
    NotAsked,
    /// A backtest has none.
    Backtest,
    /// As a clock within its bound gives them.
    InOrder {
        /// By how much the clock may have been off, in nanoseconds.
        bound_nanos: i64,
        /// Whether the order log's times were compared as well.
        with_orders: bool,
        /// Whether the ledger's times were compared as well.
        with_ledger: bool,
    },
    /// Some cannot be right.
    Wrong {
        /// The first, one sentence each.
        why: Vec<String>,
        /// How many more there are.
        more: u64,
    },
}

/// The times so far.
#[derive(Debug)]
pub(crate) struct TimesCheck {
    is_live: bool,
    bound_nanos: i64,
    received: Option<UnixNanos>,
    decided: Option<UnixNanos>,
    orders: Option<Arc<OrderLogFacts>>,
    ledger: Option<LedgerTimes>,
    /// Processes of the order log that began at or before the record in hand.
    begun: usize,
    why: Vec<String>,
    more: u64,
}

impl TimesCheck {
    pub(crate) fn new(
        opened: &OpenedJournal,
        orders: Option<Arc<OrderLogFacts>>,
        ledger: Option<LedgerTimes>,
    ) -> Self {
        let set = opened.setup.risk.live.clock_offset_max;
        Self {
            is_live: opened.manifest.is_live(),
            bound_nanos: set.unwrap_or(CLOCK_OFFSET_DEFAULT_NANOS),
            received: None,
            decided: None,
            orders,
            ledger,
            begun: 0,
            why: Vec::new(),
            more: 0,
        }
    }

    /// Takes the next record.
    pub(crate) fn add(&mut self, index: u64, record: &RunRecord) {
        match record {
            RunRecord::Decision(decision) => {
                self.decision(index, decision);
                self.plans(index, &decision.circumstances.plans);
            }
            RunRecord::MarginCall(call) => self.plans(index, &call.plans),
            RunRecord::WindDown(part) => self.plans(index, &part.plans),
            RunRecord::Open(_)
            | RunRecord::Manifest(_)
            | RunRecord::Commitments(_)
            | RunRecord::Positions(_)
            | RunRecord::Deliveries(_)
            | RunRecord::Inputs(_)
            | RunRecord::Fault(_)
            | RunRecord::Stop(_)
            | RunRecord::Close(_)
            | RunRecord::Refused(_) => {}
        }
    }

    fn decision(&mut self, index: u64, decision: &DecisionRecord) {
        let (received, decided) = match (decision.circumstances.times, self.is_live) {
            (Some(times), true) => times,
            (None, false) => return,
            (Some(_), false) => {
                return self.note(format!("record {index}: a backtest has no times"));
            }
            // A host that leaves them out would escape every check below.
            (None, true) => {
                return self.note(format!("record {index}: a live decision without its times"));
            }
        };
        let close = decision.bar.get().close_time;
        // A bar cannot be known before it is over, but for the error of the clock.
        if received.0 < close.0.saturating_sub(self.bound_nanos) {
            self.note(format!(
                "record {index}: received at {}, before its bar closed at {}",
                received.rfc3339(),
                close.rfc3339()
            ));
        }
        if received.0 < 0 {
            let at = received.rfc3339();
            self.note(format!("record {index}: received at {at}, before 1970"));
        }
        if decided < received {
            self.note(format!(
                "record {index}: decided at {}, before it was received at {}",
                decided.rfc3339(),
                received.rfc3339()
            ));
        }
        // The host records the later of its clock and the last time, so an earlier one was not written by it.
        for (what, now, before) in [
            ("received", received, self.received),
            ("decided", decided, self.decided),
        ] {
            if let Some(before) = before.filter(|before| now < *before) {
                self.note(format!(
                    "record {index}: {what} at {}, before the record in front of it at {}",
                    now.rfc3339(),
                    before.rfc3339()
                ));
            }
        }
        self.received = Some(received);
        self.decided = Some(decided);
        self.process(index, decided);
        let bound = self.bound_nanos;
        let ledger = self.ledger.as_mut();
        if let Some(why) = ledger.and_then(|times| times.contradiction(index, decided, bound)) {
            self.note(why);
        }
    }

    /// Compares a decision's time with the processes that the order log names.
    fn process(&mut self, index: u64, decided: UnixNanos) {
        let Some(orders) = &self.orders else { return };
        let processes = &orders.processes;
        // Both grow: each decision is compared with the process that made it and with the next.
        while processes
            .get(self.begun)
            .is_some_and(|next| next.first_record <= index)
        {
            self.begun = self.begun.saturating_add(1);
        }
        let own = self.begun.checked_sub(1).and_then(|own| processes.get(own));
        let next = processes.get(self.begun);
        let early = own.filter(|own| decided < own.time);
        let late = next.filter(|next| decided > next.time);
        if let Some(process) = early.or(late) {
            let (decided, began) = (decided.rfc3339(), process.time.rfc3339());
            self.note(format!(
                "record {index}: decided at {decided}, which does not fit the order log: a process began at {began}"
            ));
        }
    }

    /// Compares when orders were decided with when the order log has them sent.
    fn plans(&mut self, index: u64, plans: &[PlanNote]) {
        for note in plans {
            let spent = self.orders.as_ref();
            let spent = spent.and_then(|orders| orders.spent.get(&note.token));
            let (Some(spent), Some(decided)) = (spent, self.decided) else {
                continue;
            };
            // An order that left before its decision was made was not made by it.
            if spent.time < decided {
                let (at, decided) = (spent.time.rfc3339(), decided.rfc3339());
                self.note(format!(
                    "record {index}: the order log spends token {} at {at}, before the decision at {decided}",
                    note.token
                ));
            }
        }
    }

    fn note(&mut self, why: String) {
        if self.why.len() < SENTENCES_MAX {
            self.why.push(why);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// The verdict on all of them.
    pub(crate) fn verdict(self) -> TimesVerdict {
        if !self.why.is_empty() {
            let Self { why, more, .. } = self;
            return TimesVerdict::Wrong { why, more };
        }
        if !self.is_live {
            return TimesVerdict::Backtest;
        }
        TimesVerdict::InOrder {
            bound_nanos: self.bound_nanos,
            with_orders: self.orders.is_some(),
            with_ledger: self.ledger.is_some(),
        }
    }
}
