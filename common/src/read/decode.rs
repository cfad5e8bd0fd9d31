//! Bytes of an input as they were before compression.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::shard::{Compression, Part, Shard};
use crate::spec::{LimitsSpec, SourceSpec};
use crate::{Error, Result};
use encoding_rs::{DecoderResult, Encoding, UTF_8};
use flate2::bufread::GzDecoder;

use super::{Failure, Input, changed};

/// The size of the store's own buffer: reads of it go past that one.
const RAW_BUFFER: usize = 1 << 20;
const DECODED_BUFFER: usize = 256 << 10;

/// How far the stored bytes of an input have been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

/// The decompressed bytes of an input and what they are written in.
pub(super) struct Content {
    pub(super) bytes: Box<dyn BufRead + Send>,
    /// UTF-8 for what was decoded on the way.
    pub(super) encoding: &'static Encoding,
    /// The rule that bytes break which are not text.
    pub(super) not_text: &'static str,
    /// The stored byte that it begins with.
    start: u64,
}

impl Content {
    /// To be asked when `bytes` has come to its end: was that where the input should end?
    ///
    /// # Errors
    /// `Class::Input` for an input that became shorter or longer while it was read.
    pub(super) fn check_end(&self, input: &Input<'_>) -> Result<()> {
        let size = self.start + input.meter.bytes();
        match size == input.shard.size {
            true => Ok(()),
            false => Err(changed(input.shard, size)),
        }
    }
}

/// The decompressed bytes of a shard's input, from `offset` on, which is 0 for compressed ones.
///
/// UTF-16, by its mark or by name, and others in which a line end is not one byte are decoded on the way, so that lines
/// can be found. A malformed sequence then becomes a byte that is not UTF-8.
pub(super) fn open(input: &Input<'_>, offset: u64) -> Result<Content, Failure> {
    let Input { storage, shard, source, limits, meter } = *input;
    let stored = Stored { stream: storage.open(&shard.uri)?.stream(offset), meter: meter.clone() };
    let mut bytes = decompressed(BufReader::with_capacity(RAW_BUFFER, stored), shard, limits, meter)?;
    let named = encoding_of(source)?;
    let mut decoded = !source.is_ascii_compatible();
    if shard.part == Part::Whole {
        let mut mark = Vec::with_capacity(2);
        bytes.by_ref().take(2).read_to_end(&mut mark).map_err(|e| read_failure(shard, 0, e))?;
        decoded |= matches!(mark[..], [0xff, 0xfe] | [0xfe, 0xff]);
        bytes = Box::new(Cursor::new(mark).chain(bytes));
    } else if decoded {
        return Err(Error::internal(format!("`{}` is {} and cut by bytes", shard.uri, named.name())).into());
    }
    if !decoded {
        let not_text = if named == UTF_8 { "not_utf8" } else { "bad_encoding" };
        return Ok(Content { bytes, encoding: named, not_text, start: offset });
    }
    // A mark wins over the name.
    let bytes = Box::new(Decoded::new(bytes, named));
    Ok(Content { bytes, encoding: UTF_8, not_text: "bad_encoding", start: offset })
}

fn decompressed(
    raw: BufReader<Stored>,
    shard: &Shard,
    limits: &LimitsSpec,
    meter: &Meter,
) -> Result<Box<dyn BufRead + Send>> {
    let decoder: Box<dyn Read + Send> = match shard.compression {
        Compression::None => return Ok(Box::new(raw)),
        Compression::Gzip => Box::new(Members { decoder: Some(GzDecoder::new(raw)) }),
        Compression::Zstd => {
            let failed = |e| Error::io("decompress", &shard.uri, e);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(raw).map_err(failed)?;
            decoder.window_log_max(limits.window_bytes.ilog2()).map_err(failed)?;
            Box::new(decoder)
        }
    };
    let bounded = Bounded { decoder, meter: meter.clone(), decoded: 0, limits: limits.clone() };
    Ok(Box::new(BufReader::with_capacity(DECODED_BUFFER, bounded)))
}

/// The members of a gzip file, one behind the other; zeros behind the last are padding, as gzip itself has it.
struct Members {
    /// `None` once all has been read.
    decoder: Option<GzDecoder<BufReader<Stored>>>,
}

impl Read for Members {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let count = decoder.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            self.decoder = match self.decoder.take() {
                Some(ended) => behind_member(ended.into_inner())?.map(GzDecoder::new),
                None => None,
            };
        }
    }
}

