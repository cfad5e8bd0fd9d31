//! The mixture of a job: reads the document tables, decides, and names what does not fit.

use std::collections::BTreeMap;

use tamis_common::Result;
use tamis_common::artefact::{DocumentColumns, DocumentsReader, DropCause, Stage};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::spec::{MixSpec, Role};
use tamis_common::stats::ScanStats;
use tamis_common::storage::{Storage, Uri};

use super::{Cutoff, MixPlan, Pool, Selector, plan, rank};

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

/// The mixture and the documents that do not fit, by shard, in record order.
pub struct Mixture {
    /// What each source gives.
    pub plan: MixPlan,
    /// Drops of stage `mix`.
    pub drops: BTreeMap<ShardId, Vec<(u32, DropCause)>>,
}

/// Chooses the documents of a mixture among those for which `stays` is true.
///
/// # Errors
/// Of the store.
pub fn choose(
    storage: &Storage,
    spec: &MixSpec,
    roles: &[Role],
    shards: &[MixShard<'_>],
    stays: &dyn Fn(DocRef) -> bool,
) -> Result<Mixture> {
    let chars_per_token = chars_per_token(roles.len(), shards);
    let candidates = |source: usize, each: &mut dyn FnMut(u64, DocRef, f64)| -> Result<()> {
        for shard in shards.iter().filter(|shard| shard.source == source) {
            let object = storage.open(&shard.documents)?;
            DocumentsReader::open(object, DocumentColumns::Hashes)?.for_each(|row| {
                let doc = DocRef::new(shard.id, row.record);
                if stays(doc) {
                    each(rank(row.hash, spec.seed), doc, row.chars as f64 / chars_per_token[source]);
                }
                Ok(())
            })?;
        }
        Ok(())
    };

    let mut pools: Vec<Pool> = roles.iter().map(|role| Pool { role: *role, tokens: 0.0 }).collect();
    for (source, pool) in pools.iter_mut().enumerate() {
        candidates(source, &mut |_, _, tokens| pool.tokens += tokens)?;
    }
    let plan = plan(spec, &pools);

    let mut drops: BTreeMap<ShardId, Vec<(u32, DropCause)>> = BTreeMap::new();
    for (source, budget) in plan.budgets.iter().enumerate() {
        let Some(budget) = *budget else { continue };
        let mut selector = Selector::new(budget);
        candidates(source, &mut |rank, _, tokens| selector.count(rank, tokens))?;
        selector.end_count();
        candidates(source, &mut |rank, doc, tokens| selector.look(rank, doc, tokens))?;
        let cutoff = selector.finish();
        candidates(source, &mut |rank, doc, _| {
            if !cutoff.takes(rank, doc) {
                drops.entry(doc.shard()).or_default().push((doc.record(), cause(rank, cutoff, budget)));
            }
        })?;
    }
    Ok(Mixture { plan, drops })
}

/// The value is the document's place in the order of choice, 0 to 1; the threshold is where the budget was full.
fn cause(rank: u64, cutoff: Cutoff, budget: f64) -> DropCause {
    DropCause::new(Stage::Mix, "budget")
        .with_value(rank as f64 / u64::MAX as f64, cutoff.share())
        .with_detail(format!("the source's budget of {budget:.0} tokens is full"))
}

/// By source, from its own sample, else from all samples.
fn chars_per_token(sources: usize, shards: &[MixShard<'_>]) -> Vec<f64> {
    let mut sampled = vec![(0u64, 0u64); sources];
    for shard in shards {
        sampled[shard.source].0 += shard.scan.sampled.chars;
        sampled[shard.source].1 += shard.scan.sampled_tokens;
    }
    let ratio = |(chars, tokens): (u64, u64)| (tokens > 0).then(|| chars as f64 / tokens as f64);
    let all = sampled.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let otherwise = ratio(all).unwrap_or(CHARS_PER_TOKEN);
    sampled.into_iter().map(|one| ratio(one).unwrap_or(otherwise)).collect()
}
