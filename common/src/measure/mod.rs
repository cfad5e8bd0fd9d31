//! What emit measures of the output and the readiness report reads. Measures of shards merge into those of sources.
//!
//! `docs/report.md` has the definitions.

mod neighbours;
mod ngrams;
mod theta;

pub use neighbours::{Neighbour, Neighbours, SKETCH};
pub use ngrams::{KEPT, LENGTHS, Ngrams};
pub use theta::Theta;

/// Sampled documents of a shard in which near duplicates are looked for again.
pub const NEIGHBOURS: usize = 512;

/// How often each token occurs, in the two halves into which documents fall by a hash of their content: how far the
/// halves of one source diverge tells what a divergence between sources means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unigrams(pub [Vec<u64>; 2]);

impl Unigrams {
    /// Counts the tokens of a document.
    pub fn add(&mut self, half: usize, ids: &[u32]) {
        let Some(largest) = ids.iter().max() else { return };
        let counts = &mut self.0[half & 1];
        if counts.len() <= *largest as usize {
            counts.resize(*largest as usize + 1, 0);
        }
        ids.iter().for_each(|id| counts[*id as usize] += 1);
    }

    /// Adds `count` occurrences of a token.
    pub fn add_count(&mut self, half: usize, token: u32, count: u64) {
        let counts = &mut self.0[half & 1];
        let token = token as usize;
        if counts.len() <= token {
            counts.resize(token + 1, 0);
        }
        counts[token] += count;
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            if mine.len() < theirs.len() {
                mine.resize(theirs.len(), 0);
            }
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    /// Both halves as one.
    pub fn total(&self) -> Vec<u64> {
        let [first, second] = &self.0;
        let at = |half: &[u64], i: usize| half.get(i).copied().unwrap_or_default();
        (0..first.len().max(second.len())).map(|i| at(first, i) + at(second, i)).collect()
    }
}

/// What the tokens of some documents are.
#[derive(Clone, Debug, Default)]
pub struct TokenMeasures {
    /// Single tokens.
    pub unigrams: Unigrams,
    /// N-grams.
    pub ngrams: Ngrams,
}

impl TokenMeasures {
    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.unigrams.merge(&other.unigrams);
        self.ngrams.merge(&other.ngrams);
    }
}
