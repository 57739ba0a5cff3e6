//! The risk gate: turns an intent into an [`Approved`] action, or refuses it by a stable code.
//!
//! It must never know a venue. It decides from the account as of this bar and the limits of the
//! manifest alone, and refuses an intent whose numbers overflow.

mod value;

use alloc::collections::BTreeMap;

use crate::account::{Account, AccountKind, Position};
use crate::execution::OrderCode;
use crate::instrument::{Instrument, InstrumentId};
use crate::order::{ClientOrderId, Intent, Order, OrderType, Side};
use crate::strategy::WorkingOrder;
use crate::units::{BasisPoints, Money, Price, Quantity};
use value::{order_value, prices_of};

/// The risk limits of one run. There is no default: a run without risk limits does not start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RiskLimits {
    /// Orders approved on one bar.
    pub orders_per_bar_max: u32,
    /// Orders working at once.
    pub working_orders_max: u32,
    /// Notional of one order at the last close, or at its limit where that is higher. An order that
    /// only reduces a position is exempt.
    pub order_notional_max: Money,
    /// Absolute value of one position after the order.
    pub position_notional_max: Money,
    /// Sum of the absolute values of all positions after the order.
    pub gross_exposure_max: Money,
    /// Distance of a limit or stop price from the last close.
    pub price_collar: BasisPoints,
    /// Fall of equity from its peak, after which only reducing orders pass.
    pub drawdown_max: BasisPoints,
    /// Limits that a live run must set and a backtest may leave out.
    pub live: LiveRiskLimits,
}

/// Limits that a live run must set and a backtest may leave out; `None` turns a limit off.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LiveRiskLimits {
    /// Orders approved on one UTC day.
    pub orders_per_day_max: Option<u32>,
    /// Absolute value of the sum of all signed position values after the order.
    pub net_exposure_max: Option<Money>,
    /// Fall of equity since the last mark of the UTC day before, after which only reducing orders
    /// pass.
    pub daily_loss_max: Option<Money>,
    /// Nanoseconds from a bar's close to its decision, after which only reducing orders pass.
    pub bar_age_max: Option<i64>,
    /// Nanoseconds by which the machine's clock may be off. The runner enforces it, not the gate.
    pub clock_offset_max: Option<i64>,
}

/// The most gross exposure of a margin account, in hundredths of its equity: 200 is twice the equity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Leverage(pub u32);

/// The maintenance margin of a margin account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MaintenanceMargin {
    /// The least equity, as a share of gross exposure.
    pub rate: BasisPoints,
    /// What the host does while equity is below it.
    pub policy: MarginCallPolicy,
}

/// What the host does while equity is below the maintenance margin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MarginCallPolicy {
    /// Lets only orders pass that reduce a position.
    Reduce,
    /// The same, and cancels all orders and flattens every position.
    Liquidate,
}

/// An intent that the gate approved. Only the gate can make one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Approved {
    intent: Intent,
}

impl Approved {
    /// The approved intent.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.intent
    }
}

/// Everything that the gate decides from, beside the intent and the limits.
#[derive(Clone, Copy, Debug)]
pub struct RiskContext<'a> {
    pub instruments: &'a [Instrument],
    /// The account as of this bar.
    pub account: &'a Account,
    /// Orders that can still fill.
    pub working: &'a [WorkingOrder],
    /// Orders approved on this bar before this one.
    pub approved_on_bar: u32,
    /// Whether the instrument is still in its warm-up.
    pub warming_up: bool,
    /// Whether equity is below the maintenance margin.
    pub margin_call: bool,
    /// Orders approved on this UTC day before this one.
    pub approved_on_day: u32,
    /// Equity at the last mark of the UTC day before.
    pub day_equity: Money,
    /// Nanoseconds from the bar's close to its decision; `None` in a backtest, which has no clock.
    pub bar_age: Option<i64>,
}

