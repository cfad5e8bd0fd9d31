//! The published families against datatrove, document by document: `tests/parity/golden.jsonl.zst` of the repository
//! holds what datatrove decided on generated documents, and the words it saw; its README says how it is made.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value as Json;
use tamis_sieve::filter::{Check, Verdict, kind};
use tamis_sieve::resources::Resources;
use tamis_sieve::rules::{ChineseWords, Settings, Value};
use tamis_sieve::text::{Language, Text, TextRules};

/// What datatrove calls what our rules find.
const REASONS: &[(&str, &str)] = &[
    ("gopher_short_doc", "min_words"),
    ("gopher_long_doc", "max_words"),
    ("gopher_below_avg_threshold", "min_mean_word_chars"),
    ("gopher_above_avg_threshold", "max_mean_word_chars"),
    ("gopher_too_many_hashes", "max_hash_ratio"),
    ("gopher_too_many_ellipsis", "max_ellipsis_ratio"),
    ("gopher_too_many_bullets", "max_bullet_lines"),
    ("gopher_too_many_end_ellipsis", "max_ellipsis_lines"),
    ("gopher_below_alpha_threshold", "min_alphabetic_words"),
    ("gopher_enough_stop_words", "min_stop_words"),
    ("dup_para_frac", "max_duplicate_paragraphs"),
    ("dup_para_char_frac", "max_duplicate_paragraph_chars"),
    ("dup_line_frac", "max_duplicate_lines"),
    ("dup_line_char_frac", "max_duplicate_line_chars"),
    ("top_2_gram", "max_top_2_gram"),
    ("top_3_gram", "max_top_3_gram"),
    ("top_4_gram", "max_top_4_gram"),
    ("duplicated_5_n_grams", "max_duplicate_5_grams"),
    ("duplicated_6_n_grams", "max_duplicate_6_grams"),
    ("duplicated_7_n_grams", "max_duplicate_7_grams"),
    ("duplicated_8_n_grams", "max_duplicate_8_grams"),
    ("duplicated_9_n_grams", "max_duplicate_9_grams"),
    ("duplicated_10_n_grams", "max_duplicate_10_grams"),
    ("lorem_ipsum", "lorem_ipsum"),
    ("curly_bracket", "curly_bracket"),
    ("too_few_sentences", "min_sentences"),
    ("line_punct_ratio", "min_terminal_lines"),
    ("short_line_ratio", "max_short_lines"),
    ("char_dup_ratio", "max_duplicate_line_chars"),
    ("list_ratio", "max_newlines_per_word"),
];

/// What datatrove calls a text that is empty, by family.
const EMPTY: &[(&str, &str)] = &[("gopher_repetition", "min_chars"), ("fineweb", "min_lines")];

/// Families as the golden file names them.
const FAMILIES: &[&str] = &["gopher_quality", "gopher_repetition", "c4", "c4_no_terminal", "fineweb"];

/// A decision: the rule that drops the document, or the text it is kept with, if that is another.
#[derive(Clone, Debug, PartialEq)]
enum Decision {
    Kept(Option<String>),
    Dropped(String),
}

