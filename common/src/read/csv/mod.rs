//! Separated values with a header line.

mod fields;

use std::borrow::Cow;

use crate::artefact::DropCause;
use crate::shard::{Part, Shard};
use crate::spec::SourceSpec;
use crate::{Error, Result};

use super::extra::{key_of, push_comma, push_string};
use super::lines::Lines;
use super::{Body, Failure, Input, Records, Rejected, rejected};
use fields::Fields;

/// Every row but the header is a record; blank lines between rows are none.
pub(super) fn each_row(input: &Input<'_>, records: &mut Records<'_, '_>) -> Result<(), Failure> {
    let Input { shard, source, .. } = *input;
    if shard.part != Part::Whole {
        // A line end may stand within quotes.
        return Err(Error::internal(format!("`{}` is CSV and cut in parts", shard.uri)).into());
    }
    let mut lines = Lines::open(input)?;
    let mut row = Row::new(source);
    if !row.read(&mut lines)? {
        return Ok(());
    }
    let columns = Columns::of_header(&row, source, shard)?;
    let mut extra = String::new();
    loop {
        match row.read(&mut lines) {
            Ok(true) => records.give(row.offset, row.raw_bytes, columns.body(&row, &mut extra))?,
            Ok(false) => return Ok(()),
            Err(failure) => {
                if row.raw_bytes > 0 && matches!(failure, Failure::Corrupt(_)) {
                    records.give(row.offset, row.raw_bytes, Err(rejected("truncated")))?;
                }
                return Err(failure);
            }
        }
    }
}

/// One row, which may have many lines.
struct Row {
    offset: u64,
    raw_bytes: u64,
    fields: Fields,
    failed: Option<DropCause>,
}

impl Row {
    fn new(source: &SourceSpec) -> Self {
        // The spec's check lets only ASCII pass.
        let fields = Fields::new(source.csv_delimiter as u8);
        Self { offset: 0, raw_bytes: 0, fields, failed: None }
    }

    /// Reads the next row. After an error `raw_bytes` are those of the row that it cut off.
    fn read(&mut self, lines: &mut Lines<'_>) -> Result<bool, Failure> {
        self.fields.clear();
        (self.raw_bytes, self.failed) = (0, None);
        let input = *lines.input();
        loop {
            let Some(line) = lines.next()? else {
                if self.raw_bytes > 0 {
                    self.failed.get_or_insert_with(|| rejected("quote_not_closed"));
                    self.fields.end_row();
                }
                return Ok(self.raw_bytes > 0);
            };
            if self.raw_bytes == 0 {
                if line.is_blank() {
                    continue;
                }
                self.offset = line.offset;
            }
            self.raw_bytes += line.raw_bytes;
            if self.raw_bytes > input.limits.record_bytes {
                self.fields.forget();
                self.failed = Some(input.too_long("row_too_long", self.raw_bytes));
            }
            match &line.text {
                Ok(text) => self.fields.push(text),
                Err(cause) => {
                    self.failed.get_or_insert_with(|| cause.clone());
                    // Its quotes still say where the row ends.
                    self.fields.push(&String::from_utf8_lossy(line.bytes));
                }
            }
            if !self.fields.is_open() {
                self.fields.end_row();
                return Ok(true);
            }
            self.fields.push(line.end);
        }
    }
}

/// What the header says.
struct Columns {
    /// Key of each column in the other fields.
    keys: Vec<String>,
    text: usize,
    id: Option<usize>,
}

impl Columns {
    fn of_header(row: &Row, source: &SourceSpec, shard: &Shard) -> Result<Self> {
        if let Some(cause) = &row.failed {
            return Err(Error::input(format!(
                "the header line of `{}` cannot be read as {}: {}",
                shard.uri, source.encoding, cause.rule
            ))
            .with_hint("set the source's `encoding` to what the file is written in"));
        }
        let names: Vec<&str> = row.fields.iter().collect();
        let position = |name: &str| names.iter().position(|column| column == &name);
        let text = position(&source.text_field).ok_or_else(|| {
            Error::input(format!(
                "`{}` has no column `{}`; it has `{}`",
                shard.uri,
                source.text_field,
                names.join("`, `")
            ))
            .with_hint(
                "set the source's `text_field` to one of them, or `csv_delimiter` to what separates them",
            )
        })?;
        let id = position(&source.id_field).filter(|id| *id != text);
        let keys = names.iter().map(|name| key_of(name, source)).collect();
        Ok(Self { keys, text, id })
    }

    fn body<'a>(&self, row: &'a Row, extra: &'a mut String) -> std::result::Result<Body<'a>, Rejected<'a>> {
        if let Some(cause) = &row.failed {
            return Err(cause.clone().into());
        }
        let (found, expected) = (row.fields.len(), self.keys.len());
        if found != expected {
            return Err(rejected("ragged_row").with_value(found as f64, expected as f64).into());
        }
        let (mut text, mut id) = ("", None);
        extra.clear();
        for (i, (key, field)) in self.keys.iter().zip(row.fields.iter()).enumerate() {
            if i == self.text {
                text = field;
            } else if Some(i) == self.id {
                id = Some(Cow::Borrowed(field)).filter(|id| !id.is_empty());
            } else {
                push_comma(extra);
                extra.push_str(key);
                push_string(extra, field);
            }
        }
        if text.trim().is_empty() {
            return Err(Rejected { cause: rejected("text_empty"), id });
        }
        Ok(Body { id, text: Cow::Borrowed(text), extra })
    }
}
