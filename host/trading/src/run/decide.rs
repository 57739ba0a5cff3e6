//! The back half of a step: one bar is decided, reviewed, planned, authorized, recorded, and
//! only then are its orders released.

use alloc::vec::Vec;

use super::{Run, RunClock, RunError, RunPorts};
use crate::bar::ClosedBar;
use crate::execution::OrderCode;
use crate::journal::Journal;
use crate::order::{ClientOrderId, Intent, Request};
use crate::record::{DecisionCircumstances, DecisionRecord, PlanNote, RiskVerdict};
use crate::slice::Slice;
use crate::strategy::{BarView, CallbackError, Strategy, StrategyFault};
use crate::venue::Venue;

impl Run {
    /// The bar as the strategy sees it; counts it.
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

    /// Decides on one bar.
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
        let mut requests = core::mem::take(&mut self.room.requests);
        requests.clear();
        let answer = ports
            .strategy
            .on_bar(view, &self.account_view(), &mut requests);
        let fault = match answer {
            Ok(()) => None,
            Err(CallbackError::Fault(fault)) => Some(fault),
            Err(CallbackError::Host(reason)) => return Err(RunError::Host(reason)),
        };
        // Once for gate and record, so that whoever decides again by the record's times agrees.
        let times = ports.clock.times();
        self.bar_age = times.map(|(_, decided)| {
            let close_time = view.bar.get().close_time;
            decided.0.saturating_sub(close_time.0)
        });
        let mut verdicts = Vec::new();
        let mut plans = Vec::new();
        if fault.is_none() {
            self.review_all(&requests, view.warming_up, (&mut verdicts, &mut plans))?;
        }
        let answer = if fault.is_none() {
            Some(requests)
        } else {
            None
        };
        let circumstances = DecisionCircumstances {
            fuel: ports.strategy.take_fuel(),
            plans,
            times,
        };
        self.record_decision(view, (answer, verdicts, circumstances), ports)?;
        Ok(fault)
    }

    /// Records a bar that a dead guest was not asked about.
    pub(super) fn pass_over<S, V, J, C>(
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
        self.record_decision(view, (None, Vec::new(), circumstances), ports)
    }

    /// Records what became of a bar, and lets its orders out once the journal has it.
    fn record_decision<S, V, J, C>(
        &mut self,
        view: &BarView,
        (requests, verdicts, circumstances): (
            Option<Vec<Request>>,
            Vec<RiskVerdict>,
            DecisionCircumstances,
        ),
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
        self.room.digested.clear();
        decision.encode_digested(&mut self.room.digested);
        self.room.body.clear();
        decision.encode(&self.room.digested, &mut self.room.body);
        self.room.requests = decision.requests.unwrap_or_default();
        let receipt = self.append(ports.journal, true)?;
        self.totals.decisions = self.totals.decisions.saturating_add(1);
        self.release(&receipt, ports.venue)
    }

    /// Takes each request through the gate; what passes gets a plan and spends its token.
    fn review_all<E>(
        &mut self,
        requests: &[Request],
        warming_up: bool,
        (verdicts, plans): (&mut Vec<RiskVerdict>, &mut Vec<PlanNote>),
    ) -> Result<(), RunError<E>> {
        let mut approved_orders = 0_u32;
        for request in requests {
            let intent = request.intent;
            let reviewed = own_names(&intent)
                .and_then(|()| self.note_id(&intent))
                .and_then(|()| self.review(intent, warming_up, approved_orders));
            let approved = match reviewed {
                Ok(approved) => approved,
                Err(code) => {
                    verdicts.push(RiskVerdict::Refused(code));
                    self.note_refusal(&intent, code);
                    self.totals.refused = self.totals.refused.saturating_add(1);
                    continue;
                }
            };
            plans.push(self.authorize(&approved)?);
            verdicts.push(RiskVerdict::Approved);
            self.totals.approved = self.totals.approved.saturating_add(1);
            if let Some(order) = intent.order() {
                approved_orders = approved_orders.saturating_add(1);
                self.day.0 = self.day.0.saturating_add(1);
                self.note_working(order);
            }
        }
        Ok(())
    }

    /// Notes a new order's id: used once, it is used, whatever the gate says.
    fn note_id(&mut self, intent: &Intent) -> Result<(), OrderCode> {
        intent
            .order()
            .map_or(Ok(()), |order| self.seen.insert(order.client_order_id))
    }
}

/// A strategy may neither take nor touch the ids that the host keeps for its own orders.
fn own_names(intent: &Intent) -> Result<(), OrderCode> {
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
