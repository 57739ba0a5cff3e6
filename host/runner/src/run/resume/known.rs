//! What the signed part of a journal says about where its run stood: the end of chain and tree,
//! the counts, and for a feed the bars. It must never know what a component decides again.

use std::collections::VecDeque;
use std::path::Path;

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::record::{
    DeliveriesRecord, OpenRecord, PlanNote, RunRecord, RunStop, digested_part,
};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::recorded_broker::RecordedBroker;

use crate::error::RunnerError;
use crate::orders::gateway::DecidedBefore;
use crate::orders::gateway::broker::Recorded;
use crate::run::feed::{Decided, FeedError};
use crate::run::journal::{JournalReader, ReadJournalError, Sealed};

/// What the signed part says.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) open: Option<OpenRecord>,
    pub(super) sealed: Sealed,
    /// Records that count for the decision digest.
    pub(super) records: u64,
    /// Bars decided.
    pub(super) bars: u64,
    pub(super) is_closed: bool,
    /// Whether the last record stands before the bars of its slice, none of which is decided.
    pub(super) is_ahead: bool,
    is_faulted: bool,
    /// The number of every plan that a decision of a live run authorized, with the decision's time.
    pub(super) plans: DecidedBefore,
    decided: UnixNanos,
    /// The times of a feed's decisions, in their sequence.
    pub(super) times: VecDeque<Option<(UnixNanos, UnixNanos)>>,
    /// The stop that ended the run.
    pub(super) stop: Option<RunStop>,
    /// The bars of a feed, by slice.
    slices: Vec<Slice>,
    /// What stands before the bars of the slice after them.
    next: Option<NextSlice>,
    /// What a broker said, and until when.
    told: Recorded,
}

/// A slice of which no bar is decided.
#[derive(Debug)]
struct NextSlice {
    close: UnixNanos,
    actions: Vec<CorporateAction>,
}

impl Known {
    /// Reads the first `entries` entries of the journal at `path`, which the verifier found good.
    pub(super) fn read(path: &Path, entries: u64) -> Result<Self, RunnerError> {
        let mut known = Self::default();
        let mut reader = JournalReader::open(path)?;
        while reader.index() < entries {
            let Some(entry) = reader.next_entry()? else {
                break;
            };
            let (leaf, body) = known
                .sealed
                .chain
                .check(entry)
                .map_err(ReadJournalError::from)?;
            known.sealed.tree.push(leaf);
            if let Some(part) = digested_part(body).map_err(ReadJournalError::from)? {
                known.sealed.digest.add(part);
                known.records = known.records.saturating_add(1);
            }
            known.add(RunRecord::decode(body).map_err(ReadJournalError::from)?)?;
        }
        Ok(known)
    }

    fn add(&mut self, record: RunRecord) -> Result<(), RunnerError> {
        let decisions = self.sealed.decisions.saturating_add(1);
        match record {
            RunRecord::Open(open) => self.open = Some(open),
            RunRecord::Close(_) => self.is_closed = true,
            RunRecord::Refused(_) => {}
            RunRecord::Deliveries(one) => {
                self.is_ahead = true;
                self.told.settled = Some(one.time);
                let said = one
                    .deliveries
                    .iter()
                    .filter(|one| RecordedBroker::is_from_broker(one));
                let slice = self.told.slices.entry(one.time).or_default();
                slice.extend(said.cloned());
                self.add_actions(one);
            }
            RunRecord::MarginCall(one) => {
                self.note(&one.plans);
                self.sealed.decisions = decisions;
                self.is_ahead = true;
                self.told.settled = Some(one.time);
                self.next_slice(one.time);
            }
            RunRecord::Stop(one) => {
                self.note(&one.plans);
                self.sealed.decisions = decisions;
                self.is_ahead = false;
                // Its last slice is over, whole or not.
                self.is_faulted = true;
                self.stop = Some(one.stop);
            }
            RunRecord::Fault(_) => {
                self.sealed.decisions = decisions;
                self.is_ahead = false;
                self.is_faulted = true;
            }
            RunRecord::Decision(one) => {
                self.sealed.decisions = decisions;
                self.bars = self.bars.saturating_add(1);
                self.told.settled = Some(one.bar.get().close_time);
                if let Some((_, decided)) = one.circumstances.times {
                    self.decided = decided;
                    self.note(&one.circumstances.plans);
                }
                self.is_ahead = false;
                if self.is_feed() {
                    self.times.push_back(one.circumstances.times);
                    self.add_bar(&one.bar).map_err(RunnerError::Feed)?;
                }
            }
        }
        Ok(())
    }

    fn is_feed(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| open.commitments.is_none())
    }

    /// The actions of the slice with this close, before its bars.
    fn next_slice(&mut self, close: UnixNanos) -> &mut Vec<CorporateAction> {
        if self.next.as_ref().is_none_or(|next| next.close != close) {
            self.next = None;
        }
        let new = || NextSlice {
            close,
            actions: Vec::new(),
        };
        &mut self.next.get_or_insert_with(new).actions
    }

    fn add_actions(&mut self, deliveries: DeliveriesRecord) {
        let is_feed = self.is_feed();
        let actions = self.next_slice(deliveries.time);
        for one in deliveries.deliveries {
            if let Delivery::Action(applied) = one
                && is_feed
            {
                actions.push(applied.action);
            }
        }
    }

    /// Notes plans, with the time of the decision at hand or of the one before it.
    fn note(&mut self, plans: &[PlanNote]) {
        let decided = self.decided;
        self.plans
            .extend(plans.iter().map(|plan| (plan.token, decided)));
    }

    fn add_bar(&mut self, bar: &ClosedBar) -> Result<(), FeedError> {
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

    /// What a broker said.
    pub(super) fn take_told(&mut self) -> Recorded {
        core::mem::take(&mut self.told)
    }

    /// The close time of the last slice of a feed that has a decided bar.
    pub(super) fn last_close(&self) -> Option<UnixNanos> {
        self.slices.last().and_then(Slice::close_time)
    }

    /// The slices that are whole, and what a feed must know to go on after them. The last slice is
    /// whole if it has a bar of each of `instruments`, if it ended in a fault, or if records of the
    /// next follow; else it may have been cut between two bars, and the feed says.
    ///
    /// # Errors
    ///
    /// Returns [`FeedError`] if a recorded action does not hold.
    pub(super) fn take_slices(
        &mut self,
        instruments: usize,
    ) -> Result<(Vec<Slice>, Decided), FeedError> {
        let mut slices = core::mem::take(&mut self.slices);
        let mut decided = Decided {
            settled: slices.last().and_then(Slice::close_time),
            ..Decided::default()
        };
        for bar in slices.iter().flat_map(Slice::bars) {
            let (time, id) = (bar.get().close_time, bar.get().instrument);
            decided.bars.insert((time, id), *bar);
        }
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
        let ends = actions.filter(|one| one.kind == CorporateActionKind::SessionEnd);
        let ends = ends.map(|one| (one.ex_time, one.instrument)).collect();
        decided.session_ends = ends;
        Ok((slices, decided))
    }
}
