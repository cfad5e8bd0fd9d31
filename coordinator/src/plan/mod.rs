//! From a spec to its shards: list the inputs, tell what each is, pin it, cut it.
//!
//! The order is canonical: source in the spec, then URI, then offset. It decides shard numbers, and with them which
//! duplicate stays and what the published files are called.

mod cut;
mod space;

use std::collections::HashMap;

use parquet::file::metadata::ParquetMetaDataReader;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tamis_common::ids::ShardId;
use tamis_common::input::{Detected, detect};
use tamis_common::shard::{Compression, Format, Part, Shard};
use tamis_common::spec::{JobSpec, OnCorrupt, SourceSpec, TxtUnit};
use tamis_common::storage::{ObjectMeta, Storage, Uri};
use tamis_common::{Class, Error, Result};

pub use space::{DiskEstimate, check_space, estimate};

/// Inputs that are looked into at once: each waits for a store most of the time.
const LOOKERS: usize = 16;

/// The shards of a job and the inputs that they cover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// In canonical order; the number of a shard is its position.
    pub shards: Vec<Shard>,
    /// In canonical order.
    pub inputs: Vec<Input>,
    /// Bytes of all inputs, which is the sum of the shards' bytes.
    pub bytes: u64,
}

/// One input, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The input.
    pub uri: Uri,
    /// Bytes.
    pub size: u64,
    /// As [`ObjectMeta::version`].
    pub version: String,
    /// The index of its source in the spec.
    pub source: u16,
}

/// Lists the inputs of `spec`, whose paths must be absolute, and cuts them into shards of about
/// `run.shard_bytes`: plain JSONL and plain text of one document a line by bytes, Parquet by row groups; everything
/// else is one shard a file.
///
/// # Errors
/// Every pattern that matches nothing, every input that is named twice and every input that cannot be used, all in
/// one error; those of the store.
pub fn plan(storage: &Storage, spec: &JobSpec) -> Result<Plan> {
    let found = list(storage, spec)?;
    let pieces = look_into(storage, spec, &found)?;
    assemble(found, pieces)
}

/// The source of a shard of the plan, and its number in the spec.
///
/// # Errors
/// `Class::Internal` for a shard that the plan does not have.
pub fn source_of<'a>(spec: &'a JobSpec, shards: &[Shard], id: ShardId) -> Result<(usize, &'a SourceSpec)> {
    let number = shards.get(id.0 as usize).map(|shard| usize::from(shard.source));
    number
        .and_then(|number| Some((number, spec.sources.get(number)?)))
        .ok_or_else(|| Error::internal(format!("shard {id} is of no source")))
}

/// An input and its source.
struct Found {
    meta: ObjectMeta,
    source: u16,
}

/// An input cut into parts, each with its bytes.
struct Pieces {
    detected: Detected,
    parts: Vec<(Part, u64)>,
}

/// The inputs of all sources in canonical order.
fn list(storage: &Storage, spec: &JobSpec) -> Result<Vec<Found>> {
    let mut problems = Vec::new();
    let mut found: Vec<Found> = Vec::new();
    let mut named_by: HashMap<Uri, String> = HashMap::new();
    for (i, source) in spec.sources.iter().enumerate() {
        let first = found.len();
        for pattern in &source.inputs {
            let by = format!("`{pattern}` of the source `{}`", source.name);
            if found.len() as u64 > spec.limits.inputs {
                break;
            }
            let metas = match storage.expand_named(pattern) {
                Ok(metas) => metas,
                Err(e) => {
                    problems.push(e.context(format!("source `{}`", source.name)));
                    continue;
                }
            };
            for meta in metas {
                match named_by.get(&meta.uri) {
                    Some(earlier) => problems.push(named_twice(&meta.uri, earlier, &by)),
                    None => {
                        named_by.insert(meta.uri.clone(), by.clone());
                        found.push(Found { meta, source: i as u16 });
                    }
                }
            }
        }
        found[first..].sort_by(|a, b| a.meta.uri.cmp(&b.meta.uri));
    }
    let most = spec.limits.inputs;
    if found.len() as u64 > most {
        return Err(Error::spec(format!("the inputs are more than {most} files (`limits.inputs`)"))
            .with_hint("join small files, narrow the patterns, or raise the limit"));
    }
    one_error(problems, "inputs").map_or(Ok(found), Err)
}

fn named_twice(uri: &Uri, earlier: &str, by: &str) -> Error {
    Error::spec(format!("`{uri}` is named twice: by {earlier} and by {by}"))
        .with_hint("narrow one of the patterns: every document of a file would be a duplicate of itself")
}

