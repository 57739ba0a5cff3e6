//! The terms of a run: account, costs, matching and risk limits, from texts to types.

use alloc::string::{String, ToString as _};

use super::field::{ManifestError, amount, bps, invalid};
use super::{AccountEntry, CostsEntry, DataSource, Manifest, MatchingEntry, RiskEntry};
use crate::account::AccountKind;
use crate::costs::{CostModel, FeeCap, FeeSchedule, SlippageModel};
use crate::decimal;
use crate::risk::{Leverage, LiveRiskLimits, MaintenanceMargin, MarginCallPolicy, RiskLimits};
use crate::units::{BasisPoints, Money};
use crate::venue::matching::{LimitFillRule, MatchingRules};

/// The most bars of latency: a year of minutes would be a mistake, a trading week of them is not.
const LATENCY_BARS_MAX: u32 = 10_000;
/// The most grid steps of slippage.
const SLIPPAGE_TICKS_MAX: u32 = 1_000_000;

/// An account's values.
pub(super) struct AccountTerms {
    pub(super) kind: AccountKind,
    pub(super) cash: Money,
    pub(super) leverage: Leverage,
    pub(super) maintenance: MaintenanceMargin,
}

/// A broker's terms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BrokerTerms {
    /// Whether real money moves.
    pub is_live: bool,
    /// How far the account's cash at the broker may differ from the run's.
    pub cash_tolerance: Money,
}

pub(super) fn account(entry: &AccountEntry) -> Result<AccountTerms, ManifestError> {
    let kind = match entry.kind.as_str() {
        "cash" => AccountKind::Cash,
        "margin" => AccountKind::Margin,
        other => return Err(invalid("account.kind", other, "cash or margin")),
    };
    let field = "account.leverage";
    let hundredths = decimal::parse(&entry.leverage, 2)
        .map_err(|source| ManifestError::Number { field, source })?;
    let leverage = u32::try_from(hundredths)
        .ok()
        // Below one an account could not use its own cash.
        .filter(|leverage| (100..=10_000).contains(leverage))
        .ok_or_else(|| invalid(field, &entry.leverage, "1 to 100"))?;
    let policy = match entry.margin_call.as_str() {
        "reduce" => MarginCallPolicy::Reduce,
        "liquidate" => MarginCallPolicy::Liquidate,
        other => return Err(invalid("account.margin-call", other, "reduce or liquidate")),
    };
    Ok(AccountTerms {
        kind,
        cash: amount("account.cash", &entry.cash)?,
        leverage: Leverage(leverage),
        maintenance: MaintenanceMargin {
            rate: bps("account.maintenance-bps", &entry.maintenance_bps)?,
            policy,
        },
    })
}

pub(super) fn costs(entry: &CostsEntry) -> Result<CostModel, ManifestError> {
    let fees = FeeSchedule {
        taker: bps("costs.fee-bps", &entry.fee_bps)?,
        maker: bps("costs.maker-fee-bps", &entry.maker_fee_bps)?,
        per_unit: amount("costs.fee-per-share", &entry.fee_per_share)?,
        fixed: amount("costs.fee-fixed", &entry.fee_fixed)?,
        min: amount("costs.fee-min", &entry.fee_min)?,
        max: fee_cap(&entry.fee_max)?,
    };
    // Both bounds could not hold. A share is another matter: of a small order it is below any minimum.
    if matches!(fees.max, Some(FeeCap::Amount(max)) if max < fees.min) {
        return Err(invalid(
            "costs.fee-max",
            &entry.fee_max,
            "costs.fee-min or more, or off",
        ));
    }
    if entry.slippage_ticks > SLIPPAGE_TICKS_MAX {
        let value = entry.slippage_ticks.to_string();
        return Err(invalid("costs.slippage-ticks", &value, "at most 1,000,000"));
    }
    let cap = &entry.volume_cap_bps;
    Ok(CostModel {
        fees,
        slippage: SlippageModel {
            rate: bps("costs.slippage-bps", &entry.slippage_bps)?,
            ticks: entry.slippage_ticks,
            volume_rate: bps("costs.slippage-volume-bps", &entry.slippage_volume_bps)?,
        },
        volume_cap: if cap == "off" {
            None
        } else {
            Some(bps("costs.volume-cap-bps", cap)?)
        },
        borrow: bps("costs.borrow-bps", &entry.borrow_bps)?,
    })
}

fn fee_cap(text: &str) -> Result<Option<FeeCap>, ManifestError> {
    let field = "costs.fee-max";
    if text == "off" {
        return Ok(None);
    }
    let Some(share) = text.strip_suffix('%') else {
        return Ok(Some(FeeCap::Amount(amount(field, text)?)));
    };
    let expected =
        "off, an amount of zero or more, or a share of the order's value from 0% to 100%";
    BasisPoints::parse_percent(share)
        .map(|rate| Some(FeeCap::Share(rate)))
        .map_err(|_| invalid(field, text, expected))
}

pub(super) fn matching(entry: &MatchingEntry) -> Result<MatchingRules, ManifestError> {
    if entry.latency_bars > LATENCY_BARS_MAX {
        let value = entry.latency_bars.to_string();
        return Err(invalid("matching.latency-bars", &value, "at most 10,000"));
    }
    Ok(MatchingRules {
        latency_bars: entry.latency_bars,
        limits: if entry.limit_trade_through {
            LimitFillRule::TradeThrough
        } else {
            LimitFillRule::Touch
        },
    })
}

