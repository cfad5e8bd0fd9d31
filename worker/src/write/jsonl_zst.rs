//! JSON lines in one zstd frame with a content checksum.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};
use tamis_common::artefact::{FileEntry, Survivor};
use tamis_common::storage::{ObjectWriter, Storage, Uri, hex};
use tamis_common::{Error, Result};
use zstd::stream::write::Encoder;

use super::TextWriter;
use super::line::push_line;

/// Lines are gathered to this many bytes before they are hashed and compressed: zstd's block size.
const CHUNK: usize = 128 << 10;

/// Writes `{"id":…,"text":…,…}` lines.
pub struct JsonlZstWriter {
    uri: Uri,
    name: String,
    encoder: Encoder<'static, ObjectWriter>,
    content: Sha256,
    chunk: Vec<u8>,
    records: u64,
}

impl JsonlZstWriter {
    /// Starts the file `name` below `work`, compressed at zstd's `level`.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, work: &Uri, name: String, level: i32) -> Result<Self> {
        let uri = work.join(&name);
        let mut encoder =
            Encoder::new(storage.create(&uri)?, level).map_err(|e| Error::io("compress", &uri, e))?;
        encoder.include_checksum(true).map_err(|e| Error::io("compress", &uri, e))?;
        Ok(Self {
            uri,
            name,
            encoder,
            content: Sha256::new(),
            chunk: Vec::with_capacity(2 * CHUNK),
            records: 0,
        })
    }

    fn flush_chunk(&mut self) -> Result<()> {
        self.content.update(&self.chunk);
        self.encoder.write_all(&self.chunk).map_err(|e| Error::io("write", &self.uri, e))?;
        self.chunk.clear();
        Ok(())
    }
}

impl TextWriter for JsonlZstWriter {
    fn push(&mut self, document: &Survivor<'_>) -> Result<()> {
        push_line(document, &mut self.chunk)?;
        self.records += 1;
        if self.chunk.len() >= CHUNK {
            self.flush_chunk()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<FileEntry> {
        self.flush_chunk()?;
        let object = self.encoder.finish().map_err(|e| Error::io("write", &self.uri, e))?;
        Ok(FileEntry {
            name: self.name,
            written: object.finish()?,
            content_sha256: Some(hex(&self.content.finalize())),
            records: self.records,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::write::tests::Fixture;

    fn survivor<'a>(id: &'a str, text: &'a str, extra: &'a str) -> Survivor<'a> {
        Survivor { record: 0, offset: 0, id, text, extra }
    }

    fn write(fixture: &Fixture, name: &str, documents: &[Survivor<'_>]) -> FileEntry {
        let created = JsonlZstWriter::create(&fixture.storage, &fixture.work, name.to_owned(), 3);
        let mut writer = Box::new(created.unwrap());
        for document in documents {
            writer.push(document).unwrap();
        }
        writer.finish().unwrap()
    }

    fn content(fixture: &Fixture, name: &str) -> Vec<u8> {
        zstd::decode_all(fixture.bytes(name).as_slice()).unwrap()
    }

    #[test]
    fn lines_hold_id_text_and_other_fields_verbatim() {
        let fixture = Fixture::new();
        let extra = r#""meta":{"n":1.50,"s":"\u00e9"},"tags":[ 1 ,2 ]"#;
        let entry =
            write(&fixture, "a.jsonl.zst", &[survivor("x", "中文\u{2028}é", extra), survivor("", "b", "")]);
        let expected =
            format!("{{\"id\":\"x\",\"text\":\"中文\u{2028}é\",{extra}}}\n{{\"id\":\"\",\"text\":\"b\"}}\n");
        let content = content(&fixture, "a.jsonl.zst");
        assert_eq!(String::from_utf8(content.clone()).unwrap(), expected);
        assert_eq!(entry.records, 2);
        assert_eq!(entry.name, "a.jsonl.zst");
        let bytes = fixture.bytes("a.jsonl.zst");
        assert_eq!(entry.written.size, bytes.len() as u64);
        assert_eq!(entry.written.sha256, hex(&Sha256::digest(&bytes)));
        assert_eq!(entry.content_sha256.unwrap(), hex(&Sha256::digest(&content)));
    }

    #[test]
    fn a_file_without_documents_is_an_empty_frame() {
        let fixture = Fixture::new();
        let entry = write(&fixture, "a.jsonl.zst", &[]);
        assert_eq!(entry.records, 0);
        assert!(entry.written.size > 0);
        assert!(content(&fixture, "a.jsonl.zst").is_empty());
    }

    #[test]
    fn the_same_documents_give_the_same_bytes_in_one_checked_frame() {
        let fixture = Fixture::new();
        let text = "一段不短的文字 and some English.\n".repeat(4_000);
        let documents: Vec<_> = (0..40).map(|i| survivor("id", &text[..text.len() - 40 * i], "")).collect();
        let (first, second) = (write(&fixture, "a", &documents), write(&fixture, "b", &documents));
        assert_eq!(first.written, second.written);
        let bytes = fixture.bytes("a");
        assert_eq!(zstd::zstd_safe::find_frame_compressed_size(&bytes).unwrap(), bytes.len());
        let checksum_flag = bytes[4] & 0b100;
        assert_ne!(checksum_flag, 0);
    }

    proptest! {
        // A case writes and syncs a file.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_text_comes_back(id in ".*", text in "(?s).*", key in "[a-z\"\\\\]{1,5}", value in "(?s).*") {
            let fixture = Fixture::new();
            let extra = format!("{}:{}", Value::from(key.clone()), Value::from(value.clone()));
            write(&fixture, "a", &[survivor(&id, &text, &extra)]);
            let content = content(&fixture, "a");
            prop_assert_eq!(content.iter().filter(|&&byte| byte == b'\n').count(), 1);
            let record: Value = serde_json::from_slice(&content).unwrap();
            prop_assert_eq!(record["id"].as_str().unwrap(), id);
            prop_assert_eq!(record["text"].as_str().unwrap(), text);
            prop_assert_eq!(record[&key].as_str().unwrap(), value);
        }

        #[test]
        fn control_characters_and_quotes_are_escaped(text in "[\u{0}-\u{1f}\"\\\\\u{7f}\u{2028}\u{2029}/]{0,40}") {
            let mut line = Vec::new();
            push_line(&survivor("a", &text, ""), &mut line).unwrap();
            prop_assert!(!line[..line.len() - 1].iter().any(|&byte| byte < 0x20));
            let record: Value = serde_json::from_slice(&line).unwrap();
            prop_assert_eq!(record["text"].as_str().unwrap(), text);
        }
    }
}
