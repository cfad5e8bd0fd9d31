//! Match text.

use unicode_normalization::UnicodeNormalization as _;

use super::classes::{CLASSES, Classes, SPECIAL, is_stable, lower};

/// What match text does to an ASCII byte: 0 copies it, another value is written in its place; a space is white
/// space of any kind.
const ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut b = 0;
    while b < 128 {
        table[b] = match b as u8 {
            upper @ b'A'..=b'Z' => upper.to_ascii_lowercase(),
            b' ' | b'\t'..=b'\r' => b' ',
            _ => 0,
        };
        b += 1;
    }
    table
};

/// Writes the match text of `text` into `out`, which is cleared.
pub fn match_text(text: &str, out: &mut String) {
    out.clear();
    out.reserve(text.len());
    Folder { text, classes: &CLASSES, out, after_space: true }.run();
    if out.ends_with(' ') {
        out.pop();
    }
}

struct Folder<'a> {
    text: &'a str,
    classes: &'a Classes,
    out: &'a mut String,
    /// Whether a space would be doubled or leading.
    after_space: bool,
}

impl Folder<'_> {
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        // `copied..at` stands in the output as it is, and is copied when something else comes.
        let (mut copied, mut at) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            if byte < 0x80 {
                let folded = ASCII[byte as usize];
                if folded == 0 {
                    self.after_space = false;
                    at += 1;
                    continue;
                }
                if byte == b' ' && !self.after_space {
                    self.after_space = true;
                    at += 1;
                    continue;
                }
                self.out.push_str(&self.text[copied..at]);
                self.push(char::from(folded));
                at += 1;
                copied = at;
                continue;
            }
            let Some(c) = self.text[at..].chars().next() else { break };
            let folded = self.folded(c);
            if folded == Some(c) {
                self.after_space = false;
                at += c.len_utf8();
                continue;
            }
            self.out.push_str(&self.text[copied..at]);
            at = match folded {
                Some(folded) => {
                    self.push(folded);
                    at + c.len_utf8()
                }
                None => self.normalize_from(at),
            };
            copied = at;
        }
        self.out.push_str(&self.text[copied..]);
    }

    /// What is written for `c` whatever stands beside it, if that is one code point.
    fn folded(&self, c: char) -> Option<char> {
        let code = u32::from(c);
        if code > 0xffff {
            return if is_stable(c) { only_lower(c) } else { None };
        }
        match self.classes.folded[code as usize] {
            SPECIAL => None,
            folded => char::from_u32(u32::from(folded)),
        }
    }

    /// Writes one code point of the result.
    fn push(&mut self, c: char) {
        if !c.is_whitespace() {
            self.out.push(c);
            self.after_space = false;
        } else if !self.after_space {
            self.out.push(' ');
            self.after_space = true;
        }
    }

    /// Normalizes from the boundary before the code point at `at`, which has no entry, to the next boundary, and
    /// returns where that is.
    fn normalize_from(&mut self, at: usize) -> usize {
        let mut start = at;
        if let Some(before) = self.text[..at].chars().next_back()
            && let Some(folded) = self.folded(before)
            // Nothing composes with white space.
            && !folded.is_whitespace()
        {
            // It was written, and is written again with what it composes to.
            self.out.truncate(self.out.len() - folded.len_utf8());
            self.after_space = self.out.is_empty() || self.out.ends_with(' ');
            start -= before.len_utf8();
        }
        let rest = &self.text[at..];
        let end = rest
            .char_indices()
            .find(|(_, c)| self.folded(*c).is_some())
            .map_or(self.text.len(), |(offset, _)| at + offset);
        for c in self.text[start..end].nfkc().flat_map(lower) {
            self.push(c);
        }
        end
    }
}

fn only_lower(c: char) -> Option<char> {
    let mut lower = lower(c);
    let first = lower.next();
    if lower.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition.
    fn reference(text: &str) -> String {
        let folded: String =
            text.nfkc().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect();
        folded.split(char::is_whitespace).filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn folded(text: &str) -> String {
        let mut out = String::from("left over");
        match_text(text, &mut out);
        out
    }

    /// Code points that interact: marks, jamo, width forms, ligatures, white space, joiners, other planes.
    fn nasty() -> impl Strategy<Value = String> {
        let pool: Vec<char> = "aAzZ09 _.:',;\"\t\n\u{a0}\u{3000}\u{2003}\u{85}\u{300}\u{301}\u{323}\u{345}\u{308}ÅÄéÉİıſßẞΣσςǅﬁ\
            ＡｂＣ，。！？、：；…‥㍿㈠①½²ｱｶﾞﾊﾟアガかがー々〇中文漢字\u{fa0e}\u{f900}가힣각각\u{1100}\u{1161}\u{11a8}\
            ́กำ่ທขကြក្កअािक्षאבג״׳😀👍🏽👩\u{200d}👧\u{fe0f}🇫🇷𝐀𝟗𐐀𠀀\u{2f800}\u{e0100}\u{200b}\u{ad}\u{feff}’“”—–·‿ªºµΩÅ\u{2126}\u{212b}\u{1e9b}\u{1d165}\u{1d15e}\u{0}\u{7f}"
            .chars()
            .collect();
        prop::collection::vec(prop::sample::select(pool), 0..24).prop_map(|chars| chars.into_iter().collect())
    }

    #[test]
    fn the_table_agrees_with_the_definition_on_every_code_point() {
        let mut out = String::new();
        for c in '\0'..=char::MAX {
            let text = format!("x{c}y");
            match_text(&text, &mut out);
            assert_eq!(out, reference(&text), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn variants_in_case_width_space_and_accents_are_equal() {
        let plain = folded("Crème brûlée, 2024: 中文 ABC");
        assert_eq!(plain, "crème brûlée, 2024: 中文 abc");
        assert_eq!(folded("  CRÈME\u{3000}BRÛLÉE,\t２０２４：\n中文\r\nＡＢＣ "), plain);
        assert_eq!(folded(&"Crème brûlée, 2024: 中文 ABC".nfd().collect::<String>()), plain);
        assert_eq!(folded("ΟΔΟΣ"), folded("οδος"));
    }

    #[test]
    fn white_space_alone_is_empty() {
        assert_eq!(folded(" \t\u{3000}\n"), "");
        assert_eq!(folded(""), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_fast_path_agrees_with_the_definition(text in prop_oneof![nasty(), any::<String>()]) {
            prop_assert_eq!(folded(&text), reference(&text));
        }

        #[test]
        fn decomposed_text_has_the_same_match_text(text in nasty()) {
            prop_assert_eq!(folded(&text.nfd().collect::<String>()), folded(&text));
            prop_assert_eq!(folded(&text.nfc().collect::<String>()), folded(&text));
        }
    }
}
