//! The simulated venue: resting orders against closed bars, by the rules of `docs/reference/EXECUTION.md`.
//! Backtest and paper trading use this one; it must never know which of the two it serves.

use alloc::vec;
use alloc::vec::Vec;

use super::books::VenueBooks;
use super::matching::{MatchOutcome, MatchingRules, OrderMatch, match_order, volume_cap};
use super::resting::{InFlightIntent, RestingOrder, end_of_bar, event, expire, split};
use super::sessions::TradingSessions;
use super::{Venue, VenueError};
use crate::bar::RawBar;
use crate::corporate::{CorporateAction, CorporateActionKind, SplitRatio};
use crate::costs::{CostModel, FeeTally, price_after_slippage, slippage_cost};
use crate::execution::{Delivery, Fill, OrderCode};
use crate::instrument::{Instrument, InstrumentId, VolumeKind};
use crate::manifest::RunSetup;
use crate::order::{ClientOrderId, Intent, Order, OrderStatus, OrderType, Side, TimeInForce};
use crate::plan::Released;
use crate::slice::Slice;
use crate::time::UnixNanos;
use crate::units::{BasisPoints, Money, Quantity};

/// One account's simulated venue.
#[derive(Clone, Debug)]
pub struct SimulatedVenue {
    instruments: Vec<Instrument>,
    costs: CostModel,
    matching: MatchingRules,
    books: VenueBooks,
    /// The trading days of each instrument.
    sessions: Vec<TradingSessions>,
    /// Resting orders by instrument, in the sequence in which they were accepted.
    resting: Vec<Vec<RestingOrder>>,
    /// What the venue has not received yet, by instrument, in the sequence in which it was sent.
    in_flight: Vec<Vec<InFlightIntent>>,
    /// Answers to what was sent since the last slice.
    answers: Vec<Delivery>,
    /// Room for the matches of one instrument's bar, reused.
    matches: Vec<(OrderMatch, Side, usize)>,
    /// The close time of the last slice.
    now: UnixNanos,
}

impl SimulatedVenue {
    /// A venue without orders or fills.
    #[must_use]
    pub fn new(setup: &RunSetup) -> Self {
        let count = setup.instruments.len();
        Self {
            instruments: setup.instruments.clone(),
            costs: setup.costs,
            matching: setup.matching,
            books: VenueBooks::new(setup.account_kind, setup.cash, count),
            sessions: vec![TradingSessions::default(); count],
            resting: vec![Vec::new(); count],
            in_flight: vec![Vec::new(); count],
            answers: Vec::new(),
            matches: Vec::new(),
            now: UnixNanos(i64::MIN),
        }
    }

    /// Executes an intent that the venue has received.
    fn take(&mut self, intent: &Intent, deliveries: &mut Vec<Delivery>) {
        match intent {
            Intent::Submit(order) => self.accept(order, deliveries),
            Intent::Cancel(id) => {
                // A cancel of an order that is gone has no answer: the event that ended the order was
                // reported already.
                self.cancel(*id, deliveries);
            }
            Intent::Replace { replaces, with } => {
                // Both or neither: a replacement the venue would not take leaves the old order.
                let refused = match self.refusal(with) {
                    Some(code) => Some(code),
                    None if self.cancel(*replaces, deliveries) => None,
                    None => Some(OrderCode::UnknownOrder),
                };
                match refused {
                    None => self.accept(with, deliveries),
                    Some(code) => {
                        let quantity = with.quantity.0;
                        deliveries.push(event(with, quantity, OrderStatus::Rejected, code));
                    }
                }
            }
        }
    }

    fn accept(&mut self, order: &Order, deliveries: &mut Vec<Delivery>) {
        let (status, code) = match self.refusal(order) {
            None => (OrderStatus::Accepted, OrderCode::None),
            Some(code) => (OrderStatus::Rejected, code),
        };
        // Pushed before the order can match: a strategy never sees a fill of an order that was not
        // accepted.
        deliveries.push(event(order, order.quantity.0, status, code));
        if status == OrderStatus::Accepted
            && let Some(resting) = self.resting.get_mut(order.instrument.index())
        {
            resting.push(RestingOrder::new(*order, self.now));
        }
    }

