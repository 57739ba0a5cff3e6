//! The second half of a step: decides on one bar, reviews, plans, authorizes and records the answer,
//! and only then releases its orders.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Run, RunClock, RunError, RunPorts};
use crate::bar::ClosedBar;
use crate::execution::OrderCode;
use crate::journal::{Journal, Receipt, RecordSeal};
use crate::limits::REQUESTS_PER_SLICE_MAX;
use crate::order::{ClientOrderId, Intent, Request};
use crate::record::{
    DecisionCircumstances, DecisionRecord, InputsRecord, PlanNote, REQUESTS_PER_RECORD_MAX,
    RiskVerdict, RunInput,
};
use crate::risk::{RiskRefusal, is_too_late};
use crate::slice::Slice;
use crate::strategy::{BarView, CallbackError, Fault, Strategy, StrategyFault};
use crate::venue::Venue;

impl Run {
    /// The bar as the strategy sees it. Counts the bar.
    pub(super) fn view_of<E>(
        &mut self,
        bar: &ClosedBar,
        place: usize,
        slice: &Slice,
    ) -> Result<BarView, RunError<E>> {
        let id = bar.get().instrument;
        let counter = self
            .indices
            .get_mut(id.index())
            .ok_or(RunError::UnknownInstrument { id })?;
        let index = *counter;
        // Counted when the bar is shown, whatever becomes of it: an index in the journal names one bar.
        *counter = index.saturating_add(1);
        let bars = slice.bars().len();
        Ok(BarView {
            bar: *bar,
            index,
            bars_in_slice: u32::try_from(bars).unwrap_or(u32::MAX),
            last_in_slice: place.saturating_add(1) == bars,
            warming_up: index < self.warm_up,
        })
    }

