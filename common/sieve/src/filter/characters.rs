//! Shares of kinds of characters and words, from several published sets of rules.

use hashbrown::HashMap;

use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::rules::{Defaults, Family, Rule, Side};
use crate::text::{Text, is_alphabetic, is_han, is_space, trim};
use crate::work::steps;

const FAMILY: Family = Family {
    name: "characters",
    about: "too many digits, brackets or symbols, too few Han characters or different words, short lines",
    source: "MAP-NEO (Zhang et al. 2024, arXiv:2405.19327), ChineseWebText (Chen et al. 2023, arXiv:2311.01149), \
        Data-Juicer (Chen et al. 2023, arXiv:2309.02033): each rule names its own",
    rules: &[
        Rule {
            name: "max_special_chars",
            side: Side::AtMost,
            defaults: Defaults::all(0.25),
            about: "share of code points that are no letters or marks, white space included (Data-Juicer)",
        },
        Rule {
            name: "max_brackets",
            side: Side::AtMost,
            defaults: Defaults::all(0.1),
            about: "share of code points that are brackets (MAP-NEO)",
        },
        Rule {
            name: "min_han",
            side: Side::AtLeast,
            defaults: Defaults::each(0.0, 0.3, 0.3),
            about: "share of code points that are Han characters (ChineseWebText)",
        },
        Rule {
            name: "min_mean_line_chars",
            side: Side::AtLeast,
            defaults: Defaults::each(0.0, 10.0, 10.0),
            about: "mean code points of lines that are not blank (ChineseWebText)",
        },
        Rule {
            name: "max_digit_words",
            side: Side::AtMost,
            defaults: Defaults::all(0.3),
            about: "share of words that are numbers (MAP-NEO)",
        },
        Rule {
            name: "min_unique_words",
            side: Side::AtLeast,
            // Of characters a long text has few that differ.
            defaults: Defaults::each(0.1, 0.1, 0.0),
            about: "different words a word (MAP-NEO)",
        },
        Rule {
            name: "min_unigram_entropy",
            side: Side::AtLeast,
            defaults: Defaults::all(3.0),
            about: "entropy of the words in nats; 3 is that of 20 words of equal number (MAP-NEO)",
        },
    ],
    options: &[],
};

pub(super) const KIND: FilterKind = FilterKind { family: &FAMILY, build: |_, _| Ok(Box::new(Characters)) };

/// `[filter.characters]`
struct Characters;

impl Filter for Characters {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let raw = text.raw();
        // An empty text has no shares: nothing can be said of it.
        if trim(raw).is_empty() {
            return Ok(Verdict::Keep);
        }
        let counts = Counts::of(raw);
        let share = |count: u64| count as f64 / counts.all as f64;
        check.rule("max_special_chars", || share(counts.special))?;
        check.rule("max_brackets", || share(counts.brackets))?;
        check.rule("min_han", || share(counts.han))?;
        check.rule("min_mean_line_chars", || mean_line(text))?;
        let words = text.words();
        let all = words.len() as f64;
        check.rule("max_digit_words", || {
            steps(raw.len());
            words.iter().filter(|word| !word.has_letter && is_number(word.of(raw))).count() as f64 / all
        })?;
        if !check.is_on("min_unique_words") && !check.is_on("min_unigram_entropy") {
            return Ok(Verdict::Keep);
        }
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        for word in words.iter() {
            steps((word.end - word.start) as usize + 1);
            *numbers.entry(word.of(raw)).or_default() += 1;
        }
        check.rule("min_unique_words", || numbers.len() as f64 / all)?;
        check.rule("min_unigram_entropy", || entropy(numbers.values().copied(), all))?;
        Ok(Verdict::Keep)
    }
}

/// Code points by kind.
#[derive(Default)]
struct Counts {
    all: u64,
    special: u64,
    brackets: u64,
    han: u64,
}

impl Counts {
    fn of(text: &str) -> Self {
        steps(text.len());
        let mut counts = Self::default();
        for c in text.chars() {
            counts.all += 1;
            if is_han(c) {
                counts.han += 1;
            } else if !is_alphabetic(c) && !is_mark(c) {
                counts.special += 1;
                counts.brackets += u64::from(is_bracket(c));
            }
        }
        counts
    }
}

/// Part of a letter that it stands behind.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && crate::text::is_spaced_word(c) && !c.is_numeric()
}

fn is_bracket(c: char) -> bool {
    matches!(
        c,
        '(' | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '（'
            | '）'
            | '［'
            | '］'
            | '【'
            | '】'
            | '〔'
            | '〕'
            | '｛'
            | '｝'
    )
}

