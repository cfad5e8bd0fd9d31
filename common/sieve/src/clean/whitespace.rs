//! White space: one space between words, at most one blank line, nothing at the ends.

use super::scan::{Rewrite, find, triple};
use super::{Changes, Cleaner, CleanerKind};
use crate::resources::Resources;
use crate::rules::{Family, Kind, Opt, Settings};
use crate::work::steps;

const FAMILY: Family = Family {
    name: "whitespace",
    about: "runs of spaces become one, of blank lines one; none at the ends of lines and of the text",
    source: "",
    rules: &[],
    options: &[Opt {
        name: "indentation",
        kind: Kind::Choice(&["keep", "remove"]),
        about: "spaces and tabs at the start of a line; wide and no-break spaces there always go",
    }],
};

pub(super) const KIND: CleanerKind = CleanerKind {
    family: &FAMILY,
    build: |settings: &Settings, _: &Resources| {
        Ok(Box::new(Whitespace { keeps_indentation: settings.text("indentation") == "keep" }))
    },
};

/// `[clean.whitespace]`
struct Whitespace {
    keeps_indentation: bool,
}

/// White space between two characters.
struct Run {
    newlines: usize,
    is_all_tabs: bool,
    /// Where it ends.
    end: usize,
    /// Where its last line starts.
    line: usize,
    /// Whether its last line holds more than ASCII.
    is_wide: bool,
}

impl Cleaner for Whitespace {
    fn clean(&self, text: &str, changes: &mut Changes) -> Option<String> {
        let bytes = text.as_bytes();
        let mut rewrite = Rewrite::new(text);
        // Where to look next, and where the last run ended.
        let mut at = 0;
        if bytes.first().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n')) {
            at = self.run(text, 0, &mut rewrite, changes);
        }
        let removes = !self.keeps_indentation;
        let is_candidate = |a: u8, b: u8, c: u8| {
            is_candidate(a, b, c) | removes & (a == b'\n') & ((b == b' ') | (b == b'\t'))
        };
        while let Some(hit) = find(bytes, at, is_candidate) {
            // A newline or two may stand before what was found.
            let before = bytes[at..hit].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
            at = self.run(text, hit - before.count(), &mut rewrite, changes);
        }
        // A single one at the end is no candidate.
        let last = bytes[at..].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n')).count();
        if last > 0 {
            self.run(text, bytes.len() - last, &mut rewrite, changes);
        }
        rewrite.finish()
    }
}

impl Whitespace {
    /// Rewrites the white space that starts here, and says where it ends.
    fn run(&self, text: &str, start: usize, rewrite: &mut Rewrite<'_>, changes: &mut Changes) -> usize {
        let run = Run::of(text.as_bytes(), start);
        steps(run.end - start);
        let is_end = start == 0 || run.end == text.len();
        let indentation = match self.keeps_indentation && !run.is_wide {
            true => &text[run.line..run.end],
            false => "",
        };
        let (kind, with, kept) = match run.newlines {
            _ if is_end => ("end", "", ""),
            0 => ("space", if run.is_all_tabs { "\t" } else { " " }, ""),
            newlines => ("line_break", &"\n\n"[..newlines.min(2)], indentation),
        };
        let cut = run.end - kept.len();
        if text[start..cut] != *with {
            rewrite.replace(start, cut, with);
            *changes.entry(kind).or_default() += 1;
        }
        run.end
    }
}

impl Run {
    fn of(bytes: &[u8], start: usize) -> Self {
        let mut run = Self { newlines: 0, is_all_tabs: true, end: start, line: start, is_wide: false };
        loop {
            let [a, b, c] = triple(bytes, run.end);
            match a {
                b'\t' => run.end += 1,
                b' ' => {
                    run.is_all_tabs = false;
                    run.end += 1;
                }
                b'\n' => {
                    run.newlines += 1;
                    run.end += 1;
                    run.line = run.end;
                    run.is_wide = false;
                }
                _ if is_wide(a, b, c) => {
                    (run.is_wide, run.is_all_tabs) = (true, false);
                    run.end += if a == 0xc2 { 2 } else { 3 };
                }
                _ => return run,
            }
        }
    }
}

/// Whether white space here may have to change.
fn is_candidate(a: u8, b: u8, c: u8) -> bool {
    let blank = |byte: u8| (byte == b' ') | (byte == b'\t');
    let spaces = blank(a) & (blank(b) | (b == b'\n'));
    spaces | (a == b'\n') & (b == b'\n') & (c == b'\n') | is_wide(a, b, c)
}

/// Spaces beyond ASCII: U+00A0, U+1680, U+2000 to U+200A, U+202F, U+205F, U+3000.
fn is_wide(a: u8, b: u8, c: u8) -> bool {
    let general = (b == 0x80) & ((c >= 0x80) & (c <= 0x8a) | (c == 0xaf)) | (b == 0x81) & (c == 0x9f);
    (a == 0xc2) & (b == 0xa0)
        | (a == 0xe1) & (b == 0x9a) & (c == 0x80)
        | (a == 0xe2) & general
        | (a == 0xe3) & (b == 0x80) & (c == 0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{clean, clean_with, counts, settings};
    use crate::rules::Value;

    #[test]
    fn runs_become_one_and_tabs_stay_a_tab() {
        assert_eq!(clean("whitespace", "a  b\t c \u{a0} d\u{a0}e　f\u{2009}g"), "a b c d e f g");
        assert_eq!(clean("whitespace", "第一条　为了　　规范"), "第一条 为了 规范");
        assert_eq!(clean("whitespace", "a b\tc\t\td \te"), "a b\tc\td e");
    }

    #[test]
    fn lines_end_without_spaces_and_one_blank_line_is_enough() {
        assert_eq!(clean("whitespace", "a \nb\t\n\nc\n\n\nd\n \n　\n\ne"), "a\nb\n\nc\n\nd\n\ne");
        assert_eq!(clean("whitespace", "\n \n a b \n\n"), "a b");
        assert_eq!(clean("whitespace", " 　\n\t"), "");
        assert_eq!(clean("whitespace", "a\u{a0}"), "a");
        assert_eq!(counts("whitespace", " a  b \nc\n\n\nd"), [("end", 1), ("line_break", 2), ("space", 1)]);
    }

    #[test]
    fn indentation_stays_unless_it_is_ideographic_or_unwanted() {
        let code = "def f():\n    if x:\n\treturn  1\n\n　　正文";
        assert_eq!(clean("whitespace", code), "def f():\n    if x:\n\treturn 1\n\n正文");
        let remove = settings("whitespace").with_value("indentation", Value::Text("remove".into()));
        assert_eq!(clean_with(&remove, code), "def f():\nif x:\nreturn 1\n\n正文");
    }

    proptest! {
        #[test]
        fn no_run_is_left(text in "[a \t\n\u{3000}\u{a0}]{0,40}") {
            let cleaned = clean("whitespace", &text);
            prop_assert_eq!(cleaned.trim(), &cleaned);
            for left in ["\n\n\n", " \n", "\t\n", "\u{3000}", "\u{a0}"] {
                prop_assert!(!cleaned.contains(left));
            }
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&cleaned), words(&text));
        }
    }
}
