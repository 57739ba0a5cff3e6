//! What trading costs: fees, slippage, borrow. Pure arithmetic; every cost is a number of its own,
//! so that a report can tell them apart. It must never know an account or a venue's state.

use crate::bar::RawBar;
use crate::decimal::{divide_half_even, power_of_ten};
use crate::instrument::Instrument;
use crate::order::Side;
use crate::units::{BasisPoints, Money, Price, Quantity};

/// What trading costs at the simulated venue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CostModel {
    /// What the venue charges.
    pub fees: FeeSchedule,
    /// How much worse than the reference price a fill is.
    pub slippage: SlippageModel,
    /// Share of a bar's volume that may fill on each side; `None`: no cap.
    pub volume_cap: Option<BasisPoints>,
    /// Yearly rate on the value of short positions, actual/365.
    pub borrow: BasisPoints,
}

/// What a venue charges. The parts add up over all fills of an order; minimum and maximum hold
/// for the order as a whole.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FeeSchedule {
    /// On the notional of a fill that takes liquidity.
    pub taker: BasisPoints,
    /// On the notional of a fill that gives it: a resting limit order filled at its limit.
    pub maker: BasisPoints,
    /// For one unit of quantity.
    pub per_unit: Money,
    /// Once an order, with its first fill.
    pub fixed: Money,
    /// The least an order pays once it has a fill.
    pub min: Money,
    /// The most an order pays; `None`: no maximum. Below the minimum the maximum counts.
    pub max: Option<FeeCap>,
}

/// The most that an order pays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FeeCap {
    /// An amount.
    Amount(Money),
    /// A share of the notional of all its fills so far.
    Share(BasisPoints),
}

impl FeeCap {
    /// The amount for an order that has traded so much; `None` when it does not fit.
    fn amount(self, traded: Money) -> Option<Money> {
        match self {
            Self::Amount(most) => Some(most),
            Self::Share(rate) => rate.share_of(traded.0).map(Money),
        }
    }
}

/// How much worse than the reference price a fill is; the parts add up, zero turns one off.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SlippageModel {
    /// On the price.
    pub rate: BasisPoints,
    /// Grid steps of the price.
    pub ticks: u32,
    /// On the price, for a fill as large as the whole volume of its bar; less in proportion.
    pub volume_rate: BasisPoints,
}

/// Whether a fill gave or took liquidity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LiquiditySide {
    /// A limit order that rested and was filled at its limit.
    Maker,
    /// Every other fill.
    Taker,
}

impl LiquiditySide {
    /// `maker` or `taker`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Maker => "maker",
            Self::Taker => "taker",
        }
    }
}

/// What one order was charged so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FeeTally {
    /// The parts, added up; `None` before the first fill.
    parts: Option<Money>,
    /// What was charged, minimum and maximum applied.
    charged: Money,
    /// The notional of the fills, without signs.
    traded: Money,
}

impl FeeTally {
    /// The fee of the order's next fill, and the tally after it: what the order owes with this
    /// fill, less what it was charged before. It is never below zero.
    ///
    /// The part on the notional and the part for each unit are rounded half to even, each once a
    /// fill; a notional below zero, which a price below zero makes, counts without its sign. `None`
    /// when an amount does not fit.
    #[must_use]
    pub fn charge(
        self,
        fees: &FeeSchedule,
        liquidity: LiquiditySide,
        instrument: &Instrument,
        notional: Money,
        quantity: Quantity,
    ) -> Option<(Money, Self)> {
        let rate = match liquidity {
            LiquiditySide::Maker => fees.maker,
            LiquiditySide::Taker => fees.taker,
        };
        let notional = Money(notional.0.checked_abs()?);
        let traded = self.traded.plus(notional)?;
        let parts = self
            .parts
            .unwrap_or(fees.fixed)
            .plus(Money(rate.share_of(notional.0)?))?
            .plus(instrument.per_unit(fees.per_unit, quantity)?)?;
        // Minimum and maximum hold for the whole order, so each fill is charged the difference to what was
        // charged before: the sum does not depend on how the order was cut into fills.
        let owed = parts.max(fees.min);
        let owed = match fees.max {
            None => owed,
            // With each fill the share grows, so that what was charged is never more than what is owed.
            Some(most) => owed.min(most.amount(traded)?),
        };
        let after = Self {
            parts: Some(parts),
            charged: owed,
            traded,
        };
        Some((owed.minus(self.charged)?, after))
    }
}

