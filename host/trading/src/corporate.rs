//! Corporate actions: what an issuer or a venue did to an instrument. It must never know where
//! they were read, and nothing here adjusts a price: bars stay as they were traded.

use alloc::string::String;
use core::num::NonZeroU32;

use crate::instrument::InstrumentId;
use crate::time::UnixNanos;
use crate::units::Money;

/// One corporate action, applied before the first bar of its ex-date is matched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CorporateAction {
    /// What it happened to.
    pub instrument: InstrumentId,
    /// The first moment at which the instrument trades without the right.
    pub ex_time: UnixNanos,
    /// What happened.
    pub kind: ActionKind,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ActionKind {
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
}
