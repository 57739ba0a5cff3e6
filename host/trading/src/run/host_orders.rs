//! Orders of the host itself: cancels and flattening orders on a margin call, after a fault and when
//! the host stops the run. They take the path of every order: gate, plan, token, record, release.

use alloc::vec::Vec;

use super::{Run, RunError, RunPorts};
use crate::account::{AccountError, AccountKind};
use crate::instrument::InstrumentId;
use crate::journal::{Journal, RecordSeal};
use crate::order::{ClientOrderId, Intent, Order, OrderType, Side, TimeInForce};
use crate::record::{
    CloseReason, FaultAction, ITEMS_PER_RECORD_MAX, MarginCallRecord, PlanNote, RunStop,
    StopRecord, WindDownRecord,
};
use crate::risk::{Approved, MarginCallPolicy, RiskGate};
use crate::time::UnixNanos;
use crate::units::{BasisPoints, Money, Quantity};
use crate::venue::Venue;

impl Run {
    /// Compares equity with the maintenance margin at the marks of this slice. Below it only
    /// reducing orders pass, and where the manifest asks for it the host liquidates.
    pub(super) fn check_margin<S, V, J, C>(
        &mut self,
        time: UnixNanos,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<(), RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
        // A cash account owes nothing and is never short: it has no margin to fall below.
        if self.account.kind() == AccountKind::Cash {
            return Ok(());
        }
        let requirement = self.requirement().ok_or(AccountError::Overflow {
            operation: "adding up the margin after",
            instrument: InstrumentId(0),
        })?;
        self.margin_call = self.account.equity() < requirement;
        if !self.margin_call || self.maintenance.policy == MarginCallPolicy::Reduce {
            return Ok(());
        }
        // The call repeats on every slice until equity recovers. The host's own orders of an earlier call
        // are in flight: canceling them would undo the liquidation, sending them again would turn the
        // position around.
        let canceled = self.working_ids(|id| !id.is_host());
        let in_flight = |id| {
            let mut working = self.working.iter();
            working.any(|order| order.instrument == id && order.client_order_id.is_host())
        };
        let orders = self.flat_orders(|id| !in_flight(id))?;
        let mut cancels = canceled.chunks(ITEMS_PER_RECORD_MAX);
        let mut flattens = orders.chunks(ITEMS_PER_RECORD_MAX);
        // One record for each chunk, released before the next is written: an entry that is too large would
        // fail the whole liquidation.
        loop {
            let (cancel_chunk, flatten_chunk) = (cancels.next(), flattens.next());
            if cancel_chunk.is_none() && flatten_chunk.is_none() {
                return Ok(());
            }
            let call = MarginCallRecord {
                time,
                equity: self.account.equity(),
                requirement,
                canceled: cancel_chunk.unwrap_or_default().to_vec(),
                orders: flatten_chunk.unwrap_or_default().to_vec(),
                plans: Vec::new(),
            };
            self.call_margin(call, ports)?;
        }
    }

    /// Stops the run between two slices: treats working orders as the manifest's `on-fault` says, and
    /// records it. The run can only be closed after it.
    ///
    /// # Errors
    ///
    /// Returns [`RunError`] if the run has ended, or the journal or the venue fails.
    pub fn halt<S, V, J, C>(
        &mut self,
        stop: RunStop,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<(), RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
        if self.ended.is_some() {
            return Err(RunError::Ended);
        }
        // Set first, as after a fault: whatever fails below, this run takes no further slice.
        self.ended = Some(CloseReason::Stopped);
        // Where the venue's books differ from the run's, the run does not know its own position: an order
        // to flatten it could open one instead. A cancel is always safe.
        let action = match self.on_fault {
            FaultAction::CancelAndFlatten if !stop.cause.is_certain() => FaultAction::Cancel,
            FaultAction::Leave | FaultAction::Cancel | FaultAction::CancelAndFlatten => {
                self.on_fault
            }
        };
        let record = StopRecord {
            stop,
            time: self.last_close.unwrap_or_default(),
            action,
        };
        self.buffers.digested.clear();
        record.encode_digested(&mut self.buffers.digested);
        self.buffers.body.clear();
        StopRecord::encode(&self.buffers.digested, &mut self.buffers.body);
        // Recorded before anything is canceled: after a crash here the restart finds the stop, and winds down for it.
        let _receipt = self.append(ports.journal, RecordSeal::AtCadence)?;
        self.wind_down(action, ports)
    }

    /// Cancels working orders and flattens positions as `action` says, through the same gate, plan, token and record as
    /// a strategy's orders.
    pub(super) fn wind_down<S, V, J, C>(
        &mut self,
        action: FaultAction,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<(), RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
        let (canceled, flattened) = match action {
            FaultAction::Leave => (Vec::new(), Vec::new()),
            FaultAction::Cancel => (self.working_ids(|_| true), Vec::new()),
            FaultAction::CancelAndFlatten => {
                (self.working_ids(|_| true), self.flat_orders(|_| true)?)
            }
        };
        // All cancels go out first: an order that fills after the flattening would open a position in a run that is
        // over. Each part is recorded before it is sent: after a crash in between the order log decides what the
        // restart still has to send.
        for part in canceled.chunks(ITEMS_PER_RECORD_MAX) {
            let record = WindDownRecord {
                plans: self.authorize_cancels(part)?,
                canceled: part.to_vec(),
                flattened: Vec::new(),
            };
            self.record_wind_down(&record, ports)?;
        }
        for part in flattened.chunks(ITEMS_PER_RECORD_MAX) {
            let record = WindDownRecord {
                plans: self.authorize_flat(part)?,
                canceled: Vec::new(),
                flattened: part.to_vec(),
            };
            self.record_wind_down(&record, ports)?;
        }
        Ok(())
    }

