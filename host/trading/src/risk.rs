//! The risk gate: turns an intent into an [`Approved`] action, or refuses it by a stable code.
//!
//! It must never know a venue. It decides from the account as of this bar and the limits of the
//! manifest alone, and whatever cannot be computed is refused.

use alloc::collections::BTreeMap;

use crate::account::{Account, AccountKind, Position};
use crate::execution::OrderCode;
use crate::instrument::{Instrument, InstrumentId};
use crate::order::{ClientOrderId, Intent, Order, OrderType, Side};
use crate::strategy::WorkingOrder;
use crate::units::{BasisPoints, Money, Price, Quantity};

/// The limits of one run. There is no default: a run without risk limits does not start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RiskLimits {
    /// Orders let through on one bar.
    pub orders_per_bar_max: u32,
    /// Orders working at once.
    pub working_orders_max: u32,
    /// Value of one order at the last close, or at its limit where that is higher. It does not hold
    /// for an order that only reduces a position.
    pub order_notional_max: Money,
    /// Value of one position after the order.
    pub position_notional_max: Money,
    /// Sum of the absolute values of all positions after the order.
    pub gross_exposure_max: Money,
    /// Distance of a limit or stop price from the last close.
    pub price_collar: BasisPoints,
    /// Fall of equity from its peak, after which only reducing orders pass.
    pub drawdown_max: BasisPoints,
    /// What a live run needs beside these; a backtest may leave it out.
    pub daily: LiveRiskLimits,
}

/// Limits that a backtest may do without. `None`: not asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LiveRiskLimits {
    /// Orders let through on one UTC day.
    pub orders_per_day_max: Option<u32>,
    /// Absolute value of the sum of all signed position values after the order.
    pub net_exposure_max: Option<Money>,
    /// Fall of equity since the last mark of the UTC day before, after which only reducing orders
    /// pass.
    pub daily_loss_max: Option<Money>,
    /// Nanoseconds from a bar's close to its decision, after which only reducing orders pass.
    pub bar_age_max: Option<i64>,
    /// Nanoseconds by which the machine's clock may be off. The runner holds it, not the gate.
    pub clock_offset_max: Option<i64>,
}

/// What a margin account may hold: gross exposure up to this many hundredths of its equity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Leverage(pub u32);

/// What a margin account must keep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MaintenanceMargin {
    /// The least equity, as a share of gross exposure.
    pub rate: BasisPoints,
    /// What happens below it.
    pub policy: MarginCallPolicy,
}

/// What happens while equity is below the maintenance margin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MarginCallPolicy {
    /// Only orders that reduce a position pass.
    Reduce,
    /// The same, and the host takes all orders back and flattens every position.
    Liquidate,
}

/// What was let through, and can only be made here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Approved {
    intent: Intent,
}

impl Approved {
    /// What was let through.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.intent
    }
}

/// What the gate looks at.
#[derive(Clone, Copy, Debug)]
pub struct RiskContext<'a> {
    /// The run's instruments.
    pub instruments: &'a [Instrument],
    /// The account as of this bar.
    pub account: &'a Account,
    /// Orders that can still fill.
    pub working: &'a [WorkingOrder],
    /// Orders let through on this bar already.
    pub approved_on_bar: u32,
    /// Whether the instrument's warm-up is not over.
    pub warming_up: bool,
    /// Whether equity is below the maintenance margin.
    pub margin_call: bool,
    /// Orders let through on this UTC day already.
    pub approved_on_day: u32,
    /// Equity at the last mark of the UTC day before.
    pub day_equity: Money,
    /// Nanoseconds from the bar's close to its decision; `None` where no clock tells.
    pub bar_age: Option<i64>,
}

/// The gate of one run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RiskGate {
    limits: RiskLimits,
    leverage: Leverage,
}

impl RiskGate {
    /// A gate with these limits.
    #[must_use]
    pub const fn new(limits: RiskLimits, leverage: Leverage) -> Self {
        Self { limits, leverage }
    }

