//! One round trip: from flat to flat in one instrument, or to the other side. It must never know
//! where its fills came from.

use counterfoil_trading::decimal::divide_half_even;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Quantity};

use crate::number;

/// Which way a trade profits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TradeDirection {
    /// From a rising price.
    Long,
    /// From a falling price.
    Short,
}

impl TradeDirection {
    /// `long` or `short`.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Short => "short",
        }
    }
}

/// Where a trade began or ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TradeEnd {
    /// Close time of the bar of the fill.
    pub(crate) time: UnixNanos,
    /// The index of that bar among its instrument's bars, from 0.
    pub(crate) bar: u64,
    /// The journal entry of the decision that requested the order, if the journal holds it.
    pub(crate) entry: Option<u64>,
    /// The strategy's reason.
    pub(crate) reason: Option<String>,
}

/// One round trip.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RoundTrip {
    /// The instrument.
    pub(crate) instrument: InstrumentId,
    /// Long or short.
    pub(crate) direction: TradeDirection,
    /// Where it began.
    pub(crate) opened: TradeEnd,
    /// Where it ended; `None` while it is open.
    pub(crate) closed: Option<TradeEnd>,
    /// Everything that was bought (long) or sold (short) to open it.
    pub(crate) entered: Quantity,
    /// The notional of that.
    pub(crate) entry_value: Money,
    /// Everything that was sold (long) or bought (short) to close it.
    pub(crate) exited: Quantity,
    /// The notional of that.
    pub(crate) exit_value: Money,
    /// The value of what is still held, at the last close; zero once closed.
    pub(crate) open_value: Money,
    /// Cash of corporate actions while it was held: received above zero, paid below.
    pub(crate) actions: Money,
    /// Borrow fees, for a short trade.
    pub(crate) borrow: Money,
    /// Its share of the fees.
    pub(crate) fees: Money,
    /// Its share of what slippage cost. It is in the prices already.
    pub(crate) slippage: Money,
    /// Fills that touched it.
    pub(crate) fills: u64,
}

impl RoundTrip {
    /// Profit and loss before fees and borrow; `None` when it does not fit.
    #[must_use]
    pub(crate) fn gross(&self) -> Option<Money> {
        // What is still held counts at its last close, so an open trade has a result too.
        let back = self.exit_value.plus(self.open_value)?;
        let traded = match self.direction {
            TradeDirection::Long => back.minus(self.entry_value),
            TradeDirection::Short => self.entry_value.minus(back),
        };
        traded?.plus(self.actions)
    }

    /// Profit and loss after fees and borrow; `None` when it does not fit.
    #[must_use]
    pub(crate) fn net(&self) -> Option<Money> {
        self.gross()?.minus(self.fees)?.minus(self.borrow)
    }

    /// Net profit and loss as a share of what was put in; `None` without an entry value.
    #[must_use]
    pub(crate) fn return_on_entry(&self) -> Option<f64> {
        // Quantities below the money scale can have a notional that rounds to zero. A share of nothing
        // is not defined.
        if self.entry_value == Money::ZERO {
            return None;
        }
        Some(number::money(self.net()?) / number::money(self.entry_value))
    }

    /// Bars from the opening to the closing fill.
    #[must_use]
    pub(crate) fn bars(&self) -> Option<u64> {
        let closed = self.closed.as_ref()?;
        Some(closed.bar.saturating_sub(self.opened.bar))
    }

    /// The average price in and, once something was closed, out, at scale 9.
    #[must_use]
    pub(crate) fn average_prices(&self, instrument: &Instrument) -> (Option<i128>, Option<i128>) {
        (
            average(instrument, self.entry_value, self.entered),
            average(instrument, self.exit_value, self.exited),
        )
    }
}

/// Value for one unit at scale 9, rounded half to even.
fn average(instrument: &Instrument, value: Money, quantity: Quantity) -> Option<i128> {
    // Scaled before the division, or an average over small quantities would lose its decimals.
    let units = 10_i128.checked_pow(u32::from(instrument.quantity_scale()))?;
    divide_half_even(value.0.checked_mul(units)?, i128::from(quantity.0))
}
