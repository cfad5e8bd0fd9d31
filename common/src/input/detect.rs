//! Format and compression by content, by name where content does not tell.

use std::io::Read;

use encoding_rs::Encoding;

use crate::error::{Error, Result};
use crate::shard::{Compression, Format};
use crate::storage::{ObjectMeta, Storage, Uri};

/// Bytes that are read of an input: more than the largest block of zstd (128 KiB), of which nothing is seen before
/// all is there.
const HEAD: usize = 192 << 10;
/// Bytes of content that are looked at: many lines.
const LOOK: u64 = 64 << 10;

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected {
    /// How its records stand in it.
    pub format: Format,
    /// How it is compressed as a whole.
    pub compression: Compression,
    /// Whether it starts with the mark of UTF-16, in which a byte like a line end need not be one.
    pub utf16: bool,
}

/// Tells what an input is from its first bytes, in the order: compression, Parquet, a first line that is a JSON
/// object, the extension of its name. A `declared` format is believed unless the bytes are plainly another.
///
/// # Errors
/// `Class::Input` if the format cannot be told or is not the declared one; those of the store.
pub fn detect(storage: &Storage, meta: &ObjectMeta, declared: Option<Format>) -> Result<Detected> {
    let head = match meta.size {
        0 => Vec::new(),
        _ => storage.open(&meta.uri)?.range(0, HEAD)?.to_vec(),
    };
    sniff(&head, &meta.uri, declared)
}

/// What bytes of content show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    Parquet,
    /// The first line starts like a JSON object and, if all of it is in sight, is one.
    Object,
    /// The first line starts like a JSON object and is none.
    Brace,
    /// A JSON array, which is not one object a line.
    Array,
    Text,
    Binary,
}

fn sniff(head: &[u8], uri: &Uri, declared: Option<Format>) -> Result<Detected> {
    let name = uri.file_name().to_ascii_lowercase();
    let compression = compression_of(head);
    let content = match decompress(head, compression) {
        Ok(content) => content,
        // Corrupt from its first byte on: its reader shall say so, if only the format is known.
        Err(_) if declared.or(format_of_name(&name)).is_some() => Vec::new(),
        Err(e) => {
            return Err(Error::input(format!("`{uri}` cannot be decompressed: {e}")).with_source(e));
        }
    };
    let utf16 = matches!(Encoding::for_bom(&content), Some((encoding, _)) if encoding != encoding_rs::UTF_8);
    let format = format_of(look(&content), &name, declared).map_err(|what| {
        Error::input(format!("`{uri}` {what}")).with_hint(
            "set `format` of the source to jsonl, parquet, csv or txt, or leave the file out of `inputs`",
        )
    })?;
    if format == Format::Parquet && compression != Compression::None {
        return Err(Error::input(format!("`{uri}` is a Parquet file that is compressed as a whole"))
            .with_hint("decompress it: Parquet compresses its own pages"));
    }
    Ok(Detected { format, compression, utf16 })
}

fn compression_of(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        // A skippable frame, which pzstd and others put first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// The first bytes of content. The head ends somewhere within the compressed stream, so that an error after some
/// content is none.
fn decompress(head: &[u8], compression: Compression) -> std::io::Result<Vec<u8>> {
    let decoder: Box<dyn Read + '_> = match compression {
        Compression::None => return Ok(head.to_vec()),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(head)),
        Compression::Zstd => Box::new(zstd::Decoder::new(head)?),
    };
    let mut content = Vec::new();
    match decoder.take(LOOK).read_to_end(&mut content) {
        Err(e) if content.is_empty() => Err(e),
        _ => Ok(content),
    }
}

