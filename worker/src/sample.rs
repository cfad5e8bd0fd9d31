//! The documents of a shard on which costly figures are taken.

use tamis_common::shard::Shard;

/// About this much text of a shard is sampled: enough to plan by, since budgets are filled by exact counts.
const SAMPLE_BYTES: u64 = 128 << 10;
/// Of a small shard, one document in this many: small shards may be many.
const MOST: u64 = 16;
/// Of a large one.
const LEAST: u64 = 1_024;

/// One document in so many belongs to the sample: those whose hash is a multiple of it.
pub(crate) fn one_in(shard: &Shard) -> u128 {
    (shard.bytes / SAMPLE_BYTES).clamp(MOST, LEAST).into()
}
