//! Whether, where and at which price one order fills inside one bar. Pure rules, one a function.
//!
//! It must never know an account.

use crate::bar::RawBar;
use crate::costs::LiquiditySide;
use crate::decimal::power_of_ten;
use crate::instrument::Instrument;
use crate::order::{OrderType, Side};
use crate::units::{BasisPoints, Price, Quantity};

/// How the venue matches, beside what it costs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MatchingRules {
    /// Bars of its instrument that pass before the venue has an order, cancel or replacement.
    pub latency_bars: u32,
    /// When a price fills a limit order.
    pub limits: LimitFillRule,
}

/// When a price fills a limit order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LimitFillRule {
    /// When the bar reaches the limit.
    #[default]
    Touch,
    /// When the bar goes beyond the limit.
    TradeThrough,
}

/// Where inside a bar an order fills. The sequence of the variants is the sequence in which
/// orders of one bar are filled: the open comes first. The sequence of what happens later is unknown,
/// so stops (against the trader) come before limits (in the trader's favour).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum FillMoment {
    /// At the open.
    Open,
    /// Later, at the stop price.
    Stop,
    /// Later, at the limit price.
    Limit,
}

/// A match: when inside the bar, at which price before slippage, and whether slippage applies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OrderMatch {
    /// When.
    pub moment: FillMoment,
    /// The price before slippage.
    pub reference_price: Price,
    /// Whether slippage applies: a limit order never pays it.
    pub slips: bool,
}

impl OrderMatch {
    /// A resting order that is filled at its limit makes; every other fill takes.
    #[must_use]
    pub const fn liquidity(&self) -> LiquiditySide {
        match self.moment {
            FillMoment::Limit => LiquiditySide::Maker,
            FillMoment::Open | FillMoment::Stop => LiquiditySide::Taker,
        }
    }

    /// The sequence of fills inside a bar. At the open it is that of the venue's queue. The sequence of
    /// later fills is unknown, so the worse for the account comes first: it pays before it receives,
    /// and of two orders of a side the order with the worse price gets the volume.
    #[must_use]
    pub const fn sequence(&self, side: Side, place: usize) -> (FillMoment, u8, i64, usize) {
        let price = self.reference_price.0;
        match (self.moment, side) {
            (FillMoment::Open, _) => (self.moment, 0, 0, place),
            // The place in the queue decides between equals, so the sequence never depends on the sort.
            (_, Side::Buy) => (self.moment, 0, price.saturating_neg(), place),
            (_, Side::Sell) => (self.moment, 1, price, place),
        }
    }
}

/// What a bar does to an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MatchOutcome {
    /// Nothing.
    Rests,
    /// A stop-limit order was triggered and is a limit order from now on.
    Triggered,
    /// It may fill.
    Fills(OrderMatch),
}

/// A bar as one side sees it: prices rise towards what a buyer fears. For a seller all signs are
/// turned, so that every rule is written once, for a buyer.
#[derive(Clone, Copy)]
struct SidedBar {
    side: Side,
    open: i64,
    close: i64,
    /// The best price: the low for a buyer.
    best: i64,
    /// The worst price: the high for a buyer.
    worst: i64,
}

impl SidedBar {
    fn of(bar: &RawBar, side: Side) -> Self {
        let (best, worst) = match side {
            Side::Buy => (bar.low, bar.high),
            Side::Sell => (bar.high, bar.low),
        };
        Self {
            side,
            open: seen_by(side, bar.open),
            close: seen_by(side, bar.close),
            best: seen_by(side, best),
            worst: seen_by(side, worst),
        }
    }

    fn at(&self, moment: FillMoment, price: i64, slips: bool) -> MatchOutcome {
        MatchOutcome::Fills(OrderMatch {
            moment,
            reference_price: Price(seen_by(self.side, Price(price))),
            slips,
        })
    }
}

/// A price with the sign that the side sees; the other way round it is the same function.
const fn seen_by(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.0,
        // Only the least i64 has no positive counterpart; one unit more is as far beyond every price.
        Side::Sell => price.0.saturating_neg(),
    }
}

/// What the bar does to the order.
///
/// Source: the table "Matching" in `docs/reference/EXECUTION.md`.
#[must_use]
pub fn match_order(
    order_type: OrderType,
    side: Side,
    bar: &RawBar,
    rule: LimitFillRule,
) -> MatchOutcome {
    let path = SidedBar::of(bar, side);
    match order_type {
        // The first price after the decision. The close that the strategy decided on is gone: a fill
        // there would be look-ahead.
        OrderType::Market => path.at(FillMoment::Open, path.open, true),
        OrderType::Limit(limit) => match_limit(seen_by(side, limit), &path, rule),
        OrderType::Stop(stop) => {
            let stop = seen_by(side, stop);
            if path.open >= stop {
                // The market gapped over the stop. A stop price triggers, it promises nothing: the fill
                // gets the worse open.
                path.at(FillMoment::Open, path.open, true)
            } else if path.worst >= stop {
                path.at(FillMoment::Stop, stop, true)
            } else {
                MatchOutcome::Rests
            }
        }
        OrderType::StopLimit { stop, limit } => {
            let (stop, limit) = (seen_by(side, stop), seen_by(side, limit));
            match_stop_limit(stop, limit, &path, rule)
        }
    }
}