/// The price after slippage against the trader, on the tick grid, kept inside the bar's range;
/// and whether it had to be cut there. `None` when it does not fit.
///
/// The rate for the share of the volume is rounded half to even to a ten-thousandth of a basis
/// point, the price half to even to the tick.
#[must_use]
pub fn price_after_slippage(
    reference: Price,
    side: Side,
    quantity: Quantity,
    slippage: &SlippageModel,
    instrument: &Instrument,
    bar: &RawBar,
) -> Option<(Price, bool)> {
    // One bps is 10^-4, at scale 4: the price is multiplied by (10^8 +- rate) / 10^8.
    const ONE: i128 = 100_000_000;
    let rate = slippage.rate.share_of(ONE)?.checked_add(share_rate(
        slippage.volume_rate,
        quantity,
        instrument,
        bar,
    )?)?;
    // All parts over one denominator: they are rounded to the tick once, and not each by itself.
    let ticks = i128::from(slippage.ticks)
        .checked_mul(i128::from(instrument.tick_size()))?
        .checked_mul(ONE)?;
    // Of the price without its sign: below zero a rate of it would else make a fill better.
    let worse = i128::from(reference.0)
        .checked_abs()?
        .checked_mul(rate)?
        .checked_add(ticks)?;
    let flat = i128::from(reference.0).checked_mul(ONE)?;
    let numerator = match side {
        Side::Buy => flat.checked_add(worse)?,
        Side::Sell => flat.checked_sub(worse)?,
    };
    let price = instrument.round_to_tick(numerator, ONE)?;
    // Nothing was traded outside the bar. The flag tells a report that the model asked for more than the
    // market gave. A closed bar has its low at or below its high, so `clamp` cannot panic.
    let inside = price.clamp(bar.low, bar.high);
    Some((inside, inside != price))
}

/// The rate for taking `quantity` of the bar's volume, in units of 10^-8.
fn share_rate(
    rate: BasisPoints,
    quantity: Quantity,
    instrument: &Instrument,
    bar: &RawBar,
) -> Option<i128> {
    if rate == BasisPoints::ZERO {
        // Before the products below, which could overflow for a run that does not use this part.
        return Some(0);
    }
    let taken = i128::from(quantity.0).checked_mul(power_of_ten(instrument.volume_scale())?)?;
    // Never zero: in a bar without volume nothing fills.
    let volume =
        i128::from(bar.volume.0).checked_mul(power_of_ten(instrument.quantity_scale())?)?;
    divide_half_even(rate.share_of(100_000_000)?.checked_mul(taken)?, volume)
}

