//! The front half of a step: executions are booked, then delivered to the strategy and recorded.

use super::{Run, RunError, RunPorts};
use crate::account::AccountError;
use crate::corporate::{CorporateActionKind, SplitRatio};
use crate::execution::{Delivery, OrderCode, OrderEvent};
use crate::journal::Journal;
use crate::order::{Intent, Order, OrderStatus};
use crate::record::{Callback, deliveries};
use crate::slice::Slice;
use crate::strategy::{CallbackError, Strategy, StrategyFault, WorkingOrder};
use crate::time::UnixNanos;
use crate::units::BasisPoints;
use crate::venue::Venue;

impl Run {
    /// Gathers, in this sequence, the refusals of the slice before, the venue's answers since then,
    /// borrow fees, corporate actions and executions, and books them.
    pub(super) fn take_deliveries<V: Venue, E>(
        &mut self,
        slice: &Slice,
        (time, before): (UnixNanos, Option<UnixNanos>),
        venue: &mut V,
    ) -> Result<(), RunError<E>> {
        self.room.deliveries.clear();
        self.room
            .deliveries
            .extend(self.refusals.drain(..).map(Delivery::Event));
        let refusals = self.room.deliveries.len();
        venue.answers(&mut self.room.deliveries);
        if let Some(before) = before {
            self.charge_borrow(time, before)?;
        }
        self.apply_actions(slice)?;
        venue.executions(slice, &mut self.room.deliveries)?;
        if self.room.deliveries.is_empty() {
            return Ok(());
        }
        self.revision = self.revision.wrapping_add(1);
        self.book(refusals)
    }

    /// What was short since the slice before pays for that time, once a UTC day.
    fn charge_borrow<E>(&mut self, time: UnixNanos, before: UnixNanos) -> Result<(), RunError<E>> {
        if self.borrow == BasisPoints::ZERO {
            return Ok(());
        }
        self.account
            .accrue_borrow(time.0.saturating_sub(before.0))?;
        if time.day() != before.day() {
            self.account
                .book_borrow(self.borrow, &mut self.room.deliveries)?;
        }
        Ok(())
    }

    /// Applies the slice's corporate actions to the account and to the list of working orders.
    fn apply_actions<E>(&mut self, slice: &Slice) -> Result<(), RunError<E>> {
        for action in slice.actions() {
            let id = action.instrument;
            let instrument = self.instruments.get(id.index());
            let instrument = instrument.ok_or(RunError::UnknownInstrument { id })?;
            let applied = self.account.apply(instrument, action)?;
            self.room.deliveries.push(Delivery::Action(applied));
            let CorporateActionKind::Split { new, old } = action.kind else {
                continue;
            };
            let ratio = SplitRatio { new, old };
            for working in self.working.iter_mut().filter(|one| one.instrument == id) {
                let order = (working.order_type, working.side);
                let after = ratio.order(instrument, order, working.leaves_quantity);
                (working.order_type, working.leaves_quantity) =
                    after.ok_or(AccountError::Overflow {
                        operation: "splitting an order of",
                        instrument: id,
                    })?;
            }
        }
        Ok(())
    }

    /// Books the venue's deliveries, which begin at this place.
    fn book<E>(&mut self, from: usize) -> Result<(), RunError<E>> {
        for delivery in self.room.deliveries.iter().skip(from) {
            let (id, leaves) = match delivery {
                Delivery::Fill(fill) => {
                    let id = fill.instrument;
                    let instrument = self.instruments.get(id.index());
                    let instrument = instrument.ok_or(RunError::UnknownInstrument { id })?;
                    self.account.book(instrument, fill)?;
                    self.totals.fills = self.totals.fills.saturating_add(1);
                    (fill.client_order_id, fill.leaves_quantity.0)
                }
                Delivery::Event(event) if event.status.is_final() => (event.client_order_id, 0),
                Delivery::Event(_) | Delivery::Action(_) | Delivery::Borrow(_) => continue,
            };
            let place = self
                .working
                .iter()
                .position(|one| one.client_order_id == id);
            let Some(place) = place else { continue };
            if leaves == 0 {
                self.working.remove(place);
            } else if let Some(working) = self.working.get_mut(place) {
                working.leaves_quantity.0 = leaves;
            }
        }
        Ok(())
    }

    /// Tells the strategy of each delivery, and records them all.
    pub(super) fn deliver<S, V, J, C>(
        &mut self,
        time: UnixNanos,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<Option<(Callback, StrategyFault)>, RunError<J::Error>>
    where
        S: Strategy,
        J: Journal,
    {
        if self.room.deliveries.is_empty() {
            return Ok(None);
        }
        let mut stopped = None;
        let mut is_told = false;
        for delivery in &self.room.deliveries {
            let view = self.account_view();
            let (callback, told) = match delivery {
                Delivery::Fill(fill) => (Callback::OnFill, ports.strategy.on_fill(fill, &view)),
                Delivery::Event(event) => (
                    Callback::OnOrderEvent,
                    ports.strategy.on_order_event(event, time, &view),
                ),
                Delivery::Action(applied) if applied.action.has_callback() => (
                    Callback::OnCorporateAction,
                    ports.strategy.on_corporate_action(&applied.action, &view),
                ),
                Delivery::Action(_) | Delivery::Borrow(_) => continue,
            };
            is_told = true;
            match told {
                Ok(()) => {}
                Err(CallbackError::Host(reason)) => return Err(RunError::Host(reason)),
                // What was booked is recorded whole, whether or not the strategy heard of it.
                Err(CallbackError::Fault(fault)) => {
                    stopped = Some((callback, fault));
                    break;
                }
            }
        }
        // What `init` used belongs to the first record for which the guest was called.
        let fuel = if is_told {
            ports.strategy.take_fuel()
        } else {
            0
        };
        self.record_deliveries(time, fuel, ports.journal)?;
        Ok(stopped)
    }

    fn record_deliveries<J: Journal>(
        &mut self,
        time: UnixNanos,
        fuel: u64,
        journal: &mut J,
    ) -> Result<(), RunError<J::Error>> {
        let all = core::mem::take(&mut self.room.deliveries);
        for (place, some) in all
            .chunks(deliveries::DELIVERIES_PER_RECORD_MAX)
            .enumerate()
        {
            self.room.digested.clear();
            deliveries::encode_digested(time, some, &mut self.room.digested);
            self.room.body.clear();
            let fuel = if place == 0 { fuel } else { 0 };
            deliveries::encode(&self.room.digested, fuel, &mut self.room.body);
            let _receipt = self.append(journal, false)?;
        }
        self.room.deliveries = all;
        Ok(())
    }

    /// Notes that an order is on its way.
    pub(super) fn note_working(&mut self, order: &Order) {
        self.working.push(WorkingOrder {
            instrument: order.instrument,
            client_order_id: order.client_order_id,
            side: order.side,
            leaves_quantity: order.quantity,
            order_type: order.order_type,
        });
        self.revision = self.revision.wrapping_add(1);
    }

    /// Notes a refusal, for the start of the next slice.
    pub(super) fn note_refusal(&mut self, intent: &Intent, code: OrderCode) {
        let order = intent.order();
        self.refusals.push(OrderEvent {
            instrument: order.map(|order| order.instrument).unwrap_or_default(),
            client_order_id: intent.client_order_id(),
            status: OrderStatus::Refused,
            code,
            leaves_quantity: order.map(|order| order.quantity).unwrap_or_default(),
        });
    }
}
