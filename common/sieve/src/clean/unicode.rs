//! Unicode normalization.
//!
//! Most text is normalized: a scan of bytes finds the code points that may not be, and only they, with the character
//! before them, are normalized.

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick, is_nfkc_quick};

use super::scan::{Rewrite, char_before, find, triple};
use super::{Changes, Cleaner, CleanerKind};
use crate::resources::Resources;
use crate::rules::{Family, Kind, Opt, Settings};
use crate::work::steps;

const FAMILY: Family = Family {
    name: "unicode",
    about: "a normalization form of Unicode",
    source: "Unicode Standard Annex #15",
    rules: &[],
    options: &[Opt {
        name: "form",
        kind: Kind::Choice(&["nfc", "nfkc"]),
        about: "`nfc` joins letters and marks; `nfkc` also replaces forms like `①`, `½` and `Ａ` by what they stand for",
    }],
};

pub(super) const KIND: CleanerKind = CleanerKind {
    family: &FAMILY,
    build: |settings: &Settings, _: &Resources| {
        Ok(match settings.text("form") {
            "nfkc" => Box::new(Nfkc),
            _ => Box::new(Nfc),
        })
    },
};

/// `[clean.unicode]`
struct Nfc;

/// `[clean.unicode]` with `form = "nfkc"`
struct Nfkc;

impl Cleaner for Nfc {
    fn clean(&self, text: &str, changes: &mut Changes) -> Option<String> {
        normalize(text, changes, may_change, |piece| {
            (is_nfc_quick(piece.chars()) != IsNormalized::Yes).then(|| piece.nfc().collect())
        })
    }
}

impl Cleaner for Nfkc {
    fn clean(&self, text: &str, changes: &mut Changes) -> Option<String> {
        normalize(text, changes, may_change_for_compatibility, |piece| {
            (is_nfkc_quick(piece.chars()) != IsNormalized::Yes).then(|| piece.nfkc().collect())
        })
    }
}

/// Normalizes piece by piece. A character that cannot change is a starter that joins nothing before it, so that pieces
/// that start with one are independent of each other.
#[inline(always)]
fn normalize(
    text: &str,
    changes: &mut Changes,
    may_change: impl Fn(u8, u8, u8) -> bool + Copy,
    form_of: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let bytes = text.as_bytes();
    let mut rewrite = Rewrite::new(text);
    let mut at = 0;
    let mut count = 0;
    while let Some(hit) = find(bytes, at, may_change) {
        let start = hit - if hit > at { char_before(text, hit).len_utf8() } else { 0 };
        at = hit;
        loop {
            let [a, b, c] = triple(bytes, at);
            if !may_change(a, b, c) {
                break;
            }
            at += 1 + bytes[at + 1..].iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
        }
        steps(at - start);
        let piece = &text[start..at];
        if let Some(form) = form_of(piece)
            && form != piece
        {
            rewrite.replace(start, at, &form);
            count += 1;
        }
    }
    if count > 0 {
        changes.insert("normalized", count);
    }
    rewrite.finish()
}

/// Whether the code point that starts with these bytes is a mark, or not surely itself in NFC.
fn may_change(a: u8, b: u8, c: u8) -> bool {
    // Combining marks, the Greek question mark and semicolon, Cyrillic marks; Hebrew, Arabic and what lies between.
    let two = (a == 0xcc) | (a == 0xcd) | (a == 0xce) & (b == 0x87) | (a == 0xd2) | (a >= 0xd6) & (a <= 0xdf);
    // Of U+1000 to U+1FFF only the Latin letters are sure.
    let three = (a == 0xe0) | (a == 0xe1) & !((b >= 0xb8) & (b <= 0xbb));
    let symbols = (b == 0x80) & (c <= 0x81)
        | (b == 0x83)
        | (b == 0x84) & (c >= 0xa6) & (c <= 0xab)
        | (b == 0x8c) & (c >= 0xa9) & (c <= 0xaa)
        | (b == 0xab)
        | (b >= 0xb3) & (b <= 0xb7);
    let kana = (b == 0x80) & (c >= 0xaa) & (c <= 0xaf) | (b == 0x82) & ((c == 0x99) | (c == 0x9a));
    let compatibility = (b >= 0xa4) & (b <= 0xad) | (b == 0xb8) & (c >= 0xa0);
    let four = (a == 0xf0) & ((b < 0x9f) | (b == 0xaf)) | (a == 0xf0) & (b == 0x9e);
    two | three
        | (a == 0xe2) & symbols
        | (a == 0xe3) & kana
        | (a == 0xea) & (b < 0xb0)
        | (a == 0xef) & compatibility
        | four
}

