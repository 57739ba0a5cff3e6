//! The first half of a step: books executions, delivers them to the strategy, and records them.

use super::{Run, RunError, RunPorts, SliceTimes};
use crate::account::AccountError;
use crate::corporate::{CorporateActionKind, SplitRatio};
use crate::execution::{Delivery, OrderCode, OrderEvent};
use crate::journal::{Journal, RecordSeal};
use crate::order::{Intent, Order, OrderStatus};
use crate::record::{Callback, deliveries};
use crate::slice::Slice;
use crate::strategy::{CallbackError, Strategy, StrategyFault, WorkingOrder};
use crate::time::UnixNanos;
use crate::units::BasisPoints;
use crate::venue::Venue;

impl Run {
    /// Collects, in this sequence, the refusals of the slice before, the venue's answers since then,
    /// borrow fees, corporate actions and executions, and books them.
    pub(super) fn take_deliveries<V: Venue, E>(
        &mut self,
        slice: &Slice,
        times: SliceTimes,
        venue: &mut V,
    ) -> Result<(), RunError<E>> {
        self.buffers.deliveries.clear();
        self.buffers
            .deliveries
            .extend(self.refusals.drain(..).map(Delivery::Event));
        let refusals = self.buffers.deliveries.len();
        // Answers before executions: an order is accepted before it fills.
        venue.answers(&mut self.buffers.deliveries);
        // Before this slice is booked: until now the position was that of the slice before.
        if let Some(previous) = times.previous_close {
            self.charge_borrow(times.close, previous)?;
        }
        // Before the executions: an action belongs to a time before the slice's close, and a fill at the
        // new price of a split must find the position in new shares.
        self.apply_actions(slice)?;
        venue.executions(slice, &mut self.buffers.deliveries)?;
        if self.buffers.deliveries.is_empty() {
            return Ok(());
        }
        self.revision = self.revision.wrapping_add(1);
        self.book(refusals)
    }

    /// Charges short positions for the time since the slice before, and books the fee once a UTC day.
    fn charge_borrow<E>(&mut self, time: UnixNanos, before: UnixNanos) -> Result<(), RunError<E>> {
        if self.borrow == BasisPoints::ZERO {
            return Ok(());
        }
        self.account
            .accrue_borrow(time.0.saturating_sub(before.0))?;
        if time.day() != before.day() {
            self.account
                .book_borrow(self.borrow, &mut self.buffers.deliveries)?;
        }
        Ok(())
    }

    /// Applies the slice's corporate actions to the account and to the list of working orders.
    fn apply_actions<E>(&mut self, slice: &Slice) -> Result<(), RunError<E>> {
        for action in slice.actions() {
            let id = action.instrument;
            let instrument = self
                .instruments
                .get(id.index())
                .ok_or(RunError::UnknownInstrument { id })?;
            let applied = self.account.apply(instrument, action)?;
            self.buffers.deliveries.push(Delivery::Action(applied));
            let CorporateActionKind::Split { new, old } = action.kind else {
                continue;
            };
            let ratio = SplitRatio { new, old };
            // The venue converts its own orders. Without this the gate would count them in old shares,
            // and pass or refuse by the ratio.
            for order in self
                .working
                .iter_mut()
                .filter(|order| order.instrument == id)
            {
                (order.order_type, order.leaves_quantity) = ratio
                    .order(
                        instrument,
                        order.order_type,
                        order.side,
                        order.leaves_quantity,
                    )
                    .ok_or(AccountError::Overflow {
                        operation: "splitting an order of",
                        instrument: id,
                    })?;
            }
        }
        Ok(())
    }

    /// Books the deliveries from index `from` on: those of the venue. The refusals before them change
    /// nothing in the account.
    fn book<E>(&mut self, from: usize) -> Result<(), RunError<E>> {
        for delivery in self.buffers.deliveries.iter().skip(from) {
            let (id, leaves) = match delivery {
                Delivery::Fill(fill) => {
                    let id = fill.instrument;
                    let instrument = self
                        .instruments
                        .get(id.index())
                        .ok_or(RunError::UnknownInstrument { id })?;
                    self.account.book(instrument, fill)?;
                    self.totals.fills = self.totals.fills.saturating_add(1);
                    (fill.client_order_id, fill.leaves_quantity.0)
                }
                Delivery::Event(event) if event.status.is_final() => (event.client_order_id, 0),
                Delivery::Event(_) | Delivery::Action(_) | Delivery::Borrow(_) => continue,
            };
            // A late event of an order that has ended changes nothing any more.
            let Some(place) = self
                .working
                .iter()
                .position(|order| order.client_order_id == id)
            else {
                continue;
            };
            if leaves == 0 {
                self.working.remove(place);
            } else if let Some(working) = self.working.get_mut(place) {
                working.leaves_quantity.0 = leaves;
            }
        }
        Ok(())
    }

    /// Calls the strategy for each delivery, and records them all.
    pub(super) fn deliver<S, V, J, C>(
        &mut self,
        time: UnixNanos,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<Option<(Callback, StrategyFault)>, RunError<J::Error>>
    where
        S: Strategy,
        J: Journal,
    {
        if self.buffers.deliveries.is_empty() {
            return Ok(None);
        }
        let mut stopped = None;
        let mut was_called = false;
        for delivery in &self.buffers.deliveries {
            let view = self.account_view();
            let (callback, answer) = match delivery {
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
            was_called = true;
            match answer {
                Ok(()) => {}
                Err(CallbackError::Host(reason)) => return Err(RunError::Host(reason)),
                // The account has all of them, so all are recorded, also those that the dead guest was
                // not called for.
                Err(CallbackError::Fault(fault)) => {
                    stopped = Some((callback, fault));
                    break;
                }
            }
        }
        // The fuel of `init` belongs to the first record for which the guest was called.
        let fuel = if was_called {
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
        let all = core::mem::take(&mut self.buffers.deliveries);
        // A slice may deliver more than one entry holds. The parts are records of their own, in sequence,
        // so that each decodes alone.
        for (index, chunk) in all
            .chunks(deliveries::DELIVERIES_PER_RECORD_MAX)
            .enumerate()
        {
            self.buffers.digested.clear();
            deliveries::encode_digested(time, chunk, &mut self.buffers.digested);
            self.buffers.body.clear();
            // One number for all callbacks of the slice: repeated, a sum over the journal would count it
            // twice.
            let fuel = if index == 0 { fuel } else { 0 };
            deliveries::encode(&self.buffers.digested, fuel, &mut self.buffers.body);
            let _receipt = self.append(journal, RecordSeal::Later)?;
        }
        self.buffers.deliveries = all;
        Ok(())
    }

    /// Adds an approved order to the working orders.
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

    /// Keeps a refusal, to be reported at the start of the next slice.
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
