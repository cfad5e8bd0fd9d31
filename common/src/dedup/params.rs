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

impl Default for DedupParams {
    /// Threshold 0.75, shingles of 5 units, 256 values, the bands that follow, verified.
    fn default() -> Self {
        let (threshold, k) = (0.75, 256);
        let (bands, rows) = Self::derive_bands(threshold, k);
        Self { threshold, shingle: 5, k, bands, rows, verify: true }
    }
}

impl DedupParams {
    /// Bands and rows that follow from `threshold` (above 0, at most 1) for signatures of `k` values (at least 2).
    ///
    /// For each number of rows from 2 to 16, enough bands propose a pair *at* the threshold with probability 0.95 or
    /// more: the fewest with `1 - (1 - threshold^rows)^bands >= 0.95` and `bands * rows <= k`. Of these, the most rows
    /// that need at most 24 bands; if none does, the fewest bands. If no such pair fits into `k`, as many bands of
    /// 2 rows as do.
    pub fn derive_bands(threshold: f64, k: u32) -> (u32, u32) {
        const RECALL: f64 = 0.95;
        const MAX_BANDS: u32 = 24;
        let mut fewest: Option<(u32, u32)> = None;
        for rows in (2..=16u32).rev() {
            let shared = threshold.powi(rows as i32);
            let Some(bands) = (1..=k / rows).find(|bands| 1.0 - (1.0 - shared).powi(*bands as i32) >= RECALL)
            else {
                continue;
            };
            if bands <= MAX_BANDS {
                return (bands, rows);
            }
            if fewest.is_none_or(|(best, _)| bands < best) {
                fewest = Some((bands, rows));
            }
        }
        fewest.unwrap_or(((k / 2).max(1), 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_threshold_gives_21_bands_of_7_rows() {
        assert_eq!(DedupParams::derive_bands(0.75, 256), (21, 7));
    }

    #[test]
    fn bands_always_fit_into_the_signature() {
        for k in [16, 64, 112, 256, 1024] {
            for percent in 1..=100 {
                let (bands, rows) = DedupParams::derive_bands(f64::from(percent) / 100.0, k);
                assert!(bands >= 1 && rows >= 2 && bands * rows <= k, "{percent} {k}: {bands} x {rows}");
            }
        }
    }
}
