//! Plain text: a document is a file, a line, or a block between blank lines.

use std::borrow::Cow;
use std::io::{self, Read as _};

use crate::artefact::DropCause;
use crate::spec::TxtUnit;

use super::decode::{open, read_failure, to_utf8};
use super::lines::{Line, Lines};
use super::{Body, Failure, Input, Records, rejected};

/// Every document by the unit of the source.
pub(super) fn each_document(input: &Input<'_>, records: &mut Records<'_, '_>) -> Result<(), Failure> {
    match input.source.txt_unit {
        TxtUnit::File => whole_file(input, records),
        TxtUnit::Line => each_line(input, records),
        TxtUnit::Block => each_block(input, records),
    }
}

/// A text without id or other fields.
fn body(text: &str) -> std::result::Result<Body<'_>, DropCause> {
    if text.trim().is_empty() {
        return Err(rejected("text_empty"));
    }
    Ok(Body { id: None, text: Cow::Borrowed(text), extra: "" })
}

/// The whole file as one record; an empty file has none.
fn whole_file(input: &Input<'_>, records: &mut Records<'_, '_>) -> Result<(), Failure> {
    let mut content = open(input, 0)?;
    let mut bytes = Vec::new();
    let most = input.limits.record_bytes;
    let mut read = content.bytes.by_ref().take(most + 1).read_to_end(&mut bytes);
    let mut raw_bytes = bytes.len() as u64;
    if read.is_ok() && raw_bytes > most {
        bytes = Vec::new();
        read = io::copy(&mut content.bytes, &mut io::sink()).map(|more| {
            raw_bytes += more;
            0
        });
    }
    if let Err(error) = read {
        let failure = read_failure(input.shard, raw_bytes, error);
        if raw_bytes > 0 && matches!(failure, Failure::Corrupt(_)) {
            records.give(0, raw_bytes, Err(rejected("truncated")))?;
        }
        return Err(failure);
    }
    content.check_end(input)?;
    if raw_bytes == 0 {
        return Ok(());
    }
    if raw_bytes > most {
        return Ok(records.give(0, raw_bytes, Err(input.too_long("file_too_long", raw_bytes)))?);
    }
    let text = to_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes), content.encoding);
    let body = match &text {
        Some(text) => body(text),
        None => Err(rejected(content.not_text)),
    };
    Ok(records.give(0, raw_bytes, body)?)
}

/// Every line that is not blank is a record.
fn each_line(input: &Input<'_>, records: &mut Records<'_, '_>) -> Result<(), Failure> {
    let mut lines = Lines::open(input)?;
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let body = match &line.text {
            Ok(text) => body(text),
            Err(cause) => Err(cause.clone()),
        };
        records.give(line.offset, line.raw_bytes, body)?;
    }
    Ok(())
}

/// Blocks between blank lines, each a record; one that corrupt data follows may lack lines and is none.
fn each_block(input: &Input<'_>, records: &mut Records<'_, '_>) -> Result<(), Failure> {
    let mut lines = Lines::open(input)?;
    let mut block = Block::default();
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => return block.give(records),
            Err(failure) => {
                if matches!(failure, Failure::Corrupt(_)) {
                    block.failed.get_or_insert_with(|| rejected("truncated"));
                    block.give(records)?;
                }
                return Err(failure);
            }
        };
        match line.is_blank() {
            true => block.give(records)?,
            false => block.push(&line, input),
        }
    }
}

/// A block being gathered.
#[derive(Default)]
struct Block {
    text: String,
    offset: u64,
    raw_bytes: u64,
    failed: Option<DropCause>,
}

impl Block {
    fn push(&mut self, line: &Line<'_>, input: &Input<'_>) {
        if self.raw_bytes == 0 {
            self.offset = line.offset;
        } else {
            self.text.push('\n');
        }
        self.raw_bytes += line.raw_bytes;
        match &line.text {
            _ if self.raw_bytes > input.limits.record_bytes => {
                self.text.clear();
                self.failed = Some(input.too_long("block_too_long", self.raw_bytes));
            }
            Ok(text) => self.text.push_str(text),
            Err(cause) => drop(self.failed.get_or_insert_with(|| cause.clone())),
        }
    }

    /// Gives what was gathered, and starts anew.
    fn give(&mut self, records: &mut Records<'_, '_>) -> Result<(), Failure> {
        if self.raw_bytes > 0 {
            let body = match self.failed.take() {
                Some(cause) => Err(cause),
                None => body(&self.text),
            };
            records.give(self.offset, self.raw_bytes, body)?;
        }
        self.text.clear();
        (self.raw_bytes, self.failed) = (0, None);
        Ok(())
    }
}
