//! The orders of a run at a broker, by both their names.

use std::collections::BTreeMap;

use counterfoil_connect::broker::order::{NewOrder, OrderName, OrderTerms, VenueFill, VenueStatus};
use counterfoil_trading::costs::LiquiditySide;
use counterfoil_trading::execution::{Delivery, Fill, OrderCode, OrderEvent};
use counterfoil_trading::gateway::VenueOrderId;
use counterfoil_trading::order::{ClientOrderId, Order, OrderStatus};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Quantity};

/// One order, as far as the strategy knows it, or will with the next slice.
#[derive(Clone, Debug)]
pub(super) struct BrokerOrder {
    pub(super) order: Order,
    pub(super) name: OrderName,
    /// Cumulative filled quantity.
    pub(super) filled: i64,
    /// Whether nothing more is delivered for it.
    pub(super) is_over: bool,
    /// Whether the broker's order tracker has it.
    pub(super) is_known: bool,
    pub(super) fills: Vec<VenueFill>,
    is_accepted: bool,
    /// How it ended, while executions from before its end are outstanding.
    ended: Option<OrderStatus>,
}

/// All orders of a run.
#[derive(Debug, Default)]
pub(super) struct BrokerOrders {
    all: BTreeMap<ClientOrderId, BrokerOrder>,
    ids: BTreeMap<OrderName, ClientOrderId>,
}

impl BrokerOrders {
    /// The entry of an order, created if there is none.
    pub(super) fn add(
        &mut self,
        id: &VenueOrderId,
        order: &Order,
        is_known: bool,
    ) -> Result<&mut BrokerOrder, String> {
        let name = super::name_of(id)?;
        self.ids.insert(name.clone(), order.client_order_id);
        let entry = self
            .all
            .entry(order.client_order_id)
            .or_insert_with(|| BrokerOrder {
                order: *order,
                name,
                filled: 0,
                is_over: false,
                is_known: false,
                fills: Vec::new(),
                is_accepted: false,
                ended: None,
            });
        entry.is_known |= is_known;
        Ok(entry)
    }

    pub(super) fn get_mut(&mut self, id: ClientOrderId) -> Option<&mut BrokerOrder> {
        self.all.get_mut(&id)
    }

    pub(super) fn named(&mut self, name: &OrderName) -> Option<&mut BrokerOrder> {
        let id = self.ids.get(name)?;
        self.all.get_mut(id)
    }

    pub(super) fn id_of(&self, name: &OrderName) -> Option<ClientOrderId> {
        self.ids.get(name).copied()
    }

    /// Orders that the broker's order tracker does not have, and that can still have events.
    pub(super) fn forgotten(&mut self) -> impl Iterator<Item = &mut BrokerOrder> {
        let all = self.all.values_mut();
        all.filter(|entry| !entry.is_known && !entry.is_over)
    }

    /// Applies a delivery of the journal.
    pub(super) fn recorded(&mut self, delivery: &Delivery) {
        match delivery {
            Delivery::Fill(fill) => {
                let Some(entry) = self.all.get_mut(&fill.client_order_id) else {
                    return;
                };
                entry.filled = entry.filled.saturating_add(fill.quantity.0);
                entry.is_over |= fill.leaves_quantity.0 == 0;
                entry.fills.push(VenueFill {
                    price: fill.price,
                    quantity: fill.quantity,
                    filled: Quantity(entry.filled),
                    time: fill.time,
                });
            }
            Delivery::Event(event) => {
                let Some(entry) = self.all.get_mut(&event.client_order_id) else {
                    return;
                };
                entry.is_accepted |= event.status == OrderStatus::Accepted;
                entry.is_over |= event.status.is_final();
            }
            Delivery::Action(_) | Delivery::Borrow(_) => {}
        }
    }
}

impl BrokerOrder {
    /// The order as it is sent to the broker.
    pub(super) fn wanted(&self) -> NewOrder {
        NewOrder {
            name: self.name.clone(),
            terms: OrderTerms {
                instrument: self.order.instrument,
                side: self.order.side,
                quantity: self.order.quantity,
                order_type: self.order.order_type,
                time_in_force: self.order.time_in_force,
            },
        }
    }

    pub(super) fn event(&self, status: OrderStatus, code: OrderCode) -> Delivery {
        Delivery::Event(OrderEvent {
            instrument: self.order.instrument,
            client_order_id: self.order.client_order_id,
            status,
            code,
            leaves_quantity: self.leaves(),
        })
    }

    const fn leaves(&self) -> Quantity {
        Quantity(self.order.quantity.0.saturating_sub(self.filled))
    }

    /// The status at the broker changed.
    pub(super) fn moved(&mut self, status: VenueStatus, out: &mut Vec<Delivery>) {
        match status {
            VenueStatus::Working if !self.is_accepted => {
                self.is_accepted = true;
                out.push(self.event(OrderStatus::Accepted, OrderCode::None));
            }
            VenueStatus::Working
            | VenueStatus::Pending
            | VenueStatus::PendingCancel
            | VenueStatus::PendingReplace
            | VenueStatus::Filled => {}
            VenueStatus::Canceled | VenueStatus::Replaced => {
                self.ended = Some(OrderStatus::Canceled);
            }
            VenueStatus::Expired => self.ended = Some(OrderStatus::Expired),
            VenueStatus::Rejected => self.ended = Some(OrderStatus::Rejected),
        }
    }

    /// One execution. The broker's price is the price; it is booked with the next slice.
    pub(super) fn filled(&mut self, fill: VenueFill) -> Delivery {
        self.filled = fill.filled.0;
        self.fills.push(fill);
        Delivery::Fill(Fill {
            instrument: self.order.instrument,
            client_order_id: self.order.client_order_id,
            side: self.order.side,
            quantity: fill.quantity,
            leaves_quantity: self.leaves(),
            reference_price: fill.price,
            price: fill.price,
            clamped: false,
            fee: Money::ZERO,
            slippage: Money::ZERO,
            liquidity: LiquiditySide::Taker,
            time: UnixNanos(0),
        })
    }

    /// No further event follows: delivers its end, if its last execution did not.
    pub(super) fn end(&mut self, out: &mut Vec<Delivery>) {
        self.is_over = true;
        if let Some(status) = self.ended.take() {
            let code = match status {
                OrderStatus::Rejected => OrderCode::VenueRejected,
                OrderStatus::Submitted
                | OrderStatus::Accepted
                | OrderStatus::Refused
                | OrderStatus::Canceled
                | OrderStatus::Expired => OrderCode::None,
            };
            out.push(self.event(status, code));
        }
    }
}
