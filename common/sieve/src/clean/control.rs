//! Characters without a form: controls, with the colours and moves of terminals, zero widths, marks of direction.
//!
//! Joiners stay where a script or an emoji is written with them. Characters that end lines stay too: without them
//! lines would grow together, and `line_endings` knows them.

use super::scan::{Rewrite, char_at, find};
use super::{Changes, Cleaner, CleanerKind};
use crate::rules::Family;

const FAMILY: Family = Family {
    name: "control",
    about: "control characters, zero widths and marks of direction are removed; joiners stay where scripts and emoji \
            need them",
    source: "",
    rules: &[],
    options: &[],
};

pub(super) const KIND: CleanerKind = CleanerKind { family: &FAMILY, build: |_, _| Ok(Box::new(Control)) };

const ESCAPE: char = '\u{1b}';
const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';

/// `[clean.control]`
struct Control;

impl Cleaner for Control {
    fn clean(&self, text: &str, changes: &mut Changes) -> Option<String> {
        let bytes = text.as_bytes();
        let mut rewrite = Rewrite::new(text);
        let mut at = 0;
        while let Some(hit) = find(bytes, at, is_candidate) {
            let c = char_at(text, hit);
            at = hit + c.len_utf8();
            if c == ESCAPE {
                at += sequence(&bytes[at..]);
            }
            let kind = match c {
                JOINER | NON_JOINER if needs_joiner(rewrite.char_before(hit), c, char_at(text, at)) => {
                    continue;
                }
                '\0'..='\u{9f}' => "control",
                '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    "direction"
                }
                _ => "zero_width",
            };
            rewrite.replace(hit, at, "");
            *changes.entry(kind).or_default() += 1;
        }
        rewrite.finish()
    }
}

/// The length of a control sequence of a terminal (ECMA-48) behind its escape: `[1;31m`.
fn sequence(bytes: &[u8]) -> usize {
    let Some(rest) = bytes.strip_prefix(b"[") else { return 0 };
    let parameters = rest.iter().take(32).take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
    match rest.get(parameters) {
        Some(0x40..=0x7e) => parameters + 2,
        _ => 0,
    }
}

/// The bytes of what goes, and of joiners.
fn is_candidate(a: u8, b: u8, c: u8) -> bool {
    let ascii = (a < 0x20) & !((a >= b'\t') & (a <= b'\r')) | (a == 0x7f);
    // C1 without U+0085, and the soft hyphen.
    let latin = (a == 0xc2) & ((b < 0xa0) & (b != 0x85) | (b == 0xad));
    let arabic = (a == 0xd8) & (b == 0x9c);
    let marks = (b == 0x80) & ((c >= 0x8b) & (c <= 0x8f) | (c >= 0xaa) & (c <= 0xae));
    // U+2060 to U+206F.
    let invisible = (b == 0x81) & (c >= 0xa0) & (c <= 0xaf);
    // U+FEFF, U+FFF9 to U+FFFB, and the two that are no characters.
    let last = (b == 0xbb) & (c == 0xbf) | (b == 0xbf) & ((c >= 0xb9) & (c <= 0xbb) | (c >= 0xbe));
    ascii | latin | arabic | (a == 0xe2) & (marks | invisible) | (a == 0xef) & last
}

/// Whether the joiner changes how its neighbours are written.
fn needs_joiner(before: char, joiner: char, after: char) -> bool {
    is_joined(before) && (is_joined(after) || is_virama(before))
        || joiner == JOINER && is_pictorial(before) && is_pictorial(after)
}

/// Of the scripts whose letters join: Arabic and its like, the Indic ones, Myanmar, Khmer, Mongolian.
fn is_joined(c: char) -> bool {
    matches!(u32::from(c),
        0x600..=0x61b | 0x61d..=0x8ff | 0x900..=0xdff | 0xf00..=0x109f | 0x1780..=0x18af | 0x1cd0..=0x1cff
        | 0xa840..=0xa87f | 0xa8e0..=0xa8ff | 0xfb50..=0xfdff | 0xfe70..=0xfefc | 0x10a00..=0x10fff
        | 0x11000..=0x11fff | 0x1e900..=0x1e95f)
}

/// Kills the vowel of a consonant; with a joiner it makes a half form, also at the end of a word.
fn is_virama(c: char) -> bool {
    let code = u32::from(c);
    matches!(code, 0x900..=0xdff) && code & 0x7f == 0x4d || matches!(code, 0xdca | 0x1039 | 0x103a | 0x17d2)
}

/// Of emoji: pictures, tones of skin, the selector of the coloured form.
fn is_pictorial(c: char) -> bool {
    matches!(u32::from(c), 0x2190..=0x2bff | 0xfe0f | 0x1f000..=0x1faff | 0xe007f)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean, counts};

    #[test]
    fn controls_and_zero_widths_go() {
        assert_eq!(clean("control", "a\0b\u{1}c\u{1b}d\u{7f}e\u{80}f\u{9f}g"), "abcdefg");
        assert_eq!(
            clean("control", "\u{feff}zero\u{200b}wi\u{ad}dth\u{2060}, \u{202e}turned\u{202c}\u{200f}"),
            "zerowidth, turned"
        );
        assert_eq!(clean("control", "\u{fff9}a\u{fffa}b\u{fffb}\u{ffff}"), "ab");
        assert_eq!(clean("control", "\u{1b}[1;32m绿\u{1b}[m \u{1b}[Kx\u{1b}[中 \u{1b}[1"), "绿 x[中 [1");
        assert_eq!(clean("control", "电\u{200b}话\u{200d}号\u{200c}码"), "电话号码");
        assert_eq!(
            counts("control", "\0\0\u{200b}\u{200e}\u{ad}"),
            [("control", 2), ("direction", 1), ("zero_width", 2)]
        );
    }

    #[test]
    fn what_has_a_form_or_ends_a_line_stays() {
        for text in
            ["a\tb\nc\rd\u{b}e\u{c}f\u{85}g\u{2028}h\u{2029}", "\u{a0}¬®…‰“”", "￼�", "क\u{94d}ष", "；？"]
        {
            assert_eq!(clean("control", text), text);
        }
    }

    #[test]
    fn joiners_stay_where_scripts_and_emoji_are_written_with_them() {
        let written = [
            "می\u{200c}خواهم",   // Persian
            "क\u{94d}\u{200d}ष", // Hindi
            "ന\u{d4d}\u{200d} ", // Malayalam, at the end of a word
            "👩\u{200d}💻",
            "👩🏽\u{200d}⚕\u{fe0f}",
            "🏳\u{fe0f}\u{200d}🌈",
        ];
        for text in written {
            assert_eq!(clean("control", text), text);
        }
        assert_eq!(
            clean("control", "می\u{200c}\u{200c}خواهم\u{200c} a\u{200d}b 👩\u{200d}a"),
            "می\u{200c}خواهم ab 👩a"
        );
    }
}
