//! Parquet: column types, row groups, corrupt files.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    DurationSecondArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int64Array, IntervalDayTimeArray,
    LargeStringArray, RecordBatch, StringArray, StringViewArray, StructArray, TimestampMicrosecondArray,
    UInt64Array,
};
use proptest::prelude::*;

use super::*;

fn parquet(columns: Vec<(&str, ArrayRef)>, group_rows: usize) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_rows))
        .set_data_page_row_count_limit(50)
        .set_write_batch_size(50)
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

fn texts(count: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..count).map(|i| format!("row {i} {}", i * 7919 % 1000))))
}

#[test]
fn texts_of_every_string_type_are_read() {
    let values = vec![Some("你好"), None, Some("b"), Some(" ")];
    let dictionary: DictionaryArray<Int32Type> = values.clone().into_iter().collect();
    let columns: [ArrayRef; 5] = [
        Arc::new(StringArray::from(values.clone())),
        Arc::new(LargeStringArray::from(values.clone())),
        Arc::new(StringViewArray::from(values.clone())),
        Arc::new(BinaryArray::from_iter(values.iter().map(|value| value.map(str::as_bytes)))),
        Arc::new(dictionary),
    ];
    for column in columns {
        let kind = column.data_type().clone();
        let seen = read(&parquet(vec![("text", column)], 100), Format::Parquet, &source());
        assert_eq!(shorts(&seen), ["你好", "text_null", "b", "text_empty"], "{kind}");
        assert_eq!(seen[2].offset, 2);
    }
    let binary: ArrayRef = Arc::new(BinaryArray::from(vec![&b"a"[..], b"\xff", b"c"]));
    let seen = read(&parquet(vec![("text", binary)], 100), Format::Parquet, &source());
    assert_eq!(shorts(&seen), ["a", "not_utf8", "c"]);
}

#[test]
fn ids_are_strings_integers_or_none() {
    let ids: [(ArrayRef, Option<&str>); 5] = [
        (Arc::new(StringArray::from(vec!["x\"y"])), Some("x\"y")),
        (Arc::new(Int64Array::from(vec![-7])), Some("-7")),
        (Arc::new(UInt64Array::from(vec![u64::MAX])), Some("18446744073709551615")),
        (Arc::new(StringArray::from(vec![None::<&str>])), None),
        (Arc::new(Date32Array::from(vec![19_723])), Some("2024-01-01")),
    ];
    for (id, expected) in ids {
        let seen = read(&parquet(vec![("id", id), ("text", texts(1))], 9), Format::Parquet, &source());
        let (id, _, extra) = seen[0].body.as_ref().unwrap();
        assert_eq!((id.as_deref(), extra.as_str()), (expected, ""));
    }
}

#[test]
fn other_columns_become_json_in_their_order() {
    let mut list = ListBuilder::new(Int32Builder::new());
    list.append_value([Some(1), None]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("k\n");
    map.values().append_value(5);
    map.append(true).unwrap();
    let fields = RecordBatch::try_from_iter([("a", Arc::new(BooleanArray::from(vec![true])) as ArrayRef)]);
    let decimal = Decimal128Array::from(vec![-1250]).with_precision_and_scale(9, 3).unwrap();
    let time = TimestampMicrosecondArray::from(vec![1_704_067_200_500_000]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("integer", Arc::new(Int64Array::from(vec![i64::MIN]))),
        ("float", Arc::new(Float64Array::from(vec![1e300]))),
        ("single", Arc::new(Float32Array::from(vec![0.1]))),
        ("nan", Arc::new(Float64Array::from(vec![f64::NAN]))),
        ("text", texts(1)),
        ("null", Arc::new(Int64Array::from(vec![None]))),
        ("list", Arc::new(list.finish())),
        ("struct", Arc::new(StructArray::from(fields.unwrap()))),
        ("map", Arc::new(map.finish())),
        ("decimal", Arc::new(decimal)),
        ("day", Arc::new(Date32Array::from(vec![0]))),
        ("at", Arc::new(time.clone())),
        ("at_utc", Arc::new(time.with_timezone("UTC"))),
        ("took", Arc::new(DurationSecondArray::from(vec![3]))),
        ("hex", Arc::new(FixedSizeBinaryArray::try_from_iter([[0xff_u8, 1]].iter()).unwrap())),
        ("quoted \"name\"", Arc::new(StringArray::from(vec!["a\\\"\u{1}"]))),
    ];
    let seen = read(&parquet(columns, 9), Format::Parquet, &source());
    let extra = &seen[0].body.as_ref().unwrap().2;
    assert_eq!(
        extra,
        concat!(
            r#""integer":-9223372036854775808,"float":1e300,"single":0.1,"nan":null,"null":null,"#,
            r#""list":[1,null],"struct":{"a":true},"map":{"k\n":5},"decimal":-1.250,"day":"1970-01-01","#,
            r#""at":"2024-01-01T00:00:00.500","at_utc":"2024-01-01T00:00:00.500Z","took":3,"hex":"ff01","#,
            r#""quoted \"name\"":"a\\\"\u0001""#
        )
    );
    serde_json::from_str::<serde_json::Value>(&format!("{{{extra}}}")).unwrap();
}

#[test]
fn columns_that_cannot_be_used_are_errors_that_name_them() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let interval: ArrayRef =
        Arc::new(IntervalDayTimeArray::from(vec![arrow_array::types::IntervalDayTime::default()]));
    for (columns, expected) in [
        (vec![("body", texts(1)), ("n", numbers.clone())], "has no column `text`; it has `body`, `n`"),
        (vec![("text", numbers)], "is no text, but Int64"),
        (vec![("text", texts(1)), ("every", interval)], "is of no type that becomes JSON"),
    ] {
        let error = error_of(&parquet(columns, 9), Format::Parquet, &source());
        assert_eq!(error.class(), Class::Input);
        assert!(error.message().contains(expected), "{error}");
    }
}

