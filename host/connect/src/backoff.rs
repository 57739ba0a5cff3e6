//! How long to wait before a retry. It must never read a clock or draw its own randomness.

use core::time::Duration;

use counterfoil_base::draws::Random;

/// Doublings after which the wait has reached any sensible maximum.
const DOUBLINGS_MAX: u32 = 20;

/// Waits that double up to a maximum, each cut by up to half at random, so that many clients of one
/// venue do not reconnect at the same moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    tries: u32,
    random: Random,
}

impl Backoff {
    /// Waits from `first` to `max`. The same seed gives the same waits.
    #[must_use]
    pub fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self {
            first,
            max,
            tries: 0,
            random: Random::new(seed),
        }
    }

    /// The next wait: between half of the doubled time and all of it.
    pub fn next_wait(&mut self) -> Duration {
        // Bounded first: a shift by more than 31 would overflow after a night without a venue.
        let factor = 1_u32 << self.tries.min(DOUBLINGS_MAX);
        self.tries = self.tries.saturating_add(1);
        let full = self.first.saturating_mul(factor).min(self.max);
        let half = full / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        let share = self.random.number().checked_rem(nanos.saturating_add(1));
        half.saturating_add(Duration::from_nanos(share.unwrap_or(0)))
    }

    /// Attempts since the last success.
    #[must_use]
    pub const fn tries(&self) -> u32 {
        self.tries
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_its_maximum_and_is_cut_by_half_at_most() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(8), seed);
            for full in [1, 2, 4, 8, 8, 8] {
                let wait = backoff.next_wait();
                let full = Duration::from_secs(full);
                assert!(wait >= full / 2 && wait <= full, "{wait:?} of {full:?}");
            }
            backoff.reset();
            assert!(backoff.next_wait() <= Duration::from_secs(1));
        }
    }

    #[test]
    fn a_seed_gives_one_sequence_and_seeds_differ() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1), seed);
            core::iter::repeat_with(move || backoff.next_wait())
                .take(8)
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        let mut endless = Backoff::new(Duration::MAX, Duration::MAX, 1);
        for _ in 0..100 {
            assert!(endless.next_wait() >= Duration::MAX / 2);
        }
    }
}
