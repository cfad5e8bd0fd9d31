//! Which documents fill a budget: the first in the order of a stable hash.

use tamis_common::ids::DocRef;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Buckets of the first pass: a rank's upper bits.
const BUCKET_BITS: u32 = 16;

/// The place of a document in the order of choice: a hash of its content and the seed, so that it depends on nothing
/// else in the job.
pub fn rank(content_hash: u128, seed: u64) -> u64 {
    xxh3_64_with_seed(&content_hash.to_be_bytes(), seed)
}

/// The last document that fits; documents up to it, by rank and then canonical order, are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cutoff {
    /// All are taken.
    All,
    /// None is taken.
    Nothing,
    /// Those up to this one.
    UpTo(u64, DocRef),
}

impl Cutoff {
    /// Whether a document is taken.
    pub fn takes(self, rank: u64, doc: DocRef) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::UpTo(last_rank, last_doc) => (rank, doc) <= (last_rank, last_doc),
        }
    }

    /// The cutoff as a share of the range of ranks, 0 to 1.
    pub fn share(self) -> f64 {
        match self {
            Self::All => 1.0,
            Self::Nothing => 0.0,
            Self::UpTo(rank, _) => rank as f64 / u64::MAX as f64,
        }
    }
}

/// Finds the cutoff of one source in two passes over its documents, in memory that does not grow with them: the
/// first counts tokens by the upper bits of the rank, the second looks into the bucket where the budget ends.
pub struct Selector {
    budget: f64,
    buckets: Vec<f64>,
    /// Set after the first pass: the bucket where the budget ends and what is left for it.
    boundary: Option<(usize, f64)>,
    candidates: Vec<(u64, DocRef, f64)>,
}

impl Selector {
    /// A selector for a budget in tokens.
    pub fn new(budget: f64) -> Self {
        Self { budget, buckets: vec![0.0; 1 << BUCKET_BITS], boundary: None, candidates: Vec::new() }
    }

    fn bucket(rank: u64) -> usize {
        (rank >> (u64::BITS - BUCKET_BITS)) as usize
    }

    /// First pass: counts a document of `tokens` estimated tokens.
    pub fn count(&mut self, rank: u64, tokens: f64) {
        self.buckets[Self::bucket(rank)] += tokens;
    }

    /// Ends the first pass.
    pub fn end_count(&mut self) {
        let mut left = self.budget;
        for (bucket, tokens) in self.buckets.iter().enumerate() {
            if *tokens > left {
                self.boundary = Some((bucket, left));
                return;
            }
            left -= tokens;
        }
    }

    /// Second pass: looks at a document.
    pub fn look(&mut self, rank: u64, doc: DocRef, tokens: f64) {
        if self.boundary.is_some_and(|(bucket, _)| bucket == Self::bucket(rank)) {
            self.candidates.push((rank, doc, tokens));
        }
    }

    /// The cutoff: the documents up to it fit the budget, one more would not.
    pub fn finish(mut self) -> Cutoff {
        let Some((bucket, mut left)) = self.boundary else { return Cutoff::All };
        self.candidates.sort_unstable_by_key(|(rank, doc, _)| (*rank, *doc));
        let mut cutoff = match bucket {
            0 => Cutoff::Nothing,
            // The end of the bucket before.
            _ => Cutoff::UpTo(
                ((bucket as u64) << (u64::BITS - BUCKET_BITS)) - 1,
                DocRef::from_packed(u64::MAX),
            ),
        };
        for (rank, doc, tokens) in self.candidates {
            if tokens > left {
                break;
            }
            left -= tokens;
            cutoff = Cutoff::UpTo(rank, doc);
        }
        cutoff
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn select(documents: &[(u64, f64)], budget: f64) -> Vec<usize> {
        let mut selector = Selector::new(budget);
        let doc = |i: usize| DocRef::from_packed(i as u64);
        for (rank, tokens) in documents {
            selector.count(*rank, *tokens);
        }
        selector.end_count();
        for (i, (rank, tokens)) in documents.iter().enumerate() {
            selector.look(*rank, doc(i), *tokens);
        }
        let cutoff = selector.finish();
        (0..documents.len()).filter(|i| cutoff.takes(documents[*i].0, doc(*i))).collect()
    }

    proptest! {
        #[test]
        fn what_is_taken_fits_and_one_more_would_not(
            documents in prop::collection::vec((any::<u64>(), 1u32..1_000), 1..200),
            budget in 0u32..100_000,
        ) {
            let documents: Vec<_> =
                documents.into_iter().map(|(rank, tokens)| (rank, f64::from(tokens))).collect();
            let taken = select(&documents, f64::from(budget));
            let sum: f64 = taken.iter().map(|i| documents[*i].1).sum();
            prop_assert!(sum <= f64::from(budget));
            let mut order: Vec<usize> = (0..documents.len()).collect();
            order.sort_by_key(|i| (documents[*i].0, *i));
            if let Some(next) = order.get(taken.len()) {
                prop_assert!(sum + documents[*next].1 > f64::from(budget));
            }
            let mut first: Vec<usize> = order[..taken.len()].to_vec();
            first.sort_unstable();
            prop_assert_eq!(first, taken);
        }

        #[test]
        fn a_larger_budget_keeps_the_smaller_ones_documents(
            documents in prop::collection::vec((any::<u64>(), 1u32..1_000), 1..100),
            small in 0u32..20_000,
            more in 0u32..20_000,
        ) {
            let documents: Vec<_> =
                documents.into_iter().map(|(rank, tokens)| (rank, f64::from(tokens))).collect();
            let few = select(&documents, f64::from(small));
            let many = select(&documents, f64::from(small + more));
            prop_assert!(few.iter().all(|i| many.contains(i)));
        }
    }
}
