//! Tables of whole numbers.

use std::sync::Arc;

use arrow_array::builder::UInt64Builder;
use arrow_array::{Array as _, ArrayRef, UInt64Array};
use arrow_schema::{DataType, Field, Schema};

use super::table::{Columns, Packing, RowWriter, TableReader};
use crate::error::Result;
use crate::storage::{ObjectReader, Storage, Uri, Written};

const LEVEL: i32 = 1;
const BATCH_ROWS: usize = 8_192;

/// Writes rows of as many numbers as there are columns.
pub(super) struct NumbersWriter(RowWriter<NumberColumns>);

struct NumberColumns(Vec<UInt64Builder>);

impl Columns for NumberColumns {
    fn finish(&mut self) -> Vec<ArrayRef> {
        self.0.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect()
    }
}

impl NumbersWriter {
    /// Starts the file.
    pub(super) fn create(storage: &Storage, uri: &Uri, columns: &[&str]) -> Result<Self> {
        let fields: Vec<Field> =
            columns.iter().map(|name| Field::new(*name, DataType::UInt64, false)).collect();
        let builders = columns.iter().map(|_| UInt64Builder::new()).collect();
        let schema = Arc::new(Schema::new(fields));
        RowWriter::create(storage, uri, schema, Packing::Zstd(LEVEL), NumberColumns(builders)).map(Self)
    }

    /// Appends a row.
    pub(super) fn push(&mut self, row: &[u64]) -> Result<()> {
        self.0.push(|columns| {
            columns.0.iter_mut().zip(row).for_each(|(column, number)| column.append_value(*number));
            Ok(())
        })
    }

    /// Ends the file.
    pub(super) fn finish(self) -> Result<Written> {
        self.0.finish()
    }
}

/// Calls `each` for every row of a file of `N` columns, in order.
pub(super) fn for_each_row<const N: usize>(
    object: ObjectReader,
    names: [&str; N],
    mut each: impl FnMut([u64; N]) -> Result<()>,
) -> Result<()> {
    let mut table = TableReader::open(object, None, None, BATCH_ROWS)?;
    while let Some(batch) = table.next()? {
        let mut columns = Vec::with_capacity(N);
        for name in names {
            let column = batch.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<UInt64Array>());
            columns.push(column.ok_or_else(|| table.wrong_schema(name))?);
        }
        for i in 0..batch.num_rows() {
            each(std::array::from_fn(|column| columns[column].value(i)))?;
        }
    }
    Ok(())
}
