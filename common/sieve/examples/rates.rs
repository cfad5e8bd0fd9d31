//! How much of junk and of real text each rule drops alone, each published family, and each preset.
//!
//!   rates FOLDER        a corpus of the benchmark generator: part-*.jsonl and truth.jsonl

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use tamis_sieve::filter::presets::PRESETS;
use tamis_sieve::filter::{Check, Filters, KINDS, Outcome};
use tamis_sieve::resources::Resources;
use tamis_sieve::rules::{ChineseWords, Kind, Settings};
use tamis_sieve::text::{Text, TextRules};

/// Published families.
const FAMILIES: [&str; 5] = ["gopher_repetition", "gopher_quality", "c4", "fineweb", "language_id"];

/// Documents of one kind: how many, and drops by rule.
#[derive(Default)]
struct Group {
    documents: u64,
    drops: BTreeMap<String, u64>,
}

fn lines(path: &Path) -> std::io::Result<Vec<serde_json::Value>> {
    let lines = BufReader::new(std::fs::File::open(path)?).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// Junk by its kind, real passages by their language; nothing else counts.
fn group_of(truth: &serde_json::Value) -> Option<String> {
    if let Some(junk) = truth["junk"].as_str() {
        return Some(format!("junk {junk}"));
    }
    let source = truth["source"].as_str()?;
    let is_made = source.starts_with("mix") || source == "zipf";
    (!is_made && truth["kind"] == "unique").then(|| format!("real {}", truth["lang"].as_str().unwrap_or("?")))
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_default();
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    for truth in lines(&Path::new(&folder).join("truth.jsonl"))? {
        if let (Some(id), Some(group)) = (truth["id"].as_str(), group_of(&truth)) {
            kinds.insert(id.to_owned(), group);
        }
    }
    let files = Resources::default();
    let words = ChineseWords::Characters;
    let build = |name: &str, settings: &[Settings]| -> std::io::Result<(String, Filters)> {
        let filters = Filters::build(settings, TextRules::default(), &files);
        Ok((name.to_owned(), filters.map_err(std::io::Error::other)?))
    };
    let mut rows = Vec::new();
    for preset in PRESETS {
        rows.push(build(&format!("preset {}", preset.name), &preset.settings(words))?);
    }
    for kind in KINDS.iter().filter(|kind| FAMILIES.contains(&kind.family.name)) {
        rows.push(build(kind.family.name, &[Settings::defaults(kind.family, words)])?);
    }
    let alone: Vec<_> = KINDS
        .iter()
        .filter(|kind| kind.family.options.iter().all(|option| !matches!(option.kind, Kind::File)))
        .filter_map(|kind| {
            let published = Settings::defaults(kind.family, words);
            let never = published.clone().that_drop_nothing();
            Some((kind, published, (kind.build)(&never, &files).ok()?, never))
        })
        .collect();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut parts: Vec<_> =
        std::fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    parts.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("part-")));
    for document in parts.iter().map(|path| lines(path)).collect::<std::io::Result<Vec<_>>>()?.concat() {
        let (Some(id), Some(text)) = (document["id"].as_str(), document["text"].as_str()) else { continue };
        let Some(group) = kinds.get(id) else { continue };
        let group = groups.entry(group.clone()).or_default();
        group.documents += 1;
        for (name, filters) in &rows {
            if let Outcome::Dropped(dropped) = filters.judge(text, &mut |_| {}) {
                *group.drops.entry(format!("{name} (all)")).or_default() += 1;
                *group.drops.entry(format!("{name}: {}", dropped.rule)).or_default() += 1;
            }
        }
        let views = Text::new(text, TextRules::default());
        for (kind, published, filter, never) in &alone {
            let mut failed = Vec::new();
            let note = &mut |place: usize, value: f64| {
                let threshold = published.threshold(place, views.form());
                if threshold != 0.0 && !kind.family.rules[place].passes(value, threshold) {
                    failed.push(kind.family.rules[place].name);
                }
            };
            let _ = filter.judge(&views, &mut Check::new(never, views.form(), note));
            for rule in failed {
                *group.drops.entry(format!("alone {}.{rule}", kind.family.name)).or_default() += 1;
            }
        }
    }
    for (name, group) in &groups {
        println!("{name}: {} documents", group.documents);
        for (rule, dropped) in &group.drops {
            println!("  {rule:<50} {dropped:>7} {:>6.2} %", 100.0 * *dropped as f64 / group.documents as f64);
        }
    }
    Ok(())
}
