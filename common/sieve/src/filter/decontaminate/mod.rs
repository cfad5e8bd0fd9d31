//! Texts that share n-grams with benchmarks.

mod index;
mod units;

use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::BuildError;
use crate::resources::Resources;
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Settings, Side};
use crate::text::Text;
use index::{Index, Overlaps};

const FAMILY: Family = Family {
    name: "decontaminate",
    about: "texts that share n-grams with benchmarks",
    source: "GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C): 13 words; 30 characters of Chinese are ours",
    rules: &[
        Rule {
            name: "drop_from_overlaps",
            side: Side::Below,
            defaults: Defaults::all(1.0),
            about: "n-grams of the text, none over another, that stand in a benchmark",
        },
        Rule {
            name: "max_overlap_ratio",
            side: Side::AtMost,
            defaults: Defaults::all(0.0),
            about: "share of the text's words and characters that these n-grams hold",
        },
    ],
    options: &[
        Opt {
            name: "files",
            kind: Kind::Files,
            about: "benchmarks: `.jsonl`, `.ndjson` and `.json` hold a record a line, others a text a line",
        },
        Opt {
            name: "fields",
            kind: Kind::Texts,
            about: "fields of records that are read, with all texts within; without names all fields are",
        },
        Opt {
            name: "words",
            kind: Kind::Integer(13),
            about: "n where most are words between spaces; 0: not looked for",
        },
        Opt {
            name: "characters",
            kind: Kind::Integer(30),
            about: "n where most are characters of a script without spaces, a word among them counting as one; 0: not \
                looked for",
        },
    ],
};

pub(super) const KIND: FilterKind = FilterKind {
    family: &FAMILY,
    build: |settings, resources| Ok(Box::new(Decontaminate::new(settings, resources)?)),
};

/// Longer n-grams are no n-grams, and a window of them is kept.
const MAX_N: u64 = 1000;

/// `[filter.decontaminate]`
struct Decontaminate(Index);

impl Decontaminate {
    fn new(settings: &Settings, resources: &Resources) -> Result<Self, BuildError> {
        let n = |option| match settings.integer(option) {
            n @ 0..=MAX_N => Ok(n as usize),
            n => Err(BuildError(format!("`{option}` is {n}, at most {MAX_N} is sensible"))),
        };
        let mut index = Index::new(n("words")?, n("characters")?);
        for uri in settings.texts("files") {
            add_file(&mut index, uri, settings.texts("fields"), resources)?;
        }
        index.finish();
        if index.is_empty() {
            let (words, characters) = (settings.integer("words"), settings.integer("characters"));
            return Err(BuildError(format!(
                "`files` hold no text of {words} words or {characters} characters"
            )));
        }
        Ok(Self(index))
    }
}

impl Filter for Decontaminate {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let Overlaps { overlaps, overlapping, units, first } = self.0.overlaps(text.raw());
        let shown = |failed: Failed| match &first {
            Some(first) => failed.with_detail(first.clone()),
            None => failed,
        };
        check.rule("drop_from_overlaps", || overlaps as f64).map_err(shown)?;
        check.rule("max_overlap_ratio", || overlapping as f64 / units.max(1) as f64).map_err(shown)?;
        Ok(Verdict::Keep)
    }
}

/// Adds the texts of a benchmark.
fn add_file(
    index: &mut Index,
    uri: &str,
    fields: &[String],
    resources: &Resources,
) -> Result<(), BuildError> {
    let is_records = [".jsonl", ".ndjson", ".json"].iter().any(|end| uri.ends_with(end));
    let file = index.add_file(uri);
    let mut found = false;
    let text = resources.text(uri)?.trim_start_matches('\u{feff}');
    for (line, text) in text.lines().enumerate().map(|(line, text)| (line + 1, text.trim())) {
        if text.is_empty() {
            continue;
        }
        if !is_records {
            found = true;
            index.add(file, line, text);
            continue;
        }
        let record: serde_json::Value = serde_json::from_str(text)
            .map_err(|e| BuildError(format!("`{uri}` holds no record in line {line}: {e}")))?;
        match record.as_object() {
            Some(object) if !fields.is_empty() => {
                for value in fields.iter().filter_map(|field| object.get(field)) {
                    found = true;
                    add_texts(index, file, line, value);
                }
            }
            _ => {
                found = true;
                add_texts(index, file, line, &record);
            }
        }
    }
    match found {
        true => Ok(()),
        false if is_records && !fields.is_empty() => {
            Err(BuildError(format!("`{uri}` has none of the fields {}", fields.join(", "))))
        }
        false => Err(BuildError(format!("`{uri}` is empty"))),
    }
}

/// Adds every text within a value; how deep one lies is bounded by the reader of JSON.
fn add_texts(index: &mut Index, file: u32, line: usize, value: &serde_json::Value) {
    match value {
        serde_json::Value::String(text) => index.add(file, line, text),
        serde_json::Value::Array(values) => {
            values.iter().for_each(|value| add_texts(index, file, line, value))
        }
        serde_json::Value::Object(fields) => {
            fields.values().for_each(|value| add_texts(index, file, line, value));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
