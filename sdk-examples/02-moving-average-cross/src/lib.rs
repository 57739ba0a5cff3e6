//! Trades when a fast average of closes crosses a slow one. Teaches parameters, indicators
//! for each instrument, and a decision on integers alone.

use core::cmp::Ordering;

use counterfoil_sdk::indicators::{IndicatorError, Sma};
use counterfoil_sdk::{Bar, Context, Decimal, Setup, Strategy, params};

params! {
    /// What the author may choose.
    pub struct Params {
        /// Bars in the fast average
        fast: u32 in 1..=1000 = 10,
        /// Bars in the slow average, more than in the fast one
        slow: u32 in 2..=5000 = 30,
        /// Units of each instrument held after a cross
        quantity: Decimal in "0.00000001"..="1000000000" = "100",
        /// Whether a cross down opens a short position
        short: bool = false,
    }
}

/// The strategy.
#[derive(Debug)]
pub struct MovingAverageCross {
    short: bool,
    averages: Vec<Averages>,
}

impl Strategy for MovingAverageCross {
    type Params = Params;
    const NAME: &'static str = "moving-average-cross";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUTHOR: &'static str = "Counterfoil";
    const SUMMARY: &'static str = "Trades when a fast average of closes crosses a slow one";

    fn init(params: Params, setup: &Setup) -> Result<Self, String> {
        let (fast, slow) = (params.fast, params.slow);
        if fast >= slow {
            return Err(format!("fast ({fast}) must be less than slow ({slow})"));
        }
        let averages = setup.instruments.iter().map(|instrument| {
            let quantity = params.quantity.to_quantity(instrument)?;
            Ok(Averages::new(fast, slow, quantity)?)
        });
        Ok(Self {
            short: params.short,
            averages: averages.collect::<Result<_, String>>()?,
        })
    }

    fn on_bar(&mut self, bar: &Bar, ctx: &mut Context<'_>) -> Result<(), String> {
        let averages = usize::try_from(bar.instrument)
            .ok()
            .and_then(|i| self.averages.get_mut(i));
        let averages = averages.ok_or("a bar of an instrument that init did not name")?;
        let Some(cross) = averages.push(bar.close) else {
            return Ok(());
        };
        let (target, reason) = match cross {
            Cross::Up => (averages.quantity, "fast average crossed above slow"),
            Cross::Down if self.short => (-averages.quantity, "fast average crossed below slow"),
            Cross::Down => (0, "fast average crossed below slow"),
        };
        if let Some(order) = ctx.to_target(bar.instrument, target) {
            order.reason(reason).send();
        }
        Ok(())
    }
}

/// Which way the averages crossed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cross {
    Up,
    Down,
}

/// Two averages of the closes of one instrument.
#[derive(Debug)]
struct Averages {
    quantity: i64,
    fast: Sma,
    slow: Sma,
    /// How fast stood to slow on the previous bar; none while one did not exist.
    previous: Option<Ordering>,
}

impl Averages {
    fn new(fast: u32, slow: u32, quantity: i64) -> Result<Self, IndicatorError> {
        Ok(Self {
            quantity,
            fast: Sma::new(fast)?,
            slow: Sma::new(slow)?,
            previous: None,
        })
    }

    /// Takes a close in and says whether the averages crossed on it.
    fn push(&mut self, close: i64) -> Option<Cross> {
        // Both take every close in; means compare as fractions, so nothing is rounded.
        let (fast, slow) = (self.fast.update(close), self.slow.update(close));
        let now = fast?.cmp(&slow?);
        match (self.previous.replace(now)?, now) {
            (Ordering::Less | Ordering::Equal, Ordering::Greater) => Some(Cross::Up),
            (Ordering::Greater | Ordering::Equal, Ordering::Less) => Some(Cross::Down),
            _ => None,
        }
    }
}

counterfoil_sdk::export!(MovingAverageCross);

