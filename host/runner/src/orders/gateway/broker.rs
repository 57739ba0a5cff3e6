//! A broker as the venue of a run: sends each intent under one name, and turns the broker's reports
//! into deliveries of the next slice. It must never guess: a report that cannot be true ends the
//! run. Stop messages and refusal texts are recorded: they never change.

mod orders;

use std::collections::BTreeMap;

pub use counterfoil_connect::broker::bridge::BrokerBridge;
use counterfoil_connect::broker::bridge::BrokerReport;
use counterfoil_connect::broker::order::{
    NewOrder, OrderName, VenueAccount, VenueOrder, VenueStatus,
};
use counterfoil_connect::broker::tracker::TrackerEvent;
use counterfoil_connect::broker::{BrokerError, CancelOutcome};
use counterfoil_trading::execution::{Delivery, OrderCode};
use counterfoil_trading::gateway::{SubmissionEnd, VenueOrderId};
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::order::{ClientOrderId, Intent, Order, OrderStatus, OrderType};
use counterfoil_trading::record::{RunStop, StopCause};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Quantity;
use counterfoil_trading::venue::VenueError;
use counterfoil_trading::venue::recorded_broker::check_fill_price;

use super::client::{ClearedIntent, VenueClient, VenueLookup, VenueReply};
use super::deliveries::{DeliverySource, VenueNotices};
use crate::orders::lease::RunSlot;
use crate::orders::reconcile::{Holdings, OpenOrder};
use orders::{BrokerOrder, BrokerOrders};

/// The broker's deliveries in a journal, for a run that is resumed.
#[derive(Debug, Default)]
pub struct RecordedDeliveries {
    /// The deliveries of each slice, by its close time.
    pub slices: BTreeMap<UnixNanos, Vec<Delivery>>,
    /// The close time of the last slice with a record: until then no new delivery
    /// is made.
    pub settled: Option<UnixNanos>,
}

/// The venue of one run at a broker.
#[derive(Debug)]
pub struct BrokerVenue {
    bridge: BrokerBridge,
    instruments: Vec<Instrument>,
    orders: BrokerOrders,
    recorded: RecordedDeliveries,
    /// Deliveries of the next slice that is not recorded.
    pending: Vec<Delivery>,
    /// The right to be the only run at this broker account.
    _place: RunSlot,
}

impl BrokerVenue {
    /// The venue of a run of these instruments.
    #[must_use]
    pub fn new(
        bridge: BrokerBridge,
        instruments: Vec<Instrument>,
        recorded: RecordedDeliveries,
        place: RunSlot,
    ) -> Self {
        Self {
            bridge,
            instruments,
            orders: BrokerOrders::default(),
            recorded,
            pending: Vec::new(),
            _place: place,
        }
    }

    /// Delivers a refusal: an order is rejected, a cancel leaves its order working.
    fn reject(&mut self, id: ClientOrderId, status: OrderStatus) {
        if let Some(entry) = self.orders.get_mut(id) {
            let event = entry.event(status, OrderCode::VenueRejected);
            entry.is_over |= status == OrderStatus::Rejected;
            self.pending.push(event);
        }
    }

    /// The reply for the result of an order request.
    fn reply_to(
        &mut self,
        id: ClientOrderId,
        placed: Result<VenueOrder, BrokerError>,
    ) -> VenueReply {
        match placed {
            Ok(_) => VenueReply::Known,
            Err(
                error @ (BrokerError::Refused { .. }
                | BrokerError::Withdrawn { .. }
                | BrokerError::Unsupported { .. }
                | BrokerError::ClockSkew { .. }),
            ) => {
                self.reject(id, OrderStatus::Rejected);
                VenueReply::Refused(error.to_string())
            }
            Err(error) => VenueReply::Unknown(error.to_string()),
        }
    }

    fn refuse(&mut self, id: ClientOrderId, why: &str) -> VenueReply {
        self.reject(id, OrderStatus::Rejected);
        VenueReply::Refused(why.to_owned())
    }

