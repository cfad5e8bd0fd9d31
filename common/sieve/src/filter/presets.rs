//! Lists of filters under one name.

use crate::rules::{ChineseWords, Settings, Value};

use super::kind;

/// A list of filters in order, with what differs from their defaults.
pub struct Preset {
    /// What a spec calls it.
    pub name: &'static str,
    /// What it is, and where it comes from.
    pub about: &'static str,
    filters: &'static [PresetFilter],
}

struct PresetFilter {
    family: &'static str,
    change: fn(Settings) -> Settings,
}

impl Preset {
    /// The settings of its filters, in order.
    ///
    /// # Panics
    /// If the preset names a family that does not exist.
    pub fn settings(&self, words: ChineseWords) -> Vec<Settings> {
        let settings = |filter: &PresetFilter| {
            let kind = kind(filter.family).unwrap_or_else(|| panic!("there is no filter {}", filter.family));
            (filter.change)(Settings::defaults(kind.family, words))
        };
        self.filters.iter().map(settings).collect()
    }
}

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "recommended",
        about: "what drops noise and leaves real text",
        filters: &[
            PresetFilter {
                family: "gopher_repetition",
                change: |settings| {
                    let tops = ["max_top_2_gram", "max_top_3_gram", "max_top_4_gram"];
                    let settings = tops.into_iter().fold(settings, |s, rule| s.with_threshold(rule, 0.4));
                    // MAP-NEO's bound for all: tables and statutes repeat a fifth of themselves.
                    let repeats = [5, 6, 7, 8, 9, 10].map(|n| format!("max_duplicate_{n}_grams"));
                    repeats.iter().fold(settings, |s, rule| s.with_threshold(rule, 0.6))
                },
            },
            PresetFilter {
                family: "gopher_quality",
                change: |settings| {
                    settings
                        .with_threshold("min_words", 20.0)
                        .with_threshold("min_alphabetic_words", 0.5)
                        .with_threshold("min_stop_words", 0.0)
                },
            },
            PresetFilter {
                family: "c4",
                change: |settings| {
                    settings
                        .with_threshold("max_line_word_chars", 0.0)
                        .with_threshold("min_line_words", 0.0)
                        .with_threshold("curly_bracket", 0.0)
                        .with_threshold("min_sentences", 0.0)
                        .with_value("terminal_punctuation", Value::Flag(false))
                        .with_value("remove_citations", Value::Flag(false))
                        .with_value("remove_javascript", Value::Flag(false))
                        .with_value("remove_policies", Value::Flag(false))
                },
            },
            PresetFilter {
                family: "fineweb",
                // Titles, code and tables have no end of a sentence.
                change: |settings| settings.with_threshold("min_terminal_lines", 0.0),
            },
            PresetFilter {
                family: "characters",
                change: |settings| {
                    settings
                        .with_threshold("max_special_chars", 0.0)
                        .with_threshold("min_unigram_entropy", 0.0)
                },
            },
        ],
    },
    Preset {
        name: "fineweb",
        about: "the filters of FineWeb in their published order; for Chinese those of FineWeb-2",
        filters: &[
            PresetFilter { family: "urls", change: |settings| settings },
            PresetFilter { family: "language_id", change: |settings| settings },
            PresetFilter { family: "gopher_repetition", change: |settings| settings },
            PresetFilter { family: "gopher_quality", change: |settings| settings },
            PresetFilter {
                family: "c4",
                change: |settings| settings.with_value("terminal_punctuation", Value::Flag(false)),
            },
            PresetFilter { family: "fineweb", change: |settings| settings },
        ],
    },
];

/// The preset of a name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::Filters;
    use super::*;
    use crate::resources::Resources;
    use crate::text::TextRules;

    #[test]
    fn presets_stand_without_further_settings() {
        for preset in PRESETS {
            for words in [ChineseWords::Characters, ChineseWords::Jieba] {
                let filters =
                    Filters::build(&preset.settings(words), TextRules::default(), &Resources::default());
                assert!(filters.is_ok_and(|filters| !filters.is_empty()), "{}", preset.name);
            }
        }
    }
}
