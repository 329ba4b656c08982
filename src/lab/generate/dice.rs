//! Chance that is the same on every machine.
//!
//! Only whole 32-bit words are drawn from the cipher, and every choice is made from them with
//! integer or exactly rounded arithmetic: the same seed gives the same hospital everywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random choices.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Streams of one seed are independent of each other.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A number in `0..n`; 0 when `n` is 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(n)) >> 32) as u32
    }

    /// A place in a list of `len`; 0 when it is empty.
    pub(super) fn index(&mut self, len: usize) -> usize {
        self.below(u32::try_from(len).unwrap_or(u32::MAX)) as usize
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u128::from(high.abs_diff(low)) + 1;
        let draw = (u128::from(self.0.next_u64()) * width) >> 64;
        low + draw as i64
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        f64::from(self.0.next_u32()) < p * 4_294_967_296.0
    }

    /// One of the list.
    pub(super) fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.index(list.len()))
    }

    /// How many times in a row chance `p` comes true, at most `most`.
    pub(super) fn run(&mut self, p: f64, most: u32) -> u32 {
        let mut count = 0;
        while count < most && self.chance(p) {
            count += 1;
        }
        count
    }

    /// A place in a list of running totals, in proportion to each entry's share.
    pub(super) fn weighted(&mut self, totals: &[u32]) -> usize {
        let draw = self.below(totals.last().copied().unwrap_or(0));
        totals.partition_point(|&total| total <= draw)
    }

    /// Puts a list in random order.
    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            let j = self.index(i + 1);
            list.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence_and_streams_differ() {
        let draw = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            (0..8).map(|_| dice.below(1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
    }

    #[test]
    fn choices_stay_in_range_and_follow_their_shares() {
        let mut dice = Dice::new(7, 0);
        assert!((0..1000).all(|_| (-3..=3).contains(&dice.between(-3, 3))));
        assert_eq!(dice.below(0), 0);
        assert!(dice.pick::<u8>(&[]).is_none());
        let hits = (0..10_000).filter(|_| dice.weighted(&[10, 90, 100]) == 1).count();
        assert!((7_500..8_500).contains(&hits), "{hits}");
    }
}
