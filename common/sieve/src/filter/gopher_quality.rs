//! Gopher's rules of quality.

use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::resources::Resources;
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Settings, Side};
use crate::text::{Text, is_space, split_lines};

const FAMILY: Family = Family {
    name: "gopher_quality",
    about: "too short or long, words of odd length, symbols, bullets, ellipses, too few letters or stop words",
    source: "Rae et al. 2021, arXiv:2112.11446, table A1, as in datatrove 0.10.1; Chinese: FineWeb-2 cmn_Hani",
    rules: &[
        Rule {
            name: "min_words",
            side: Side::AtLeast,
            defaults: Defaults::all(50.0),
            about: "words that are not all punctuation",
        },
        Rule {
            name: "max_words",
            side: Side::AtMost,
            defaults: Defaults::all(100_000.0),
            about: "words that are not all punctuation",
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
            defaults: Defaults::each(10.0, 5.0, 5.0),
            about: "mean code points of those words",
        },
        Rule {
            name: "max_hash_ratio",
            side: Side::AtMost,
            defaults: Defaults::all(0.1),
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
            defaults: Defaults::each(0.8, 0.735, 0.735),
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
    stop_words: [Vec<String>; 2],
}

impl GopherQuality {
    fn new(settings: &Settings) -> Self {
        let own = settings.texts("stop_words");
        let list = |published: &[&str]| match own.is_empty() {
            true => published.iter().map(|word| (*word).to_owned()).collect(),
            false => own.to_vec(),
        };
        Self { stop_words: [list(&ENGLISH), list(&CHINESE)] }
    }

    /// Different stop words among the words.
    fn stop_words(&self, text: &Text<'_>) -> usize {
        let list = &self.stop_words[text.form() as usize];
        let longest = list.iter().map(String::len).max().unwrap_or(0);
        let mut found = vec![false; list.len()];
        let mut count = 0;
        for word in text.words().iter() {
            if (word.end - word.start) as usize > longest {
                continue;
            }
            let word = word.of(text.raw());
            if let Some(at) = list.iter().position(|stop| stop == word)
                && !std::mem::replace(&mut found[at], true)
            {
                count += 1;
                if count == list.len() {
                    break;
                }
            }
        }
        count
    }
}

impl Filter for GopherQuality {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let raw = text.raw();
        let words = text.words();
        let all = words.len() as f64;
        let mut plain = 0_u64;
        let mut plain_chars = 0_u64;
        for word in words.iter().filter(|word| !word.is_symbol) {
            plain += 1;
            plain_chars += u64::from(word.chars);
        }
        check.rule("min_words", || plain as f64)?;
        check.rule("max_words", || plain as f64)?;
        // A text without words has no mean and no shares: nothing more can be said of it.
        if plain == 0 {
            return Ok(Verdict::Keep);
        }
        let mean = plain_chars as f64 / plain as f64;
        check.rule("min_mean_word_chars", || mean)?;
        check.rule("max_mean_word_chars", || mean)?;
        check.rule("max_hash_ratio", || memchr::memchr_iter(b'#', raw.as_bytes()).count() as f64 / all)?;
        check.rule("max_ellipsis_ratio", || ellipses(raw) as f64 / all)?;
        let share_of_lines = |is: fn(&str) -> bool| {
            let (mut lines, mut found) = (0_u64, 0_u64);
            for line in split_lines(raw) {
                lines += 1;
                found += u64::from(is(line));
            }
            found as f64 / lines as f64
        };
        check.rule("max_bullet_lines", || {
            share_of_lines(|line| line.trim_start_matches(is_space).starts_with(['•', '-']))
        })?;
        check.rule("max_ellipsis_lines", || {
            share_of_lines(|line| {
                let line = line.trim_end_matches(is_space);
                line.ends_with("...") || line.ends_with('…')
            })
        })?;
        check.rule("min_alphabetic_words", || {
            words.iter().filter(|word| word.has_letter).count() as f64 / all
        })?;
        check.rule("min_stop_words", || self.stop_words(text) as f64)?;
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
    }
}
