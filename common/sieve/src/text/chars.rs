//! What single code points are to filters.
//!
//! The sets are those of datatrove 0.10.1 (`PUNCTUATION_SET`, `TERMINAL_PUNCTUATION`) and of the sentence splitter of
//! spaCy 3.8, for a rule means the same only over the same set; white space and letters are those of Python.

use std::sync::LazyLock;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

use crate::work::steps;

/// White space of Python's `str.isspace`: that of Unicode, and U+001C to U+001F.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// The text without white space at its ends, as Python's `str.strip`.
pub fn trim(text: &str) -> &str {
    let trimmed = text.trim_matches(is_space);
    steps(text.len() - trimmed.len() + 2);
    trimmed
}

/// A letter as Python's `str.isalpha`: of category L.
pub fn is_alphabetic(c: char) -> bool {
    class(c) & LETTER != 0
}

/// Whether the code point is of the set that makes a word of nothing else a symbol.
pub fn is_punctuation(c: char) -> bool {
    class(c) & PUNCTUATION != 0
}

/// Whether a line that ends in it ends a sentence.
pub fn is_terminal(c: char) -> bool {
    matches!(
        u32::from(c),
        0x21 | 0x2e | 0x3f | 0x589 | 0x61d..=0x61f | 0x6d4 | 0x700..=0x702 | 0x7f9 | 0x837 | 0x839
        | 0x83d..=0x83e | 0x964..=0x965 | 0x104a..=0x104b | 0x1362 | 0x1367..=0x1368 | 0x166e | 0x1735..=0x1736
        | 0x17d4..=0x17d6 | 0x17d9..=0x17da | 0x1803 | 0x1809 | 0x1944..=0x1945 | 0x1aa8..=0x1aab
        | 0x1b5a..=0x1b5b | 0x1b5e..=0x1b5f | 0x1b7d..=0x1b7e | 0x1c3b..=0x1c3c | 0x1c7e..=0x1c7f
        | 0x203c..=0x203d | 0x2047..=0x2049 | 0x2e2e | 0x2e3c | 0x2e53..=0x2e54 | 0x3002 | 0xa4ff
        | 0xa60e..=0xa60f | 0xa6f3 | 0xa6f7 | 0xa876..=0xa877 | 0xa8ce..=0xa8cf | 0xa92f | 0xa9c8..=0xa9c9
        | 0xaa5d..=0xaa5f | 0xaaf0..=0xaaf1 | 0xabeb | 0xfe52 | 0xfe56..=0xfe57 | 0xff01 | 0xff0e | 0xff1f
        | 0xff61 | 0x10a56..=0x10a57 | 0x10f55..=0x10f59 | 0x10f86..=0x10f89 | 0x11047..=0x11048
        | 0x110be..=0x110c1 | 0x11141..=0x11143 | 0x111c5..=0x111c6 | 0x111cd | 0x111de..=0x111df
        | 0x11238..=0x11239 | 0x1123b..=0x1123c | 0x112a9 | 0x1144b..=0x1144c | 0x115c2..=0x115c3
        | 0x115c9..=0x115d7 | 0x11641..=0x11642 | 0x1173c..=0x1173e | 0x11944 | 0x11946 | 0x11a42..=0x11a43
        | 0x11a9b..=0x11a9c | 0x11c41..=0x11c42 | 0x11ef7..=0x11ef8 | 0x11f43..=0x11f44 | 0x16a6e..=0x16a6f
        | 0x16af5 | 0x16b37..=0x16b38 | 0x16b44 | 0x16e98 | 0x1bc9f | 0x1da88
    )
}