/// What each input is, and its parts.
fn look_into(storage: &Storage, spec: &JobSpec, found: &[Found]) -> Result<Vec<Pieces>> {
    let threads = LOOKERS.min(found.len().max(1));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("plan-{i}"))
        .build()
        .map_err(|e| Error::new(Class::Resource, format!("cannot start {threads} threads: {e}")))?;
    let looked: Vec<Result<Pieces>> =
        pool.install(|| found.par_iter().map(|input| pieces_of(storage, spec, input)).collect());
    let mut pieces = Vec::with_capacity(looked.len());
    let mut problems = Vec::new();
    for result in looked {
        match result {
            Ok(of_one) => pieces.push(of_one),
            Err(e) => problems.push(e),
        }
    }
    one_error(problems, "inputs").map_or(Ok(pieces), Err)
}

fn pieces_of(storage: &Storage, spec: &JobSpec, found: &Found) -> Result<Pieces> {
    let source = &spec.sources[usize::from(found.source)];
    let detected = detect(storage, &found.meta, source.format)
        .map_err(|e| e.context(format!("source `{}`", source.name)))?;
    let (size, shard_bytes) = (found.meta.size, spec.run.shard_bytes);
    let parts = if detected.format == Format::Parquet {
        match row_group_bytes(storage, &found.meta.uri) {
            Ok(groups) => cut::row_groups(&groups, size, shard_bytes),
            // Its reader meets the same error, and counts it.
            Err(e) if e.class() == Class::Input && spec.run.on_corrupt == OnCorrupt::Skip => cut::whole(size),
            Err(e) => return Err(e),
        }
    } else if has_lines(detected, source) {
        cut::bytes(size, shard_bytes)
    } else {
        cut::whole(size)
    };
    Ok(Pieces { detected, parts })
}

/// Whether every line end of the file is the end of a record, to be found without reading from the start.
fn has_lines(detected: Detected, source: &SourceSpec) -> bool {
    let by_line = match detected.format {
        Format::Jsonl => true,
        Format::Txt => source.txt_unit == TxtUnit::Line,
        Format::Csv | Format::Parquet => false,
    };
    by_line && detected.compression == Compression::None && !detected.utf16 && source.is_ascii_compatible()
}

/// Compressed bytes of each row group.
fn row_group_bytes(storage: &Storage, uri: &Uri) -> Result<Vec<u64>> {
    let object = storage.open(uri)?;
    let corrupt = |what: String| {
        Error::input(format!("`{uri}` is no readable Parquet file: {what}")).with_hint(
            "replace the file or leave it out of `inputs`; `on_corrupt = \"skip\"` in [run] goes on without it",
        )
    };
    if object.size() == 0 {
        return Err(corrupt("it is empty".to_owned()));
    }
    let footer = ParquetMetaDataReader::new().parse_and_finish(&object).map_err(|e| match e {
        // The store failed, not the file.
        parquet::errors::ParquetError::External(cause) => match cause.downcast::<Error>() {
            Ok(error) => *error,
            Err(other) => corrupt(other.to_string()),
        },
        other => corrupt(other.to_string()),
    })?;
    let groups = footer.row_groups().iter();
    groups
        .map(|group| {
            u64::try_from(group.compressed_size())
                .map_err(|_| corrupt("a row group has a negative size".to_owned()))
        })
        .collect()
}

/// Numbers the shards.
fn assemble(found: Vec<Found>, pieces: Vec<Pieces>) -> Result<Plan> {
    let mut plan = Plan::default();
    for (Found { meta, source }, Pieces { detected, parts }) in found.into_iter().zip(pieces) {
        for (part, bytes) in parts {
            let number = u32::try_from(plan.shards.len()).map_err(|_| {
                Error::spec(format!("the inputs make more than {} shards", u32::MAX))
                    .with_hint("set a larger `shard_bytes` in [run]")
            })?;
            plan.shards.push(Shard {
                id: ShardId(number),
                source,
                uri: meta.uri.clone(),
                size: meta.size,
                version: meta.version.clone(),
                format: detected.format,
                compression: detected.compression,
                part,
                bytes,
            });
        }
        plan.bytes += meta.size;
        plan.inputs.push(Input { uri: meta.uri, size: meta.size, version: meta.version, source });
    }
    Ok(plan)
}

/// One error that lists all; its class and hint are those of the first.
/// One error of many, at most the first of them spelled out.
pub fn one_error(mut problems: Vec<Error>, of: &str) -> Option<Error> {
    /// A directory of the wrong kind of files must not fill the screen.
    const SHOWN: usize = 20;
    if problems.len() <= 1 {
        return problems.pop();
    }
    let (class, count) = (problems[0].class(), problems.len());
    let mut message = format!("{count} problems with the {of}:");
    for problem in problems.iter().take(SHOWN) {
        message.push_str(&format!("\n  {problem}"));
    }
    if count > SHOWN {
        message.push_str(&format!("\n  and {} more", count - SHOWN));
    }
    let error = Error::new(class, message);
    Some(match problems[0].hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    })
}

#[cfg(test)]
mod tests;
