//! Parquet with the columns `id`, `text` and `extra`, the other fields as one JSON object.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use sha2::{Digest as _, Sha256};
use tamis_common::artefact::{FileEntry, Survivor};
use tamis_common::storage::{ObjectWriter, Storage, Uri, hex};
use tamis_common::{Error, Result};

use super::TextWriter;
use super::line::push_line;

/// A row group is cut at this many rows, or where it would pass this many bytes: both follow from the documents
/// alone, and a writer holds one group in memory.
const GROUP_ROWS: usize = 16_384;
const GROUP_BYTES: usize = 32 << 20;

/// Writes texts as Parquet. The digest of the content is that of the same documents as JSON lines.
pub struct ParquetWriter {
    uri: Uri,
    name: String,
    schema: SchemaRef,
    writer: ArrowWriter<ObjectWriter>,
    id: StringBuilder,
    text: StringBuilder,
    extra: StringBuilder,
    rows: usize,
    bytes: usize,
    content: Sha256,
    line: Vec<u8>,
    records: u64,
}

impl ParquetWriter {
    /// Starts the file `name` below `work`, compressed at zstd's `level`.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, work: &Uri, name: String, level: i32) -> Result<Self> {
        let uri = work.join(&name);
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Utf8, false),
            Field::new("text", DataType::Utf8, false),
            Field::new("extra", DataType::Utf8, true),
        ]));
        let writer = begin(storage, &uri, &schema, level)?;
        Ok(Self {
            uri,
            name,
            schema,
            writer,
            id: StringBuilder::new(),
            text: StringBuilder::new(),
            extra: StringBuilder::new(),
            rows: 0,
            bytes: 0,
            content: Sha256::new(),
            line: Vec::new(),
            records: 0,
        })
    }

    fn flush_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        (self.rows, self.bytes) = (0, 0);
        let columns: Vec<ArrayRef> =
            vec![Arc::new(self.id.finish()), Arc::new(self.text.finish()), Arc::new(self.extra.finish())];
        write_group(&mut self.writer, &self.uri, &self.schema, columns)
    }
}

impl TextWriter for ParquetWriter {
    fn push(&mut self, document: &Survivor<'_>) -> Result<()> {
        let bytes = document.id.len() + document.text.len() + document.extra.len();
        if self.rows == GROUP_ROWS || self.bytes + bytes > GROUP_BYTES {
            self.flush_group()?;
        }
        self.id.append_value(document.id);
        self.text.append_value(document.text);
        let extra = (!document.extra.is_empty()).then(|| format!("{{{}}}", document.extra));
        self.extra.append_option(extra);
        self.rows += 1;
        self.bytes += bytes;
        self.records += 1;

        self.line.clear();
        push_line(document, &mut self.line)?;
        self.content.update(&self.line);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<FileEntry> {
        self.flush_group()?;
        let object = self.writer.into_inner().map_err(|e| write_error(&self.uri, e))?;
        Ok(FileEntry {
            name: self.name,
            written: object.finish()?,
            content_sha256: Some(hex(&self.content.finalize())),
            records: self.records,
        })
    }
}

/// Starts a file of row groups, which callers cut.
pub(super) fn begin(
    storage: &Storage,
    uri: &Uri,
    schema: &SchemaRef,
    level: i32,
) -> Result<ArrowWriter<ObjectWriter>> {
    let object = storage.create(uri)?;
    ArrowWriter::try_new(object, schema.clone(), Some(properties(level)?)).map_err(|e| write_error(uri, e))
}

/// Writes the columns of a group.
pub(super) fn write_group(
    writer: &mut ArrowWriter<ObjectWriter>,
    uri: &Uri,
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
) -> Result<()> {
    let group = RecordBatch::try_new(schema.clone(), columns)
        .map_err(|e| Error::internal(format!("documents do not fit the schema of `{uri}`: {e}")))?;
    writer.write(&group).and_then(|()| writer.flush()).map_err(|e| write_error(uri, e))
}

fn properties(level: i32) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(level)
        .map_err(|e| Error::spec(format!("`output.level` must be 1 to 19, got {level}: {e}")))?;
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        // Texts do not repeat, and their minima say nothing.
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by("tamis".to_owned())
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build())
}

