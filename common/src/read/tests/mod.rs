#![expect(clippy::unwrap_used, reason = "tests")]

mod corrupt;
mod parquet_rows;
mod ranges;
mod text;

use std::io::Write as _;

use crate::Class;
use crate::ids::ShardId;
use crate::shard::{Compression, Part};
use crate::spec::{Role, SourceDedup, TxtUnit};
use crate::storage::Uri;

use super::*;

/// A source with all defaults.
pub(crate) fn source() -> SourceSpec {
    SourceSpec {
        name: "s".to_owned(),
        role: Role::Domain,
        inputs: vec![],
        format: None,
        text_field: "text".to_owned(),
        id_field: "id".to_owned(),
        url_field: "url".to_owned(),
        encoding: "utf-8".to_owned(),
        txt_unit: TxtUnit::File,
        csv_delimiter: ',',
        dedup: SourceDedup::Full,
        max_tokens: None,
    }
}

/// A folder with one input in it.
struct Folder {
    storage: Storage,
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let storage = Storage::new(runtime.handle().clone());
        Self { storage, folder, _runtime: runtime }
    }

    /// Writes a file and pins it.
    fn shard(&self, content: &[u8], format: Format) -> Shard {
        let path = self.folder.path().join("input");
        std::fs::write(&path, content).unwrap();
        let uri = Uri::from_path(&path).unwrap();
        let meta = self.storage.head(&uri).unwrap();
        let compression = match content {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            _ => Compression::None,
        };
        Shard {
            id: ShardId(3),
            source: 0,
            uri,
            size: meta.size,
            version: meta.version,
            format,
            compression,
            part: Part::Whole,
            bytes: meta.size,
        }
    }
}

/// A record without borrowed parts.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    record: u32,
    offset: u64,
    raw_bytes: u64,
    body: std::result::Result<(Option<String>, String, String), DropCause>,
}

impl Seen {
    fn text(&self) -> &str {
        &self.body.as_ref().unwrap().1
    }

    /// The text of a record, or the rule that it breaks.
    fn short(&self) -> &str {
        match &self.body {
            Ok((_, text, _)) => text,
            Err(cause) => &cause.rule,
        }
    }
}

fn read_with(
    folder: &Folder,
    shard: &Shard,
    source: &SourceSpec,
    on_corrupt: OnCorrupt,
) -> (Result<ReadEnd>, Vec<Seen>) {
    let mut seen = Vec::new();
    let mut input_bytes = 0;
    let end = read_shard(&folder.storage, shard, source, on_corrupt, &LimitsSpec::default(), &mut |record| {
        assert!(record.input_bytes >= input_bytes && record.input_bytes <= shard.bytes);
        input_bytes = record.input_bytes;
        assert!(record.body.as_ref().err().is_none_or(|rejected| rejected.cause.stage == Stage::Parse));
        seen.push(Seen {
            record: record.record,
            offset: record.offset,
            raw_bytes: record.raw_bytes,
            body: record
                .body
                .map(|b| (b.id.map(Cow::into_owned), b.text.into_owned(), b.extra.to_owned()))
                .map_err(|rejected| rejected.cause),
        });
        Ok(())
    });
    assert!(seen.iter().enumerate().all(|(i, seen)| seen.record as usize == i));
    (end, seen)
}

/// All records of a whole input that is not corrupt.
fn read(content: &[u8], format: Format, source: &SourceSpec) -> Vec<Seen> {
    let folder = Folder::new();
    let (end, seen) = read_with(&folder, &folder.shard(content, format), source, OnCorrupt::Fail);
    assert_eq!(end.unwrap().corrupt, None);
    seen
}

/// What [`Seen::short`] says of all records.
fn shorts(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(Seen::short).collect()
}

/// The error that reading a whole input ends with.
fn error_of(content: &[u8], format: Format, source: &SourceSpec) -> Error {
    let folder = Folder::new();
    let shard = folder.shard(content, format);
    let error = read_with(&folder, &shard, source, OnCorrupt::Fail).0.unwrap_err();
    assert!(error.message().contains(shard.uri.as_str()), "{error}");
    error
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 3).unwrap()
}

fn encoded(text: &str, label: &str) -> Vec<u8> {
    encoding_rs::Encoding::for_label(label.as_bytes()).unwrap().encode(text).0.into_owned()
}

fn utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