    /// Asks the strategy about one bar, records the decision and releases its orders.
    pub(super) fn decide<S, V, J, C>(
        &mut self,
        view: &BarView,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<Option<StrategyFault>, RunError<J::Error>>
    where
        S: Strategy,
        V: Venue,
        J: Journal,
        C: RunClock,
    {
        let mut requests = core::mem::take(&mut self.buffers.requests);
        requests.clear();
        let answer = ports
            .strategy
            .on_bar(view, &self.account_view(), &mut requests);
        let fault = match answer {
            Ok(()) => self.count_requests(&requests),
            Err(CallbackError::Fault(fault)) => Some(fault),
            Err(CallbackError::Host(reason)) => return Err(RunError::Host(reason)),
        };
        // Read once for gate and record: a replay has only the recorded times, and must refuse for a
        // late bar exactly when this run did.
        let times = ports.clock.times();
        self.bar_age = times.map(|(_, decided)| {
            let close_time = view.bar.get().close_time;
            decided.0.saturating_sub(close_time.0)
        });
        self.record_deadline(view, ports.journal)?;
        // A guest that faulted after it pushed requests gets none of them: its answer is not complete.
        let reviewed = if fault.is_none() {
            self.review_all(&requests, view.warming_up)?
        } else {
            ReviewedRequests::default()
        };
        let answer = if fault.is_none() {
            Some(requests)
        } else {
            None
        };
        let circumstances = DecisionCircumstances {
            // After the call and also after a fault: the fuel of a dead guest is the evidence for why it
            // died.
            fuel: ports.strategy.take_fuel(),
            plans: reviewed.plans,
            times,
        };
        self.record_decision(view, answer, reviewed.verdicts, circumstances, ports)?;
        Ok(fault)
    }

    /// Counts the requests of the slice; a fault if there are more than any run may cause.
    fn count_requests(&mut self, requests: &[Request]) -> Option<StrategyFault> {
        // Each answer is bounded, and a slice has an answer for each instrument. What all of them ask for is recorded, and a
        // verifier holds a slice in memory.
        self.slice_requests = self.slice_requests.saturating_add(requests.len());
        (self.slice_requests > REQUESTS_PER_SLICE_MAX).then(|| StrategyFault {
            fault: Fault::AnswerTooLarge,
            message: format!(
                "more than {REQUESTS_PER_SLICE_MAX} requests on the bars of one close"
            ),
            trace: String::new(),
        })
    }

    /// Records that the decision on this bar came too late for new risk, if it did: the verdicts follow from it, and
    /// the times themselves are not in the digest.
    fn record_deadline<J: Journal>(
        &mut self,
        view: &BarView,
        journal: &mut J,
    ) -> Result<(), RunError<J::Error>> {
        let Some(age) = self
            .bar_age
            .filter(|age| is_too_late(*age, self.bar_age_max))
        else {
            return Ok(());
        };
        let bar = view.bar.get();
        let record = InputsRecord {
            time: bar.close_time,
            inputs: vec![RunInput::Deadline {
                instrument: bar.instrument,
                age,
            }],
        };
        self.buffers.digested.clear();
        record.encode_digested(&mut self.buffers.digested);
        self.buffers.body.clear();
        InputsRecord::encode(&self.buffers.digested, &mut self.buffers.body);
        let _receipt = self.append(journal, RecordSeal::Later)?;
        Ok(())
    }

    /// Records a bar about which the strategy was not asked, because it is dead.
    pub(super) fn record_undecided<S, V, J, C>(
        &mut self,
        view: &BarView,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<(), RunError<J::Error>>
    where
        S: Strategy,
        V: Venue,
        J: Journal,
        C: RunClock,
    {
        let circumstances = DecisionCircumstances {
            fuel: ports.strategy.take_fuel(),
            plans: Vec::new(),
            times: ports.clock.times(),
        };
        self.record_decision(view, None, Vec::new(), circumstances, ports)
    }

    /// Records the decision on a bar, and releases its orders once the journal has accepted it.
    fn record_decision<S, V, J, C>(
        &mut self,
        view: &BarView,
        requests: Option<Vec<Request>>,
        verdicts: Vec<RiskVerdict>,
        circumstances: DecisionCircumstances,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<(), RunError<J::Error>>
    where
        S: Strategy,
        V: Venue,
        J: Journal,
        C: RunClock,
    {
        let id = view.bar.get().instrument;
        let decision = DecisionRecord {
            bar: view.bar,
            index: view.index,
            requests,
            verdicts,
            cash: self.account.cash(),
            equity: self.account.equity(),
            position: self.account.position(id).quantity,
            circumstances,
        };
        self.totals.decisions = self.totals.decisions.saturating_add(1);
        if requests_of(&decision) <= REQUESTS_PER_RECORD_MAX {
            let receipt = self.append_decision(&decision, ports.journal)?;
            self.buffers.requests = decision.requests.unwrap_or_default();
            return self.release(&receipt, ports.venue);
        }
        // Nothing is released before the last part is in the journal: a crash between two of them leaves a decision
        // whose orders never left, and the run that resumes decides the bar again and appends the others.
        let mut last = None;
        for part in decision.into_parts() {
            last = Some(self.append_decision(&part, ports.journal)?);
        }
        match last {
            Some(receipt) => self.release(&receipt, ports.venue),
            None => Ok(()),
        }
    }

    /// Appends a decision, or a part of one.
    fn append_decision<J: Journal>(
        &mut self,
        decision: &DecisionRecord,
        journal: &mut J,
    ) -> Result<Receipt, RunError<J::Error>> {
        self.buffers.digested.clear();
        decision.encode_digested(&mut self.buffers.digested);
        self.buffers.body.clear();
        decision.encode(&self.buffers.digested, &mut self.buffers.body);
        // The receipt is what makes the release possible. A crash before it loses a decision whose orders
        // never left; a crash after it finds the decision in the journal and asks the order log.
        let is_silent = decision.requests.as_ref().is_some_and(Vec::is_empty);
        self.append_noting(journal, RecordSeal::AtCadence, is_silent)
    }

    /// Reviews each request in sequence; an approved one gets a plan, whose token is spent at once.
    fn review_all<E>(
        &mut self,
        requests: &[Request],
        warming_up: bool,
    ) -> Result<ReviewedRequests, RunError<E>> {
        let mut all = ReviewedRequests::default();
        let mut approved_orders = 0_u32;
        for (place, request) in requests.iter().enumerate() {
            let intent = request.intent;
            // The id is noted before the gate decides: an id that a refusal used up cannot come back with
            // another order, so every id in the journal means one order.
            let usable = check_id_range(&intent).and_then(|()| self.note_id(&intent));
            let reviewed = if place < self.requests_per_bar {
                usable
                    .map_err(RiskRefusal::from)
                    .and_then(|()| self.review(intent, warming_up, approved_orders))
            } else {
                // Refused whatever it is, a cancel too: what a bar can cause is bounded by the manifest, and
                // the strategy is told what was not done.
                let most = u64::try_from(self.requests_per_bar).unwrap_or(u64::MAX);
                let asked = u64::try_from(requests.len()).unwrap_or(u64::MAX);
                Err(RiskRefusal::limit(OrderCode::TooManyRequests, asked, most))
            };
            let approved = match reviewed {
                Ok(approved) => approved,
                Err(refusal) => {
                    all.verdicts.push(RiskVerdict::Refused(refusal));
                    self.note_refusal(&intent, refusal.code);
                    self.totals.refused = self.totals.refused.saturating_add(1);
                    continue;
                }
            };
            all.plans.push(self.authorize(&approved)?);
            all.verdicts.push(RiskVerdict::Approved);
            self.totals.approved = self.totals.approved.saturating_add(1);
            if let Some(order) = intent.order() {
                approved_orders = approved_orders.saturating_add(1);
                self.day.orders_approved = self.day.orders_approved.saturating_add(1);
                // Noted at once, so that the next request of the same answer counts this order too.
                self.note_working(order);
            }
        }
        Ok(all)
    }

    /// Marks a new order's id as used, whatever the gate decides.
    fn note_id(&mut self, intent: &Intent) -> Result<(), OrderCode> {
        intent
            .order()
            .map_or(Ok(()), |order| self.seen.insert(order.client_order_id))
    }
}

fn requests_of(decision: &DecisionRecord) -> usize {
    decision.requests.as_ref().map_or(0, Vec::len)
}

/// Verdicts on the requests of one bar, and the plans of those that were approved.
#[derive(Debug, Default)]
struct ReviewedRequests {
    verdicts: Vec<RiskVerdict>,
    plans: Vec<PlanNote>,
}

/// Refuses ids that the host keeps for its own orders: a strategy may neither use one nor cancel the
/// host's liquidation.
fn check_id_range(intent: &Intent) -> Result<(), OrderCode> {
    // A strategy that guesses the id of a liquidation must not be able to stop it.
    let touched = match intent {
        Intent::Submit(_) => None,
        Intent::Cancel(id) => Some(*id),
        Intent::Replace { replaces, .. } => Some(*replaces),
    };
    if touched.is_some_and(ClientOrderId::is_host) {
        return Err(OrderCode::UnknownOrder);
    }
    match intent.order() {
        Some(order) if order.client_order_id.is_host() => Err(OrderCode::ReservedClientOrderId),
        _ => Ok(()),
    }
}
