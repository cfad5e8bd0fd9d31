//! What happened to a document: among the drops, then among the documents that were kept. Of a job that is not published
//! those of its committed scans are known.

use std::collections::BTreeSet;

use tamis_common::artefact::{self, DOCUMENTS, DROPS, DocumentColumns, DocumentsReader, DropsReader};
use tamis_common::error::Found as _;
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::spec::TextFormat;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Error, Result};
use tamis_proto::v1;

use crate::control::JobTables;
use crate::job::JobState;

/// Up to `limit` fates of documents with this id.
///
/// # Errors
/// `Class::NotFound` for an id that the job never met, or has not yet met; or of the store.
pub(crate) fn explain(
    storage: &Storage,
    job: &JobTables,
    id: &str,
    limit: usize,
) -> Result<Vec<v1::Explanation>> {
    let mut found = Vec::new();
    let mut dropped = BTreeSet::new();
    for (shard, file) in drop_files(storage, job)? {
        let mut drops = DropsReader::open(storage.open(&file)?)?;
        while let Some(batch) = drops.next_batch()? {
            for drop in batch.into_iter().filter(|drop| is_named(drop, id)) {
                dropped.insert(DocRef::new(shard, drop.record));
                if found.len() < limit {
                    found.push(explain_drop(drop, id));
                }
            }
        }
    }
    let tables = kept(storage, job, id, limit, &dropped, &mut found)?;
    if !found.is_empty() {
        return Ok(found);
    }
    if job.state != JobState::Published {
        let message = format!("no document `{id}` is among the {} shards that are read", job.scans.len());
        return Err(Error::new(Class::NotFound, message)
            .with_hint(format!("the job is {}; the rest is known once it is read", job.state)));
    }
    let not_found = Error::new(Class::NotFound, format!("no document `{id}` was met"));
    Err(match tables {
        Tables::Read => not_found.with_hint("an id is as in the input, or `uri#offset` where it has none"),
        Tables::Removed => {
            not_found.with_hint("documents that were kept are known only with `run.keep_work` = index or all")
        }
    })
}

enum Tables {
    Read,
    Removed,
}

/// Adds the documents with this id that stand in the output.
fn kept(
    storage: &Storage,
    job: &JobTables,
    id: &str,
    limit: usize,
    dropped: &BTreeSet<DocRef>,
    found: &mut Vec<v1::Explanation>,
) -> Result<Tables> {
    let is_published = job.state == JobState::Published;
    for (number, folder) in &job.scans {
        if found.len() >= limit {
            break;
        }
        let object = match storage.open(&folder.join(DOCUMENTS)) {
            Err(e) if e.class() == Class::NotFound => return Ok(Tables::Removed),
            object => object?,
        };
        let Some(shard) = job.shards.get(number.0 as usize) else { continue };
        let source = job.spec.sources.get(usize::from(shard.source)).map_or("", |source| &source.name);
        DocumentsReader::open(object, DocumentColumns::Ids)?.for_each(|row| {
            if row.id == id && found.len() < limit && !dropped.contains(&DocRef::new(*number, row.record)) {
                found.push(v1::Explanation {
                    document_id: row.id.clone(),
                    source: source.to_owned(),
                    uri: shard.uri.to_string(),
                    offset: row.offset,
                    kept: is_published,
                    part: if is_published { part_of(*number, job.spec.output.text) } else { String::new() },
                    drop: None,
                    undecided: !is_published,
                });
            }
            Ok(())
        })?;
    }
    Ok(Tables::Read)
}

/// The files of a job's drops with their shards, in order: those that it published, or those of its committed scans.
///
/// # Errors
/// Of the store.
pub(crate) fn drop_files(storage: &Storage, job: &JobTables) -> Result<Vec<(ShardId, Uri)>> {
    if job.state == JobState::Published {
        let found = storage.expand(job.output.join("drops").as_str()).found()?.unwrap_or_default();
        return Ok(found.into_iter().filter_map(|file| Some((shard_of(&file.uri)?, file.uri))).collect());
    }
    let mut files = Vec::new();
    for (shard, folder) in &job.scans {
        let uri = folder.join(DROPS);
        // The work of a job may have been removed by hand.
        files.extend(storage.head(&uri).found()?.map(|_| (*shard, uri)));
    }
    Ok(files)
}

/// The shard behind `part-00042.parquet`.
fn shard_of(file: &Uri) -> Option<ShardId> {
    let number = file.file_name().strip_prefix("part-")?.strip_suffix(".parquet")?;
    number.parse().ok().map(ShardId)
}

