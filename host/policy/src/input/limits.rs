//! The input of the limits gate. It must never hold a limit as anything but an integer: a policy compares exactly
//! or not at all.

use serde::Serialize;

use super::{ExceptionInput, UnixSeconds};

/// The risk limits of an account are about to be set.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LimitsInput {
    pub time: UnixSeconds,
    /// The principal who asks for the limits.
    pub asked_by: String,
    /// The account that the limits are for.
    pub account: AccountInput,
    /// The requested limits.
    pub asked: AskedLimits,
    /// The exceptions in the ledger, including ended ones.
    pub exceptions: Vec<ExceptionInput>,
}

/// An account.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AccountInput {
    pub name: String,
    /// Who owns it.
    pub owner: String,
    /// `cash` or `margin`.
    pub kind: String,
    /// The settlement currency.
    pub currency: String,
}

/// The requested limits; `None` asks for as much as the account may have. Amounts are whole units of the settlement
/// currency.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct AskedLimits {
    /// Orders let through on one bar.
    pub orders_per_bar: Option<u32>,
    /// Orders let through on one UTC day.
    pub orders_per_day: Option<u32>,
    /// Orders working at once.
    pub working_orders: Option<u32>,
    /// Value of one order.
    pub order_notional: Option<u64>,
    /// Value of one position.
    pub position_notional: Option<u64>,
    /// Sum of the absolute values of all positions.
    pub gross_exposure: Option<u64>,
    /// Absolute value of the sum of all positions.
    pub net_exposure: Option<u64>,
    /// Distance of a limit or stop price from the last close, in basis points.
    pub price_collar_bps: Option<u32>,
    /// Fall of equity within a UTC day after which only reducing orders pass.
    pub daily_loss: Option<u64>,
    /// Fall of equity from its peak after which only reducing orders pass, in basis points.
    pub drawdown_bps: Option<u32>,
}