    /// The rule that keeps the venue from taking the order, if any.
    fn refusal(&self, order: &Order) -> Option<OrderCode> {
        let Some(instrument) = self.instruments.get(order.instrument.index()) else {
            return Some(OrderCode::UnknownInstrument);
        };
        // The venue repeats what the gate has checked: with latency the order comes bars later, and the
        // instrument may have been delisted, halted or split since.
        if self.books.is_delisted(order.instrument) {
            return Some(OrderCode::Delisted);
        }
        if self.books.is_halted(order.instrument, self.now) {
            return Some(OrderCode::InstrumentHalted);
        }
        if order.quantity.0 <= 0 {
            return Some(OrderCode::QuantityNotPositive);
        }
        if !instrument.is_on_lot(order.quantity) {
            return Some(OrderCode::QuantityOffLot);
        }
        // Refused now: an accepted order would be reported as expired with the instrument's next bar,
        // which may never come.
        if let TimeInForce::Gtd(until) = order.time_in_force
            && until <= self.now
        {
            return Some(OrderCode::ExpiredTimeInForce);
        }
        let good = |price| instrument.prices().allows(price) && instrument.is_on_tick(price);
        let priced = match order.order_type {
            OrderType::Market => true,
            OrderType::Limit(price) | OrderType::Stop(price) => good(price),
            OrderType::StopLimit { stop, limit } => good(stop) && good(limit),
        };
        if priced {
            None
        } else {
            Some(OrderCode::PriceOffTick)
        }
    }

    /// Cancels a resting order; `false` if there was none.
    fn cancel(&mut self, id: ClientOrderId, deliveries: &mut Vec<Delivery>) -> bool {
        for resting in &mut self.resting {
            let place = resting
                .iter()
                .position(|resting| resting.order.client_order_id == id);
            if let Some(place) = place {
                let gone = resting.remove(place);
                deliveries.push(gone.event(OrderStatus::Canceled, OrderCode::None));
                return true;
            }
        }
        false
    }

    /// The instrument on whose bars an intent waits; `None` for a cancel of an order that the venue does not have.
    fn instrument_of(&self, intent: &Intent) -> Option<InstrumentId> {
        let Intent::Cancel(id) = intent else {
            return intent.order().map(|order| order.instrument);
        };
        // The orders in flight count too: a cancel waits in the queue of its order, behind it, and cannot
        // overtake it.
        let resting = self.resting.iter().flatten().map(|resting| &resting.order);
        let in_flight = self.in_flight.iter().flatten();
        resting
            .chain(in_flight.filter_map(|waiting| waiting.intent.order()))
            .find(|order| order.client_order_id == *id)
            .map(|order| order.instrument)
    }

    /// Executes the intents whose latency is over.
    fn arrive(&mut self, id: InstrumentId, deliveries: &mut Vec<Delivery>) {
        let Some(waiting) = self.in_flight.get_mut(id.index()) else {
            return;
        };
        if waiting.is_empty() {
            return;
        }
        let mut arrived = Vec::new();
        // In the sequence in which they were sent: a cancel must not arrive before its order.
        waiting.retain_mut(|sent| {
            let is_there = sent.bars == 0;
            if is_there {
                arrived.push(sent.intent);
            }
            sent.bars = sent.bars.saturating_sub(1);
            !is_there
        });
        for intent in arrived {
            self.take(&intent, deliveries);
        }
    }

    /// Applies a corporate action to the books and to the orders of its instrument.
    fn apply(&mut self, action: &CorporateAction, deliveries: &mut Vec<Delivery>) -> Option<()> {
        let id = action.instrument;
        let instrument = self.instruments.get(id.index())?;
        // The books before the orders: a fill of this slice must find the holding in new shares.
        self.books.apply(instrument, action)?;
        let resting = self.resting.get_mut(id.index())?;
        let in_flight = self.in_flight.get_mut(id.index())?;
        let ended = match action.kind {
            CorporateActionKind::SessionEnd => {
                self.sessions.get_mut(id.index())?.end(action.ex_time);
                return Some(());
            }
            CorporateActionKind::Dividend { .. }
            | CorporateActionKind::SymbolChange { .. }
            | CorporateActionKind::Halt { .. } => return Some(()),
            CorporateActionKind::Delisting { .. } => OrderCode::Delisted,
            CorporateActionKind::Split { .. } => OrderCode::CorporateAction,
        };
        let lasts = |order: &mut Order, leaves: &mut i64| match action.kind {
            CorporateActionKind::Split { new, old } => {
                split(order, leaves, SplitRatio { new, old }, instrument)
            }
            CorporateActionKind::Dividend { .. }
            | CorporateActionKind::SymbolChange { .. }
            | CorporateActionKind::Delisting { .. }
            | CorporateActionKind::Halt { .. }
            | CorporateActionKind::SessionEnd => Some(false),
        };
        // `retain_mut` cannot return an error. An order that does not fit is kept and noted, and the run
        // stops below instead of losing it.
        let mut fits = true;
        resting.retain_mut(|resting| {
            let left = lasts(&mut resting.order, &mut resting.leaves).unwrap_or_else(|| {
                fits = false;
                true
            });
            if !left {
                deliveries.push(resting.event(OrderStatus::Canceled, ended));
            }
            left
        });
        in_flight.retain_mut(|sent| {
            let (Intent::Submit(order) | Intent::Replace { with: order, .. }) = &mut sent.intent
            else {
                // A cancel in flight has no price or quantity to convert.
                return true;
            };
            let mut leaves = order.quantity.0;
            let left = lasts(order, &mut leaves).unwrap_or_else(|| {
                fits = false;
                true
            });
            if !left {
                deliveries.push(event(order, leaves, OrderStatus::Canceled, ended));
            }
            left
        });
        fits.then_some(())
    }

