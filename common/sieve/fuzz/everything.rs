//! All cleaners and all filters, each alone and in a row, with lists and models.

use std::borrow::Cow;

use tamis_sieve::clean::{self, Cleaners};
use tamis_sieve::filter::{self, Filters, Outcome};
use tamis_sieve::resources::Resources;
use tamis_sieve::rules::{ChineseWords, Family, Kind, Settings, Value};
use tamis_sieve::text::{Language, TextRules};

#[path = "model.rs"]
mod model;

/// What a family gets for its files.
const LIST: &str = "list.txt";
const DOMAINS: &str = "domains.txt";
const MODEL: &str = "model.bin";

/// Cleaners and filters, ready to run.
pub(crate) struct Everything {
    cleaners: Vec<Cleaners>,
    filters: Vec<Filters>,
}

impl Everything {
    /// For general text, for Chinese in characters and in words of jieba, and by script.
    pub(crate) fn in_each_form() -> Vec<Self> {
        [
            (Language::General, ChineseWords::Characters),
            (Language::Chinese, ChineseWords::Characters),
            (Language::Chinese, ChineseWords::Jieba),
            (Language::Auto, ChineseWords::Characters),
        ]
        .into_iter()
        .map(|(language, words)| Self::of(TextRules { language, words }))
        .collect()
    }

    /// For texts of one kind.
    pub(crate) fn of(rules: TextRules) -> Self {
        let mut files = Resources::default();
        let list = "spam\na\n垃圾\nthe quick brown fox jumps over the lazy dog and runs away from it again\n";
        files.insert(LIST, list.as_bytes());
        files.insert(DOMAINS, "example.com\n".as_bytes());
        files.insert(MODEL, model::small_model());
        let cleaners: Vec<Settings> =
            clean::KINDS.iter().map(|kind| settings(kind.family, rules.words)).collect();
        // With published thresholds, and with every rule asked.
        let published: Vec<Settings> =
            filter::KINDS.iter().map(|kind| settings(kind.family, rules.words)).collect();
        let all: Vec<Settings> =
            published.iter().map(|settings| settings.clone().that_drop_nothing()).collect();
        // The model knows other languages than the identifier that is built in.
        let other = published
            .iter()
            .filter(|settings| settings.family().name == "language_id")
            .map(|settings| settings.clone().with_value("model", Value::Text(MODEL.to_owned())));
        let other: Vec<Settings> = other.collect();
        let filter =
            |settings: &[Settings]| Filters::build(settings, rules, &files).expect("the list is a list");
        let cleaner = |settings: &[Settings]| Cleaners::build(settings, &files).expect("the list is a list");
        Self {
            cleaners: cleaners.chunks(1).chain([cleaners.as_slice()]).map(cleaner).collect(),
            filters: published.chunks(1).chain([&published[..], &all[..], &other[..]]).map(filter).collect(),
        }
    }

    /// Runs the cleaners in a row over a text, and over what they make of it the filters in a row, of which none drops it.
    #[allow(dead_code, reason = "for texts that are too long for more")]
    pub(crate) fn run_in_a_row(&self, text: &str) {
        let [.., cleaners] = &self.cleaners[..] else { return };
        let [.., filters, _] = &self.filters[..] else { return };
        let cleaned = cleaners.clean(Cow::Borrowed(text), &mut |_, _| {});
        filters.judge(&cleaned, &mut |_| {});
    }

    /// Runs all of them over a text, and over what the cleaners make of it; the text is its own address.
    ///
    /// # Panics
    /// If a cleaner changes again what it has cleaned.
    pub(crate) fn run(&self, text: &str) {
        let mut last = Cow::Borrowed(text);
        let single = self.cleaners.len() - 1;
        for (place, cleaners) in self.cleaners.iter().enumerate() {
            last = cleaners.clean(Cow::Borrowed(text), &mut |_, _| {});
            if place < single {
                let again = cleaners.clean(Cow::Borrowed(&last), &mut |_, _| {});
                assert!(
                    last == again,
                    "the cleaner {} leaves work for itself",
                    clean::KINDS[place].family.name
                );
            }
        }
        for filters in &self.filters {
            for text in [text, &last] {
                if let Outcome::Kept(Cow::Owned(edited)) = filters.judge_page(text, Some(text), &mut |_| {}) {
                    filters.judge(&edited, &mut |_| {});
                }
            }
        }
    }
}

/// The defaults with a list or model for every file that may be named.
fn settings(family: &'static Family, words: ChineseWords) -> Settings {
    let mut settings = Settings::defaults(family, words);
    for option in family.options {
        let value = match option.kind {
            Kind::File => Value::Text(MODEL.to_owned()),
            Kind::Files if family.name == "urls" => Value::Texts(vec![DOMAINS.to_owned()]),
            Kind::Files => Value::Texts(vec![LIST.to_owned()]),
            Kind::Texts if family.name == "urls" => Value::Texts(vec!["spam".to_owned(), "a".to_owned()]),
            _ => continue,
        };
        settings = settings.with_value(option.name, value);
    }
    settings
}
