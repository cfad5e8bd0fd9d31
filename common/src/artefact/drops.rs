//! Dropped records: what was dropped, where it stood, and why.

use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{Array as _, ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::table::{Columns, Packing, RowWriter, TableReader, column};
use crate::error::{Error, Result};
use crate::storage::{ObjectReader, Storage, Uri, Written};

const LEVEL: i32 = 3;

/// The stage that dropped a record; a record is dropped by the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is no record.
    Parse,
    /// Cleaning left nothing.
    Clean,
    /// A filter's rule.
    Filter,
    /// It stands in the global index.
    Index,
    /// An exact duplicate within the job.
    Exact,
    /// A near duplicate within the job.
    Near,
    /// The mixture had no room.
    Mix,
}

impl Stage {
    /// All, in order.
    pub const ALL: [Self; 7] =
        [Self::Parse, Self::Clean, Self::Filter, Self::Index, Self::Exact, Self::Near, Self::Mix];

    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Clean => "clean",
            Self::Filter => "filter",
            Self::Index => "index",
            Self::Exact => "exact",
            Self::Near => "near",
            Self::Mix => "mix",
        }
    }

    /// From the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Another document that a drop refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    /// The job that published it; `None`: this job.
    pub job: Option<String>,
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
}

/// Why a record was dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DropCause {
    /// The stage.
    pub stage: Stage,
    /// The rule within the stage.
    pub rule: String,
    /// The measured value, where the rule has one.
    pub value: Option<f64>,
    /// The threshold that it failed.
    pub threshold: Option<f64>,
    /// More words, where numbers do not say it all.
    pub detail: Option<String>,
    /// For duplicates: the document that stands for the cluster.
    pub kept: Option<Partner>,
    /// For duplicates: the most similar verified neighbour.
    pub via: Option<Partner>,
    /// Similarity to `via`, 0 to 1.
    pub similarity: Option<f64>,
}

impl DropCause {
    /// A cause without numbers or partners.
    pub fn new(stage: Stage, rule: impl Into<String>) -> Self {
        Self {
            stage,
            rule: rule.into(),
            value: None,
            threshold: None,
            detail: None,
            kept: None,
            via: None,
            similarity: None,
        }
    }

    /// With the measured value and the threshold that it failed.
    #[must_use]
    pub fn with_value(mut self, value: f64, threshold: f64) -> Self {
        (self.value, self.threshold) = (Some(value), Some(threshold));
        self
    }

    /// With more words.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// `stage/rule`, the key under which drops are counted.
    pub fn key(&self) -> String {
        format!("{}/{}", self.stage, self.rule)
    }
}

/// A dropped record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drop {
    /// Its record number within the shard.
    pub record: u32,
    /// Its source.
    pub source: String,
    /// Its input.
    pub uri: String,
    /// Byte offset of the record in the decompressed input, or its row.
    pub offset: u64,
    /// Its id, as far as it has one.
    pub id: Option<String>,
    /// Why.
    #[serde(flatten)]
    pub cause: DropCause,
}

/// Fields of the columns that [`CauseColumns`] fills.
pub(super) fn cause_fields() -> Vec<Field> {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Float64, true);
    vec![
        Field::new("stage", DataType::Utf8, false),
        Field::new("rule", DataType::Utf8, false),
        number("value"),
        number("threshold"),
        text("detail"),
        text("kept_job"),
        text("kept_source"),
        text("kept_id"),
        text("via_job"),
        text("via_source"),
        text("via_id"),
        number("similarity"),
    ]
}

/// Builders of a cause's columns.
#[derive(Default)]
pub(super) struct CauseColumns {
    stage: StringBuilder,
    rule: StringBuilder,
    value: Float64Builder,
    threshold: Float64Builder,
    detail: StringBuilder,
    kept: [StringBuilder; 3],
    via: [StringBuilder; 3],
    similarity: Float64Builder,
}

impl CauseColumns {
    pub(super) fn push(&mut self, cause: &DropCause) {
        self.stage.append_value(cause.stage.as_str());
        self.rule.append_value(&cause.rule);
        self.value.append_option(cause.value);
        self.threshold.append_option(cause.threshold);
        self.detail.append_option(cause.detail.as_deref());
        for (columns, partner) in [(&mut self.kept, &cause.kept), (&mut self.via, &cause.via)] {
            let [job, source, id] = columns;
            job.append_option(partner.as_ref().and_then(|p| p.job.as_deref()));
            source.append_option(partner.as_ref().map(|p| &p.source));
            id.append_option(partner.as_ref().map(|p| &p.id));
        }
        self.similarity.append_option(cause.similarity);
    }

