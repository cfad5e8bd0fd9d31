//! Words as filters count them.
//!
//! A chunk between white space is cut as spaCy's English tokenizer cuts it, by rules instead of its lists: quotes,
//! brackets, punctuation, currency and pictures at its ends are words of their own, dots in a row one; `n't`, `'s` and
//! their like are words; hyphens, slashes and their like between letters cut. An address with `://` stays whole. Each
//! character of a script that writes without spaces is a word, or jieba cuts Chinese.

use std::ops::BitOr;
use std::sync::LazyLock;

use jieba_rs::Jieba;

use super::Marks;
use super::chars::{self, AFFIX, CLASSES, END, LETTER, OWN, PUNCTUATION, SPACE, WORD};
use crate::rules::{ChineseWords, Form};
use crate::work::steps;

/// Loaded when the first text asks for it: its dictionary takes time and room.
static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// A word: a range of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its first byte.
    pub start: u32,
    /// The byte behind its last.
    pub end: u32,
    /// Its code points.
    pub chars: u32,
    /// Whether it holds a letter.
    pub has_letter: bool,
    /// Whether it holds nothing but punctuation.
    pub is_symbol: bool,
    /// Whether it is a character that ends a sentence.
    pub is_end: bool,
    /// Whether it is one character of a script that writes without spaces: most stand within a word.
    pub is_character: bool,
}

impl Word {
    /// The word itself.
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start as usize..self.end as usize]
    }
}

/// The words of a text, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<Word>);

impl std::ops::Deref for Words {
    type Target = [Word];

    fn deref(&self) -> &[Word] {
        &self.0
    }
}

impl Words {
    /// No words, with room for so many.
    pub(crate) fn with_capacity(words: usize) -> Self {
        Self(Vec::with_capacity(words))
    }

    /// The words of a text, by its form.
    pub(super) fn of(text: &str, form: Form, chinese: ChineseWords) -> Self {
        // Places are numbers of 32 bits: what stands behind the first 4 GiB has no words.
        let text = &text[..text.floor_char_boundary(u32::MAX as usize)];
        // Five bytes a word of English, space included, is few; three of Chinese are exact.
        let mut cutter = Cutter::new(text, text.len() / 4 + 1);
        match (form, chinese) {
            (Form::Chinese, ChineseWords::Jieba) => cutter.cut_by_jieba(),
            _ => cutter.cut(),
        }
        Self(cutter.words)
    }

    /// Words that someone else found.
    pub(super) fn of_ranges(text: &str, ranges: &[(usize, usize)]) -> Self {
        let mut cutter = Cutter::new(text, ranges.len());
        for (start, end) in ranges {
            cutter.push(*start, *end);
        }
        Self(cutter.words)
    }

    /// Adds words of a text of which this place is now that place.
    pub(crate) fn extend_moved(&mut self, words: &[Word], from: usize, to: usize) {
        let moved = |at: u32| (at as usize - from + to) as u32;
        self.0.extend(words.iter().map(|word| Word {
            start: moved(word.start),
            end: moved(word.end),
            ..*word
        }));
    }
}

/// Cuts a text into words.
struct Cutter<'a> {
    text: &'a str,
    bytes: &'a [u8],
    classes: &'static [u8; 0x1_0000],
    words: Vec<Word>,
    /// What stands apart at the end of a chunk, from the right.
    suffixes: Vec<(usize, usize)>,
}

impl<'a> Cutter<'a> {
    /// With room for so many words.
    fn new(text: &'a str, words: usize) -> Self {
        let words = Vec::with_capacity(words);
        Self { text, bytes: text.as_bytes(), classes: &CLASSES, words, suffixes: Vec::new() }
    }

    fn push(&mut self, start: usize, end: usize) {
        steps(end - start);
        let (mut chars, mut any, mut all) = (0, 0, PUNCTUATION | END);
        let mut at = start;
        while at < end {
            let (class, length) = self.class_at(at);
            chars += 1;
            any |= class;
            all &= class;
            at += length;
        }
        self.add(start, end, chars, any, all);
    }

    /// Adds a word by the classes that any of its code points has, and those that all have.
    fn add(&mut self, start: usize, end: usize, chars: u32, any: u8, all: u8) {
        self.words.push(Word {
            start: start as u32,
            end: end as u32,
            chars,
            has_letter: any & LETTER != 0,
            is_symbol: all & PUNCTUATION != 0,
            is_end: chars == 1 && all & (PUNCTUATION | END) == PUNCTUATION | END,
            is_character: chars == 1 && any & (LETTER | OWN) == LETTER | OWN,
        });
    }

