//! A shard: the piece of one input that one task reads.

use serde::{Deserialize, Serialize};

use crate::ids::ShardId;
use crate::storage::Uri;

/// How records stand in an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header line.
    Csv,
    /// Plain text.
    Txt,
}

/// How the bytes of an input are compressed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one member or many.
    Gzip,
    /// Zstandard, one frame or many.
    Zstd,
}

/// Which part of its input a shard reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it.
    Whole,
    /// The records whose first byte lies in `start..end`, byte offsets of the plain file.
    Bytes {
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
    },
    /// Row groups `start..end` of a Parquet file.
    RowGroups {
        /// First row group.
        start: u32,
        /// One past the last row group.
        end: u32,
    },
}

/// One shard of a job, as pinned by the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its number in canonical order.
    pub id: ShardId,
    /// The index of its source in the spec.
    pub source: u16,
    /// The input.
    pub uri: Uri,
    /// Size of the whole input in bytes, pinned.
    pub size: u64,
    /// Version of the whole input, pinned: an entity tag, or the modification time. An input that changes
    /// under a job is an error that names it.
    pub version: String,
    /// Detected by content.
    pub format: Format,
    /// Detected by content.
    pub compression: Compression,
    /// What to read.
    pub part: Part,
    /// Input bytes of this shard, for progress.
    pub bytes: u64,
}