/// The output part that holds the documents of a shard.
fn part_of(shard: ShardId, text: TextFormat) -> String {
    match text {
        TextFormat::JsonlZst => format!("text/part-{shard}.jsonl.zst"),
        TextFormat::Parquet => format!("text/part-{shard}.parquet"),
        TextFormat::None => format!("tokens/part-{shard}.bin"),
    }
}

fn is_named(drop: &artefact::Drop, id: &str) -> bool {
    match &drop.id {
        Some(own) => own == id,
        None => id
            .strip_prefix(drop.uri.as_str())
            .and_then(|rest| rest.strip_prefix('#'))
            .is_some_and(|offset| offset == drop.offset.to_string()),
    }
}

/// A drop as Explain shows it.
pub(crate) fn explain_drop(drop: artefact::Drop, id: &str) -> v1::Explanation {
    let partner = |partner: artefact::Partner| v1::Partner {
        job_id: partner.job.unwrap_or_default(),
        source: partner.source,
        document_id: partner.id,
    };
    let cause = drop.cause;
    v1::Explanation {
        document_id: id.to_owned(),
        source: drop.source,
        uri: drop.uri,
        offset: drop.offset,
        kept: false,
        part: String::new(),
        undecided: false,
        drop: Some(v1::Drop {
            stage: cause.stage.to_string(),
            rule: cause.rule,
            value: cause.value,
            threshold: cause.threshold,
            detail: cause.detail.unwrap_or_default(),
            kept: cause.kept.map(partner),
            via: cause.via.map(partner),
            similarity: cause.similarity,
        }),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tamis_common::artefact::{DocumentRow, DocumentsWriter, DropCause, DropsWriter, Stage};
    use tamis_common::shard::{Compression, Format, Part, Shard};

    use super::*;
    use crate::testing::spec;

    /// A job with one shard: documents `a`, `b`, `b`, of which the second `b` was dropped, and a record without an id.
    fn job(storage: &Storage, folder: &std::path::Path) -> JobTables {
        let output = Uri::from_path(&folder.join("out")).unwrap();
        let scan = Uri::from_path(&folder.join("scan")).unwrap();
        let mut drops = DropsWriter::create(storage, &output.join("drops/part-00000.parquet")).unwrap();
        let mut drop = artefact::Drop {
            record: 2,
            source: "web".into(),
            uri: "file:///in".into(),
            offset: 40,
            id: Some("b".into()),
            cause: DropCause::new(Stage::Exact, "exact"),
        };
        drops.push(&drop).unwrap();
        (drop.record, drop.offset, drop.id) = (3, 60, None);
        drop.cause = DropCause::new(Stage::Parse, "malformed_json");
        drops.push(&drop).unwrap();
        drops.finish().unwrap();
        let mut documents = DocumentsWriter::create(storage, &scan.join(DOCUMENTS), 4).unwrap();
        for (record, id) in ["a", "b", "b"].into_iter().enumerate() {
            let (record, offset) = (record as u32, 20 * record as u64);
            documents.push(&DocumentRow { record, offset, id: id.into(), ..DocumentRow::default() }).unwrap();
        }
        documents.finish().unwrap();
        let shard = Shard {
            id: ShardId(0),
            source: 0,
            uri: Uri::parse("file:///in").unwrap(),
            size: 80,
            version: "1".into(),
            format: Format::Jsonl,
            compression: Compression::None,
            part: Part::Whole,
            bytes: 80,
        };
        JobTables {
            state: JobState::Published,
            spec: spec("explained", output.as_str()),
            shards: vec![shard],
            output,
            scans: vec![(ShardId(0), scan)],
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_repeated_id_shows_what_was_dropped_and_what_was_kept() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::new(tokio::runtime::Handle::current());
        let job = job(&storage, dir.path());
        let found = explain(&storage, &job, "b", 10).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].kept, found[0].offset), (false, 40));
        assert_eq!(found[0].drop.as_ref().unwrap().stage, "exact");
        assert_eq!((found[1].kept, found[1].offset), (true, 20));
        assert_eq!(found[1].part, "text/part-00000.jsonl.zst");
        assert_eq!(explain(&storage, &job, "b", 1).unwrap().len(), 1);
        assert_eq!(explain(&storage, &job, "file:///in#60", 10).unwrap().len(), 1);
        assert_eq!(explain(&storage, &job, "c", 10).unwrap_err().class(), Class::NotFound);
    }
}
