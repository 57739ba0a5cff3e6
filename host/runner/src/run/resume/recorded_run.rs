//! Where a run stopped, read from the signed part of its journal: the journal's head, the counts, and the bars of a
//! feed. It must never know what a component decides in the replay.

use counterfoil_os::file_path::FilePath;
use std::collections::VecDeque;

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::record::{
    DecisionStarts, DeliveriesRecord, Opening, OpeningReader, PlanNote, RunRecord, RunStop,
    digested_part,
};
use counterfoil_trading::slice::{Slice, SliceError};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::recorded_broker::RecordedBroker;

use super::ResumeError;
use crate::orders::gateway::PriorDecisions;
use crate::orders::gateway::broker::RecordedDeliveries;
use crate::run::feed::DecidedBars;
use crate::run::journal::{JournalHead, JournalReader, ReadJournalError};

/// The state of a run at its last checkpoint.
#[derive(Debug, Default)]
pub(super) struct RecordedRun {
    pub(super) open: Option<Opening>,
    /// The opening, until its last part is read.
    opening: Option<OpeningReader>,
    pub(super) head: JournalHead,
    /// Records within the decision digest.
    pub(super) records: u64,
    pub(super) bars: u64,
    starts: DecisionStarts,
    pub(super) is_closed: bool,
    /// Whether the last record comes before the bars of its slice, none of which is decided.
    pub(super) is_ahead: bool,
    is_faulted: bool,
    /// The token of every plan that a decision of a live run authorized, with the decision's time.
    pub(super) plans: PriorDecisions,
    decided: UnixNanos,
    /// The times of a feed's decisions, in order.
    pub(super) times: VecDeque<Option<(UnixNanos, UnixNanos)>>,
    /// The recorded stop, if any.
    pub(super) stop: Option<RunStop>,
    /// The bars of a feed, by slice.
    slices: Vec<Slice>,
    /// The records before the bars of the next slice.
    next: Option<UndecidedSlice>,
    /// Broker reports, and until when they are recorded.
    broker_reports: RecordedDeliveries,
}

/// A slice without a decided bar.
#[derive(Debug)]
struct UndecidedSlice {
    close: UnixNanos,
    actions: Vec<CorporateAction>,
}

impl RecordedRun {
    /// Reads the first `entries` entries of the journal at `path`, which the verifier accepted.
    pub(super) fn read(path: &FilePath, entries: u64) -> Result<Self, ResumeError> {
        let mut known = Self::default();
        let mut reader = JournalReader::open(path)?;
        // Not one entry further: what follows is unsigned, and a position taken from it could be an attacker's.
        while reader.index() < entries {
            let Some(entry) = reader.next_entry()? else {
                break;
            };
            let (leaf, body) = known
                .head
                .chain
                .check(entry)
                .map_err(ReadJournalError::from)?;
            // The next checkpoint signs this tree. It is rebuilt from the checked entries and not taken from the last
            // note, so this process never signs a root whose leaves it has not seen.
            known.head.tree.push(leaf);
            if let Some(part) = digested_part(body).map_err(ReadJournalError::from)? {
                known.head.digest.add(part);
                known.records = known.records.saturating_add(1);
            }
            known.add(body)?;
        }
        Ok(known)
    }

    fn add(&mut self, body: &[u8]) -> Result<(), ResumeError> {
        let decisions = self.head.decisions.saturating_add(1);
        match RunRecord::decode(body).map_err(ReadJournalError::from)? {
            RunRecord::Open(open) => self.opening = Some(OpeningReader::new(*open)),
            RunRecord::Manifest(_) | RunRecord::Commitments(_) => {
                // From the bytes: the reader checks the sizes and digests of the parts.
                if let Some(mut opening) = self.opening.take() {
                    opening.add(body).map_err(ReadJournalError::from)?;
                    if opening.is_whole() {
                        self.open = opening.finish();
                    } else {
                        self.opening = Some(opening);
                    }
                }
            }
            RunRecord::Close(_) => self.is_closed = true,
            // What follows from an input is derived again.
            RunRecord::Refused(_) | RunRecord::Positions(_) | RunRecord::Inputs(_) => {}
            RunRecord::WindDown(record) => {
                self.note(&record.plans);
                self.head.decisions = decisions;
            }
            RunRecord::Deliveries(deliveries) => {
                self.is_ahead = true;
                self.broker_reports.settled = Some(deliveries.time);
                let reports = deliveries
                    .deliveries
                    .iter()
                    .filter(|delivery| RecordedBroker::is_from_broker(delivery));
                let slice = self
                    .broker_reports
                    .slices
                    .entry(deliveries.time)
                    .or_default();
                slice.extend(reports.cloned());
                self.add_actions(deliveries);
            }
            RunRecord::MarginCall(call) => {
                self.note(&call.plans);
                self.head.decisions = decisions;
                self.is_ahead = true;
                self.broker_reports.settled = Some(call.time);
                self.next_slice(call.time);
            }
            RunRecord::Stop(record) => {
                self.head.decisions = decisions;
                self.is_ahead = false;
                // A stop ends the slice that it interrupts, whether or not all of its bars are decided.
                self.is_faulted = true;
                self.stop = Some(record.stop);
            }
            RunRecord::Fault(_) => {
                self.head.decisions = decisions;
                self.is_ahead = false;
                self.is_faulted = true;
            }
            RunRecord::Decision(decision) => {
                self.head.decisions = decisions;
                let begins = self.starts.begins(decision.decided_bar());
                self.bars = self.bars.saturating_add(u64::from(begins));
                self.broker_reports.settled = Some(decision.bar.get().close_time);
                // Only plans of signed decisions count. A plan in the cut tail is decided again, and the gateway
                // would take an order without a decision for one that it never approved.
                if let Some((_, decided)) = decision.circumstances.times {
                    self.decided = decided;
                    self.note(&decision.circumstances.plans);
                }
                self.is_ahead = false;
                // A snapshot gives its bars again; only a feed's are kept in memory.
                if self.is_feed() && begins {
                    self.times.push_back(decision.circumstances.times);
                    self.add_bar(&decision.bar)?;
                }
            }
        }
        Ok(())
    }

