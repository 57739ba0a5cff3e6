//! Corporate actions: what an issuer or a venue did to an instrument, halts and the ends of sessions included.
//! It must never know where they were read, and nothing here adjusts a price: bars stay as they were traded.

use alloc::string::String;
use core::num::NonZeroU32;

use crate::decimal::divide_half_even;
use crate::instrument::{Instrument, InstrumentId};
use crate::order::{OrderType, Side};
use crate::time::UnixNanos;
use crate::units::{Money, Price, Quantity};

/// The most bytes of a ticker, as in an instrument's definition.
const SYMBOL_BYTES_MAX: usize = 64;

/// One corporate action, applied before the first bar of its ex-date is matched.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CorporateAction {
    /// What it happened to.
    pub instrument: InstrumentId,
    /// The first moment at which the instrument trades without the right.
    pub ex_time: UnixNanos,
    /// What happened.
    pub kind: CorporateActionKind,
}

/// What happened.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CorporateActionKind {
    /// New shares for old: a holder of `old` has `new` afterwards.
    Split {
        /// Shares after.
        new: NonZeroU32,
        /// Shares before.
        old: NonZeroU32,
    },
    /// Cash for each whole unit held: a holder who is long receives it, one who is short pays it.
    Dividend {
        /// Cash for one unit, above zero.
        per_unit: Money,
        /// Whether it is outside the issuer's regular schedule. It is paid in the same way.
        special: bool,
    },
    /// The instrument has another ticker from now on.
    SymbolChange {
        /// The new ticker.
        symbol: String,
    },
    /// The instrument is no longer traded: its orders end and its position is paid out.
    Delisting {
        /// Cash for one unit held, zero or above.
        per_unit: Money,
    },
    /// Trading stops at the ex-time and resumes later: nothing fills until then, and the venue
    /// takes no order. Only the venue acts on it; the strategy has no callback for it.
    Halt {
        /// The first moment at which it is traded again, after the ex-time.
        until: UnixNanos,
    },
    /// A trading day of the instrument is over: the ex-time is the first moment after its session.
    /// Only the venue acts on it, on DAY orders; the strategy has no callback for it.
    SessionEnd,
}

/// Why a corporate action is invalid.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a {kind} of {instrument:?} whose {field}")]
pub struct CorporateActionError {
    /// Which instrument's.
    pub instrument: InstrumentId,
    /// What kind of action.
    pub kind: &'static str,
    /// The field and what is wrong with it.
    pub field: &'static str,
}

impl CorporateActionKind {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Split { .. } => "split",
            Self::Dividend { .. } => "dividend",
            Self::SymbolChange { .. } => "symbol change",
            Self::Delisting { .. } => "delisting",
            Self::Halt { .. } => "halt",
            Self::SessionEnd => "session end",
        }
    }
}

impl CorporateAction {
    /// Whether the strategy has a callback for it. The contract has none for a halt and for the end of
    /// a session: the strategy sees them in the venue's answers.
    #[must_use]
    pub const fn has_callback(&self) -> bool {
        match self.kind {
            CorporateActionKind::Split { .. }
            | CorporateActionKind::Dividend { .. }
            | CorporateActionKind::SymbolChange { .. }
            | CorporateActionKind::Delisting { .. } => true,
            CorporateActionKind::Halt { .. } | CorporateActionKind::SessionEnd => false,
        }
    }

    /// Checks the values that the types leave open.
    ///
    /// # Errors
    ///
    /// Returns [`CorporateActionError`] naming the field.
    pub fn check_values(&self) -> Result<(), CorporateActionError> {
        let field = match &self.kind {
            CorporateActionKind::Split { .. } | CorporateActionKind::SessionEnd => None,
            CorporateActionKind::Dividend { per_unit, .. } => {
                (*per_unit <= Money::ZERO).then_some("cash for a unit is not above zero")
            }
            CorporateActionKind::SymbolChange { symbol } => {
                // The bound of a definition: a symbol goes into records, and an entry is limited.
                let bad = symbol.is_empty() || symbol.len() > SYMBOL_BYTES_MAX;
                bad.then_some("symbol is empty or longer than 64 bytes")
            }
            CorporateActionKind::Delisting { per_unit } => {
                (*per_unit < Money::ZERO).then_some("cash for a unit is below zero")
            }
            CorporateActionKind::Halt { until } => {
                (*until <= self.ex_time).then_some("end is not after its beginning")
            }
        };
        field.map_or(Ok(()), |field| {
            Err(CorporateActionError {
                instrument: self.instrument,
                kind: self.kind.name(),
                field,
            })
        })
    }
}

