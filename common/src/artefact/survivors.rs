//! The text of every record that scan kept.

use std::sync::Arc;

use arrow_array::builder::{StringBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::table::{Columns, RowWriter, TableReader, column};
use crate::error::Result;
use crate::storage::{ObjectReader, Storage, Uri, Written};

/// A group is cut at this many rows or bytes of text, so that a reader holds little.
const GROUP_ROWS: usize = 8_192;
const GROUP_BYTES: usize = 8 << 20;
/// Fast and small enough: written once, read once.
const LEVEL: i32 = 1;

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
        RowWriter::create(storage, uri, schema(), Some(LEVEL), SurvivorColumns::default()).map(Self)
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
        Ok(Self { table: TableReader::open(object, None, None, 1_024)? })
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
