//! Which names are tags, and what stands in the place of one.

use Leaves::{Newline, Nothing, Tab};

/// What a tag leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    Nothing,
    /// A block begins or ends.
    Newline,
    /// The cell of a table ends.
    Tab,
}

/// A tag, from `<` to before `>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Its place in [`TAGS`].
    pub(super) name: usize,
    pub(super) is_closing: bool,
    /// Whether no text but HTML has it: it closes, has attributes, or its name is no word.
    pub(super) is_sure: bool,
}

impl Tag {
    /// The tag that this is, all behind its `<`.
    pub(super) fn parse(inner: &str) -> Option<Self> {
        let (is_closing, inner) = match inner.strip_prefix('/') {
            Some(inner) => (true, inner),
            None => (false, inner),
        };
        let bytes = inner.as_bytes();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'!');
        let length = bytes.iter().take(LONGEST + 1).take_while(|byte| is_name(byte)).count();
        let name = find(&inner[..length])?;
        let rest = &inner[length..];
        if is_closing {
            let is_bare = rest.bytes().all(|byte| byte.is_ascii_whitespace());
            return is_bare.then_some(Self { name, is_closing, is_sure: true });
        }
        if TAGS[name].0 == "!doctype" {
            return Some(Self { name, is_closing, is_sure: true });
        }
        let ends_itself = rest.ends_with('/');
        let attributes = rest.strip_suffix('/').unwrap_or(rest);
        let has_attributes = parse_attributes(attributes)?;
        // `Option<P>` is a type, `<P>` beside a `</P>` a paragraph.
        let is_word = TAGS[name].2 || length == 1 && bytes[0].is_ascii_uppercase();
        Some(Self { name, is_closing, is_sure: has_attributes || ends_itself || !is_word })
    }

    pub(super) fn leaves(self) -> Leaves {
        match TAGS[self.name].1 {
            // A cell leaves one where it ends.
            Leaves::Tab if !self.is_closing => Leaves::Nothing,
            leaves => leaves,
        }
    }

    pub(super) fn is(self, name: &str) -> bool {
        TAGS[self.name].0 == name
    }
}

/// Whether there are attributes; none if it is something else than attributes: `<b and c>` compares.
fn parse_attributes(text: &str) -> Option<bool> {
    if text.starts_with(|c: char| !c.is_ascii_whitespace()) {
        return None;
    }
    let mut rest = text;
    let mut has_values = false;
    loop {
        let trimmed = rest.trim_ascii_start();
        if trimmed.is_empty() {
            return Some(has_values);
        }
        let is_name =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.' | b'@');
        let length = trimmed.bytes().take_while(|byte| is_name(*byte)).count();
        let (name, behind) = trimmed.split_at(length);
        if length == 0 || !name.as_bytes()[0].is_ascii_alphabetic() {
            return None;
        }
        let Some(value) = behind.trim_ascii_start().strip_prefix('=') else {
            let is_flag = FLAGS.iter().any(|flag| flag.eq_ignore_ascii_case(name));
            if !is_flag {
                return None;
            }
            rest = behind;
            continue;
        };
        let value = value.trim_ascii_start();
        rest = match value.as_bytes().first() {
            Some(quote @ (b'"' | b'\'')) => {
                let end = memchr::memchr(*quote, &value.as_bytes()[1..])?;
                &value[end + 2..]
            }
            Some(_) => value.trim_start_matches(|c: char| !c.is_ascii_whitespace()),
            None => return None,
        };
        has_values = true;
    }
}

/// Attributes without a value.
const FLAGS: [&str; 20] = [
    "allowfullscreen",
    "async",
    "autofocus",
    "autoplay",
    "checked",
    "compact",
    "controls",
    "defer",
    "disabled",
    "hidden",
    "itemscope",
    "loop",
    "multiple",
    "muted",
    "noshade",
    "novalidate",
    "nowrap",
    "readonly",
    "required",
    "selected",
];

const LONGEST: usize = 10;

fn find(name: &str) -> Option<usize> {
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    TAGS.binary_search_by_key(&&*lower, |(name, _, _)| name.as_bytes()).ok()
}

