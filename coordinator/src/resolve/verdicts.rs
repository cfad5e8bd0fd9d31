//! Decisions as verdict files, one a shard, with the names of partners.

use tamis_common::Result;
use tamis_common::artefact::{DocumentColumns, DocumentsReader, DropCause, Stage, Verdict, VerdictsWriter};
use tamis_common::dedup::DedupParams;
use tamis_common::ids::ShardId;
use tamis_common::storage::{Storage, Uri, Written};

use super::names::Names;
use super::{Duplicate, Resolution};

/// Rule of a drop for equal match texts.
pub(super) const RULE_EQUAL: &str = "match_text";
/// Rule of a drop for similar signatures.
pub(super) const RULE_SIMILAR: &str = "similarity";

/// Rule of a drop for a source that is only compared with.
const RULE_REFERENCE: &str = "reference";

/// A shard whose verdicts are written.
#[derive(Clone, Debug)]
pub struct VerdictShard<'a> {
    /// The shard.
    pub id: ShardId,
    /// Its document table.
    pub documents: Uri,
    /// The texts of its documents.
    pub survivors: Uri,
    /// The name of its source.
    pub source: &'a str,
    /// Whether none of its documents is written, since its source is only compared with.
    pub is_reference: bool,
}

/// What the verdict files of a job are made of.
pub struct VerdictInput<'a> {
    /// Where the artefacts are.
    pub storage: &'a Storage,
    /// Duplicates.
    pub resolution: &'a Resolution,
    /// Parameters that they were found by.
    pub params: &'a DedupParams,
    /// All shards of the job.
    pub shards: &'a [VerdictShard<'a>],
    /// The names of all that they refer to.
    pub names: &'a Names<'a>,
}

/// Writes the verdict file of each shard to the place that `out` names; in the order of the shards' numbers.
///
/// # Errors
/// Of the stores; `Class::Internal` for a partner without a name.
pub fn write_verdicts(
    input: &VerdictInput<'_>,
    out: &dyn Fn(ShardId) -> Uri,
) -> Result<Vec<(ShardId, Written)>> {
    let mut shards: Vec<&VerdictShard<'_>> = input.shards.iter().collect();
    shards.sort_by_key(|shard| shard.id);
    let mut written = Vec::with_capacity(shards.len());
    for shard in shards {
        let mut writer = VerdictsWriter::create(input.storage, &out(shard.id))?;
        if shard.is_reference {
            withhold_all(input.storage, shard, &mut writer)?;
            written.push((shard.id, writer.finish()?));
            continue;
        }
        for duplicate in duplicates_of(input.resolution, shard.id) {
            let cause = cause_of(input.names, duplicate, input.params)?;
            writer.push(&Verdict { record: duplicate.doc.record(), cause })?;
        }
        written.push((shard.id, writer.finish()?));
    }
    Ok(written)
}

/// Keeps a whole shard out of the output.
fn withhold_all(storage: &Storage, shard: &VerdictShard<'_>, writer: &mut VerdictsWriter) -> Result<()> {
    let cause = DropCause::new(Stage::Index, RULE_REFERENCE);
    let object = storage.open(&shard.documents)?;
    DocumentsReader::open(object, DocumentColumns::Hashes)?
        .for_each(|row| writer.push(&Verdict { record: row.record, cause: cause.clone() }))
}

fn duplicates_of(resolution: &Resolution, shard: ShardId) -> &[Duplicate] {
    let dropped = &resolution.dropped;
    let start = dropped.partition_point(|d| d.doc.shard() < shard);
    let end = dropped.partition_point(|d| d.doc.shard() <= shard);
    &dropped[start..end]
}

fn cause_of(names: &Names<'_>, duplicate: &Duplicate, params: &DedupParams) -> Result<DropCause> {
    let rule = if duplicate.equal { RULE_EQUAL } else { RULE_SIMILAR };
    let mut cause = DropCause::new(duplicate.stage, rule);
    if !duplicate.equal && params.verify {
        cause = cause.with_value(duplicate.similarity, params.threshold);
    }
    debug_assert!(matches!(duplicate.stage, Stage::Index | Stage::Exact | Stage::Near));
    cause.kept = Some(names.partner(duplicate.kept)?);
    cause.via = Some(names.partner(duplicate.via)?);
    cause.similarity = Some(duplicate.similarity);
    Ok(cause)
}
