//! Mergeable counters: what tasks count and reports add up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::artefact::Stage;
use crate::mix::Cutoff;

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

/// Values of a rule, in steps of a quarter of a power of two; buckets that hold nothing are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValueHistogram(pub BTreeMap<u16, u64>);

impl ValueHistogram {
    /// Values below 2^-LOWEST count as the lowest bucket but zero.
    const LOWEST: i32 = -14;
    /// Values of at least 2^HIGHEST count as the highest bucket.
    const HIGHEST: i32 = 24;
    /// Buckets, that of zero included.
    pub const BUCKETS: usize = 1 + 4 * (Self::HIGHEST - Self::LOWEST) as usize;

    /// The bucket of a value; that of zero and of what is less is 0.
    pub fn bucket(value: f64) -> u16 {
        if value.is_nan() || value <= 0.0 {
            return 0;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52) as i32 - 1023;
        let quarter = (bits >> 50) as i32 & 3;
        let place = (exponent - Self::LOWEST) * 4 + quarter;
        1 + place.clamp(0, Self::BUCKETS as i32 - 2) as u16
    }

    /// The least value of a bucket.
    pub fn least(bucket: u16) -> f64 {
        match bucket.checked_sub(1) {
            None => 0.0,
            Some(place) => {
                let (power, quarter) = (i32::from(place) / 4 + Self::LOWEST, i32::from(place) % 4);
                2f64.powi(power) * (1.0 + f64::from(quarter) / 4.0)
            }
        }
    }

    /// The buckets that hold something, with their bounds.
    pub fn bars(&self) -> Vec<Bar> {
        let is_last = |bucket: u16| usize::from(bucket) + 1 == Self::BUCKETS;
        let below = |bucket: u16| (!is_last(bucket)).then(|| Self::least(bucket + 1));
        let bar = |(bucket, docs): (&u16, &u64)| Bar {
            from: Self::least(*bucket),
            below: below(*bucket),
            docs: *docs,
        };
        self.0.iter().map(bar).collect()
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        merge_counters(&mut self.0, &other.0);
    }

    /// Values counted.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// Documents whose value lies between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The least value; 0: values of 0 and less.
    pub from: f64,
    /// What all values are below; `None`: nothing.
    pub below: Option<f64>,
    /// Documents.
    pub docs: u64,
}

/// What one rule of a filter saw and did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleStats {
    /// What it dropped.
    pub dropped: Counts,
    /// The values of all documents that came as far as this rule.
    pub values: ValueHistogram,
}

impl RuleStats {
    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.dropped.merge(&other.dropped);
        self.values.merge(&other.values);
    }
}

/// What one cleaner did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanerStats {
    /// Documents that it changed.
    pub docs: u64,
    /// What it changed, by kind.
    pub changes: BTreeMap<String, u64>,
}

impl CleanerStats {
    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.docs += other.docs;
        merge_counters(&mut self.changes, &other.changes);
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
    /// What cleaners changed, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cleaners: BTreeMap<String, CleanerStats>,
    /// What filters measured and dropped, by `filter.rule`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, RuleStats>,
    /// Survivors chosen by hash and tokenized to estimate characters a token.
    pub sampled: Counts,
    /// Their tokens.
    pub sampled_tokens: u64,
    /// xxh3-128, in hex, of what was read of the records, in order: equal content, equal digest.
    #[serde(default)]
    pub content_xxh3: String,
    /// Inputs that ended early and were kept as far as they went (`on_corrupt = "skip"`), with the reason.
    pub corrupt: Vec<String>,
}

impl ScanStats {
    /// The rules by which records could not be read, with their number; those without a text because it is empty or null
    /// aside.
    pub fn bad_rules(&self) -> impl Iterator<Item = (&str, u64)> {
        let parsed =
            self.drops.iter().filter_map(|(key, records)| Some((key.strip_prefix("parse/")?, *records)));
        parsed.filter(|(rule, _)| is_bad_record(rule))
    }
}

/// Whether a record that a rule of reading refused is bad: one whose text is empty or null is as its writer meant it.
pub fn is_bad_record(rule: &str) -> bool {
    !matches!(rule, "text_empty" | "text_null")
}

/// What emit measured of the documents that it wrote, beside its tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Occurrences of n-grams of tokens, by [`crate::measure::LENGTHS`].
    pub ngrams: [u64; 3],
    /// Bounds of the sketches of different ones.
    pub ngram_bounds: [u64; 3],
    /// Bound of the sample of documents that are compared again.
    pub neighbours_bound: u64,
    /// Documents of a stable sample, by language.
    pub languages: BTreeMap<String, u64>,
    /// Bytes of text of that sample.
    pub sampled_bytes: u64,
    /// Its bytes under zstd at level 3.
    pub compressed_bytes: u64,
    /// Code points of terms of the lexicon.
    pub lexicon_chars: u64,
}

impl Measured {
    /// Adds the counts of another; bounds belong to tables and are not added.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.ngrams.iter_mut().zip(other.ngrams) {
            *mine += theirs;
        }
        merge_counters(&mut self.languages, &other.languages);
        self.sampled_bytes += other.sampled_bytes;
        self.compressed_bytes += other.compressed_bytes;
        self.lexicon_chars += other.lexicon_chars;
    }
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
    /// Bytes of text that were tokenized: those of what was written and, where a budget was to be filled, of a little more.
    #[serde(default)]
    pub tokenized_bytes: u64,
    /// Which documents the budget of the shard took; `None`: it had none.
    #[serde(default)]
    pub cutoff: Option<Cutoff>,
    /// What was measured of the documents that were written.
    #[serde(default)]
    pub measured: Measured,
}