    /// Adds the orders of earlier processes to the broker's order tracker.
    fn recall(&mut self) -> Result<(), VenueError> {
        for entry in self.orders.forgotten() {
            let order = entry.wanted();
            self.bridge
                .recall(order, entry.fills.clone())
                .map_err(|error| broken(&error))?;
            entry.is_known = true;
        }
        Ok(())
    }

    /// Turns reports into deliveries; returns the notices beside them.
    fn absorb(&mut self, reports: Vec<BrokerReport>) -> VenueNotices {
        let mut notices = VenueNotices::default();
        for report in reports {
            match report {
                BrokerReport::Reconnected => notices.is_back = true,
                BrokerReport::Disconnected { .. } => {}
                BrokerReport::Denied { reason } => {
                    notices.stop_for(format!("the broker ended its stream: {reason}"));
                }
                BrokerReport::Order { event, is_over } => {
                    self.absorb_event(&event, is_over, &mut notices);
                }
            }
        }
        notices
    }

    fn absorb_event(&mut self, event: &TrackerEvent, is_over: bool, notices: &mut VenueNotices) {
        let (TrackerEvent::Moved { name, .. }
        | TrackerEvent::Filled { name, .. }
        | TrackerEvent::Illegal { name, .. }
        | TrackerEvent::Unexplained { name, .. }
        | TrackerEvent::Lost { name }) = event
        else {
            notices.is_foreign = true;
            return;
        };
        let Some(entry) = self.orders.named(name) else {
            notices.is_foreign = true;
            return;
        };
        match event {
            TrackerEvent::Moved { status, .. } => entry.moved(*status, &mut self.pending),
            TrackerEvent::Filled { fill, .. } => {
                // A price the order forbids, say above its limit, is an error or an attack: to book
                // it would move cash and position by an amount that the order never allowed.
                if let Err(reason) = check_fill_price(&entry.order, fill.price) {
                    notices.stop_for(format!(
                        "order {name} cannot have filled as the broker says: {reason}"
                    ));
                    return;
                }
                // Kept until the next slice: the strategy sees executions only with a slice, and
                // the journal records them there.
                let fill = entry.filled(*fill);
                self.pending.push(fill);
            }
            TrackerEvent::Illegal { happened, from, .. } => {
                let reported = happened.map_or_else(
                    || "its state".to_owned(),
                    |happened| format!("{happened:?}"),
                );
                notices.stop_for(format!(
                    "order {name} cannot be as the broker says: {reported} after {from:?}"
                ));
                return;
            }
            TrackerEvent::Unexplained {
                known, reported, ..
            } => {
                notices.stop_for(format!(
                    "order {name} has filled {} by the broker, with executions for {} only",
                    reported.0, known.0
                ));
                return;
            }
            TrackerEvent::Lost { .. } => {
                notices.stop_for(format!("the broker does not know order {name} any more"));
                return;
            }
            TrackerEvent::Foreign { .. } => return,
        }
        if is_over {
            entry.end(&mut self.pending);
        }
    }

    /// The account in the run's terms.
    fn holdings_of(&self, account: &VenueAccount) -> Holdings {
        let mut holdings = Holdings {
            cash: account.cash,
            positions: vec![Quantity(0); self.instruments.len()],
            ..Holdings::default()
        };
        for (id, held) in account
            .positions
            .iter()
            .filter_map(|position| position.held)
        {
            if let Some(place) = holdings.positions.get_mut(id.index()) {
                *place = held;
            }
        }
        for order in &account.open_orders {
            if order.instrument.is_none() {
                continue;
            }
            let open = order.terms.map(|terms| OpenOrder {
                instrument: terms.instrument,
                side: terms.side,
                leaves: Quantity(terms.quantity.0.saturating_sub(order.filled.0)),
            });
            let own = OrderName::parse(&order.name).ok();
            match (own.and_then(|name| self.orders.id_of(&name)), open) {
                (Some(id), Some(open)) => {
                    holdings.open.insert(id, open);
                }
                // An order that no run sends, whatever its name.
                (_, open) => {
                    holdings.foreign.insert(order.name.clone(), open);
                }
            }
        }
        holdings
    }
}