    /// Cuts at white space and characters that are words; what stands between them is a chunk.
    fn cut(&mut self) {
        let bytes = self.bytes;
        let mut others =
            Marks::of(bytes, |byte| (byte | 0x20).wrapping_sub(b'a') >= 26 && byte.wrapping_sub(b'0') >= 10);
        let mut at = 0;
        while at < bytes.len() {
            let end = others.next(at, bytes.len());
            // Most chunks are letters and digits of ASCII, then a space.
            if bytes.get(end).is_none_or(|byte| byte.is_ascii_whitespace()) {
                steps(end - at + 1);
                if end > at {
                    self.plain(at, end);
                }
                at = end + 1;
            } else {
                at = self.word_and_mark(at, end).unwrap_or_else(|| self.any(at, end));
            }
        }
    }

    /// Adds a word of letters and digits of ASCII.
    #[inline(always)]
    fn plain(&mut self, start: usize, end: usize) {
        let word = &self.bytes[start..end];
        let has_letter = word[0].is_ascii_alphabetic() || word.iter().any(u8::is_ascii_alphabetic);
        self.add(start, end, word.len() as u32, if has_letter { LETTER } else { WORD }, 0);
    }

    /// Most other chunks are a word of ASCII and a mark, then white space: cut here, if the one whose word ends there
    /// is. Where the next may start.
    #[inline]
    fn word_and_mark(&mut self, start: usize, end: usize) -> Option<usize> {
        let bytes = self.bytes;
        let last = if end > start { bytes[end - 1] } else { return None };
        let stands_apart = match bytes[end] {
            b',' | b';' | b':' | b'!' | b'?' | b')' | b'"' => true,
            b'.' => end - start > 1 && !last.is_ascii_uppercase() || last.is_ascii_digit(),
            _ => false,
        };
        if !stands_apart || !bytes.get(end + 1).is_none_or(|byte| byte.is_ascii_whitespace()) {
            return None;
        }
        steps(end - start + 2);
        self.plain(start, end);
        let mark = self.classes[usize::from(bytes[end])];
        self.add(end, end + 1, 1, mark, mark);
        Some(end + 2)
    }

    /// Cuts the chunk that starts here and goes beyond the letters and digits of ASCII in front, and what ends it: white
    /// space or characters that are words. Where the next may start.
    fn any(&mut self, start: usize, plain: usize) -> usize {
        let mut at = plain;
        let (mut any, mut count) = (0, (plain - start) as u32);
        let (mut class, mut length) = (0, 0);
        while at < self.bytes.len() {
            (class, length) = self.class_at(at);
            if class & (SPACE | OWN) != 0 {
                break;
            }
            any |= if class == 0 { AFFIX } else { class };
            count += 1;
            at += length;
        }
        steps(at - start + 1);
        if at > start {
            match any & !(LETTER | WORD) == 0 {
                true => {
                    let ascii = self.bytes[start..plain].iter().map(|byte| ASCII_WORD[usize::from(*byte)]);
                    self.add(start, at, count, ascii.fold(any, BitOr::bitor), 0);
                }
                false => self.chunk(start, at),
            }
        }
        while at < self.bytes.len() && class & OWN != 0 {
            steps(1);
            self.add(at, at + length, 1, class, class);
            at += length;
            if at < self.bytes.len() {
                (class, length) = self.class_at(at);
            }
        }
        at + if at < self.bytes.len() && class & SPACE != 0 { length } else { 0 }
    }

    /// Takes what stands apart off both ends of a chunk; the middle is cut by [`Cutter::middle`].
    fn chunk(&mut self, start: usize, end: usize) {
        let (mut start, mut end) = (start, end);
        while start < end {
            let length = prefix(&self.text[start..end]);
            if length == 0 {
                break;
            }
            self.push(start, start + length);
            start += length;
        }
        while start < end {
            let length = suffix(&self.text[start..end]);
            if length == 0 {
                break;
            }
            self.suffixes.push((end - length, end));
            end -= length;
        }
        if start < end {
            self.middle(start, end);
        }
        while let Some((start, end)) = self.suffixes.pop() {
            self.push(start, end);
        }
    }

