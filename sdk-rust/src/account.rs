//! The account as of the bar being decided. In a component the host answers; in a native test
//! the harness does.

use crate::bindings::counterfoil::strategy::types::{Money, Position, WorkingOrder};

#[cfg(target_arch = "wasm32")]
use crate::bindings::counterfoil::strategy::account as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::harness::host;

/// Reads the account. Each call asks the host, which costs fuel.
#[derive(Debug)]
#[non_exhaustive]
pub struct Account {}

impl Account {
    pub(crate) fn new() -> Self {
        Self {}
    }

    /// Cash, negative where the account owes.
    #[must_use]
    pub fn cash(&self) -> Money {
        host::cash()
    }

    /// Cash plus the value of all positions at the last close.
    #[must_use]
    pub fn equity(&self) -> Money {
        host::equity()
    }

    /// What the account holds of an instrument.
    #[must_use]
    pub fn position(&self, instrument: u32) -> Position {
        host::position_of(instrument)
    }

    /// Every order that can still fill, in the sequence in which they were sent.
    #[must_use]
    pub fn working_orders(&self) -> Vec<WorkingOrder> {
        host::working_orders()
    }
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self { units: 0, nanos: 0 };

    /// The amount in billionths of the currency.
    #[must_use]
    pub fn to_nanos(self) -> i128 {
        i128::from(self.units) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// The amount of so many billionths; none where it does not fit.
    #[must_use]
    pub fn from_nanos(nanos: i128) -> Option<Self> {
        Some(Self {
            units: i64::try_from(nanos / 1_000_000_000).ok()?,
            nanos: i32::try_from(nanos % 1_000_000_000).ok()?,
        })
    }
}