    /// Lets the intent through, or says which rule stops it.
    ///
    /// # Errors
    ///
    /// Returns the [`OrderCode`] of the first rule that the intent breaks.
    pub fn review(
        &self,
        intent: Intent,
        situation: &RiskContext<'_>,
    ) -> Result<Approved, OrderCode> {
        let is_working = |id| {
            situation
                .working
                .iter()
                .any(|working| working.client_order_id == id)
        };
        match &intent {
            Intent::Cancel(id) if !is_working(*id) => return Err(OrderCode::UnknownOrder),
            Intent::Cancel(_) => {}
            Intent::Replace { replaces, .. } if !is_working(*replaces) => {
                return Err(OrderCode::UnknownOrder);
            }
            Intent::Submit(order) => self.review_order(order, None, situation)?,
            Intent::Replace { replaces, with } => {
                self.review_order(with, Some(*replaces), situation)?;
            }
        }
        Ok(Approved { intent })
    }

    /// Lets one of the host's own orders through: a market order that takes a position to zero,
    /// and nothing else. The limits are not asked, because each of them would keep a risk that is
    /// to end.
    ///
    /// # Errors
    ///
    /// Returns the [`Code`] of the rule that the order breaks.
    pub fn review_flatten(
        order: Order,
        situation: &RiskContext<'_>,
    ) -> Result<Approved, OrderCode> {
        if situation
            .instruments
            .get(order.instrument.index())
            .is_none()
        {
            return Err(OrderCode::UnknownInstrument);
        }
        let held = situation.account.position(order.instrument).quantity.0;
        let flat = match order.side {
            Side::Buy => held.checked_add(order.quantity.0),
            Side::Sell => held.checked_sub(order.quantity.0),
        };
        let is_market = order.order_type == OrderType::Market;
        if order.quantity.0 <= 0 || flat != Some(0) || !is_market {
            return Err(OrderCode::QuantityNotPositive);
        }
        Ok(Approved {
            intent: Intent::Submit(order),
        })
    }

    fn review_order(
        &self,
        order: &Order,
        replaces: Option<ClientOrderId>,
        situation: &RiskContext<'_>,
    ) -> Result<(), OrderCode> {
        let instrument = situation
            .instruments
            .get(order.instrument.index())
            .ok_or(OrderCode::UnknownInstrument)?;
        if situation.warming_up {
            return Err(OrderCode::WarmingUp);
        }
        if order.quantity.0 <= 0 {
            return Err(OrderCode::QuantityNotPositive);
        }
        if situation.approved_on_bar >= self.limits.orders_per_bar_max {
            return Err(OrderCode::OrdersPerBarLimit);
        }
        let per_day = self.limits.daily.orders_per_day_max;
        if per_day.is_some_and(|most| situation.approved_on_day >= most) {
            return Err(OrderCode::OrdersPerDayLimit);
        }
        let working = u32::try_from(situation.working.len()).unwrap_or(u32::MAX);
        if working >= self.limits.working_orders_max {
            return Err(OrderCode::WorkingOrdersLimit);
        }
        let others = OtherOrders {
            working: situation.working,
            replaced: replaces,
        };
        self.review_size(order, instrument, (others, situation))
    }

