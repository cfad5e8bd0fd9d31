//! The text of every record that scan kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::table::{Columns, Packing, RowWriter, TableReader, column};
use crate::error::Result;
use crate::storage::{ObjectReader, Storage, Uri, Written};

/// A group is cut at this many rows or bytes of text, so that a reader holds little.
const GROUP_ROWS: usize = 8_192;
const GROUP_BYTES: usize = 8 << 20;

/// Rows that a reader gives at once.
const BATCH_ROWS: usize = 1_024;

/// One survivor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survivor<'a> {
    /// Its record number within the shard.
    pub record: u32,
    /// Byte offset of the record in the decompressed input, or its row.
    pub offset: u64,
    /// Its id.
    pub id: &'a str,
    /// The cleaned text.
    pub text: &'a str,
    /// The other fields, verbatim: the inside of a JSON object (`"a":1,"b":[2]`) without the braces; empty: none.
    pub extra: &'a str,
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("record", DataType::UInt32, false),
        Field::new("offset", DataType::UInt64, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("text", DataType::Utf8, false),
        Field::new("extra", DataType::Utf8, false),
    ]))
}

/// Writes survivors in record order.
pub struct SurvivorsWriter(RowWriter<SurvivorColumns>);

struct SurvivorColumns {
    record: UInt32Builder,
    offset: UInt64Builder,
    id: StringBuilder,
    text: StringBuilder,
    extra: StringBuilder,
    /// Bytes of the group's strings.
    bytes: usize,
}

impl Default for SurvivorColumns {
    /// Texts have room for a whole group from the start: to grow would copy them again and again.
    fn default() -> Self {
        Self {
            record: UInt32Builder::with_capacity(GROUP_ROWS),
            offset: UInt64Builder::with_capacity(GROUP_ROWS),
            id: StringBuilder::new(),
            text: StringBuilder::with_capacity(GROUP_ROWS, GROUP_BYTES),
            extra: StringBuilder::new(),
            bytes: 0,
        }
    }
}

impl Columns for SurvivorColumns {
    const GROUP_ROWS: usize = GROUP_ROWS;

    fn finish(&mut self) -> Vec<ArrayRef> {
        let mut columns = std::mem::take(self);
        vec![
            Arc::new(columns.record.finish()),
            Arc::new(columns.offset.finish()),
            Arc::new(columns.id.finish()),
            Arc::new(columns.text.finish()),
            Arc::new(columns.extra.finish()),
        ]
    }
}

impl SurvivorsWriter {
    /// Starts the file.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, uri: &Uri) -> Result<Self> {
        RowWriter::create(storage, uri, schema(), Packing::Lz4, SurvivorColumns::default()).map(Self)
    }

    /// Appends one survivor.
    ///
    /// # Errors
    /// Of the store.
    pub fn push(&mut self, survivor: &Survivor<'_>) -> Result<()> {
        let bytes = survivor.text.len() + survivor.extra.len() + survivor.id.len();
        if self.0.columns().bytes + bytes > GROUP_BYTES {
            self.0.end_group()?;
        }
        self.0.push(|columns| {
            columns.record.append_value(survivor.record);
            columns.offset.append_value(survivor.offset);
            columns.id.append_value(survivor.id);
            columns.text.append_value(survivor.text);
            columns.extra.append_value(survivor.extra);
            columns.bytes += bytes;
            Ok(())
        })
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Of the store.
    pub fn finish(self) -> Result<Written> {
        self.0.finish()
    }
}

/// Reads survivors in record order, a batch at a time.
pub struct SurvivorsReader {
    table: TableReader,
}

/// Some survivors.
pub struct SurvivorBatch {
    record: UInt32Array,
    offset: UInt64Array,
    id: StringArray,
    text: StringArray,
    extra: StringArray,
}

impl SurvivorsReader {
    /// Opens the file.
    ///
    /// # Errors
    /// `Class::Storage` if it is no such file.
    pub fn open(object: ObjectReader) -> Result<Self> {
        Ok(Self { table: TableReader::open(object, None, None, BATCH_ROWS)? })
    }

    /// Opens the file for the survivors with some record numbers alone; most of the others are not decoded.
    ///
    /// # Errors
    /// `Class::Storage` if it is no such file.
    pub fn open_records(object: ObjectReader, records: BTreeSet<u32>) -> Result<Self> {
        Ok(Self { table: TableReader::open_rows(object, "record", records, BATCH_ROWS)? })
    }

    /// The next batch, `None` at the end.
    ///
    /// # Errors
    /// Of the store.
    pub fn next_batch(&mut self) -> Result<Option<SurvivorBatch>> {
        let Some(batch): Option<RecordBatch> = self.table.next()? else { return Ok(None) };
        let table = &self.table;
        Ok(Some(SurvivorBatch {
            record: column!(table, batch, "record", UInt32Array).clone(),
            offset: column!(table, batch, "offset", UInt64Array).clone(),
            id: column!(table, batch, "id", StringArray).clone(),
            text: column!(table, batch, "text", StringArray).clone(),
            extra: column!(table, batch, "extra", StringArray).clone(),
        }))
    }
}

impl SurvivorBatch {
    /// Rows.
    pub fn len(&self) -> usize {
        self.record.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row `i`.
    pub fn get(&self, i: usize) -> Survivor<'_> {
        Survivor {
            record: self.record.value(i),
            offset: self.offset.value(i),
            id: self.id.value(i),
            text: self.text.value(i),
            extra: self.extra.value(i),
        }
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Survivor<'_>> {
        (0..self.len()).map(|i| self.get(i))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn survivors_are_read_by_record_number_across_groups() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let storage = Storage::new(runtime.handle().clone());
        let uri = Uri::from_path(&folder.path().join("survivors")).unwrap();
        let mut writer = SurvivorsWriter::create(&storage, &uri).unwrap();
        let text = |record: u32| format!("the text of record {record} ").repeat(30);
        for record in (0..30_000).filter(|record| record % 3 != 2) {
            let (id, text) = (format!("id-{record}"), text(record));
            let survivor = Survivor { record, offset: u64::from(record), id: &id, text: &text, extra: "" };
            writer.push(&survivor).unwrap();
        }
        writer.finish().unwrap();
        // Record 5 was dropped, and 90,000 never was.
        for wanted in [vec![], vec![0, 5, 1_234, 8_193, 29_998, 90_000], vec![15_000]] {
            let records = wanted.iter().copied().collect();
            let mut reader = SurvivorsReader::open_records(storage.open(&uri).unwrap(), records).unwrap();
            let mut found = Vec::new();
            while let Some(batch) = reader.next_batch().unwrap() {
                for survivor in batch.iter() {
                    assert_eq!(survivor.text, text(survivor.record));
                    found.push(survivor.record);
                }
            }
            let there = wanted.into_iter().filter(|record| *record < 30_000 && record % 3 != 2);
            assert_eq!(found, there.collect::<Vec<u32>>());
        }
    }
}