/// Whether spaCy's sentence splitter ends a sentence with it.
fn ends_sentence(c: char) -> bool {
    matches!(
        u32::from(c),
        0x21 | 0x2e | 0x3f | 0x589 | 0x61f | 0x6d4 | 0x700..=0x702 | 0x7f9 | 0x964..=0x965 | 0x104a..=0x104b
        | 0x1362 | 0x1367..=0x1368 | 0x166e | 0x1735..=0x1736 | 0x1803 | 0x1809 | 0x1944..=0x1945
        | 0x1aa8..=0x1aab | 0x1b5a..=0x1b5b | 0x1b5e..=0x1b5f | 0x1c3b..=0x1c3c | 0x1c7e..=0x1c7f
        | 0x203c..=0x203d | 0x2047..=0x2049 | 0x2e2e | 0x2e3c | 0x3002 | 0xa4ff | 0xa60e..=0xa60f | 0xa6f3
        | 0xa6f7 | 0xa876..=0xa877 | 0xa8ce..=0xa8cf | 0xa92f | 0xa9c8..=0xa9c9 | 0xaa5d..=0xaa5f
        | 0xaaf0..=0xaaf1 | 0xabeb | 0xfe52 | 0xfe56..=0xfe57 | 0xff01 | 0xff0e | 0xff1f | 0xff61
        | 0x10a56..=0x10a57 | 0x11047..=0x11048 | 0x110be..=0x110c1 | 0x11141..=0x11143 | 0x111c5..=0x111c6
        | 0x111cd | 0x111de..=0x111df | 0x11238..=0x11239 | 0x1123b..=0x1123c | 0x112a9 | 0x1144b..=0x1144c
        | 0x115c2..=0x115c3 | 0x115c9..=0x115d7 | 0x11641..=0x11642 | 0x1173c..=0x1173e | 0x11a42..=0x11a43
        | 0x11a9b..=0x11a9c | 0x11c41..=0x11c42 | 0x16a6e..=0x16a6f | 0x16af5 | 0x16b37..=0x16b38 | 0x16b44
        | 0x1bc9f | 0x1da88
    )
}

/// A Han character.
pub fn is_han(c: char) -> bool {
    class(c) & HAN != 0
}

/// Of a word of a script that writes words apart: a letter, mark or digit.
#[inline]
pub(crate) fn is_spaced_word(c: char) -> bool {
    class(c) & (WORD | OWN) == WORD
}

/// A character of a script that writes without spaces.
#[inline]
pub(crate) fn is_character(c: char) -> bool {
    class(c) & (WORD | OWN) == (WORD | OWN)
}

/// Category L.
pub(super) const LETTER: u8 = 1;
/// Category L, M or N: what words are made of.
pub(super) const WORD: u8 = 2;
/// White space.
pub(super) const SPACE: u8 = 4;
/// Of the set of punctuation.
pub(super) const PUNCTUATION: u8 = 8;
/// Stands apart at the ends of a chunk between spaces: punctuation, quotes, currency, pictures.
pub(super) const AFFIX: u8 = 16;
/// Of a script that writes without spaces, or its punctuation: a word of its own.
pub(super) const OWN: u8 = 32;
/// A Han character.
pub(super) const HAN: u8 = 64;

/// Ends a sentence.
pub(super) const END: u8 = 128;

/// The classes of a code point.
#[inline]
pub(super) fn class(c: char) -> u8 {
    let classes = &*CLASSES;
    classes.get(c as usize).copied().unwrap_or_else(|| class_of(c))
}

/// The classes of the basic plane.
pub(super) static CLASSES: LazyLock<[u8; 0x1_0000]> =
    LazyLock::new(|| std::array::from_fn(|code| char::from_u32(code as u32).map_or(0, class_of)));

fn class_of(c: char) -> u8 {
    use GeneralCategoryGroup::{Letter, Mark, Number};
    let group = c.general_category_group();
    let mut class = 0;
    let mut set = |is: bool, flag: u8| class |= if is { flag } else { 0 };
    set(group == Letter, LETTER);
    set(matches!(group, Letter | Mark | Number), WORD);
    set(is_space(c), SPACE);
    set(in_punctuation_set(c), PUNCTUATION);
    set(is_affix(c), AFFIX);
    set(ends_sentence(c), END);
    let code = u32::from(c);
    let han = matches!(code, 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3fffd);
    set(han, HAN);
    let scripts = matches!(code, 0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3041..=0x30ff | 0x31f0..=0x31ff | 0xff66..=0xff9f);
    // Wide punctuation stands between characters as they stand beside each other.
    set(han || scripts && matches!(group, Letter | Mark | Number) || code >= 0x3000 && is_affix(c), OWN);
    class
}

