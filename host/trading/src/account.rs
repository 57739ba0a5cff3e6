//! The account: cash, positions, marks, and the identities that must hold after every slice.
//! It must never know a strategy, a venue or a journal.

mod actions;
mod borrow;

use alloc::vec;
use alloc::vec::Vec;

use crate::bar::ClosedBar;
use crate::decimal::divide_half_even;
use crate::execution::Fill;
use crate::instrument::{Instrument, InstrumentId};
use crate::order::Side;
use crate::units::{Money, Price, Quantity};

/// What kind of account it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AccountKind {
    /// Pays in full and sells only what it holds.
    Cash,
    /// May owe and may sell short, within its buying power.
    Margin,
}

/// Holding in one instrument.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Position {
    /// Signed quantity: long above zero, short below.
    pub quantity: Quantity,
    /// What the held quantity cost, fees apart; negative for a short position.
    pub cost: Money,
    /// Its value at the mark price.
    pub value: Money,
    /// The last close, once there was a bar.
    pub mark_price: Option<Price>,
    /// While short: its value x the nanoseconds it was held, since the last borrow fee.
    pub borrow_accrued: i128,
}

/// Why the account cannot be computed any further.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// An amount does not fit.
    #[error("overflow while {operation} instrument {instrument:?}")]
    Overflow {
        /// What was being done.
        operation: &'static str,
        /// To which instrument.
        instrument: InstrumentId,
    },
    /// A fill or bar of an instrument that the account does not know.
    #[error("the account has no {instrument:?}")]
    UnknownInstrument {
        /// The instrument.
        instrument: InstrumentId,
    },
    /// The books do not add up. This is a bug: the run stops before anything else is decided.
    #[error("the account does not add up: {what} is {left} on one side and {right} on the other")]
    Identity {
        /// Which identity.
        what: &'static str,
        /// One side.
        left: Money,
        /// The other.
        right: Money,
    },
}

/// Cash, positions and running totals of one account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    kind: AccountKind,
    starting_cash: Money,
    cash: Money,
    equity: Money,
    equity_peak: Money,
    realized: Money,
    fees: Money,
    slippage: Money,
    borrow: Money,
    dividends: Money,
    positions: Vec<Position>,
}

impl Account {
    /// An account that holds nothing but cash.
    #[must_use]
    pub fn new(kind: AccountKind, cash: Money, instruments: usize) -> Self {
        Self {
            kind,
            starting_cash: cash,
            cash,
            equity: cash,
            equity_peak: cash,
            realized: Money::ZERO,
            fees: Money::ZERO,
            slippage: Money::ZERO,
            borrow: Money::ZERO,
            dividends: Money::ZERO,
            positions: vec![Position::default(); instruments],
        }
    }

    /// Cash or margin.
    #[must_use]
    pub fn kind(&self) -> AccountKind {
        self.kind
    }

    /// Cash, negative where the account owes.
    #[inline]
    #[must_use]
    pub fn cash(&self) -> Money {
        self.cash
    }

    /// Cash plus the value of all positions, as of the last mark.
    #[inline]
    #[must_use]
    pub fn equity(&self) -> Money {
        self.equity
    }

    /// The highest equity so far.
    #[must_use]
    pub fn equity_peak(&self) -> Money {
        self.equity_peak
    }

    /// Booked profit and loss, fees apart.
    #[must_use]
    pub fn realized(&self) -> Money {
        self.realized
    }

    /// All fees so far.
    #[must_use]
    pub fn fees(&self) -> Money {
        self.fees
    }

    /// What slippage cost so far: adverse positive.
    #[must_use]
    pub fn slippage(&self) -> Money {
        self.slippage
    }

    /// All borrow fees booked so far.
    #[must_use]
    pub fn borrow(&self) -> Money {
        self.borrow
    }

    /// Dividends received so far, less those paid on short positions.
    #[must_use]
    pub fn dividends(&self) -> Money {
        self.dividends
    }

    /// Positions by instrument id.
    #[inline]
    #[must_use]
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// The position in one instrument; nothing for an id the account does not know.
    #[inline]
    #[must_use]
    pub fn position(&self, id: InstrumentId) -> Position {
        // An unknown id holds nothing. The gate and the venue refuse an unknown instrument by name before
        // they value anything.
        self.positions.get(id.index()).copied().unwrap_or_default()
    }

