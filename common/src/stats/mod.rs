//! Mergeable counters: what tasks count and reports add up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::artefact::Stage;

/// How much text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents.
    pub docs: u64,
    /// Code points of text.
    pub chars: u64,
    /// UTF-8 bytes of text.
    pub bytes: u64,
}

impl Counts {
    /// Counts one document.
    pub fn add(&mut self, chars: u64, bytes: u64) {
        self.docs += 1;
        self.chars += chars;
        self.bytes += bytes;
    }

    /// Adds another count.
    pub fn merge(&mut self, other: &Self) {
        self.docs += other.docs;
        self.chars += other.chars;
        self.bytes += other.bytes;
    }

    /// This count without a part of it.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        Self { docs: self.docs - part.docs, chars: self.chars - part.chars, bytes: self.bytes - part.bytes }
    }
}

/// Documents by size, in powers of two: bucket `i` counts values of `2^(i-1)..2^i`, bucket 0 counts zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Log2Histogram(pub Vec<u64>);

impl Log2Histogram {
    /// Counts one value.
    pub fn add(&mut self, value: u64) {
        let bucket = (u64::BITS - value.leading_zeros()) as usize;
        if self.0.len() <= bucket {
            self.0.resize(bucket + 1, 0);
        }
        self.0[bucket] += 1;
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }
}

/// Counters by key, mergeable.
pub fn merge_counters<K: Ord + Clone>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key.clone()).or_default() += count;
    }
}

/// What the scan of a shard counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanStats {
    /// Records of the input, good or not.
    pub records: u64,
    /// Raw bytes of those records, decompressed.
    pub raw_bytes: u64,
    /// Records with a text.
    pub parsed: Counts,
    /// After cleaning.
    pub cleaned: Counts,
    /// After filters: the survivors.
    pub filtered: Counts,
    /// Drops by `stage/rule`.
    pub drops: BTreeMap<String, u64>,
    /// Survivors chosen by hash and tokenized to estimate characters a token.
    pub sampled: Counts,
    /// Their tokens.
    pub sampled_tokens: u64,
    /// Inputs that ended early and were kept as far as they went (`on_corrupt = "skip"`), with the reason.
    pub corrupt: Vec<String>,
}

/// What the emit of a shard counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EmitStats {
    /// Survivors that were dropped after scan, by stage.
    pub dropped: BTreeMap<Stage, Counts>,
    /// Those drops by `stage/rule`.
    pub drops: BTreeMap<String, u64>,
    /// Documents written.
    pub emitted: Counts,
    /// Tokens written or, without token files, counted. `None` without a tokenizer.
    pub tokens: Option<u64>,
    /// Documents by tokens.
    pub token_lengths: Log2Histogram,
    /// Documents whose ids were compared with the reference tokenizer.
    pub reference_checked: u64,
    /// The engine that tokenized: `fastokens` or `tokenizers`.
    pub engine: Option<String>,
}
