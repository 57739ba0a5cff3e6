//! The simulated venue: resting orders against closed bars, by the rules of `docs/EXECUTION.md`.
//! Backtest and paper trading use this one; it must never know which of the two it serves.

use alloc::vec;
use alloc::vec::Vec;

use super::books::Books;
use super::matching::{Match, match_order, slipped, volume_cap};
use super::{Venue, VenueError};
use crate::account::AccountKind;
use crate::bar::RawBar;
use crate::execution::{Code, Delivery, Fill, OrderEvent};
use crate::instrument::Instrument;
use crate::order::{ClientOrderId, Intent, Order, OrderStatus, OrderType, Side, TimeInForce};
use crate::plan::Released;
use crate::slice::Slice;
use crate::units::{BasisPoints, Money, Quantity};

/// What trading costs at this venue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Costs {
    /// Fee on the notional of each fill.
    pub fee: BasisPoints,
    /// Slippage on the price of each fill that is not at a limit.
    pub slippage: BasisPoints,
    /// Share of a bar's volume that may fill on each side; `None`: no cap.
    pub volume_cap: Option<BasisPoints>,
}

/// An order that rests at the venue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Resting {
    order: Order,
    leaves: i64,
    /// The trading day of a day order: that of the first bar after it was accepted.
    day: Option<i64>,
}

/// One account's simulated venue.
#[derive(Clone, Debug)]
pub struct SimulatedVenue {
    instruments: Vec<Instrument>,
    costs: Costs,
    books: Books,
    /// Resting orders by instrument, in the sequence in which they were accepted.
    resting: Vec<Vec<Resting>>,
    /// Answers to what was sent since the last slice.
    answers: Vec<Delivery>,
    /// Room for the matches of one instrument's bar, reused.
    matches: Vec<(Match, usize)>,
}

impl SimulatedVenue {
    /// A venue at which nothing was traded yet.
    #[must_use]
    pub fn new(instruments: &[Instrument], costs: Costs, kind: AccountKind, cash: Money) -> Self {
        Self {
            instruments: instruments.to_vec(),
            costs,
            books: Books::new(kind, cash, instruments.len()),
            resting: vec![Vec::new(); instruments.len()],
            answers: Vec::new(),
            matches: Vec::new(),
        }
    }

    fn accept(&mut self, order: Order) {
        let (status, code) = match self.refusal(&order) {
            None => (OrderStatus::Accepted, Code::None),
            Some(code) => (OrderStatus::Rejected, code),
        };
        self.answers
            .push(event(&order, order.quantity.0, status, code));
        if status == OrderStatus::Accepted
            && let Some(resting) = self.resting.get_mut(order.instrument.index())
        {
            resting.push(Resting {
                order,
                leaves: order.quantity.0,
                day: None,
            });
        }
    }

    /// The rule that keeps the venue from taking the order, if any.
    fn refusal(&self, order: &Order) -> Option<Code> {
        let Some(instrument) = self.instruments.get(order.instrument.index()) else {
            return Some(Code::UnknownInstrument);
        };
        if order.quantity.0 <= 0 {
            return Some(Code::QuantityNotPositive);
        }
        if !instrument.is_on_lot(order.quantity) {
            return Some(Code::QuantityOffLot);
        }
        match order.time_in_force {
            TimeInForce::Gtc | TimeInForce::Day => {}
            TimeInForce::Gtd(_) | TimeInForce::Ioc | TimeInForce::Fok => {
                return Some(Code::NotOffered);
            }
        }
        match order.order_type {
            OrderType::Market => None,
            OrderType::Limit(price) | OrderType::Stop(price) => {
                let good = price.0 > 0 && instrument.is_on_tick(price);
                if good { None } else { Some(Code::PriceOffTick) }
            }
            OrderType::StopLimit { .. } => Some(Code::NotOffered),
        }
    }

    /// Takes a resting order back; whether there was one.
    fn cancel(&mut self, id: ClientOrderId) -> bool {
        for resting in &mut self.resting {
            if let Some(place) = resting
                .iter()
                .position(|one| one.order.client_order_id == id)
            {
                let gone = resting.remove(place);
                self.answers.push(event(
                    &gone.order,
                    gone.leaves,
                    OrderStatus::Canceled,
                    Code::None,
                ));
                return true;
            }
        }
        false
    }

    /// Ends day orders whose trading day is over, and gives new ones theirs.
    fn expire(resting: &mut Vec<Resting>, bar: &RawBar, deliveries: &mut Vec<Delivery>) {
        let today = bar.open_time.day();
        resting.retain_mut(|one| {
            if one.order.time_in_force != TimeInForce::Day {
                return true;
            }
            let alive = *one.day.get_or_insert(today) == today;
            if !alive {
                deliveries.push(event(
                    &one.order,
                    one.leaves,
                    OrderStatus::Expired,
                    Code::None,
                ));
            }
            alive
        });
    }

