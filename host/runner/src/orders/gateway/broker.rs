//! A broker as the venue of a run: intents out under one name each, and what the broker says in, as
//! deliveries of the slice that follows. It must never guess: what cannot be ends the run.

mod orders;

use std::collections::BTreeMap;

pub use counterfoil_connect::broker::bridge::Bridge;
use counterfoil_connect::broker::bridge::Told;
use counterfoil_connect::broker::desk::DeskEvent;
use counterfoil_connect::broker::order::{NewOrder, OrderName, Snapshot, VenueOrder, VenueStatus};
use counterfoil_connect::broker::{BrokerError, Cancel};
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

use super::client::{Cleared, Found, Reply, VenueClient};
use super::paper::{Heard, Market};
use crate::orders::lease::RunSlot;
use crate::orders::reconcile::{Holdings, Open};
use orders::{Entry, Orders};

/// What a journal holds of a broker's words, for a run that goes on.
#[derive(Debug, Default)]
pub struct Recorded {
    /// What was delivered with each slice, by its close time.
    pub slices: BTreeMap<UnixNanos, Vec<Delivery>>,
    /// The close time of the last slice of which anything is recorded: until then nothing new is
    /// delivered.
    pub settled: Option<UnixNanos>,
}

/// The venue.
#[derive(Debug)]
pub struct BrokerVenue {
    bridge: Bridge,
    instruments: Vec<Instrument>,
    orders: Orders,
    recorded: Recorded,
    /// What is delivered with the next slice that is not recorded.
    pending: Vec<Delivery>,
    /// That no other run trades there.
    _place: RunSlot,
}

impl BrokerVenue {
    /// A broker's venue for a run of these instruments.
    #[must_use]
    pub fn new(
        bridge: Bridge,
        instruments: Vec<Instrument>,
        recorded: Recorded,
        place: RunSlot,
    ) -> Self {
        Self {
            bridge,
            instruments,
            orders: Orders::default(),
            recorded,
            pending: Vec::new(),
            _place: place,
        }
    }

    /// What a refused order means for the strategy: an order is rejected, a cancel leaves its order as
    /// it is.
    fn reject(&mut self, id: ClientOrderId, status: OrderStatus) {
        if let Some(entry) = self.orders.get_mut(id) {
            let event = entry.event(status, OrderCode::VenueRejected);
            entry.is_over |= status == OrderStatus::Rejected;
            self.pending.push(event);
        }
    }

    /// What the answer to an order means.
    fn heard(&mut self, id: ClientOrderId, placed: Result<VenueOrder, BrokerError>) -> Reply {
        match placed {
            Ok(_) => Reply::Known,
            Err(
                error @ (BrokerError::Refused { .. }
                | BrokerError::Withdrawn { .. }
                | BrokerError::Unsupported { .. }
                | BrokerError::ClockSkew { .. }),
            ) => {
                self.reject(id, OrderStatus::Rejected);
                Reply::Refused(error.to_string())
            }
            Err(error) => Reply::Unknown(error.to_string()),
        }
    }

    fn refuse(&mut self, id: ClientOrderId, why: &str) -> Reply {
        self.reject(id, OrderStatus::Rejected);
        Reply::Refused(why.to_owned())
    }

    /// Tells the broker's desk of orders from before this process.
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

    /// Takes in what was told; what it asks for beside deliveries.
    fn absorb(&mut self, told: Vec<Told>) -> Heard {
        let mut heard = Heard::default();
        for one in told {
            match one {
                Told::Back => heard.is_back = true,
                Told::Lost { .. } => {}
                Told::Denied { reason } => {
                    heard.stop_for(format!("the broker ended its stream: {reason}"));
                }
                Told::Order { event, is_over } => self.absorb_event(&event, is_over, &mut heard),
            }
        }
        heard
    }