fn look(content: &[u8]) -> Seen {
    if content.starts_with(b"PAR1") {
        return Seen::Parquet;
    }
    let decoded = match Encoding::for_bom(content) {
        Some((encoding, mark)) => {
            encoding.decode_without_bom_handling(&content[mark..]).0.into_owned().into_bytes()
        }
        None => content.to_vec(),
    };
    let text = decoded.trim_ascii_start();
    let Some(first) = text.first() else { return Seen::Nothing };
    let line_end = memchr::memchr(b'\n', text);
    match first {
        b'{' => match line_end {
            Some(end) if !is_object(&text[..end]) => Seen::Brace,
            _ => Seen::Object,
        },
        b'[' if matches!(text[1..].trim_ascii_start().first(), Some(b'{' | b'[' | b'"' | b']')) => {
            Seen::Array
        }
        _ if text.contains(&0) => Seen::Binary,
        _ => Seen::Text,
    }
}

fn is_object(line: &[u8]) -> bool {
    // Text in another encoding than UTF-8 is no JSON before it is decoded, but its structure is ASCII.
    let line = String::from_utf8_lossy(line);
    serde_json::from_str::<serde::de::IgnoredAny>(&line).is_ok()
}

/// The format, or what is wrong with the input.
fn format_of(seen: Seen, name: &str, declared: Option<Format>) -> Result<Format, String> {
    let named = format_of_name(name);
    match (seen, declared) {
        (Seen::Parquet, Some(Format::Parquet) | None) => Ok(Format::Parquet),
        (Seen::Parquet, Some(other)) => Err(format!("is Parquet by its content, not {}", name_of(other))),
        // A Parquet file without its mark is corrupt, which its reader says.
        (_, Some(declared)) => Ok(declared),
        (Seen::Nothing, None) => Ok(named.unwrap_or(Format::Jsonl)),
        (Seen::Object, None) => Ok(Format::Jsonl),
        (Seen::Brace, None) => Ok(named.unwrap_or(Format::Jsonl)),
        (Seen::Array, None) if matches!(named, Some(Format::Jsonl)) => {
            Err("is a JSON array, not one JSON object a line".to_owned())
        }
        (Seen::Array | Seen::Text | Seen::Binary, None) => named.ok_or_else(|| {
            let what = if seen == Seen::Binary { "binary data" } else { "text that is no JSON line" };
            format!("starts with {what}, and its name ends in none of .jsonl, .parquet, .csv, .tsv and .txt")
        }),
    }
}

/// The format that the name of a file in lower case promises, the ending of a compression aside.
fn format_of_name(name: &str) -> Option<Format> {
    let plain = [".gz", ".gzip", ".zst", ".zstd"].iter().find_map(|ending| name.strip_suffix(ending));
    let (_, extension) = plain.unwrap_or(name).rsplit_once('.')?;
    match extension {
        "jsonl" | "ndjson" | "jsonlines" | "json" => Some(Format::Jsonl),
        "parquet" | "pq" => Some(Format::Parquet),
        "csv" | "tsv" => Some(Format::Csv),
        "txt" | "text" => Some(Format::Txt),
        _ => None,
    }
}

