//! Orders from their approval to their end, and what kept those from filling that never did. It must never
//! guess: it applies the venue's rules to recorded bars, and says nothing about a broker's venue.

use std::collections::BTreeMap;

use counterfoil_trading::bar::RawBar;
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind, SplitRatio};
use counterfoil_trading::execution::{Fill, OrderEvent};
use counterfoil_trading::instrument::{Instrument, VolumeKind};
use counterfoil_trading::manifest::RunSetup;
use counterfoil_trading::order::{Order, OrderStatus, OrderType, TimeInForce};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{BasisPoints, Quantity};
use counterfoil_trading::venue::matching::{LimitFillRule, MatchOutcome, match_order, volume_cap};

/// Orders that are listed one by one; all are in the counts.
const LISTED_MAX: usize = 20;

/// What kept an order from filling on one bar.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum FillObstacle {
    /// The bar has a volume of zero.
    NoVolume,
    /// Trading was halted.
    Halted,
    /// The price did not reach the limit.
    LimitNotReached,
    /// The price did not reach the stop.
    StopNotReached,
    /// The share of the bar's volume is less than one lot.
    CapBelowLot,
    /// The share of the bar's volume is less than a fill-or-kill order.
    CapBelowOrder,
    /// Other orders took the share of the bar's volume.
    CapUsed,
}

impl FillObstacle {
    /// Its stable name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NoVolume => "no-volume",
            Self::Halted => "halted",
            Self::LimitNotReached => "limit-not-reached",
            Self::StopNotReached => "stop-not-reached",
            Self::CapBelowLot => "volume-cap-below-lot",
            Self::CapBelowOrder => "volume-cap-below-order",
            Self::CapUsed => "volume-cap-used",
        }
    }

    /// What it means.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::NoVolume => "the bar had no volume",
            Self::Halted => "trading was halted",
            Self::LimitNotReached => "the price did not reach the limit",
            Self::StopNotReached => "the price did not reach the stop",
            Self::CapBelowLot => "the volume cap left less than one lot",
            Self::CapBelowOrder => "the volume cap left less than the whole order",
            Self::CapUsed => "other orders took what the volume cap left",
        }
    }
}

/// The decision that requested an order.
#[derive(Clone, Debug)]
pub(crate) struct OrderOrigin {
    pub(crate) entry: u64,
    pub(crate) reason: Option<String>,
}

/// An order that has not ended.
#[derive(Clone, Debug)]
struct WatchedOrder {
    /// As it rests: a split changes it, and a trigger makes another type of it.
    order: Order,
    origin: OrderOrigin,
    is_at_venue: bool,
    has_filled: bool,
    /// Bars that it could have filled on.
    bars: u64,
    obstacles: BTreeMap<FillObstacle, u64>,
}

/// An order that ended, or was still working at the end, without a fill.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct UnfilledOrder {
    pub(crate) order: Order,
    /// The journal entry of the decision that requested it.
    pub(crate) entry: u64,
    /// Its last status, or `working`.
    pub(crate) outcome: &'static str,
    /// The code of that status; empty without one.
    pub(crate) code: &'static str,
    /// Bars that it could have filled on.
    pub(crate) bars: u64,
    /// Bars by what stood in the way.
    pub(crate) obstacles: BTreeMap<FillObstacle, u64>,
}

/// On how many orders and bars something stood in the way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ObstacleCount {
    pub(crate) orders: u64,
    pub(crate) bars: u64,
}

/// Orders without a fill.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct UnfilledOrders {
    /// How many.
    pub(crate) count: u64,
    /// How many by outcome and code.
    pub(crate) outcomes: BTreeMap<(&'static str, &'static str), u64>,
    /// What stood in the way.
    pub(crate) obstacles: BTreeMap<FillObstacle, ObstacleCount>,
    /// The first of them.
    pub(crate) first: Vec<UnfilledOrder>,
}

/// The rules of the simulated venue.
#[derive(Clone, Copy, Debug)]
struct VenueRules {
    limits: LimitFillRule,
    cap: Option<BasisPoints>,
}