    /// Cuts within a chunk.
    fn middle(&mut self, start: usize, end: usize) {
        let chunk = &self.text[start..end];
        let bytes = chunk.as_bytes();
        steps(3 * chunk.len());
        let behind_plain = |at: usize| {
            let other = bytes[at..].iter().position(|byte| ASCII_WORD[usize::from(*byte)] == 0);
            other.map_or(bytes.len(), |other| at + other)
        };
        let mut at = behind_plain(0);
        if at == bytes.len() {
            return self.plain(start, end);
        }
        let is_address = || memchr::memchr(b':', &bytes[at..]).is_some() && chunk.contains("://");
        if chunk.starts_with("www.") || is_address() {
            return self.push(start, end);
        }
        let first = |at: usize| chunk[at..].chars().next().unwrap_or('\0');
        let mut from = 0;
        let mut before = at.checked_sub(1).map_or('\0', |last| char::from(bytes[last]));
        while at < bytes.len() {
            let c = first(at);
            let mut behind = at + c.len_utf8();
            if at > from && cuts(before, c, first(behind)) {
                if c == '.' {
                    behind = chunk.len() - chunk[at..].trim_start_matches('.').len();
                    steps(behind - at);
                }
                self.word(start + from, start + at);
                self.push(start + at, start + behind);
                from = behind;
            }
            at = behind_plain(behind);
            before = if at > behind { char::from(bytes[at - 1]) } else { c };
        }
        if from < chunk.len() {
            self.word(start + from, end);
        }
    }

    /// A word, of which a contraction is a word of its own.
    fn word(&mut self, start: usize, end: usize) {
        steps(end - start);
        let word = &self.text[start..end];
        if word.bytes().all(|byte| ASCII_WORD[usize::from(byte)] != 0) {
            return self.plain(start, end);
        }
        let cut = end - contraction(word);
        if cut > start {
            self.push(start, cut);
        }
        if cut < end {
            self.push(cut, end);
        }
    }

    /// Jieba cuts Chinese and leaves everything else between white space a word for each run or character.
    fn cut_by_jieba(&mut self) {
        steps(self.text.len());
        for token in JIEBA.cut(self.text, true) {
            let word = chars::trim(token.word);
            if !word.is_empty() {
                // White space is a token of its own, if any.
                self.push(token.byte_start, token.byte_start + token.word.len());
            }
        }
    }

    /// The classes of the code point that starts at this byte, and its bytes.
    #[inline(always)]
    fn class_at(&self, at: usize) -> (u8, usize) {
        let classes = self.classes;
        let low = |byte: u8| usize::from(byte & 0x3f);
        match self.bytes[at..] {
            [ascii @ 0..0x80, ..] => (classes[usize::from(ascii)], 1),
            [first @ 0xe0..0xf0, second, third, ..] => {
                (classes[usize::from(first & 0xf) << 12 | low(second) << 6 | low(third)], 3)
            }
            [first @ 0xc0..0xe0, second, ..] => (classes[usize::from(first & 0x1f) << 6 | low(second)], 2),
            _ => {
                let c = self.text[at..].chars().next().unwrap_or(' ');
                (chars::class(c), c.len_utf8())
            }
        }
    }
}

/// The classes of letters and digits of ASCII; 0: another byte.
const ASCII_WORD: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        if byte.is_ascii_alphabetic() {
            classes[byte as usize] = LETTER | WORD;
        } else if byte.is_ascii_digit() {
            classes[byte as usize] = WORD;
        }
        byte += 1;
    }
    classes
};

/// Bytes of what stands apart at the start of a chunk.
fn prefix(chunk: &str) -> usize {
    let mut chars = chunk.chars();
    let Some(first) = chars.next() else { return 0 };
    match first {
        _ if first.is_ascii_alphanumeric() => 0,
        '.' => {
            let dots = chunk.len() - chunk.trim_start_matches('.').len();
            steps(dots);
            if dots > 1 { dots } else { 0 }
        }
        '+' if chars.next().is_some_and(|c| c.is_ascii_digit()) => 0,
        _ if chars::class(first) & AFFIX != 0 => first.len_utf8(),
        _ => 0,
    }
}

/// Bytes of what stands apart at the end of a chunk.
fn suffix(chunk: &str) -> usize {
    let mut chars = chunk.chars().rev();
    let Some(last) = chars.next() else { return 0 };
    let before = chars.next();
    match last {
        '.' => {
            let dots = chunk.len() - chunk.trim_end_matches('.').len();
            steps(dots);
            let Some(before) = before else { return 0 };
            let before_that = chars.next();
            // A full stop behind a word, but not the one of an abbreviation: `U.S.`, `e.g.`, `J.`, `f.`.
            let is_letter = before_that.is_none() && before.is_ascii_lowercase();
            let ends_word = !before.is_uppercase() && before_that != Some('.') && !is_letter
                || before.is_uppercase() && before_that.is_some_and(char::is_uppercase);
            if dots > 1 || ends_word { dots } else { 0 }
        }
        's' | 'S' if matches!(before, Some('\'' | '’')) => {
            let length = chunk.len() - chunk.trim_end_matches(last).trim_end_matches(['\'', '’']).len();
            steps(length);
            length
        }
        _ if last.is_ascii_alphanumeric() => 0,
        '+' if before.is_some_and(|c| c.is_ascii_digit()) => 1,
        '+' | '=' | '§' => 0,
        _ if chars::class(last) & AFFIX != 0 => last.len_utf8(),
        _ => 0,
    }
}