    fn is_feed(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| open.commitments.is_none())
    }

    /// The actions of the undecided slice with this close time.
    fn next_slice(&mut self, close: UnixNanos) -> &mut Vec<CorporateAction> {
        if self.next.as_ref().is_none_or(|next| next.close != close) {
            self.next = None;
        }
        let new = || UndecidedSlice {
            close,
            actions: Vec::new(),
        };
        &mut self.next.get_or_insert_with(new).actions
    }

    fn add_actions(&mut self, deliveries: DeliveriesRecord) {
        let is_feed = self.is_feed();
        let actions = self.next_slice(deliveries.time);
        for delivery in deliveries.deliveries {
            if let Delivery::Action(applied) = delivery
                && is_feed
            {
                actions.push(applied.action);
            }
        }
    }

    /// Notes plans with the time of the last decision.
    fn note(&mut self, plans: &[PlanNote]) {
        let decided = self.decided;
        self.plans
            .extend(plans.iter().map(|plan| (plan.token, decided)));
    }

    fn add_bar(&mut self, bar: &ClosedBar) -> Result<(), SliceError> {
        let time = bar.get().close_time;
        match self.slices.last_mut() {
            Some(last) if last.close_time() == Some(time) => last.add(*bar)?,
            _ => {
                let mut slice = Slice::default();
                let next = self.next.take().filter(|next| next.close == time);
                for action in next.into_iter().flat_map(|next| next.actions) {
                    slice.add_action(action)?;
                }
                slice.add(*bar)?;
                self.slices.push(slice);
            }
        }
        Ok(())
    }

    /// When the last decision of a live run was made; 0 without one.
    pub(super) const fn decided(&self) -> UnixNanos {
        self.decided
    }

    pub(super) fn take_broker_reports(&mut self) -> RecordedDeliveries {
        core::mem::take(&mut self.broker_reports)
    }

    /// The close time of the last slice of a feed with a decided bar.
    pub(super) fn last_close(&self) -> Option<UnixNanos> {
        self.slices.last().and_then(Slice::close_time)
    }

    /// The whole slices, and what a feed needs to continue after them. The last slice is whole if it has a bar of
    /// each of `instruments`, if it ended in a fault, or if records of the next slice follow. Otherwise a crash may
    /// have fallen between two of its bars, and the feed decides.
    ///
    /// # Errors
    ///
    /// Returns [`SliceError`] if a recorded action does not fit its slice.
    pub(super) fn take_slices(
        &mut self,
        instruments: usize,
    ) -> Result<(Vec<Slice>, DecidedBars), SliceError> {
        let mut slices = core::mem::take(&mut self.slices);
        let mut decided = DecidedBars {
            settled: slices.last().and_then(Slice::close_time),
            ..DecidedBars::default()
        };
        for bar in slices.iter().flat_map(Slice::bars) {
            let (time, id) = (bar.get().close_time, bar.get().instrument);
            decided.bars.insert((time, id), *bar);
        }
        // Taking a partial slice for whole would drop the bars that the feed sends for it a second time; taking a
        // whole one for partial would wait for bars that never come.
        let may_be_open = !self.is_faulted && !self.is_ahead;
        let open = slices.pop_if(|last| may_be_open && last.bars().len() < instruments);
        decided.open = open.unwrap_or_default();
        decided.ended = slices.last().and_then(Slice::close_time);
        if let Some(next) = self.next.take().filter(|_| self.is_ahead) {
            decided.settled = Some(next.close);
            for action in next.actions {
                decided.open.add_action(action)?;
            }
        }
        let actions = slices
            .iter()
            .chain([&decided.open])
            .flat_map(Slice::actions);
        decided.session_ends = actions
            .filter(|action| action.kind == CorporateActionKind::SessionEnd)
            .map(|action| (action.ex_time, action.instrument))
            .collect();
        Ok((slices, decided))
    }
}
