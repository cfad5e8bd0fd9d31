//! One JSON object: text and id by their fields, all others verbatim.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use tamis_common::artefact::DropCause;
use tamis_common::spec::SourceSpec;

use super::{Body, rejected};

/// Parses a line. `extra` receives the other fields.
pub(super) fn parse<'a>(
    line: &'a str,
    source: &SourceSpec,
    extra: &'a mut String,
) -> Result<Body<'a>, DropCause> {
    extra.clear();
    if !line.trim_ascii_start().starts_with('{') {
        return match serde_json::from_str::<IgnoredAny>(line) {
            Ok(_) => Err(rejected("not_an_object")),
            Err(error) => Err(malformed(&error)),
        };
    }
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let fields = deserializer
        .deserialize_map(Fields { source, extra })
        .and_then(|fields| deserializer.end().map(|()| fields))
        .map_err(|error| malformed(&error))?;
    let Found { text, id, text_repeated } = fields;
    if text_repeated {
        return Err(rejected("text_repeated"));
    }
    let text = text_of(text)?;
    Ok(Body { id: id.and_then(id_of), text, extra })
}

fn text_of(raw: Option<&RawValue>) -> Result<Cow<'_, str>, DropCause> {
    let raw = raw.ok_or_else(|| rejected("text_missing"))?.get();
    if raw == "null" {
        return Err(rejected("text_null"));
    }
    if !raw.starts_with('"') {
        return Err(rejected("text_not_a_string"));
    }
    let text = string_of(raw).map_err(|error| malformed(&error))?;
    if text.trim().is_empty() {
        return Err(rejected("text_empty"));
    }
    Ok(text)
}

fn string_of(raw: &str) -> serde_json::Result<Cow<'_, str>> {
    let inside = &raw[1..raw.len() - 1];
    // Most texts hold an escape; those that do not are borrowed.
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(inside));
    }
    serde_json::from_str::<String>(raw).map(Cow::Owned)
}

/// Strings as they are, other scalars as their JSON text; null is no id.
fn id_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let raw = raw.get();
    match raw.as_bytes().first() {
        Some(b'"') => string_of(raw).ok().filter(|id| !id.is_empty()),
        Some(b'n') => None,
        _ => Some(Cow::Borrowed(raw)),
    }
}

fn malformed(error: &serde_json::Error) -> DropCause {
    // serde_json's message names kinds and places, not the text.
    rejected("malformed_json").with_detail(format!(
        "{:?} error at column {}",
        error.classify(),
        error.column()
    ))
}

struct Found<'a> {
    text: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    text_repeated: bool,
}

struct Fields<'s, 'e> {
    source: &'s SourceSpec,
    extra: &'e mut String,
}

impl<'de> Visitor<'de> for Fields<'_, '_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found { text: None, id: None, text_repeated: false };
        while let Some(key) = map.next_key::<KeyOf<'de>>()? {
            let value: &'de RawValue = map.next_value()?;
            let key = key.0;
            if key == self.source.text_field {
                found.text_repeated |= found.text.replace(value).is_some();
            } else if key == self.source.id_field {
                found.id = Some(value);
            } else {
                push_field(self.extra, &key, value);
            }
        }
        Ok(found)
    }
}

/// A field that bears a name which the output writes itself is kept under `_name`.
fn push_field(extra: &mut String, key: &str, value: &RawValue) {
    if !extra.is_empty() {
        extra.push(',');
    }
    let prefix = if matches!(key, "text" | "id") { "_" } else { "" };
    // A string always has a JSON form.
    extra.push_str(&serde_json::Value::String(format!("{prefix}{key}")).to_string());
    extra.push(':');
    extra.push_str(value.get());
}

/// A key, borrowed where it has no escape.
#[derive(serde::Deserialize)]
struct KeyOf<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tamis_common::spec::JobSpec;

    use super::*;

    fn source() -> SourceSpec {
        let spec = "name='t'\n[[source]]\nname='s'\ninputs=['/x']\n[output]\nuri='/o'\n";
        JobSpec::parse(spec, "job.toml").unwrap().sources.remove(0)
    }

    fn rule(line: &str) -> String {
        parse(line, &source(), &mut String::new()).err().unwrap().rule
    }

    #[test]
    fn text_and_id_are_taken_and_other_fields_stay_verbatim() {
        let mut extra = String::new();
        let body =
            parse(r#"{"a": 1.50, "id":"x","text":"a\nb", "b":[1, 2]}"#, &source(), &mut extra).unwrap();
        assert_eq!(body.id.unwrap(), "x");
        assert_eq!(body.text, "a\nb");
        assert_eq!(body.extra, r#""a":1.50,"b":[1, 2]"#);
    }

    #[test]
    fn an_id_that_is_a_number_is_its_json_text_and_null_is_none() {
        let id = |line| parse(line, &source(), &mut String::new()).unwrap().id.map(Cow::into_owned);
        assert_eq!(id(r#"{"id":12,"text":"t"}"#).as_deref(), Some("12"));
        assert_eq!(id(r#"{"id":null,"text":"t"}"#), None);
        assert_eq!(id(r#"{"text":"t"}"#), None);
    }

    #[test]
    fn what_is_no_record_is_rejected_by_rule() {
        assert_eq!(rule("{\"text\":"), "malformed_json");
        assert_eq!(rule("{\"text\":\"a\"} x"), "malformed_json");
        assert_eq!(rule("[1]"), "not_an_object");
        assert_eq!(rule("{}"), "text_missing");
        assert_eq!(rule("{\"text\":null}"), "text_null");
        assert_eq!(rule("{\"text\":3}"), "text_not_a_string");
        assert_eq!(rule("{\"text\":\" \\n\"}"), "text_empty");
        assert_eq!(rule("{\"text\":\"a\",\"text\":\"b\"}"), "text_repeated");
        assert_eq!(rule("{\"text\":\"\\ud800\"}"), "malformed_json");
    }
}
