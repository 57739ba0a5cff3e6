//! Random draws that a seed decides, the same on every machine and after every update. They must never
//! know what is drawn, and never read a clock or the machine's randomness.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A sequence of numbers that a seed decides.
///
/// Source: G. L. Steele, D. Lea and C. H. Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014.
#[derive(Clone, Debug)]
pub struct Random(SplitMix64);

impl Random {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::from_seed(seed.to_le_bytes()))
    }

    /// The sequence of one of many samples, each another: seeded by the number at this place of
    /// the seed's own sequence.
    #[must_use]
    pub fn of_sample(seed: u64, sample: u32) -> Self {
        let mut seeds = Self::new(seed);
        for _ in 0..sample {
            seeds.number();
        }
        Self::new(seeds.number())
    }

    /// The next number, any of 64 bits.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `count`, each as likely as the others; 0 where that is 0. Numbers above the
    /// last whole multiple are drawn again.
    pub fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        let rest = u64::MAX.checked_rem(count).unwrap_or(0);
        let whole = u64::MAX.saturating_sub(rest);
        loop {
            let number = self.number();
            // Drawn again, not reduced: a remainder would favour the small numbers, and a resampled history would be skewed.
            if number < whole {
                return usize::try_from(number.checked_rem(count).unwrap_or(0)).unwrap_or(0);
            }
        }
    }

    /// Puts values into another sequence, each as likely as the others.
    ///
    /// Source: R. A. Fisher and F. Yates, 1938, as R. Durstenfeld wrote it down in 1964.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let other = self.below(last.saturating_add(1));
            values.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_draws() {
        // Of another writing of splitmix64: `python3 -c` with the three lines of its paper.
        let mut random = Random::new(0);
        assert_eq!(random.number(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.number(), 0x6e78_9e6a_a1b9_65f4);
        let mut second = Random::of_sample(0, 1);
        assert_eq!(second.number(), Random::new(0x6e78_9e6a_a1b9_65f4).number());
    }

    proptest! {
        #[test]
        fn a_number_is_below_its_bound_and_a_shuffle_keeps_every_value(
            seed in any::<u64>(),
            count in 0_usize..50,
        ) {
            let mut random = Random::new(seed);
            prop_assert!(random.below(count) < count.max(1));
            let mut values: [usize; 50] = core::array::from_fn(|place| place);
            random.shuffle(&mut values[..count]);
            values.sort_unstable();
            prop_assert!(values.iter().enumerate().all(|(place, value)| place == *value));
        }
    }
}
