//! The signature of a set of shingles: fast similarity sketching.
//!
//! S. Dahlgaard, M. B. T. Knudsen, M. Thorup: *Fast Similarity Sketching*, FOCS 2017. Each of `k` bins keeps the least
//! of the values that fall into it; in round `i` every item falls into one random bin with a value above `i` and
//! below `i + 1`, and the rounds end as soon as every bin has a value. After `k` rounds (a set of a few items),
//! round `k + b` lets every item fall into bin `b`. Two sets agree in a bin with the probability of their Jaccard
//! similarity, as with MinHash, but a set of `n` items costs about `n + k ln k` hashes in place of `n k`, and the
//! error is smaller, since bins are drawn without replacement.

use super::shingles::fold;

const EMPTY: u64 = u64::MAX;
/// Bits of a value below its round.
const VALUE_BITS: u32 = 48;
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sketch of fixed width, used again for every set.
pub(super) struct Sketch {
    bins: Vec<u64>,
    /// Two constants a round.
    rounds: Vec<(u64, u64)>,
}

impl Sketch {
    /// For signatures of `k` values, 1 to 32,767.
    pub(super) fn new(k: u32) -> Self {
        let k = k.clamp(1, 32_767) as usize;
        let mut state = 0_u64;
        let mut next = || {
            state = state.wrapping_add(STEP);
            fold(state ^ 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3)
        };
        let rounds = (0..2 * k).map(|_| (next(), next() | 1)).collect();
        Self { bins: vec![EMPTY; k], rounds }
    }

    /// The full values of the bins for a set of item hashes, which may repeat and must not be empty.
    pub(super) fn fill(&mut self, items: &[u64]) -> &[u64] {
        let k = self.bins.len();
        self.bins.fill(EMPTY);
        if items.is_empty() {
            return &self.bins;
        }
        let mut empty = k;
        let (scattered, directed) = self.rounds.split_at(k);
        for (round, constants) in scattered.iter().enumerate() {
            empty -= scatter(&mut self.bins, items, round as u64, *constants);
            if empty == 0 {
                return &self.bins;
            }
        }
        for (bin, (round, constants)) in self.bins.iter_mut().zip((k as u64..).zip(directed)) {
            if *bin == EMPTY {
                let least = items.iter().map(|item| mix(*item, *constants)).min();
                *bin = round << VALUE_BITS | least.unwrap_or(0) >> (64 - VALUE_BITS);
            }
        }
        &self.bins
    }
}

#[inline]
fn mix(item: u64, (add, multiply): (u64, u64)) -> u64 {
    fold(item ^ add, multiply)
}

/// Lets every item fall into a bin; returns how many bins are no longer empty.
#[inline]
fn scatter(bins: &mut [u64], items: &[u64], round: u64, constants: (u64, u64)) -> usize {
    let k = bins.len() as u128;
    let mut filled = 0;
    for item in items {
        // The upper half of the product is the bin, the lower one is uniform within it.
        let place = u128::from(mix(*item, constants)) * k;
        let value = round << VALUE_BITS | (place as u64) >> (64 - VALUE_BITS);
        let bin = &mut bins[(place >> 64) as usize];
        filled += usize::from(*bin == EMPTY);
        *bin = value.min(*bin);
    }
    filled
}

/// The byte of a bin's value that verification compares.
#[inline]
pub(super) fn byte_of(value: u64) -> u8 {
    (fold(value ^ STEP, 0xd6e8_feb8_6659_fd93) >> 56) as u8
}

/// The LSH key of the values of a band's bins.
#[inline]
pub(super) fn band_key(values: &[u64]) -> u64 {
    values.iter().fold(STEP, |key, value| fold(key ^ value, 0xa076_1d64_78bd_642f).wrapping_add(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(n: u64) -> u64 {
        fold(n.wrapping_mul(STEP) ^ 0x1234_5678_9abc_def1, 0x9fb2_1c65_1e98_df25)
    }

    /// Share of equal bins of two sets of `n` items with the Jaccard similarity `shared / (2n - shared)`.
    fn agreement(sketch: &mut Sketch, seed: u64, n: u64, shared: u64) -> f64 {
        let base = seed * 1_000_003;
        let a: Vec<u64> = (0..n).map(|i| item(base + i)).collect();
        let b: Vec<u64> = (n - shared..2 * n - shared).map(|i| item(base + i)).collect();
        let a = sketch.fill(&a).to_vec();
        let equal = sketch.fill(&b).iter().zip(&a).filter(|(x, y)| x == y).count();
        equal as f64 / a.len() as f64
    }

    #[test]
    fn agreement_is_the_jaccard_similarity_with_less_than_minhash_error() {
        for k in [112, 256] {
            let mut sketch = Sketch::new(k);
            for (n, shared) in [(9, 8), (40, 32), (250, 214), (600, 480), (3_000, 2_000)] {
                let jaccard = shared as f64 / (2 * n - shared) as f64;
                let trials = 400;
                let errors: Vec<f64> =
                    (0..trials).map(|t| agreement(&mut sketch, t, n, shared) - jaccard).collect();
                let mean = errors.iter().sum::<f64>() / trials as f64;
                let deviation = (errors.iter().map(|e| e * e).sum::<f64>() / trials as f64).sqrt();
                let minhash = (jaccard * (1.0 - jaccard) / f64::from(k)).sqrt();
                assert!(mean.abs() < 4.0 * minhash / (trials as f64).sqrt(), "{k} {n}: {mean}");
                assert!(deviation < 1.08 * minhash, "{k} {n}: {deviation} {minhash}");
            }
        }
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let mut sketch = Sketch::new(100);
        for n in [1, 3, 50, 5_000] {
            let items: Vec<u64> = (0..n).map(item).collect();
            let once = sketch.fill(&items).to_vec();
            assert!(once.iter().all(|bin| *bin != EMPTY));
            let twice: Vec<u64> = items.iter().rev().chain(&items).copied().collect();
            assert_eq!(sketch.fill(&twice), once);
        }
    }
}