/// The broker cannot be reached: the process stops the run, which can be resumed.
fn broken(error: &BrokerError) -> VenueError {
    VenueError {
        reason: format!("the broker: {error}"),
    }
}

/// The broker's name of an order: the gateway's, which every broker accepts.
fn name_of(id: &VenueOrderId) -> Result<OrderName, String> {
    OrderName::parse(id.as_str()).map_err(|error| error.to_string())
}

/// Whether the broker can replace one order with another.
fn may_replace(old: &BrokerOrder, new: &Order) -> Result<(), &'static str> {
    let kind = core::mem::discriminant::<OrderType>;
    let old_order = &old.order;
    if old_order.instrument != new.instrument
        || old_order.side != new.side
        || kind(&old_order.order_type) != kind(&new.order_type)
    {
        return Err("the broker replaces quantity, prices and time in force only");
    }
    if old.filled != 0 {
        return Err(
            "the broker would count what has filled of the order before: cancel it instead",
        );
    }
    Ok(())
}

impl VenueClient for BrokerVenue {
    fn name(&self) -> &'static str {
        "alpaca"
    }

    fn submit(&mut self, cleared: &ClearedIntent<'_>) -> VenueReply {
        let Some(order) = cleared.intent().order() else {
            return VenueReply::Refused("no order".to_owned());
        };
        let wanted = match self.orders.add(cleared.id(), order, true) {
            Ok(entry) => entry.wanted(),
            Err(why) => return VenueReply::Refused(why),
        };
        let placed = self.bridge.submit(wanted, cleared.send_guard());
        self.reply_to(order.client_order_id, placed)
    }

    fn cancel(&mut self, cleared: &ClearedIntent<'_>) -> VenueReply {
        let id = cleared.intent().client_order_id();
        let Some(entry) = self.orders.get_mut(id).filter(|order| !order.is_over) else {
            // Its end is known, and delivered with the next slice.
            return VenueReply::Known;
        };
        match self.bridge.cancel(entry.name.clone()) {
            Ok(CancelOutcome::Requested | CancelOutcome::TooLate) => VenueReply::Known,
            Err(error @ BrokerError::Refused { .. }) => {
                self.reject(id, OrderStatus::Accepted);
                VenueReply::Refused(error.to_string())
            }
            Err(error) => VenueReply::Unknown(error.to_string()),
        }
    }

    fn replace(&mut self, cleared: &ClearedIntent<'_>) -> VenueReply {
        let Intent::Replace { replaces, with } = cleared.intent() else {
            return VenueReply::Refused("no replacement".to_owned());
        };
        let wanted = match self.orders.add(cleared.id(), with, true) {
            Ok(entry) => entry.wanted(),
            Err(why) => return VenueReply::Refused(why),
        };
        let id = with.client_order_id;
        let old = match self.orders.get_mut(*replaces) {
            Some(old) if !old.is_over => match may_replace(old, with) {
                Ok(()) => old.name.clone(),
                Err(why) => return self.refuse(id, why),
            },
            _ => return self.refuse(id, "the order to replace has ended"),
        };
        let placed = self.bridge.replace(old, wanted, cleared.send_guard());
        self.reply_to(id, placed)
    }

    fn expect(&mut self, cleared: &ClearedIntent<'_>) {
        if let Some(order) = cleared.intent().order() {
            // An invalid name is reported by the lookup that follows.
            let _added = self.orders.add(cleared.id(), order, false);
        }
    }

    fn lookup(&mut self, id: &VenueOrderId) -> VenueLookup {
        let name = match name_of(id) {
            Ok(name) => name,
            Err(why) => return VenueLookup::Unknown(why),
        };
        let found = match self.bridge.find(name.clone()) {
            Ok(Some(found)) => found,
            Ok(None) => return VenueLookup::NotFound,
            Err(error) => return VenueLookup::Unknown(error.to_string()),
        };
        let wanted: Option<NewOrder> = self.orders.named(&name).map(|entry| entry.wanted());
        // Another order under our name: to take it as ours would book its fills, and to call it
        // "not found" would send ours beside it.
        if wanted.is_some_and(|wanted| found.terms != Some(wanted.terms)) {
            return VenueLookup::Unknown(format!("the broker has another order named {name}"));
        }
        match found.status {
            VenueStatus::Rejected => {
                if let Some(id) = self.orders.id_of(&name) {
                    self.reject(id, OrderStatus::Rejected);
                }
                VenueLookup::Refused
            }
            VenueStatus::Filled
            | VenueStatus::Canceled
            | VenueStatus::Expired
            | VenueStatus::Replaced => VenueLookup::Over,
            VenueStatus::Pending
            | VenueStatus::Working
            | VenueStatus::PendingCancel
            | VenueStatus::PendingReplace => VenueLookup::Working,
        }
    }

    fn restore(&mut self, cleared: &ClearedIntent<'_>, end: SubmissionEnd) {
        let intent = cleared.intent();
        if let Some(order) = intent.order() {
            let _added = self.orders.add(cleared.id(), order, false);
        }
        if end == SubmissionEnd::NotSent
            && intent.order().is_some()
            && let Some(entry) = self.orders.get_mut(intent.client_order_id())
        {
            entry.is_over = true;
        }
        if end == SubmissionEnd::Rejected {
            let status = if intent.order().is_some() {
                OrderStatus::Rejected
            } else {
                OrderStatus::Accepted
            };
            // Dropped again when the journal turns out to have this delivery.
            self.reject(intent.client_order_id(), status);
        }
    }
}