fn match_limit(limit: i64, path: &SidedBar, rule: LimitFillRule) -> MatchOutcome {
    if !reaches(path.best, limit, rule) {
        MatchOutcome::Rests
    } else if path.open <= limit {
        // The order rested before the open, so a better open is its price.
        path.at(FillMoment::Open, path.open, false)
    } else {
        path.at(FillMoment::Limit, limit, false)
    }
}

/// Triggered at the open, the whole bar comes after it: a limit order on this bar. Triggered
/// later, two prices are sure to come after: the stop price itself, and the close.
fn match_stop_limit(stop: i64, limit: i64, path: &SidedBar, rule: LimitFillRule) -> MatchOutcome {
    if path.open >= stop {
        return match match_limit(limit, path, rule) {
            MatchOutcome::Rests => MatchOutcome::Triggered,
            fills @ (MatchOutcome::Triggered | MatchOutcome::Fills(_)) => fills,
        };
    }
    if path.worst < stop {
        MatchOutcome::Rests
    } else if reaches(stop, limit, rule) {
        // The market came through the stop, so the stop price itself was traded after the trigger.
        path.at(FillMoment::Stop, stop, false)
    } else if reaches(path.close, limit, rule) {
        // The bar's best price may lie before the trigger, and a fill there would be one that the market
        // never offered. The close is after it.
        path.at(FillMoment::Limit, limit, false)
    } else {
        MatchOutcome::Triggered
    }
}

/// Whether a price fills a limit.
const fn reaches(price: i64, limit: i64, rule: LimitFillRule) -> bool {
    match rule {
        LimitFillRule::Touch => price <= limit,
        LimitFillRule::TradeThrough => price < limit,
    }
}

