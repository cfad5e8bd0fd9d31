//! Bytes of an input as they were before compression and in UTF-8.

use std::io::{BufRead, BufReader, Cursor, Read};

use encoding_rs::Encoding;
use flate2::bufread::MultiGzDecoder;
use tamis_common::shard::{Compression, Shard};
use tamis_common::spec::SourceSpec;
use tamis_common::storage::Storage;
use tamis_common::{Error, Result};

const BUFFER: usize = 1 << 18;

/// The decompressed bytes of a shard's input, from `offset` on, which is 0 for compressed ones.
///
/// An encoding in which a newline is not one byte is decoded as a whole first; offsets are then those of its UTF-8 form.
pub(super) fn open(
    storage: &Storage,
    shard: &Shard,
    source: &SourceSpec,
    offset: u64,
) -> Result<Box<dyn BufRead + Send>> {
    let mut bytes = open_raw(storage, shard, offset)?;
    if source.is_ascii_compatible() {
        return Ok(bytes);
    }
    let mut all = Vec::new();
    bytes.read_to_end(&mut all).map_err(|e| read_error(shard, all.len() as u64, e))?;
    let (text, _, malformed) = encoding_of(source)?.decode(&all);
    if malformed {
        return Err(Error::input(format!("`{}` is not valid {}", shard.uri, source.encoding))
            .with_hint("set the source's `encoding` to what the file is written in"));
    }
    Ok(Box::new(Cursor::new(text.into_owned().into_bytes())))
}

/// The encoding of the bytes that [`open`] gives.
pub(super) fn encoding_of_lines(source: &SourceSpec) -> Result<&'static Encoding> {
    if source.is_ascii_compatible() { encoding_of(source) } else { Ok(encoding_rs::UTF_8) }
}

fn open_raw(storage: &Storage, shard: &Shard, offset: u64) -> Result<Box<dyn BufRead + Send>> {
    let raw = BufReader::with_capacity(BUFFER, storage.open(&shard.uri)?.stream(offset));
    let decoded: Box<dyn Read + Send> = match shard.compression {
        Compression::None => return Ok(Box::new(raw)),
        // An empty file is an empty stream, not a truncated one.
        _ if shard.size == 0 => return Ok(Box::new(raw)),
        Compression::Gzip => Box::new(MultiGzDecoder::new(raw)),
        Compression::Zstd => Box::new(
            zstd::stream::read::Decoder::with_buffer(raw)
                .map_err(|e| Error::io("decompress", &shard.uri, e))?,
        ),
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER, decoded)))
}

/// A read that failed: by the data of a compressed input, or by the store.
pub(super) fn read_error(shard: &Shard, offset: u64, error: std::io::Error) -> Error {
    if shard.compression == Compression::None {
        return Error::io("read", &shard.uri, error);
    }
    Error::input(format!(
        "`{}` is truncated or corrupt behind byte {offset} of its decompressed content: {error}",
        shard.uri
    ))
    .with_source(error)
    .with_hint("mend the file, or set run.on_corrupt = \"skip\" to keep what can be read")
}

/// The encoding that a source names; the spec has been checked.
pub(super) fn encoding_of(source: &SourceSpec) -> Result<&'static Encoding> {
    Encoding::for_label(source.encoding.as_bytes()).ok_or_else(|| {
        Error::spec(format!("`encoding` of source `{}` is unknown: `{}`", source.name, source.encoding))
    })
}

/// The bytes as UTF-8; `None` if they are malformed.
pub(super) fn to_utf8<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Option<std::borrow::Cow<'a, str>> {
    if encoding == encoding_rs::UTF_8 {
        return std::str::from_utf8(bytes).ok().map(Into::into);
    }
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}
