//! The sections of cleaners and filters: which keys they have follows from the families.

use tamis_sieve::clean;
use tamis_sieve::filter;
use tamis_sieve::rules::{ChineseWords, Family, Form, Kind, Settings, Side, Value};
use tamis_sieve::text::Language;

use super::reader::Section;
use super::validate::Rules;
use super::{CleanSpec, FilterSpec};

const LANGUAGES: [(&str, Language); 3] =
    [("auto", Language::Auto), ("general", Language::General), ("chinese", Language::Chinese)];
const WORDS: [(&str, ChineseWords); 2] =
    [("characters", ChineseWords::Characters), ("jieba", ChineseWords::Jieba)];

/// `[filter]`
pub(super) fn filters(section: Section<'_>) -> FilterSpec {
    let language = section.choice("language", &LANGUAGES).unwrap_or_default();
    let words = section.choice("words", &WORDS).unwrap_or_default();
    let presets: Vec<_> = filter::presets::PRESETS.iter().map(|preset| (preset.name, preset)).collect();
    let preset = section.choice("preset", &presets).map(|preset| preset.settings(words));
    let families: Vec<_> = filter::KINDS.iter().map(|kind| kind.family).collect();
    let filters = settings(&section, &families, preset, words);
    section.finish();
    FilterSpec { language, words, filters }
}

/// `[clean]`
pub(super) fn cleaners(section: Section<'_>) -> CleanSpec {
    let words = ChineseWords::default();
    let presets: Vec<_> = clean::presets::PRESETS.iter().map(|preset| (preset.name, preset)).collect();
    let preset = section.choice("preset", &presets).map(|preset| preset.settings());
    let families: Vec<_> = clean::KINDS.iter().map(|kind| kind.family).collect();
    let cleaners = settings(&section, &families, preset, words);
    section.finish();
    CleanSpec { cleaners }
}

/// The families of a preset without those of `except`, each with what its own section changes; then those of the other
/// sections, in the order of the file.
fn settings(
    section: &Section<'_>,
    families: &[&'static Family],
    preset: Option<Vec<Settings>>,
    words: ChineseWords,
) -> Vec<Settings> {
    let names: Vec<_> = families.iter().map(|family| (family.name, family.name)).collect();
    let except = section.choices("except", &names);
    if !except.is_empty() && preset.is_none() {
        section.refuse("except", "takes families out of a preset, and none is named: set `preset` too");
    }
    let mut all = preset.unwrap_or_default();
    all.retain(|settings| !except.contains(&settings.family().name));
    let of_preset = all.len();

    let mut present: Vec<(usize, &'static Family)> =
        families.iter().filter_map(|family| Some((section.place_of(family.name)?, *family))).collect();
    present.sort_by_key(|(place, _)| *place);
    for (_, family) in present {
        for (nth, part) in section.one_or_more(family.name).into_iter().enumerate() {
            let preset = all[..of_preset].iter_mut().find(|known| nth == 0 && known.family() == family);
            match preset {
                Some(known) => read(part, known),
                None => {
                    let mut own = Settings::defaults(family, words);
                    read(part, &mut own);
                    all.push(own);
                }
            }
        }
    }
    // Known although they are not here.
    for family in families {
        section.know(family.name);
    }
    all
}

/// The keys of one family. A threshold holds for both forms where their defaults are the same; where they differ, it
/// is that of other text than Chinese, and the section `chinese` has the others.
fn read(section: Section<'_>, settings: &mut Settings) {
    let family = settings.family();
    for (place, rule) in family.rules.iter().enumerate() {
        let Some(threshold) = section.threshold(rule.name) else { continue };
        settings.set_threshold(place, Form::General, threshold);
        if !rule.differs_for_chinese() {
            settings.set_threshold(place, Form::Chinese, threshold);
        }
    }
    for (place, option) in family.options.iter().enumerate() {
        let name = option.name;
        let value = match option.kind {
            Kind::Flag(default) => section.has(name).then(|| Value::Flag(section.flag(name, default))),
            Kind::Integer(_) => section.integer(name).map(Value::Integer),
            Kind::Text(_) | Kind::OptionalFile => section.text(name).map(Value::Text),
            Kind::Choice(known) => {
                let known: Vec<_> = known.iter().map(|word| (*word, *word)).collect();
                section.choice(name, &known).map(|word| Value::Text(word.to_owned()))
            }
            Kind::File => Some(Value::Text(section.required_text(name))),
            Kind::Texts | Kind::Files => {
                section.has(name).then(|| Value::Texts(section.required_texts(name)))
            }
        };
        if let Some(value) = value {
            settings.set_value(place, value);
        }
        section.know(name);
    }
    if family.has_chinese_form()
        && let Some(chinese) = section.section("chinese")
    {
        for (place, rule) in family.rules.iter().enumerate() {
            if let Some(threshold) = chinese.threshold(rule.name) {
                settings.set_threshold(place, Form::Chinese, threshold);
            }
        }
        chinese.finish();
    }
    section.finish();
}

/// A bound `max_x` below its `min_x` drops every document.
pub(super) fn check(section: &str, all: &[Settings], rules: &mut Rules) {
    for settings in all {
        let family = settings.family();
        for (max_place, max) in family.rules.iter().enumerate().filter(|(_, rule)| rule.side == Side::AtMost)
        {
            let Some(what) = max.name.strip_prefix("max_") else { continue };
            let is_min = |name: &str| name.strip_prefix("min_") == Some(what);
            let Some(min_place) = family.rules.iter().position(|rule| is_min(rule.name)) else { continue };
            for (form, below) in [(Form::General, ""), (Form::Chinese, "chinese.")] {
                let [least, most] = [min_place, max_place].map(|place| settings.threshold(place, form));
                let key = |rule: &str| format!("{section}.{}.{below}{rule}", family.name);
                if form == Form::Chinese && !family.has_chinese_form() {
                    continue;
                }
                rules.require(most == 0.0 || least <= most, key(max.name), || {
                    let min = key(family.rules[min_place].name);
                    format!("must be at least `{min}` (`{least}`) or 0 for no bound, got `{most}`")
                });
            }
        }
    }
}
