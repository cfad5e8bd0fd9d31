//! What is there to choose from: the document tables without duplicates, and what a sample says of their tokens.

use serde::{Deserialize, Serialize};
use tamis_common::Result;
use tamis_common::artefact::{DocumentColumns, DocumentsReader};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::stats::ScanStats;
use tamis_common::storage::{Storage, Uri};

/// Characters a token where nothing was sampled: between Chinese (about 1.5) and English (about 4.5) text.
const CHARS_PER_TOKEN: f64 = 3.0;

/// A shard of documents to choose from.
pub struct MixShard<'a> {
    /// The shard.
    pub id: ShardId,
    /// The index of its source.
    pub source: usize,
    /// Its document table.
    pub documents: Uri,
    /// What its scan counted.
    pub scan: &'a ScanStats,
}

/// What a shard holds after duplicates are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardPool {
    /// The shard.
    pub shard: ShardId,
    /// The index of its source.
    pub source: usize,
    /// Code points of its documents.
    pub chars: u64,
}

/// What each shard holds of the documents for which `stays` is true, and code points a token by source.
///
/// # Errors
/// Of the store.
pub fn pools(
    storage: &Storage,
    sources: usize,
    shards: &[MixShard<'_>],
    stays: &dyn Fn(DocRef) -> bool,
) -> Result<(Vec<ShardPool>, Vec<f64>)> {
    let mut pools = Vec::with_capacity(shards.len());
    for shard in shards {
        let mut chars = 0;
        let object = storage.open(&shard.documents)?;
        DocumentsReader::open(object, DocumentColumns::Hashes)?.for_each(|row| {
            if stays(DocRef::new(shard.id, row.record)) {
                chars += row.chars;
            }
            Ok(())
        })?;
        pools.push(ShardPool { shard: shard.id, source: shard.source, chars });
    }
    Ok((pools, chars_per_token(sources, shards)))
}

/// By source, from its own sample, else from all samples.
fn chars_per_token(sources: usize, shards: &[MixShard<'_>]) -> Vec<f64> {
    let mut sampled = vec![(0u64, 0u64); sources];
    for shard in shards {
        sampled[shard.source].0 += shard.scan.sampled.chars;
        sampled[shard.source].1 += shard.scan.sampled_tokens;
    }
    let ratio = |(chars, tokens): (u64, u64)| (chars > 0 && tokens > 0).then(|| chars as f64 / tokens as f64);
    let all = sampled.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let otherwise = ratio(all).unwrap_or(CHARS_PER_TOKEN);
    sampled.into_iter().map(|one| ratio(one).unwrap_or(otherwise)).collect()
}
