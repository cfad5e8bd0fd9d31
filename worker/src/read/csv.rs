//! Comma-separated values with a header line.

use std::borrow::Cow;

use serde_json::Value;
use tamis_common::artefact::DropCause;
use tamis_common::shard::Shard;
use tamis_common::spec::SourceSpec;
use tamis_common::storage::Storage;
use tamis_common::{Class, Error, Result};

use super::decode::{encoding_of_lines, open, read_error, to_utf8};
use super::{Body, RawRecord, Sink, rejected};

/// Every row is a record; its offset is that of its first byte in the decompressed input.
pub(super) fn each_row(
    storage: &Storage,
    shard: &Shard,
    source: &SourceSpec,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let encoding = encoding_of_lines(source)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(source.csv_delimiter as u8)
        .flexible(true)
        .from_reader(open(storage, shard, source, 0)?);
    let header = reader.byte_headers().map_err(|e| row_error(shard, 0, e))?.clone();
    if header.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = header
        .iter()
        .map(|name| {
            let name = name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name);
            to_utf8(name, encoding).map(Cow::into_owned).ok_or_else(|| {
                Error::input(format!("the header of `{}` is not valid {}", shard.uri, source.encoding))
            })
        })
        .collect::<Result<_>>()?;
    let text_column = names.iter().position(|name| *name == source.text_field).ok_or_else(|| {
        Error::input(format!(
            "`{}` has no column `{}`; it has {}",
            shard.uri,
            source.text_field,
            names.join(", ")
        ))
        .with_hint("set the source's `text_field` to one of them")
    })?;
    let id_column = names.iter().position(|name| *name == source.id_field);

    let mut row = csv::ByteRecord::new();
    let (mut record, mut extra) = (0, String::new());
    loop {
        let offset = reader.position().byte();
        if !reader.read_byte_record(&mut row).map_err(|e| row_error(shard, offset, e))? {
            return Ok(());
        }
        let fields: Option<Vec<Cow<'_, str>>> = row.iter().map(|field| to_utf8(field, encoding)).collect();
        let body = match fields {
            None => Err(rejected(if encoding == encoding_rs::UTF_8 { "not_utf8" } else { "bad_encoding" })),
            Some(fields) if fields.len() != names.len() => {
                Err(rejected("ragged_row").with_value(fields.len() as f64, names.len() as f64))
            }
            Some(fields) => body_of(&names, fields, text_column, id_column, &mut extra),
        };
        let raw_bytes = reader.position().byte() - offset;
        sink(RawRecord { record, offset, raw_bytes, body })?;
        record += 1;
    }
}

fn body_of<'a>(
    names: &[String],
    mut fields: Vec<Cow<'a, str>>,
    text_column: usize,
    id_column: Option<usize>,
    extra: &'a mut String,
) -> std::result::Result<Body<'a>, DropCause> {
    extra.clear();
    for (i, (name, field)) in names.iter().zip(&fields).enumerate() {
        if i == text_column || Some(i) == id_column {
            continue;
        }
        let separator = if extra.is_empty() { "" } else { "," };
        let prefix = if matches!(name.as_str(), "text" | "id") { "_" } else { "" };
        let key = Value::String(format!("{prefix}{name}"));
        extra.push_str(&format!("{separator}{key}:{}", Value::String(field.to_string())));
    }
    let id = id_column.map(|i| std::mem::take(&mut fields[i])).filter(|id| !id.is_empty());
    let text = std::mem::take(&mut fields[text_column]);
    if text.trim().is_empty() {
        return Err(rejected("text_empty"));
    }
    Ok(Body { id, text, extra })
}

fn row_error(shard: &Shard, offset: u64, error: csv::Error) -> Error {
    let message = format!("`{}` cannot be read as CSV behind byte {offset}: {error}", shard.uri);
    match error.into_kind() {
        csv::ErrorKind::Io(io) => read_error(shard, offset, io),
        _ => Error::new(Class::Input, message),
    }
}
