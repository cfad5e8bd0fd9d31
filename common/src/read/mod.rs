//! Reading: the records of a shard, one format a file.

mod csv;
mod decode;
mod extra;
mod jsonl;
mod lines;
mod parquet;
#[cfg(test)]
mod tests;
mod txt;

use std::borrow::Cow;

use crate::artefact::{DropCause, Stage};
use crate::shard::{Format, Shard};
use crate::spec::{LimitsSpec, OnCorrupt, SourceSpec};
use crate::storage::Storage;
use crate::{Error, Result};

use decode::Meter;
pub use extra::text_field;

/// A record, whole or not.
pub struct RawRecord<'a> {
    /// Its number within the shard.
    pub record: u32,
    /// Byte offset in the decompressed input (of UTF-16, in its UTF-8 form); of Parquet, the row in the file.
    pub offset: u64,
    /// Its bytes in the decompressed input; of Parquet, those of its text and other fields.
    pub raw_bytes: u64,
    /// Bytes of the shard's input, as it is stored, that reading has come to; at most those of the shard.
    pub input_bytes: u64,
    /// What it holds, or why it is no record.
    pub body: std::result::Result<Body<'a>, Rejected<'a>>,
}

/// A record that is none.
#[derive(Debug)]
pub struct Rejected<'a> {
    /// Why; a cause of `Stage::Parse`.
    pub cause: DropCause,
    /// Its id, where it could be read.
    pub id: Option<Cow<'a, str>>,
}

impl From<DropCause> for Rejected<'_> {
    fn from(cause: DropCause) -> Self {
        Self { cause, id: None }
    }
}

/// What a record holds.
#[derive(Debug)]
pub struct Body<'a> {
    /// Its id, if it has one; never empty.
    pub id: Option<Cow<'a, str>>,
    /// Its text; never blank.
    pub text: Cow<'a, str>,
    /// The other fields, verbatim and in their order: the inside of a JSON object.
    pub extra: &'a str,
}

/// How reading ended.
#[derive(Debug)]
pub struct ReadEnd {
    /// Why it ended before the input did (`on_corrupt = "skip"`).
    pub corrupt: Option<String>,
}

/// Takes records one by one.
pub type Sink<'a> = dyn FnMut(RawRecord<'_>) -> Result<()> + 'a;

/// Reads a shard and gives every record to `sink`.
///
/// # Errors
/// `Class::Input` for an input that changed under the job, or is truncated or corrupt (unless `on_corrupt` says to keep
/// what came before), naming it; of the store and of `sink`.
pub fn read_shard(
    storage: &Storage,
    shard: &Shard,
    source: &SourceSpec,
    on_corrupt: OnCorrupt,
    limits: &LimitsSpec,
    sink: &mut Sink<'_>,
) -> Result<ReadEnd> {
    let found = storage.head(&shard.uri)?;
    if found.size != shard.size || found.version != shard.version {
        return Err(changed(shard, found.size));
    }
    let meter = Meter::default();
    let input = Input { storage, shard, source, limits, meter: &meter };
    let mut records = Records { shard, meter: &meter, next: 0, sink };
    let ended = match shard.format {
        Format::Jsonl => jsonl::each_record(&input, &mut records),
        Format::Parquet => parquet::each_row(&input, &mut records),
        Format::Csv => csv::each_row(&input, &mut records),
        Format::Txt => txt::each_document(&input, &mut records),
    };
    match ended {
        Ok(()) => Ok(ReadEnd { corrupt: None }),
        Err(Failure::Corrupt(error)) if on_corrupt == OnCorrupt::Skip => {
            Ok(ReadEnd { corrupt: Some(error.message().to_owned()) })
        }
        Err(Failure::Corrupt(error)) => {
            Err(error.with_hint("mend the file or set run.on_corrupt = \"skip\" to keep what can be read, and submit the job again"))
        }
        Err(Failure::Other(error)) => Err(error),
    }
}

/// What a reader reads.
#[derive(Clone, Copy)]
struct Input<'a> {
    storage: &'a Storage,
    shard: &'a Shard,
    source: &'a SourceSpec,
    limits: &'a LimitsSpec,
    meter: &'a Meter,
}

impl Input<'_> {
    /// Bytes of a record that are kept: longer ones are rejected, as one must not take a worker's memory.
    fn most_record_bytes(&self) -> usize {
        usize::try_from(self.limits.record_bytes).unwrap_or(usize::MAX)
    }

    /// A record that is longer than any may be.
    fn too_long(&self, rule: &str, bytes: u64) -> DropCause {
        rejected(rule).with_value(bytes as f64, self.limits.record_bytes as f64)
    }
}

/// Why reading stopped early.
enum Failure {
    /// The input's own data: what came before it stands.
    Corrupt(Error),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Numbers records and hands them on.
struct Records<'s, 'a> {
    shard: &'s Shard,
    meter: &'s Meter,
    next: u32,
    sink: &'s mut Sink<'a>,
}

impl Records<'_, '_> {
    fn give<'r, E: Into<Rejected<'r>>>(
        &mut self,
        offset: u64,
        raw_bytes: u64,
        body: std::result::Result<Body<'r>, E>,
    ) -> Result<()> {
        let body = body.map_err(Into::into);
        let record = self.next;
        self.next = record.checked_add(1).ok_or_else(|| {
            Error::input(format!("`{}` has more than {} records in one shard", self.shard.uri, u32::MAX))
                .with_hint("set a smaller `shard_bytes` in [run], or split the file")
        })?;
        let input_bytes = self.meter.bytes().min(self.shard.bytes);
        (self.sink)(RawRecord { record, offset, raw_bytes, input_bytes, body })
    }
}

fn changed(shard: &Shard, size: u64) -> Error {
    Error::input(format!(
        "`{}` changed under the job: it had {} bytes in version {} when the job was planned and has {size} bytes now",
        shard.uri, shard.size, shard.version
    ))
    .with_hint("inputs must not change while a job runs; submit the job again")
}

/// A record that cannot be parsed.
fn rejected(rule: &str) -> DropCause {
    DropCause::new(Stage::Parse, rule)
}
