//! Verdicts on the survivors of a shard: one row for each that does not stay.

use std::sync::Arc;

use arrow_array::builder::UInt32Builder;
use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::drops::{CauseColumns, DropCause, cause_fields, cause_of};
use super::table::{TableReader, TableWriter, batch, column, properties};
use crate::error::Result;
use crate::storage::{ObjectReader, Storage, Uri, Written};

const GROUP_ROWS: usize = 65_536;
const LEVEL: i32 = 1;

/// A survivor that does not stay.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Its record number within the shard.
    pub record: u32,
    /// Why it does not stay.
    pub cause: DropCause,
}

/// Writes verdicts in record order.
pub struct VerdictsWriter {
    schema: SchemaRef,
    table: TableWriter,
    record: UInt32Builder,
    cause: CauseColumns,
    rows: usize,
}

impl VerdictsWriter {
    /// Starts the file.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, uri: &Uri) -> Result<Self> {
        let mut fields = vec![Field::new("record", DataType::UInt32, false)];
        fields.extend(cause_fields());
        let schema = Arc::new(Schema::new(fields));
        let table =
            TableWriter::new(storage.create(uri)?, uri.clone(), schema.clone(), properties(Some(LEVEL))?)?;
        Ok(Self { schema, table, record: UInt32Builder::new(), cause: CauseColumns::default(), rows: 0 })
    }

    /// Appends one verdict.
    ///
    /// # Errors
    /// Of the store.
    pub fn push(&mut self, verdict: &Verdict) -> Result<()> {
        self.record.append_value(verdict.record);
        self.cause.push(&verdict.cause);
        self.rows += 1;
        if self.rows == GROUP_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.rows = 0;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.record.finish())];
        columns.extend(self.cause.finish());
        let batch = batch(&self.schema, columns)?;
        self.table.write_group(&batch)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Of the store.
    pub fn finish(mut self) -> Result<Written> {
        if self.rows > 0 {
            self.flush()?;
        }
        self.table.finish()
    }
}

/// Reads verdicts in record order.
pub struct VerdictsReader {
    table: TableReader,
}

impl VerdictsReader {
    /// Opens the file.
    ///
    /// # Errors
    /// `Class::Storage` if it is no such file.
    pub fn open(object: ObjectReader) -> Result<Self> {
        Ok(Self { table: TableReader::open(object, None, None, 4_096)? })
    }

    /// The next verdicts, `None` at the end.
    ///
    /// # Errors
    /// Of the store.
    pub fn next_batch(&mut self) -> Result<Option<Vec<Verdict>>> {
        let Some(batch) = self.table.next()? else { return Ok(None) };
        let record = column!(self.table, batch, "record", UInt32Array);
        (0..batch.num_rows())
            .map(|i| Ok(Verdict { record: record.value(i), cause: cause_of(&self.table, &batch, i)? }))
            .collect::<Result<Vec<_>>>()
            .map(Some)
    }
}
