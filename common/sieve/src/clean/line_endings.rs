//! Line endings of all systems become `\n`.

use super::scan::{Rewrite, find};
use super::{Changes, Cleaner, CleanerKind};
use crate::rules::Family;

const FAMILY: Family = Family {
    name: "line_endings",
    about: "`\\r\\n`, `\\r`, `\\v`, `\\f`, U+0085, U+2028 and U+2029 become `\\n`",
    source: "",
    rules: &[],
    options: &[],
};

pub(super) const KIND: CleanerKind = CleanerKind { family: &FAMILY, build: |_, _| Ok(Box::new(LineEndings)) };

/// `[clean.line_endings]`
struct LineEndings;

impl Cleaner for LineEndings {
    fn clean(&self, text: &str, changes: &mut Changes) -> Option<String> {
        let bytes = text.as_bytes();
        let mut rewrite = Rewrite::new(text);
        let mut at = 0;
        let mut count = 0;
        while let Some(hit) = find(bytes, at, is_ending) {
            at = hit
                + match bytes[hit] {
                    b'\r' if bytes.get(hit + 1) == Some(&b'\n') => 2,
                    0xc2 => 2,
                    0xe2 => 3,
                    _ => 1,
                };
            rewrite.replace(hit, at, "\n");
            count += 1;
        }
        if count > 0 {
            changes.insert("line_ending", count);
        }
        rewrite.finish()
    }
}

fn is_ending(a: u8, b: u8, c: u8) -> bool {
    (a >= 0x0b) & (a <= 0x0d) | (a == 0xc2) & (b == 0x85) | (a == 0xe2) & (b == 0x80) & (c & 0xfe == 0xa8)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean, counts};

    #[test]
    fn every_ending_becomes_a_newline_and_a_pair_becomes_one() {
        let cleaned = clean("line_endings", "a\r\nb\rc\u{b}d\u{c}e\u{85}f\u{2028}g\u{2029}h\n\ri\r\r\nj");
        assert_eq!(cleaned, "a\nb\nc\nd\ne\nf\ng\nh\n\ni\n\nj");
        assert_eq!(counts("line_endings", "a\r\nb\rc"), [("line_ending", 2)]);
    }

    #[test]
    fn other_characters_of_the_same_bytes_stay() {
        for text in ["", "a\nb", "a\tb", "…‧\u{202a}", "Å\u{86}", "编码：。"] {
            assert_eq!(clean("line_endings", text), text);
        }
    }
}
