//! What tests of filters share.

use super::{Check, Failed, Verdict, kind};
use crate::resources::Resources;
use crate::rules::{ChineseWords, Settings};
use crate::text::{Text, TextRules};

/// Rule, value and threshold by which a filter drops a text.
pub(super) fn drop_of(settings: &Settings, text: &str) -> Option<(&'static str, f64, f64)> {
    judge(settings, text).err()
}

/// What a filter makes of a text, its form told by its script.
pub(super) fn judge(settings: &Settings, text: &str) -> Result<Verdict, (&'static str, f64, f64)> {
    judge_with(settings, &Resources::default(), text)
}

/// The same with files.
pub(super) fn judge_with(
    settings: &Settings,
    resources: &Resources,
    text: &str,
) -> Result<Verdict, (&'static str, f64, f64)> {
    judge_text(settings, resources, &Text::new(text, TextRules::default()))
        .map_err(|failed| (settings.family().rules[failed.rule].name, failed.value, failed.threshold))
}

/// All that a filter says of a drop.
pub(super) fn failed_with(settings: &Settings, resources: &Resources, text: &str) -> Option<Failed> {
    judge_text(settings, resources, &Text::new(text, TextRules::default())).err()
}

/// What a filter makes of a text.
pub(super) fn judge_text(
    settings: &Settings,
    resources: &Resources,
    text: &Text<'_>,
) -> Result<Verdict, Failed> {
    let filter = (kind(settings.family().name).unwrap().build)(settings, resources).unwrap();
    filter.judge(text, &mut Check::new(settings, text.form(), &mut |_, _| {}))
}

/// The published settings of a family.
pub(super) fn published(name: &str) -> Settings {
    Settings::defaults(kind(name).unwrap().family, ChineseWords::Characters)
}
