//! The rules of C4: lines that are no sentences go, then the text if too little is left.

use std::borrow::Cow;

use memchr::memchr;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Settings, Side};
use crate::text::{Marks, Text, Word, Words, is_space, line_ranges, trim};
use crate::work::steps;

/// FineWeb-2 does without C4 for Chinese: its ends of sentences and its words are those of ASCII.
const fn general(threshold: f64) -> Defaults {
    Defaults::each(threshold, 0.0, 0.0)
}

const FAMILY: Family = Family {
    name: "c4",
    about: "changes the text: lines go that are no sentences; then texts of a few sentences. Does nothing where all \
            its rules are off",
    source: "Raffel et al. 2020, arXiv:1910.10683, as in datatrove 0.10.1; Chinese: off, as in FineWeb-2",
    rules: &[
        Rule {
            name: "max_line_word_chars",
            side: Side::AtMost,
            defaults: general(1000.0),
            about: "code points of the longest word between spaces; a line with a longer one goes",
        },
        Rule {
            name: "min_line_words",
            side: Side::AtLeast,
            defaults: general(3.0),
            about: "words between spaces; a line of fewer goes",
        },
        Rule {
            name: "lorem_ipsum",
            side: Side::AtMost,
            defaults: general(0.5),
            about: "1 if a line that stays holds `lorem ipsum`, else 0",
        },
        Rule {
            name: "curly_bracket",
            side: Side::AtMost,
            defaults: general(0.5),
            about: "1 if a line that stays holds `{`, else 0",
        },
        Rule {
            name: "min_sentences",
            side: Side::AtLeast,
            defaults: general(5.0),
            about: "sentences in the lines that stay",
        },
    ],
    options: &[
        Opt {
            name: "terminal_punctuation",
            kind: Kind::Flag(true),
            about: "lines go that do not end in one of . ? ! \" ' or that end in `...`",
        },
        Opt {
            name: "remove_citations",
            kind: Kind::Flag(true),
            about: "`[1]`, `[edit]`, `[citation needed]` go",
        },
        Opt { name: "remove_javascript", kind: Kind::Flag(true), about: "lines go that hold `javascript`" },
        Opt {
            name: "remove_policies",
            kind: Kind::Flag(true),
            about: "lines go that speak of cookies, terms of use or privacy",
        },
    ],
};

pub(super) const KIND: FilterKind =
    FilterKind { family: &FAMILY, build: |settings, _| Ok(Box::new(C4::new(settings))) };

/// `[filter.c4]`
struct C4 {
    terminal_punctuation: bool,
    remove_citations: bool,
    remove_javascript: bool,
    remove_policies: bool,
}

/// Lines that hold one of these go.
const POLICIES: [&str; 6] =
    ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"];

impl C4 {
    fn new(settings: &Settings) -> Self {
        Self {
            terminal_punctuation: settings.flag("terminal_punctuation"),
            remove_citations: settings.flag("remove_citations"),
            remove_javascript: settings.flag("remove_javascript"),
            remove_policies: settings.flag("remove_policies"),
        }
    }
}

