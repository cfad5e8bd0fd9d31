//! Reads what emits measured, source by source, and looks for repeated texts in the whole output.

use tamis_common::artefact::{
    DOCUMENTS, DocumentColumns, DocumentsReader, TermCount, for_each_content, read_measures,
};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::measure::Neighbours;
use tamis_common::spec::{JobSpec, Role};
use tamis_common::stats::EmitStats;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Error, Result};

use super::measures::{Repeats, SourceFacts};

/// Sampled documents of the whole output that are compared with one another: about 20 MB.
const SAMPLE: usize = 20_000;
/// A pair is near by its 5-grams of tokens from this much above the threshold on. It is another measure than that of the
/// search for duplicates, with an error of its own: of what stays just below the threshold, it must not find much.
const ABOVE_THRESHOLD: f64 = 0.1;
const MOST_THRESHOLD: f64 = 0.95;
/// Most parts in which hashes are sorted: each reads all of them again.
const MOST_PARTS: u64 = 64;

/// An emitted shard.
pub struct MeasuredShard<'a> {
    /// The shard.
    pub id: ShardId,
    /// The index of its source.
    pub source: usize,
    /// The folder of its committed scan.
    pub scan: Uri,
    /// The folder of its committed emit.
    pub emit: Uri,
    /// What emit counted.
    pub stats: &'a EmitStats,
}

/// What was measured by source, and what is in the output twice. `shards` are in canonical order; `terms` is the number of
/// the lexicon's terms.
///
/// # Errors
/// Of the store.
pub fn gather(
    storage: &Storage,
    spec: &JobSpec,
    shards: &[MeasuredShard<'_>],
    terms: usize,
) -> Result<(Vec<SourceFacts>, Repeats)> {
    let of_source = |source: &tamis_common::spec::SourceSpec| SourceFacts {
        name: source.name.clone(),
        is_domain: source.role == Role::Domain,
        lexicon: vec![TermCount::default(); terms],
        ..SourceFacts::default()
    };
    let mut sources: Vec<SourceFacts> = spec.sources.iter().map(of_source).collect();
    let mut sample = Neighbours::new(SAMPLE);
    for shard in shards {
        let facts = sources.get_mut(shard.source).ok_or_else(|| {
            Error::internal(format!("shard {} is of a source that the spec does not have", shard.id))
        })?;
        facts.emitted.merge(&shard.stats.emitted);
        facts.token_count += shard.stats.tokens.unwrap_or_default();
        let measured = &shard.stats.measured;
        facts.measured.merge(measured);
        let place = (&shard.emit, shard.id);
        read_measures(storage, place, measured, &mut facts.tokens, &mut sample, &mut facts.lexicon)?;
    }

    let threshold = (spec.dedup.params.threshold + ABOVE_THRESHOLD).min(MOST_THRESHOLD);
    let (near_repeated, pair) = sample.repeated(threshold);
    let most_similar = match pair {
        None => None,
        Some((a, b, similarity)) => {
            Some((id_of(storage, shards, a)?, id_of(storage, shards, b)?, similarity))
        }
    };
    let documents = shards.iter().map(|shard| shard.stats.emitted.docs).sum();
    let repeats = Repeats {
        documents,
        repeated: repeated(storage, shards, documents, spec.dedup.resolve_memory)?,
        sampled: sample.len() as u64,
        near_repeated,
        threshold,
        most_similar,
    };
    Ok((sources, repeats))
}

/// Texts that equal an earlier one, by hash: sorted in as many parts as the memory asks for.
fn repeated(storage: &Storage, shards: &[MeasuredShard<'_>], documents: u64, memory: u64) -> Result<u64> {
    let bytes = documents.saturating_mul(size_of::<u128>() as u64);
    let parts = u128::from(bytes.div_ceil(memory.max(1)).clamp(1, MOST_PARTS));
    let mut repeated = 0;
    for part in 0..parts {
        let mut hashes: Vec<u128> = Vec::new();
        for shard in shards {
            for_each_content(storage, &shard.emit, |hash| {
                if ((hash >> 64) * parts) >> 64 == part {
                    hashes.push(hash);
                }
            })?;
        }
        hashes.sort_unstable();
        repeated += hashes.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
    }
    Ok(repeated)
}

fn id_of(storage: &Storage, shards: &[MeasuredShard<'_>], doc: DocRef) -> Result<String> {
    let mut id = format!("record {} of shard {}", doc.record(), doc.shard());
    let Some(shard) = shards.iter().find(|shard| shard.id == doc.shard()) else { return Ok(id) };
    let object = storage.open(&shard.scan.join(DOCUMENTS))?;
    DocumentsReader::open(object, DocumentColumns::Ids)?.for_each(|row| {
        if row.record == doc.record() {
            id.clone_from(&row.id);
        }
        Ok(())
    })?;
    Ok(id)
}
