//! Whether, where and at which price one order fills inside one bar. Pure rules, one a function.
//!
//! It must never know an account.

use crate::bar::RawBar;
use crate::decimal::power_of_ten;
use crate::instrument::Instrument;
use crate::order::{OrderType, Side};
use crate::units::{BasisPoints, Price, Quantity};

/// Where inside a bar an order fills. The sequence of the variants is the sequence in which
/// orders of one bar are filled: the open comes first, and of what happens later nobody knows
/// the sequence, so stops (against the trader) come before limits (in his favour).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Moment {
    /// At the open.
    Open,
    /// Later, at the stop price.
    Stop,
    /// Later, at the limit price.
    Limit,
}

/// A match: when inside the bar, at which price before slippage, and whether slippage applies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Match {
    /// When.
    pub moment: Moment,
    /// The price before slippage.
    pub reference_price: Price,
    /// Whether slippage applies: a limit order never pays it.
    pub slips: bool,
}

/// Whether the order can fill on the bar.
///
/// Source: the table "Matching against a bar" in `docs/EXECUTION.md`.
#[must_use]
pub fn match_order(order_type: OrderType, side: Side, bar: &RawBar) -> Option<Match> {
    let at = |moment, reference_price, slips| {
        Some(Match {
            moment,
            reference_price,
            slips,
        })
    };
    match (order_type, side) {
        (OrderType::Market, _) => at(Moment::Open, bar.open, true),
        (OrderType::Limit(limit), Side::Buy) if bar.open <= limit => {
            at(Moment::Open, bar.open, false)
        }
        (OrderType::Limit(limit), Side::Buy) if bar.low <= limit => at(Moment::Limit, limit, false),
        (OrderType::Limit(limit), Side::Sell) if bar.open >= limit => {
            at(Moment::Open, bar.open, false)
        }
        (OrderType::Limit(limit), Side::Sell) if bar.high >= limit => {
            at(Moment::Limit, limit, false)
        }
        (OrderType::Stop(stop), Side::Buy) if bar.open >= stop => at(Moment::Open, bar.open, true),
        (OrderType::Stop(stop), Side::Buy) if bar.high >= stop => at(Moment::Stop, stop, true),
        (OrderType::Stop(stop), Side::Sell) if bar.open <= stop => at(Moment::Open, bar.open, true),
        (OrderType::Stop(stop), Side::Sell) if bar.low <= stop => at(Moment::Stop, stop, true),
        (OrderType::Limit(_) | OrderType::Stop(_) | OrderType::StopLimit { .. }, _) => None,
    }
}

/// The price after slippage against the trader, on the tick grid, kept inside the bar's range;
/// and whether it had to be cut there. `None` when it does not fit.
#[must_use]
pub fn slipped(
    reference: Price,
    side: Side,
    slippage: BasisPoints,
    instrument: &Instrument,
    bar: &RawBar,
) -> Option<(Price, bool)> {
    // One bps is 10^-4, at scale 4: the price is multiplied by (10^8 +- rate) / 10^8.
    const ONE: i128 = 100_000_000;
    let rate = slippage.of(ONE)?;
    let factor = match side {
        Side::Buy => ONE.checked_add(rate)?,
        Side::Sell => ONE.checked_sub(rate)?,
    };
    let price = instrument.round_to_tick(i128::from(reference.0).checked_mul(factor)?, ONE)?;
    let inside = price.clamp(bar.low, bar.high);
    Some((inside, inside != price))
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
    let volume = i128::from(bar.volume.0).checked_mul(up)?;
    let quantity = participation
        .of_rounded_down(volume)?
        .checked_div_euclid(down)?;
    let lot = i128::from(instrument.lot_size());
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
    fn check(order: &str, bar: &str, expect: &str) {
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
            _ => OrderType::Stop(price()),
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
        let got = match_order(order_type, side, &bar).map_or(String::from("rests"), |found| {
            format!(
                "{:?} at {} {}",
                found.moment,
                found.reference_price.0,
                if found.slips { "slips" } else { "exact" }
            )
        });
        assert_eq!(got, expect, "{order}");
    }

    #[test]
    fn an_order_fills_where_the_table_says() {
        //     order            open high low close
        check("buy market", "     100 110  90 105", "Open at 100 slips");
        check("sell market", "    100 110  90 105", "Open at 100 slips");
        check("buy limit 101", "  100 110  90 105", "Open at 100 exact");
        check("buy limit 100", "  100 110  90 105", "Open at 100 exact");
        check("buy limit 95", "   100 110  90 105", "Limit at 95 exact");
        check("buy limit 90", "   100 110  90 105", "Limit at 90 exact");
        check("buy limit 89", "   100 110  90 105", "rests");
        check("sell limit 99", "  100 110  90 105", "Open at 100 exact");
        check("sell limit 110", " 100 110  90 105", "Limit at 110 exact");
        check("sell limit 111", " 100 110  90 105", "rests");
        check("buy stop 99", "    100 110  90 105", "Open at 100 slips");
        check("buy stop 110", "   100 110  90 105", "Stop at 110 slips");
        check("buy stop 111", "   100 110  90 105", "rests");
        check("sell stop 101", "  100 110  90 105", "Open at 100 slips");
        check("sell stop 90", "   100 110  90 105", "Stop at 90 slips");
        check("sell stop 89", "   100 110  90 105", "rests");
    }

    #[test]
    fn slippage_goes_against_the_trader_and_stays_inside_the_bar() {
        let instrument = Instrument::new(String::from("ABC"), (2, 5), (0, 1), 0).unwrap();
        let bar = RawBar {
            high: Price(10_100),
            low: Price(9_990),
            ..RawBar::default()
        };
        let slip = |side, bps| {
            slipped(
                Price(10_000),
                side,
                BasisPoints::parse(bps).unwrap(),
                &instrument,
                &bar,
            )
            .unwrap()
        };
        assert_eq!(slip(Side::Buy, "50"), (Price(10_050), false));
        assert_eq!(slip(Side::Buy, "200"), (Price(10_100), true));
        assert_eq!(slip(Side::Sell, "5"), (Price(9_995), false));
        assert_eq!(slip(Side::Sell, "50"), (Price(9_990), true));
        assert_eq!(
            slip(Side::Buy, "2.5"),
            (Price(10_000), false),
            "a tie goes to the even tick"
        );
    }
}