    fn match_bar(&mut self, bar: &RawBar, deliveries: &mut Vec<Delivery>) -> Result<(), Code> {
        let id = bar.instrument;
        let instrument = self
            .instruments
            .get(id.index())
            .ok_or(Code::UnknownInstrument)?;
        let resting = self
            .resting
            .get_mut(id.index())
            .ok_or(Code::UnknownInstrument)?;
        if resting.is_empty() {
            return Ok(());
        }
        Self::expire(resting, bar, deliveries);
        self.matches.clear();
        for (place, one) in resting.iter().enumerate() {
            if let Some(found) = match_order(one.order.order_type, one.order.side, bar) {
                self.matches.push((found, place));
            }
        }
        self.matches
            .sort_by_key(|(found, place)| (found.moment, *place));
        let mut left = Caps::of(self.costs.volume_cap, instrument, bar)?;
        for (found, place) in &self.matches {
            let Some(one) = resting.get_mut(*place) else {
                continue;
            };
            let quantity = one.leaves.min(left.side(one.order.side));
            if quantity <= 0 {
                continue;
            }
            let filled = fill(
                one,
                found,
                Quantity(quantity),
                (instrument, &self.costs),
                bar,
            )
            .ok_or(Code::Overflow)
            .and_then(|(fill, notional)| {
                let key = (id, one.order.side);
                self.books
                    .book(key, fill.quantity, (notional, fill.fee))
                    .map(|()| fill)
            });
            match filled {
                Ok(fill) => {
                    left.take(one.order.side, quantity);
                    one.leaves = fill.leaves_quantity.0;
                    deliveries.push(Delivery::Fill(fill));
                }
                Err(code) => {
                    deliveries.push(event(&one.order, one.leaves, OrderStatus::Rejected, code));
                    one.leaves = 0;
                }
            }
        }
        resting.retain(|one| one.leaves > 0);
        Ok(())
    }
}

impl Venue for SimulatedVenue {
    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        deliveries.append(&mut self.answers);
        for bar in slice.bars() {
            self.match_bar(bar.get(), deliveries)
                .map_err(|code| VenueError {
                    reason: alloc::format!("{:?}: {}", bar.get().instrument, code.text().1),
                })?;
        }
        Ok(())
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        match *released.intent() {
            Intent::Submit(order) => self.accept(order),
            Intent::Cancel(id) => {
                self.cancel(id);
            }
            Intent::Replace { replaces, with } => match self.refusal(&with) {
                // Both or neither: a replacement the venue would not take leaves the old order.
                Some(code) => {
                    let quantity = with.quantity.0;
                    self.answers
                        .push(event(&with, quantity, OrderStatus::Rejected, code));
                }
                None if self.cancel(replaces) => self.accept(with),
                None => self.answers.push(event(
                    &with,
                    with.quantity.0,
                    OrderStatus::Rejected,
                    Code::UnknownOrder,
                )),
            },
        }
        Ok(())
    }
}

/// What may still fill on each side of one bar.
struct Caps {
    buy: i64,
    sell: i64,
}

impl Caps {
    fn of(cap: Option<BasisPoints>, instrument: &Instrument, bar: &RawBar) -> Result<Self, Code> {
        let most = match cap {
            // A bar in which nothing was traded fills nothing, cap or no cap.
            _ if bar.volume.0 == 0 => 0,
            None => i64::MAX,
            Some(share) => volume_cap(share, instrument, bar).ok_or(Code::Overflow)?.0,
        };
        Ok(Self {
            buy: most,
            sell: most,
        })
    }

    const fn side(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        }
    }

    fn take(&mut self, side: Side, quantity: i64) {
        let left = match side {
            Side::Buy => &mut self.buy,
            Side::Sell => &mut self.sell,
        };
        *left = left.saturating_sub(quantity);
    }
}

/// One fill of a resting order, and its notional.
fn fill(
    one: &Resting,
    found: &Match,
    quantity: Quantity,
    (instrument, costs): (&Instrument, &Costs),
    bar: &RawBar,
) -> Option<(Fill, Money)> {
    let reference_price = found.reference_price;
    let (price, clamped) = if found.slips {
        slipped(
            reference_price,
            one.order.side,
            costs.slippage,
            instrument,
            bar,
        )?
    } else {
        (reference_price, false)
    };
    let notional = instrument.notional(price, quantity)?;
    let fill = Fill {
        instrument: one.order.instrument,
        client_order_id: one.order.client_order_id,
        side: one.order.side,
        quantity,
        leaves_quantity: Quantity(one.leaves.checked_sub(quantity.0)?),
        reference_price,
        price,
        clamped,
        fee: Money(costs.fee.of(notional.0)?),
        time: bar.close_time,
    };
    Some((fill, notional))
}

fn event(order: &Order, leaves: i64, status: OrderStatus, code: Code) -> Delivery {
    Delivery::Event(OrderEvent {
        instrument: order.instrument,
        client_order_id: order.client_order_id,
        status,
        code,
        leaves_quantity: Quantity(leaves),
    })
}