impl Filter for C4 {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        if FAMILY.rules.iter().all(|rule| !check.is_on(rule.name)) {
            return Ok(Verdict::Keep);
        }
        let raw = text.raw();
        let most_word_chars = check.threshold("max_line_word_chars");
        let fewest_words = check.threshold("min_line_words");
        let counts_sentences = check.is_on("min_sentences");
        let mut words = if counts_sentences { &**text.words() } else { &[] };
        let mut kept = String::with_capacity(raw.len());
        let mut kept_words = Words::with_capacity(words.len());
        let mut marks = Marks::of(raw.as_bytes(), is_mark);
        let mut lines = 0;
        let mut sentences = 0;
        for (number, range) in line_ranges(raw).enumerate() {
            let in_line = words.iter().take_while(|word| (word.start as usize) < range.end).count();
            let line_words;
            (line_words, words) = words.split_at(in_line);
            steps(in_line + 1);
            let unstripped = &raw[range.clone()];
            let line = trim(unstripped);
            if most_word_chars > 0.0 && has_longer_word(line, most_word_chars) {
                continue;
            }
            let cited = if self.remove_citations { without_citations(line) } else { Cow::Borrowed(line) };
            if self.terminal_punctuation && !ends_like_a_sentence(&cited) {
                continue;
            }
            if fewest_words > 0.0 && has_fewer_words(line, fewest_words) {
                continue;
            }
            let found = match &cited {
                Cow::Borrowed(line) => {
                    let start = range.end - unstripped.trim_start_matches(is_space).len();
                    Found::among(&mut marks, start, start + line.len())
                }
                Cow::Owned(line) => Found::in_line(line),
            };
            if found.lorem_ipsum {
                check.rule("lorem_ipsum", || 1.0)?;
            }
            if self.remove_javascript && found.javascript {
                continue;
            }
            if found.curly_bracket {
                check.rule("curly_bracket", || 1.0)?;
            }
            if self.remove_policies && found.policy {
                continue;
            }
            if lines > 0 {
                kept.push('\n');
            }
            lines += 1;
            if counts_sentences {
                let to = kept.len();
                let counted = match &cited {
                    Cow::Borrowed(_) => {
                        let start = range.end - unstripped.trim_start_matches(is_space).len();
                        kept_words.extend_moved(line_words, start, to);
                        count_sentences(raw, line_words, start + line.len())
                    }
                    Cow::Owned(line) => {
                        let words = text.words_of(line);
                        kept_words.extend_moved(&words, 0, to);
                        count_sentences(line, &words, line.len())
                    }
                };
                sentences += text.sentences_of(number).unwrap_or(counted);
            }
            steps(cited.len());
            kept.push_str(&cited);
        }
        check.rule("lorem_ipsum", || 0.0)?;
        check.rule("curly_bracket", || 0.0)?;
        check.rule("min_sentences", || sentences as f64)?;
        // A citation at the start or the end leaves the white space that stood beside it.
        let trimmed = trim(&kept);
        if trimmed == raw {
            return Ok(Verdict::Keep);
        }
        if trimmed.len() < kept.len() {
            return Ok(Verdict::Edit(trimmed.to_owned()));
        }
        if counts_sentences {
            text.hand_on(kept_words);
        }
        Ok(Verdict::Edit(kept))
    }
}

fn ends_like_a_sentence(line: &str) -> bool {
    line.ends_with(['.', '?', '!', '"', '\'']) && !line.ends_with("...")
}

fn has_longer_word(line: &str, chars: f64) -> bool {
    steps(2 * line.len());
    line.len() as f64 > chars
        && line.split(is_space).any(|word| word.len() as f64 > chars && word.chars().count() as f64 > chars)
}

fn has_fewer_words(line: &str, words: f64) -> bool {
    steps(line.len());
    let enough = words.ceil() as usize;
    let found = line.split(is_space).filter(|word| !word.is_empty()).take(enough).count();
    (found as f64) < words
}

/// The line without `[12]`, `[]`, `[edit]`, `[citation needed]`; what this makes is not looked at again.
fn without_citations(line: &str) -> Cow<'_, str> {
    let mut without: Option<String> = None;
    let (mut at, mut copied) = (0, 0);
    while let Some(found) = memchr(b'[', &line.as_bytes()[at..]) {
        let open = at + found;
        steps(found + 1);
        let length = citation(&line[open..]);
        if length == 0 {
            at = open + 1;
            continue;
        }
        without.get_or_insert_with(|| String::with_capacity(line.len())).push_str(&line[copied..open]);
        at = open + length;
        copied = at;
    }
    steps(line.len() - at);
    match without {
        None => Cow::Borrowed(line),
        Some(mut without) => {
            without.push_str(&line[copied..]);
            Cow::Owned(without)
        }
    }
}

/// Bytes of the citation at the start of the text, which is `[`; 0 if it is none.
fn citation(text: &str) -> usize {
    let is_digit = |c: char| c.is_ascii_digit() || c.general_category() == GeneralCategory::DecimalNumber;
    let fixed = ["[edit]", "[citation needed]"].into_iter().find(|fixed| text.starts_with(fixed));
    let behind_digits = text[1..].trim_start_matches(is_digit);
    steps(text.len() - behind_digits.len());
    match fixed {
        Some(fixed) => fixed.len(),
        None if behind_digits.starts_with(']') => text.len() - behind_digits.len() + 1,
        None => 0,
    }
}

/// U+212A.
const KELVIN: &str = "\u{212a}";

/// What a line holds, in whatever case.
#[derive(Default)]
struct Found {
    lorem_ipsum: bool,
    javascript: bool,
    curly_bracket: bool,
    policy: bool,
}

