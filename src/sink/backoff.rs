//! Waiting between attempts: exponential, with full jitter, so that many senders do not return to a
//! recovering receiver at once.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::model::time::SECOND;

/// Chooses a wait between zero and the given microseconds.
pub type Jitter = Box<dyn FnMut(i64) -> i64 + Send>;

/// Evenly spread waits from a seed.
#[must_use]
pub fn seeded(seed: u64) -> Jitter {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Box::new(move |longest| random.random_range(0..=longest.max(0)))
}

/// How long to wait at most, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: i64,
    /// After any number of failures.
    pub longest: i64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: SECOND, longest: 60 * SECOND }
    }
}

impl Backoff {
    /// The longest wait after so many failures in a row: doubles each time up to the limit.
    #[must_use]
    pub fn ceiling(self, failures: u32) -> i64 {
        let doubled = 1_i64.checked_shl(failures.saturating_sub(1)).filter(|factor| *factor > 0).unwrap_or(i64::MAX);
        self.first.saturating_mul(doubled).min(self.longest)
    }

    /// The wait after so many failures in a row.
    pub fn delay(self, failures: u32, jitter: &mut Jitter) -> i64 {
        let ceiling = self.ceiling(failures);
        jitter(ceiling).clamp(0, ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit() {
        let backoff = Backoff::default();
        let seconds: Vec<_> = (1..=8).map(|failures| backoff.ceiling(failures) / SECOND).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.ceiling(u32::MAX), backoff.longest);
    }

    #[test]
    fn jitter_spreads_over_the_whole_wait_and_repeats_for_a_seed() {
        let draw = |seed| -> Vec<i64> {
            let mut jitter = seeded(seed);
            (0..200).map(|_| Backoff::default().delay(4, &mut jitter)).collect()
        };
        let waits = draw(1);
        assert!(waits.iter().all(|wait| (0..=8 * SECOND).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < SECOND) && waits.iter().any(|wait| *wait > 7 * SECOND));
        assert_eq!(waits, draw(1));
        assert_ne!(waits, draw(2));
    }
}