/// The same for NFKC, in which little beyond ASCII, Han, Kana, Hangul and Cyrillic is sure.
fn may_change_for_compatibility(a: u8, b: u8, c: u8) -> bool {
    let quotes =
        (b == 0x80) & ((c == 0x93) | (c == 0x94) | (c == 0x98) | (c == 0x99) | (c == 0x9c) | (c == 0x9d));
    let kana = (b == 0x80) & (c >= 0x81) & (c <= 0xa9)
        | (b == 0x81)
        | (b == 0x82) & !((c >= 0x99) & (c <= 0x9f))
        | (b == 0x83) & (c != 0xbf);
    let sure = (a == 0xc3)
        | (a == 0xd0)
        | (a == 0xd1)
        | (a == 0xe2) & quotes
        | (a == 0xe3) & kana
        | (a >= 0xe4) & (a <= 0xe9)
        | (a == 0xea) & (b >= 0xb0)
        | (a == 0xeb)
        | (a == 0xec)
        | (a == 0xed) & (b < 0x9f);
    (a >= 0xc2) & !sure
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::char::canonical_combining_class;

    use super::super::testing::{clean, clean_with, counts, settings};
    use super::*;
    use crate::rules::Value;

    fn nfkc() -> Settings {
        settings("unicode").with_value("form", Value::Text("nfkc".into()))
    }

    #[test]
    fn letters_and_marks_are_joined() {
        assert_eq!(
            clean("unicode", "Cafe\u{301} u\u{308}ber \u{212b} \u{1100}\u{1161}\u{11a8}"),
            "Café über Å 각"
        );
        assert_eq!(clean("unicode", "a\u{0323}\u{307}x \u{f900}"), "ạ\u{307}x 豈");
        assert_eq!(counts("unicode", "e\u{301}e\u{301} \u{212a}"), [("normalized", 3)]);
        assert_eq!(clean_with(&nfkc(), "ﬁ ① Ａ１ ½　x…"), "fi 1 A1 1⁄2 x...");
    }

    #[test]
    fn what_is_normalized_stays() {
        for text in
            ["", "Café über Å", "ﬁ ① Ａ１　…", "中文，标点。", "한국어", "Việt Nam", "हिन्दी", "\u{301}"]
        {
            assert_eq!(clean("unicode", text), text);
        }
    }

    #[test]
    fn every_code_point_that_may_change_is_looked_at() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            let [a, b, third] = triple(text.as_bytes(), 0);
            let is_mark = canonical_combining_class(c) != 0;
            if is_mark || is_nfc_quick([c].into_iter()) != IsNormalized::Yes {
                assert!(may_change(a, b, third), "{c:?}");
            }
            if is_mark || is_nfkc_quick([c].into_iter()) != IsNormalized::Yes {
                assert!(may_change_for_compatibility(a, b, third), "{c:?}");
            }
            let inside = text.as_bytes().iter().skip(1);
            assert!(inside.copied().all(|byte| !may_change(byte, 0x80, 0x80)));
        }
    }

    proptest! {
        #[test]
        fn pieces_make_the_form_of_the_whole(
            text in "[a-eé中\u{300}-\u{32f}\u{1100}-\u{1112}\u{1161}-\u{1175}\u{11a8}-\u{11b0}가각\u{212b}ﬁ\u{f900}か\u{3099}]{0,30}|\\PC{0,30}",
        ) {
            prop_assert_eq!(clean("unicode", &text), text.nfc().collect::<String>());
            prop_assert_eq!(clean_with(&nfkc(), &text), text.nfkc().collect::<String>());
        }
    }
}
