//! The venue's own books of one account: what it holds and what it could pay. They are kept
//! apart from the run's account on purpose: one can be reconciled with the other.

use alloc::vec;
use alloc::vec::Vec;

use crate::account::AccountKind;
use crate::execution::Code;
use crate::instrument::InstrumentId;
use crate::order::Side;
use crate::units::{Money, Quantity};

/// Cash and holdings as the venue counts them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Books {
    kind: AccountKind,
    cash: Money,
    held: Vec<i64>,
}

impl Books {
    /// Books of an account that holds nothing but cash.
    #[must_use]
    pub fn new(kind: AccountKind, cash: Money, instruments: usize) -> Self {
        Self {
            kind,
            cash,
            held: vec![0; instruments],
        }
    }

    /// Books one fill of `quantity` for `notional` and `fee`, if the account allows it.
    ///
    /// # Errors
    ///
    /// Returns the [`Code`] of the rule that the fill would break; the books are unchanged then.
    pub fn book(
        &mut self,
        (instrument, side): (InstrumentId, Side),
        quantity: Quantity,
        (notional, fee): (Money, Money),
    ) -> Result<(), Code> {
        let held = self
            .held
            .get_mut(instrument.index())
            .ok_or(Code::UnknownInstrument)?;
        let (after, cash) = match side {
            Side::Buy => (held.checked_add(quantity.0), self.cash.minus(notional)),
            Side::Sell => (held.checked_sub(quantity.0), self.cash.plus(notional)),
        };
        let after = after.ok_or(Code::Overflow)?;
        let cash = cash
            .and_then(|cash| cash.minus(fee))
            .ok_or(Code::Overflow)?;
        if self.kind == AccountKind::Cash {
            if after < 0 {
                return Err(Code::ShortSellingNotAllowed);
            }
            if side == Side::Buy && cash < Money::ZERO {
                return Err(Code::NoBuyingPower);
            }
        }
        *held = after;
        self.cash = cash;
        Ok(())
    }
}
