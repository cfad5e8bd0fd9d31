//! Plain text: a document is a file, or a block between blank lines.

use std::borrow::Cow;
use std::io::Read as _;

use tamis_common::Result;
use tamis_common::artefact::DropCause;
use tamis_common::shard::Shard;
use tamis_common::spec::SourceSpec;
use tamis_common::storage::Storage;

use super::decode::{encoding_of_lines, open, read_error};
use super::lines::each_line;
use super::{Body, RawRecord, Sink, rejected};

/// A text without id or other fields.
pub(super) fn body(text: &str) -> std::result::Result<Body<'_>, DropCause> {
    if text.trim().is_empty() {
        return Err(rejected("text_empty"));
    }
    Ok(Body { id: None, text: Cow::Borrowed(text), extra: "" })
}

/// The whole file as one record; an empty file has none.
pub(super) fn whole_file(
    storage: &Storage,
    shard: &Shard,
    source: &SourceSpec,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let mut bytes = Vec::new();
    open(storage, shard, source, 0)?
        .read_to_end(&mut bytes)
        .map_err(|e| read_error(shard, bytes.len() as u64, e))?;
    if bytes.is_empty() {
        return Ok(());
    }
    let (text, _, malformed) = encoding_of_lines(source)?.decode(&bytes);
    let body = match malformed {
        true => Err(rejected("bad_encoding")),
        false => body(&text),
    };
    sink(RawRecord { record: 0, offset: 0, raw_bytes: bytes.len() as u64, body })
}

/// A block being gathered.
#[derive(Default)]
struct Block {
    text: String,
    offset: u64,
    raw_bytes: u64,
    failed: Option<DropCause>,
    lines: u32,
}

/// Blocks between blank lines, each a record.
pub(super) fn each_block(
    storage: &Storage,
    shard: &Shard,
    source: &SourceSpec,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let mut record = 0;
    let mut block = Block::default();
    let mut give = |block: Block| -> Result<()> {
        if block.lines == 0 {
            return Ok(());
        }
        let body = match block.failed {
            Some(cause) => Err(cause),
            None => body(&block.text),
        };
        sink(RawRecord { record, offset: block.offset, raw_bytes: block.raw_bytes, body })?;
        record += 1;
        Ok(())
    };
    each_line(storage, shard, source, &mut |line| {
        if line.text.as_ref().is_ok_and(|text| text.trim().is_empty()) {
            give(std::mem::take(&mut block))?;
            return Ok(false);
        }
        if block.lines == 0 {
            block.offset = line.offset;
        } else {
            block.text.push('\n');
        }
        block.lines += 1;
        block.raw_bytes += line.raw_bytes;
        match line.text {
            Ok(text) => block.text.push_str(&text),
            Err(cause) => block.failed = Some(cause),
        }
        Ok(true)
    })?;
    give(block)
}
