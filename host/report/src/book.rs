//! Fills into round trips, one book an instrument. Fills of one side add to a trade, fills of the
//! other close it in part or whole, and a fill that passes zero ends one trade and begins another.
//! It must never know how fills are recorded.

use counterfoil_trading::decimal::divide_half_even;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::order::Side;
use counterfoil_trading::units::{Money, Price, Quantity};

use crate::trade::{RoundTrip, TradeDirection, TradeEnd};

/// One fill, as a book takes it.
#[derive(Clone, Debug)]
pub(crate) struct BookedFill {
    pub(crate) side: Side,
    pub(crate) quantity: Quantity,
    pub(crate) price: Price,
    pub(crate) fee: Money,
    pub(crate) slippage: Money,
    /// When, and the decision that requested it.
    pub(crate) end: TradeEnd,
}

/// The holding in one instrument and the trade it belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct TradeBook {
    held: i64,
    open: Option<RoundTrip>,
}

/// A part of a fill: all of it, or what closes, or what opens.
struct FillPart {
    quantity: i64,
    value: Money,
    fee: Money,
    slippage: Money,
}

impl TradeBook {
    /// Books a fill, and adds the trade that it ended, if any. `None`: an amount does not fit.
    pub(crate) fn fill(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        done: &BookedFill,
        trades: &mut Vec<RoundTrip>,
    ) -> Option<()> {
        let signed = match done.side {
            Side::Buy => done.quantity.0,
            Side::Sell => done.quantity.0.checked_neg()?,
        };
        let whole = FillPart {
            quantity: done.quantity.0,
            value: instrument.notional(done.price, done.quantity)?,
            fee: done.fee,
            slippage: done.slippage,
        };
        let after = self.held.checked_add(signed)?;
        let opens = self.open.is_none() || self.held == 0 || (self.held > 0) == (signed > 0);
        if opens {
            self.enter(id, done, &whole)?;
            self.held = after;
            return Some(());
        }
        let closing = i64::try_from(self.held.unsigned_abs().min(signed.unsigned_abs())).ok()?;
        let (closes, rest) = split(instrument, done, &whole, closing)?;
        self.exit(&closes)?;
        self.held = after;
        // Still on the side it was opened on: the trade was closed in part and stays open.
        if after != 0 && (after > 0) != (signed > 0) {
            return Some(());
        }
        trades.extend(self.close(done));
        if rest.quantity > 0 {
            // The other side of zero: a trade of its own, opened by the same order.
            self.enter(id, done, &rest)?;
        }
        Some(())
    }

    /// Books what a corporate action left of the holding, and its cash. `None`: it does not fit.
    pub(crate) fn action(
        &mut self,
        held: Quantity,
        cash: Money,
        end: impl FnOnce() -> TradeEnd,
        trades: &mut Vec<RoundTrip>,
    ) -> Option<()> {
        // Before the holding is settled: a delisting pays and ends the trade in one action.
        if let Some(trade) = &mut self.open {
            trade.actions = trade.actions.plus(cash)?;
        }
        trades.extend(self.settle(held, end));
        Some(())
    }

    /// Books a borrow fee to the short trade it is for: the open one, or the last that ended,
    /// because a fee is booked after the time it accrued in. `None`: it does not fit.
    pub(crate) fn borrow(
        &mut self,
        id: InstrumentId,
        fee: Money,
        trades: &mut [RoundTrip],
    ) -> Option<()> {
        let short = |trade: &&mut RoundTrip| trade.direction == TradeDirection::Short;
        let ended = trades
            .iter_mut()
            .rev()
            .filter(|trade| trade.instrument == id);
        let open = self.open.iter_mut();
        // A fee without any short trade is left to the account: it is in the costs, and in no trade.
        if let Some(trade) = open.chain(ended).find(short) {
            trade.borrow = trade.borrow.plus(fee)?;
        }
        Some(())
    }

    /// Takes over the account's holding. It differs from the sum of the fills
    /// only where something other than a fill changed it.
    pub(crate) fn settle(
        &mut self,
        held: Quantity,
        end: impl FnOnce() -> TradeEnd,
    ) -> Option<RoundTrip> {
        if held.0 == self.held || self.open.is_none() {
            return None;
        }
        self.held = held.0;
        if held.0 != 0 {
            return None;
        }
        let mut trade = self.open.take()?;
        trade.closed = Some(end());
        Some(trade)
    }

    /// The open trade, its holding valued at `mark`.
    pub(crate) fn finish(self, instrument: &Instrument, mark: Option<Price>) -> Option<RoundTrip> {
        let mut trade = self.open?;
        // Valued, not closed: the report must not show a profit that no fill realized as one.
        let held = Quantity(self.held.checked_abs()?);
        trade.open_value =
            mark.map_or(Some(Money::ZERO), |mark| instrument.notional(mark, held))?;
        Some(trade)
    }

    fn enter(&mut self, id: InstrumentId, done: &BookedFill, part: &FillPart) -> Option<()> {
        let trade = self.open.get_or_insert_with(|| RoundTrip {
            instrument: id,
            direction: match done.side {
                Side::Buy => TradeDirection::Long,
                Side::Sell => TradeDirection::Short,
            },
            opened: done.end.clone(),
            closed: None,
            entered: Quantity(0),
            entry_value: Money::ZERO,
            exited: Quantity(0),
            exit_value: Money::ZERO,
            open_value: Money::ZERO,
            actions: Money::ZERO,
            borrow: Money::ZERO,
            fees: Money::ZERO,
            slippage: Money::ZERO,
            fills: 0,
        });
        trade.entered = Quantity(trade.entered.0.checked_add(part.quantity)?);
        trade.entry_value = trade.entry_value.plus(part.value)?;
        add_costs(trade, part)
    }

    fn exit(&mut self, part: &FillPart) -> Option<()> {
        let trade = self.open.as_mut()?;
        trade.exited = Quantity(trade.exited.0.checked_add(part.quantity)?);
        trade.exit_value = trade.exit_value.plus(part.value)?;
        add_costs(trade, part)
    }

    fn close(&mut self, done: &BookedFill) -> Option<RoundTrip> {
        let mut trade = self.open.take()?;
        trade.closed = Some(done.end.clone());
        Some(trade)
    }
}

fn add_costs(trade: &mut RoundTrip, part: &FillPart) -> Option<()> {
    trade.fees = trade.fees.plus(part.fee)?;
    trade.slippage = trade.slippage.plus(part.slippage)?;
    trade.fills = trade.fills.saturating_add(1);
    Some(())
}

/// The part of a fill that closes a trade, and the rest. Fee and slippage go by quantity, rounded half to even; what is
/// left gets the rest, so that nothing is lost.
fn split(
    instrument: &Instrument,
    done: &BookedFill,
    whole: &FillPart,
    closing: i64,
) -> Option<(FillPart, FillPart)> {
    let share = |amount: Money| {
        let product = amount.0.checked_mul(i128::from(closing))?;
        divide_half_even(product, i128::from(whole.quantity)).map(Money)
    };
    let closes = FillPart {
        quantity: closing,
        value: instrument.notional(done.price, Quantity(closing))?,
        fee: share(whole.fee)?,
        slippage: share(whole.slippage)?,
    };
    // By subtraction: shares rounded on their own could sum to a cent more than the fee.
    let rest = FillPart {
        quantity: whole.quantity.checked_sub(closing)?,
        value: whole.value.minus(closes.value)?,
        fee: whole.fee.minus(closes.fee)?,
        slippage: whole.slippage.minus(closes.slippage)?,
    };
    Some((closes, rest))
}

#[cfg(test)]
mod tests;