    /// Records one part of a wind-down, and releases its orders.
    fn record_wind_down<S, V, J, C>(
        &mut self,
        record: &WindDownRecord,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<(), RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
        self.buffers.digested.clear();
        record.encode_digested(&mut self.buffers.digested);
        self.buffers.body.clear();
        record.encode(&self.buffers.digested, &mut self.buffers.body);
        let receipt = self.append(ports.journal, RecordSeal::AtCadence)?;
        self.release(&receipt, ports.venue)
    }

    /// Authorizes, records and releases one part of a margin call.
    fn call_margin<S, V, J, C>(
        &mut self,
        mut call: MarginCallRecord,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<(), RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
        call.plans = self.authorize_cancels(&call.canceled)?;
        call.plans.extend(self.authorize_flat(&call.orders)?);
        self.buffers.digested.clear();
        call.encode_digested(&mut self.buffers.digested);
        self.buffers.body.clear();
        call.encode(&self.buffers.digested, &mut self.buffers.body);
        let receipt = self.append(ports.journal, RecordSeal::AtCadence)?;
        // Noted before the release: if a send fails, the next slice must still count the flattening order
        // as in flight, and not flatten twice.
        for order in &call.orders {
            self.note_working(order);
        }
        self.release(&receipt, ports.venue)
    }

    /// The maintenance margin of the current positions; `None` on overflow.
    fn requirement(&self) -> Option<Money> {
        if self.maintenance.rate == BasisPoints::ZERO {
            return Some(Money::ZERO);
        }
        let gross = self.account.gross_exposure()?;
        self.maintenance.rate.share_of(gross.0).map(Money)
    }

    /// The ids of the working orders that `which` selects.
    pub(super) fn working_ids(&self, which: impl Fn(ClientOrderId) -> bool) -> Vec<ClientOrderId> {
        let ids = self.working.iter().map(|order| order.client_order_id);
        ids.filter(|id| which(*id)).collect()
    }

    /// Authorizes a cancel for each order.
    pub(super) fn authorize_cancels<E>(
        &mut self,
        ids: &[ClientOrderId],
    ) -> Result<Vec<PlanNote>, RunError<E>> {
        let mut plans = Vec::with_capacity(ids.len());
        for id in ids {
            let approved = self
                .review(Intent::Cancel(*id), false, 0)
                .map_err(|refusal| RunError::Refused(refusal.code))?;
            plans.push(self.authorize(&approved)?);
        }
        Ok(plans)
    }

    /// A market order to zero for each open position that `which` selects.
    pub(super) fn flat_orders<E>(
        &self,
        which: impl Fn(InstrumentId) -> bool,
    ) -> Result<Vec<Order>, RunError<E>> {
        let mut orders = Vec::new();
        // Numbered ahead of the counter, which moves as each order is authorized, in this same sequence.
        let mut next = ClientOrderId::HOST_FIRST.0.saturating_add(self.host_orders);
        for (position, id) in self.account.positions().iter().zip(0_u32..) {
            let instrument = InstrumentId(id);
            let held = position.quantity.0;
            if held == 0 || !which(instrument) {
                continue;
            }
            let overflow = AccountError::Overflow {
                operation: "flattening",
                instrument,
            };
            orders.push(Order {
                instrument,
                client_order_id: ClientOrderId(next),
                side: if held > 0 { Side::Sell } else { Side::Buy },
                quantity: Quantity(held.checked_abs().ok_or(overflow)?),
                order_type: OrderType::Market,
                // Not immediate: in an empty or halted bar it would expire, and after a fault no run is
                // left to send it again.
                time_in_force: TimeInForce::Gtc,
            });
            next = next.saturating_add(1);
        }
        Ok(orders)
    }

    /// Authorizes orders that take positions to zero.
    pub(super) fn authorize_flat<E>(
        &mut self,
        orders: &[Order],
    ) -> Result<Vec<PlanNote>, RunError<E>> {
        let mut plans = Vec::with_capacity(orders.len());
        for order in orders {
            let approved = RiskGate::review_flatten(*order, &self.risk_context(false, 0))
                .map_err(RunError::Refused)?;
            // Counted one by one and never reused: an id that was sent twice would be one order to a venue.
            self.host_orders = self.host_orders.saturating_add(1);
            plans.push(self.authorize(&approved)?);
        }
        Ok(plans)
    }

    /// Makes a plan of an approved intent, spends its token, and keeps the plan for the release.
    pub(super) fn authorize<E>(&mut self, approved: &Approved) -> Result<PlanNote, RunError<E>> {
        let (plan, token) = self.tokens.plan(approved);
        let authorized = plan.authorize(token)?;
        let note = PlanNote {
            plan: authorized.digest(),
            token: authorized.sequence(),
        };
        self.buffers.authorized.push(authorized);
        Ok(note)
    }
}
