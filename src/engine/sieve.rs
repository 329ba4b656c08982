//! What may have been seen lately: a Bloom filter in two generations. Never wrong when it says no, seldom
//! when it says yes, and so small that asking it costs next to nothing.

/// Bits for each thing seen; with four marks in one word, about one answer in a hundred is a wrong yes.
const BITS: usize = 16;

/// The fewest words.
const SMALLEST: usize = 1 << 10;

/// Two generations of things seen; the older one is let go of as a whole.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    young: Vec<u64>,
    old: Vec<u64>,
    /// Things seen by the young generation.
    count: usize,
}

impl Sieve {
    /// Whether a thing with this hash may have been seen.
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        holds(&self.young, hash) || holds(&self.old, hash)
    }

    /// Remembers a thing; false when the young generation is too full for it, and must be
    /// [renewed](Sieve::renew).
    #[must_use]
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        if self.count * BITS >= self.young.len() * 64 {
            return false;
        }
        let place = place(&self.young, hash);
        self.young[place] |= marks(hash);
        self.count += 1;
        true
    }

    /// Starts the young generation anew with twice the room, and remembers these things in it.
    pub(super) fn renew(&mut self, hashes: impl Iterator<Item = u64>) {
        let words = (self.young.len() * 2).max(SMALLEST);
        self.young = vec![0; words];
        self.count = 0;
        for hash in hashes {
            let place = place(&self.young, hash);
            self.young[place] |= marks(hash);
            self.count += 1;
        }
    }

    /// Lets go of the old generation; the young one becomes it.
    pub(super) fn age(&mut self) {
        let words = self.young.len();
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.clear();
        self.young.resize(words, 0);
        self.count = 0;
    }
}

fn place(words: &[u64], hash: u64) -> usize {
    (((hash >> 32) * words.len() as u64) >> 32) as usize
}

/// Four bits out of 64, from the lower half of the hash.
const fn marks(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63) | 1 << (hash >> 18 & 63)
}

fn holds(words: &[u64], hash: u64) -> bool {
    words.get(place(words, hash)).is_some_and(|word| word & marks(hash) == marks(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> u64 {
        let mixed = (number ^ number >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ mixed >> 29).wrapping_mul(0x94D0_49BB_1331_11EB)
    }

    fn filled(numbers: std::ops::Range<u64>) -> Sieve {
        let mut sieve = Sieve::default();
        for number in numbers.clone() {
            if !sieve.insert(hash(number)) {
                sieve.renew((numbers.start..=number).map(hash));
            }
        }
        sieve
    }

    #[test]
    fn what_was_seen_is_never_denied_and_little_else_is_claimed() {
        let sieve = filled(0..50_000);
        assert!((0..50_000).all(|number| sieve.may_hold(hash(number))));
        let wrong = (50_000..150_000).filter(|&number| sieve.may_hold(hash(number))).count();
        assert!(wrong < 3_000, "{wrong} of 100,000");
    }

    #[test]
    fn a_generation_is_kept_until_the_next_has_aged() {
        let mut sieve = filled(0..1_000);
        sieve.age();
        assert!((0..1_000).all(|number| sieve.may_hold(hash(number))));
        sieve.age();
        assert!((0..1_000).all(|number| !sieve.may_hold(hash(number))));
    }
}