/// How much of the bar's volume may fill on one side, on the lot grid; `None` when it does not
/// fit.
#[must_use]
pub fn volume_cap(
    participation: BasisPoints,
    instrument: &Instrument,
    bar: &RawBar,
) -> Option<Quantity> {
    let up = power_of_ten(instrument.quantity_scale())?;
    let down = power_of_ten(instrument.volume_scale())?;
    // Multiplied first and divided last: a small share of a volume in coarse units would otherwise round
    // to zero before it reaches the lot.
    let volume = i128::from(bar.volume.0).checked_mul(up)?;
    let quantity = participation
        .share_of_rounded_down(volume)?
        .checked_div_euclid(down)?;
    let lot = i128::from(instrument.lot_size());
    // Down to the lot: the part of a lot that the cap leaves cannot be traded.
    let whole = quantity.checked_div_euclid(lot)?.checked_mul(lot)?;
    // A volume beyond 2^63 caps nothing that an order could ask for.
    Some(Quantity(i64::try_from(whole).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    #[track_caller]
    fn check(rule: LimitFillRule, order: &str, bar: &str, expect: &str) {
        let mut words = order.split_whitespace();
        let side = if words.next() == Some("buy") {
            Side::Buy
        } else {
            Side::Sell
        };
        let name = words.next().unwrap();
        let mut price = || Price(words.next().unwrap().parse().unwrap());
        let order_type = match name {
            "market" => OrderType::Market,
            "limit" => OrderType::Limit(price()),
            "stop" => OrderType::Stop(price()),
            _ => OrderType::StopLimit {
                stop: price(),
                limit: price(),
            },
        };
        let mut prices = bar
            .split_whitespace()
            .map(|word| Price(word.parse().unwrap()));
        let mut next = || prices.next().unwrap();
        let bar = RawBar {
            open: next(),
            high: next(),
            low: next(),
            close: next(),
            ..RawBar::default()
        };
        let got = match match_order(order_type, side, &bar, rule) {
            MatchOutcome::Rests => String::from("rests"),
            MatchOutcome::Triggered => String::from("triggered"),
            MatchOutcome::Fills(found) => format!(
                "{:?} at {} {} {}",
                found.moment,
                found.reference_price.0,
                if found.slips { "slips" } else { "exact" },
                found.liquidity().name()
            ),
        };
        assert_eq!(got, expect, "{order}");
    }

    #[test]
    fn an_order_fills_where_the_table_says() {
        let check = |order, bar, expect| check(LimitFillRule::Touch, order, bar, expect);
        //     order            open high low close
        check(
            "buy market",
            "     100 110  90 105",
            "Open at 100 slips taker",
        );
        check(
            "sell market",
            "    100 110  90 105",
            "Open at 100 slips taker",
        );
        check(
            "buy limit 101",
            "  100 110  90 105",
            "Open at 100 exact taker",
        );
        check(
            "buy limit 100",
            "  100 110  90 105",
            "Open at 100 exact taker",
        );
        check(
            "buy limit 95",
            "   100 110  90 105",
            "Limit at 95 exact maker",
        );
        check(
            "buy limit 90",
            "   100 110  90 105",
            "Limit at 90 exact maker",
        );
        check("buy limit 89", "   100 110  90 105", "rests");
        check(
            "sell limit 99",
            "  100 110  90 105",
            "Open at 100 exact taker",
        );
        check(
            "sell limit 110",
            " 100 110  90 105",
            "Limit at 110 exact maker",
        );
        check("sell limit 111", " 100 110  90 105", "rests");
        check(
            "buy stop 99",
            "    100 110  90 105",
            "Open at 100 slips taker",
        );
        check(
            "buy stop 110",
            "   100 110  90 105",
            "Stop at 110 slips taker",
        );
        check("buy stop 111", "   100 110  90 105", "rests");
        check(
            "sell stop 101",
            "  100 110  90 105",
            "Open at 100 slips taker",
        );
        check(
            "sell stop 90",
            "   100 110  90 105",
            "Stop at 90 slips taker",
        );
        check("sell stop 89", "   100 110  90 105", "rests");
    }

    #[test]
    fn a_stop_limit_order_fills_on_its_bar_only_at_a_price_that_is_sure_to_come() {
        let check = |order, bar, expect| check(LimitFillRule::Touch, order, bar, expect);
        //     order       stop limit   open high low close
        check("buy stop-limit  111 112", "100 110  90 105", "rests");
        check("sell stop-limit  89  88", "100 110  90 105", "rests");
        // Triggered at the open: the whole bar comes after it.
        check(
            "buy stop-limit  100 101",
            "100 110  90 105",
            "Open at 100 exact taker",
        );
        check(
            "buy stop-limit   99  95",
            "100 110  90 105",
            "Limit at 95 exact maker",
        );
        check("buy stop-limit   99  89", "100 110  90 105", "triggered");
        check(
            "sell stop-limit 101  99",
            "100 110  90 105",
            "Open at 100 exact taker",
        );
        // Triggered later, with a limit that the stop price reaches: at the stop price.
        check(
            "buy stop-limit  108 109",
            "100 110  90 105",
            "Stop at 108 exact taker",
        );
        check(
            "buy stop-limit  108 108",
            "100 110  90 105",
            "Stop at 108 exact taker",
        );
        check(
            "sell stop-limit  92  91",
            "100 110  90  95",
            "Stop at 92 exact taker",
        );
        // Else only the close is sure to come after; the low may have been before.
        check(
            "buy stop-limit  108 106",
            "100 110  90 105",
            "Limit at 106 exact maker",
        );
        check(
            "buy stop-limit  108 105",
            "100 110  90 105",
            "Limit at 105 exact maker",
        );
        check("buy stop-limit  108 104", "100 110  90 105", "triggered");
        check(
            "sell stop-limit  92  95",
            "100 110  90  95",
            "Limit at 95 exact maker",
        );
        check("sell stop-limit  92  96", "100 110  90  95", "triggered");
    }

    #[test]
    fn trade_through_asks_for_a_price_beyond_the_limit() {
        let check = |order, bar, expect| check(LimitFillRule::TradeThrough, order, bar, expect);
        //     order            open high low close
        check("buy limit 90", "   100 110  90 105", "rests");
        check(
            "buy limit 91",
            "   100 110  90 105",
            "Limit at 91 exact maker",
        );
        check(
            "buy limit 100",
            "  100 110  90 105",
            "Open at 100 exact taker",
        );
        check("buy limit 100", "  100 110 100 105", "rests");
        check(
            "buy limit 101",
            "  100 110 100 105",
            "Open at 100 exact taker",
        );
        check("sell limit 110", " 100 110  90 105", "rests");
        check(
            "sell limit 109",
            " 100 110  90 105",
            "Limit at 109 exact maker",
        );
        check(
            "buy stop-limit 108 108",
            "100 110 90 105",
            "Limit at 108 exact maker",
        );
        check("buy stop-limit 108 105", "100 110 90 105", "triggered");
        check(
            "buy stop 110",
            "   100 110  90 105",
            "Stop at 110 slips taker",
        );
    }
}