pub(super) fn write_error(uri: &Uri, error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => Error::io("write", uri, *io),
            Err(inner) => Error::storage(format!("cannot write `{uri}`: {inner}")).with_source(inner),
        },
        other => Error::storage(format!("cannot write `{uri}`: {other}")).with_source(other),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use arrow_array::{Array as _, StringArray};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::write::JsonlZstWriter;
    use crate::write::tests::Fixture;

    fn survivor<'a>(id: &'a str, text: &'a str, extra: &'a str) -> Survivor<'a> {
        Survivor { record: 0, offset: 0, id, text, extra }
    }

    fn write(fixture: &Fixture, name: &str, documents: &[Survivor<'_>]) -> FileEntry {
        let created = ParquetWriter::create(&fixture.storage, &fixture.work, name.to_owned(), 3);
        let mut writer = Box::new(created.unwrap());
        for document in documents {
            writer.push(document).unwrap();
        }
        writer.finish().unwrap()
    }

    fn read(fixture: &Fixture, name: &str) -> Vec<(String, String, Option<String>)> {
        let bytes = bytes::Bytes::from(fixture.bytes(name));
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        let mut rows = Vec::new();
        for batch in reader {
            let batch = batch.unwrap();
            let column = |name| {
                let column = batch.column_by_name(name).unwrap();
                column.as_any().downcast_ref::<StringArray>().unwrap().clone()
            };
            let (id, text, extra) = (column("id"), column("text"), column("extra"));
            rows.extend((0..batch.num_rows()).map(|i| {
                let extra = extra.is_valid(i).then(|| extra.value(i).to_owned());
                (id.value(i).to_owned(), text.value(i).to_owned(), extra)
            }));
        }
        rows
    }

    #[test]
    fn documents_come_back_with_other_fields_as_an_object() {
        let fixture = Fixture::new();
        let documents = [survivor("a", "中文\u{0}\n\"", r#""n":1.50"#), survivor("b", "", "")];
        let entry = write(&fixture, "a.parquet", &documents);
        let expected = [
            ("a".to_owned(), "中文\u{0}\n\"".to_owned(), Some(r#"{"n":1.50}"#.to_owned())),
            ("b".to_owned(), String::new(), None),
        ];
        assert_eq!(read(&fixture, "a.parquet"), expected);
        assert_eq!(entry.records, 2);
        assert_eq!(entry.written.sha256, hex(&Sha256::digest(fixture.bytes("a.parquet"))));
    }

    #[test]
    fn groups_are_cut_by_rows_and_the_bytes_are_the_same_again() {
        let fixture = Fixture::new();
        let ids: Vec<String> = (0..GROUP_ROWS + 10).map(|i| format!("doc-{i}")).collect();
        let documents: Vec<_> = ids.iter().map(|id| survivor(id, "text", "")).collect();
        let (first, second) = (write(&fixture, "a", &documents), write(&fixture, "b", &documents));
        assert_eq!(first.written, second.written);
        let bytes = bytes::Bytes::from(fixture.bytes("a"));
        let metadata = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let groups: Vec<_> = metadata.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups, [GROUP_ROWS as i64, 10]);
        assert_eq!(read(&fixture, "a").len(), documents.len());
    }

    #[test]
    fn a_file_without_documents_can_be_read() {
        let fixture = Fixture::new();
        assert_eq!(write(&fixture, "a", &[]).records, 0);
        assert!(read(&fixture, "a").is_empty());
    }

    #[test]
    fn content_has_the_same_digest_as_in_json_lines() {
        let fixture = Fixture::new();
        let documents = [survivor("a", "x", r#""n":1"#), survivor("b", "y", "")];
        let created = JsonlZstWriter::create(&fixture.storage, &fixture.work, "lines".to_owned(), 3);
        let mut lines = Box::new(created.unwrap());
        documents.iter().for_each(|document| lines.push(document).unwrap());
        let lines = lines.finish().unwrap();
        assert_eq!(write(&fixture, "a", &documents).content_sha256, lines.content_sha256);
    }
}
