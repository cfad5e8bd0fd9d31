//! Parquet with the columns `id` and `input_ids`, a list of int32: what `datasets` and trainers on top of it read.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{Int32Builder, ListBuilder, StringBuilder};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use tamis_common::artefact::{FileEntry, Survivor};
use tamis_common::storage::{ObjectWriter, Storage, Uri};
use tamis_common::{Error, Result};

use super::TokenWriter;
use super::parquet::{begin, write_error, write_group};

/// A row group is cut at this many rows or ids: both follow from the documents alone.
const GROUP_ROWS: usize = 16_384;
const GROUP_IDS: usize = 4 << 20;

/// Writes token ids as Parquet.
pub struct ParquetTokensWriter {
    uri: Uri,
    name: String,
    schema: SchemaRef,
    writer: ArrowWriter<ObjectWriter>,
    id: StringBuilder,
    input_ids: ListBuilder<Int32Builder>,
    rows: usize,
    ids: usize,
    records: u64,
}

impl ParquetTokensWriter {
    /// Starts the file `name` below `work`, compressed at zstd's `level`.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, work: &Uri, name: String, level: i32) -> Result<Self> {
        let uri = work.join(&name);
        let item = Arc::new(Field::new("item", DataType::Int32, false));
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Utf8, false),
            Field::new("input_ids", DataType::List(item.clone()), false),
        ]));
        let writer = begin(storage, &uri, &schema, level)?;
        Ok(Self {
            uri,
            name,
            schema,
            writer,
            id: StringBuilder::new(),
            input_ids: ListBuilder::new(Int32Builder::new()).with_field(item),
            rows: 0,
            ids: 0,
            records: 0,
        })
    }

    fn flush_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        (self.rows, self.ids) = (0, 0);
        let columns: Vec<ArrayRef> = vec![Arc::new(self.id.finish()), Arc::new(self.input_ids.finish())];
        write_group(&mut self.writer, &self.uri, &self.schema, columns)
    }
}

impl TokenWriter for ParquetTokensWriter {
    fn push(&mut self, document: &Survivor<'_>, ids: &[u32]) -> Result<()> {
        if self.rows == GROUP_ROWS || self.ids + ids.len() > GROUP_IDS {
            self.flush_group()?;
        }
        self.id.append_value(document.id);
        let values = self.input_ids.values();
        for id in ids {
            let id = i32::try_from(*id).map_err(|_| {
                Error::internal(format!("token id {id} in `{}` is beyond 2^31 - 1", self.uri))
            })?;
            values.append_value(id);
        }
        self.input_ids.append(true);
        self.rows += 1;
        self.ids += ids.len();
        self.records += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<FileEntry>> {
        self.flush_group()?;
        let object = self.writer.into_inner().map_err(|e| write_error(&self.uri, e))?;
        let written = object.finish()?;
        Ok(vec![FileEntry { name: self.name, written, content_sha256: None, records: self.records }])
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;
    use proptest::prelude::*;

    use super::*;
    use crate::write::tests::{Fixture, NO_DOCUMENT};

    /// Through Parquet's own records, which share no column code with the writer.
    fn read(fixture: &Fixture) -> Vec<(String, Vec<u32>)> {
        let bytes = bytes::Bytes::from(fixture.bytes("tokens/part-00003.parquet"));
        let rows = SerializedFileReader::new(bytes).unwrap();
        let rows = rows.get_row_iter(None).unwrap().map(|row| row.unwrap());
        rows.map(|row| {
            let ids = row.get_list(1).unwrap();
            let ids = ids.elements().iter().map(|id| match id {
                parquet::record::Field::Int(id) => u32::try_from(*id).unwrap(),
                other => panic!("{other:?}"),
            });
            (row.get_string(0).unwrap().clone(), ids.collect())
        })
        .collect()
    }

    proptest! {
        // A case writes and syncs a file.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn documents_come_back_with_their_ids(
            documents in prop::collection::vec(prop::collection::vec(0_u32..200_000, 0..20), 0..20),
        ) {
            let fixture = Fixture::new();
            let name = "tokens/part-00003.parquet".to_owned();
            let created = ParquetTokensWriter::create(&fixture.storage, &fixture.work, name, 3);
            let mut writer = Box::new(created.unwrap());
            let named: Vec<(String, Vec<u32>)> =
                documents.into_iter().enumerate().map(|(i, ids)| (format!("doc {i}"), ids)).collect();
            for (id, ids) in &named {
                writer.push(&Survivor { id, ..NO_DOCUMENT }, ids).unwrap();
            }
            writer.finish().unwrap();
            prop_assert_eq!(read(&fixture), named);
        }
    }
}