/// A rare letter and the byte behind it, where they stand in a phrase, and the phrase.
const PHRASES: [([u8; 2], usize, &str); 8] = [
    (*b"ja", 0, "javascript"),
    (*b"ki", 3, POLICIES[2]),
    (*b"ki", 8, POLICIES[3]),
    (*b"ki", 10, POLICIES[4]),
    (*b"ki", 7, POLICIES[5]),
    (*b"m ", 4, "lorem ipsum"),
    (*b"ms", 3, POLICIES[0]),
    (*b"va", 3, POLICIES[1]),
];

/// Bytes at which something may be found: the rare letters of [`PHRASES`], `{`, and the first byte of the Kelvin sign.
fn is_mark(byte: u8) -> bool {
    matches!(byte | 0x20, b'j' | b'k' | b'm' | b'v') || matches!(byte, b'{' | 0xe2)
}

impl Found {
    fn in_line(line: &str) -> Self {
        Self::among(&mut Marks::of(line.as_bytes(), is_mark), 0, line.len())
    }

    /// In the line between these places.
    fn among(marks: &mut Marks<'_, impl Fn(u8) -> bool>, start: usize, end: usize) -> Self {
        steps(end - start);
        let mut found = Self::default();
        let bytes = &marks.bytes()[..end];
        let mut next = start;
        loop {
            let at = marks.next(next, end);
            if at == end {
                return found;
            }
            next = at + 1;
            match bytes[at] {
                b'{' => found.curly_bracket = true,
                // The Kelvin sign is the one character whose lower case is ASCII and stands in a phrase.
                0xe2 if bytes[at..].starts_with(KELVIN.as_bytes()) => {
                    let line = String::from_utf8_lossy(&bytes[start..]);
                    return Self::in_line(&line.replace(KELVIN, "k"));
                }
                _ => found.phrases(&bytes[start..], at - start),
            }
        }
    }

    /// Notes the phrases around this letter.
    #[inline]
    fn phrases(&mut self, line: &[u8], at: usize) {
        let Some(letters) = line[at..].first_chunk::<2>() else { return };
        let letters = letters.map(|byte| byte.to_ascii_lowercase());
        for (_, place, phrase) in PHRASES.iter().filter(|(rare, ..)| *rare == letters) {
            let stands = at.checked_sub(*place).and_then(|start| line.get(start..start + phrase.len()));
            if stands.is_some_and(|stands| stands.eq_ignore_ascii_case(phrase.as_bytes())) {
                self.note(phrase);
            }
        }
    }

    fn note(&mut self, phrase: &str) {
        match phrase {
            "lorem ipsum" => self.lorem_ipsum = true,
            "javascript" => self.javascript = true,
            _ => self.policy = true,
        }
    }
}

/// Sentences as spaCy's sentencizer finds them in tokens: one starts at the first token behind an end that is neither
/// an end nor all punctuation. White space of more than one space is a token. A line has at least one.
fn count_sentences(text: &str, words: &[Word], end: usize) -> u64 {
    let mut sentences = 1;
    let mut has_ended = false;
    let mut at = words.first().map_or(end, |word| word.start as usize);
    for word in words {
        steps(1);
        if has_ended {
            let piece = word.of(text);
            steps(piece.len());
            let starts = is_token(&text[at..word.start as usize])
                || !word.is_end && !piece.chars().all(is_punctuation);
            sentences += u64::from(starts);
            has_ended = !starts;
        }
        has_ended |= word.is_end;
        at = word.end as usize;
    }
    sentences + u64::from(has_ended && is_token(&text[at..end]))
}

/// Whether this white space between words is a token: the first space belongs to the word before it.
fn is_token(gap: &str) -> bool {
    !gap.strip_prefix(' ').unwrap_or(gap).is_empty()
}