/// What stands behind a member: the next one, or nothing but zeros.
fn behind_member(mut raw: BufReader<Stored>) -> io::Result<Option<BufReader<Stored>>> {
    let mut is_padded = false;
    loop {
        let buffer = match raw.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        let Some(other) = buffer.iter().position(|byte| *byte != 0) else {
            let length = buffer.len();
            if length == 0 {
                return Ok(None);
            }
            is_padded = true;
            raw.consume(length);
            continue;
        };
        if is_padded || other > 0 || buffer[0] != 0x1f {
            let message = "something that is no gzip stands behind a member";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        return Ok(Some(raw));
    }
}

/// Less is never taken for a bomb.
const HARMLESS: u64 = 64 << 20;

/// Decompressed bytes, as long as they are not out of proportion to the stored ones.
struct Bounded {
    decoder: Box<dyn Read + Send>,
    meter: Meter,
    decoded: u64,
    limits: LimitsSpec,
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(into).map_err(|e| self.named(e))?;
        self.decoded += count as u64;
        let LimitsSpec { expansion, .. } = self.limits;
        if self.decoded > HARMLESS && self.decoded / expansion > self.meter.bytes() {
            let message = format!(
                "it expands to more than {expansion} times its size (`limits.expansion`): {} bytes came out of {}",
                self.decoded,
                self.meter.bytes()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(count)
    }
}

impl Bounded {
    /// zstd's own words for a window that is too large do not say which setting that is.
    fn named(&self, error: io::Error) -> io::Error {
        match error.to_string().contains("too much memory") {
            true => io::Error::new(
                error.kind(),
                format!(
                    "it asks for a window of more than {} bytes (`limits.window_bytes`)",
                    self.limits.window_bytes
                ),
            ),
            false => error,
        }
    }
}

/// The stream of the store: counts, and marks its own errors so that they are not taken for corrupt data.
struct Stored {
    stream: Box<dyn Read + Send>,
    meter: Meter,
}

impl Read for Stored {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(into) {
            Ok(count) => {
                self.meter.0.fetch_add(count as u64, Ordering::Relaxed);
                Ok(count)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => Err(io::Error::new(e.kind(), StoreFailed(e))),
        }
    }
}

#[derive(Debug)]
struct StoreFailed(io::Error);

impl fmt::Display for StoreFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for StoreFailed {}

/// A read that failed behind `offset` of the decompressed input: by the store, or by the data.
pub(super) fn read_failure(shard: &Shard, offset: u64, error: io::Error) -> Failure {
    if error.get_ref().is_some_and(|inner| inner.is::<StoreFailed>()) {
        return Failure::Other(Error::io("read", &shard.uri, error));
    }
    let message = format!(
        "`{}` is truncated or corrupt behind byte {offset} of its decompressed content: {error}",
        shard.uri
    );
    Failure::Corrupt(Error::input(message).with_source(error))
}

/// Decodes a stream into UTF-8.
struct Decoded {
    bytes: Box<dyn BufRead + Send>,
    decoder: encoding_rs::Decoder,
    /// What is decoded and not yet read: `text[read..written]`.
    text: Box<[u8]>,
    read: usize,
    written: usize,
    ended: bool,
}

impl Decoded {
    fn new(bytes: Box<dyn BufRead + Send>, encoding: &'static Encoding) -> Self {
        let text = vec![0; DECODED_BUFFER].into_boxed_slice();
        Self { bytes, decoder: encoding.new_decoder(), text, read: 0, written: 0, ended: false }
    }
}

impl BufRead for Decoded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // No character in UTF-8 is this byte or holds it.
        const MALFORMED: u8 = 0xff;
        let room = self.text.len() - 1;
        while self.read == self.written && !self.ended {
            let available = self.bytes.fill_buf()?;
            let last = available.is_empty();
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(available, &mut self.text[..room], last);
            self.bytes.consume(read);
            (self.read, self.written) = (0, written);
            match result {
                DecoderResult::InputEmpty => self.ended = last,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    self.text[written] = MALFORMED;
                    self.written += 1;
                }
            }
        }
        Ok(&self.text[self.read..self.written])
    }

    fn consume(&mut self, count: usize) {
        self.read = self.written.min(self.read + count);
    }
}

impl Read for Decoded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

/// The encoding that a source names; the spec has been checked.
fn encoding_of(source: &SourceSpec) -> Result<&'static Encoding> {
    Encoding::for_label(source.encoding.as_bytes()).ok_or_else(|| {
        Error::spec(format!("`encoding` of source `{}` is unknown: `{}`", source.name, source.encoding))
    })
}

/// The bytes as UTF-8; `None` if they are malformed.
pub(super) fn to_utf8<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Option<Cow<'a, str>> {
    if encoding == UTF_8 {
        return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    }
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use encoding_rs::{ISO_2022_JP, UTF_16BE, UTF_16LE};
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8], encoding: &'static Encoding, at_once: usize) -> Vec<u8> {
        let bytes = Box::new(BufReader::with_capacity(at_once, Cursor::new(bytes.to_vec())));
        let mut text = Vec::new();
        Decoded::new(bytes, encoding).read_to_end(&mut text).unwrap();
        text
    }

    proptest! {
        #[test]
        fn utf16_is_decoded_however_it_is_cut(text in "\\PC{0,40}", at_once in 1usize..20, big: bool, mark: bool) {
            let units: Vec<u16> = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16()).collect();
            let bytes: Vec<u8> = units
                .iter()
                .flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() })
                .collect();
            // With a mark the name does not matter.
            let named = if big != mark { UTF_16BE } else { UTF_16LE };
            prop_assume!(!text.starts_with('\u{feff}'));
            prop_assert_eq!(decoded(&bytes, named, at_once), text.into_bytes());
        }
    }

    #[test]
    fn a_malformed_sequence_is_no_utf8_and_spoils_nothing_else() {
        let bytes: Vec<u8> = [0x61, 0xd800, 0x62].iter().flat_map(|u: &u16| u.to_le_bytes()).collect();
        assert_eq!(decoded(&bytes, UTF_16LE, 3), b"a\xffb");
        // What ends within a pair is one malformed sequence.
        assert_eq!(decoded(&bytes[..5], UTF_16LE, 3), b"a\xff");
        assert_eq!(decoded(b"\x1b$B$3\x1b(B!", ISO_2022_JP, 2), "こ!".as_bytes());
    }
}
