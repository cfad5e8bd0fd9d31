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
        filters: &[PresetFilter { family: "gopher_quality", change: |settings| settings }],
    },
    // FineWeb asks addresses against a list and the language first.
    Preset {
        name: "fineweb",
        about: "the filters of FineWeb in their published order; for Chinese those of FineWeb-2",
        filters: &[
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
    use super::*;

    #[test]
    fn presets_name_families_and_options_that_exist() {
        for preset in PRESETS {
            for words in [ChineseWords::Characters, ChineseWords::Jieba] {
                assert!(!preset.settings(words).is_empty(), "{}", preset.name);
            }
        }
    }
}
