//! TOML and JSON as one tree of values that remember their line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// A value and the line it starts on.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) line: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Date(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// One key of a table.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: Option<usize>,
    pub(super) node: Node,
}

/// Told by the extension, else by the first character.
pub(super) fn is_json(text: &str, file_name: &str) -> bool {
    let name = file_name.to_ascii_lowercase();
    if name.ends_with(".json") {
        return true;
    }
    !name.ends_with(".toml") && text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('{')
}

/// Deeper than any spec, and far from the end of the stack.
const MAX_DEPTH: usize = 32;

/// Values are kept as text until their type is known, for serde_json's own numbers lose the last bit of a float.
pub(super) fn from_json(text: &str) -> Result<Node, Problem> {
    let text = text.trim_start_matches('\u{feff}');
    let raw: &RawValue = serde_json::from_str(text).map_err(|e| no_json(&e))?;
    json_node(raw, text, &Lines::of(text), 0)
}

fn no_json(error: &serde_json::Error) -> Problem {
    Problem { line: Some(error.line()), ..Problem::new("", format!("is no JSON: {error}")) }
}

fn json_node(raw: &RawValue, text: &str, lines: &Lines, depth: usize) -> Result<Node, Problem> {
    let token = raw.get();
    // A file of one line, as canonical JSON is, gains nothing from its number.
    let offset = (token.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let line = (!lines.0.is_empty()).then(|| lines.at(offset));
    let at_line = |e: &serde_json::Error| Problem { line, ..no_json(e) };
    if depth > MAX_DEPTH {
        return Err(Problem { line, ..Problem::new("", "is nested too deeply") });
    }
    let value = match token.as_bytes().first() {
        Some(b'{') => {
            let fields: Fields<'_> = serde_json::from_str(token).map_err(|e| at_line(&e))?;
            let mut entries: Vec<Entry> = Vec::with_capacity(fields.0.len());
            for (key, value) in fields.0 {
                let node = json_node(value, text, lines, depth + 1)?;
                if entries.iter().any(|entry| entry.key == key) {
                    return Err(Problem { line: node.line, ..Problem::new(key, "is set twice") });
                }
                entries.push(Entry { key, line: node.line, node });
            }
            Value::Table(entries)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(token).map_err(|e| at_line(&e))?;
            let nodes = items.into_iter().map(|item| json_node(item, text, lines, depth + 1));
            Value::List(nodes.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(serde_json::from_str(token).map_err(|e| at_line(&e))?),
        Some(b't' | b'f') => Value::Bool(token == "true"),
        Some(b'n') | None => Value::Null,
        Some(_) => match token.parse() {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Float(token.parse().unwrap_or(f64::NAN)),
        },
    };
    Ok(Node { value, line })
}

/// The fields of a JSON object in their order, those set twice too.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Collect).map(Self)
    }
}

pub(super) fn from_toml(text: &str) -> Result<Node, Vec<Problem>> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { value: toml_table(table.get_ref(), &lines), line: None });
    }
    Err(errors
        .iter()
        .map(|error| Problem {
            line: error.span().map(|span| lines.at(span.start)),
            ..Problem::new("", format!("is no TOML: {}", error.message().replace('\n', ", ")))
        })
        .collect())
}

fn toml_table(table: &DeTable<'_>, lines: &Lines) -> Value {
    let mut entries: Vec<_> = table.iter().collect();
    // The order of the file: that of filters is an order of work.
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        line: Some(lines.at(key.span().start)),
        node: toml_node(value, lines),
    });
    Value::Table(entries.collect())
}

fn toml_node(node: &toml::Spanned<DeValue<'_>>, lines: &Lines) -> Node {
    let value = match node.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        // An integer that does not even fit 128 bits fits no key either: as a number it fails the range.
        DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Value::Float(f64::INFINITY), Value::Integer),
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| toml_node(item, lines)).collect()),
        DeValue::Table(table) => toml_table(table, lines),
    };
    Node { value, line: Some(lines.at(node.span().start)) }
}

/// Where each line starts.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    /// The line, from 1, of the byte `offset`.
    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset) + 1
    }
}

/// The value as a message shows it: short, on one line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("`null`"),
            Self::Bool(flag) => write!(f, "`{flag}`"),
            Self::Integer(integer) => write!(f, "`{integer}`"),
            Self::Float(float) => write!(f, "`{float}`"),
            Self::Text(text) => write!(f, "`{}`", short(text)),
            Self::Date(date) => write!(f, "the date `{date}`"),
            Self::List(items) => write!(f, "a list of {}", items.len()),
            Self::Table(_) => f.write_str("a section"),
        }
    }
}

/// At most 80 characters of `text`, control characters escaped.
pub(super) fn short(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(80)
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect();
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}
