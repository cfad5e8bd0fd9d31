//! Reading: the records of a shard, one format a file.

mod csv;
mod decode;
mod jsonl;
mod lines;
mod txt;

use std::borrow::Cow;

use tamis_common::artefact::{DropCause, Stage};
use tamis_common::shard::{Format, Shard};
use tamis_common::spec::{OnCorrupt, SourceSpec, TxtUnit};
use tamis_common::storage::Storage;
use tamis_common::{Class, Error, Result};

/// A record, whole or not.
pub struct RawRecord<'a> {
    /// Its number within the shard.
    pub record: u32,
    /// Byte offset in the decompressed input.
    pub offset: u64,
    /// Its bytes in the decompressed input.
    pub raw_bytes: u64,
    /// What it holds, or why it is no record.
    pub body: std::result::Result<Body<'a>, DropCause>,
}

/// What a record holds.
pub struct Body<'a> {
    /// Its id, if it has one.
    pub id: Option<Cow<'a, str>>,
    /// Its text; never blank.
    pub text: Cow<'a, str>,
    /// The other fields, verbatim: the inside of a JSON object.
    pub extra: &'a str,
}

/// How reading ended.
pub struct ReadEnd {
    /// Why it ended before the input did (`on_corrupt = "skip"`).
    pub corrupt: Option<String>,
}

/// Takes records one by one.
pub type Sink<'a> = dyn FnMut(RawRecord<'_>) -> Result<()> + 'a;

/// Reads a shard and gives every record to `sink`.
///
/// # Errors
/// `Class::Input` for an input that changed under the job, is truncated or corrupt, naming it; of the store and of
/// `sink`.
pub fn read_shard(
    storage: &Storage,
    shard: &Shard,
    source: &SourceSpec,
    on_corrupt: OnCorrupt,
    sink: &mut Sink<'_>,
) -> Result<ReadEnd> {
    let found = storage.head(&shard.uri)?;
    if found.size != shard.size || found.version != shard.version {
        return Err(Error::input(format!(
            "`{}` changed under the job: it had {} bytes when the job was planned and has {} now",
            shard.uri, shard.size, found.size
        ))
        .with_hint("inputs must not change while a job runs; submit the job again"));
    }
    let ended = match shard.format {
        Format::Jsonl => lines::each_line(storage, shard, source, &mut |line| {
            if line.text.as_ref().is_ok_and(|text| text.trim_ascii().is_empty()) {
                return Ok(false);
            }
            line.give(sink, |text, scratch| jsonl::parse(text, source, scratch))
        }),
        Format::Csv => csv::each_row(storage, shard, source, sink),
        Format::Txt => match source.txt_unit {
            TxtUnit::Line => lines::each_line(storage, shard, source, &mut |line| {
                if line.text.as_ref().is_ok_and(|text| text.trim().is_empty()) {
                    return Ok(false);
                }
                line.give(sink, |text, _| txt::body(text))
            }),
            TxtUnit::Block => txt::each_block(storage, shard, source, sink),
            TxtUnit::File => txt::whole_file(storage, shard, source, sink),
        },
        other => {
            return Err(Error::input(format!("`{}` is {other:?}, which workers cannot read yet", shard.uri))
                .with_hint("convert it to JSON lines"));
        }
    };
    match ended {
        Ok(()) => Ok(ReadEnd { corrupt: None }),
        Err(error) if error.class() == Class::Input && on_corrupt == OnCorrupt::Skip => {
            Ok(ReadEnd { corrupt: Some(error.message().to_owned()) })
        }
        Err(error) => Err(error),
    }
}

/// A record that cannot be parsed.
fn rejected(rule: &str) -> DropCause {
    DropCause::new(Stage::Parse, rule)
}