/// What spaCy's English tokenizer takes off the ends of a chunk, seen one code point at a time.
fn is_affix(c: char) -> bool {
    matches!(
        c,
        '§' | '%'
            | '='
            | '—'
            | '–'
            | '+'
            | '…'
            | ','
            | ':'
            | ';'
            | '!'
            | '?'
            | '¿'
            | '؟'
            | '¡'
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '<'
            | '>'
            | '_'
            | '#'
            | '*'
            | '&'
            | '。'
            | '？'
            | '！'
            | '，'
            | '、'
            | '；'
            | '：'
            | '～'
            | '·'
            | '।'
            | '،'
            | '۔'
            | '؛'
            | '٪'
            | '\''
            | '"'
            | '”'
            | '“'
            | '`'
            | '‘'
            | '´'
            | '’'
            | '‚'
            | '„'
            | '»'
            | '«'
            | '「'
            | '」'
            | '『'
            | '』'
            | '（'
            | '）'
            | '〔'
            | '〕'
            | '【'
            | '】'
            | '《'
            | '》'
            | '〈'
            | '〉'
            | '⟦'
            | '⟧'
    ) || matches!(c.general_category(), GeneralCategory::OtherSymbol | GeneralCategory::CurrencySymbol)
}

fn in_punctuation_set(c: char) -> bool {
    matches!(
        u32::from(c),
        0x0..=0x8 | 0xb..=0x1f | 0x21..=0x2f | 0x3a..=0x40 | 0x5b..=0x60 | 0x7b..=0x9f | 0xab | 0xb4 | 0xbb
        | 0x589 | 0x61d..=0x61f | 0x6d4 | 0x700..=0x702 | 0x7f9 | 0x837 | 0x839 | 0x83d..=0x83e | 0x964..=0x965
        | 0x104a..=0x104b | 0x1362 | 0x1367..=0x1368 | 0x166e | 0x1735..=0x1736 | 0x17d4..=0x17d6
        | 0x17d9..=0x17da | 0x1803 | 0x1809 | 0x1944..=0x1945 | 0x1aa8..=0x1aab | 0x1b5a..=0x1b5b
        | 0x1b5e..=0x1b5f | 0x1b7d..=0x1b7e | 0x1c3b..=0x1c3c | 0x1c7e..=0x1c7f | 0x2013..=0x2014 | 0x2019
        | 0x201c..=0x201e | 0x2026 | 0x203c..=0x203d | 0x2047..=0x2049 | 0x2236 | 0x2501 | 0x25ba | 0x2e2e
        | 0x2e3c | 0x2e53..=0x2e54 | 0x3001..=0x3002 | 0x3008..=0x300d | 0x3010..=0x3011 | 0xa4ff
        | 0xa60e..=0xa60f | 0xa6f3 | 0xa6f7 | 0xa876..=0xa877 | 0xa8ce..=0xa8cf | 0xa92f | 0xa9c8..=0xa9c9
        | 0xaa5d..=0xaa5f | 0xaaf0..=0xaaf1 | 0xabeb | 0xfe52 | 0xfe56..=0xfe57 | 0xff01 | 0xff05
        | 0xff08..=0xff09 | 0xff0c | 0xff0e | 0xff11 | 0xff1a..=0xff1b | 0xff1f | 0xff5e | 0xff61
        | 0x10a56..=0x10a57 | 0x10f55..=0x10f59 | 0x10f86..=0x10f89 | 0x11047..=0x11048 | 0x110be..=0x110c1
        | 0x11141..=0x11143 | 0x111c5..=0x111c6 | 0x111cd | 0x111de..=0x111df | 0x11238..=0x11239
        | 0x1123b..=0x1123c | 0x112a9 | 0x1144b..=0x1144c | 0x115c2..=0x115c3 | 0x115c9..=0x115d7
        | 0x11641..=0x11642 | 0x1173c..=0x1173e | 0x11944 | 0x11946 | 0x11a42..=0x11a43 | 0x11a9b..=0x11a9c
        | 0x11c41..=0x11c42 | 0x11ef7..=0x11ef8 | 0x11f43..=0x11f44 | 0x16a6e..=0x16a6f | 0x16af5
        | 0x16b37..=0x16b38 | 0x16b44 | 0x16e98 | 0x1bc9f | 0x1da88
    )
}

/// Code points of a text.
pub(super) fn count(text: &str) -> usize {
    steps(text.len());
    text.chars().count()
}