/// Whether a word is a number: digits, with `.`, `,`, `%` or signs among them.
fn is_number(word: &str) -> bool {
    let is_part = |c: char| c.is_numeric() || matches!(c, '.' | ',' | '%' | '+' | '-' | '/' | ':');
    word.chars().any(char::is_numeric) && word.chars().all(is_part)
}

fn mean_line(text: &Text<'_>) -> f64 {
    let (mut lines, mut chars) = (0_u64, 0_u64);
    for line in text.lines().filter(|line| !line.chars().all(is_space)) {
        lines += 1;
        steps(2 * line.len());
        chars += line.chars().count() as u64;
    }
    chars as f64 / lines.max(1) as f64
}

/// Of words that stand so often each, in the same order wherever a table keeps them: another order of the sum is another
/// value.
fn entropy(numbers: impl Iterator<Item = u32>, all: f64) -> f64 {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.into_iter().fold(0.0, |sum, number| {
        let share = f64::from(number) / all;
        sum - share * share.ln()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{drop_of, published};
    use super::*;

    const ENGLISH: &str = "The net profit of the company was higher than that of the year before, and so the board \
        of directors proposed a dividend that will be paid to all shareholders with effect from early summer.";
    const CHINESE: &str =
        "公司的净利润在去年同比增长，董事会提出了每股分红的方案，并将于五月向全体股东支付现金红利。";

    fn rule(text: &str) -> Option<&'static str> {
        drop_of(&published("characters"), text).map(|(rule, _, _)| rule)
    }

    #[test]
    fn plain_text_stays() {
        assert_eq!(rule(ENGLISH), None);
        assert_eq!(rule(CHINESE), None);
        assert_eq!(rule(""), None);
        assert_eq!(rule(" \n "), None);
    }

    #[test]
    fn each_rule_drops_what_it_names() {
        assert_eq!(rule(&format!("{ENGLISH} {}", "== 42 ".repeat(20))), Some("max_special_chars"));
        let on = |name: &str, text: &str| {
            let mut settings = published("characters");
            for other in FAMILY.rules.iter().filter(|other| other.name != name) {
                settings = settings.with_threshold(other.name, 0.0);
            }
            drop_of(&settings, text).map(|(_, value, _)| value)
        };
        assert_eq!(on("max_brackets", "[a](b)【中】x"), Some(6.0 / 10.0));
        assert_eq!(on("min_han", "净利润 profit"), None);
        assert_eq!(on("min_han", "净利润 12 34 56 78"), Some(3.0 / 15.0));
        assert_eq!(on("min_han", ENGLISH), None);
        assert_eq!(on("min_mean_line_chars", "首页\n新闻\n\n联系我们\n"), Some(8.0 / 3.0));
        assert_eq!(on("min_mean_line_chars", "Home\nNews\n"), None);
        assert_eq!(on("max_digit_words", "12 34.5 6% of it"), Some(0.5));
        assert_eq!(on("max_digit_words", "第 3 章，净利润"), None);
        assert_eq!(on("min_unique_words", &"buy now ".repeat(20)), Some(0.05));
        assert_eq!(on("min_unique_words", &"净利润增长".repeat(100)), None);
        let four = on("min_unigram_entropy", &"one two three four ".repeat(20)).unwrap();
        assert!((four - 4.0_f64.ln()).abs() < 1e-9);
        assert!(on("min_unigram_entropy", &"买买买卖卖卖".repeat(20)).is_some());
        assert_eq!(on("min_unigram_entropy", CHINESE), None);
    }

    #[test]
    fn entropy_does_not_depend_on_the_order_of_a_table() {
        let numbers: Vec<u32> = (1..200).map(|n| n * n % 97 + 1).collect();
        let all = f64::from(numbers.iter().sum::<u32>());
        let value = entropy(numbers.iter().copied(), all);
        assert_eq!(value.to_bits(), entropy(numbers.iter().rev().copied(), all).to_bits());
    }

    #[test]
    fn marks_are_parts_of_letters() {
        let counts = Counts::of("हिन्दी é e\u{301}");
        assert_eq!((counts.all, counts.special), (11, 2));
    }

    proptest! {
        #[test]
        fn shares_are_shares(text in prop_oneof!["\\PC{0,40}", "[a1中(.\n ]{0,40}"]) {
            let mut settings = published("characters");
            for rule in FAMILY.rules {
                settings = settings.with_threshold(rule.name, if rule.side == Side::AtMost { 1.0 } else { 1e-9 });
            }
            if let Some((rule, value, _)) = drop_of(&settings, &text) {
                prop_assert!(value == 0.0 && (rule == "min_han" || rule == "min_unigram_entropy"), "{} {}", rule, value);
            }
        }
    }
}
