//! The other fields of a record: the inside of a JSON object, appended to a string.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use crate::spec::SourceSpec;
use serde_json::value::RawValue;

/// The prefix under which a field is kept: the output writes `id` and `text` itself, so that a field of that name which
/// is neither becomes `_id` or `_text` (and where both stand in the input `_text` becomes `__text`: names stay apart).
pub(super) fn prefix_of(key: &str, source: &SourceSpec) -> &'static str {
    let name = key.trim_start_matches('_');
    if name != "text" && name != "id" {
        return "";
    }
    let is_free = name == source.text_field || name == source.id_field;
    if is_free && key != name { "" } else { "_" }
}

/// A text among the other fields of a record.
pub fn text_field(extra: &str, name: &str) -> Option<String> {
    let object = format!("{{{extra}}}");
    let fields: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(&object).ok()?;
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// Appends the comma between two fields.
pub(super) fn push_comma(extra: &mut String) {
    if !extra.is_empty() {
        extra.push(',');
    }
}

/// The key of a field under its prefix, as JSON with its colon.
pub(super) fn key_of(name: &str, source: &SourceSpec) -> String {
    let mut key = String::new();
    push_string(&mut key, &format!("{}{name}", prefix_of(name, source)));
    key.push(':');
    key
}

/// Appends a JSON string.
pub(super) fn push_string(json: &mut String, text: &str) {
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        json.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => json.push_str("\\\""),
            b'\\' => json.push_str("\\\\"),
            b'\n' => json.push_str("\\n"),
            b'\r' => json.push_str("\\r"),
            b'\t' => json.push_str("\\t"),
            // Writing to a string cannot fail.
            control => drop(write!(json, "\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    json.push_str(rest);
    json.push('"');
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::read::tests::source;

    #[test]
    fn a_text_is_found_among_the_other_fields() {
        let extra = r#""n":1,"url":"https://a.b/\u00e9","list":["url"]"#;
        assert_eq!(text_field(extra, "url").as_deref(), Some("https://a.b/é"));
        assert_eq!(text_field(extra, "n"), None);
        assert_eq!(text_field("", "url"), None);
    }

    proptest! {
        #[test]
        fn a_string_reads_back_from_its_json(text in any::<String>()) {
            let mut json = String::new();
            push_string(&mut json, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn names_stay_apart(
            a in "_{0,2}(text|id|x)",
            b in "_{0,2}(text|id|x)",
            text_field in "text|id|content|_text",
            id_field in "text|id|key",
        ) {
            let source = SourceSpec { text_field, id_field, ..source() };
            prop_assume!([&a, &b].into_iter().all(|name| *name != source.text_field && *name != source.id_field));
            let [kept_a, kept_b] = [&a, &b].map(|name| format!("{}{name}", prefix_of(name, &source)));
            prop_assert!(kept_a != "text" && kept_a != "id");
            prop_assert_eq!(kept_a == kept_b, a == b);
        }
    }
}
