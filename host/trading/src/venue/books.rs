//! The venue's own books of one account: what it holds and what it could pay. They are kept
//! apart from the run's account on purpose: one can be reconciled with the other.

use alloc::vec;
use alloc::vec::Vec;

use crate::account::AccountKind;
use crate::bar::RawBar;
use crate::corporate::{CorporateAction, CorporateActionKind, SplitRatio};
use crate::execution::{Fill, OrderCode};
use crate::instrument::{Instrument, InstrumentId};
use crate::order::Side;
use crate::time::UnixNanos;
use crate::units::{Money, Price, Quantity};

/// Cash and holdings as the venue counts them. Borrow fees are not among them: only a margin
/// account is short, and of a margin account the venue asks nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VenueBooks {
    kind: AccountKind,
    cash: Money,
    holdings: Vec<VenueHolding>,
}

/// One instrument in the books.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct VenueHolding {
    held: i64,
    /// The last close.
    mark: Option<Price>,
    delisted: bool,
    /// When the last of its halts ends.
    halted_until: Option<UnixNanos>,
}

impl VenueBooks {
    /// Books of an account that holds nothing but cash.
    #[must_use]
    pub fn new(kind: AccountKind, cash: Money, instruments: usize) -> Self {
        Self {
            kind,
            cash,
            holdings: vec![VenueHolding::default(); instruments],
        }
    }

    /// Books one fill with its notional, if the account allows it.
    ///
    /// # Errors
    ///
    /// Returns the [`OrderCode`] of the rule that the fill would break; the books are unchanged then.
    pub fn book(&mut self, fill: &Fill, notional: Money) -> Result<(), OrderCode> {
        let held = &mut self
            .holdings
            .get_mut(fill.instrument.index())
            .ok_or(OrderCode::UnknownInstrument)?
            .held;
        let (after, cash) = match fill.side {
            Side::Buy => (held.checked_add(fill.quantity.0), self.cash.minus(notional)),
            Side::Sell => (held.checked_sub(fill.quantity.0), self.cash.plus(notional)),
        };
        // Both sums are computed before either is stored: a refused fill leaves the books as they were,
        // and the next order is matched against true numbers.
        let after = after.ok_or(OrderCode::Overflow)?;
        let cash = cash
            .and_then(|cash| cash.minus(fill.fee))
            .ok_or(OrderCode::Overflow)?;
        // The gate checked each order alone. Only here do two sell orders of one bracket meet, or a buy
        // order that gapped above the price it was approved at: the second of them is refused.
        if self.kind == AccountKind::Cash {
            if after < 0 {
                return Err(OrderCode::ShortSellingNotAllowed);
            }
            if fill.side == Side::Buy && cash < Money::ZERO {
                return Err(OrderCode::NoBuyingPower);
            }
        }
        *held = after;
        self.cash = cash;
        Ok(())
    }

    /// Notes the last price of an instrument.
    pub fn mark(&mut self, bar: &RawBar) {
        if let Some(holding) = self.holdings.get_mut(bar.instrument.index()) {
            holding.mark = Some(bar.close);
        }
    }

    /// Whether the instrument is no longer traded.
    #[must_use]
    pub fn is_delisted(&self, instrument: InstrumentId) -> bool {
        self.holdings
            .get(instrument.index())
            .is_some_and(|holding| holding.delisted)
    }

    /// Whether trading in the instrument is halted at this time, which is not before that of the
    /// halts applied.
    #[must_use]
    pub fn is_halted(&self, instrument: InstrumentId, time: UnixNanos) -> bool {
        let holding = self.holdings.get(instrument.index());
        let until = holding.and_then(|holding| holding.halted_until);
        until.is_some_and(|until| time < until)
    }

    /// Applies a corporate action; `None` when an amount does not fit.
    pub fn apply(&mut self, instrument: &Instrument, action: &CorporateAction) -> Option<()> {
        let holding = self.holdings.get_mut(action.instrument.index())?;
        let cash = match &action.kind {
            CorporateActionKind::SymbolChange { .. } | CorporateActionKind::SessionEnd => {
                Money::ZERO
            }
            CorporateActionKind::Halt { until } => {
                // Of two halts that overlap the longer one counts.
                holding.halted_until = holding.halted_until.max(Some(*until));
                Money::ZERO
            }
            CorporateActionKind::Dividend { per_unit, .. } => {
                instrument.per_unit(*per_unit, Quantity(holding.held))?
            }
            CorporateActionKind::Delisting { per_unit } => {
                holding.delisted = true;
                let held = core::mem::take(&mut holding.held);
                instrument.per_unit(*per_unit, Quantity(held))?
            }
            CorporateActionKind::Split { new, old } => {
                let ratio = SplitRatio {
                    new: *new,
                    old: *old,
                };
                // The mark moves with the holding: a second split before the next bar is paid out at the
                // new price.
                let split = ratio.position(instrument, Quantity(holding.held), holding.mark)?;
                holding.held = split.quantity.0;
                holding.mark = match holding.mark {
                    None => None,
                    Some(mark) => Some(ratio.mark(mark)?),
                };
                split.cash
            }
        };
        self.cash = self.cash.plus(cash)?;
        Some(())
    }
}
