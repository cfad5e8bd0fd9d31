//! `tamis filters`: what cleaners and filters there are.

use std::process::ExitCode;

use serde_json::{Value, json};
use tamis_common::sieve::rules::{ChineseWords, Defaults, Family, Kind, Settings, Side};
use tamis_common::sieve::{clean, filter};
use tamis_common::{Error, Result};

use crate::args::FiltersArgs;
use crate::ui;

/// Prints families and presets, all or the one that is asked for.
pub(crate) fn list(args: FiltersArgs, json: bool) -> Result<ExitCode> {
    let wanted = |name: &str| args.name.as_deref().is_none_or(|asked| asked == name);
    let cleaners = clean::KINDS.iter().map(|kind| ("clean", kind.family));
    let filters = filter::KINDS.iter().map(|kind| ("filter", kind.family));
    let mut found = false;
    for (section, family) in cleaners.chain(filters).filter(|(_, family)| wanted(family.name)) {
        found = true;
        ui::print(&if json {
            family_json(section, family).to_string()
        } else {
            family_text(section, family)
        });
    }
    let words = ChineseWords::default();
    let of_filters = filter::presets::PRESETS.iter().map(|p| ("filter", p.name, p.about, p.settings(words)));
    let of_cleaners = clean::presets::PRESETS.iter().map(|p| ("clean", p.name, p.about, p.settings()));
    for (section, name, about, settings) in
        of_cleaners.chain(of_filters).filter(|(_, name, _, _)| wanted(name))
    {
        found = true;
        let families: Vec<&str> = settings.iter().map(|settings| settings.family().name).collect();
        ui::print(&match json {
            true => {
                json!({ "section": section, "preset": name, "about": about, "settings": named(&settings) })
                    .to_string()
            }
            false => format!("[{section}] preset = \"{name}\"  {about}\n  {}\n", families.join(", ")),
        });
    }
    match (found, args.name) {
        (false, Some(name)) => Err(Error::spec(format!("there is no cleaner, filter or preset `{name}`"))
            .with_hint("`tamis filters` lists them")),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn named(settings: &[Settings]) -> Vec<Value> {
    settings.iter().map(|settings| json!({ "name": settings.family().name, "settings": settings })).collect()
}

fn family_json(section: &str, family: &Family) -> Value {
    let rules = family.rules.iter().map(|rule| {
        json!({
            "name": rule.name,
            "passes": match rule.side {
                Side::AtLeast => "at_least",
                Side::AtMost => "at_most",
                Side::Below => "below",
            },
            "default": rule.defaults.general,
            "default_chinese_characters": rule.defaults.characters,
            "default_chinese_jieba": rule.defaults.jieba,
            "about": rule.about,
        })
    });
    let options = family
        .options
        .iter()
        .map(|option| json!({ "name": option.name, "holds": holds(option.kind), "about": option.about }));
    json!({
        "section": section, "name": family.name, "about": family.about, "source": family.source,
        "rules": rules.collect::<Vec<_>>(), "options": options.collect::<Vec<_>>(),
    })
}

fn family_text(section: &str, family: &Family) -> String {
    let mut text = format!("[{section}.{}]  {}\n", family.name, family.about);
    if !family.source.is_empty() {
        text.push_str(&format!("  source: {}\n", family.source));
    }
    for rule in family.rules {
        text.push_str(&format!("  {:<26} {:<24} {}\n", rule.name, defaults(&rule.defaults), rule.about));
    }
    for option in family.options {
        text.push_str(&format!("  {:<26} {:<24} {}\n", option.name, holds(option.kind), option.about));
    }
    text
}

/// The default of a rule: one number, or those of other text and of Chinese in characters and in words of jieba.
fn defaults(defaults: &Defaults) -> String {
    let shown = |value: f64| if value == 0.0 { "off".to_owned() } else { value.to_string() };
    let Defaults { general, jieba, characters } = *defaults;
    match (general == jieba, jieba == characters) {
        (true, true) => shown(general),
        (_, true) => format!("{}; zh {}", shown(general), shown(characters)),
        _ => format!("{}; zh {} ({} jieba)", shown(general), shown(characters), shown(jieba)),
    }
}

fn holds(kind: Kind) -> String {
    match kind {
        Kind::Flag(default) => default.to_string(),
        Kind::Integer(default) => default.to_string(),
        Kind::Text(default) => format!("\"{default}\""),
        Kind::Texts => "[texts]".to_owned(),
        Kind::Choice(known) => known.join(" | "),
        Kind::File => "file, required".to_owned(),
        Kind::OptionalFile => "file".to_owned(),
        Kind::Files => "[files]".to_owned(),
    }
}
