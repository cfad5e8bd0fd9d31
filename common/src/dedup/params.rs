//! The parameters that decide what a near duplicate is.

use serde::{Deserialize, Serialize};

/// Version of match text, units, hashes and signatures: what is signed under one version cannot be compared with
/// another.
pub const HASH_VERSION: u32 = 2;

/// Least probability that a pair at the threshold shares a band.
const PROPOSING_RECALL: f64 = 0.95;
/// More bands cost more than sharper ones save.
const FEW_BANDS: u32 = 24;

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

impl Default for DedupParams {
    fn default() -> Self {
        let (threshold, k) = (0.75, 256);
        let (bands, rows) = derive_bands(threshold, k);
        Self { threshold, shingle: 5, k, bands, rows, verify: true }
    }
}

impl DedupParams {
    /// Whether signatures and band keys made with `other` may be compared with those made with `self`.
    pub fn comparable_with(&self, other: &Self) -> bool {
        (self.shingle, self.k, self.bands, self.rows) == (other.shingle, other.k, other.bands, other.rows)
    }
}

/// Bands and rows of the LSH that proposes pairs for a similarity threshold, for signatures of `k` values.
///
/// Of 2 to 16 rows, each with the fewest bands by which a pair at the threshold shares one with a probability of at
/// least 0.95 and `bands * rows <= k`: the most rows with at most 24 bands, else the fewest bands. More rows
/// propose fewer pairs below the threshold; more bands cost time and memory. Where no choice reaches 0.95 (a low
/// threshold with a small `k`), the one that comes nearest.
pub fn derive_bands(threshold: f64, k: u32) -> (u32, u32) {
    let share = |rows: u32| threshold.clamp(0.01, 0.999).powi(rows as i32);
    let bands = |rows: u32| {
        let needed = ((1.0 - PROPOSING_RECALL).ln() / (1.0 - share(rows)).ln()).ceil();
        (needed.max(1.0) as u32, rows)
    };
    let fitting =
        || (2..=16).map(bands).filter(|(bands, rows)| u64::from(*bands) * u64::from(*rows) <= u64::from(k));
    fitting()
        .filter(|(bands, _)| *bands <= FEW_BANDS)
        .max_by_key(|(_, rows)| *rows)
        .or_else(|| fitting().min_by_key(|(bands, _)| *bands))
        // Two rows and all the bands there are room for find the most.
        .unwrap_or(if k >= 2 { (k / 2, 2) } else { (1, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recall(threshold: f64, (bands, rows): (u32, u32)) -> f64 {
        1.0 - (1.0 - threshold.powi(rows as i32)).powi(bands as i32)
    }

    #[test]
    fn the_default_is_21_bands_of_7_rows() {
        let params = DedupParams::default();
        assert_eq!((params.bands, params.rows), (21, 7));
    }

    #[test]
    fn every_threshold_from_a_half_proposes_95_in_100_at_the_threshold() {
        for k in [64, 112, 128, 256, 512] {
            for percent in 50..=95 {
                let threshold = f64::from(percent) / 100.0;
                let (bands, rows) = derive_bands(threshold, k);
                assert!(bands * rows <= k && (2..=16).contains(&rows), "{threshold} {k}");
                assert!(recall(threshold, (bands, rows)) >= 0.95, "{threshold} {k}: {bands} x {rows}");
                // One band fewer would not do.
                assert!(bands == 1 || recall(threshold, (bands - 1, rows)) < 0.95);
            }
        }
    }

    #[test]
    fn a_signature_too_small_for_the_rule_still_gets_bands() {
        for k in 1..16 {
            let (bands, rows) = derive_bands(0.5, k);
            assert!(bands >= 1 && rows >= 1 && bands * rows <= k);
        }
    }

    #[test]
    fn threshold_and_verification_do_not_hinder_comparison() {
        let params = DedupParams::default();
        let other = DedupParams { threshold: 0.9, verify: false, ..params.clone() };
        assert!(params.comparable_with(&other));
        assert!(!params.comparable_with(&DedupParams { rows: 8, ..params.clone() }));
    }
}
