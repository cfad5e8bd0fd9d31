//! N-grams of tokens: how many, how many different ones, and the sketch by which documents are compared.

use super::neighbours::{Neighbour, SKETCH};
use super::theta::Theta;
use crate::ids::DocRef;

/// The lengths that are counted, beside single tokens.
pub const LENGTHS: [usize; 3] = [2, 3, 5];
/// Of them, the one by which documents are compared.
const COMPARED: usize = 2;
/// Different n-grams that a sketch counts exactly; of more, the error is 0.8 %.
pub const KEPT: usize = 1 << 14;

/// An odd constant: the base of the polynomial over the hashes of tokens.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// All bits of the result depend on all bits of `x` (the finalizer of SplitMix64).
#[inline]
pub(super) fn mix(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// The n-grams of documents that were seen.
#[derive(Clone, Debug)]
pub struct Ngrams {
    /// By [`LENGTHS`]: occurrences.
    pub occurrences: [u64; 3],
    /// By [`LENGTHS`]: different ones.
    pub different: [Theta; 3],
    /// Hashes of the document at hand, reused.
    tokens: Vec<u64>,
    compared: Vec<u64>,
}

impl Default for Ngrams {
    fn default() -> Self {
        Self {
            occurrences: [0; 3],
            different: std::array::from_fn(|_| Theta::new(KEPT)),
            tokens: Vec::new(),
            compared: Vec::new(),
        }
    }
}

impl Ngrams {
    /// Adds a document by its token ids. The smallest hash of the n-grams by which documents are compared; `None`: the
    /// document is shorter than one.
    pub fn add(&mut self, ids: &[u32]) -> Option<u64> {
        self.tokens.clear();
        self.tokens.extend(ids.iter().map(|id| mix(u64::from(*id).wrapping_add(BASE))));
        self.compared.clear();
        for (place, length) in LENGTHS.into_iter().enumerate() {
            let Some(count) = (ids.len() + 1).checked_sub(length) else { continue };
            self.occurrences[place] += count as u64;
            let different = &mut self.different[place];
            let compared = &mut self.compared;
            // The polynomial rolls: the token that leaves is subtracted with its power.
            let power = (1..length).fold(1_u64, |power, _| power.wrapping_mul(BASE));
            let mut sum = 0_u64;
            for (i, token) in self.tokens.iter().enumerate() {
                sum = sum.wrapping_mul(BASE).wrapping_add(*token);
                if i + 1 < length {
                    continue;
                }
                let hash = mix(sum ^ length as u64);
                different.add(hash);
                if place == COMPARED {
                    compared.push(hash);
                }
                sum = sum.wrapping_sub(self.tokens[i + 1 - length].wrapping_mul(power));
            }
        }
        self.compared.iter().copied().min()
    }

    /// The sketch of the document that was added last.
    pub fn sketch_of_last(&self, doc: DocRef) -> Neighbour {
        let mut sketch = self.compared.clone();
        sketch.sort_unstable();
        sketch.dedup();
        sketch.truncate(SKETCH);
        Neighbour { doc, sketch }
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.occurrences.iter_mut().zip(other.occurrences) {
            *mine += theirs;
        }
        for (mine, theirs) in self.different.iter_mut().zip(&other.different) {
            mine.merge(theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::ids::ShardId;

    proptest! {
        #[test]
        fn n_grams_are_counted_as_a_set_of_windows_counts_them(
            documents in prop::collection::vec(prop::collection::vec(0_u32..6, 0..40), 0..8),
        ) {
            let mut ngrams = Ngrams::default();
            let mut smallest = Vec::new();
            for ids in &documents {
                smallest.push(ngrams.add(ids));
            }
            for (place, length) in LENGTHS.into_iter().enumerate() {
                let windows: Vec<&[u32]> = documents.iter().flat_map(|ids| ids.windows(length)).collect();
                let different: BTreeSet<_> = windows.iter().collect();
                prop_assert_eq!(ngrams.occurrences[place], windows.len() as u64);
                prop_assert_eq!(ngrams.different[place].distinct(), different.len() as f64);
            }
            for (ids, smallest) in documents.iter().zip(smallest) {
                prop_assert_eq!(ids.len() >= 5, smallest.is_some());
            }
        }
    }

    #[test]
    fn the_sketch_begins_with_the_smallest_hash() {
        let mut ngrams = Ngrams::default();
        let smallest = ngrams.add(&[1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5]);
        let sketch = ngrams.sketch_of_last(DocRef::new(ShardId(1), 2)).sketch;
        assert_eq!(sketch.first().copied(), smallest);
        assert_eq!(sketch.len(), 7);
    }
}
