//! Parquet: a row is a record.
//!
//! Column types are those of the file's own schema; what Arrow writers note beside it (dictionaries, views) is how they
//! held it in memory and does not matter.

mod guard;
mod value;

use std::borrow::Cow;

use crate::shard::{Part, Shard};
use crate::spec::SourceSpec;
use crate::{Error, Result};
use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::extra::{key_of, push_comma};
use super::{Body, Failure, Input, Records, Rejected, rejected};
use guard::{Guard, guarded};
use value::{is_supported, push_value};

/// Few, since each may hold a long text; enough to make what a batch costs small.
const BATCH_ROWS: usize = 256;

/// Every row of the shard's row groups is a record.
pub(super) fn each_row(input: &Input<'_>, records: &mut Records<'_, '_>) -> Result<(), Failure> {
    let Input { storage, shard, source, limits, meter } = *input;
    let object = Guard::new(storage.open(&shard.uri)?, limits.page_bytes);
    let store = object.store();
    let corrupt = |what: String| {
        store.failure().unwrap_or_else(|| {
            Failure::Corrupt(Error::input(format!("`{}` is no readable Parquet file: {what}", shard.uri)))
        })
    };
    if shard.size == 0 {
        return Err(corrupt("it is empty".to_owned()));
    }
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new_with_options(object, options))
        .map_err(&corrupt)?;
    let columns = Columns::of_schema(builder.schema(), source, shard)?;
    let rows: Vec<u64> =
        builder.metadata().row_groups().iter().map(|group| group.num_rows().max(0) as u64).collect();
    let largest = builder.metadata().row_groups().iter().map(|group| group.total_byte_size()).max();
    if let Some(largest) =
        largest.filter(|bytes| u64::try_from(*bytes).is_ok_and(|b| b > limits.row_group_bytes))
    {
        return Err(corrupt(format!(
            "a row group has {largest} bytes, more than {} (`limits.row_group_bytes`)",
            limits.row_group_bytes
        )));
    }
    let (start, end) = match shard.part {
        Part::Whole => (0, rows.len()),
        Part::RowGroups { start, end } => (start as usize, end as usize),
        Part::Bytes { .. } => {
            return Err(Error::internal(format!("`{}` is Parquet and cut by bytes", shard.uri)).into());
        }
    };
    let Some(groups) = rows.get(start..end) else {
        let message = format!("`{}` has {} row groups, not {start}..{end}", shard.uri, rows.len());
        return Err(Error::input(message).into());
    };
    let mut row: u64 = rows[..start].iter().sum();
    let (first, count) = (row, groups.iter().sum::<u64>().max(1));
    let mut batches =
        guarded(|| builder.with_row_groups((start..end).collect()).with_batch_size(BATCH_ROWS).build())
            .map_err(&corrupt)?;

    let mut scratch = Scratch::default();
    loop {
        let next = guarded(|| batches.next().transpose());
        let Some(batch) = next.map_err(|what| corrupt(format!("{what}, behind row {row}")))? else {
            return Ok(());
        };
        for i in 0..batch.num_rows() {
            // Pages are read ahead: the share of rows says better how far it is.
            meter.set((u128::from(shard.bytes) * u128::from(row + 1 - first) / u128::from(count)) as u64);
            let (raw_bytes, body) = columns.body(&batch, i, &mut scratch);
            records.give(row, raw_bytes, body)?;
            row += 1;
        }
    }
}

/// Reused from row to row.
#[derive(Default)]
struct Scratch {
    id: String,
    extra: String,
}

/// Which column is what.
struct Columns {
    text: usize,
    id: Option<usize>,
    /// The others with their keys.
    extra: Vec<(usize, String)>,
}

impl Columns {
    fn of_schema(schema: &Schema, source: &SourceSpec, shard: &Shard) -> Result<Self> {
        let fields = schema.fields();
        let position = |name: &str| fields.iter().position(|field| field.name() == name);
        let wrong_type = |column: usize, what: &str| {
            let (name, found) = (fields[column].name(), fields[column].data_type());
            Error::input(format!("column `{name}` of `{}` {what}, but {found}", shard.uri))
        };
        let text = position(&source.text_field).ok_or_else(|| {
            let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            Error::input(format!(
                "`{}` has no column `{}`; it has `{}`",
                shard.uri,
                source.text_field,
                names.join("`, `")
            ))
            .with_hint("set the source's `text_field` to one of them")
        })?;
        if !matches!(fields[text].data_type(), DataType::Utf8 | DataType::Binary) {
            return Err(wrong_type(text, "is no text")
                .with_hint("set the source's `text_field` to a column of strings"));
        }
        let id = position(&source.id_field).filter(|id| *id != text);
        if let Some(unsupported) = (0..fields.len()).find(|i| !is_supported(fields[*i].data_type())) {
            return Err(wrong_type(unsupported, "is of no type that becomes JSON")
                .with_hint("leave the column out of the file, or write it in another type"));
        }
        let others = (0..fields.len()).filter(|i| *i != text && Some(*i) != id);
        let extra = others.map(|i| (i, key_of(fields[i].name(), source))).collect();
        Ok(Self { text, id, extra })
    }

    fn body<'a>(
        &self,
        batch: &'a RecordBatch,
        row: usize,
        scratch: &'a mut Scratch,
    ) -> (u64, std::result::Result<Body<'a>, Rejected<'a>>) {
        let Scratch { id, extra } = scratch;
        extra.clear();
        for (column, key) in &self.extra {
            push_comma(extra);
            extra.push_str(key);
            push_value(extra, batch.column(*column), row);
        }
        let bytes = bytes_of(batch.column(self.text), row);
        let raw_bytes = (bytes.map_or(0, <[u8]>::len) + extra.len()) as u64;
        let text = match bytes.map(std::str::from_utf8) {
            None => Err(rejected("text_null")),
            Some(Err(_)) => Err(rejected("not_utf8")),
            Some(Ok(text)) if text.trim().is_empty() => Err(rejected("text_empty")),
            Some(Ok(text)) => Ok(text),
        };
        let id = self.id.and_then(|column| id_of(batch.column(column), row, id));
        let body = match text {
            Ok(text) => Ok(Body { id, text: Cow::Borrowed(text), extra }),
            Err(cause) => Err(Rejected { cause, id }),
        };
        (raw_bytes, body)
    }
}

/// The bytes of a string or binary value; `None` for null.
fn bytes_of(column: &ArrayRef, row: usize) -> Option<&[u8]> {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => Some(column.as_binary::<i32>().value(row)),
        _ => None,
    }
}

/// Strings as they are, other values as their JSON text; null and the empty string are no id.
fn id_of<'a>(column: &'a ArrayRef, row: usize, json: &'a mut String) -> Option<Cow<'a, str>> {
    if column.is_null(row) {
        return None;
    }
    let id = match bytes_of(column, row).map(std::str::from_utf8) {
        Some(Ok(id)) => id,
        _ => {
            json.clear();
            push_value(json, column, row);
            json.trim_matches('"')
        }
    };
    Some(Cow::Borrowed(id)).filter(|id| !id.is_empty())
}