fn name_of(format: Format) -> &'static str {
    match format {
        Format::Jsonl => "jsonl",
        Format::Parquet => "parquet",
        Format::Csv => "csv",
        Format::Txt => "txt",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn sniffed(content: &[u8], name: &str, declared: Option<Format>) -> Result<Detected> {
        sniff(content, &Uri::parse(&format!("/data/{name}")).unwrap(), declared)
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        zstd::encode_all(content, 3).unwrap()
    }

    #[test]
    fn content_tells_the_format_whatever_the_name() {
        for (content, format) in [
            (&b"{\"text\":\"a\"}\n"[..], Format::Jsonl),
            (b"\n  {\"text\":\"a\"}", Format::Jsonl),
            (b"\xef\xbb\xbf{\"text\":\"a\"}\n", Format::Jsonl),
            (b"{\"text\":\"\xc4\xe3\"}\n", Format::Jsonl),
            (b"PAR1xxxx", Format::Parquet),
        ] {
            for name in ["x.csv", "x.jsonl", "x", "x.txt", "x.gz"] {
                let detected = sniffed(content, name, None).unwrap();
                assert_eq!((detected.format, detected.compression), (format, Compression::None), "{name}");
            }
        }
    }

    #[test]
    fn the_name_tells_where_content_does_not() {
        for (name, format) in [
            ("x.csv", Format::Csv),
            ("x.TSV.gz", Format::Csv),
            ("x.txt.zst", Format::Txt),
            ("x.jsonl", Format::Jsonl),
            ("x.parquet", Format::Parquet),
        ] {
            assert_eq!(sniffed(b"some words, more", name, None).unwrap().format, format, "{name}");
            assert_eq!(sniffed(b"", name, None).unwrap().format, format, "an empty {name}");
        }
        assert_eq!(sniffed(b"{curly} prose\n", "x.txt", None).unwrap().format, Format::Txt);
        assert_eq!(sniffed(b"{broken\n", "x", None).unwrap().format, Format::Jsonl);
        assert_eq!(sniffed(b"", "_SUCCESS", None).unwrap().format, Format::Jsonl);
    }

    #[test]
    fn compression_is_seen_by_its_magic_and_looked_into() {
        let lines = (0..100_000u64)
            .map(|i| format!("{{\"text\":\"{:x}\"}}\n", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let json = lines.collect::<String>().into_bytes();
        for (content, compression) in [(gzip(&json), Compression::Gzip), (zstd(&json), Compression::Zstd)] {
            for cut in [content.len(), content.len() / 2] {
                let detected = sniffed(&content[..cut], "x.txt", None).unwrap();
                assert_eq!((detected.format, detected.compression), (Format::Jsonl, compression));
            }
        }
        assert_eq!(sniffed(&gzip(b""), "x", None).unwrap().format, Format::Jsonl);
    }

    #[test]
    fn a_file_that_is_corrupt_from_the_start_is_left_to_its_reader_if_its_format_is_known() {
        let corrupt = [0x1f, 0x8b, 0xff, 0xff, 0, 0];
        assert_eq!(sniffed(&corrupt, "x.jsonl.gz", None).unwrap().format, Format::Jsonl);
        assert_eq!(sniffed(&corrupt, "x", Some(Format::Csv)).unwrap().format, Format::Csv);
        assert!(sniffed(&corrupt, "x.gz", None).unwrap_err().message().contains("cannot be decompressed"));
    }

    #[test]
    fn what_cannot_be_told_is_an_error_that_says_what_was_seen() {
        for (content, name, expected) in [
            (&b"some words"[..], "x.dat", "starts with text that is no JSON line"),
            (b"\x00\x01\x02", "x", "starts with binary data"),
            (b"[\n {\"text\": 1}]", "x.json", "is a JSON array"),
        ] {
            let error = sniffed(content, name, None).unwrap_err();
            assert_eq!(error.class(), crate::Class::Input);
            assert!(error.message().contains(expected) && error.message().contains(name), "{error}");
            assert!(error.hint().unwrap().contains("`format`"));
        }
        let error = sniffed(b"PAR1", "x", Some(Format::Csv)).unwrap_err();
        assert!(error.message().contains("is Parquet by its content, not csv"), "{error}");
        assert!(sniffed(&gzip(b"PAR1"), "x", None).is_err());
    }

    #[test]
    fn utf16_is_seen_by_its_mark() {
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend("{\"text\":\"你好\"}\n".encode_utf16().flat_map(u16::to_le_bytes));
        let detected = sniffed(&bytes, "x", None).unwrap();
        assert_eq!((detected.format, detected.utf16), (Format::Jsonl, true));
        assert!(!sniffed(b"\xef\xbb\xbf{}", "x", None).unwrap().utf16);
    }

    proptest! {
        #[test]
        fn no_bytes_make_detection_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in 0usize..4) {
            let magics: [&[u8]; 4] = [b"", &[0x1f, 0x8b, 8], &[0x28, 0xb5, 0x2f, 0xfd], b"\xff\xfe"];
            let content = [magics[magic], &bytes].concat();
            let _ = sniffed(&content, "x", None);
            prop_assert!(sniffed(&content, "x", Some(Format::Txt)).is_ok() || content.starts_with(b"PAR1"));
        }
    }
}
