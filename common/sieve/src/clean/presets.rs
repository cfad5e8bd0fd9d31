//! Lists of cleaners under one name.

use crate::rules::{ChineseWords, Settings};

use super::kind;

/// A list of cleaners in order, all with their defaults.
pub struct Preset {
    /// What a spec calls it.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    cleaners: &'static [&'static str],
}

impl Preset {
    /// The settings of its cleaners, in order.
    ///
    /// # Panics
    /// If the preset names a cleaner that does not exist.
    pub fn settings(&self) -> Vec<Settings> {
        let settings = |name: &&str| {
            let kind = kind(name).unwrap_or_else(|| panic!("there is no cleaner {name}"));
            Settings::defaults(kind.family, ChineseWords::Characters)
        };
        self.cleaners.iter().map(settings).collect()
    }
}

/// All presets.
///
/// The order of `recommended`: entities can spell all that the others look for, so HTML comes first. Broken encodings
/// show by characters that `line_endings` and `control` take away, so they are repaired before. Normalization may make
/// spaces, and digits and addresses are whole only when all else is clean.
pub const PRESETS: &[Preset] = &[Preset {
    name: "recommended",
    about: "all cleaners with their defaults",
    cleaners: &["html", "mojibake", "line_endings", "control", "unicode", "whitespace", "personal"],
}];

/// The preset of a name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}