    fn review_size(
        &self,
        order: &Order,
        instrument: &Instrument,
        (others, situation): (OtherOrders<'_>, &RiskContext<'_>),
    ) -> Result<(), OrderCode> {
        let account = situation.account;
        let position = account.position(order.instrument);
        let mark = position.mark_price.ok_or(OrderCode::NoPrice)?;
        self.check_collar(order, mark)?;
        let dearest = worst_price(order, mark);
        let notional = instrument
            .notional(dearest, order.quantity)
            .ok_or(OrderCode::Overflow)?;
        if notional > self.limits.order_notional_max && !reduces(order, position) {
            return Err(OrderCode::OrderNotionalLimit);
        }
        let ahead = others.quantity(order.instrument, order.side)?;
        let after = ProjectedExposure::after((order, ahead), instrument, &position, mark, account)?;
        if account.kind() == AccountKind::Cash {
            check_cash(order, position, notional, (others, situation))?;
        }
        if after.reduces {
            return Ok(());
        }
        if situation.margin_call {
            return Err(OrderCode::MarginCall);
        }
        // A bar from the future is of a clock that was set: as little to be traded on as an old one.
        let far = |age: i64, most: i64| age.unsigned_abs() > most.unsigned_abs();
        let late = |most: i64| situation.bar_age.is_some_and(|age| far(age, most));
        if self.limits.daily.bar_age_max.is_some_and(late) {
            return Err(OrderCode::BarTooLate);
        }
        if after.position > self.limits.position_notional_max {
            return Err(OrderCode::PositionNotionalLimit);
        }
        let elsewhere = OtherInstrumentExposure::of(others, situation, order.instrument)?;
        let gross = after
            .gross
            .plus(elsewhere.gross)
            .ok_or(OrderCode::Overflow)?;
        if gross > self.limits.gross_exposure_max {
            return Err(OrderCode::GrossExposureLimit);
        }
        if let Some(most) = self.limits.daily.net_exposure_max
            && net_exposure(account, (order.instrument, after.value), &elsewhere)? > most
        {
            return Err(OrderCode::NetExposureLimit);
        }
        if account.kind() == AccountKind::Margin && gross > self.buying_power(account)? {
            return Err(OrderCode::NoBuyingPower);
        }
        self.check_drawdown(account)?;
        self.check_day(account, situation.day_equity)
    }

    fn check_day(&self, account: &Account, before: Money) -> Result<(), OrderCode> {
        let Some(most) = self.limits.daily.daily_loss_max else {
            return Ok(());
        };
        let fall = before.minus(account.equity()).ok_or(OrderCode::Overflow)?;
        if fall > most {
            Err(OrderCode::DailyLossLimit)
        } else {
            Ok(())
        }
    }

    fn buying_power(&self, account: &Account) -> Result<Money, OrderCode> {
        let scaled = account.equity().0.checked_mul(i128::from(self.leverage.0));
        scaled
            .and_then(|value| value.checked_div_euclid(100))
            .map(Money)
            .ok_or(OrderCode::Overflow)
    }

    fn check_collar(&self, order: &Order, mark: Price) -> Result<(), OrderCode> {
        let (first, second) = prices_of(order.order_type);
        let width = self
            .limits
            .price_collar
            .share_of_rounded_down(i128::from(mark.0));
        let width = width.ok_or(OrderCode::Overflow)?;
        for price in [first, second].into_iter().flatten() {
            let distance = i128::from(price.0)
                .saturating_sub(i128::from(mark.0))
                .saturating_abs();
            if distance > width {
                return Err(OrderCode::PriceCollar);
            }
        }
        Ok(())
    }

    fn check_drawdown(&self, account: &Account) -> Result<(), OrderCode> {
        let fall = account
            .equity_peak()
            .minus(account.equity())
            .ok_or(OrderCode::Overflow)?;
        let allowed = self
            .limits
            .drawdown_max
            .share_of(account.equity_peak().0)
            .ok_or(OrderCode::Overflow)?;
        if fall.0 > allowed {
            Err(OrderCode::DrawdownLimit)
        } else {
            Ok(())
        }
    }
}

/// The working orders beside the one that is asked for. One that it replaces is not among them:
/// the venue takes both or neither.
#[derive(Clone, Copy)]
struct OtherOrders<'a> {
    working: &'a [WorkingOrder],
    replaced: Option<ClientOrderId>,
}

impl OtherOrders<'_> {
    fn iter(&self) -> impl Iterator<Item = &WorkingOrder> {
        let counts = |one: &&WorkingOrder| Some(one.client_order_id) != self.replaced;
        self.working.iter().filter(counts)
    }

    /// What is left to fill on one side of an instrument.
    fn quantity(&self, instrument: InstrumentId, side: Side) -> Result<i64, OrderCode> {
        self.iter()
            .filter(|working| working.instrument == instrument && working.side == side)
            .try_fold(0_i64, |sum, working| {
                sum.checked_add(working.leaves_quantity.0)
            })
            .ok_or(OrderCode::Overflow)
    }
}

