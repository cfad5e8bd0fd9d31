//! The order in which the documents of a source are taken into a mixture, and where it is cut.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The place of a document in the order of choice: a hash of its content and the seed, so that it depends on nothing
/// else in the job.
pub fn rank(content_hash: u128, seed: u64) -> u64 {
    xxh3_64_with_seed(&content_hash.to_be_bytes(), seed)
}

/// Which documents of a shard are taken, in the order of their ranks and, of equal ranks, of their records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cutoff {
    /// All are.
    All,
    /// None is.
    Nothing,
    /// Those up to this rank and record.
    UpTo(u64, u32),
}

impl Cutoff {
    /// Whether a document is taken.
    pub fn takes(self, rank: u64, record: u32) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::UpTo(last_rank, last_record) => (rank, record) <= (last_rank, last_record),
        }
    }

    /// The cutoff as a share of the range of ranks, 0 to 1.
    pub fn share(self) -> f64 {
        match self {
            Self::All => 1.0,
            Self::Nothing => 0.0,
            Self::UpTo(rank, _) => share_of(rank),
        }
    }
}

/// A rank as a share of the range of ranks, 0 to 1.
pub fn share_of(rank: u64) -> f64 {
    rank as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cutoff_takes_by_rank_and_then_by_record() {
        let cutoff = Cutoff::UpTo(7, 3);
        assert!(cutoff.takes(6, 9) && cutoff.takes(7, 3));
        assert!(!cutoff.takes(7, 4) && !cutoff.takes(8, 0));
        assert!(Cutoff::All.takes(u64::MAX, u32::MAX) && !Cutoff::Nothing.takes(0, 0));
    }

    #[test]
    fn a_rank_depends_on_content_and_seed() {
        assert_eq!(rank(5, 1), rank(5, 1));
        assert_ne!(rank(5, 1), rank(5, 2));
        assert_ne!(rank(5, 1), rank(6, 1));
    }
}
