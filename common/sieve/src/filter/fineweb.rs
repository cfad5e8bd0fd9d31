//! FineWeb's own rules.

use super::seen::{Duplicates, Seen};
use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Settings, Side};
use crate::text::{Text, is_space, is_terminal};
use crate::work::steps;

const FAMILY: Family = Family {
    name: "fineweb",
    about: "lists: lines without an end of a sentence, short ones, those that repeat, too many of them",
    source: "Penedo et al. 2024, arXiv:2406.17557, as in datatrove 0.10.1; Chinese: FineWeb-2 cmn_Hani",
    rules: &[
        Rule {
            name: "min_lines",
            side: Side::AtLeast,
            defaults: Defaults::all(1.0),
            about: "lines that are not blank",
        },
        Rule {
            name: "min_terminal_lines",
            side: Side::AtLeast,
            defaults: Defaults::each(0.12, 0.106, 0.106),
            about: "share of those lines that end with the end of a sentence, like `.`, `!`, `。`",
        },
        Rule {
            name: "max_short_lines",
            side: Side::AtMost,
            defaults: Defaults::each(0.67, 0.0, 0.0),
            about: "share of those lines that have `short_line_chars` or fewer",
        },
        Rule {
            name: "max_duplicate_line_chars",
            side: Side::AtMost,
            defaults: Defaults::each(0.01, 0.1, 0.1),
            about: "characters of those lines that were there before, over those of the text",
        },
        Rule {
            name: "max_newlines_per_word",
            side: Side::AtMost,
            defaults: Defaults::each(0.3, 0.178, 0.178),
            about: "line feeds a word",
        },
    ],
    options: &[Opt {
        name: "short_line_chars",
        kind: Kind::Integer(30),
        about: "code points of a line that is just short",
    }],
};

pub(super) const KIND: FilterKind =
    FilterKind { family: &FAMILY, build: |settings, _| Ok(Box::new(FineWeb::new(settings))) };

/// `[filter.fineweb]`
struct FineWeb {
    short_line_chars: usize,
}

/// What the rules on lines ask.
#[derive(Default)]
struct Lines {
    newlines: usize,
    /// Ended by the end of a sentence.
    terminal: usize,
    short: usize,
    /// Of all that are not blank.
    duplicates: Duplicates,
}

impl FineWeb {
    fn new(settings: &Settings) -> Self {
        let chars = settings.integer("short_line_chars");
        Self { short_line_chars: usize::try_from(chars).unwrap_or(usize::MAX) }
    }

    fn lines(&self, text: &Text<'_>) -> Lines {
        let mut lines = Lines::default();
        let mut seen = Seen::new(0, text.key());
        let mut all = 0;
        for line in text.lines() {
            all += 1;
            // For white space; no more of a line is looked at to tell whether it is short.
            steps(line.len() + 1);
            if line.chars().all(is_space) {
                continue;
            }
            lines.terminal += usize::from(line.chars().next_back().is_some_and(is_terminal));
            lines.short += usize::from(self.is_short(line));
            lines.duplicates.add(line, &mut seen);
        }
        lines.newlines = all - 1;
        lines
    }

    fn is_short(&self, line: &str) -> bool {
        // A code point has at most four bytes: few lines need to be counted.
        line.len() <= self.short_line_chars
            || line.len() / 4 <= self.short_line_chars && line.chars().count() <= self.short_line_chars
    }
}

impl Filter for FineWeb {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let lines = self.lines(text);
        check.rule("min_lines", || lines.duplicates.parts as f64)?;
        if lines.duplicates.parts == 0 {
            return Ok(Verdict::Keep);
        }
        let all = lines.duplicates.parts as f64;
        check.rule("min_terminal_lines", || lines.terminal as f64 / all)?;
        check.rule("max_short_lines", || lines.short as f64 / all)?;
        check.rule("max_duplicate_line_chars", || {
            lines.duplicates.chars as f64 / (text.chars() - lines.newlines) as f64
        })?;
        check.rule("max_newlines_per_word", || match lines.newlines {
            // Then nobody needs to know the words.
            0 => 0.0,
            newlines => newlines as f64 / text.count_of_words(),
        })?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{drop_of, published};

    fn drop(text: &str) -> Option<(&'static str, f64)> {
        drop_of(&published("fineweb"), text).map(|(rule, value, _)| (rule, value))
    }

    const LINE: &str = "The board proposed a dividend of two per cent for the year";

    #[test]
    fn a_text_fails_the_first_rule_in_order() {
        assert_eq!(drop(""), Some(("min_lines", 0.0)));
        assert_eq!(drop(" \n\u{1c}\n"), Some(("min_lines", 0.0)));
        assert_eq!(drop(&format!("{LINE}\n")), Some(("min_terminal_lines", 0.0)));
        assert_eq!(drop("short.\nlines.\n\nall."), Some(("max_short_lines", 1.0)));
        assert_eq!(
            drop(&format!("{LINE}.\n{LINE}.")).map(|(rule, _)| rule),
            Some("max_duplicate_line_chars")
        );
        assert_eq!(
            drop(&format!("{LINE}.{}.", "\n".repeat(20))),
            Some(("max_newlines_per_word", 20.0 / 14.0))
        );
        assert_eq!(drop(&format!("{LINE}.\nAnother line of more than thirty characters.")), None);
    }

    #[test]
    fn lines_end_where_they_end_white_space_included() {
        assert_eq!(drop(&format!("{LINE}. \n{LINE}.\r")), Some(("min_terminal_lines", 0.0)));
    }

    #[test]
    fn a_line_of_thirty_characters_is_short() {
        assert_eq!(drop(&format!("{}.", "é".repeat(29))), Some(("max_short_lines", 1.0)));
        assert_eq!(drop(&format!("{}.", "é".repeat(30))), None);
    }

    #[test]
    fn chinese_lines_may_be_short() {
        assert_eq!(drop("净利润增长。\n董事会提出分红方案。"), None);
    }
}
