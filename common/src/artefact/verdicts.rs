//! Verdicts on the survivors of a shard: one row for each that does not stay.

use std::sync::Arc;

use arrow_array::builder::UInt32Builder;
use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::drops::{CauseColumns, DropCause, cause_fields, cause_of};
use super::table::{Columns, Packing, RowWriter, TableReader, column};
use crate::error::Result;
use crate::storage::{ObjectReader, Storage, Uri, Written};

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
pub struct VerdictsWriter(RowWriter<VerdictColumns>);

#[derive(Default)]
struct VerdictColumns {
    record: UInt32Builder,
    cause: CauseColumns,
}

impl Columns for VerdictColumns {
    fn finish(&mut self) -> Vec<ArrayRef> {
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.record.finish())];
        columns.extend(self.cause.finish());
        columns
    }
}

fn schema() -> SchemaRef {
    let mut fields = vec![Field::new("record", DataType::UInt32, false)];
    fields.extend(cause_fields());
    Arc::new(Schema::new(fields))
}

impl VerdictsWriter {
    /// Starts the file.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, uri: &Uri) -> Result<Self> {
        RowWriter::create(storage, uri, schema(), Packing::Zstd(LEVEL), VerdictColumns::default()).map(Self)
    }

    /// Appends one verdict.
    ///
    /// # Errors
    /// Of the store.
    pub fn push(&mut self, verdict: &Verdict) -> Result<()> {
        self.0.push(|columns| {
            columns.record.append_value(verdict.record);
            columns.cause.push(&verdict.cause);
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