/// Names in order, what they leave, and whether the name in angle brackets may be something else: a placeholder, a
/// type, a header.
#[rustfmt::skip]
pub(super) const TAGS: [(&str, Leaves, bool); 116] = [
    ("!doctype", Nothing, false), ("a", Nothing, true), ("abbr", Nothing, false), ("acronym", Nothing, false),
    ("address", Newline, true), ("applet", Newline, true), ("area", Nothing, true), ("article", Newline, true),
    ("aside", Newline, false), ("audio", Nothing, true), ("b", Nothing, true), ("base", Nothing, true),
    ("bdi", Nothing, true), ("bdo", Nothing, true), ("big", Nothing, true), ("blockquote", Newline, false),
    ("body", Newline, true), ("br", Newline, false), ("button", Nothing, true), ("canvas", Nothing, true),
    ("caption", Newline, true), ("center", Newline, true), ("cite", Nothing, true), ("code", Nothing, true),
    ("col", Nothing, true), ("colgroup", Nothing, false), ("data", Nothing, true), ("datalist", Nothing, true),
    ("dd", Newline, true), ("del", Nothing, true), ("details", Newline, true), ("dfn", Nothing, false),
    ("dialog", Newline, true), ("dir", Newline, true), ("div", Newline, false), ("dl", Newline, true),
    ("dt", Newline, true), ("em", Nothing, false), ("embed", Nothing, true), ("fieldset", Newline, false),
    ("figcaption", Newline, false), ("figure", Newline, true), ("font", Nothing, true), ("footer", Newline, true),
    ("form", Newline, true), ("frame", Nothing, true), ("frameset", Newline, false), ("h1", Newline, false),
    ("h2", Newline, false), ("h3", Newline, false), ("h4", Newline, false), ("h5", Newline, false),
    ("h6", Newline, false), ("head", Newline, true), ("header", Newline, true), ("hr", Newline, false),
    ("html", Newline, true), ("i", Nothing, true), ("iframe", Nothing, false), ("img", Nothing, false),
    ("input", Nothing, true), ("ins", Nothing, true), ("kbd", Nothing, false), ("label", Nothing, true),
    ("legend", Newline, true), ("li", Newline, false), ("link", Nothing, true), ("main", Newline, true),
    ("map", Nothing, true), ("mark", Nothing, true), ("menu", Newline, true), ("meta", Nothing, true),
    ("meter", Nothing, true), ("nav", Newline, false), ("nobr", Nothing, false), ("noframes", Newline, false),
    ("noscript", Newline, false), ("o:p", Nothing, false), ("object", Nothing, true), ("ol", Newline, false),
    ("optgroup", Newline, false), ("option", Newline, true), ("output", Nothing, true), ("p", Newline, false),
    ("param", Nothing, true), ("picture", Nothing, true), ("pre", Newline, true), ("progress", Nothing, true),
    ("q", Nothing, true), ("s", Nothing, true), ("samp", Nothing, false), ("script", Nothing, true),
    ("section", Newline, true), ("select", Nothing, true), ("small", Nothing, true), ("source", Nothing, true),
    ("span", Nothing, false), ("strike", Nothing, false), ("strong", Nothing, false), ("style", Nothing, true),
    ("sub", Nothing, true), ("summary", Newline, true), ("sup", Nothing, false), ("table", Newline, true),
    ("tbody", Nothing, false), ("td", Tab, false), ("textarea", Newline, false), ("tfoot", Nothing, false),
    ("th", Tab, false), ("thead", Nothing, false), ("title", Newline, true), ("tr", Newline, false),
    ("u", Nothing, true), ("ul", Newline, false), ("video", Nothing, true), ("wbr", Nothing, false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_short() {
        assert!(TAGS.is_sorted_by_key(|(name, _, _)| *name));
        assert!(TAGS.iter().all(|(name, _, _)| name.len() <= LONGEST));
    }

    #[test]
    fn tags_are_told_from_other_things_between_angle_brackets() {
        let sure = |inner: &str| Tag::parse(inner).map(|tag| tag.is_sure);
        for inner in [
            "p",
            "br/",
            "BR /",
            "/div",
            "/a ",
            "a href=x",
            "div class=\"a b\" id='c'",
            "option value=1 selected",
            "input disabled/",
            "!DOCTYPE html",
            "o:p",
            "td nowrap",
            "img\nsrc = x alt=\"a=b\"",
            "a href=\"\"",
        ] {
            assert_eq!(sure(inner), Some(true), "{inner}");
        }
        for inner in ["a", "b", "P", "input", "source", "script", "i ", "input disabled"] {
            assert_eq!(sure(inner), Some(false), "{inner}");
        }
        for inner in [
            "",
            "/",
            "int",
            "T",
            "linux/cdrom.h",
            "time.h",
            "b and c",
            "b, c",
            "p.x",
            "a href=\"x",
            "a =b",
            "p&",
            "/p x",
            "div class",
            "a@b.org",
            "i<j",
            "a=1",
            "p 1=2",
            "blockquotes",
        ] {
            assert_eq!(sure(inner), None, "{inner}");
        }
    }
}
