//! The document table of a shard: everything about its survivors but the text.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{Array as _, ArrayRef, FixedSizeBinaryArray, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::table::{Columns, Packing, RowWriter, TableReader, column};
use crate::error::{Error, Result};
use crate::storage::{ObjectReader, Storage, Uri, Written};

const BATCH_ROWS: usize = 8_192;

/// One survivor without its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentRow {
    /// Its record number within the shard.
    pub record: u32,
    /// Byte offset of the record in the decompressed input, or its row.
    pub offset: u64,
    /// Its id.
    pub id: String,
    /// Code points of the cleaned text.
    pub chars: u64,
    /// UTF-8 bytes of the cleaned text.
    pub bytes: u64,
    /// xxh3-128 of the match text.
    pub hash: u128,
    /// The signature, one byte a value; `None` for documents shorter than a shingle, which are compared exactly.
    pub signature: Option<Vec<u8>>,
}

/// Which columns to read; fields of columns that were not read hold their default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentColumns {
    /// All.
    All,
    /// Record, id, offset.
    Ids,
    /// Record, hash, chars, bytes.
    Hashes,
    /// Record and signature.
    Signatures,
}

fn schema(k: i32) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("record", DataType::UInt32, false),
        Field::new("offset", DataType::UInt64, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("chars", DataType::UInt64, false),
        Field::new("bytes", DataType::UInt64, false),
        Field::new("hash", DataType::FixedSizeBinary(16), false),
        Field::new("signature", DataType::FixedSizeBinary(k), true),
    ]))
}

/// Writes document rows in record order.
pub struct DocumentsWriter(RowWriter<RowColumns>);

struct RowColumns {
    record: UInt32Builder,
    offset: UInt64Builder,
    id: StringBuilder,
    chars: UInt64Builder,
    bytes: UInt64Builder,
    hash: FixedSizeBinaryBuilder,
    signature: FixedSizeBinaryBuilder,
}

impl Columns for RowColumns {
    fn finish(&mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.record.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.chars.finish()),
            Arc::new(self.bytes.finish()),
            Arc::new(self.hash.finish()),
            Arc::new(self.signature.finish()),
        ]
    }
}

impl DocumentsWriter {
    /// Starts the file for signatures of `k` values.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, uri: &Uri, k: u32) -> Result<Self> {
        // An empty signature column still needs a width.
        let k = k.max(1) as i32;
        let columns = RowColumns {
            record: UInt32Builder::new(),
            offset: UInt64Builder::new(),
            id: StringBuilder::new(),
            chars: UInt64Builder::new(),
            bytes: UInt64Builder::new(),
            hash: FixedSizeBinaryBuilder::new(16),
            signature: FixedSizeBinaryBuilder::new(k),
        };
        RowWriter::create(storage, uri, schema(k), Packing::Plain, columns).map(Self)
    }

    /// Appends one row.
    ///
    /// # Errors
    /// Of the store; `Class::Internal` for a signature of another length.
    pub fn push(&mut self, row: &DocumentRow) -> Result<()> {
        let wrong = |e| Error::internal(format!("a document row does not fit: {e}"));
        self.0.push(|columns| {
            columns.record.append_value(row.record);
            columns.offset.append_value(row.offset);
            columns.id.append_value(&row.id);
            columns.chars.append_value(row.chars);
            columns.bytes.append_value(row.bytes);
            columns.hash.append_value(row.hash.to_be_bytes()).map_err(wrong)?;
            match &row.signature {
                Some(signature) => columns.signature.append_value(signature).map_err(wrong)?,
                None => columns.signature.append_null(),
            }
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

/// Reads document rows in record order.
pub struct DocumentsReader {
    table: TableReader,
    columns: DocumentColumns,
}

impl DocumentsReader {
    /// Opens the file for the given columns.
    ///
    /// # Errors
    /// `Class::Storage` if it is no such file.
    pub fn open(object: ObjectReader, columns: DocumentColumns) -> Result<Self> {
        let names: Option<&[&str]> = match columns {
            DocumentColumns::All => None,
            DocumentColumns::Ids => Some(&["record", "id", "offset"]),
            DocumentColumns::Hashes => Some(&["record", "hash", "chars", "bytes"]),
            DocumentColumns::Signatures => Some(&["record", "signature"]),
        };
        Ok(Self { table: TableReader::open(object, names, None, BATCH_ROWS)?, columns })
    }

    /// Calls `each` for every row in order. The row is reused: clone what is kept.
    ///
    /// # Errors
    /// Of the store, or of `each`.
    pub fn for_each(mut self, mut each: impl FnMut(&DocumentRow) -> Result<()>) -> Result<()> {
        let mut row = DocumentRow::default();
        let has = |wanted: &[DocumentColumns]| wanted.contains(&self.columns);
        let (ids, hashes, signatures) = (
            has(&[DocumentColumns::All, DocumentColumns::Ids]),
            has(&[DocumentColumns::All, DocumentColumns::Hashes]),
            has(&[DocumentColumns::All, DocumentColumns::Signatures]),
        );
        while let Some(batch) = self.table.next()? {
            let table = &self.table;
            let record = column!(table, batch, "record", UInt32Array);
            let id_columns = match ids {
                true => Some((
                    column!(table, batch, "id", StringArray),
                    column!(table, batch, "offset", UInt64Array),
                )),
                false => None,
            };
            let hash_columns = match hashes {
                true => Some((
                    column!(table, batch, "hash", FixedSizeBinaryArray),
                    column!(table, batch, "chars", UInt64Array),
                    column!(table, batch, "bytes", UInt64Array),
                )),
                false => None,
            };
            let signature_column = match signatures {
                true => Some(column!(table, batch, "signature", FixedSizeBinaryArray)),
                false => None,
            };
            for i in 0..batch.num_rows() {
                row.record = record.value(i);
                if let Some((id, offset)) = id_columns {
                    row.id.clear();
                    row.id.push_str(id.value(i));
                    row.offset = offset.value(i);
                }
                if let Some((hash, chars, bytes)) = hash_columns {
                    let mut big_endian = [0; 16];
                    big_endian.copy_from_slice(hash.value(i));
                    row.hash = u128::from_be_bytes(big_endian);
                    row.chars = chars.value(i);
                    row.bytes = bytes.value(i);
                }
                if let Some(signature) = signature_column {
                    if signature.is_null(i) {
                        row.signature = None;
                    } else {
                        let values = row.signature.get_or_insert_default();
                        values.clear();
                        values.extend_from_slice(signature.value(i));
                    }
                }
                each(&row)?;
            }
        }
        Ok(())
    }
}