    fn absorb_event(&mut self, event: &DeskEvent, is_over: bool, heard: &mut Heard) {
        let (DeskEvent::Moved { name, .. }
        | DeskEvent::Filled { name, .. }
        | DeskEvent::Illegal { name, .. }
        | DeskEvent::Unexplained { name, .. }
        | DeskEvent::Lost { name }) = event
        else {
            heard.is_foreign = true;
            return;
        };
        let Some(entry) = self.orders.named(name) else {
            heard.is_foreign = true;
            return;
        };
        match event {
            DeskEvent::Moved { status, .. } => entry.moved(*status, &mut self.pending),
            DeskEvent::Filled { fill, .. } => {
                if let Err(reason) = check_fill_price(&entry.order, fill.price) {
                    heard.stop_for(format!(
                        "order {name} cannot have filled as the broker says: {reason}"
                    ));
                    return;
                }
                let fill = entry.filled(*fill);
                self.pending.push(fill);
            }
            DeskEvent::Illegal { happened, from, .. } => {
                let said = happened.map_or_else(
                    || "its state".to_owned(),
                    |happened| format!("{happened:?}"),
                );
                heard.stop_for(format!(
                    "order {name} cannot be as the broker says: {said} after {from:?}"
                ));
                return;
            }
            DeskEvent::Unexplained { known, told, .. } => {
                heard.stop_for(format!(
                    "order {name} has filled {} by the broker, with executions for {} only",
                    told.0, known.0
                ));
                return;
            }
            DeskEvent::Lost { .. } => {
                heard.stop_for(format!("the broker does not know order {name} any more"));
                return;
            }
            DeskEvent::Foreign { .. } => return,
        }
        if is_over {
            entry.end(&mut self.pending);
        }
    }

    /// The account in the run's terms.
    fn holdings_of(&self, snapshot: &Snapshot) -> Holdings {
        let mut holdings = Holdings {
            cash: snapshot.cash,
            positions: vec![Quantity(0); self.instruments.len()],
            ..Holdings::default()
        };
        for (id, held) in snapshot.positions.iter().filter_map(|one| one.held) {
            if let Some(place) = holdings.positions.get_mut(id.index()) {
                *place = held;
            }
        }
        for order in &snapshot.open_orders {
            if order.instrument.is_none() {
                continue;
            }
            let open = order.terms.map(|terms| Open {
                instrument: terms.instrument,
                side: terms.side,
                leaves: Quantity(terms.quantity.0.saturating_sub(order.filled.0)),
            });
            let own = OrderName::parse(&order.name).ok();
            match (own.and_then(|name| self.orders.id_of(&name)), open) {
                (Some(id), Some(open)) => {
                    holdings.open.insert(id, open);
                }
                // Of a kind that no run sends, whatever its name.
                (_, open) => {
                    holdings.foreign.insert(order.name.clone(), open);
                }
            }
        }
        holdings
    }
}

/// Nothing is known of the broker: the process ends, and the run can be resumed.
fn broken(error: &BrokerError) -> VenueError {
    VenueError {
        reason: format!("the broker: {error}"),
    }
}

/// The broker's name of an order: the gateway's, which every broker takes.
fn name_of(id: &VenueOrderId) -> Result<OrderName, String> {
    OrderName::parse(id.as_str()).map_err(|error| error.to_string())
}

