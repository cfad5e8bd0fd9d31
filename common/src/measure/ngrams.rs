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
}

impl Default for Ngrams {
    fn default() -> Self {
        Self { occurrences: [0; 3], different: std::array::from_fn(|_| Theta::new(KEPT)) }
    }
}

/// Tells the hash of each n-gram of `length` tokens, from the left.
#[inline]
fn each_hash(ids: &[u32], length: usize, mut each: impl FnMut(u64)) {
    let token = |id: u32| (u64::from(id) + 1).wrapping_mul(BASE);
    // The polynomial rolls: the token that leaves is subtracted with its power.
    let power = (0..length).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let first = &ids[..ids.len().min(length)];
    let mut sum = first.iter().fold(0_u64, |sum, id| sum.wrapping_mul(BASE).wrapping_add(token(*id)));
    if ids.len() < length {
        return;
    }
    let salt = length as u64;
    each(mix(sum ^ salt));
    for (leaves, enters) in ids.iter().zip(&ids[length..]) {
        sum = sum
            .wrapping_mul(BASE)
            .wrapping_add(token(*enters))
            .wrapping_sub(token(*leaves).wrapping_mul(power));
        each(mix(sum ^ salt));
    }
}

impl Ngrams {
    /// Adds a document by its token ids. The smallest hash of the n-grams by which documents are compared; `None`: the
    /// document is shorter than one.
    pub fn add(&mut self, ids: &[u32]) -> Option<u64> {
        let mut smallest = None;
        for (place, length) in LENGTHS.into_iter().enumerate() {
            let Some(count) = (ids.len() + 1).checked_sub(length) else { continue };
            self.occurrences[place] += count as u64;
            let different = &mut self.different[place];
            if place == COMPARED {
                let mut least = u64::MAX;
                each_hash(ids, length, |hash| {
                    least = least.min(hash);
                    different.add(hash);
                });
                smallest = (count > 0).then_some(least);
            } else {
                each_hash(ids, length, |hash| different.add(hash));
            }
        }
        smallest
    }

    /// What is compared of a document.
    pub fn neighbour(doc: DocRef, ids: &[u32]) -> Neighbour {
        let mut sketch = Vec::new();
        each_hash(ids, LENGTHS[COMPARED], |hash| sketch.push(hash));
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
        let ids = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5];
        let smallest = Ngrams::default().add(&ids);
        let sketch = Ngrams::neighbour(DocRef::new(ShardId(1), 2), &ids).sketch;
        assert_eq!(sketch.first().copied(), smallest);
        assert_eq!(sketch.len(), 7);
    }
}
