//! What tests of cleaners share.

use super::{Changes, kind};
use crate::resources::Resources;
use crate::rules::{ChineseWords, Settings};

/// The defaults of a cleaner.
pub(super) fn settings(name: &str) -> Settings {
    Settings::defaults(kind(name).unwrap().family, ChineseWords::Characters)
}

/// The text and what was counted.
pub(super) fn run(settings: &Settings, text: &str) -> (String, Changes) {
    let cleaner = (kind(settings.family().name).unwrap().build)(settings, &Resources::default()).unwrap();
    let mut changes = Changes::new();
    let cleaned = cleaner.clean(text, &mut changes);
    assert_ne!(cleaned.as_deref(), Some(text), "a text that stays is not given back");
    (cleaned.unwrap_or_else(|| text.to_owned()), changes)
}

/// The text by these settings.
pub(super) fn clean_with(settings: &Settings, text: &str) -> String {
    run(settings, text).0
}

/// The text by the defaults of a cleaner.
pub(super) fn clean(name: &str, text: &str) -> String {
    clean_with(&settings(name), text)
}

/// What a cleaner counts by its defaults.
pub(super) fn counts(name: &str, text: &str) -> Vec<(&'static str, u64)> {
    run(&settings(name), text).1.into_iter().collect()
}
