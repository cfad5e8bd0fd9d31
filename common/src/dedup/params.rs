//! The parameters that decide what a near duplicate is.

use serde::{Deserialize, Serialize};

/// Parameters of near-duplicate detection. Two sets are comparable if all but `threshold` and `verify` agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DedupParams {
    /// Jaccard similarity of shingle sets from which two documents are near duplicates. Default 0.75.
    pub threshold: f64,
    /// Units a shingle. Default 5.
    pub shingle: u32,
    /// Values a signature. Default 256.
    pub k: u32,
    /// Bands of the proposing LSH; follows from the threshold unless set.
    pub bands: u32,
    /// Signature values a band; follows from the threshold unless set.
    pub rows: u32,
    /// Whether proposed pairs are verified by their signatures. Default true.
    pub verify: bool,
}
