//! Lines with their offsets. A shard of a byte range owns the lines whose first byte lies in it.

use std::borrow::Cow;
use std::io::BufRead;

use tamis_common::artefact::DropCause;
use tamis_common::shard::{Part, Shard};
use tamis_common::spec::SourceSpec;
use tamis_common::storage::Storage;
use tamis_common::{Error, Result};

use super::decode::{encoding_of_lines, open, read_error, to_utf8};
use super::{Body, RawRecord, Sink, rejected};

/// Longer lines are no records: one must not take a worker's memory.
const MOST_LINE_BYTES: usize = 256 << 20;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// One line.
pub(super) struct Line<'a> {
    /// Records before it in the shard.
    pub(super) record: u32,
    /// Byte offset of its first byte in the decompressed input.
    pub(super) offset: u64,
    /// Its bytes with its end.
    pub(super) raw_bytes: u64,
    /// Its text without its end, or why there is none.
    pub(super) text: std::result::Result<Cow<'a, str>, DropCause>,
    /// Reused from line to line.
    pub(super) scratch: &'a mut String,
}

impl Line<'_> {
    /// Gives the line to `sink` as one record.
    pub(super) fn give(
        self,
        sink: &mut Sink<'_>,
        parse: impl for<'b> FnOnce(&'b str, &'b mut String) -> std::result::Result<Body<'b>, DropCause>,
    ) -> Result<bool> {
        let Self { record, offset, raw_bytes, text, scratch } = self;
        let body = match &text {
            Ok(text) => parse(text, scratch),
            Err(cause) => Err(cause.clone()),
        };
        sink(RawRecord { record, offset, raw_bytes, body })?;
        Ok(true)
    }
}

/// Calls `each` for every line that the shard owns; `each` says whether it was a record.
pub(super) fn each_line(
    storage: &Storage,
    shard: &Shard,
    source: &SourceSpec,
    each: &mut dyn FnMut(Line<'_>) -> Result<bool>,
) -> Result<()> {
    let (start, end) = match shard.part {
        Part::Whole => (0, u64::MAX),
        Part::Bytes { start, end } => (start, end),
        Part::RowGroups { .. } => return Err(Error::internal("a text input has no row groups")),
    };
    let encoding = encoding_of_lines(source)?;
    let not_text = if encoding == encoding_rs::UTF_8 { "not_utf8" } else { "bad_encoding" };
    // One byte earlier, to see whether a line begins at `start`.
    let mut offset = start.saturating_sub(1);
    let mut input = open(storage, shard, source, offset)?;
    let mut line = Vec::new();
    let mut scratch = String::new();
    if start > 0 {
        let (skipped, _) = next_line(&mut *input, &mut line).map_err(|e| read_error(shard, offset, e))?;
        offset += skipped;
    }
    let mut record = 0;
    while offset < end {
        let (raw_bytes, too_long) =
            next_line(&mut *input, &mut line).map_err(|e| read_error(shard, offset, e))?;
        if raw_bytes == 0 {
            break;
        }
        let mut bytes = line.strip_suffix(b"\n").unwrap_or(&line);
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if offset == 0 {
            bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        }
        let text = match too_long {
            true => Err(rejected("line_too_long").with_value(raw_bytes as f64, MOST_LINE_BYTES as f64)),
            false => to_utf8(bytes, encoding).ok_or_else(|| rejected(not_text)),
        };
        if each(Line { record, offset, raw_bytes, text, scratch: &mut scratch })? {
            record = record
                .checked_add(1)
                .ok_or_else(|| Error::input(format!("`{}` has too many records for one shard", shard.uri)))?;
        }
        offset += raw_bytes;
    }
    Ok(())
}

/// Reads one line with its end; of a line that is too long only the beginning is kept. Returns its bytes and whether
/// it was too long.
fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> std::io::Result<(u64, bool)> {
    line.clear();
    let (mut bytes, mut too_long) = (0, false);
    loop {
        let buffer = match input.fill_buf() {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if buffer.is_empty() {
            return Ok((bytes, too_long));
        }
        let newline = memchr::memchr(b'\n', buffer);
        let taken = newline.map_or(buffer.len(), |at| at + 1);
        if line.len() + taken > MOST_LINE_BYTES {
            too_long = true;
        } else {
            line.extend_from_slice(&buffer[..taken]);
        }
        input.consume(taken);
        bytes += taken as u64;
        if newline.is_some() {
            return Ok((bytes, too_long));
        }
    }
}
