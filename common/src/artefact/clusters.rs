//! Published pairs of duplicates: a row a pair, in the file of the shard of its later document.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{BooleanBuilder, Float64Builder, StringBuilder, UInt32Builder, UInt64Builder};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::Serialize;

use super::drops::Partner;
use super::table::{Columns, Packing, RowWriter};
use crate::error::Result;
use crate::storage::{Storage, Uri, Written};

const LEVEL: i32 = 3;

/// A pair of duplicates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairRow<'a> {
    /// Record number of the later document within the shard.
    pub record: u32,
    /// Its source.
    pub source: &'a str,
    /// Its id.
    pub id: &'a str,
    /// The earlier document, of this job or of the index.
    pub partner: &'a Partner,
    /// Similarity of the two, 0 to 1.
    pub similarity: f64,
    /// Whether their match texts are equal.
    pub equal: bool,
    /// Number of their cluster, from 0 in the order of first documents.
    pub cluster: u64,
    /// Members of the cluster: documents of this job, and the index entries that they were tied to.
    pub cluster_size: u64,
}

/// Writes pairs in the order of their later documents.
pub struct PairsWriter(RowWriter<PairColumns>);

#[derive(Default)]
struct PairColumns {
    record: UInt32Builder,
    source: StringBuilder,
    id: StringBuilder,
    partner_job: StringBuilder,
    partner_source: StringBuilder,
    partner_id: StringBuilder,
    similarity: Float64Builder,
    equal: BooleanBuilder,
    cluster: UInt64Builder,
    cluster_size: UInt64Builder,
}

impl Columns for PairColumns {
    fn finish(&mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.record.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.partner_job.finish()),
            Arc::new(self.partner_source.finish()),
            Arc::new(self.partner_id.finish()),
            Arc::new(self.similarity.finish()),
            Arc::new(self.equal.finish()),
            Arc::new(self.cluster.finish()),
            Arc::new(self.cluster_size.finish()),
        ]
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("record", DataType::UInt32, false),
        Field::new("source", DataType::Utf8, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("partner_job", DataType::Utf8, true),
        Field::new("partner_source", DataType::Utf8, false),
        Field::new("partner_id", DataType::Utf8, false),
        Field::new("similarity", DataType::Float64, false),
        Field::new("equal", DataType::Boolean, false),
        Field::new("cluster", DataType::UInt64, false),
        Field::new("cluster_size", DataType::UInt64, false),
    ]))
}

impl PairsWriter {
    /// Starts the file.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, uri: &Uri) -> Result<Self> {
        RowWriter::create(storage, uri, schema(), Packing::Zstd(LEVEL), PairColumns::default()).map(Self)
    }

    /// Appends a pair.
    ///
    /// # Errors
    /// Of the store.
    pub fn push(&mut self, row: &PairRow<'_>) -> Result<()> {
        self.0.push(|columns| {
            columns.record.append_value(row.record);
            columns.source.append_value(row.source);
            columns.id.append_value(row.id);
            columns.partner_job.append_option(row.partner.job.as_deref());
            columns.partner_source.append_value(&row.partner.source);
            columns.partner_id.append_value(&row.partner.id);
            columns.similarity.append_value(row.similarity);
            columns.equal.append_value(row.equal);
            columns.cluster.append_value(row.cluster);
            columns.cluster_size.append_value(row.cluster_size);
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
