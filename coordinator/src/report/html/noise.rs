//! What filters and cleaners found, with samples of what went.

use std::collections::{BTreeMap, BTreeSet};

use tamis_common::artefact::Sample;
use tamis_common::stats::ValueHistogram;

use super::super::{Report, UnevenRule, grouped};
use super::escape::escaped;
use super::figures::{count, key, none, part, plural, share, short};
use super::parts::{Head, Section, folded, table, words};
use super::plots::{Sign, histogram, sign};

/// Filter rules by source, and those that take far more of the domain than of general text.
pub(super) fn noise(report: &Report) -> Option<Section> {
    let mut dropped: BTreeMap<&str, u64> = BTreeMap::new();
    for (rule, stats) in report.sources.iter().flat_map(|source| &source.rules) {
        *dropped.entry(rule).or_default() += stats.dropped.docs;
    }
    if dropped.is_empty() && report.uneven.is_empty() {
        return None;
    }
    let mut body: String =
        report.uneven.iter().enumerate().map(|(place, uneven)| warning(place, uneven)).collect();
    let mut order: Vec<&str> = dropped.keys().copied().collect();
    order.sort_by_key(|rule| (std::cmp::Reverse(dropped[rule]), *rule));
    let (busy, idle): (Vec<&str>, Vec<&str>) = order.into_iter().partition(|rule| dropped[rule] > 0);
    let mut heads: Vec<Head> = vec![words("rule")];
    heads.extend(report.sources.iter().map(|source| Head::Number(escaped(&source.name))));
    heads.push(words("values of all documents"));
    let rows = |rules: &[&str]| rules.iter().map(|rule| of_rule(report, rule)).collect::<Vec<_>>();
    if !busy.is_empty() {
        let caption = "Documents that each rule dropped, and of those that came to it the share";
        body.push_str(&table(caption, &heads, &rows(&busy)));
    }
    if !idle.is_empty() {
        let summary = format!("{} dropped nothing", plural(idle.len() as u64, "rule", "rules"));
        body.push_str(&folded(&summary, &table("Rules that dropped nothing", &heads, &rows(&idle))));
    }
    let lead = "What the filters took as noise. The plots show the values that a rule measured, on a scale on which each \
                step is a quarter of a power of two.";
    Some(Section::new("noise", "Noise: what filters found, by source", lead, body))
}

fn warning(place: usize, uneven: &UnevenRule) -> String {
    let pointer = |field: &str| format!("/uneven/{place}/{field}");
    format!(
        "<div class=\"warning\">{}<p><b>{}</b> drops {} of the domain's documents but {} of the general ones. It may be \
         taking tables or statutes for noise: look at its samples.</p></div>",
        sign(Sign::Warning, "Warning"),
        escaped(&uneven.rule),
        share(&pointer("domain"), uneven.domain),
        share(&pointer("general"), uneven.general)
    )
}

fn of_rule(report: &Report, rule: &str) -> Vec<String> {
    let mut values = ValueHistogram::default();
    let mut row = vec![escaped(rule)];
    for (place, source) in report.sources.iter().enumerate() {
        row.push(source.rules.get(rule).map_or_else(none, |stats| {
            for bar in &stats.values {
                *values.0.entry(ValueHistogram::bucket(bar.from)).or_default() += bar.docs;
            }
            let pointer = format!("/sources/{place}/rules/{}/dropped/docs", key(rule));
            let share = match stats.seen {
                0 => String::new(),
                seen => format!(" ({})", part(stats.dropped.docs, seen)),
            };
            format!("{}{share}", count(&pointer, stats.dropped.docs))
        }));
    }
    row.push(of_values(rule, &values));
    row
}

fn of_values(rule: &str, values: &ValueHistogram) -> String {
    let (Some(first), Some(last)) = (values.0.keys().next(), values.0.keys().next_back()) else {
        return none();
    };
    let columns: Vec<(String, u64)> = (*first..=*last)
        .map(|bucket| {
            let count = values.0.get(&bucket).copied().unwrap_or_default();
            let from = short(ValueHistogram::least(bucket));
            (format!("from {from}: {} documents", grouped(count)), count)
        })
        .collect();
    let ends = (short(ValueHistogram::least(*first)), short(ValueHistogram::least(*last)));
    let title = format!("Values of {rule}, from {} to {}", ends.0, ends.1);
    histogram(&title, &columns, &ends.0, &ends.1)
}

/// What cleaners changed, by source.
pub(super) fn cleaners(report: &Report) -> Option<Section> {
    let names: BTreeSet<&str> =
        report.sources.iter().flat_map(|source| source.cleaners.keys()).map(String::as_str).collect();
    if names.is_empty() {
        return None;
    }
    let mut heads = vec![words("cleaner")];
    heads.extend(report.sources.iter().map(|source| Head::Number(escaped(&source.name))));
    heads.push(words("what it changed"));
    let mut rows = Vec::new();
    for name in names {
        let mut row = vec![escaped(name)];
        let mut changes: BTreeMap<&str, u64> = BTreeMap::new();
        for (place, source) in report.sources.iter().enumerate() {
            row.push(source.cleaners.get(name).map_or_else(none, |stats| {
                for (change, times) in &stats.changes {
                    *changes.entry(change).or_default() += times;
                }
                count(&format!("/sources/{place}/cleaners/{}/docs", key(name)), stats.docs)
            }));
        }
        let said: Vec<String> = changes
            .iter()
            .map(|(change, times)| format!("{} {}", escaped(&change.replace('_', " ")), grouped(*times)))
            .collect();
        row.push(said.join(", "));
        rows.push(row);
    }
    let caption = "Documents that each cleaner changed, by source";
    let lead = "Cleaners repair a text before filters see it.";
    Some(Section::new("cleaners", "What cleaners changed", lead, table(caption, &heads, &rows)))
}

/// Samples of what rules dropped, each rule folded.
pub(super) fn samples(report: &Report) -> Option<Section> {
    let mut body = String::new();
    for (rule, samples) in report.samples.0.iter().filter(|(_, samples)| !samples.is_empty()) {
        let summary = format!("{} – {}", escaped(rule), plural(samples.len() as u64, "sample", "samples"));
        body.push_str(&folded(&summary, &samples.iter().map(sample).collect::<String>()));
    }
    if body.is_empty() {
        return None;
    }
    let lead = "A few documents of every rule, chosen by hash: look whether they deserved it. Only the start of a text is \
                shown; characters that cannot be seen are shown as their number.";
    Some(Section::new("samples", "Samples of what was dropped", lead, body))
}

fn sample(sample: &Sample) -> String {
    let value = sample.value.map_or_else(String::new, |value| format!(", measured {}", short(value)));
    let detail = sample.detail.as_ref().map_or_else(String::new, |detail| format!(", {}", escaped(detail)));
    format!(
        "<div class=\"sample\"><p><code>{}</code> of {}{value}{detail}</p><blockquote dir=\"auto\">{}</blockquote></div>",
        escaped(&sample.id),
        escaped(&sample.source),
        escaped(&sample.text)
    )
}

/// Inputs that were kept in part.
pub(super) fn corrupt(report: &Report) -> Option<Section> {
    if report.corrupt.is_empty() {
        return None;
    }
    let items: String =
        report.corrupt.iter().map(|one| format!("<li><code>{}</code></li>", escaped(one))).collect();
    let lead = "They ended early or were damaged, and were kept as far as they could be read.";
    Some(Section::new(
        "corrupt",
        "Inputs that were damaged",
        lead,
        format!("<ul class=\"plain\">{items}</ul>"),
    ))
}