/// Whether a broker can put one order in the place of another.
fn may_replace(old: &Entry, new: &Order) -> Result<(), &'static str> {
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

    fn submit(&mut self, cleared: &Cleared<'_>) -> Reply {
        let Some(order) = cleared.intent().order() else {
            return Reply::Refused("no order".to_owned());
        };
        let wanted = match self.orders.add(cleared.id(), order, true) {
            Ok(entry) => entry.wanted(),
            Err(why) => return Reply::Refused(why),
        };
        let placed = self.bridge.submit(wanted, cleared.leave());
        self.heard(order.client_order_id, placed)
    }

    fn cancel(&mut self, cleared: &Cleared<'_>) -> Reply {
        let id = cleared.intent().client_order_id();
        let Some(entry) = self.orders.get_mut(id).filter(|one| !one.is_over) else {
            // Its end is known, and on its way to the strategy.
            return Reply::Known;
        };
        match self.bridge.cancel(entry.name.clone()) {
            Ok(Cancel::Requested | Cancel::TooLate) => Reply::Known,
            Err(error @ BrokerError::Refused { .. }) => {
                self.reject(id, OrderStatus::Accepted);
                Reply::Refused(error.to_string())
            }
            Err(error) => Reply::Unknown(error.to_string()),
        }
    }

    fn replace(&mut self, cleared: &Cleared<'_>) -> Reply {
        let Intent::Replace { replaces, with } = cleared.intent() else {
            return Reply::Refused("no replacement".to_owned());
        };
        let wanted = match self.orders.add(cleared.id(), with, true) {
            Ok(entry) => entry.wanted(),
            Err(why) => return Reply::Refused(why),
        };
        let id = with.client_order_id;
        let old = match self.orders.get_mut(*replaces) {
            Some(old) if !old.is_over => match may_replace(old, with) {
                Ok(()) => old.name.clone(),
                Err(why) => return self.refuse(id, why),
            },
            _ => return self.refuse(id, "the order to replace has ended"),
        };
        let placed = self.bridge.replace(old, wanted, cleared.leave());
        self.heard(id, placed)
    }

    fn expect(&mut self, cleared: &Cleared<'_>) {
        if let Some(order) = cleared.intent().order() {
            // A name that is none is told by the look-up that follows.
            let _added = self.orders.add(cleared.id(), order, false);
        }
    }

    fn lookup(&mut self, id: &VenueOrderId) -> Found {
        let name = match name_of(id) {
            Ok(name) => name,
            Err(why) => return Found::Unknown(why),
        };
        let found = match self.bridge.find(name.clone()) {
            Ok(Some(found)) => found,
            Ok(None) => return Found::NotFound,
            Err(error) => return Found::Unknown(error.to_string()),
        };
        let wanted: Option<NewOrder> = self.orders.named(&name).map(|entry| entry.wanted());
        if wanted.is_some_and(|wanted| found.terms != Some(wanted.terms)) {
            return Found::Unknown(format!("the broker has another order named {name}"));
        }
        match found.status {
            VenueStatus::Rejected => {
                if let Some(id) = self.orders.id_of(&name) {
                    self.reject(id, OrderStatus::Rejected);
                }
                Found::Refused
            }
            VenueStatus::Filled
            | VenueStatus::Canceled
            | VenueStatus::Expired
            | VenueStatus::Replaced => Found::Over,
            VenueStatus::Pending
            | VenueStatus::Working
            | VenueStatus::PendingCancel
            | VenueStatus::PendingReplace => Found::Working,
        }
    }

    fn restore(&mut self, cleared: &Cleared<'_>, end: SubmissionEnd) {
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
            // Taken back when the journal turns out to have it.
            self.reject(intent.client_order_id(), status);
        }
    }
}

impl Market for BrokerVenue {
    fn answers(&mut self, _deliveries: &mut Vec<Delivery>) {}

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        let time = slice.close_time().unwrap_or_default();
        if self.is_recorded(slice) {
            for delivery in self.recorded.slices.remove(&time).unwrap_or_default() {
                self.pending.retain(|one| *one != delivery);
                self.orders.recorded(&delivery);
                deliveries.push(delivery);
            }
            return Ok(());
        }
        for mut delivery in self.pending.drain(..) {
            if let Delivery::Fill(fill) = &mut delivery {
                fill.time = time;
            }
            deliveries.push(delivery);
        }
        Ok(())
    }

    fn is_recorded(&self, slice: &Slice) -> bool {
        slice.close_time() <= self.recorded.settled
    }

    fn listen(&mut self) -> Result<Heard, VenueError> {
        self.recall()?;
        let told = self.bridge.events().map_err(|error| broken(&error))?;
        Ok(self.absorb(told))
    }

    fn look(&mut self) -> Result<Option<(Holdings, Heard)>, VenueError> {
        self.recall()?;
        let (snapshot, told) = self.bridge.snapshot().map_err(|error| broken(&error))?;
        let mut heard = self.absorb(told);
        if snapshot.is_blocked {
            heard.stop = Some(RunStop {
                cause: StopCause::VenueDiffers,
                message: "the broker takes no orders for the account".to_owned(),
            });
        }
        Ok(Some((self.holdings_of(&snapshot), heard)))
    }

    fn pending(&self) -> &[Delivery] {
        &self.pending
    }
}