    fn match_bar(&mut self, bar: &RawBar, deliveries: &mut Vec<Delivery>) -> Result<(), OrderCode> {
        let id = bar.instrument;
        // Before the match: an intent that arrives with this bar may fill on it.
        self.arrive(id, deliveries);
        // Also while nothing rests: the cash of a later split is computed at this price.
        self.books.mark(bar);
        let instrument = self
            .instruments
            .get(id.index())
            .ok_or(OrderCode::UnknownInstrument)?;
        // On every bar, before the early return: past session ends must leave their queue even while
        // nothing rests.
        let sessions = self.sessions.get_mut(id.index());
        let trading_day = sessions
            .ok_or(OrderCode::UnknownInstrument)?
            .on_bar(bar.open_time);
        let resting = self
            .resting
            .get_mut(id.index())
            .ok_or(OrderCode::UnknownInstrument)?;
        if resting.is_empty() {
            return Ok(());
        }
        // Before the match, or a DAY order would fill on the first bar of the next day.
        expire(resting, bar, trading_day, deliveries);
        // In a bar without volume nothing was traded: nothing fills and no stop is triggered, unless the
        // instrument's bars never have one. In a bar that a halt touches it is unknown which prices were
        // traded outside the halt.
        let halted = self.books.is_halted(id, bar.open_time);
        let traded = match instrument.traits().volume {
            VolumeKind::Traded => bar.volume.0 > 0,
            VolumeKind::None => true,
        };
        if traded && !halted {
            self.matches.clear();
            find_matches(resting, bar, self.matching, &mut self.matches);
            let market = BarExecution {
                instrument,
                costs: &self.costs,
                bar,
            };
            market.fill(resting, &self.matches, &mut self.books, deliveries)?;
        }
        // Also after a halted or empty bar: an immediate order must not rest until trading resumes.
        end_of_bar(resting, deliveries);
        Ok(())
    }
}

impl Venue for SimulatedVenue {
    fn answers(&mut self, deliveries: &mut Vec<Delivery>) {
        deliveries.append(&mut self.answers);
    }

    fn executions(
        &mut self,
        slice: &Slice,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), VenueError> {
        // Actions before bars: they took effect before the close, and a bar after a split has new prices.
        // If one does not fit, venue and account would differ from here on, so the run stops.
        for action in slice.actions() {
            self.apply(action, deliveries).ok_or_else(|| VenueError {
                reason: alloc::format!(
                    "{:?}: a {} does not fit",
                    action.instrument,
                    action.kind.name()
                ),
            })?;
        }
        for bar in slice.bars() {
            self.match_bar(bar.get(), deliveries)
                .map_err(|code| VenueError {
                    reason: alloc::format!("{:?}: {}", bar.get().instrument, code.sentence()),
                })?;
        }
        // Last: an order that arrived with this slice was accepted at the close before it, which decides
        // its trading day.
        self.now = slice.time().unwrap_or(self.now);
        Ok(())
    }

    fn send(&mut self, released: Released) -> Result<(), VenueError> {
        self.receive(&released);
        Ok(())
    }
}

impl SimulatedVenue {
    /// Takes what was released. The sender keeps it, and may send it again.
    pub fn receive(&mut self, released: &Released) {
        let intent = *released.intent();
        let bars = self.matching.latency_bars;
        let instrument = self.instrument_of(&intent);
        let waiting = instrument.and_then(|id| self.in_flight.get_mut(id.index()));
        match waiting {
            Some(waiting) if bars > 0 => waiting.push(InFlightIntent { intent, bars }),
            _ => {
                // Answered at once and delivered with the next slice: no strategy learns of an answer on
                // the bar of its decision.
                let mut answers = core::mem::take(&mut self.answers);
                self.take(&intent, &mut answers);
                self.answers = answers;
            }
        }
    }
}

