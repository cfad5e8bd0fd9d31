//! What each code point is to match text and units, tabled once for the basic plane.

use std::sync::LazyLock;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfkc_quick};
use unicode_segmentation::UnicodeSegmentation as _;

/// A letter by UAX #29 (ALetter).
pub(super) const LETTER: u8 = 1;
/// A digit (Numeric).
pub(super) const DIGIT: u8 = 2;
/// Joins letters and digits (ExtendNumLet): the underscore.
pub(super) const JOINER: u8 = 4;
/// May stand within a word or a number, by its neighbours: `: . ' , ; "`.
pub(super) const MID: u8 = 8;
/// Anything else that may be joined to a word: left to unicode-segmentation.
pub(super) const OTHER: u8 = 16;
/// Never part of a word.
pub(super) const BREAK: u8 = 32;
/// A unit of its own.
pub(super) const OWN: u8 = 64;

/// Marks a code point in [`Classes::folded`] that needs the slow path.
pub(super) const SPECIAL: u16 = 0;

/// Classes of the basic plane.
pub(super) struct Classes {
    /// What match text writes for a code point, where that does not depend on neighbours and is one code point:
    /// white space is a space. `SPECIAL` elsewhere. A code point with an entry is a boundary of normalization.
    pub(super) folded: Box<[u16; 0x1_0000]>,
    /// One of the unit classes.
    pub(super) units: Box<[u8; 0x1_0000]>,
}

pub(super) static CLASSES: LazyLock<Classes> = LazyLock::new(|| {
    let mut folded = Box::new([SPECIAL; 0x1_0000]);
    let mut units = Box::new([BREAK; 0x1_0000]);
    for code in 0..0x1_0000_u32 {
        let Some(c) = char::from_u32(code) else { continue };
        folded[code as usize] = fold_alone(c);
        units[code as usize] = unit_class(c);
    }
    Classes { folded, units }
});

/// Lower case of a code point, final sigma as sigma.
pub(super) fn lower(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().map(|c| if c == 'ς' { 'σ' } else { c })
}

/// Whether normalization never joins `c` to what stands before it, nor changes it.
pub(super) fn is_stable(c: char) -> bool {
    canonical_combining_class(c) == 0 && is_nfkc_quick(std::iter::once(c)) == IsNormalized::Yes
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

fn fold_alone(c: char) -> u16 {
    let Some(normal) = only(std::iter::once(c).nfkc()) else { return SPECIAL };
    if !is_stable(normal) {
        return SPECIAL;
    }
    if normal.is_whitespace() {
        return u16::from(b' ');
    }
    only(lower(normal)).and_then(|c| u16::try_from(u32::from(c)).ok()).unwrap_or(SPECIAL)
}

/// The unit class of an ASCII byte, or `LETTER` for the bytes of other code points: within a piece that holds
/// nothing but ASCII and letters, they are right.
pub(super) const BYTE_CLASS: [u8; 256] = {
    let mut classes = [BREAK; 256];
    let mut b = 0;
    while b < 256 {
        classes[b] = match b as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | 0x80..=0xff => LETTER,
            b'0'..=b'9' => DIGIT,
            b'_' => JOINER,
            b':' | b'.' | b'\'' | b',' | b';' | b'"' => MID,
            _ => BREAK,
        };
        b += 1;
    }
    classes
};

/// The class of any code point.
pub(super) fn unit_class(c: char) -> u8 {
    if c.is_ascii() {
        return BYTE_CLASS[c as usize];
    }
    let mut buffer = [0; 4];
    let is_word = c.encode_utf8(&mut buffer).unicode_words().next().is_some();
    if is_word && writes_without_spaces(c) {
        return OWN;
    }
    // A code point's own tables are private to unicode-segmentation: ask it how the code point behaves.
    let pieces = |before: &str, after: &str| {
        let mut text = String::with_capacity(16);
        text.push_str(before);
        text.push(c);
        text.push_str(after);
        text.split_word_bounds().count()
    };
    let doubled = |between: &str| {
        let mut text = String::with_capacity(16);
        text.push(c);
        text.push_str(between);
        text.push(c);
        text.split_word_bounds().count()
    };
    if is_word {
        let is_letter = pieces("a", "a") == 1
            && pieces("", "1") == 1
            && doubled(":") == 1
            // Hebrew letters join across quotes.
            && doubled("\"") == 3
            && pieces("", "'") == 2;
        return if is_letter { LETTER } else { OTHER };
    }
    let is_break = pieces("a", "a") == 3
        && pieces("1", "1") == 3
        && pieces("_", "_") == 3
        && pieces("א", "א") == 3
        && doubled("") == 2
        // Pictographs join a zero-width joiner before them.
        && pieces("\u{200d}", "") == 2;
    if is_break { BREAK } else { OTHER }
}

/// Code points of scripts whose words UAX #29 does not find: Han, Kana, Thai, Lao, Khmer, Myanmar, by block.
fn writes_without_spaces(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff // Thai, Lao
        | 0x1000..=0x109f // Myanmar
        | 0x1780..=0x17ff // Khmer
        | 0x19e0..=0x19ff // Khmer symbols
        | 0x2e80..=0x2fdf // CJK and Kangxi radicals
        | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3031..=0x3035 | 0x3038..=0x303c // Han and Kana marks and numerals
        | 0x3041..=0x30ff // Hiragana, Katakana
        | 0x31f0..=0x31ff // small Katakana
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff // Han
        | 0xa9e0..=0xa9ff | 0xaa60..=0xaa7f // Myanmar Extended-B, -A
        | 0xf900..=0xfaff // Han compatibility
        | 0xff66..=0xff9f // half-width Katakana
        | 0x116d0..=0x116ff // Myanmar Extended-C
        | 0x16ff0..=0x16fff // Han marks
        | 0x1aff0..=0x1b16f // Kana extensions
        | 0x20000..=0x3fffd // Han extensions
    )
}
