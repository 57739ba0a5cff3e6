//! What a corporate action does to a position and to cash.

use super::{Account, AccountError, Position};
use crate::corporate::{CorporateAction, CorporateActionKind, SplitRatio};
use crate::decimal::divide_half_even;
use crate::execution::AppliedAction;
use crate::instrument::Instrument;
use crate::units::{Money, Quantity};

/// A position after an action, and what the account got of it.
struct ActionEffect {
    position: Position,
    cash: Money,
    realized: Money,
    dividend: Money,
}

impl Account {
    /// Applies one corporate action to the position in its instrument and to cash.
    ///
    /// Equity does not change by a split: what the position loses in value, cash gains.
    ///
    /// # Errors
    ///
    /// Returns [`AccountError`] if an amount does not fit.
    pub fn apply(
        &mut self,
        instrument: &Instrument,
        action: &CorporateAction,
    ) -> Result<AppliedAction, AccountError> {
        let id = action.instrument;
        let overflow = AccountError::Overflow {
            operation: "applying a corporate action of",
            instrument: id,
        };
        let position = self
            .positions
            .get_mut(id.index())
            .ok_or(AccountError::UnknownInstrument { instrument: id })?;
        // As for a fill: all of it is computed before anything is stored, so that an action that does not
        // fit leaves the books as they were.
        let after = after(instrument, position, &action.kind).ok_or(overflow.clone())?;
        let sums = || {
            Some((
                self.cash.plus(after.cash)?,
                self.realized.plus(after.realized)?,
                self.dividends.plus(after.dividend)?,
            ))
        };
        (self.cash, self.realized, self.dividends) = sums().ok_or(overflow)?;
        *position = after.position;
        Ok(AppliedAction {
            action: action.clone(),
            quantity: after.position.quantity,
            cash: after.cash,
        })
    }
}

fn after(
    instrument: &Instrument,
    held: &Position,
    kind: &CorporateActionKind,
) -> Option<ActionEffect> {
    let mut after = ActionEffect {
        position: *held,
        cash: Money::ZERO,
        realized: Money::ZERO,
        dividend: Money::ZERO,
    };
    match kind {
        CorporateActionKind::SymbolChange { .. }
        | CorporateActionKind::Halt { .. }
        | CorporateActionKind::SessionEnd => {}
        CorporateActionKind::Dividend { per_unit, .. } => {
            // Signed: a short position owes the dividend to the lender of the shares. The cost stays as
            // it is; profit and dividends are reported apart.
            after.cash = instrument.per_unit(*per_unit, held.quantity)?;
            after.dividend = after.cash;
        }
        CorporateActionKind::Delisting { per_unit } => {
            after.cash = instrument.per_unit(*per_unit, held.quantity)?;
            // The whole cost is released: cost that stayed on an ended position could never be closed by
            // a fill.
            after.realized = after.cash.minus(held.cost)?;
            after.position.quantity = Quantity(0);
            after.position.cost = Money::ZERO;
            after.position.value = Money::ZERO;
        }
        CorporateActionKind::Split { new, old } => {
            let ratio = SplitRatio {
                new: *new,
                old: *old,
            };
            let split = ratio.position(instrument, held.quantity, held.mark_price)?;
            let (part, whole) = split.fraction;
            // The cost of what is paid out is released in proportion, rounded half to even.
            // A position of zero has a whole of zero: divided by it, every split of an instrument that is
            // not held would end the run.
            let released = if part == 0 {
                Money::ZERO
            } else {
                let cost = held.cost.0.checked_mul(part.checked_abs()?)?;
                Money(divide_half_even(cost, whole.checked_abs()?)?)
            };
            after.cash = split.cash;
            after.realized = split.cash.minus(released)?;
            after.position.quantity = split.quantity;
            after.position.cost = held.cost.minus(released)?;
            // An empty position must not keep the difference between its value and the rounded cash:
            // equity would hold money that no fill can realize.
            after.position.value = if split.quantity.0 == 0 {
                Money::ZERO
            } else {
                held.value.minus(split.cash)?
            };
            // Until the next bar of the instrument the gate values orders with this mark: the old one
            // would be wrong by the ratio.
            after.position.mark_price = match held.mark_price {
                None => None,
                Some(mark) => Some(ratio.mark(mark)?),
            };
        }
    }
    Some(after)
}
