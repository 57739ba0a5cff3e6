//! The front half of a step: executions are booked, then delivered to the strategy and recorded.

use super::{Ports, Run, RunError};
use crate::execution::{Code, Delivery, OrderEvent};
use crate::journal::Journal;
use crate::order::{Intent, Order, OrderStatus};
use crate::record::{Callback, deliveries};
use crate::slice::Slice;
use crate::strategy::{CallError, Strategy, StrategyFault, WorkingOrder};
use crate::time::UnixNanos;
use crate::venue::Venue;

impl Run {
    /// Gathers the refusals of the slice before and the venue's executions, and books them.
    pub(super) fn take_executions<V: Venue, E>(
        &mut self,
        slice: &Slice,
        venue: &mut V,
    ) -> Result<(), RunError<E>> {
        self.room.deliveries.clear();
        self.room
            .deliveries
            .extend(self.refusals.drain(..).map(Delivery::Event));
        let own = self.room.deliveries.len();
        venue.executions(slice, &mut self.room.deliveries)?;
        if self.room.deliveries.is_empty() {
            return Ok(());
        }
        self.revision = self.revision.wrapping_add(1);
        for delivery in self.room.deliveries.iter().skip(own) {
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
                Delivery::Event(_) => continue,
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
        ports: &mut Ports<'_, S, V, J, C>,
    ) -> Result<Option<(Callback, StrategyFault)>, RunError<J::Error>>
    where
        S: Strategy,
        J: Journal,
    {
        if self.room.deliveries.is_empty() {
            return Ok(None);
        }
        let mut stopped = None;
        for delivery in &self.room.deliveries {
            let view = self.account_view();
            let (callback, told) = match delivery {
                Delivery::Fill(fill) => (Callback::OnFill, ports.strategy.on_fill(fill, &view)),
                Delivery::Event(event) => (
                    Callback::OnOrderEvent,
                    ports.strategy.on_order_event(event, time, &view),
                ),
            };
            match told {
                Ok(()) => {}
                Err(CallError::Host(reason)) => return Err(RunError::Host(reason)),
                // What was booked is recorded whole, whether or not the strategy heard of it.
                Err(CallError::Fault(fault)) => {
                    stopped = Some((callback, fault));
                    break;
                }
            }
        }
        self.record_deliveries(time, ports.strategy.take_fuel(), ports.journal)?;
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
    pub(super) fn note_refusal(&mut self, intent: &Intent, code: Code) {
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