/// Whether the order alone takes the position towards zero, at most to it. What a single order may
/// be worth is no reason to keep a position that has grown: its protective stop would be refused.
fn reduces(order: &Order, position: Position) -> bool {
    let held = position.quantity.0;
    let is_against = match order.side {
        Side::Buy => held < 0,
        Side::Sell => held > 0,
    };
    is_against && order.quantity.0.unsigned_abs() <= held.unsigned_abs()
}

/// What the account would hold if this order and those already working on its side were filled.
struct ProjectedExposure {
    /// Absolute value of the position.
    position: Money,
    /// Signed value of the position.
    value: Money,
    /// Sum of the absolute values of all positions.
    gross: Money,
    /// Whether the position shrinks towards zero and does not change its sign.
    reduces: bool,
}

impl ProjectedExposure {
    fn after(
        (order, ahead): (&Order, i64),
        instrument: &Instrument,
        position: &Position,
        mark: Price,
        account: &Account,
    ) -> Result<Self, OrderCode> {
        let sent = ahead
            .checked_add(order.quantity.0)
            .ok_or(OrderCode::Overflow)?;
        let signed = match order.side {
            Side::Buy => Some(sent),
            Side::Sell => sent.checked_neg(),
        };
        let held = position.quantity.0;
        let quantity = signed
            .and_then(|signed| held.checked_add(signed))
            .ok_or(OrderCode::Overflow)?;
        let value = instrument
            .notional(mark, Quantity(quantity))
            .ok_or(OrderCode::Overflow)?;
        let magnitude = |money: Money| money.0.checked_abs().map(Money).ok_or(OrderCode::Overflow);
        let now = magnitude(position.value)?;
        let then = magnitude(value)?;
        let gross = account.gross_exposure().ok_or(OrderCode::Overflow)?;
        let gross = gross
            .minus(now)
            .and_then(|others| others.plus(then))
            .ok_or(OrderCode::Overflow)?;
        let same_side = quantity == 0 || (quantity > 0) == (held > 0);
        let reduces = same_side && quantity.unsigned_abs() < held.unsigned_abs();
        Ok(Self {
            position: then,
            value,
            gross,
            reduces,
        })
    }
}

/// What the working orders in other instruments can add to the account's exposure: of each
/// instrument, one side may fill and the other not.
struct OtherInstrumentExposure {
    /// To the sum of absolute values, at the worst.
    gross: Money,
    /// To the sum of signed values, if only what buys fills.
    up: Money,
    /// To the same, if only what sells fills; not above zero.
    down: Money,
}

impl OtherInstrumentExposure {
    fn of(
        others: OtherOrders<'_>,
        situation: &RiskContext<'_>,
        except: InstrumentId,
    ) -> Result<Self, OrderCode> {
        let mut left: BTreeMap<InstrumentId, (i64, i64)> = BTreeMap::new();
        for working in others.iter().filter(|one| one.instrument != except) {
            let (buys, sells) = left.entry(working.instrument).or_default();
            let side = match working.side {
                Side::Buy => buys,
                Side::Sell => sells,
            };
            let sum = side.checked_add(working.leaves_quantity.0);
            *side = sum.ok_or(OrderCode::Overflow)?;
        }
        let mut all = Self {
            gross: Money::ZERO,
            up: Money::ZERO,
            down: Money::ZERO,
        };
        for (id, (buys, sells)) in left {
            all.add(id, (buys, sells), situation)
                .ok_or(OrderCode::Overflow)?;
        }
        Ok(all)
    }

    /// Adds one instrument; `None` where an amount does not fit.
    fn add(
        &mut self,
        id: InstrumentId,
        (buys, sells): (i64, i64),
        situation: &RiskContext<'_>,
    ) -> Option<()> {
        let instrument = situation.instruments.get(id.index())?;
        let position = situation.account.position(id);
        // An order went to the venue, so there was a bar.
        let mark = position.mark_price?;
        let held = position.quantity.0;
        let value = |quantity: i64| instrument.notional(mark, Quantity(quantity));
        let long = value(held.checked_add(buys)?)?;
        let short = value(held.checked_sub(sells)?)?;
        let now = position.value.0.checked_abs()?;
        let worst = long.0.checked_abs()?.max(short.0.checked_abs()?).max(now);
        self.gross = self.gross.plus(Money(worst.checked_sub(now)?))?;
        self.up = self.up.plus(long.minus(position.value)?)?;
        self.down = self.down.plus(short.minus(position.value)?)?;
        Some(())
    }
}

