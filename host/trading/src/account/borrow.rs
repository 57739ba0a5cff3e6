//! Borrow fees: what is short pays for the time it is held.

use alloc::vec::Vec;

use super::{Account, AccountError};
use crate::execution::{BorrowFee, Delivery};
use crate::instrument::InstrumentId;
use crate::units::BasisPoints;

impl Account {
    /// Lets every short position accrue for `nanos`, at its value of the last mark.
    ///
    /// # Errors
    ///
    /// Returns [`AccountError`] if the sum does not fit.
    pub fn accrue_borrow(&mut self, nanos: i64) -> Result<(), AccountError> {
        for (position, id) in self.positions.iter_mut().zip(0_u32..) {
            if position.quantity.0 >= 0 {
                continue;
            }
            let sum = || {
                // Value times time, and not a fee yet: rounded once a day, the fee does not depend on how
                // many bars the day has.
                let value = position.value.0.checked_abs()?;
                let held = value.checked_mul(i128::from(nanos))?;
                position.borrow_accrued.checked_add(held)
            };
            position.borrow_accrued = sum().ok_or(AccountError::Overflow {
                operation: "accruing the borrow fee of",
                instrument: InstrumentId(id),
            })?;
        }
        Ok(())
    }

    /// Books what has accrued, one delivery an instrument: rounded half to even, here and once.
    ///
    /// # Errors
    ///
    /// Returns [`AccountError`] if an amount does not fit.
    pub fn book_borrow(
        &mut self,
        rate: BasisPoints,
        deliveries: &mut Vec<Delivery>,
    ) -> Result<(), AccountError> {
        for (position, id) in self.positions.iter_mut().zip(0_u32..) {
            // Also of a position that was closed during the day: what accrued while it was short is owed.
            let accrued = core::mem::take(&mut position.borrow_accrued);
            if accrued == 0 {
                continue;
            }
            let instrument = InstrumentId(id);
            let overflow = AccountError::Overflow {
                operation: "booking the borrow fee of",
                instrument,
            };
            let fee = rate.yearly_share_of(accrued).ok_or(overflow.clone())?;
            let fee = crate::units::Money(fee);
            let sums = || Some((self.cash.minus(fee)?, self.borrow.plus(fee)?));
            (self.cash, self.borrow) = sums().ok_or(overflow)?;
            deliveries.push(Delivery::Borrow(BorrowFee { instrument, fee }));
        }
        Ok(())
    }
}