#[test]
fn runs_of_row_groups_have_all_rows_once_with_their_number_in_the_file() {
    let folder = Folder::new();
    let whole = folder.shard(&parquet(vec![("text", texts(1_000))], 300), Format::Parquet);
    let (_, all) = read_with(&folder, &whole, &source(), OnCorrupt::Fail);
    assert_eq!(all.len(), 1_000);
    assert!(all.iter().all(|seen| seen.offset == u64::from(seen.record)));
    let mut joined = Vec::new();
    for (start, end) in [(0, 1), (1, 3), (3, 4)] {
        let shard = Shard { part: Part::RowGroups { start, end }, bytes: 77, ..whole.clone() };
        let (end, seen) = read_with(&folder, &shard, &source(), OnCorrupt::Fail);
        end.unwrap();
        joined.extend(seen.into_iter().map(|seen| Seen { record: joined_number(&seen), ..seen }));
    }
    assert_eq!(joined, all);
    let beyond = Shard { part: Part::RowGroups { start: 3, end: 5 }, ..whole };
    assert!(read_with(&folder, &beyond, &source(), OnCorrupt::Fail).0.is_err());
}

/// The number that a record of a part has in the whole.
fn joined_number(seen: &Seen) -> u32 {
    seen.offset as u32
}

#[test]
fn a_corrupt_parquet_file_is_an_error_that_names_it() {
    let file = parquet(vec![("text", texts(100))], 50);
    for content in [&b""[..], b"PAR1", b"PAR1 nonsense", &file[..file.len() / 2], &file[..file.len() - 1]] {
        let error = error_of(content, Format::Parquet, &source());
        assert_eq!(error.class(), Class::Input);
        assert!(error.message().contains("is no readable Parquet file"), "{error}");
    }
}

#[test]
fn with_skip_the_rows_before_a_corrupt_page_are_kept() {
    let mut file = parquet(vec![("text", texts(1_000))], 500);
    let whole = read(&file, Format::Parquet, &source());
    // Somewhere in the second half of the pages.
    let at = file.len() * 6 / 10;
    file[at..at + 40].fill(0xff);
    let folder = Folder::new();
    let shard = folder.shard(&file, Format::Parquet);
    let (end, seen) = read_with(&folder, &shard, &source(), OnCorrupt::Skip);
    assert!(end.unwrap().corrupt.unwrap().contains("behind row"));
    assert!((256..1_000).contains(&seen.len()));
    assert_eq!(seen, whole[..seen.len()]);
}

proptest! {
    #[test]
    fn a_flipped_byte_never_makes_reading_panic(at: prop::sample::Index, bits in 1u8..) {
        let mut file = parquet(vec![("id", texts(120)), ("text", texts(120))], 70);
        let at = at.index(file.len());
        file[at] ^= bits;
        let folder = Folder::new();
        let shard = folder.shard(&file, Format::Parquet);
        let (end, _) = read_with(&folder, &shard, &source(), OnCorrupt::Fail);
        if let Err(error) = end {
            prop_assert_eq!(error.class(), Class::Input, "{}", error);
        }
    }
}
