//! The LSH keys of a shard: sorted by band, key, document; one row group a band, so that a reader takes one band.
//!
//! `band` int32, `key` int64 (bit-cast), `doc` int64 (packed [`DocRef`]): other engines can read them.

use std::sync::Arc;

use arrow_array::{Int32Array, Int64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use super::table::{Packing, TableReader, TableWriter, batch, classify, column, properties};
use crate::error::{Class, Error, Result};
use crate::ids::DocRef;
use crate::storage::{ObjectReader, Storage, Uri, Written};

const BATCH_ROWS: usize = 65_536;

/// One LSH key of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BandRow {
    /// Hash of the band's signature values.
    pub key: u64,
    /// The document.
    pub doc: DocRef,
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("band", DataType::Int32, false),
        Field::new("key", DataType::Int64, false),
        Field::new("doc", DataType::Int64, false),
    ]))
}

/// Writes bands in order, each as one row group.
pub struct BandsWriter {
    schema: SchemaRef,
    table: TableWriter,
    next_band: i32,
}

impl BandsWriter {
    /// Starts the file.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, uri: &Uri) -> Result<Self> {
        let schema = schema();
        let table =
            TableWriter::new(storage.create(uri)?, uri.clone(), schema.clone(), properties(Packing::Plain)?)?;
        Ok(Self { schema, table, next_band: 0 })
    }

    /// Writes the rows of the next band; `rows` must be sorted.
    ///
    /// # Errors
    /// Of the store; `Class::Internal` for unsorted rows.
    pub fn write_band(&mut self, rows: &[BandRow]) -> Result<()> {
        if !rows.is_sorted() {
            return Err(Error::internal("rows of a band are not sorted"));
        }
        let band = Int32Array::from_value(self.next_band, rows.len());
        let key: Int64Array = rows.iter().map(|r| r.key as i64).collect::<Vec<_>>().into();
        let doc: Int64Array = rows.iter().map(|r| r.doc.packed() as i64).collect::<Vec<_>>().into();
        self.next_band += 1;
        if rows.is_empty() {
            return Ok(());
        }
        let batch = batch(&self.schema, vec![Arc::new(band), Arc::new(key), Arc::new(doc)])?;
        self.table.write_group(&batch)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Of the store.
    pub fn finish(self) -> Result<Written> {
        self.table.finish()
    }
}

/// Reads the rows of one band.
pub struct BandsReader;

impl BandsReader {
    /// Appends the rows of `band` to `rows`, in order.
    ///
    /// # Errors
    /// `Class::Storage` if it is no such file.
    pub fn read_band(object: ObjectReader, band: u32, rows: &mut Vec<BandRow>) -> Result<()> {
        let uri = object.uri().clone();
        let wrong = |e| classify(e, Class::Storage, format_args!("cannot read `{uri}`"));
        // A file without documents has no groups; else there is one a band.
        let metadata = ArrowReaderMetadata::load(&object, Default::default()).map_err(wrong)?;
        let groups = metadata.metadata().num_row_groups();
        if groups == 0 {
            return Ok(());
        }
        if band as usize >= groups {
            return Err(Error::storage(format!("`{uri}` has {groups} bands, not band {band}")));
        }
        let mut table =
            TableReader::open(object, Some(&["key", "doc"]), Some(vec![band as usize]), BATCH_ROWS)?;
        while let Some(batch) = table.next()? {
            let key = column!(table, batch, "key", Int64Array);
            let doc = column!(table, batch, "doc", Int64Array);
            rows.extend(
                key.values()
                    .iter()
                    .zip(doc.values())
                    .map(|(key, doc)| BandRow { key: *key as u64, doc: DocRef::from_packed(*doc as u64) }),
            );
        }
        Ok(())
    }
}