    /// Books one fill: cash, position, realized profit, fee and slippage.
    ///
    /// The cost of a partly closed position is released in proportion, rounded half to even, here
    /// and nowhere else.
    ///
    /// # Errors
    ///
    /// Returns [`AccountError`] if an amount does not fit.
    pub fn book(&mut self, instrument: &Instrument, fill: &Fill) -> Result<(), AccountError> {
        let id = fill.instrument;
        let overflow = AccountError::Overflow {
            operation: "booking a fill of",
            instrument: id,
        };
        let position = self
            .positions
            .get_mut(id.index())
            .ok_or(AccountError::UnknownInstrument { instrument: id })?;
        // Everything is computed before anything is stored: after an overflow the account is as it was,
        // and cash never moves without its position.
        let booked = booked(instrument, position, fill).ok_or(overflow.clone())?;
        let sums = || {
            Some((
                self.cash.plus(booked.cash)?.minus(fill.fee)?,
                self.realized.plus(booked.realized)?,
                self.fees.plus(fill.fee)?,
                self.slippage.plus(fill.slippage)?,
            ))
        };
        (self.cash, self.realized, self.fees, self.slippage) = sums().ok_or(overflow)?;
        position.quantity = booked.quantity;
        position.cost = booked.cost;
        Ok(())
    }

    /// Marks the position in the bar's instrument to the bar's close.
    ///
    /// # Errors
    ///
    /// Returns [`AccountError`] if the value does not fit.
    pub fn mark(&mut self, instrument: &Instrument, bar: &ClosedBar) -> Result<(), AccountError> {
        let id = bar.get().instrument;
        let position = self
            .positions
            .get_mut(id.index())
            .ok_or(AccountError::UnknownInstrument { instrument: id })?;
        let price = bar.get().close;
        // Valued here and not where it is read: gate, margin and record use one mark for the whole slice.
        position.value =
            instrument
                .notional(price, position.quantity)
                .ok_or(AccountError::Overflow {
                    operation: "marking",
                    instrument: id,
                })?;
        position.mark_price = Some(price);
        Ok(())
    }

    /// Recomputes equity and checks both identities: equity is cash plus positions, and what the
    /// account holds at cost is what it started with plus what it realized and received in
    /// dividends, less fees and borrow fees.
    ///
    /// # Errors
    ///
    /// Returns [`AccountError::Identity`] if the books do not add up.
    pub fn settle(&mut self) -> Result<(), AccountError> {
        // Exact sums without rounding, so that the identity below needs no tolerance: a tolerance would
        // hide a small leak on each bar.
        let totals = || {
            let mut equity = self.cash;
            let mut at_cost = self.cash;
            for position in &self.positions {
                equity = equity.plus(position.value)?;
                at_cost = at_cost.plus(position.cost)?;
            }
            let made = self
                .starting_cash
                .plus(self.realized)?
                .plus(self.dividends)?
                .minus(self.fees)?
                .minus(self.borrow)?;
            Some((equity, at_cost, made))
        };
        let (equity, at_cost, made) = totals().ok_or(AccountError::Overflow {
            operation: "adding up the account after",
            instrument: InstrumentId(0),
        })?;
        // Two ways to one sum: what is there now, and everything that was booked. A booking that changes
        // only one of them, such as a fee that is taken and not counted, shows on the slice in which it
        // happens.
        if at_cost != made {
            return Err(AccountError::Identity {
                what: "cash plus cost",
                left: at_cost,
                right: made,
            });
        }
        self.equity = equity;
        // Only equity that passed the check may raise the peak: the drawdown limit is measured from it,
        // and a wrong peak would refuse orders for the rest of the run.
        self.equity_peak = self.equity_peak.max(equity);
        Ok(())
    }

    /// The sum of the absolute values of all positions, or `None` when it does not fit.
    #[must_use]
    pub fn gross_exposure(&self) -> Option<Money> {
        self.positions
            .iter()
            .try_fold(Money::ZERO, |sum, position| {
                // The least i128 has no positive counterpart: a wrapped value would lower the exposure
                // that the limits see.
                sum.plus(Money(position.value.0.checked_abs()?))
            })
    }
}

/// What a fill does to a position and to the account.
struct FillEffect {
    quantity: Quantity,
    cost: Money,
    realized: Money,
    cash: Money,
}

