//! Lines by two definitions.

use std::ops::Range;

use super::Marks;
use crate::work::steps;

/// What stands between `\n`: at least one line, the last one without end; `""` gives one empty line.
pub fn split_on_newlines(text: &str) -> impl Iterator<Item = &str> {
    let mut breaks = memchr::memchr_iter(b'\n', text.as_bytes());
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let end = breaks.next();
        start = end.map(|at| at + 1);
        steps(end.unwrap_or(text.len()) - from + 1);
        Some(&text[from..end.unwrap_or(text.len())])
    })
}

/// What stands between runs of at least so many `\n`; there is something before the first and behind the last, be it
/// empty.
pub fn split_on_newline_runs(text: &str, at_least: usize) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let mut at = from;
        start = None;
        while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
            let length = bytes[at + found..].iter().take_while(|byte| **byte == b'\n').count();
            at += found + length;
            steps(found + length);
            if length >= at_least {
                start = Some(at);
                return Some(&text[from..at - length]);
            }
        }
        steps(text.len() - at);
        Some(&text[from..])
    })
}

/// The lines of Python's `str.splitlines`: ended by `\n`, `\r`, `\r\n`, `\v`, `\f`, U+001C to U+001E, U+0085, U+2028
/// and U+2029, without their ends; no empty line behind the last end, none in an empty text.
pub fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    line_ranges(text).map(|line| &text[line])
}

/// Where the lines of [`split_lines`] stand.
pub fn line_ranges(text: &str) -> impl Iterator<Item = Range<usize>> + use<'_> {
    let bytes = text.as_bytes();
    let mut may_end = Marks::of(bytes, |byte| matches!(byte, b'\n'..=b'\r' | 0x1c..=0x1e | 0xc2 | 0xe2));
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        while at < bytes.len() {
            let end = may_end.next(at, bytes.len());
            let length = line_end(&bytes[end..]);
            steps(end + 1 - at);
            at = (end + length.max(1)).min(bytes.len());
            if length > 0 {
                return Some(start..end);
            }
        }
        (start < at).then_some(start..at)
    })
}

/// Bytes of the end of a line at the start of these; 0 if there is none.
fn line_end(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', b'\n', ..] | [0xc2, 0x85, ..] => 2,
        [b'\n'..=b'\r' | 0x1c..=0x1e, ..] => 1,
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        split_lines(text).collect()
    }

    #[test]
    fn lines_are_those_of_python() {
        assert_eq!(lines(""), Vec::<&str>::new());
        assert_eq!(lines("\n"), [""]);
        assert_eq!(lines("a\n"), ["a"]);
        assert_eq!(lines("a\n\nb"), ["a", "", "b"]);
        assert_eq!(
            lines("a\r\nb\rc\u{b}d\u{c}e\u{1c}f\u{1d}g\u{1e}h\u{85}i\u{2028}j\u{2029}k"),
            ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]
        );
        assert_eq!(lines("a\u{1f}b\u{a0}c\u{2026}"), ["a\u{1f}b\u{a0}c\u{2026}"]);
    }

    #[test]
    fn paragraphs_stand_between_empty_lines() {
        let split = |text, at_least| split_on_newline_runs(text, at_least).collect::<Vec<_>>();
        assert_eq!(split("a\nb\n\nc\n\n\n\nd", 2), ["a\nb", "c", "d"]);
        assert_eq!(split("a\nb\n\nc\n", 1), ["a", "b", "c", ""]);
        assert_eq!(split("\n", 1), ["", ""]);
        assert_eq!(split("", 2), [""]);
        assert_eq!(split("a\n", 2), ["a\n"]);
    }

    proptest! {
        #[test]
        fn newlines_split_as_the_standard_library_does(text in "[a\n]{0,12}") {
            let lines: Vec<_> = split_on_newlines(&text).collect();
            prop_assert_eq!(lines, text.split('\n').collect::<Vec<_>>());
        }
    }
}