impl Decision {
    fn keeps(&self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

/// One document of the golden file.
struct Document {
    id: String,
    text: String,
    is_chinese: bool,
    /// Byte ranges.
    words: Vec<(usize, usize)>,
    /// By line.
    sentences: Vec<u64>,
    /// By family.
    decisions: BTreeMap<&'static str, Decision>,
}

impl Document {
    fn parse(line: &[u8]) -> Self {
        let json: Json = serde_json::from_slice(line).unwrap();
        let string = |json: &Json| json.as_str().unwrap().to_owned();
        let text = string(&json["text"]);
        let decisions =
            FAMILIES.iter().map(|family| (*family, decision(family, &json[*family], &text))).collect();
        Self {
            id: string(&json["id"]),
            is_chinese: json["lang"] == "zh",
            words: match json.get("words") {
                Some(pairs) => byte_ranges(&text, pairs),
                None => found_in_order(&text, &json["word_list"]),
            },
            sentences: serde_json::from_value(json["c4_sentences"].clone()).unwrap(),
            text,
            decisions,
        }
    }

    fn settings(&self, family: &str, words: ChineseWords) -> Settings {
        let is_c4 = family.starts_with("c4");
        let name = if is_c4 { "c4" } else { family };
        let mut settings = Settings::defaults(kind(name).unwrap().family, words);
        if is_c4 {
            // The golden file has it on for Chinese too.
            for rule in settings.family().rules {
                settings = settings.with_threshold(rule.name, rule.defaults.general);
            }
            let terminal = Value::Flag(family == "c4");
            settings = settings.with_value("terminal_punctuation", terminal);
        }
        settings
    }

    /// What tamis decides on these words and sentences, or on its own.
    fn judge(&self, family: &str, own_words: Option<ChineseWords>) -> Decision {
        let language = if self.is_chinese { Language::Chinese } else { Language::General };
        let words = own_words.unwrap_or(ChineseWords::Jieba);
        let rules = TextRules { language, words };
        let text = match own_words {
            Some(_) => Text::new(&self.text, rules),
            None => Text::split_by_another(&self.text, rules, &self.words, &self.sentences),
        };
        let settings = self.settings(family, words);
        let filter = (kind(settings.family().name).unwrap().build)(&settings, &Resources::default()).unwrap();
        let note = &mut |_, _| {};
        match filter.judge(&text, &mut Check::new(&settings, text.form(), note)) {
            Ok(Verdict::Keep) => Decision::Kept(None),
            Ok(Verdict::Edit(text)) => Decision::Kept(Some(text)),
            Err(failed) => Decision::Dropped(settings.family().rules[failed.rule].name.to_owned()),
        }
    }
}

fn decision(family: &str, json: &Json, text: &str) -> Decision {
    assert_eq!(json["error"], Json::Null, "datatrove raised an exception");
    if json["keep"] == true {
        let after = json.get("text").and_then(Json::as_str).filter(|after| *after != text);
        return Decision::Kept(after.map(str::to_owned));
    }
    let reason = json["reason"].as_str().unwrap();
    let (table, key) = if reason == "empty" { (EMPTY, family) } else { (REASONS, reason) };
    let rule = table.iter().find(|(from, _)| *from == key).map(|(_, rule)| *rule);
    Decision::Dropped(rule.unwrap_or_else(|| panic!("{family} has an unknown reason {reason}")).to_owned())
}

/// Pairs of the code points before a word and in it.
fn byte_ranges(text: &str, pairs: &Json) -> Vec<(usize, usize)> {
    let mut numbers = pairs.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize);
    let mut at = 0;
    let mut advance = |chars: usize| {
        at += text[at..].chars().take(chars).map(char::len_utf8).sum::<usize>();
        at
    };
    let mut words = Vec::new();
    while let (Some(before), Some(chars)) = (numbers.next(), numbers.next()) {
        words.push((advance(before), advance(chars)));
    }
    words
}

/// Words as strings, where datatrove's do not make up the text: it takes out names of spaCy's attributes that stand in it.
fn found_in_order(text: &str, list: &Json) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut range = |word: &Json| {
        let word = word.as_str().unwrap();
        let start = at + text[at..].find(word).unwrap();
        at = start + word.len();
        (start, at)
    };
    list.as_array().unwrap().iter().map(&mut range).collect()
}

static GOLDEN: LazyLock<Vec<Document>> = LazyLock::new(golden);

fn golden() -> Vec<Document> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/golden.jsonl.zst");
    let packed = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = zstd::decode_all(packed.as_slice()).unwrap();
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(Document::parse).collect()
}

#[test]
fn on_the_words_of_datatrove_every_decision_is_the_same() {
    let mut wrong = String::new();
    let mut count = 0;
    for document in &*GOLDEN {
        for (family, expected) in &document.decisions {
            count += 1;
            let decided = document.judge(family, None);
            if decided != *expected {
                let _ = writeln!(wrong, "{} {family}: {decided:?}, datatrove {expected:?}", document.id);
            }
        }
    }
    assert!(count > 40_000, "{count} decisions");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{wrong}", wrong.lines().count());
}

#[test]
fn on_our_own_words_nearly_every_document_is_kept_or_dropped_as_by_datatrove() {
    let mut wrong = String::new();
    for (title, is_chinese, words, at_least) in [
        ("English", false, ChineseWords::Characters, 0.98),
        ("Chinese, words of jieba", true, ChineseWords::Jieba, 0.95),
        ("Chinese, words are characters", true, ChineseWords::Characters, 0.95),
    ] {
        for family in FAMILIES {
            let documents: Vec<_> = GOLDEN.iter().filter(|it| it.is_chinese == is_chinese).collect();
            let mut other = BTreeMap::<_, usize>::new();
            let mut same = 0;
            for document in &documents {
                let expected = &document.decisions[family];
                let decided = document.judge(family, Some(words));
                if decided.keeps() == expected.keeps() {
                    same += 1;
                } else {
                    let rule = |decision: &Decision| match decision {
                        Decision::Kept(_) => "kept".to_owned(),
                        Decision::Dropped(rule) => rule.clone(),
                    };
                    *other.entry(format!("{} for {}", rule(&decided), rule(expected))).or_default() += 1;
                    if std::env::var("PARITY_SHOW").is_ok_and(|shown| shown == *family) {
                        println!("{} {decided:?}, datatrove {expected:?}", document.id);
                    }
                }
            }
            let share = same as f64 / documents.len() as f64;
            println!("{title}, {family}: {same} of {} ({:.2} %) {other:?}", documents.len(), 100.0 * share);
            if share < at_least {
                let _ = writeln!(wrong, "{title}, {family}: {share:.4} is less than {at_least}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
