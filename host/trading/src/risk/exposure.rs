//! What the account would hold if orders filled: the values that the gate's limits are held against. It must never
//! know a limit of a run.

use alloc::collections::BTreeMap;

use super::value::order_value;
use super::{RiskContext, RiskRefusal};
use crate::account::{Account, Position};
use crate::execution::OrderCode;
use crate::instrument::{Instrument, InstrumentId};
use crate::order::{ClientOrderId, Order, Side};
use crate::strategy::WorkingOrder;
use crate::units::{Money, Price, Quantity};

/// The working orders beside the one under review. The order that it replaces is not among them,
/// because the venue takes both or neither.
#[derive(Clone, Copy)]
pub(super) struct OtherOrders<'a> {
    pub(super) working: &'a [WorkingOrder],
    pub(super) replaced: Option<ClientOrderId>,
}

impl OtherOrders<'_> {
    fn iter(&self) -> impl Iterator<Item = &WorkingOrder> {
        let counts = |order: &&WorkingOrder| Some(order.client_order_id) != self.replaced;
        self.working.iter().filter(counts)
    }

    /// The quantity left to fill on one side of an instrument.
    pub(super) fn quantity(&self, instrument: InstrumentId, side: Side) -> Result<i64, OrderCode> {
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
pub(super) fn reduces(order: &Order, position: Position) -> bool {
    let held = position.quantity.0;
    let is_against = match order.side {
        Side::Buy => held < 0,
        Side::Sell => held > 0,
    };
    is_against && order.quantity.0.unsigned_abs() <= held.unsigned_abs()
}

/// The exposure after this order and all orders already working on its side have filled.
pub(super) struct ProjectedExposure {
    /// Absolute value of the position.
    pub(super) position: Money,
    /// Signed value of the position.
    pub(super) value: Money,
    /// Sum of the absolute values of all positions.
    pub(super) gross: Money,
    /// Whether the position shrinks towards zero and does not change its sign.
    pub(super) reduces: bool,
}

impl ProjectedExposure {
    /// `ahead` is the quantity that the other working orders of the same side have left to fill.
    pub(super) fn new(
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
pub(super) struct OtherInstrumentExposure {
    /// Added to gross exposure in the worst case.
    pub(super) gross: Money,
    /// Added to net exposure if only the orders fill that raise it: the buy orders, at prices above zero.
    up: Money,
    /// Added to net exposure if only the orders fill that lower it; zero or below.
    down: Money,
}

impl OtherInstrumentExposure {
    pub(super) fn new(
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
pub(super) fn net_exposure(
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
pub(super) fn check_cash(
    order: &Order,
    position: Position,
    notional: Money,
    others: OtherOrders<'_>,
    context: &RiskContext<'_>,
) -> Result<(), RiskRefusal> {
    match order.side {
        // Other sell orders do not count here: stop and target of a bracket each sell the whole
        // position, and the venue's books refuse the second of them to fill.
        Side::Sell if order.quantity > position.quantity => Err(RiskRefusal::limit(
            OrderCode::ShortSellingNotAllowed,
            order.quantity.0,
            position.quantity.0,
        )),
        Side::Sell => Ok(()),
        Side::Buy => {
            // The same cash must not pay for two orders that are both still working.
            let reserved = reserved_cash(others, context)?;
            let needed = notional.plus(reserved).ok_or(OrderCode::Overflow)?;
            let cash = context.account.cash();
            if needed > cash {
                Err(RiskRefusal::limit(
                    OrderCode::NoBuyingPower,
                    needed.0,
                    cash.0,
                ))
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
