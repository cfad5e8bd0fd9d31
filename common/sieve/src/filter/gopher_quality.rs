//! Gopher's rules of quality.

use std::cell::LazyCell;

use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::resources::Resources;
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Settings, Side};
use crate::text::{Text, Word, split_lines, trim};
use crate::work::steps;

const FAMILY: Family = Family {
    name: "gopher_quality",
    about: "too short or long, words of odd length, symbols, bullets, ellipses, too few letters or stop words",
    source: "Rae et al. 2021, arXiv:2112.11446, table A1, as in datatrove 0.10.1; Chinese: FineWeb-2 cmn_Hani",
    rules: &[
        Rule {
            name: "min_words",
            side: Side::AtLeast,
            defaults: Defaults::each(50.0, 50.0, 48.0),
            about: "words that are not all punctuation; a Chinese character is 0.58 of one",
        },
        Rule {
            name: "max_words",
            side: Side::AtMost,
            defaults: Defaults::all(100_000.0),
            about: "words that are not all punctuation; a Chinese character is 0.58 of one",
        },
        Rule {
            name: "min_mean_word_chars",
            side: Side::AtLeast,
            defaults: Defaults::each(3.0, 1.0, 1.0),
            about: "mean code points of those words",
        },
        Rule {
            name: "max_mean_word_chars",
            side: Side::AtMost,
            defaults: Defaults::each(10.0, 5.0, 5.02),
            about: "mean code points of those words",
        },
        Rule {
            name: "max_hash_ratio",
            side: Side::AtMost,
            defaults: Defaults::each(0.1, 0.1, 0.1025),
            about: "`#` a word",
        },
        Rule {
            name: "max_ellipsis_ratio",
            side: Side::AtMost,
            defaults: Defaults::all(0.1),
            about: "`...` and `…` a word",
        },
        Rule {
            name: "max_bullet_lines",
            side: Side::AtMost,
            defaults: Defaults::all(0.9),
            about: "share of lines that start with `•` or `-`",
        },
        Rule {
            name: "max_ellipsis_lines",
            side: Side::AtMost,
            defaults: Defaults::all(0.3),
            about: "share of lines that end in an ellipsis",
        },
        Rule {
            name: "min_alphabetic_words",
            side: Side::AtLeast,
            defaults: Defaults::each(0.8, 0.735, 0.757),
            about: "share of words with a letter",
        },
        Rule {
            name: "min_stop_words",
            side: Side::AtLeast,
            defaults: Defaults::all(2.0),
            about: "different stop words",
        },
    ],
    options: &[Opt {
        name: "stop_words",
        kind: Kind::Texts,
        about: "instead of the published lists of both forms",
    }],
};

pub(super) const KIND: FilterKind = FilterKind {
    family: &FAMILY,
    build: |settings, _: &Resources| Ok(Box::new(GopherQuality::new(settings))),
};

/// The eight of Gopher.
const ENGLISH: [&str; 8] = ["the", "be", "to", "of", "and", "that", "have", "with"];
/// The 22 of FineWeb-2 for `cmn_Hani`; a text has one form of those that differ by script.
const CHINESE: [&str; 22] = [
    "的", "年", "在", "月", "是", "和", "日", "了", "於", "·", "為", "有", "被", "人", "中", "为", "他",
    "與", "後", "也", "而", "由",
];

/// `[filter.gopher_quality]`
struct GopherQuality {
    /// By form.
    stop_words: [StopWords; 2],
}

impl GopherQuality {
    fn new(settings: &Settings) -> Self {
        let own = settings.texts("stop_words");
        let list = |published: &[&str]| match own.is_empty() {
            true => StopWords::new(published.iter().map(|word| (*word).to_owned()).collect(), true),
            false => StopWords::new(own.to_vec(), false),
        };
        Self { stop_words: [list(&ENGLISH), list(&CHINESE)] }
    }
}

/// As characters these nearly always stand within a word, and are no stop words.
const RARELY_ALONE: [&str; 3] = ["人", "月", "日"];

/// Common words that hold a stop word of one character; those that most often did over Chinese pages cut by jieba.
const HOLD_STOP_WORDS: [&str; 59] = [
    "所有", "没有", "沒有", "只有", "具有", "含有", "带有", "还有", "拥有", "有些", "有效", "有用", "有关",
    "有时", "有人", "有限", "作为", "因为", "行为", "认为", "成为", "称为", "为了", "以为", "不是", "但是",
    "就是", "只是", "总是", "而是", "还是", "或是", "这是", "是否", "存在", "现在", "正在", "在于", "所在",
    "其中", "中断", "中间", "中文", "中国", "选中", "其他", "他们", "他們", "的话", "目的", "而且", "然而",
    "从而", "由于", "自由", "理由", "除了", "了解", "也许",
];

