//! Match text.

use unicode_normalization::UnicodeNormalization as _;

use super::classes::{CLASSES, Classes, SPECIAL, is_stable, lower};

/// Bytes that are folded at once where they are ASCII.
const BLOCK: usize = 16;

/// What match text writes for an ASCII byte; white space of any kind is a space.
const ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut b = 0;
    while b < 128 {
        table[b] = fold_ascii(b as u8);
        b += 1;
    }
    table
};

const fn fold_ascii(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte + 32,
        b'\t'..=b'\r' => b' ',
        _ => byte,
    }
}

/// Writes the match text of `text` into `out`, which is cleared.
pub fn match_text(text: &str, out: &mut String) {
    let mut bytes = std::mem::take(out).into_bytes();
    bytes.clear();
    bytes.reserve(text.len() + BLOCK);
    let mut folder = Folder { text, classes: &CLASSES, out: bytes, after_space: true };
    folder.run();
    if folder.out.ends_with(b" ") {
        folder.out.pop();
    }
    // Whole code points were written, so that nothing is lost; the check takes less time than a check at each write.
    *out =
        String::from_utf8(folder.out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
}

struct Folder<'a> {
    text: &'a str,
    classes: &'a Classes,
    out: Vec<u8>,
    /// Whether a space would be doubled or leading.
    after_space: bool,
}

impl Folder<'_> {
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte < 0x80 {
                at = self.ascii(at);
            } else if let [0xe0..=0xef, second, third, ..] = bytes[at..] {
                at = self.three_bytes(at, [byte, second, third]);
            } else {
                at = self.any(at);
            }
        }
    }

    /// Folds the ASCII bytes from `at`, a block at a time where no white space falls away; returns where they end,
    /// or where a block did.
    #[inline]
    fn ascii(&mut self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        if let Some(block) = bytes[at..].first_chunk::<BLOCK>() {
            let folded = block.map(fold_ascii);
            // A space as byte 0 before the block: white space that falls away is a space after a space.
            let mut before = [0; BLOCK];
            before[0] = if self.after_space { b' ' } else { 0 };
            before[1..].copy_from_slice(&folded[..BLOCK - 1]);
            let is_odd =
                block.iter().zip(folded.iter().zip(&before)).fold(false, |odd, (byte, (this, before))| {
                    odd | (*byte >= 0x80) | ((*this == b' ') & (*before == b' '))
                });
            if !is_odd {
                self.out.extend_from_slice(&folded);
                self.after_space = folded[BLOCK - 1] == b' ';
                return at + BLOCK;
            }
        }
        // At most a block, so that the next one is tried.
        let mut after_space = self.after_space;
        let mut end = at;
        for byte in bytes[at..].iter().take(BLOCK).take_while(|byte| **byte < 0x80) {
            let folded = ASCII[*byte as usize & 0x7f];
            if folded != b' ' || !after_space {
                self.out.push(folded);
            }
            after_space = folded == b' ';
            end += 1;
        }
        self.after_space = after_space;
        end
    }

    /// Folds a code point of three bytes, nearly all of Chinese; returns where to go on.
    #[inline]
    fn three_bytes(&mut self, at: usize, [first, second, third]: [u8; 3]) -> usize {
        let code = u16::from(first & 0xf) << 12 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
        if self.classes.folded[code as usize] != code {
            return self.any(at);
        }
        self.out.extend_from_slice(&[first, second, third]);
        self.after_space = false;
        at + 3
    }

    /// Folds the code point at `at` and what must be normalized with it; returns where to go on.
    fn any(&mut self, at: usize) -> usize {
        let Some(c) = self.text[at..].chars().next() else { return self.text.len() };
        match self.folded(c) {
            Some(folded) => {
                self.push(folded);
                at + c.len_utf8()
            }
            None => self.normalize_from(at),
        }
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
            self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            self.after_space = false;
        } else if !self.after_space {
            self.out.push(b' ');
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
            self.after_space = self.out.last().is_none_or(|byte| *byte == b' ');
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
            // Behind and before a text that is long enough, whole blocks are folded.
            let padded = format!("The Fox  Jumps\tOver. {text} THE LAZY DOG, AND{text}");
            prop_assert_eq!(folded(&padded), reference(&padded));
        }

        #[test]
        fn decomposed_text_has_the_same_match_text(text in nasty()) {
            prop_assert_eq!(folded(&text.nfd().collect::<String>()), folded(&text));
            prop_assert_eq!(folded(&text.nfc().collect::<String>()), folded(&text));
        }
    }
}
