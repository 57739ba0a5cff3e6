//! Other results that a run's trades could have had: their profits drawn again, in other sequences and
//! numbers. It must never know why a trade was made.

use counterfoil_base::draws::Random;
use counterfoil_trading::units::Money;

use crate::facts::RunFacts;
use crate::trade::RoundTrip;

/// The most samples of one simulation.
pub const SAMPLES_MAX: u32 = 1_000_000;

/// How trades are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TradeDraw {
    /// Each trade once, in another sequence: the profit is the same, the way there is not.
    Shuffle,
    /// As many trades, each drawn from all of them: some twice, some never.
    ///
    /// Source: B. Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.
    Bootstrap,
}

/// The result of one sample.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TradeSample {
    /// The sum of the trades' profits.
    pub profit: Money,
    /// The deepest fall of that sum from its highest value so far, zero or above.
    pub drawdown: Money,
}

/// Samples of a run's trades.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TradeSimulation {
    /// Closed trades that were drawn from.
    pub trades: usize,
    /// The result of the trades in the sequence in which they were made.
    pub actual: TradeSample,
    /// The samples, in the sequence in which they were drawn.
    pub samples: Vec<TradeSample>,
}

/// The percentiles that are shown, in sequence.
pub const PERCENTILES: [u32; 7] = [1, 5, 25, 50, 75, 95, 99];

impl TradeSimulation {
    /// Draws `samples` from the closed trades of a run, the same ones for the same `seed`; `None`
    /// without closed trades, with more samples than [`SAMPLES_MAX`], or when an amount does not
    /// fit.
    #[must_use]
    pub fn from_facts(facts: &RunFacts, draw: TradeDraw, samples: u32, seed: u64) -> Option<Self> {
        let closed = facts.trades.iter().filter(|trade| trade.closed.is_some());
        let profits: Vec<Money> = closed.map(RoundTrip::net).collect::<Option<_>>()?;
        simulate(&profits, draw, samples, seed)
    }

    /// The profits at [`PERCENTILES`] by nearest rank, the lowest first.
    #[must_use]
    pub fn profits(&self) -> [Money; PERCENTILES.len()] {
        percentiles(self.samples.iter().map(|sample| sample.profit).collect())
    }

    /// The drawdowns at [`PERCENTILES`] by nearest rank, the smallest first.
    #[must_use]
    pub fn drawdowns(&self) -> [Money; PERCENTILES.len()] {
        percentiles(self.samples.iter().map(|sample| sample.drawdown).collect())
    }

    /// How many samples lost money.
    #[must_use]
    pub fn losses(&self) -> usize {
        self.samples
            .iter()
            .filter(|sample| sample.profit < Money::ZERO)
            .count()
    }
}

fn simulate(
    profits: &[Money],
    draw: TradeDraw,
    samples: u32,
    seed: u64,
) -> Option<TradeSimulation> {
    // Each sample is kept for its percentile, so their number is memory.
    if profits.is_empty() || samples > SAMPLES_MAX {
        return None;
    }
    let mut random = Random::new(seed);
    // Shuffled further from sample to sample and never put back: a shuffle of a shuffle is as
    // random, and the copy is saved.
    let mut drawn = profits.to_vec();
    let samples = (0..samples).map(|_| {
        match draw {
            TradeDraw::Shuffle => random.shuffle(&mut drawn),
            TradeDraw::Bootstrap => resample(&mut random, profits, &mut drawn)?,
        }
        sample(&drawn)
    });
    Some(TradeSimulation {
        trades: profits.len(),
        actual: sample(profits)?,
        samples: samples.collect::<Option<_>>()?,
    })
}

fn sample(profits: &[Money]) -> Option<TradeSample> {
    let (mut sum, mut peak, mut drawdown) = (Money::ZERO, Money::ZERO, Money::ZERO);
    for profit in profits {
        sum = sum.plus(*profit)?;
        peak = peak.max(sum);
        // From the highest sum so far, which begins at zero: a first loss is a fall as well.
        drawdown = drawdown.max(peak.minus(sum)?);
    }
    Some(TradeSample {
        profit: sum,
        drawdown,
    })
}

fn percentiles(mut values: Vec<Money>) -> [Money; PERCENTILES.len()] {
    values.sort_unstable();
    nearest_ranks(&values).map(|value| value.unwrap_or(Money::ZERO))
}

/// The values at [`PERCENTILES`] of values that are sorted, by nearest rank; none of no values.
pub(crate) fn nearest_ranks<T: Copy>(sorted: &[T]) -> [Option<T>; PERCENTILES.len()] {
    PERCENTILES.map(|percent| {
        let percent = usize::try_from(percent).unwrap_or(100);
        let rank = sorted.len().saturating_mul(percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    })
}

fn resample(random: &mut Random, from: &[Money], into: &mut [Money]) -> Option<()> {
    for value in into {
        *value = *from.get(random.below(from.len()))?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(units: &[i64]) -> Vec<Money> {
        units
            .iter()
            .map(|units| Money(i128::from(*units)))
            .collect()
    }

    #[test]
    fn a_fall_is_measured_from_the_highest_sum_so_far_and_from_zero() {
        let check = |profits: &[i64], profit: i128, drawdown: i128| {
            let found = sample(&money(profits)).unwrap();
            assert_eq!(
                (found.profit.0, found.drawdown.0),
                (profit, drawdown),
                "{profits:?}"
            );
        };
        check(&[5, -3, 4], 6, 3);
        check(&[-5, 3], -2, 5);
        check(&[5, -3, -4, 9, -1], 6, 7);
        check(&[1, 2, 3], 6, 0);
    }

    #[test]
    fn percentiles_are_values_by_nearest_rank() {
        let hundred: Vec<i64> = (1..=100).rev().collect();
        assert_eq!(
            percentiles(money(&hundred)).map(|money| money.0),
            [1, 5, 25, 50, 75, 95, 99]
        );
        assert_eq!(percentiles(money(&[7])).map(|money| money.0), [7; 7]);
    }

    proptest! {
        #[test]
        fn a_shuffle_keeps_the_profit_and_a_seed_gives_the_same_again(
            profits in proptest::collection::vec(-1_000_i64..1_000, 1..40),
            seed in any::<u64>(),
        ) {
            let profits = money(&profits);
            let shuffled = simulate(&profits, TradeDraw::Shuffle, 50, seed).unwrap();
            let total: i128 = profits.iter().map(|shuffled| shuffled.0).sum();
            prop_assert!(shuffled.samples.iter().all(|sample| sample.profit.0 == total));
            prop_assert!(shuffled.samples.iter().all(|sample| sample.drawdown.0 >= -total.min(0)));
            prop_assert_eq!(&shuffled, &simulate(&profits, TradeDraw::Shuffle, 50, seed).unwrap());
            let drawn = simulate(&profits, TradeDraw::Bootstrap, 50, seed).unwrap();
            let most = profits.iter().map(|money| money.0).max().unwrap();
            let count = i128::try_from(profits.len()).unwrap();
            prop_assert!(drawn.samples.iter().all(|sample| sample.profit.0 <= most * count));
        }
    }
}