/// Words by their first eight bytes, which tell nearly all of them.
struct StopWords {
    list: Vec<StopWord>,
    /// A power of two of them, so many that most other words find theirs free: the place of a word in the list and 1; 0
    /// is free.
    slots: Vec<u16>,
    /// Then those of one character are words of their own only where they do not stand within another.
    is_published: bool,
    /// Keys of [`HOLD_STOP_WORDS`], sorted.
    hold_stop_words: [u64; HOLD_STOP_WORDS.len()],
}

struct StopWord {
    text: String,
    key: u64,
    is_rarely_alone: bool,
}

impl StopWords {
    fn new(mut list: Vec<String>, is_published: bool) -> Self {
        list.sort_unstable();
        list.dedup();
        // More words than any language has; their places are small numbers.
        list.truncate(usize::from(u16::MAX));
        let stop_word = |text: String| StopWord {
            key: key_of(text.as_bytes(), 0, text.len()),
            is_rarely_alone: RARELY_ALONE.contains(&text.as_str()),
            text,
        };
        let list: Vec<StopWord> = list.into_iter().map(stop_word).collect();
        let mut slots = vec![0; (16 * list.len()).next_power_of_two()];
        for (place, word) in (1..).zip(&list) {
            let mut slot = first_slot(word.key, slots.len());
            while slots[slot] != 0 {
                slot = (slot + 1) & (slots.len() - 1);
            }
            slots[slot] = place;
        }
        let mut hold_stop_words = HOLD_STOP_WORDS.map(|pair| key_of(pair.as_bytes(), 0, pair.len()));
        hold_stop_words.sort_unstable();
        Self { list, slots, is_published, hold_stop_words }
    }

    /// The place of a word in the list.
    #[inline]
    fn find(&self, raw: &str, word: &Word) -> Option<usize> {
        let (start, end) = (word.start as usize, word.end as usize);
        let key = key_of(raw.as_bytes(), start, end);
        let mut slot = first_slot(key, self.slots.len());
        loop {
            steps(1);
            let place = usize::from(self.slots[slot]).checked_sub(1)?;
            let stop = &self.list[place];
            if stop.key == key
                && stop.text.len() == end - start
                && (end - start <= 8 || stop.text == raw[start..end])
            {
                return Some(place);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// Different ones among the words.
    fn count(&self, text: &Text<'_>) -> usize {
        let raw = text.raw();
        let may_be_within_words = self.is_published && text.is_of_characters();
        let mut found = vec![false; self.list.len()];
        let mut count = 0;
        for word in text.words().iter() {
            if let Some(at) = self.find(raw, word)
                && !found[at]
                && !(may_be_within_words && self.is_within_a_word(raw, word, at))
            {
                found[at] = true;
                count += 1;
                if count == self.list.len() {
                    break;
                }
            }
        }
        count
    }

    /// Whether a stop word that is a character is a part of a word there.
    fn is_within_a_word(&self, text: &str, stop: &Word, at: usize) -> bool {
        let (start, end) = (stop.start as usize, stop.end as usize);
        let before = text[..start].chars().next_back().map_or(start, |c| start - c.len_utf8());
        let after = text[end..].chars().next().map_or(end, |c| end + c.len_utf8());
        // Pairs of Han characters have six bytes; what has more than eight is none of them.
        let holds = |start: usize, end: usize| {
            let key = key_of(text.as_bytes(), start, end);
            end - start <= 8 && self.hold_stop_words.binary_search(&key).is_ok()
        };
        self.list[at].is_rarely_alone || holds(before, end) || holds(start, after)
    }
}

/// The first eight bytes of a range, or all of them and zeros.
#[inline]
fn key_of(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = (end - start).min(8);
    match bytes[start..].first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight) & (u64::MAX >> (64 - 8 * length.max(1))),
        None => bytes[start..start + length].iter().rev().fold(0, |key, byte| key << 8 | u64::from(*byte)),
    }
}

/// Where a key is looked for first among so many slots, a power of two.
#[inline]
fn first_slot(key: u64, slots: usize) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (slots - 1)
}

/// Lines of Python's `splitlines`.
#[derive(Default)]
struct Lines {
    all: u64,
    /// With `•` or `-` at the start.
    bullets: u64,
    /// With an ellipsis at the end.
    ellipses: u64,
}

impl Lines {
    fn of(text: &str) -> Self {
        let mut lines = Self::default();
        for line in split_lines(text) {
            let line = trim(line);
            lines.all += 1;
            lines.bullets += u64::from(line.starts_with(['•', '-']));
            lines.ellipses += u64::from(line.ends_with("...") || line.ends_with('…'));
        }
        lines
    }
}