fn booked(instrument: &Instrument, position: &Position, fill: &Fill) -> Option<FillEffect> {
    let signed = match fill.side {
        Side::Buy => fill.quantity.0,
        Side::Sell => fill.quantity.0.checked_neg()?,
    };
    let held = position.quantity.0;
    let quantity = Quantity(held.checked_add(signed)?);
    // One notional for cash and for cost: rounded apart, the two could differ by a unit, and the books
    // would not add up.
    let paid = instrument.notional(fill.price, Quantity(signed))?;
    let cash = Money(paid.0.checked_neg()?);
    // A fill that opens or adds realizes nothing. Whatever it costs stays in the position until a fill
    // closes it.
    if held == 0 || (held > 0) == (signed > 0) {
        let cost = position.cost.plus(paid)?;
        return Some(FillEffect {
            quantity,
            cost,
            realized: Money::ZERO,
            cash,
        });
    }
    // The fill closes some of the position, all of it, or all of it and opens the other side.
    let closing = held.unsigned_abs().min(signed.unsigned_abs());
    let closed = i64::try_from(closing).ok()?.checked_mul(signed.signum())?;
    let closed_paid = instrument.notional(fill.price, Quantity(closed))?;
    // In proportion to the quantity, which is the average price. When all of it is closed the division is
    // exact, so no cost stays behind on an empty position.
    let released = divide_half_even(
        position.cost.0.checked_mul(i128::from(closing))?,
        i128::from(held.unsigned_abs()),
    )?;
    // Closing pays the opposite sign of what opening did: the sum of both is the loss.
    let realized = Money(closed_paid.0.checked_add(released)?.checked_neg()?);
    // The opened part is the rest of what was paid and not a notional of its own: parts that are rounded
    // apart need not add up to the whole.
    let opened = paid.minus(closed_paid)?;
    let cost = position.cost.minus(Money(released))?.plus(opened)?;
    Some(FillEffect {
        quantity,
        cost,
        realized,
        cash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::LiquiditySide;
    use crate::instrument::InstrumentGrid;
    use crate::order::ClientOrderId;
    use crate::time::UnixNanos;
    use alloc::string::{String, ToString as _};

    fn instrument() -> Instrument {
        Instrument::new(String::from("ABC"), InstrumentGrid::whole_units(2)).unwrap()
    }

    /// Each word is a fill: `+10@1.50` buys ten at 1.50.
    #[track_caller]
    fn check(fills: &str, expect: &str) {
        let instrument = instrument();
        let mut account = Account::new(AccountKind::Margin, Money::parse("1000").unwrap(), 1);
        for word in fills.split_whitespace() {
            let (quantity, price) = word.split_once('@').unwrap();
            let signed: i64 = quantity.parse().unwrap();
            let price = instrument.parse_price(price).unwrap();
            let fill = Fill {
                instrument: InstrumentId(0),
                client_order_id: ClientOrderId(1),
                side: if signed > 0 { Side::Buy } else { Side::Sell },
                quantity: Quantity(signed.abs()),
                leaves_quantity: Quantity(0),
                reference_price: price,
                price,
                clamped: false,
                fee: Money::parse("0.1").unwrap(),
                slippage: Money::ZERO,
                liquidity: LiquiditySide::Taker,
                time: UnixNanos(0),
            };
            account.book(&instrument, &fill).unwrap();
            account.settle().unwrap();
        }
        let position = account.position(InstrumentId(0));
        let short = |money: Money| {
            money
                .to_string()
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_string()
        };
        let got = alloc::format!(
            "quantity {} cost {} realized {} cash {}",
            position.quantity.0,
            short(position.cost),
            short(account.realized()),
            short(account.cash())
        );
        assert_eq!(got, expect, "{fills}");
    }

    #[test]
    fn a_fill_changes_cash_cost_and_realized_profit_and_the_books_add_up() {
        check("+10@10", "quantity 10 cost 100 realized 0 cash 899.9");
        check("+10@10 -10@12", "quantity 0 cost 0 realized 20 cash 1019.8");
        check(
            "+10@10 +10@20 -5@30",
            "quantity 15 cost 225 realized 75 cash 849.7",
        );
        check("-10@10", "quantity -10 cost -100 realized 0 cash 1099.9");
        check("-10@10 +4@8", "quantity -6 cost -60 realized 8 cash 1067.8");
        check(
            "+10@10 -15@11",
            "quantity -5 cost -55 realized 10 cash 1064.8",
        );
        check("-10@10 +15@9", "quantity 5 cost 45 realized 10 cash 964.8");
        check(
            "+1@1 +1@1 +1@2 -1@3",
            "quantity 2 cost 2.666666667 realized 1.666666667 cash 998.6",
        );
    }
}
