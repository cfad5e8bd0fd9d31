//! All cleaners and all filters that need no model, each alone and in a row.

use std::borrow::Cow;

use tamis_sieve::clean::{self, Cleaners};
use tamis_sieve::filter::{self, Filters, Outcome};
use tamis_sieve::resources::Resources;
use tamis_sieve::rules::{ChineseWords, Family, Kind, Settings, Value};
use tamis_sieve::text::{Language, TextRules};

/// The list that a family gets for its files, and the one of domains.
const LIST: &str = "list.txt";
const DOMAINS: &str = "domains.txt";

/// Cleaners and filters, ready to run.
pub(crate) struct Everything {
    cleaners: Vec<Cleaners>,
    filters: Vec<Filters>,
}

impl Everything {
    /// Once for general text, once for Chinese in characters and once by script.
    pub(crate) fn in_each_form() -> Vec<Self> {
        [Language::General, Language::Chinese, Language::Auto].into_iter().map(Self::of).collect()
    }

    fn of(language: Language) -> Self {
        let words = ChineseWords::Characters;
        let mut files = Resources::default();
        let list = "spam\n垃圾\nthe quick brown fox jumps over the lazy dog and runs away from it again\n";
        files.insert(LIST, list.as_bytes());
        files.insert(DOMAINS, "example.com\n".as_bytes());
        let cleaners: Vec<Settings> =
            clean::KINDS.iter().filter_map(|kind| settings(kind.family, words)).collect();
        let filters: Vec<Settings> =
            filter::KINDS.iter().filter_map(|kind| settings(kind.family, words)).collect();
        let rules = TextRules { language, words };
        let filter =
            |settings: &[Settings]| Filters::build(settings, rules, &files).expect("the list is a list");
        let cleaner = |settings: &[Settings]| Cleaners::build(settings, &files).expect("the list is a list");
        Self {
            cleaners: cleaners.chunks(1).chain([cleaners.as_slice()]).map(cleaner).collect(),
            filters: filters.chunks(1).chain([filters.as_slice()]).map(filter).collect(),
        }
    }

    /// Runs all of them over a text, and over what the cleaners make of it.
    ///
    /// # Panics
    /// If cleaning a cleaned text changes it again.
    pub(crate) fn run(&self, text: &str) {
        let mut last = Cow::Borrowed(text);
        for cleaners in &self.cleaners {
            last = cleaners.clean(Cow::Borrowed(text), &mut |_, _| {});
        }
        for filters in &self.filters {
            for text in [text, &last] {
                if let Outcome::Kept(Cow::Owned(edited)) = filters.judge(text, &mut |_| {}) {
                    filters.judge(&edited, &mut |_| {});
                }
            }
        }
    }
}

/// The defaults with the list for every file that may be named; none for a family that cannot go without a model.
fn settings(family: &'static Family, words: ChineseWords) -> Option<Settings> {
    let mut settings = Settings::defaults(family, words);
    for option in family.options {
        match option.kind {
            Kind::File => return None,
            Kind::Files => {
                let list = if family.name == "urls" { DOMAINS } else { LIST };
                settings = settings.with_value(option.name, Value::Texts(vec![list.to_owned()]));
            }
            _ => {}
        }
    }
    Some(settings)
}
