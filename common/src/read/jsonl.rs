//! One JSON object a line: text and id by their fields, all others verbatim.

use std::borrow::Cow;
use std::fmt;

use crate::artefact::DropCause;
use crate::spec::SourceSpec;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::extra::{prefix_of, push_comma};
use super::lines::Lines;
use super::{Body, Failure, Input, Records, Rejected, rejected};

/// Every line that is not blank is a record.
pub(super) fn each_record(input: &Input<'_>, records: &mut Records<'_, '_>) -> Result<(), Failure> {
    let mut lines = Lines::open(input)?;
    let mut scratch = Scratch::default();
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let body = match &line.text {
            Ok(text) => parse(text, input.source, input.limits.json_depth, &mut scratch),
            Err(cause) => Err(cause.clone().into()),
        };
        records.give(line.offset, line.raw_bytes, body)?;
    }
    Ok(())
}

/// Reused from line to line.
#[derive(Default)]
struct Scratch {
    text: String,
    extra: String,
}

fn parse<'a>(
    line: &'a str,
    source: &SourceSpec,
    most_levels: u32,
    scratch: &'a mut Scratch,
) -> Result<Body<'a>, Rejected<'a>> {
    let Scratch { text: unescaped, extra } = scratch;
    extra.clear();
    if !line.trim_ascii_start().starts_with('{') {
        return match serde_json::from_str::<IgnoredAny>(line) {
            Ok(_) => Err(rejected("not_an_object").into()),
            Err(error) => Err(malformed(&error).into()),
        };
    }
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let found = deserializer
        .deserialize_map(Fields { source, most_levels, extra })
        .and_then(|found| deserializer.end().map(|()| found))
        .map_err(|error| malformed(&error))?;
    let id = found.id.map(id_of).transpose()?.flatten();
    let text = if found.is_too_deep {
        Err(rejected("too_deep").with_detail(format!("more than {most_levels} levels of arrays and objects")))
    } else if found.text_repeated {
        Err(rejected("text_repeated"))
    } else {
        text_of(found.text, unescaped)
    };
    match text {
        Ok(text) => Ok(Body { id, text, extra }),
        Err(cause) => Err(Rejected { cause, id }),
    }
}

fn text_of<'a>(raw: Option<&'a RawValue>, unescaped: &'a mut String) -> Result<Cow<'a, str>, DropCause> {
    let raw = raw.ok_or_else(|| rejected("text_missing"))?.get();
    if raw == "null" {
        return Err(rejected("text_null"));
    }
    if !raw.starts_with('"') {
        return Err(rejected("text_not_a_string"));
    }
    let text = match inside(raw) {
        Some(plain) => plain,
        None => {
            unescape(raw, unescaped)?;
            &*unescaped
        }
    };
    if text.trim().is_empty() {
        return Err(rejected("text_empty"));
    }
    Ok(Cow::Borrowed(text))
}

/// What stands in a JSON string, if it has no escape.
fn inside(raw: &str) -> Option<&str> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr(b'\\', inside.as_bytes()).is_none().then_some(inside)
}

fn unescape(raw: &str, into: &mut String) -> Result<(), DropCause> {
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    serde::Deserialize::deserialize_in_place(&mut deserializer, into).map_err(|error| malformed(&error))
}

/// Strings as they are, other values as their JSON text; null and the empty string are no id.
fn id_of(raw: &RawValue) -> Result<Option<Cow<'_, str>>, DropCause> {
    let raw = raw.get();
    if raw == "null" || raw == "\"\"" {
        return Ok(None);
    }
    if !raw.starts_with('"') {
        return Ok(Some(Cow::Borrowed(raw)));
    }
    if let Some(plain) = inside(raw) {
        return Ok(Some(Cow::Borrowed(plain)));
    }
    let mut id = String::new();
    unescape(raw, &mut id)?;
    Ok(Some(Cow::Owned(id)))
}

fn malformed(error: &serde_json::Error) -> DropCause {
    // Only errors of syntax come up, and their messages hold nothing of the text.
    let detail = match error.is_syntax() || error.is_eof() {
        true => error.to_string().replacen(" at line 1 column ", " at column ", 1),
        false => format!("no valid value at column {}", error.column()),
    };
    rejected("malformed_json").with_detail(detail)
}

struct Found<'a> {
    text: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    text_repeated: bool,
    is_too_deep: bool,
}