/// Watches the orders of one run.
#[derive(Debug)]
pub(crate) struct OrderWatch {
    /// `None` where a broker decides.
    rules: Option<VenueRules>,
    /// Orders that have not ended, by client order id.
    open: BTreeMap<u64, WatchedOrder>,
    /// Orders that expired on a bar whose decision has not come yet.
    expired: Vec<WatchedOrder>,
    /// Until when each instrument is halted.
    halts: Vec<Option<UnixNanos>>,
    unfilled: UnfilledOrders,
}

impl OrderWatch {
    pub(crate) fn new(setup: &RunSetup) -> Self {
        let rules = VenueRules {
            limits: setup.matching.limits,
            cap: setup.costs.volume_cap,
        };
        Self {
            rules: setup.broker.is_none().then_some(rules),
            open: BTreeMap::new(),
            expired: Vec::new(),
            halts: vec![None; setup.instruments.len()],
            unfilled: UnfilledOrders::default(),
        }
    }

    /// Whether an order is watched.
    pub(crate) fn has_open(&self) -> bool {
        !self.open.is_empty() || !self.expired.is_empty()
    }

    /// An order that the gate let through, or one of the host's own.
    pub(crate) fn sent(&mut self, order: Order, origin: OrderOrigin) {
        let watched = WatchedOrder {
            order,
            origin,
            is_at_venue: false,
            has_filled: false,
            bars: 0,
            obstacles: BTreeMap::new(),
        };
        self.open.insert(order.client_order_id.0, watched);
    }

    /// The decision that requested the order of a fill, where the journal holds it.
    pub(crate) fn filled(&mut self, fill: &Fill) -> Option<OrderOrigin> {
        let id = fill.client_order_id.0;
        let watched = self.open.get_mut(&id)?;
        watched.has_filled = true;
        let origin = watched.origin.clone();
        // Forgotten once it is filled, or a run of years would keep every order it ever had.
        if fill.leaves_quantity.0 == 0 {
            self.open.remove(&id);
        }
        Some(origin)
    }

    pub(crate) fn event(&mut self, event: &OrderEvent) {
        let id = event.client_order_id.0;
        if !event.status.is_final() {
            if let Some(watched) = self.open.get_mut(&id) {
                watched.is_at_venue |= event.status == OrderStatus::Accepted;
            }
            return;
        }
        let Some(watched) = self.open.remove(&id).filter(|order| !order.has_filled) else {
            return;
        };
        let is_immediate = matches!(
            watched.order.time_in_force,
            TimeInForce::Ioc | TimeInForce::Fok
        );
        // An immediate order expires after its bar, whose decision comes after this event.
        if event.status == OrderStatus::Expired && is_immediate {
            self.expired.push(watched);
        } else {
            self.unfilled
                .note(watched, event.status.name(), event.code.name());
        }
    }

    pub(crate) fn action(&mut self, action: &CorporateAction, instrument: &Instrument) {
        match action.kind {
            CorporateActionKind::Halt { until } => {
                if let Some(halt) = self.halts.get_mut(action.instrument.index()) {
                    *halt = (*halt).max(Some(until));
                }
            }
            CorporateActionKind::Split { new, old } => {
                for watched in self.open.values_mut() {
                    let order = &mut watched.order;
                    if order.instrument != action.instrument {
                        continue;
                    }
                    let (kind, side) = (order.order_type, order.side);
                    let after =
                        SplitRatio { new, old }.order(instrument, kind, side, order.quantity);
                    if let Some((kind, quantity)) = after {
                        order.order_type = kind;
                        order.quantity = quantity;
                    }
                }
            }
            CorporateActionKind::Dividend { .. }
            | CorporateActionKind::SymbolChange { .. }
            | CorporateActionKind::Delisting { .. }
            | CorporateActionKind::SessionEnd => {}
        }
    }

