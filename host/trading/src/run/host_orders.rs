//! What the host does of its own accord: it takes orders back and flattens positions, on a margin
//! call, after a fault and when it stops the run. It takes the way of every order: gate, plan, token, record, release.

use alloc::vec::Vec;

use super::{Run, RunError, RunPorts};
use crate::account::{AccountError, AccountKind};
use crate::instrument::InstrumentId;
use crate::journal::Journal;
use crate::order::{ClientOrderId, Intent, Order, OrderType, Side, TimeInForce};
use crate::record::{CloseReason, FaultAction, MarginCallRecord, PlanNote, RunStop, StopRecord};
use crate::risk::{Approved, MarginCallPolicy, RiskGate};
use crate::time::UnixNanos;
use crate::units::{BasisPoints, Money, Quantity};
use crate::venue::Venue;

/// The most cancels, and the most orders, in one margin-call record: with a plan each they take
/// 54 and 73 bytes at most, so a record stays below half of what an entry may hold.
const ITEMS_PER_RECORD_MAX: usize = 256;

/// Orders that are taken back, orders that flatten, and their plans.
pub(super) type WoundDown = (Vec<ClientOrderId>, Vec<Order>, Vec<PlanNote>);

impl Run {
    /// Compares equity with the maintenance margin at the marks of this slice. Below it only
    /// reducing orders pass, and where the manifest says so the host liquidates.
    pub(super) fn check_margin<S, V, J, C>(
        &mut self,
        time: UnixNanos,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<(), RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
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
        // What the host sent before is still under way: it is neither taken back nor sent again.
        let canceled = self.working_ids(|id| !id.is_host());
        let under_way = |id| {
            let mut working = self.working.iter();
            working.any(|one| one.instrument == id && one.client_order_id.is_host())
        };
        let orders = self.flat_orders(|id| !under_way(id))?;
        let mut cancels = canceled.chunks(ITEMS_PER_RECORD_MAX);
        let mut flattens = orders.chunks(ITEMS_PER_RECORD_MAX);
        loop {
            let (some, more) = (cancels.next(), flattens.next());
            if some.is_none() && more.is_none() {
                return Ok(());
            }
            let call = MarginCallRecord {
                time,
                equity: self.account.equity(),
                requirement,
                canceled: some.unwrap_or_default().to_vec(),
                orders: more.unwrap_or_default().to_vec(),
                plans: Vec::new(),
            };
            self.call_margin(call, ports)?;
        }
    }

    /// Stops the run between two slices: does about working orders what the manifest's `on-fault`
    /// says, and records it. The run can only be closed after it.
    ///
    /// # Errors
    ///
    /// Returns [`RunError`] if the run has ended, or the journal or the venue cannot go on.
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
        self.ended = Some(CloseReason::Stopped);
        let action = match self.on_fault {
            FaultAction::CancelAndFlatten if !stop.cause.is_certain() => FaultAction::Cancel,
            FaultAction::Leave | FaultAction::Cancel | FaultAction::CancelAndFlatten => {
                self.on_fault
            }
        };
        let (canceled, flattened, plans) = self.wind_down(action)?;
        let record = StopRecord {
            stop,
            time: self.last_close.unwrap_or_default(),
            action,
            canceled,
            flattened,
            plans,
        };
        self.room.digested.clear();
        record.encode_digested(&mut self.room.digested);
        self.room.body.clear();
        record.encode(&self.room.digested, &mut self.room.body);
        let receipt = self.append(ports.journal, true)?;
        self.release(&receipt, ports.venue)
    }

    /// Authorizes what the manifest's `on-fault` says about working orders and positions: the same
    /// gate, plan and token as for what a strategy wants.
    pub(super) fn wind_down<E>(&mut self, action: FaultAction) -> Result<WoundDown, RunError<E>> {
        let (canceled, flattened) = match action {
            FaultAction::Leave => (Vec::new(), Vec::new()),
            FaultAction::Cancel => (self.working_ids(|_| true), Vec::new()),
            FaultAction::CancelAndFlatten => {
                (self.working_ids(|_| true), self.flat_orders(|_| true)?)
            }
        };
        let mut plans = self.authorize_cancels(&canceled)?;
        plans.extend(self.authorize_flat(&flattened)?);
        Ok((canceled, flattened, plans))
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
        self.room.digested.clear();
        call.encode_digested(&mut self.room.digested);
        self.room.body.clear();
        call.encode(&self.room.digested, &mut self.room.body);
        let receipt = self.append(ports.journal, true)?;
        for order in &call.orders {
            self.note_working(order);
        }
        self.release(&receipt, ports.venue)
    }

    /// The equity that the positions ask for; `None` when it does not fit.
    fn requirement(&self) -> Option<Money> {
        if self.maintenance.rate == BasisPoints::ZERO {
            return Some(Money::ZERO);
        }
        let gross = self.account.gross_exposure()?;
        self.maintenance.rate.share_of(gross.0).map(Money)
    }

    /// The working orders that are asked for.
    pub(super) fn working_ids(&self, which: impl Fn(ClientOrderId) -> bool) -> Vec<ClientOrderId> {
        let ids = self.working.iter().map(|one| one.client_order_id);
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
                .map_err(RunError::Refused)?;
            plans.push(self.authorize(&approved)?);
        }
        Ok(plans)
    }

    /// A market order to zero for each position that is asked for.
    pub(super) fn flat_orders<E>(
        &self,
        which: impl Fn(InstrumentId) -> bool,
    ) -> Result<Vec<Order>, RunError<E>> {
        let mut orders = Vec::new();
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
            let approved = RiskGate::review_flatten(*order, &self.situation(false, 0));
            let approved = approved.map_err(RunError::Refused)?;
            self.host_orders = self.host_orders.saturating_add(1);
            plans.push(self.authorize(&approved)?);
        }
        Ok(plans)
    }

    /// Makes a plan of what was approved, spends its token, and keeps it for the release.
    pub(super) fn authorize<E>(&mut self, approved: &Approved) -> Result<PlanNote, RunError<E>> {
        let (plan, token) = self.tokens.plan(approved);
        let authorized = plan.authorize(token)?;
        let note = PlanNote {
            plan: authorized.digest().0,
            token: authorized.sequence(),
        };
        self.room.authorized.push(authorized);
        Ok(note)
    }
}
