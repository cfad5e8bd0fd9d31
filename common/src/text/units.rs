//! Units: what shingles are made of.

use unicode_segmentation::UnicodeSegmentation as _;

use super::classes::{
    BREAK, BYTE_CLASS, CLASSES, Classes, DIGIT, JOINER, LETTER, MID, OTHER, OWN, unit_class,
};

/// Calls `unit` with each unit of a match text, in order.
pub fn for_each_unit<'a>(text: &'a str, unit: impl FnMut(&'a str)) {
    struct Texts<'a, F>(&'a str, F);
    impl<'a, F: FnMut(&'a str)> UnitSink<'a> for Texts<'a, F> {
        fn short(&mut self, at: usize, length: usize, _: u64) {
            (self.1)(&self.0[at..at + length]);
        }

        fn text(&mut self, unit: &'a str) {
            (self.1)(unit);
        }
    }
    scan_units(text, &mut Texts(text, unit));
}

/// Takes the units of a text, in order, each by one of two ways.
pub(crate) trait UnitSink<'a> {
    /// A unit of 1 to 7 bytes, which are also the low ones of a little-endian number.
    fn short(&mut self, at: usize, length: usize, bytes: u64);

    /// Any unit.
    fn text(&mut self, unit: &'a str);
}

/// Finds the units of a match text.
#[inline]
pub(crate) fn scan_units<'a>(text: &'a str, sink: &mut impl UnitSink<'a>) {
    let classes = &*CLASSES;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        if let [0xe0..=0xef, second, third, ..] = *eight {
            let code = usize::from(eight[0] & 0xf) << 12
                | usize::from(second & 0x3f) << 6
                | usize::from(third & 0x3f);
            match classes.units[code] {
                OWN => sink.short(at, 3, word & 0xff_ffff),
                BREAK => {}
                _ => {
                    at = piece(classes, text, at, sink);
                    continue;
                }
            }
            at += 3;
            continue;
        }
        let length = leading_word_bytes(word);
        // What ends the word, and what stands behind it, without a look at each byte: nearly all words of prose
        // end in a space, or in one mark and a space.
        let ends = bytes.get(at + length).map_or(BREAK, |b| ASCII_CLASS[*b as usize]);
        if length < 8 && ends == BREAK {
            if length > 0 {
                sink.short(at, length, low_bytes(word, length));
            }
            at += length + 1;
        } else if length < 8
            && ends == MID
            && bytes.get(at + length + 1).is_some_and(|b| ASCII_CLASS[*b as usize] == BREAK)
        {
            if length > 0 {
                sink.short(at, length, low_bytes(word, length));
            }
            at += length + 2;
        } else {
            at = piece(classes, text, at, sink);
        }
        // A jump behind the last byte ends the text.
        if at >= bytes.len() {
            return;
        }
    }
    while at < bytes.len() {
        at = piece(classes, text, at, sink);
    }
}

/// The unit class of an ASCII byte; 0 for other bytes.
const ASCII_CLASS: [u8; 256] = {
    let mut classes = BYTE_CLASS;
    let mut b = 128;
    while b < 256 {
        classes[b] = 0;
        b += 1;
    }
    classes
};

/// How many of the first bytes are small letters or digits, of ASCII.
#[inline]
fn leading_word_bytes(word: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let low = word & !HIGH;
    // In the high bit of each byte: whether it is at least the first, but not above the last.
    let within =
        |first: u8, last: u8| (low + u64::from(0x80 - first) * ONES) & !(low + u64::from(0x7f - last) * ONES);
    let is_word = (within(b'a', b'z') | within(b'0', b'9')) & !word & HIGH;
    ((is_word ^ HIGH).trailing_zeros() / 8) as usize
}

/// The low `length` bytes, 1 to 7.
#[inline]
fn low_bytes(word: u64, length: usize) -> u64 {
    word & (u64::MAX >> (64 - 8 * length))
}

/// Takes the units of the piece that starts at `at`, and the code point that ends it; returns where to go on. A
/// piece is what stands between code points that are no part of a word.
fn piece<'a>(classes: &Classes, text: &'a str, start: usize, sink: &mut impl UnitSink<'a>) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut seen = 0;
    let (own, skip) = loop {
        let Some(&byte) = bytes.get(at) else { break (0, 0) };
        let (class, length) =
            if byte < 0x80 { (BYTE_CLASS[byte as usize], 1) } else { class_at(classes, text, at) };
        if class & (BREAK | OWN) != 0 {
            break (class & OWN, length);
        }
        seen |= class;
        at += length;
    };
    if seen & (LETTER | DIGIT | OTHER) != 0 {
        words(&text[start..at], seen, sink);
    }
    if own != 0 {
        sink.text(&text[at..at + skip]);
    }
    at + skip
}

/// Class and bytes of the code point at a boundary.
#[inline]
fn class_at(classes: &Classes, text: &str, at: usize) -> (u8, usize) {
    let Some(c) = text[at..].chars().next() else { return (BREAK, 1) };
    let code = u32::from(c) as usize;
    (classes.units.get(code).copied().unwrap_or_else(|| unit_class(c)), c.len_utf8())
}

