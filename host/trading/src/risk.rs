//! The risk gate: turns an intent into an [`Approved`] action, or refuses it by a stable code.
//!
//! It must never know a venue. It decides from the account as of this bar and the limits of the
//! manifest alone, and refuses an intent whose numbers overflow.

mod exposure;
mod refusal;
mod value;

pub use refusal::{FigureUnit, LimitFigures, RiskRefusal};

use crate::account::{Account, AccountKind};
use crate::execution::OrderCode;
use crate::instrument::Instrument;
use crate::order::{ClientOrderId, Intent, Order, OrderType, Side};
use crate::strategy::WorkingOrder;
use crate::units::{BasisPoints, Money, Price};
use exposure::{
    OtherInstrumentExposure, OtherOrders, ProjectedExposure, check_cash, net_exposure, reduces,
};
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
    /// Returns the first rule that the intent breaks.
    pub fn review(
        &self,
        intent: Intent,
        context: &RiskContext<'_>,
    ) -> Result<Approved, RiskRefusal> {
        let is_working = |id| {
            context
                .working
                .iter()
                .any(|working| working.client_order_id == id)
        };
        // A cancel passes every limit: refusing one keeps an order alive that the strategy no longer
        // wants, which is a risk and not a protection.
        match &intent {
            Intent::Cancel(id) if !is_working(*id) => return Err(OrderCode::UnknownOrder.into()),
            Intent::Cancel(_) => {}
            Intent::Replace { replaces, .. } if !is_working(*replaces) => {
                return Err(OrderCode::UnknownOrder.into());
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
    ) -> Result<(), RiskRefusal> {
        let instrument = context
            .instruments
            .get(order.instrument.index())
            .ok_or(OrderCode::UnknownInstrument)?;
        // Before anything is counted or valued: during the warm-up no order passes, not even a reducing
        // one.
        if context.warming_up {
            return Err(OrderCode::WarmingUp.into());
        }
        // A negative quantity would turn the side around and pass every limit below as a reduction.
        if order.quantity.0 <= 0 {
            return Err(OrderCode::QuantityNotPositive.into());
        }
        // The counts come before the sizes: they are what stops a strategy that loops.
        let working = u32::try_from(context.working.len()).unwrap_or(u32::MAX);
        let limits = &self.limits;
        check_count(
            OrderCode::OrdersPerBarLimit,
            context.approved_on_bar,
            limits.orders_per_bar_max,
        )?;
        if let Some(most) = limits.live.orders_per_day_max {
            check_count(OrderCode::OrdersPerDayLimit, context.approved_on_day, most)?;
        }
        check_count(
            OrderCode::WorkingOrdersLimit,
            working,
            limits.working_orders_max,
        )?;
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
    ) -> Result<(), RiskRefusal> {
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
        if !reduces(order, position) {
            let most = self.limits.order_notional_max;
            check_money(OrderCode::OrderNotionalLimit, notional, most)?;
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
            return Err(OrderCode::NoPrice.into());
        }
        if context.margin_call {
            return Err(OrderCode::MarginCall.into());
        }
        if let (Some(age), Some(most)) = (context.bar_age, self.limits.live.bar_age_max)
            && is_too_late(age, Some(most))
        {
            return Err(RiskRefusal::limit(OrderCode::BarTooLate, age, most));
        }
        let most = self.limits.position_notional_max;
        check_money(OrderCode::PositionNotionalLimit, after.position, most)?;
        // Orders that work in other instruments may fill first, so the sums take the worst of them.
        let elsewhere = OtherInstrumentExposure::new(others, context, order.instrument)?;
        let gross = after
            .gross
            .plus(elsewhere.gross)
            .ok_or(OrderCode::Overflow)?;
        let most = self.limits.gross_exposure_max;
        check_money(OrderCode::GrossExposureLimit, gross, most)?;
        if let Some(most) = self.limits.live.net_exposure_max {
            let net = net_exposure(account, order.instrument, after.value, &elsewhere)?;
            check_money(OrderCode::NetExposureLimit, net, most)?;
        }
        if account.kind() == AccountKind::Margin {
            let power = self.buying_power(account)?;
            check_money(OrderCode::NoBuyingPower, gross, power)?;
        }
        self.check_drawdown(account)?;
        self.check_day(account, context.day_equity)
    }

    fn check_day(&self, account: &Account, before: Money) -> Result<(), RiskRefusal> {
        let Some(most) = self.limits.live.daily_loss_max else {
            return Ok(());
        };
        // From equity and not from cash: an open loss is a loss of the day.
        let fall = before.minus(account.equity()).ok_or(OrderCode::Overflow)?;
        check_money(OrderCode::DailyLossLimit, fall, most)
    }

    fn buying_power(&self, account: &Account) -> Result<Money, OrderCode> {
        // Rounded down, also below zero: no more is bought than the equity carries.
        let scaled = account.equity().0.checked_mul(i128::from(self.leverage.0));
        scaled
            .and_then(|value| value.checked_div_euclid(100))
            .map(Money)
            .ok_or(OrderCode::Overflow)
    }

    fn check_collar(&self, order: &Order, mark: Price) -> Result<(), RiskRefusal> {
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
                return Err(RiskRefusal::limit(OrderCode::PriceCollar, distance, width));
            }
        }
        Ok(())
    }

    fn check_drawdown(&self, account: &Account) -> Result<(), RiskRefusal> {
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
        check_money(OrderCode::DrawdownLimit, fall, Money(allowed))
    }
}

/// Whether a decision is too far from its bar's close to add risk.
pub(crate) fn is_too_late(age: i64, most: Option<i64>) -> bool {
    // The age counts without its sign: a bar from the future means that a clock was set, and is as
    // unsafe to trade on as an old bar.
    most.is_some_and(|most| age.unsigned_abs() > most.unsigned_abs())
}

/// Refuses one more than `most`.
fn check_count(code: OrderCode, so_far: u32, most: u32) -> Result<(), RiskRefusal> {
    if so_far < most {
        return Ok(());
    }
    Err(RiskRefusal::limit(
        code,
        u64::from(so_far).saturating_add(1),
        most,
    ))
}

/// Refuses an amount above `most`.
fn check_money(code: OrderCode, asked: Money, most: Money) -> Result<(), RiskRefusal> {
    if asked <= most {
        return Ok(());
    }
    Err(RiskRefusal::limit(code, asked.0, most.0))
}