/// What slippage cost: the distance from the reference price times the quantity, adverse
/// positive; `None` when it does not fit.
#[must_use]
pub fn slippage_cost(
    reference: Price,
    price: Price,
    side: Side,
    quantity: Quantity,
    instrument: &Instrument,
) -> Option<Money> {
    let difference = match side {
        Side::Buy => price.0.checked_sub(reference.0)?,
        Side::Sell => reference.0.checked_sub(price.0)?,
    };
    instrument.notional(Price(difference), quantity)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;
    use crate::instrument::InstrumentGrid;
    use crate::units::Volume;

    fn instrument(tick: i64) -> Instrument {
        let grid = InstrumentGrid {
            tick_size: tick,
            quantity_scale: 1,
            ..InstrumentGrid::whole_units(2)
        };
        Instrument::new(String::from("ABC"), grid).unwrap()
    }

    /// `settings` are bps, ticks and bps for the whole volume; the bar is 99.90 to 101.00 with a
    /// volume of 1,000, and the reference price 100.00.
    #[track_caller]
    fn check_slippage(settings: &str, order: (Side, i64), expect: (i64, bool)) {
        let words: Vec<&str> = settings.split_whitespace().collect();
        let slippage = SlippageModel {
            rate: BasisPoints::parse(words[0]).unwrap(),
            ticks: words[1].parse().unwrap(),
            volume_rate: BasisPoints::parse(words[2]).unwrap(),
        };
        let bar = RawBar {
            high: Price(10_100),
            low: Price(9_990),
            volume: Volume(1_000),
            ..RawBar::default()
        };
        let (side, quantity) = order;
        let got = price_after_slippage(
            Price(10_000),
            side,
            Quantity(quantity),
            &slippage,
            &instrument(5),
            &bar,
        )
        .unwrap();
        assert_eq!(got, (Price(expect.0), expect.1), "{settings} {side:?}");
    }

    #[test]
    fn slippage_goes_against_the_trader_and_stays_inside_the_bar() {
        //              bps ticks volume   order             price, cut
        check_slippage("0   0     0", (Side::Buy, 10), (10_000, false));
        check_slippage("50  0     0", (Side::Buy, 10), (10_050, false));
        check_slippage("200 0     0", (Side::Buy, 10), (10_100, true));
        check_slippage("5   0     0", (Side::Sell, 10), (9_995, false));
        check_slippage("50  0     0", (Side::Sell, 10), (9_990, true));
        // A tie goes to the even tick.
        check_slippage("2.5 0     0", (Side::Buy, 10), (10_000, false));
        check_slippage("0   3     0", (Side::Buy, 10), (10_015, false));
        check_slippage("0   1     0", (Side::Sell, 10), (9_995, false));
        check_slippage("0   3     0", (Side::Sell, 10), (9_990, true));
        // 100.0 of 1,000 is a tenth of 500 bps.
        check_slippage("0   0     500", (Side::Buy, 1_000), (10_050, false));
        check_slippage("0   0     500", (Side::Buy, 200), (10_010, false));
        check_slippage("10  2     500", (Side::Buy, 1_000), (10_070, false));
    }

    #[test]
    fn slippage_below_zero_goes_against_the_trader_too() {
        let bar = RawBar {
            high: Price(-9_000),
            low: Price(-11_000),
            volume: Volume(1_000),
            ..RawBar::default()
        };
        let slippage = SlippageModel {
            rate: BasisPoints::parse("50").unwrap(),
            ..SlippageModel::default()
        };
        for (side, expect) in [(Side::Buy, -9_950), (Side::Sell, -10_050)] {
            let reference = Price(-10_000);
            let (price, _) = price_after_slippage(
                reference,
                side,
                Quantity(10),
                &slippage,
                &instrument(5),
                &bar,
            )
            .unwrap();
            assert_eq!(price, Price(expect));
            let cost = slippage_cost(reference, price, side, Quantity(10), &instrument(5)).unwrap();
            assert_eq!(cost, Money::parse("0.5").unwrap());
        }
    }

    /// `fees` are taker, maker, per unit, fixed, minimum, maximum; each fill is its notional, its
    /// quantity at scale 1 and whether it made.
    #[track_caller]
    fn check_fees(fees: &str, fills: &[(&str, i64, LiquiditySide)], expect: &str) {
        let words: Vec<&str> = fees.split_whitespace().collect();
        let money = |text: &str| Money::parse(text).unwrap();
        let fees = FeeSchedule {
            taker: BasisPoints::parse(words[0]).unwrap(),
            maker: BasisPoints::parse(words[1]).unwrap(),
            per_unit: money(words[2]),
            fixed: money(words[3]),
            min: money(words[4]),
            max: match words[5].strip_suffix('%') {
                Some(share) => Some(FeeCap::Share(BasisPoints::parse_percent(share).unwrap())),
                None => Some(words[5])
                    .filter(|text| *text != "off")
                    .map(|text| FeeCap::Amount(money(text))),
            },
        };
        let mut tally = FeeTally::default();
        let mut got = Vec::new();
        for (notional, quantity, liquidity) in fills {
            let (fee, after) = tally
                .charge(
                    &fees,
                    *liquidity,
                    &instrument(1),
                    money(notional),
                    Quantity(*quantity),
                )
                .unwrap();
            tally = after;
            let text = format!("{fee}");
            got.push(String::from(
                text.trim_end_matches('0').trim_end_matches('.'),
            ));
        }
        assert_eq!(got.join(" "), expect, "{fees:?}");
    }

    #[test]
    fn an_order_pays_its_parts_between_its_minimum_and_its_maximum() {
        use LiquiditySide::{Maker, Taker};
        let two = [("1000", 50, Taker), ("3000", 150, Taker)];
        //          taker maker unit  fixed min max
        check_fees("10    0     0     0     0   off", &two, "1 3");
        check_fees(
            "10    2     0     0     0   off",
            &[("1000", 50, Maker)],
            "0.2",
        );
        check_fees("0     0     0.005 0     0   off", &two, "0.025 0.075");
        check_fees("0     0     0     1     0   off", &two, "1 0");
        check_fees("10    0     0.1   2     0   off", &two, "3.5 4.5");
        // The first fill owes the minimum, the second what goes beyond it.
        check_fees("10    0     0     0     2   off", &two, "2 2");
        check_fees("10    0     0     0     9   off", &two, "9 0");
        check_fees("10    0     0     0     0   2.5", &two, "1 1.5");
        check_fees("10    0     0     0     0   0.5", &two, "0.5 0");
        // A share of what the order has traded: 0.5 % of 1,000, then of 4,000. Below the minimum it counts.
        check_fees("100   0     0     0     0   0.5%", &two, "5 15");
        check_fees("10    0     0     0     9   0.05%", &two, "0.5 1.5");
        check_fees("10    0     0     0     0   1%", &two, "1 3");
        // A notional below zero is that of a price below zero: it is charged like any other.
        check_fees(
            "10    0     0     0     0   off",
            &[("-1000", 50, Taker)],
            "1",
        );
        check_fees(
            "100   0     0     0     0   0.5%",
            &[("-1000", 50, Taker)],
            "5",
        );
        // A tie at the ninth decimal goes to the even unit.
        check_fees(
            "5     0     0     0     0   off",
            &[("0.000001", 1, Taker)],
            "0",
        );
        check_fees(
            "5     0     0     0     0   off",
            &[("0.000003", 1, Taker)],
            "0.000000002",
        );
    }
}