/// The words of a piece whose code points are of the classes `seen`.
fn words<'a>(piece: &'a str, seen: u8, sink: &mut impl UnitSink<'a>) {
    if seen & OTHER != 0 {
        piece.unicode_words().for_each(|word| sink.text(word));
    } else if seen & MID == 0 {
        sink.text(piece);
    } else {
        simple_words(piece, sink);
    }
}

/// UAX #29 where there are only letters, digits, the underscore and ASCII that may join them: every byte that is
/// not ASCII belongs to a letter.
fn simple_words<'a>(piece: &'a str, sink: &mut impl UnitSink<'a>) {
    let bytes = piece.as_bytes();
    let class = |at: usize| bytes.get(at).map_or(BREAK, |b| BYTE_CLASS[*b as usize]);
    let mut at = 0;
    while at < bytes.len() {
        if class(at) == MID {
            at += 1;
            continue;
        }
        let start = at;
        let mut seen = 0;
        let mut last = 0;
        loop {
            let this = class(at);
            if this & (LETTER | DIGIT | JOINER) != 0 {
                seen |= this;
                last = this;
                at += 1;
                continue;
            }
            if this != MID || class(at + 1) != last || !joins(bytes[at], last) {
                break;
            }
            at += 1;
        }
        if seen & (LETTER | DIGIT) != 0 {
            sink.text(&piece[start..at]);
        }
    }
}

/// Whether the byte joins two letters (WB6, WB7) or two digits (WB11, WB12).
fn joins(byte: u8, class: u8) -> bool {
    match class {
        LETTER => matches!(byte, b':' | b'.' | b'\''),
        DIGIT => matches!(byte, b',' | b';' | b'.' | b'\''),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::match_text;
    use super::*;

    /// The definition.
    fn reference(text: &str) -> Vec<String> {
        let mut units = Vec::new();
        let mut piece = String::new();
        let end = |piece: &mut String, units: &mut Vec<String>| {
            units.extend(piece.unicode_words().map(str::to_owned));
            piece.clear();
        };
        for c in text.chars() {
            match unit_class(c) {
                BREAK => end(&mut piece, &mut units),
                OWN => {
                    end(&mut piece, &mut units);
                    units.push(c.to_string());
                }
                _ => piece.push(c),
            }
        }
        end(&mut piece, &mut units);
        units
    }

    fn units(text: &str) -> Vec<String> {
        let mut units = Vec::new();
        for_each_unit(text, |unit| units.push(unit.to_owned()));
        units
    }

    fn nasty() -> impl Strategy<Value = String> {
        let pool: Vec<char> = "abz09 _.:',;\"-!()\u{300}\u{345}éñßжщ中文漢かカー々〇ｱ가힣กำ่ທကក្अािאבג״׳😀👍🏽\u{200d}👧\u{fe0f}🇫🇷𐐨𠀀\
            \u{e0100}\u{200b}\u{ad}\u{feff}’“”—·‿ªª²٣٤،。、\u{2028}\u{1f100}ˆ˂\u{a708}"
            .chars()
            .collect();
        prop::collection::vec(prop::sample::select(pool), 0..24).prop_map(|chars| chars.into_iter().collect())
    }

    #[test]
    fn words_numbers_and_ideographs_are_units() {
        assert_eq!(
            units("it's 3,000.5 a.m. x_1 -- 中文abc，日本！"),
            ["it's", "3,000.5", "a.m", "x_1", "中", "文", "abc", "日", "本"]
        );
        assert_eq!(units("___ ... \"\" ，。"), Vec::<String>::new());
        assert_eq!(units("ภาษาไทย"), ["ภ", "า", "ษ", "า", "ไ", "ท", "ย"]);
        assert_eq!(units("“crème” ‘brûlée’ don’t"), ["crème", "brûlée", "don’t"]);
    }

    #[test]
    fn pieces_cut_at_breaks_are_the_words_of_the_whole_text() {
        // Without orphaned marks and scripts of their own, the definition is plain UAX #29.
        let text = "the quick (\"brown\") fox can't jump 32.3 feet, right? naïve Привет, мир: שלום ק\"ג 한국어 a.b:c_d;e 1;2 x—y";
        let words: Vec<_> = text.unicode_words().collect();
        assert_eq!(units(text), words);
    }

    #[test]
    fn the_classes_agree_with_the_definition_around_every_code_point() {
        for c in '\u{80}'..='\u{ffff}' {
            for text in [format!("a{c}b"), format!("1{c}.{c}2"), format!("{c}:{c}'")] {
                assert_eq!(units(&text), reference(&text), "{:x}", u32::from(c));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_fast_path_agrees_with_the_definition(text in prop_oneof![nasty(), any::<String>()]) {
            prop_assert_eq!(units(&text), reference(&text));
            let mut folded = String::new();
            match_text(&text, &mut folded);
            prop_assert_eq!(units(&folded), reference(&folded));
            // Behind a text that is long enough, the same units are found eight bytes at a time.
            let padded = format!("{folded} {} {folded}", "x".repeat(9));
            prop_assert_eq!(units(&padded), reference(&padded));
        }

        #[test]
        fn ascii_words_are_those_of_uax_29(text in "[ -~]{0,40}") {
            let words: Vec<_> = text.unicode_words().map(str::to_owned).collect();
            prop_assert_eq!(units(&text), words);
        }
    }
}