/// What the bar does to each resting order: stops that it triggers change into what they rest as,
/// and what may fill is put into the sequence of filling.
fn find_matches(
    resting: &mut [RestingOrder],
    bar: &RawBar,
    matching: MatchingRules,
    matches: &mut Vec<(OrderMatch, Side, usize)>,
) {
    for (place, resting) in resting.iter_mut().enumerate() {
        let order = &mut resting.order;
        let outcome = match_order(order.order_type, order.side, bar, matching.limits);
        if outcome == MatchOutcome::Rests {
            continue;
        }
        // The trigger stays if nothing fills on this bar: a stop that was once reached is a market order
        // from then on.
        order.order_type = match order.order_type {
            OrderType::Market | OrderType::Stop(_) => OrderType::Market,
            OrderType::Limit(limit) | OrderType::StopLimit { limit, .. } => OrderType::Limit(limit),
        };
        if let MatchOutcome::Fills(found) = outcome {
            matches.push((found, order.side, place));
        }
    }
    // Sorted over the whole bar before anything fills: volume and cash go to the orders in this sequence,
    // and not in the one in which they were examined.
    matches.sort_by_key(|(found, side, place)| found.sequence(*side, *place));
}

/// One instrument on one bar.
struct BarExecution<'a> {
    instrument: &'a Instrument,
    costs: &'a CostModel,
    bar: &'a RawBar,
}

impl BarExecution<'_> {
    /// Fills what matches, in sequence, as far as volume and books allow.
    fn fill(
        &self,
        resting: &mut [RestingOrder],
        matches: &[(OrderMatch, Side, usize)],
        books: &mut VenueBooks,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), OrderCode> {
        // Shared by all orders of a side: a strategy that splits an order into many gets no more volume
        // than with one.
        let mut left = VolumeCaps::of(self.costs.volume_cap, self.instrument, self.bar)?;
        for (found, side, place) in matches {
            let Some(resting) = resting.get_mut(*place) else {
                continue;
            };
            let most = left.side(*side);
            // A fill-or-kill order fills whole or not at all: the part that the volume cap allows does not count.
            let is_whole =
                resting.order.time_in_force != TimeInForce::Fok || resting.leaves <= most;
            let quantity = resting.leaves.min(most);
            if quantity <= 0 || !is_whole {
                continue;
            }
            let filled = self
                .one_fill(resting, found, Quantity(quantity))
                .ok_or(OrderCode::Overflow)
                .and_then(|(fill, notional, fees)| {
                    books.book(&fill, notional)?;
                    Ok((fill, fees))
                });
            match filled {
                Ok((fill, fees)) => {
                    left.take(*side, quantity);
                    resting.leaves = fill.leaves_quantity.0;
                    resting.fees = fees;
                    deliveries.push(Delivery::Fill(fill));
                }
                Err(code) => {
                    // Ended, or it would break the same rule on every further bar. It took no volume, so
                    // the next order may.
                    deliveries.push(resting.event(OrderStatus::Rejected, code));
                    resting.leaves = 0;
                }
            }
        }
        Ok(())
    }

    /// One fill of a resting order, its notional, and what the order was charged after it.
    fn one_fill(
        &self,
        resting: &RestingOrder,
        found: &OrderMatch,
        quantity: Quantity,
    ) -> Option<(Fill, Money, FeeTally)> {
        let (reference_price, side) = (found.reference_price, resting.order.side);
        let instrument = self.instrument;
        let (price, clamped) = if found.slips {
            price_after_slippage(
                reference_price,
                side,
                quantity,
                &self.costs.slippage,
                instrument,
                self.bar,
            )?
        } else {
            (reference_price, false)
        };
        // At the price after slippage: cash and fee follow what is really paid.
        let notional = instrument.notional(price, quantity)?;
        let liquidity = match resting.order.time_in_force {
            TimeInForce::Gtc | TimeInForce::Day | TimeInForce::Gtd(_) => found.liquidity(),
            // An order that may not rest never makes.
            TimeInForce::Ioc | TimeInForce::Fok => crate::costs::LiquiditySide::Taker,
        };
        let (fee, fees) =
            resting
                .fees
                .charge(&self.costs.fees, liquidity, instrument, notional, quantity)?;
        let fill = Fill {
            instrument: resting.order.instrument,
            client_order_id: resting.order.client_order_id,
            side,
            quantity,
            leaves_quantity: Quantity(resting.leaves.checked_sub(quantity.0)?),
            reference_price,
            price,
            clamped,
            fee,
            slippage: slippage_cost(reference_price, price, side, quantity, instrument)?,
            liquidity,
            time: self.bar.close_time,
        };
        Some((fill, notional, fees))
    }
}

/// What may still fill on each side of one bar.
struct VolumeCaps {
    buy: i64,
    sell: i64,
}

impl VolumeCaps {
    fn of(
        cap: Option<BasisPoints>,
        instrument: &Instrument,
        bar: &RawBar,
    ) -> Result<Self, OrderCode> {
        let most = match cap {
            None => i64::MAX,
            Some(share) => {
                volume_cap(share, instrument, bar)
                    .ok_or(OrderCode::Overflow)?
                    .0
            }
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
        // Never below zero: no fill is larger than what was left.
        *left = left.saturating_sub(quantity);
    }
}
