//! Why the gate refused a request: the rule, and for a limit what was asked and what the limit allows.

use crate::execution::OrderCode;

/// The first rule that a request broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RiskRefusal {
    /// The rule.
    pub code: OrderCode,
    /// Its figures; there for exactly the codes that have a [`FigureUnit`].
    pub figures: Option<LimitFigures>,
}

/// What a request asked for, and what the limit allowed then. Both are in the [`FigureUnit`] of the code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LimitFigures {
    pub asked: i128,
    pub limit: i128,
}

/// What the figures of a code count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FigureUnit {
    /// Orders or requests, the refused one among them.
    Count,
    /// Nano-units of the settlement currency.
    Money,
    /// Units at the instrument's quantity scale.
    Quantity,
    /// Units at the instrument's price scale.
    Price,
    /// Nanoseconds.
    Nanos,
}

impl RiskRefusal {
    /// A refusal by a limit.
    pub(crate) fn limit(code: OrderCode, asked: impl Into<i128>, limit: impl Into<i128>) -> Self {
        Self {
            code,
            figures: Some(LimitFigures {
                asked: asked.into(),
                limit: limit.into(),
            }),
        }
    }
}

impl From<OrderCode> for RiskRefusal {
    fn from(code: OrderCode) -> Self {
        Self {
            code,
            figures: None,
        }
    }
}

impl OrderCode {
    /// What the figures of a refusal with this code count; `None` for a code that has none.
    #[must_use]
    pub const fn figure_unit(self) -> Option<FigureUnit> {
        Some(match self {
            Self::OrdersPerBarLimit
            | Self::OrdersPerDayLimit
            | Self::WorkingOrdersLimit
            | Self::TooManyRequests => FigureUnit::Count,
            Self::NoBuyingPower
            | Self::OrderNotionalLimit
            | Self::PositionNotionalLimit
            | Self::GrossExposureLimit
            | Self::NetExposureLimit
            | Self::DrawdownLimit
            | Self::DailyLossLimit => FigureUnit::Money,
            Self::ShortSellingNotAllowed => FigureUnit::Quantity,
            Self::PriceCollar => FigureUnit::Price,
            Self::BarTooLate => FigureUnit::Nanos,
            Self::None
            | Self::UnknownInstrument
            | Self::QuantityNotPositive
            | Self::QuantityOffLot
            | Self::PriceOffTick
            | Self::DuplicateClientOrderId
            | Self::UnknownOrder
            | Self::WarmingUp
            | Self::NoPrice
            | Self::ExpiredTimeInForce
            | Self::Overflow
            | Self::OrderIdGapsLimit
            | Self::Delisted
            | Self::CorporateAction
            | Self::MarginCall
            | Self::ReservedClientOrderId
            | Self::InstrumentHalted
            | Self::NotSent
            | Self::VenueRejected => return None,
        })
    }
}
