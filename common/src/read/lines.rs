//! Lines with their offsets. A shard of a byte range owns the lines whose first byte lies in it.

use std::borrow::Cow;
use std::io::{self, BufRead};

use crate::Error;
use crate::artefact::DropCause;
use crate::shard::Part;

use super::decode::{Content, open, read_failure, to_utf8};
use super::{Failure, Input, rejected};

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line.
pub(super) struct Line<'a> {
    /// Byte offset of its first byte in the decompressed input.
    pub(super) offset: u64,
    /// Its bytes with its end.
    pub(super) raw_bytes: u64,
    /// Its bytes without its end; of one that is too long, the beginning.
    pub(super) bytes: &'a [u8],
    /// Its end: `\n`, `\r\n` or, for the last one, nothing.
    pub(super) end: &'static str,
    /// Its text without its end, or why there is none.
    pub(super) text: std::result::Result<Cow<'a, str>, DropCause>,
}

impl Line<'_> {
    /// Whether nothing but white space stands in it.
    pub(super) fn is_blank(&self) -> bool {
        self.text.as_ref().is_ok_and(|text| text.trim_ascii().is_empty() || text.trim().is_empty())
    }
}

/// The lines that a shard owns, one after the other.
pub(super) struct Lines<'a> {
    input: Input<'a>,
    content: Content,
    offset: u64,
    /// Lines that begin here or later are another shard's.
    end: u64,
    line: Vec<u8>,
    /// Met behind a line that it cut off.
    failure: Option<Failure>,
}

impl<'a> Lines<'a> {
    pub(super) fn open(input: &Input<'a>) -> Result<Self, Failure> {
        let shard = input.shard;
        let (start, end) = match shard.part {
            Part::Whole => (0, u64::MAX),
            Part::Bytes { start, end } => (start, end),
            Part::RowGroups { .. } => {
                return Err(Error::internal(format!("`{}` is text and cut by row groups", shard.uri)).into());
            }
        };
        // One byte earlier, to see whether a line begins at `start`.
        let offset = start.saturating_sub(1);
        let mut lines = Self {
            input: *input,
            content: open(input, offset)?,
            offset,
            end,
            line: Vec::new(),
            failure: None,
        };
        if start > 0 {
            let skipped = skip_line(&mut *lines.content.bytes).map_err(|e| read_failure(shard, offset, e))?;
            lines.offset += skipped;
        }
        Ok(lines)
    }

    /// What is read.
    pub(super) fn input(&self) -> &Input<'a> {
        &self.input
    }

    /// The next line. What stands before corrupt data without a line end is a line without a text, by the rule
    /// `truncated`.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.offset >= self.end {
            return Ok(None);
        }
        self.line.clear();
        let mut raw_bytes = 0;
        let most = self.input.most_record_bytes();
        let read = read_line(&mut *self.content.bytes, &mut self.line, &mut raw_bytes, most);
        let offset = self.offset;
        self.offset += raw_bytes;
        let failed = read.err().map(|e| read_failure(self.input.shard, self.offset, e));
        if raw_bytes == 0 {
            return match failed {
                Some(failure) => Err(failure),
                None => Ok(self.content.check_end(&self.input).map(|()| None)?),
            };
        }
        let is_cut_off = matches!(failed, Some(Failure::Corrupt(_)));
        match failed {
            Some(failure @ Failure::Other(_)) => return Err(failure),
            other => self.failure = other,
        }

        let (mut bytes, end) = without_end(&self.line);
        if offset == 0 {
            bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
        }
        let text = if is_cut_off {
            Err(rejected("truncated"))
        } else if raw_bytes > self.input.limits.record_bytes {
            Err(self.input.too_long("line_too_long", raw_bytes))
        } else {
            to_utf8(bytes, self.content.encoding).ok_or_else(|| rejected(self.content.not_text))
        };
        Ok(Some(Line { offset, raw_bytes, bytes, end, text }))
    }
}

fn without_end(line: &[u8]) -> (&[u8], &'static str) {
    if let Some(bytes) = line.strip_suffix(b"\r\n") {
        return (bytes, "\r\n");
    }
    match line.strip_suffix(b"\n") {
        Some(bytes) => (bytes, "\n"),
        None => (line.strip_suffix(b"\r").unwrap_or(line), ""),
    }
}

/// Reads one line with its end and counts its bytes; of a longer one than `most` bytes only the beginning is kept.
fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>, bytes: &mut u64, most: usize) -> io::Result<()> {
    loop {
        let buffer = fill(input)?;
        if buffer.is_empty() {
            return Ok(());
        }
        let newline = memchr::memchr(b'\n', buffer);
        let taken = newline.map_or(buffer.len(), |at| at + 1);
        let kept = taken.min(most - line.len());
        line.extend_from_slice(&buffer[..kept]);
        input.consume(taken);
        *bytes += taken as u64;
        if newline.is_some() {
            return Ok(());
        }
    }
}

/// Skips one line and returns its bytes.
fn skip_line(input: &mut dyn BufRead) -> io::Result<u64> {
    let mut bytes = 0;
    loop {
        let buffer = fill(input)?;
        if buffer.is_empty() {
            return Ok(bytes);
        }
        let newline = memchr::memchr(b'\n', buffer);
        let taken = newline.map_or(buffer.len(), |at| at + 1);
        input.consume(taken);
        bytes += taken as u64;
        if newline.is_some() {
            return Ok(bytes);
        }
    }
}

fn fill(input: &mut dyn BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // Asked again for the borrow's sake; it is filled now.
            Ok(_) => return input.fill_buf(),
            Err(e) => return Err(e),
        }
    }
}