/// A split, as arithmetic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SplitRatio {
    /// Shares after.
    pub new: NonZeroU32,
    /// Shares before.
    pub old: NonZeroU32,
}

/// What a split makes of a position.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SplitPosition {
    /// The position after, a multiple of the lot.
    pub quantity: Quantity,
    /// Cash for the fraction that cannot be held; a short position pays it.
    pub cash: Money,
    /// The part of the position that was paid out, over the whole: both have one sign.
    pub fraction: (i128, i128),
}

impl SplitRatio {
    fn parts(self) -> (i128, i128) {
        (i128::from(self.new.get()), i128::from(self.old.get()))
    }

    /// The last price in new shares, rounded half to even at the price scale.
    #[must_use]
    pub fn mark(self, mark: Price) -> Option<Price> {
        let (new, old) = self.parts();
        let price = divide_half_even(i128::from(mark.0).checked_mul(old)?, new)?;
        i64::try_from(price).ok().map(Price)
    }

    /// The position after the split, and the cash for what the lot cannot hold, at the last price
    /// before the split: rounded half to even, once. `None` when it does not fit.
    #[must_use]
    pub fn position(
        self,
        instrument: &Instrument,
        held: Quantity,
        mark: Option<Price>,
    ) -> Option<SplitPosition> {
        let (new, old) = self.parts();
        // Counted in shares of which `old` make a new one, so that the division by `old` comes last and only
        // once: what does not fill a lot is paid out, and must not vanish in a rounding.
        let whole = i128::from(held.0).checked_mul(new)?;
        let lot = i128::from(instrument.lot_size()).checked_mul(old)?;
        let left = whole.checked_rem(lot)?;
        let quantity = whole.checked_sub(left)?.checked_div(old)?;
        let quantity = Quantity(i64::try_from(quantity).ok()?);
        // `left` of these are left / new old shares, worth the last price each.
        // Without a bar there is no position, so the missing price is multiplied by zero.
        let cash = instrument.notional_of(mark.unwrap_or_default(), left, new)?;
        Some(SplitPosition {
            quantity,
            cash,
            fraction: (left, whole),
        })
    }

    /// An order's prices, rounded to the tick against the trader: up for a buyer, down for a
    /// seller; and what is left to fill, rounded down to the lot. `None` when it does not fit.
    #[must_use]
    pub fn order(
        self,
        instrument: &Instrument,
        order_type: OrderType,
        side: Side,
        leaves: Quantity,
    ) -> Option<(OrderType, Quantity)> {
        let (new, old) = self.parts();
        let tick = i128::from(instrument.tick_size());
        let price = |price: Price| {
            let numerator = i128::from(price.0).checked_mul(old)?;
            let step = new.checked_mul(tick)?;
            let down = numerator.checked_div_euclid(step)?;
            let exact = numerator.checked_rem_euclid(step)? == 0;
            // Against the trader: a price that a split rounds must not make an order fill better than the
            // strategy asked for.
            let steps = match side {
                Side::Buy if !exact => down.checked_add(1)?,
                Side::Buy | Side::Sell => down,
            };
            i64::try_from(steps.checked_mul(tick)?).ok().map(Price)
        };
        let order_type = match order_type {
            OrderType::Market => OrderType::Market,
            OrderType::Limit(limit) => OrderType::Limit(price(limit)?),
            OrderType::Stop(stop) => OrderType::Stop(price(stop)?),
            OrderType::StopLimit { stop, limit } => OrderType::StopLimit {
                stop: price(stop)?,
                limit: price(limit)?,
            },
        };
        Some((order_type, self.quantity(instrument, leaves)?))
    }

    /// A quantity in new shares, rounded down to the lot.
    #[must_use]
    pub fn quantity(self, instrument: &Instrument, quantity: Quantity) -> Option<Quantity> {
        let (new, old) = self.parts();
        let lot = i128::from(instrument.lot_size());
        // Down to the lot: what is left of an order must be tradable, and it must never grow by a
        // rounding.
        let lots = i128::from(quantity.0)
            .checked_mul(new)?
            .checked_div_euclid(old.checked_mul(lot)?)?;
        i64::try_from(lots.checked_mul(lot)?).ok().map(Quantity)
    }
}