impl RiskEntry {
    /// The values, parsed.
    ///
    /// # Errors
    ///
    /// Returns [`ManifestError`] naming the first invalid field.
    pub fn limits(&self) -> Result<RiskLimits, ManifestError> {
        risk(self)
    }
}

/// The most working orders of a run: two for each of the most instruments.
const WORKING_ORDERS_MAX: u32 = 20_000;

/// Ten years in milliseconds: as nanoseconds they are far from the end of time.
const AGE_MAX_MS: u64 = 315_360_000_000;

/// Milliseconds as nanoseconds.
fn nanos(millis: u64) -> i64 {
    i64::try_from(millis)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000_000)
}

fn risk(entry: &RiskEntry) -> Result<RiskLimits, ManifestError> {
    // A fault or a stop cancels all of them in one record, which must fit in an entry.
    if entry.working_orders_max > WORKING_ORDERS_MAX {
        let value = entry.working_orders_max.to_string();
        return Err(invalid("risk.working-orders-max", &value, "at most 20,000"));
    }
    if let Some(age) = entry.bar_age_max_ms.filter(|age| *age > AGE_MAX_MS) {
        let expected = "at most 315,360,000,000: ten years";
        return Err(invalid("risk.bar-age-max-ms", &age.to_string(), expected));
    }
    let money = |field, text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| amount(field, text)).transpose()
    };
    Ok(RiskLimits {
        orders_per_bar_max: entry.orders_per_bar_max,
        working_orders_max: entry.working_orders_max,
        order_notional_max: amount("risk.order-notional-max", &entry.order_notional_max)?,
        position_notional_max: amount("risk.position-notional-max", &entry.position_notional_max)?,
        gross_exposure_max: amount("risk.gross-exposure-max", &entry.gross_exposure_max)?,
        price_collar: bps("risk.price-collar-bps", &entry.price_collar_bps)?,
        drawdown_max: bps("risk.drawdown-max-bps", &entry.drawdown_max_bps)?,
        live: LiveRiskLimits {
            orders_per_day_max: entry.orders_per_day_max,
            net_exposure_max: money("risk.net-exposure-max", &entry.net_exposure_max)?,
            daily_loss_max: money("risk.daily-loss-max", &entry.daily_loss_max)?,
            bar_age_max: entry.bar_age_max_ms.map(nanos),
            clock_offset_max: entry.clock_offset_max_ms.map(u64::from).map(nanos),
        },
    })
}

/// The broker of a run's feed, if it has one.
///
/// Costs, matching and flattening belong to the broker then: a manifest that also asks the host for
/// them is refused.
pub(super) fn broker(manifest: &Manifest) -> Result<Option<BrokerTerms>, ManifestError> {
    let DataSource::Feed {
        broker: Some(entry),
        ..
    } = &manifest.data
    else {
        return Ok(None);
    };
    if entry.name != "alpaca" {
        return Err(invalid("data.feed.broker.name", &entry.name, "alpaca"));
    }
    let is_live = match entry.environment.as_str() {
        "paper" => false,
        // Only these two words: a misspelled environment must not send real orders.
        "live" => true,
        other => {
            let field = "data.feed.broker.environment";
            return Err(invalid(field, other, "paper or live"));
        }
    };
    let free = CostsEntry {
        volume_cap_bps: manifest.costs.volume_cap_bps.clone(),
        ..CostsEntry::none()
    };
    if costs(&manifest.costs)? != costs(&free)? {
        let expected =
            "no fee, slippage or borrow fee in a broker's run: the broker's prices count";
        return Err(invalid("costs", "above zero", expected));
    }
    if manifest.matching != MatchingEntry::default() {
        let expected = "no latency and no rule for limits in a broker's run";
        return Err(invalid("matching", "not the default", expected));
    }
    // The books of a run are as old as its last slice: what filled since would be sold twice.
    let flattens =
        "leave or cancel in a broker's run: what filled since the last slice is not known";
    if manifest.on_fault == "cancel-and-flatten" {
        return Err(invalid("on-fault", &manifest.on_fault, flattens));
    }
    if manifest.account.margin_call != "reduce" {
        let (field, value) = ("account.margin-call", &manifest.account.margin_call);
        return Err(invalid(field, value, "reduce in a broker's run"));
    }
    // A fill at zero or below is refused as a broker's error, and such an instrument could have true ones.
    if manifest.instruments.iter().any(|it| it.negative_prices) {
        let expected = "absent in a broker's run: its instruments have prices above zero";
        return Err(invalid("instruments.negative-prices", "true", expected));
    }
    // After an outage the bars of hours come at once, and their orders would go out at today's prices.
    if manifest.risk.bar_age_max_ms.is_none() {
        let expected =
            "a number of milliseconds in a broker's run: how old a bar may be to trade on";
        return Err(invalid("risk.bar-age-max-ms", "absent", expected));
    }
    Ok(Some(BrokerTerms {
        is_live,
        cash_tolerance: amount("data.feed.broker.cash-tolerance", &entry.cash_tolerance)?,
    }))
}