/// Category P.
fn is_punctuation(c: char) -> bool {
    match c {
        '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~' => false,
        c if c.is_ascii() => c.is_ascii_punctuation(),
        c => c.general_category_group() == GeneralCategoryGroup::Punctuation,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{judge, published};
    use super::*;
    use crate::rules::Value;

    const TEXT: &str = "The board proposed a dividend. It is two per cent. The year was good. Profit rose again. \
        Costs fell a little.";

    fn kept(settings: &Settings, text: &str) -> Result<Option<String>, &'static str> {
        match judge(settings, text) {
            Ok(Verdict::Keep) => Ok(None),
            Ok(Verdict::Edit(text)) => Ok(Some(text)),
            Err((rule, ..)) => Err(rule),
        }
    }

    #[test]
    fn lines_that_are_no_sentences_go() {
        let settings = published("c4");
        assert_eq!(kept(&settings, TEXT), Ok(None));
        let long = "a".repeat(1001);
        let lines = [
            "Home | About",
            "It ends here...",
            "Two words.",
            "",
            "Please turn JavaScript on.",
            "Our Privacy Policy says so.",
            "We use Coo\u{212a}ies here.",
            &format!("It is {long} long."),
            "It ends with [1] citations. [2]",
        ];
        assert_eq!(kept(&settings, &format!("{}\n{TEXT}\n", lines.join("\n"))), Ok(Some(TEXT.to_owned())));
        assert_eq!(
            kept(&settings, &format!("{TEXT}\r\n  So[1] it [edit]is[].  \r\nNo.")),
            Ok(Some(format!("{TEXT}\nSo it is.")))
        );
    }

    #[test]
    fn a_document_goes_by_the_first_line_that_came_so_far() {
        let settings = published("c4");
        assert_eq!(
            kept(&settings, &format!("{TEXT}\nLorem Ipsum dolor sit.\nif x {{ y }}.")),
            Err("lorem_ipsum")
        );
        assert_eq!(
            kept(&settings, &format!("{TEXT}\nif x {{ y }}.\nLorem Ipsum dolor sit.")),
            Err("curly_bracket")
        );
        assert_eq!(
            kept(&settings, &format!("{TEXT}\nJavascript {{ lorem ipsum\n{{.")),
            Ok(Some(TEXT.to_owned()))
        );
        assert_eq!(kept(&settings, "One. Two. Three. Four is there."), Err("min_sentences"));
        assert_eq!(kept(&settings, ""), Err("min_sentences"));
    }

    #[test]
    fn what_changes_lines_is_a_setting() {
        let settings = published("c4").with_value("terminal_punctuation", Value::Flag(false));
        assert_eq!(
            kept(&settings, &format!("{TEXT}\nand so on\nno")),
            Ok(Some(format!("{TEXT}\nand so on")))
        );
        let settings = published("c4").with_value("remove_citations", Value::Flag(false));
        assert_eq!(kept(&settings, &format!("{TEXT}\nSo it [1] is.")), Ok(None));
    }

    proptest! {
        #[test]
        fn words_that_are_handed_on_are_those_of_the_new_text(text in "([ab.]{1,3}|中|\\[1\\]| |  |\n|\r\n){0,40}") {
            let settings = published("c4")
                .with_threshold("min_sentences", 1.0)
                .with_threshold("min_line_words", 2.0)
                .with_value("terminal_punctuation", Value::Flag(false));
            let raw = text;
            let text = Text::new(&raw, crate::text::TextRules::default());
            let mut note = |_, _| {};
            let mut check = Check::new(&settings, text.form(), &mut note);
            let verdict = C4::new(&settings).judge(&text, &mut check);
            if let (Ok(Verdict::Edit(new)), Some(words)) = (verdict, text.into_handed_on()) {
                let again = Text::new(&new, crate::text::TextRules::default());
                prop_assert_eq!(&words, again.words());
            }
        }
    }

    #[test]
    fn chinese_is_left_alone() {
        assert_eq!(kept(&published("c4"), "净利润\n{增长}"), Ok(None));
    }

    #[test]
    fn sentences_are_those_of_the_sentencizer() {
        let count = |line: &str| {
            let text = Text::new(line, crate::text::TextRules::default());
            count_sentences(line, text.words(), line.len())
        };
        assert_eq!(count(""), 1);
        assert_eq!(count("One. Two! Three? (Four.) ”Five"), 5);
        assert_eq!(count(". abc"), 2);
        assert_eq!(count("The U.S. test... goes on"), 1);
        assert_eq!(count("End.  Next one"), 2);
        assert_eq!(count("End.  "), 2);
        assert_eq!(count("End. "), 1);
        assert_eq!(count("净利润增长。董事会提出分红方案！"), 2);
    }

    #[test]
    fn only_these_are_citations() {
        assert_eq!(without_citations("a[1]b[]c[edit]d[citation needed]e[１]f"), "abcdef");
        for line in ["[a]", "[Edit]", "[ 1]", "[1", "[edit", "[1x]", "["] {
            assert_eq!(without_citations(line), line);
        }
        assert_eq!(without_citations("[[1]]"), "[]");
    }
}
