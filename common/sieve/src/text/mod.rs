//! The shared views of a text: each is computed once, however many filters ask.

mod chars;
mod lines;
mod marks;
mod words;

use std::cell::OnceCell;

pub use chars::{is_alphabetic, is_han, is_punctuation, is_space, is_terminal, trim};
pub(crate) use chars::{is_character, is_spaced_word};
pub use lines::{line_ranges, split_lines, split_on_newline_runs, split_on_newlines};
pub(crate) use marks::Marks;
pub use words::{Word, Words};

use xxhash_rust::xxh3::xxh3_64;

use crate::rules::{ChineseWords, Form};
use crate::work::steps;

/// Which form of the rules a job wants for a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// The one that fits its script.
    #[default]
    Auto,
    /// Always [`Form::General`].
    General,
    /// Always [`Form::Chinese`].
    Chinese,
}

/// What a job says of all its texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextRules {
    /// Which form of the rules.
    pub language: Language,
    /// What counts as a word of Chinese.
    pub words: ChineseWords,
}

/// A character of Chinese as a part of a word: over Chinese pages and over the documents of `tests/parity`, 0.56 to 0.59
/// words of jieba stand for one.
const WORDS_A_CHARACTER: f64 = 0.58;

/// A text and its views.
pub struct Text<'a> {
    raw: &'a str,
    rules: TextRules,
    url: Option<&'a str>,
    chars: OnceCell<usize>,
    key: OnceCell<u64>,
    form: OnceCell<Form>,
    words: OnceCell<Words>,
    /// How many sentences each of [`split_lines`] has, if another has counted them.
    sentences: Option<&'a [u64]>,
    /// Words of the text that a filter makes of this one.
    handed_on: OnceCell<Words>,
}

impl<'a> Text<'a> {
    /// The views of a text.
    pub fn new(raw: &'a str, rules: TextRules) -> Self {
        Self {
            raw,
            rules,
            url: None,
            chars: OnceCell::new(),
            key: OnceCell::new(),
            form: OnceCell::new(),
            words: OnceCell::new(),
            sentences: None,
            handed_on: OnceCell::new(),
        }
    }

    /// With the address where it was found, if it has one.
    #[must_use]
    pub fn with_url(self, url: Option<&'a str>) -> Self {
        Self { url, ..self }
    }

    /// As another has split it: words, which are byte ranges in the order of the text, and how many sentences each of
    /// [`split_lines`] has.
    pub fn split_by_another(
        raw: &'a str,
        rules: TextRules,
        words: &[(usize, usize)],
        sentences: &'a [u64],
    ) -> Self {
        let text = Self { sentences: Some(sentences), ..Self::new(raw, rules) };
        let words = Words::of_ranges(raw, words);
        text.words.get_or_init(|| words);
        text
    }

    /// The text.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Where it was found.
    pub fn url(&self) -> Option<&'a str> {
        self.url
    }

    /// Its code points.
    pub fn chars(&self) -> usize {
        *self.chars.get_or_init(|| chars::count(self.raw))
    }

    /// A hash of all of it. Tables of its parts are laid out by it.
    pub(crate) fn key(&self) -> u64 {
        *self.key.get_or_init(|| {
            steps(self.raw.len());
            xxh3_64(self.raw.as_bytes())
        })
    }

    /// Which form of the rules holds: where the language is `auto`, Chinese if at least a third of the letters are Han
    /// characters. (A character of Chinese says about as much as a short word, so that in a text of a third the larger
    /// part is Chinese.)
    pub fn form(&self) -> Form {
        *self.form.get_or_init(|| match self.rules.language {
            Language::General => Form::General,
            Language::Chinese => Form::Chinese,
            Language::Auto if chars::is_mostly_han(self.raw) => Form::Chinese,
            Language::Auto => Form::General,
        })
    }

    /// Its words.
    pub fn words(&self) -> &Words {
        self.words.get_or_init(|| Words::of(self.raw, self.form(), self.rules.words))
    }

    /// The sentences of a line, if another has counted them.
    pub(crate) fn sentences_of(&self, line: usize) -> Option<u64> {
        self.sentences.map(|sentences| sentences.get(line).copied().unwrap_or_default())
    }

    /// Whether its words are characters, which are parts of words.
    pub fn is_of_characters(&self) -> bool {
        self.rules.words == ChineseWords::Characters && self.form() == Form::Chinese
    }

    /// How many words this many are, of which so many are characters: one of Chinese counts 0.58, so that shares and
    /// lengths are about those of words.
    pub fn count_of(&self, words: usize, characters: usize) -> f64 {
        match self.is_of_characters() {
            true => (words - characters) as f64 + WORDS_A_CHARACTER * characters as f64,
            false => words as f64,
        }
    }

    /// How many words the text has, as [`Text::count_of`] counts.
    pub fn count_of_words(&self) -> f64 {
        let words = self.words();
        let characters = match self.is_of_characters() {
            true => words.iter().filter(|word| word.is_character).count(),
            false => 0,
        };
        self.count_of(words.len(), characters)
    }

    /// The words of another text, say of one of its lines, changed, by the same rules.
    pub fn words_of(&self, text: &str) -> Words {
        Words::of(text, self.form(), self.rules.words)
    }

    /// Leaves the words of the text that a filter makes of this one, as [`Text::words_of`] would find them: they are
    /// not looked for again. Jieba may be asked for only one of both texts, so that its words are not left.
    pub(crate) fn hand_on(&self, words: Words) {
        if self.rules.words == ChineseWords::Characters {
            self.handed_on.get_or_init(|| words);
        }
    }

    /// What was left by [`Text::hand_on`].
    pub(crate) fn into_handed_on(self) -> Option<Words> {
        self.handed_on.into_inner()
    }

    /// With words that were left for it.
    pub(crate) fn knowing(self, words: Option<Words>) -> Self {
        if let Some(words) = words {
            self.words.get_or_init(|| words);
        }
        self
    }

    /// What stands between `\n`, one after the other, those between nothing too.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        split_on_newlines(self.raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_script_of_the_letters() {
        let form = |text: &str| Text::new(text, TextRules::default()).form();
        assert_eq!(form("the net profit of the year"), Form::General);
        assert_eq!(form("净利润同比增长百分之三十"), Form::Chinese);
        assert_eq!(form("净利润 (net profit) 同比增长"), Form::Chinese);
        assert_eq!(form("the word 利润 is profit"), Form::General);
        assert_eq!(form("123 --- 456"), Form::General);
        assert_eq!(form(""), Form::General);
        let chinese = TextRules { language: Language::Chinese, ..TextRules::default() };
        assert_eq!(Text::new("profit", chinese).form(), Form::Chinese);
    }
}