/// Absolute value of the sum of all positions, with one of them at another value, and the worse of
/// what other working orders can make of it.
fn net_exposure(
    account: &Account,
    (id, value): (InstrumentId, Money),
    elsewhere: &OtherInstrumentExposure,
) -> Result<Money, OrderCode> {
    let mut sum = value;
    for (position, place) in account.positions().iter().zip(0_u32..) {
        if place != id.0 {
            sum = sum.plus(position.value).ok_or(OrderCode::Overflow)?;
        }
    }
    let magnitude = |more: Money| sum.plus(more)?.0.checked_abs();
    let (up, down) = (magnitude(elsewhere.up), magnitude(elsewhere.down));
    up.zip(down)
        .map(|(up, down)| Money(up.max(down)))
        .ok_or(OrderCode::Overflow)
}

/// A cash account pays in full and sells only what it holds. Sell orders of a bracket are each
/// checked against the position on their own; the venue's books stop the second one to fill.
fn check_cash(
    order: &Order,
    position: Position,
    notional: Money,
    (others, situation): (OtherOrders<'_>, &RiskContext<'_>),
) -> Result<(), OrderCode> {
    match order.side {
        Side::Sell if order.quantity > position.quantity => Err(OrderCode::ShortSellingNotAllowed),
        Side::Sell => Ok(()),
        Side::Buy => {
            let reserved = reserved_cash(others, situation)?;
            let needed = notional.plus(reserved).ok_or(OrderCode::Overflow)?;
            if needed > situation.account.cash() {
                Err(OrderCode::NoBuyingPower)
            } else {
                Ok(())
            }
        }
    }
}

/// What the working buy orders would cost at their worst price.
fn reserved_cash(others: OtherOrders<'_>, situation: &RiskContext<'_>) -> Result<Money, OrderCode> {
    let mut sum = Money::ZERO;
    for working in others.iter().filter(|working| working.side == Side::Buy) {
        let id = working.instrument;
        let instrument = situation
            .instruments
            .get(id.index())
            .ok_or(OrderCode::UnknownInstrument)?;
        let mark = situation
            .account
            .position(id)
            .mark_price
            .ok_or(OrderCode::NoPrice)?;
        let price = worst_price_of(working.order_type, Side::Buy, mark);
        let cost = instrument.notional(price, working.leaves_quantity);
        sum = cost
            .and_then(|cost| sum.plus(cost))
            .ok_or(OrderCode::Overflow)?;
    }
    Ok(sum)
}

fn worst_price(order: &Order, mark: Price) -> Price {
    worst_price_of(order.order_type, order.side, mark)
}

/// The price a value is computed with: a buy limit below the market still counts at its limit, a
/// buy stop above it at the stop; anything else at the last close.
fn worst_price_of(order_type: OrderType, side: Side, mark: Price) -> Price {
    match (order_type, side) {
        (OrderType::Limit(limit) | OrderType::StopLimit { limit, .. }, Side::Buy) => limit,
        (OrderType::Stop(stop), Side::Buy) => stop.max(mark),
        (OrderType::Limit(limit) | OrderType::StopLimit { limit, .. }, Side::Sell) => {
            limit.max(mark)
        }
        (OrderType::Market, _) | (OrderType::Stop(_), Side::Sell) => mark,
    }
}

const fn prices_of(order_type: OrderType) -> (Option<Price>, Option<Price>) {
    match order_type {
        OrderType::Market => (None, None),
        OrderType::Limit(price) | OrderType::Stop(price) => (Some(price), None),
        OrderType::StopLimit { stop, limit } => (Some(stop), Some(limit)),
    }
}