/// The risk gate of one run: its limits, and the reviews that apply them.
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

    /// Approves the intent, or names the first rule that it breaks.
    ///
    /// # Errors
    ///
    /// Returns the [`OrderCode`] of the first rule that the intent breaks.
    pub fn review(&self, intent: Intent, context: &RiskContext<'_>) -> Result<Approved, OrderCode> {
        let is_working = |id| {
            context
                .working
                .iter()
                .any(|working| working.client_order_id == id)
        };
        // A cancel passes every limit: refusing one keeps an order alive that the strategy no longer
        // wants, which is a risk and not a protection.
        match &intent {
            Intent::Cancel(id) if !is_working(*id) => return Err(OrderCode::UnknownOrder),
            Intent::Cancel(_) => {}
            Intent::Replace { replaces, .. } if !is_working(*replaces) => {
                return Err(OrderCode::UnknownOrder);
            }
            Intent::Submit(order) => self.review_order(order, None, context)?,
            Intent::Replace { replaces, with } => {
                self.review_order(with, Some(*replaces), context)?;
            }
        }
        Ok(Approved { intent })
    }

    /// Approves one of the host's own orders: a market order that takes a position to zero, and
    /// nothing else. No limit applies, because each of them would keep the position that is to end.
    ///
    /// # Errors
    ///
    /// Returns the [`OrderCode`] of the rule that the order breaks.
    pub fn review_flatten(order: Order, context: &RiskContext<'_>) -> Result<Approved, OrderCode> {
        if context.instruments.get(order.instrument.index()).is_none() {
            return Err(OrderCode::UnknownInstrument);
        }
        let held = context.account.position(order.instrument).quantity.0;
        let flat = match order.side {
            Side::Buy => held.checked_add(order.quantity.0),
            Side::Sell => held.checked_sub(order.quantity.0),
        };
        let is_market = order.order_type == OrderType::Market;
        // This door has no limits, so it must be narrow: one unit more than the position would open
        // the other side of it, and a limit order could rest while the run is already over.
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
        context: &RiskContext<'_>,
    ) -> Result<(), OrderCode> {
        let instrument = context
            .instruments
            .get(order.instrument.index())
            .ok_or(OrderCode::UnknownInstrument)?;
        // Before anything is counted or valued: during the warm-up no order passes, not even a reducing
        // one.
        if context.warming_up {
            return Err(OrderCode::WarmingUp);
        }
        // A negative quantity would turn the side around and pass every limit below as a reduction.
        if order.quantity.0 <= 0 {
            return Err(OrderCode::QuantityNotPositive);
        }
        // The counts come before the sizes: they are what stops a strategy that loops.
        if context.approved_on_bar >= self.limits.orders_per_bar_max {
            return Err(OrderCode::OrdersPerBarLimit);
        }
        let per_day = self.limits.live.orders_per_day_max;
        if per_day.is_some_and(|most| context.approved_on_day >= most) {
            return Err(OrderCode::OrdersPerDayLimit);
        }
        let working = u32::try_from(context.working.len()).unwrap_or(u32::MAX);
        if working >= self.limits.working_orders_max {
            return Err(OrderCode::WorkingOrdersLimit);
        }
        // The replaced order is left out of the sums: counted beside its replacement, a strategy at its
        // position limit could not even move a stop.
        let others = OtherOrders {
            working: context.working,
            replaced: replaces,
        };
        self.review_size(order, instrument, others, context)
    }

    /// Reviews what the order is worth: first alone, then together with every order that is already
    /// working, because all of them may fill before the strategy is called again.
    fn review_size(
        &self,
        order: &Order,
        instrument: &Instrument,
        others: OtherOrders<'_>,
        context: &RiskContext<'_>,
    ) -> Result<(), OrderCode> {
        let account = context.account;
        let position = account.position(order.instrument);
        // Without a bar there is no price to value the order at, and a value of zero would pass.
        let mark = position.mark_price.ok_or(OrderCode::NoPrice)?;
        self.check_collar(order, mark)?;
        let notional = order_value(
            order.order_type,
            order.side,
            order.quantity,
            instrument,
            mark,
        )
        .ok_or(OrderCode::Overflow)?;
        if notional > self.limits.order_notional_max && !reduces(order, position) {
            return Err(OrderCode::OrderNotionalLimit);
        }
        // The working orders of the same side count as filled: a strategy that splits one large order
        // into many small ones would otherwise pass the position limit with each of them.
        let ahead = others.quantity(order.instrument, order.side)?;
        let after = ProjectedExposure::new(order, ahead, instrument, &position, mark, account)?;
        if account.kind() == AccountKind::Cash {
            check_cash(order, position, notional, others, context)?;
        }
        // Everything below limits how much risk may be added. An order that only takes risk away must
        // pass even when a limit is already exceeded: otherwise a loss could not be closed.
        if after.reduces {
            return Ok(());
        }
        // At a last close of zero every quantity is worth nothing, and would pass the limits below.
        if mark == Price(0) {
            return Err(OrderCode::NoPrice);
        }
        if context.margin_call {
            return Err(OrderCode::MarginCall);
        }
        // The age counts without its sign: a bar from the future means that a clock was set, and is as
        // unsafe to trade on as an old bar.
        let far = |age: i64, most: i64| age.unsigned_abs() > most.unsigned_abs();
        let late = |most: i64| context.bar_age.is_some_and(|age| far(age, most));
        if self.limits.live.bar_age_max.is_some_and(late) {
            return Err(OrderCode::BarTooLate);
        }
        if after.position > self.limits.position_notional_max {
            return Err(OrderCode::PositionNotionalLimit);
        }
        // Orders that work in other instruments may fill first, so the sums take the worst of them.
        let elsewhere = OtherInstrumentExposure::new(others, context, order.instrument)?;
        let gross = after
            .gross
            .plus(elsewhere.gross)
            .ok_or(OrderCode::Overflow)?;
        if gross > self.limits.gross_exposure_max {
            return Err(OrderCode::GrossExposureLimit);
        }
        if let Some(most) = self.limits.live.net_exposure_max
            && net_exposure(account, order.instrument, after.value, &elsewhere)? > most
        {
            return Err(OrderCode::NetExposureLimit);
        }
        if account.kind() == AccountKind::Margin && gross > self.buying_power(account)? {
            return Err(OrderCode::NoBuyingPower);
        }
        self.check_drawdown(account)?;
        self.check_day(account, context.day_equity)
    }

    fn check_day(&self, account: &Account, before: Money) -> Result<(), OrderCode> {
        let Some(most) = self.limits.live.daily_loss_max else {
            return Ok(());
        };
        // From equity and not from cash: an open loss is a loss of the day.
        let fall = before.minus(account.equity()).ok_or(OrderCode::Overflow)?;
        if fall > most {
            Err(OrderCode::DailyLossLimit)
        } else {
            Ok(())
        }
    }

    fn buying_power(&self, account: &Account) -> Result<Money, OrderCode> {
        // Rounded down, also below zero: no more is bought than the equity carries.
        let scaled = account.equity().0.checked_mul(i128::from(self.leverage.0));
        scaled
            .and_then(|value| value.checked_div_euclid(100))
            .map(Money)
            .ok_or(OrderCode::Overflow)
    }

    fn check_collar(&self, order: &Order, mark: Price) -> Result<(), OrderCode> {
        // Both prices of a stop-limit order: a far limit behind a near stop would fill at any price once
        // triggered.
        let (first, second) = prices_of(order.order_type);
        let width = self
            .limits
            .price_collar
            .share_of_rounded_down(i128::from(mark.0).saturating_abs());
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
        // A share of the peak and not of the start: a run that has gained must not be allowed to lose the
        // gain.
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

/// The working orders beside the one under review. The order that it replaces is not among them,
/// because the venue takes both or neither.
#[derive(Clone, Copy)]
struct OtherOrders<'a> {
    working: &'a [WorkingOrder],
    replaced: Option<ClientOrderId>,
}