/// Whether at least a third of the letters are Han characters.
pub(super) fn is_mostly_han(text: &str) -> bool {
    // Most texts without Han characters have none of the bytes with which one could start.
    steps(text.len());
    let may_start = |bytes: &[u8]| bytes.iter().map(|byte| u8::from(may_start_han(*byte))).sum::<u8>() > 0;
    if !text.as_bytes().chunks(240).any(may_start) {
        return false;
    }
    let bytes = Leads::of(text);
    if 2 * bytes.may_be_han < bytes.ascii_letters || bytes.may_be_han == 0 {
        return false;
    }
    if bytes.are_han > 0 && 2 * bytes.are_han >= bytes.ascii_letters + bytes.others {
        return true;
    }
    let (han, others) = count_letters(text);
    han > 0 && 2 * han >= others
}

/// Whether it is the first byte of U+3000 to U+9FFF, or of U+F000 and above.
fn may_start_han(byte: u8) -> bool {
    byte.wrapping_sub(0xe3) < 7 || byte.wrapping_sub(0xef) < 2
}

/// First bytes of code points, counted without a look at the others: enough to tell most texts.
#[derive(Default)]
struct Leads {
    ascii_letters: usize,
    /// U+3000 to U+9FFF, U+F000 and above.
    may_be_han: usize,
    /// U+5000 to U+9FFF.
    are_han: usize,
    /// All beyond ASCII but those.
    others: usize,
}

impl Leads {
    fn of(text: &str) -> Self {
        steps(text.len());
        let mut all = Self::default();
        // Short enough for counts of a byte, which the compiler adds sixteen at a time.
        for chunk in text.as_bytes().chunks(240) {
            let (mut ascii_letters, mut may_be_han, mut are_han, mut leads) = (0_u8, 0_u8, 0_u8, 0_u8);
            for byte in chunk {
                ascii_letters += u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
                leads += u8::from(*byte >= 0xc0);
                are_han += u8::from(byte.wrapping_sub(0xe5) < 5);
                may_be_han += u8::from(may_start_han(*byte));
            }
            all.ascii_letters += usize::from(ascii_letters);
            all.may_be_han += usize::from(may_be_han);
            all.are_han += usize::from(are_han);
            all.others += usize::from(leads - are_han);
        }
        all
    }
}

/// Han characters, and letters of other scripts.
fn count_letters(text: &str) -> (usize, usize) {
    steps(text.len());
    let classes = &*CLASSES;
    let (mut han, mut others) = (0, 0);
    for c in text.chars() {
        if c.is_ascii() {
            others += usize::from(c.is_ascii_alphabetic());
            continue;
        }
        let class = classes.get(c as usize).copied().unwrap_or_else(|| class_of(c));
        if class & HAN != 0 {
            han += 1;
        } else if class & LETTER != 0 {
            others += 1;
        }
    }
    (han, others)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn first_bytes_tell_what_counted_letters_tell(text in "[a-cé中文\u{3400}\u{4dc0}\u{f900}\u{20000}ア。！ 1-3]{0,12}") {
            let (han, others) = count_letters(&text);
            prop_assert_eq!(is_mostly_han(&text), han > 0 && 2 * han >= others);
        }
    }

    #[test]
    fn space_and_letters_are_those_of_python() {
        assert!(['\t', '\u{1c}', '\u{1f}', '\u{85}', '\u{a0}', '\u{3000}'].into_iter().all(is_space));
        assert!(['\u{200b}', '\u{feff}', '\u{180e}', 'a'].into_iter().all(|c| !is_space(c)));
        assert!(['a', 'é', '中', 'ª', 'ア', 'ʰ'].into_iter().all(is_alphabetic));
        assert!(['Ⅷ', '\u{345}', 'Ⓐ', '1', '٣', '_'].into_iter().all(|c| !is_alphabetic(c)));
    }

    #[test]
    fn the_sets_are_those_of_the_source() {
        let size = |is: fn(char) -> bool| ('\0'..=char::MAX).filter(|c| is(*c)).count();
        assert_eq!((size(is_punctuation), size(is_terminal), size(ends_sentence)), (281, 159, 128));
        assert!(!is_punctuation('\u{2018}') && is_punctuation('\u{2019}'));
    }
}