    /// Looks at a bar, after its deliveries: the orders that the venue had and that are without a fill did
    /// not fill on it.
    pub(crate) fn bar(&mut self, bar: &RawBar, instrument: &Instrument) {
        let halt = self.halts.get(bar.instrument.index()).copied().flatten();
        let is_halted = halt.is_some_and(|until| bar.open_time < until);
        let rules = self.rules;
        let look = |watched: &mut WatchedOrder| {
            watched.bars = watched.bars.saturating_add(1);
            let found = rules
                .and_then(|rules| obstacle(rules, &mut watched.order, bar, instrument, is_halted));
            if let Some(found) = found {
                let bars = watched.obstacles.entry(found).or_default();
                *bars = bars.saturating_add(1);
            }
        };
        self.open
            .values_mut()
            .filter(|watched| watched.order.instrument == bar.instrument)
            .filter(|watched| watched.is_at_venue && !watched.has_filled)
            .for_each(look);
        let is_here = |watched: &mut WatchedOrder| watched.order.instrument == bar.instrument;
        for mut watched in self.expired.extract_if(.., is_here) {
            look(&mut watched);
            self.unfilled.note(watched, OrderStatus::Expired.name(), "");
        }
    }

    /// How many orders still work, and all that never filled.
    pub(crate) fn finish(mut self) -> (u64, UnfilledOrders) {
        let working = u64::try_from(self.open.len()).unwrap_or(u64::MAX);
        // Without the decision on its bar, as after a fault, nothing is known of what stood in the way.
        for watched in self.expired {
            self.unfilled.note(watched, OrderStatus::Expired.name(), "");
        }
        for watched in self.open.into_values() {
            if !watched.has_filled {
                self.unfilled.note(watched, "working", "");
            }
        }
        (working, self.unfilled)
    }
}

impl UnfilledOrders {
    fn note(&mut self, watched: WatchedOrder, outcome: &'static str, code: &'static str) {
        self.count = self.count.saturating_add(1);
        let count = self.outcomes.entry((outcome, code)).or_default();
        *count = count.saturating_add(1);
        for (obstacle, bars) in &watched.obstacles {
            let count = self.obstacles.entry(*obstacle).or_default();
            count.orders = count.orders.saturating_add(1);
            count.bars = count.bars.saturating_add(*bars);
        }
        if self.first.len() < LISTED_MAX {
            self.first.push(UnfilledOrder {
                order: watched.order,
                entry: watched.origin.entry,
                outcome,
                code,
                bars: watched.bars,
                obstacles: watched.obstacles,
            });
        }
    }
}

/// What kept the order from filling on a bar on which it did not; a stop that the bar triggers changes into
/// what it rests as. `None` if an amount does not fit.
///
/// Source: the tables of `docs/reference/EXECUTION.md`.
fn obstacle(
    rules: VenueRules,
    order: &mut Order,
    bar: &RawBar,
    instrument: &Instrument,
    is_halted: bool,
) -> Option<FillObstacle> {
    if is_halted {
        return Some(FillObstacle::Halted);
    }
    // As the venue: where no bar has a volume, a volume of zero says nothing.
    if bar.volume.0 <= 0 && instrument.traits().volume == VolumeKind::Traded {
        return Some(FillObstacle::NoVolume);
    }
    let before = order.order_type;
    let outcome = match_order(before, order.side, bar, rules.limits);
    if outcome != MatchOutcome::Rests {
        order.order_type = match before {
            OrderType::Market | OrderType::Stop(_) => OrderType::Market,
            OrderType::Limit(limit) | OrderType::StopLimit { limit, .. } => OrderType::Limit(limit),
        };
    }
    match outcome {
        MatchOutcome::Rests => Some(match before {
            OrderType::Stop(_) | OrderType::StopLimit { .. } => FillObstacle::StopNotReached,
            OrderType::Limit(_) | OrderType::Market => FillObstacle::LimitNotReached,
        }),
        MatchOutcome::Triggered => Some(FillObstacle::LimitNotReached),
        MatchOutcome::Fills(_) => {
            let most = volume_cap(rules.cap?, instrument, bar)?;
            Some(if most == Quantity(0) {
                FillObstacle::CapBelowLot
            } else if order.time_in_force == TimeInForce::Fok && most < order.quantity {
                FillObstacle::CapBelowOrder
            } else {
                // A rule of the account would have ended the order, so only the other orders of its side are left.
                FillObstacle::CapUsed
            })
        }
    }
}

#[cfg(test)]
mod tests;
