//! Values of columns as JSON.
//!
//! Numbers and booleans are themselves (NaN and infinities are null), strings are strings, and so is binary that is
//! UTF-8; other binary is hex. Dates, times and timestamps are ISO 8601, with `Z` where they are UTC. Decimals are
//! numbers with all their digits. Lists are arrays, structs are objects, and so are maps, with keys made strings.

use crate::storage::hex;
use arrow_array::cast::AsArray as _;
use arrow_array::temporal_conversions::as_datetime;
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTemporalType, Date32Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, MapArray, StructArray};
use arrow_schema::{DataType, TimeUnit};
use std::fmt::{Debug, Display, Write as _};

use crate::read::extra::push_string;

/// Whether values of the type become JSON.
pub(super) fn is_supported(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::Null | T::Boolean | T::Utf8 | T::Binary | T::FixedSizeBinary(_) => true,
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => true,
        T::Float16 | T::Float32 | T::Float64 | T::Decimal128(..) | T::Decimal256(..) => true,
        T::Date32 | T::Timestamp(..) => true,
        T::Time32(unit) => *unit == TimeUnit::Millisecond,
        T::Time64(unit) => matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond),
        T::List(item) => is_supported(item.data_type()),
        T::Struct(fields) => fields.iter().all(|field| is_supported(field.data_type())),
        T::Map(entries, _) => is_supported(entries.data_type()),
        _ => false,
    }
}

/// Appends the value in `row`; of a type that is not supported, null.
pub(super) fn push_value(json: &mut String, array: &ArrayRef, row: usize) {
    use DataType as T;
    if array.is_null(row) {
        return json.push_str("null");
    }
    match array.data_type() {
        T::Boolean => json.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        T::Utf8 => push_string(json, array.as_string::<i32>().value(row)),
        T::Binary => push_binary(json, array.as_binary::<i32>().value(row)),
        T::FixedSizeBinary(_) => push_binary(json, array.as_fixed_size_binary().value(row)),
        T::Int8 => push_number::<Int8Type>(json, array, row),
        T::Int16 => push_number::<Int16Type>(json, array, row),
        T::Int32 => push_number::<Int32Type>(json, array, row),
        T::Int64 => push_number::<Int64Type>(json, array, row),
        T::UInt8 => push_number::<UInt8Type>(json, array, row),
        T::UInt16 => push_number::<UInt16Type>(json, array, row),
        T::UInt32 => push_number::<UInt32Type>(json, array, row),
        T::UInt64 => push_number::<UInt64Type>(json, array, row),
        T::Float16 => {
            let value = array.as_primitive::<Float16Type>().value(row).to_f32();
            push_float(json, value, value.is_finite());
        }
        T::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            push_float(json, value, value.is_finite());
        }
        T::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            push_float(json, value, value.is_finite());
        }
        T::Decimal128(..) => json.push_str(&array.as_primitive::<Decimal128Type>().value_as_string(row)),
        T::Decimal256(..) => json.push_str(&array.as_primitive::<Decimal256Type>().value_as_string(row)),
        T::Date32 => push_debug(json, array.as_primitive::<Date32Type>().value_as_date(row), ""),
        T::Time32(_) => {
            push_debug(json, array.as_primitive::<Time32MillisecondType>().value_as_time(row), "")
        }
        T::Time64(TimeUnit::Nanosecond) => {
            push_debug(json, array.as_primitive::<Time64NanosecondType>().value_as_time(row), "");
        }
        T::Time64(_) => {
            push_debug(json, array.as_primitive::<Time64MicrosecondType>().value_as_time(row), "")
        }
        T::Timestamp(unit, zone) => {
            let zone = if zone.is_some() { "Z" } else { "" };
            match unit {
                TimeUnit::Second => push_timestamp::<TimestampSecondType>(json, array, row, zone),
                TimeUnit::Millisecond => push_timestamp::<TimestampMillisecondType>(json, array, row, zone),
                TimeUnit::Microsecond => push_timestamp::<TimestampMicrosecondType>(json, array, row, zone),
                TimeUnit::Nanosecond => push_timestamp::<TimestampNanosecondType>(json, array, row, zone),
            }
        }
        T::List(_) => push_list(json, &array.as_list::<i32>().value(row)),
        T::Struct(_) => push_struct(json, array.as_struct(), row),
        T::Map(..) => push_map(json, array.as_map(), row),
        _ => json.push_str("null"),
    }
}

fn push_number<T: ArrowPrimitiveType<Native: Display>>(json: &mut String, array: &ArrayRef, row: usize) {
    // Writing to a string cannot fail, here and below.
    let _ = write!(json, "{}", array.as_primitive::<T>().value(row));
}

/// Rust's debug form of a finite float is the shortest JSON number that reads back.
fn push_float(json: &mut String, value: impl Debug, is_finite: bool) {
    match is_finite {
        true => drop(write!(json, "{value:?}")),
        false => json.push_str("null"),
    }
}

/// The debug forms of dates and times are ISO 8601; one beyond the calendar is null.
fn push_debug(json: &mut String, value: Option<impl Debug>, zone: &str) {
    match value {
        Some(value) => drop(write!(json, "\"{value:?}{zone}\"")),
        None => json.push_str("null"),
    }
}

fn push_timestamp<T: ArrowTemporalType<Native = i64>>(
    json: &mut String,
    array: &ArrayRef,
    row: usize,
    zone: &str,
) {
    push_debug(json, as_datetime::<T>(array.as_primitive::<T>().value(row)), zone);
}

fn push_binary(json: &mut String, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => push_string(json, text),
        Err(_) => push_string(json, &hex(bytes)),
    }
}

fn push_list(json: &mut String, items: &ArrayRef) {
    json.push('[');
    for i in 0..items.len() {
        if i > 0 {
            json.push(',');
        }
        push_value(json, items, i);
    }
    json.push(']');
}

fn push_struct(json: &mut String, object: &StructArray, row: usize) {
    json.push('{');
    for (i, (field, column)) in object.fields().iter().zip(object.columns()).enumerate() {
        if i > 0 {
            json.push(',');
        }
        push_string(json, field.name());
        json.push(':');
        push_value(json, column, row);
    }
    json.push('}');
}

fn push_map(json: &mut String, map: &MapArray, row: usize) {
    let entries = map.value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    let mut key = String::new();
    json.push('{');
    for i in 0..entries.len() {
        if i > 0 {
            json.push(',');
        }
        key.clear();
        push_value(&mut key, keys, i);
        match key.starts_with('"') {
            true => json.push_str(&key),
            false => push_string(json, &key),
        }
        json.push(':');
        push_value(json, values, i);
    }
    json.push('}');
}