impl OtherOrders<'_> {
    fn iter(&self) -> impl Iterator<Item = &WorkingOrder> {
        let counts = |order: &&WorkingOrder| Some(order.client_order_id) != self.replaced;
        self.working.iter().filter(counts)
    }

    /// The quantity left to fill on one side of an instrument.
    fn quantity(&self, instrument: InstrumentId, side: Side) -> Result<i64, OrderCode> {
        self.iter()
            .filter(|working| working.instrument == instrument && working.side == side)
            .try_fold(0_i64, |sum, working| {
                sum.checked_add(working.leaves_quantity.0)
            })
            .ok_or(OrderCode::Overflow)
    }
}

/// Whether the order alone takes the position towards zero and not beyond. The notional limit does
/// not apply to such an order: a position that has grown beyond it still needs its protective stop.
fn reduces(order: &Order, position: Position) -> bool {
    let held = position.quantity.0;
    let is_against = match order.side {
        Side::Buy => held < 0,
        Side::Sell => held > 0,
    };
    is_against && order.quantity.0.unsigned_abs() <= held.unsigned_abs()
}

/// The exposure after this order and all orders already working on its side have filled.
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
    /// `ahead` is the quantity that the other working orders of the same side have left to fill.
    fn new(
        order: &Order,
        ahead: i64,
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
        // A position that goes through zero has taken new risk on, even where it ends up smaller.
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

/// The most that working orders in other instruments can add to the account's exposure. In each
/// instrument one side may fill and the other not, so both cases are valued.
struct OtherInstrumentExposure {
    /// Added to gross exposure in the worst case.
    gross: Money,
    /// Added to net exposure if only the orders fill that raise it: the buy orders, at prices above zero.
    up: Money,
    /// Added to net exposure if only the orders fill that lower it; zero or below.
    down: Money,
}

impl OtherInstrumentExposure {
    fn new(
        others: OtherOrders<'_>,
        context: &RiskContext<'_>,
        except: InstrumentId,
    ) -> Result<Self, OrderCode> {
        let mut left: BTreeMap<InstrumentId, (i64, i64)> = BTreeMap::new();
        for working in others.iter().filter(|order| order.instrument != except) {
            let (buys, sells) = left.entry(working.instrument).or_default();
            let side = match working.side {
                Side::Buy => buys,
                Side::Sell => sells,
            };
            // Only the quantity left to fill: what has filled is in the position already.
            let sum = side.checked_add(working.leaves_quantity.0);
            *side = sum.ok_or(OrderCode::Overflow)?;
        }
        let mut all = Self {
            gross: Money::ZERO,
            up: Money::ZERO,
            down: Money::ZERO,
        };
        for (id, (buys, sells)) in left {
            all.add(id, buys, sells, context)
                .ok_or(OrderCode::Overflow)?;
        }
        Ok(all)
    }

    /// Adds one instrument with the quantities left to buy and to sell; `None` on overflow.
    fn add(
        &mut self,
        id: InstrumentId,
        buys: i64,
        sells: i64,
        context: &RiskContext<'_>,
    ) -> Option<()> {
        let instrument = context.instruments.get(id.index())?;
        let position = context.account.position(id);
        // An order was approved for it before, and the gate approves none before the first bar.
        let mark = position.mark_price?;
        let held = position.quantity.0;
        let value = |quantity: i64| instrument.notional(mark, Quantity(quantity));
        // Each side alone: a buy and a sell order of one instrument must not cancel out, since only one
        // of them may fill.
        let long = value(held.checked_add(buys)?)?;
        let short = value(held.checked_sub(sells)?)?;
        let now = position.value.0.checked_abs()?;
        let worst = long.0.checked_abs()?.max(short.0.checked_abs()?).max(now);
        self.gross = self.gross.plus(Money(worst.checked_sub(now)?))?;
        let (bought, sold) = (long.minus(position.value)?, short.minus(position.value)?);
        // Below a price of zero it is the purchase that lowers the value.
        self.up = self.up.plus(bought.max(sold).max(Money::ZERO))?;
        self.down = self.down.plus(bought.min(sold).min(Money::ZERO))?;
        Some(())
    }
}

/// The absolute net exposure with the position in `id` at `value`, and with the other working orders
/// filled in the worse of the two ways.
fn net_exposure(
    account: &Account,
    id: InstrumentId,
    value: Money,
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

/// A cash account pays in full and sells only what it holds.
fn check_cash(
    order: &Order,
    position: Position,
    notional: Money,
    others: OtherOrders<'_>,
    context: &RiskContext<'_>,
) -> Result<(), OrderCode> {
    match order.side {
        // Other sell orders do not count here: stop and target of a bracket each sell the whole
        // position, and the venue's books refuse the second of them to fill.
        Side::Sell if order.quantity > position.quantity => Err(OrderCode::ShortSellingNotAllowed),
        Side::Sell => Ok(()),
        Side::Buy => {
            // The same cash must not pay for two orders that are both still working.
            let reserved = reserved_cash(others, context)?;
            let needed = notional.plus(reserved).ok_or(OrderCode::Overflow)?;
            if needed > context.account.cash() {
                Err(OrderCode::NoBuyingPower)
            } else {
                Ok(())
            }
        }
    }
}

/// The cash that the working buy orders would cost at their worst price.
fn reserved_cash(others: OtherOrders<'_>, context: &RiskContext<'_>) -> Result<Money, OrderCode> {
    let mut sum = Money::ZERO;
    for working in others.iter().filter(|working| working.side == Side::Buy) {
        let id = working.instrument;
        let instrument = context
            .instruments
            .get(id.index())
            .ok_or(OrderCode::UnknownInstrument)?;
        let mark = context
            .account
            .position(id)
            .mark_price
            .ok_or(OrderCode::NoPrice)?;
        let (order_type, leaves) = (working.order_type, working.leaves_quantity);
        let cost = order_value(order_type, Side::Buy, leaves, instrument, mark);
        sum = cost
            .and_then(|cost| sum.plus(cost))
            .ok_or(OrderCode::Overflow)?;
    }
    Ok(sum)
}