impl DeliverySource for BrokerVenue {
    fn answers(&mut self, _deliveries: &mut Vec<Delivery>) {}

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        // A slice without a bar has no close time, and nothing can be delivered with it.
        let Some(time) = slice.close_time() else {
            return Ok(());
        };
        // The journal is the source while recorded slices replay, to the delivery: what the broker
        // reports now is held back for the first slice that is not recorded, and a report that the
        // journal has already is dropped.
        if self.is_recorded(slice) {
            for delivery in self.recorded.slices.remove(&time).into_iter().flatten() {
                self.pending.retain(|pending| *pending != delivery);
                self.orders.recorded(&delivery);
                deliveries.push(delivery);
            }
            return Ok(());
        }
        for mut delivery in self.pending.drain(..) {
            if let Delivery::Fill(fill) = &mut delivery {
                // The fill time is the close of the slice that delivers it, not the broker's:
                // replay knows no other clock.
                fill.time = time;
            }
            deliveries.push(delivery);
        }
        Ok(())
    }

    fn is_recorded(&self, slice: &Slice) -> bool {
        slice.close_time() <= self.recorded.settled
    }

    fn apply_reports(&mut self) -> Result<VenueNotices, VenueError> {
        self.recall()?;
        let reports = self.bridge.events().map_err(|error| broken(&error))?;
        Ok(self.absorb(reports))
    }

    fn read_books(&mut self) -> Result<Option<(Holdings, VenueNotices)>, VenueError> {
        self.recall()?;
        let (account, reports) = self.bridge.account().map_err(|error| broken(&error))?;
        let mut notices = self.absorb(reports);
        if account.is_blocked {
            notices.stop = Some(RunStop::of(
                StopCause::VenueDiffers,
                "the broker takes no orders for the account".to_owned(),
            ));
        }
        Ok(Some((self.holdings_of(&account), notices)))
    }

    fn pending(&self) -> &[Delivery] {
        &self.pending
    }
}