/// Whether `c` cuts a word between its neighbours.
fn cuts(before: char, c: char, after: char) -> bool {
    let is_letter = |c: char| chars::class(c) & LETTER != 0;
    let is_word = |c: char| is_letter(c) || c.is_ascii_digit();
    match c {
        '…' => true,
        '.' => after == '.' || before.is_lowercase() && after.is_uppercase(),
        ',' => is_letter(before) && is_letter(after),
        '-' | '–' | '—' | '~' if is_word(before) && is_letter(after) => true,
        '+' | '-' | '*' | '^' => before.is_ascii_digit() && (after.is_ascii_digit() || after == '-'),
        ':' | '<' | '>' | '=' | '/' => is_word(before) && is_letter(after),
        _ => false,
    }
}

/// Bytes of the contraction that ends a word: `n't`, `'re`, `'ve`, `'ll`, `'d`, `'m`.
fn contraction(word: &str) -> usize {
    // Most words hold no byte with which an apostrophe starts.
    if !word.bytes().any(|byte| matches!(byte, b'\'' | 0xe2)) {
        return 0;
    }
    let Some(at) = word.rfind(['\'', '’']) else { return 0 };
    let rest = word[at..].trim_start_matches(['\'', '’']);
    match rest {
        "t" | "T" if word[..at].ends_with(['n', 'N']) => word.len() - at + 1,
        "re" | "ve" | "ll" | "d" | "m" | "RE" | "VE" | "LL" | "D" | "M" => word.len() - at,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Text, TextRules};

    fn words(text: &str) -> Vec<&str> {
        Text::new(text, TextRules::default()).words().iter().map(|word| word.of(text)).collect()
    }

    #[test]
    fn chunks_are_cut_as_by_spacy() {
        assert_eq!(words("The quick fox."), ["The", "quick", "fox", "."]);
        assert_eq!(
            words("“Don't!” (it's $3.50, e.g. U.S. 1,000)"),
            ["“", "Do", "n't", "!", "”", "(", "it", "'s", "$", "3.50", ",", "e.g.", "U.S.", "1,000", ")"]
        );
        assert_eq!(words("a. b? (c. 5. end.)"), ["a.", "b", "?", "(", "c.", "5", ".", "end", ".", ")"]);
        assert_eq!(
            words("well-known and/or wait... so…on"),
            ["well", "-", "known", "and", "/", "or", "wait", "...", "so", "…", "on"]
        );
        assert_eq!(
            words("see https://a.b/c?d=e, foo@bar.com - x"),
            ["see", "https://a.b/c?d=e", ",", "foo@bar.com", "-", "x"]
        );
        assert_eq!(
            words("I'll we've end.Next a,b 3-4 -- #tag ..."),
            [
                "I", "'ll", "we", "'ve", "end", ".", "Next", "a", ",", "b", "3", "-", "4", "--", "#", "tag",
                "..."
            ]
        );
        assert_eq!(words(""), Vec::<&str>::new());
        assert_eq!(words(" \n\u{1c}"), Vec::<&str>::new());
    }

    #[test]
    fn each_character_of_chinese_is_a_word() {
        assert_eq!(
            words("净利润，增长3.5%（AI）。"),
            ["净", "利", "润", "，", "增", "长", "3.5", "%", "（", "AI", "）", "。"]
        );
    }

    #[test]
    fn a_word_knows_its_length_letters_and_symbols() {
        let text = "été 12 ... 中";
        let words = Text::new(text, TextRules::default());
        let facts: Vec<_> = words.words().iter().map(|w| (w.chars, w.has_letter, w.is_symbol)).collect();
        assert_eq!(facts, [(3, true, false), (2, false, false), (3, false, true), (1, true, false)]);
    }

    proptest! {
        #[test]
        fn words_and_white_space_are_the_whole_text(text in prop_oneof![
            "\\PC{0,40}",
            "[a-zA-Z0-9.,'’\"()/:…中文，。 \n-]{0,60}",
        ]) {
            let mut at = 0;
            for word in Text::new(&text, TextRules::default()).words().iter() {
                prop_assert!(text[at..word.start as usize].chars().all(super::super::is_space));
                prop_assert!(word.start < word.end);
                prop_assert_eq!(word.chars as usize, word.of(&text).chars().count());
                at = word.end as usize;
            }
            prop_assert!(text[at..].chars().all(super::super::is_space));
        }
    }
}