impl Filter for GopherQuality {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let raw = text.raw();
        let words = text.words();
        let (mut plain, mut plain_chars, mut characters) = (0, 0, 0);
        // Each word below for its sums, and for its letters.
        steps(2 * words.len());
        for word in words.iter() {
            // A factor, for a branch would often be guessed wrong.
            let is_plain = usize::from(!word.is_symbol);
            plain += is_plain;
            plain_chars += is_plain * word.chars as usize;
            characters += is_plain * usize::from(word.is_character);
        }
        let all = text.count_of(words.len(), characters);
        let plain = text.count_of(plain, characters);
        check.rule("min_words", || plain)?;
        check.rule("max_words", || plain)?;
        // A text without words has no mean and no shares: nothing more can be said of it.
        if plain == 0.0 {
            return Ok(Verdict::Keep);
        }
        let mean = plain_chars as f64 / plain;
        check.rule("min_mean_word_chars", || mean)?;
        check.rule("max_mean_word_chars", || mean)?;
        // Hashes and ellipses.
        steps(3 * raw.len());
        check.rule("max_hash_ratio", || memchr::memchr_iter(b'#', raw.as_bytes()).count() as f64 / all)?;
        check.rule("max_ellipsis_ratio", || ellipses(raw) as f64 / all)?;
        let lines = LazyCell::new(|| Lines::of(raw));
        check.rule("max_bullet_lines", || lines.bullets as f64 / lines.all as f64)?;
        check.rule("max_ellipsis_lines", || lines.ellipses as f64 / lines.all as f64)?;
        check.rule("min_alphabetic_words", || {
            let alphabetic = words.iter().filter(|word| word.has_letter).count();
            text.count_of(alphabetic, characters) / all
        })?;
        check.rule("min_stop_words", || self.stop_words[text.form() as usize].count(text) as f64)?;
        Ok(Verdict::Keep)
    }
}

/// `...`, from the left without overlap, and `…`.
fn ellipses(text: &str) -> usize {
    memchr::memmem::find_iter(text.as_bytes(), "...").count()
        + memchr::memmem::find_iter(text.as_bytes(), "…").count()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{drop_of, published};
    use crate::rules::Value;

    const ENGLISH_TEXT: &str = "the profit of the company was higher than that of the year before, and the board \
        proposed a dividend with effect from May; ";

    #[test]
    fn a_text_fails_the_first_rule_in_order() {
        let settings = published("gopher_quality");
        let judge = |text: &str| drop_of(&settings, text);
        assert_eq!(judge(""), Some(("min_words", 0.0, 50.0)));
        assert_eq!(judge(&ENGLISH_TEXT.repeat(4)), None);
        let rule = |text: String| judge(&text).map(|(rule, _, _)| rule);
        assert_eq!(rule("a b ".repeat(60)), Some("min_mean_word_chars"));
        assert_eq!(rule("internationalisation ".repeat(60)), Some("max_mean_word_chars"));
        assert_eq!(rule(format!("{} {}", ENGLISH_TEXT.repeat(4), "# ".repeat(30))), Some("max_hash_ratio"));
        assert_eq!(
            rule(format!("{} {}", ENGLISH_TEXT.repeat(4), "… ".repeat(30))),
            Some("max_ellipsis_ratio")
        );
        assert_eq!(rule(format!("- {ENGLISH_TEXT}\n").repeat(4)), Some("max_bullet_lines"));
        assert_eq!(rule(format!("{ENGLISH_TEXT}...\n").repeat(4)), Some("max_ellipsis_lines"));
        assert_eq!(
            rule(format!("{} {}", ENGLISH_TEXT.repeat(4), "2024 ".repeat(60))),
            Some("min_alphabetic_words")
        );
        assert_eq!(rule("profit company higher board ".repeat(20)), Some("min_stop_words"));
    }

    #[test]
    fn chinese_has_its_own_thresholds_and_stop_words() {
        let text = "公司的净利润在二零二四年同比增长，董事会提出了每股分红的方案。".repeat(4);
        assert_eq!(drop_of(&published("gopher_quality"), &text), None);
    }

    #[test]
    fn stop_words_are_a_setting() {
        let settings = published("gopher_quality")
            .with_value("stop_words", Value::Texts(vec!["profit".into(), "board".into()]));
        assert_eq!(drop_of(&settings, &"profit company higher board ".repeat(20)), None);
        let settings = published("gopher_quality")
            .with_value("stop_words", Value::Texts(vec!["人".into(), "月".into()]));
        assert_eq!(drop_of(&settings, &"工人们每月去银行办理业务，".repeat(20)), None);
        let fails = drop_of(&published("gopher_quality"), &"工人们每月去银行办理业务，".repeat(20));
        assert_eq!(fails.map(|(rule, ..)| rule), Some("min_stop_words"));
    }
}