#[cfg(test)]
mod tests {
    use counterfoil_sdk::harness::{Harness, lines};

    use super::*;

    fn harness() -> Harness<MovingAverageCross> {
        Harness::new().param("fast", "2").param("slow", "3")
    }

    #[test]
    fn a_cross_up_buys_and_a_cross_down_sells_what_is_held() {
        let mut harness = harness();
        assert_eq!(lines(&harness.closes(&[10, 9, 8])), [""; 0]);
        assert_eq!(lines(&harness.closes(&[12])), ["#1 buy 100 of 0 market"]);
        harness.fill_market_orders(12);
        assert_eq!(
            lines(&harness.closes(&[12, 6])),
            ["#2 sell 100 of 0 market"]
        );
    }

    #[test]
    fn a_side_that_holds_when_the_averages_first_exist_is_not_entered() {
        assert_eq!(lines(&harness().closes(&[8, 9, 10, 11, 12])), [""; 0]);
    }

    #[test]
    fn with_short_a_cross_down_turns_the_position_round() {
        let mut harness = harness().param("short", "true");
        harness.closes(&[10, 9, 8, 12]);
        harness.fill_market_orders(12);
        assert_eq!(
            lines(&harness.closes(&[12, 6])),
            ["#2 sell 200 of 0 market"]
        );
    }

    #[test]
    fn a_cross_that_changes_nothing_sends_nothing() {
        // Down while flat and long-only.
        assert_eq!(lines(&harness().closes(&[8, 9, 10, 4])), [""; 0]);
    }

    #[test]
    fn each_instrument_has_averages_of_its_own() {
        let mut harness = harness().instruments(&["A", "B"]);
        for (a, b) in [(10, 8), (9, 9), (8, 10)] {
            harness.bar(&[[a; 4], [b; 4]]);
        }
        let requests = harness.bar(&[[12; 4], [11; 4]]);
        assert_eq!(lines(&requests), ["#1 buy 100 of 0 market"]);
    }

    #[test]
    fn crosses_are_those_of_averages_that_are_summed_afresh() {
        let closes: Vec<i64> = (0..200).map(|i: i64| (i * i * 7919) % 1009 + 1).collect();
        for (fast, slow) in [(1, 2), (2, 3), (3, 7), (10, 30), (29, 30)] {
            let mut averages = Averages::new(fast, slow, 1).unwrap();
            let mut previous = None;
            for end in 1..=closes.len() {
                let sum = |n: u32| {
                    let start = end.checked_sub(n as usize)?;
                    Some(closes[start..end].iter().sum::<i64>())
                };
                let difference =
                    |fast_sum, slow_sum| fast_sum * i64::from(slow) - slow_sum * i64::from(fast);
                let now = sum(slow).map(|slow_sum| difference(sum(fast).unwrap(), slow_sum));
                let expected = match (previous, now) {
                    (Some(before), Some(now)) if before <= 0 && now > 0 => Some(Cross::Up),
                    (Some(before), Some(now)) if before >= 0 && now < 0 => Some(Cross::Down),
                    _ => None,
                };
                previous = now;
                assert_eq!(averages.push(closes[end - 1]), expected, "at {end}");
            }
        }
    }

    #[test]
    fn init_refuses_parameters_that_make_no_sense_with_a_sentence() {
        let said = |harness: Harness<MovingAverageCross>| {
            let mut harness = harness;
            harness.init().unwrap_err()
        };
        assert_eq!(
            said(harness().param("fast", "3")),
            "fast (3) must be less than slow (3)"
        );
        assert_eq!(
            said(harness().param("quantity", "0.5")),
            "a quantity of TEST has at most 0 decimals, and 0.50000000 does not fit"
        );
        assert_eq!(
            said(harness().with_instrument(0, |of| of.lot_size = 30)),
            "TEST trades in lots of 30, and 100.00000000 is not a multiple"
        );
    }
}