/// Whether arrays and objects stand in one another on more than `most` levels. What reads the output may have a stack for
/// them; this has none.
fn is_deeper(json: &str, most: u32) -> bool {
    // Each level takes two bytes.
    if json.len() / 2 <= most as usize {
        return false;
    }
    let (mut levels, mut is_text, mut is_escaped) = (0_u32, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'[' | b'{' => {
                levels += 1;
                if levels > most {
                    return true;
                }
            }
            b']' | b'}' => levels = levels.saturating_sub(1),
            _ => {}
        }
    }
    false
}

struct Fields<'s, 'e> {
    source: &'s SourceSpec,
    most_levels: u32,
    extra: &'e mut String,
}

impl<'de> Visitor<'de> for Fields<'_, '_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found { text: None, id: None, text_repeated: false, is_too_deep: false };
        while let Some(raw_key) = map.next_key::<&'de RawValue>()? {
            let value: &'de RawValue = map.next_value()?;
            // The record itself is the first level.
            let is_nested = value.get().starts_with(['[', '{']);
            found.is_too_deep |= is_nested && is_deeper(value.get(), self.most_levels - 1);
            let key = match inside(raw_key.get()) {
                Some(plain) => Cow::Borrowed(plain),
                None => Cow::Owned(serde_json::from_str(raw_key.get()).map_err(serde::de::Error::custom)?),
            };
            if key == self.source.text_field {
                found.text_repeated |= found.text.replace(value).is_some();
            } else if key == self.source.id_field {
                // As JSON readers have it, the last one counts.
                found.id = Some(value);
            } else {
                push_comma(self.extra);
                self.extra.push('"');
                self.extra.push_str(prefix_of(&key, self.source));
                self.extra.push_str(&raw_key.get()[1..]);
                self.extra.push(':');
                self.extra.push_str(value.get());
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::read::tests::source;

    const LEVELS: u32 = 128;

    fn rule(line: &str) -> String {
        parse(line, &source(), LEVELS, &mut Scratch::default()).err().unwrap().cause.rule
    }

    fn extra(line: &str, source: &SourceSpec) -> String {
        parse(line, source, LEVELS, &mut Scratch::default()).unwrap().extra.to_owned()
    }

    #[test]
    fn text_and_id_are_taken_and_other_fields_stay_verbatim() {
        let mut scratch = Scratch::default();
        let line =
            r#"{"a": 1.50, "id":"x","text":"a\nb\u4f60\ud83d\ude00", "b\u0062":[1, {"c" : "\ud800"}] }"#;
        let body = parse(line, &source(), LEVELS, &mut scratch).unwrap();
        assert_eq!(body.id.unwrap(), "x");
        assert_eq!(body.text, "a\nb你😀");
        assert_eq!(body.extra, r#""a":1.50,"b\u0062":[1, {"c" : "\ud800"}]"#);
        assert_eq!(extra(r#"{"text":"t"}"#, &source()), "");
    }

    #[test]
    fn fields_named_as_the_output_names_its_own_are_kept_under_another_name() {
        let other = SourceSpec { text_field: "content".into(), id_field: "key".into(), ..source() };
        let line = r#"{"text":"a","content":"t","id":1,"_id":2,"te\u0078t":3}"#;
        assert_eq!(extra(line, &other), r#""_text":"a","_id":1,"__id":2,"_te\u0078t":3"#);
        assert_eq!(extra(r#"{"text":"t","_text":1}"#, &source()), r#""_text":1"#);
    }

    #[test]
    fn ids_of_all_kinds_are_text_and_null_is_none() {
        let id = |json: &str| {
            let line = format!(r#"{{"text":"t","id":{json}}}"#);
            let mut scratch = Scratch::default();
            let parsed = parse(&line, &source(), LEVELS, &mut scratch);
            parsed.map(|b| b.id.map(Cow::into_owned)).map_err(|rejected| rejected.cause.rule)
        };
        for (json, text) in [
            ("12", "12"),
            ("-1.50e3", "-1.50e3"),
            ("true", "true"),
            (r#""a\"b""#, "a\"b"),
            (r#"{"$oid": "5f"}"#, r#"{"$oid": "5f"}"#),
        ] {
            assert_eq!(id(json).unwrap().as_deref(), Some(text));
        }
        assert_eq!(id("null").unwrap(), None);
        assert_eq!(id("\"\"").unwrap(), None);
        assert_eq!(id(r#""\udc00""#).unwrap_err(), "malformed_json");
        assert!(parse(r#"{"text":"t"}"#, &source(), LEVELS, &mut Scratch::default()).unwrap().id.is_none());
    }

    #[test]
    fn what_is_no_record_is_rejected_by_rule() {
        for (line, expected) in [
            ("{\"text\":", "malformed_json"),
            ("{\"text\":\"a\"} x", "malformed_json"),
            ("{\"text\":\"\\ud800\"}", "malformed_json"),
            ("{\"text\":\"a\tb\"}", "malformed_json"),
            ("nonsense", "malformed_json"),
            ("[1]", "not_an_object"),
            ("\"text\"", "not_an_object"),
            ("{}", "text_missing"),
            ("{\"text\":null}", "text_null"),
            ("{\"text\":3}", "text_not_a_string"),
            ("{\"text\":[\"a\"]}", "text_not_a_string"),
            ("{\"text\":\"\"}", "text_empty"),
            ("{\"text\":\" \\n\\u3000\"}", "text_empty"),
            ("{\"text\":\"a\",\"text\":\"b\"}", "text_repeated"),
        ] {
            assert_eq!(rule(line), expected, "{line}");
        }
        let mut scratch = Scratch::default();
        assert_eq!(parse("{\"text\":\"a\\u0000b\"}", &source(), LEVELS, &mut scratch).unwrap().text, "a\0b");
    }

    #[test]
    fn levels_are_counted_and_what_stands_in_strings_is_no_level() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let line = |value: &str| format!("{{\"text\":\"t\",\"id\":\"7\",\"x\":{value}}}");
        let extra = line(&nested(127));
        assert!(parse(&extra, &source(), LEVELS, &mut Scratch::default()).is_ok());
        for deep in [nested(128), nested(1_000_000), format!("{{\"a\":{}}}", nested(127))] {
            let line = line(&deep);
            let mut scratch = Scratch::default();
            let rejected = parse(&line, &source(), LEVELS, &mut scratch).unwrap_err();
            assert_eq!((rejected.cause.rule.as_str(), rejected.id.as_deref()), ("too_deep", Some("7")));
        }
        let text = line(&format!("[\"{}\\\"\"]", "[".repeat(1_000)));
        assert!(parse(&text, &source(), LEVELS, &mut Scratch::default()).is_ok());
        // What is no object is skipped without a stack, too.
        assert_eq!(rule(&nested(1_000_000)), "not_an_object");
        assert_eq!(rule(&"[".repeat(1_000_000)), "malformed_json");
    }

    #[test]
    fn a_record_without_a_text_keeps_its_id() {
        let mut scratch = Scratch::default();
        for line in
            [r#"{"id":7}"#, r#"{"text":null,"id":7}"#, r#"{"text":" ","id":7}"#, r#"{"id":7,"text":3}"#]
        {
            assert_eq!(parse(line, &source(), LEVELS, &mut scratch).unwrap_err().id.unwrap(), "7", "{line}");
        }
    }

    #[test]
    fn a_cause_says_where_and_nothing_of_the_text() {
        let line = r#"{"text":"a secret" "more"}"#;
        let mut scratch = Scratch::default();
        let cause = parse(line, &source(), LEVELS, &mut scratch).unwrap_err().cause;
        assert_eq!(cause.detail.unwrap(), "expected `,` or `}` at column 20");
        let cause = parse(r#"{"\ud800 secret":1}"#, &source(), LEVELS, &mut scratch).unwrap_err().cause;
        assert!(!cause.detail.unwrap().contains("secret"));
    }

    proptest! {
        #[test]
        fn a_record_survives_parsing(text in "\\PC*[a-z\\n\"\\\\]\\PC*", id in "\\PC+", field in "\\PC*") {
            prop_assume!(field != "text" && field != "id" && !text.trim().is_empty());
            let record = serde_json::json!({"id": id, field.clone(): [field.clone(), text.clone()], "text": text});
            let line = record.to_string();
            let mut scratch = Scratch::default();
            let body = parse(&line, &source(), LEVELS, &mut scratch).unwrap();
            prop_assert_eq!(&body.text, record["text"].as_str().unwrap());
            prop_assert_eq!(body.id.as_deref(), record["id"].as_str());
            let extra: serde_json::Value = serde_json::from_str(&format!("{{{}}}", body.extra)).unwrap();
            prop_assert_eq!(&extra[&field], &record[&field]);
        }

        #[test]
        fn no_line_makes_parsing_panic(line in "[{}\\[\\]\":,\\\\ut0-9a-f ]{0,60}") {
            let _ = parse(&line, &source(), LEVELS, &mut Scratch::default());
        }
    }
}
