//! Units: what shingles are made of.

use unicode_segmentation::UnicodeSegmentation as _;

use super::classes::{
    BREAK, BYTE_CLASS, CLASSES, Classes, DIGIT, JOINER, LETTER, MID, OTHER, OWN, unit_class,
};

/// Calls `unit` with each unit of a match text, in order.
#[inline]
pub fn for_each_unit<'a>(text: &'a str, mut unit: impl FnMut(&'a str)) {
    let classes = &*CLASSES;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // A piece: what stands between code points that are no part of a word.
        let start = at;
        let mut seen = 0;
        let mut own = 0;
        let mut skip = 0;
        while let Some(&byte) = bytes.get(at) {
            let (class, length) =
                if byte < 0x80 { (BYTE_CLASS[byte as usize], 1) } else { class_at(classes, text, at) };
            if class & (BREAK | OWN) != 0 {
                skip = length;
                own = class & OWN;
                break;
            }
            seen |= class;
            at += length;
        }
        if seen & (LETTER | DIGIT | OTHER) != 0 {
            words(&text[start..at], seen, &mut unit);
        }
        if own != 0 {
            unit(&text[at..at + skip]);
        }
        at += skip;
    }
}

/// Class and bytes of the code point at a boundary.
#[inline]
fn class_at(classes: &Classes, text: &str, at: usize) -> (u8, usize) {
    let Some(c) = text[at..].chars().next() else { return (BREAK, 1) };
    let code = u32::from(c) as usize;
    (classes.units.get(code).copied().unwrap_or_else(|| unit_class(c)), c.len_utf8())
}

/// The words of a piece whose code points are of the classes `seen`.
#[inline]
fn words<'a>(piece: &'a str, seen: u8, unit: &mut impl FnMut(&'a str)) {
    if seen & OTHER != 0 {
        piece.unicode_words().for_each(unit);
    } else if seen & MID == 0 {
        unit(piece);
    } else {
        simple_words(piece, unit);
    }
}

/// UAX #29 where there are only letters, digits, the underscore and ASCII that may join them: every byte that is
/// not ASCII belongs to a letter.
fn simple_words<'a>(piece: &'a str, unit: &mut impl FnMut(&'a str)) {
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
            unit(&piece[start..at]);
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
        }

        #[test]
        fn ascii_words_are_those_of_uax_29(text in "[ -~]{0,40}") {
            let words: Vec<_> = text.unicode_words().map(str::to_owned).collect();
            prop_assert_eq!(units(&text), words);
        }
    }
}