    pub(super) fn finish(&mut self) -> Vec<ArrayRef> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.stage.finish()),
            Arc::new(self.rule.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.threshold.finish()),
            Arc::new(self.detail.finish()),
        ];
        for builder in self.kept.iter_mut().chain(&mut self.via) {
            columns.push(Arc::new(builder.finish()));
        }
        columns.push(Arc::new(self.similarity.finish()));
        columns
    }
}

/// The cause in row `i` of a batch.
pub(super) fn cause_of(table: &TableReader, batch: &RecordBatch, i: usize) -> Result<DropCause> {
    let stage = column!(table, batch, "stage", StringArray).value(i);
    let rule = column!(table, batch, "rule", StringArray).value(i);
    let value = column!(table, batch, "value", Float64Array);
    let threshold = column!(table, batch, "threshold", Float64Array);
    let detail = column!(table, batch, "detail", StringArray);
    let kept = [
        column!(table, batch, "kept_job", StringArray),
        column!(table, batch, "kept_source", StringArray),
        column!(table, batch, "kept_id", StringArray),
    ];
    let via = [
        column!(table, batch, "via_job", StringArray),
        column!(table, batch, "via_source", StringArray),
        column!(table, batch, "via_id", StringArray),
    ];
    let similarity = column!(table, batch, "similarity", Float64Array);
    let number = |column: &Float64Array| column.is_valid(i).then(|| column.value(i));
    let text = |column: &StringArray| column.is_valid(i).then(|| column.value(i).to_owned());
    let partner = |[job, source, id]: [&StringArray; 3]| {
        Some(Partner { job: text(job), source: text(source)?, id: text(id)? })
    };
    Ok(DropCause {
        stage: Stage::from_name(stage)
            .ok_or_else(|| Error::storage(format!("unknown stage `{stage}` in a drop")))?,
        rule: rule.to_owned(),
        value: number(value),
        threshold: number(threshold),
        detail: text(detail),
        kept: partner(kept),
        via: partner(via),
        similarity: number(similarity),
    })
}

/// Writes drops in record order.
pub struct DropsWriter(RowWriter<DropColumns>);

#[derive(Default)]
struct DropColumns {
    record: UInt32Builder,
    source: StringBuilder,
    uri: StringBuilder,
    offset: UInt64Builder,
    id: StringBuilder,
    cause: CauseColumns,
}

impl Columns for DropColumns {
    fn finish(&mut self) -> Vec<ArrayRef> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.record.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.uri.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.id.finish()),
        ];
        columns.extend(self.cause.finish());
        columns
    }
}

fn schema() -> SchemaRef {
    let mut fields = vec![
        Field::new("record", DataType::UInt32, false),
        Field::new("source", DataType::Utf8, false),
        Field::new("uri", DataType::Utf8, false),
        Field::new("offset", DataType::UInt64, false),
        Field::new("id", DataType::Utf8, true),
    ];
    fields.extend(cause_fields());
    Arc::new(Schema::new(fields))
}

impl DropsWriter {
    /// Starts the file.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, uri: &Uri) -> Result<Self> {
        RowWriter::create(storage, uri, schema(), Packing::Zstd(LEVEL), DropColumns::default()).map(Self)
    }

    /// Appends one drop.
    ///
    /// # Errors
    /// Of the store.
    pub fn push(&mut self, drop: &Drop) -> Result<()> {
        self.0.push(|columns| {
            columns.record.append_value(drop.record);
            columns.source.append_value(&drop.source);
            columns.uri.append_value(&drop.uri);
            columns.offset.append_value(drop.offset);
            columns.id.append_option(drop.id.as_deref());
            columns.cause.push(&drop.cause);
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

/// Reads drops in record order.
pub struct DropsReader {
    table: TableReader,
}

impl DropsReader {
    /// Opens the file.
    ///
    /// # Errors
    /// `Class::Storage` if it is no such file.
    pub fn open(object: ObjectReader) -> Result<Self> {
        Ok(Self { table: TableReader::open(object, None, None, 4_096)? })
    }

    /// The next drops, `None` at the end.
    ///
    /// # Errors
    /// Of the store.
    pub fn next_batch(&mut self) -> Result<Option<Vec<Drop>>> {
        let Some(batch) = self.table.next()? else { return Ok(None) };
        let table = &self.table;
        let record = column!(table, batch, "record", UInt32Array);
        let source = column!(table, batch, "source", StringArray);
        let uri = column!(table, batch, "uri", StringArray);
        let offset = column!(table, batch, "offset", UInt64Array);
        let id = column!(table, batch, "id", StringArray);
        (0..batch.num_rows())
            .map(|i| {
                Ok(Drop {
                    record: record.value(i),
                    source: source.value(i).to_owned(),
                    uri: uri.value(i).to_owned(),
                    offset: offset.value(i),
                    id: id.is_valid(i).then(|| id.value(i).to_owned()),
                    cause: cause_of(table, &batch, i)?,
                })
            })
            .collect::<Result<Vec<_>>>()
            .map(Some)
    }
}
