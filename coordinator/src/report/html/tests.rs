#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::super::{Decisions, Measures, Readiness, Report, Reproducibility, grouped};
use super::fixture;
use super::html;

fn empty() -> Report {
    Report {
        version: 2,
        name: String::new(),
        readiness: Readiness::default(),
        funnel: Vec::new(),
        sources: Vec::new(),
        drops: Vec::new(),
        samples: tamis_common::artefact::Samples::default(),
        uneven: Vec::new(),
        tokens: None,
        measures: Measures::default(),
        mix: None,
        decisions: Decisions::default(),
        corrupt: Vec::new(),
        reproducibility: Reproducibility::default(),
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

/// Pointer, value and shown text of every figure.
fn figures(page: &str) -> Vec<(String, String, String)> {
    let pieces = page.split("data-figure=\"").skip(1);
    pieces
        .map(|piece| {
            let (pointer, rest) = piece.split_once("\" data-value=\"").unwrap();
            let (value, rest) = rest.split_once("\">").unwrap();
            let (shown, _) = rest.split_once("</span>").unwrap();
            (unescaped(pointer), unescaped(value), unescaped(shown))
        })
        .collect()
}

fn assert_figures_agree(report: &Report) -> Vec<String> {
    let json = serde_json::to_value(report).unwrap();
    let figures = figures(&html(report));
    for (pointer, value, shown) in &figures {
        let found = json.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in the report"));
        assert_eq!(&found.to_string(), value, "{pointer}");
        if let Some(count) = found.as_u64() {
            assert_eq!(shown, &grouped(count), "{pointer}");
        }
    }
    figures.into_iter().map(|(pointer, ..)| pointer).collect()
}

/// Every tag is closed by its own.
fn assert_balanced(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in page.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes something else");
        } else if !tag.ends_with('/') && !matches!(name, "!doctype" | "meta") {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

#[test]
fn figures_of_the_page_are_those_of_the_report() {
    let report = fixture::report();
    let found = assert_figures_agree(&report);
    let has = |pointer: &str| assert!(found.iter().any(|one| one == pointer), "{pointer} has no figure");
    [
        "/readiness/ready",
        "/tokens/total",
        "/mix/error",
        "/mix/missing/1",
        "/mix/achieved/0",
        "/mix/achieved/1",
    ]
    .into_iter()
    .for_each(has);
    for (place, gate) in report.readiness.gates.iter().enumerate() {
        if gate.value.is_some() {
            has(&format!("/readiness/gates/{place}/value"));
        }
    }
    (0..report.funnel.len()).for_each(|place| has(&format!("/funnel/{place}/docs")));
    for place in 0..report.sources.len() {
        has(&format!("/tokens/sources/{place}/tokens"));
        has(&format!("/tokens/sources/{place}/docs"));
        has(&format!("/mix/sources/{place}/written"));
        has(&format!("/mix/sources/{place}/available"));
        has(&format!("/sources/{place}/rules/length.min_chars/dropped/docs"));
    }
    (0..report.drops.len()).for_each(|place| has(&format!("/drops/{place}/docs")));
}

#[test]
fn the_page_asks_for_nothing_and_is_the_same_twice() {
    let page = html(&fixture::report());
    assert_eq!(page, html(&fixture::report()));
    assert_balanced(&page);
    for asked in ["<script", "<link", "<img", "<iframe", "http:", "https:", "url(", "@import", "src="] {
        assert!(!page.contains(asked), "{asked}");
    }
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\""));
}

#[test]
fn every_plot_has_a_title_and_every_table_a_caption() {
    let page = html(&fixture::report());
    assert!(page.contains("<svg"));
    for svg in page.split("<svg").skip(1) {
        let (tag, content) = svg.split_once('>').unwrap();
        assert!(tag.contains("role=\"img\"") && content.starts_with("<title>"), "{tag}");
    }
    assert_eq!(page.matches("<table").count(), page.matches("<caption>").count());
    assert_eq!(page.matches("<h1>").count(), 1);
}

#[test]
fn reports_without_figures_or_without_a_tokenizer_are_pages() {
    let page = html(&empty());
    assert_balanced(&page);
    assert!(page.contains("Not ready to train") && !page.contains("<section"));

    let mut report = fixture::report();
    (report.tokens, report.mix, report.measures) = (None, None, Measures::default());
    report.funnel.iter_mut().for_each(|stage| stage.tokens = None);
    let page = html(&report);
    assert_balanced(&page);
    assert!(!page.contains("id=\"tokens\"") && page.contains("id=\"funnel\""));
    assert_figures_agree(&report);

    let mut ready = fixture::report();
    ready.readiness.ready = true;
    ready.readiness.sentence = "Ready to train: the set has 5 tokens.".to_owned();
    let page = html(&ready);
    assert!(
        page.contains("verdict good") && page.contains(">Ready to train</span></b> The set has 5 tokens.<")
    );
}

/// Every text of the report is hostile, keys too, but those that name a variant.
fn poisoned(value: &mut Value, poison: &str) {
    match value {
        Value::String(text) => {
            let is_variant =
                ["pass", "fail", "unknown", "shown", "at_least", "at_most", "tokens", "documents"]
                    .contains(&text.as_str())
                    || ["share", "bits", "number"].contains(&text.as_str());
            if !is_variant {
                text.push_str(poison);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poisoned(item, poison)),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, field)| poisoned(field, poison)),
        _ => {}
    }
}

#[test]
fn hostile_text_stays_text() {
    let poison = "</title><script>alert(1)</script>\"onload='x'&amp;\u{202e}\u{2066}\u{200b}\u{200f}\u{1b}[31m\u{0}\u{85}/~";
    let mut json = serde_json::to_value(fixture::report()).unwrap();
    poisoned(&mut json, poison);
    let mut report: Report = serde_json::from_value(json).unwrap();
    for source in &mut report.sources {
        source.rules =
            source.rules.iter().map(|(key, rule)| (format!("{key}{poison}"), rule.clone())).collect();
        source.cleaners =
            source.cleaners.iter().map(|(key, stats)| (format!("{key}{poison}"), stats.clone())).collect();
        for stats in source.cleaners.values_mut() {
            stats.changes = stats.changes.iter().map(|(key, n)| (format!("{key}{poison}"), *n)).collect();
        }
    }
    for source in &mut report.measures.sources {
        source.languages = source.languages.iter().map(|(key, n)| (format!("{key}{poison}"), *n)).collect();
    }
    let samples = &mut report.samples.0;
    *samples = samples.iter().map(|(key, samples)| (format!("{key}{poison}"), samples.clone())).collect();

    let page = html(&report);
    assert_balanced(&page);
    assert!(!page.contains("<script") && !page.contains("\"onload"));
    assert!(page.contains("⟨U+202E⟩⟨U+2066⟩⟨U+200B⟩⟨U+200F⟩⟨U+001B⟩[31m⟨U+0000⟩⟨U+0085⟩"));
    assert!(!page.chars().any(|c| c != '\n' && c != '\t' && super::is_hidden(c)));
    assert_eq!(page.matches("<svg").count(), html(&fixture::report()).matches("<svg").count());
    // Pointers with characters that are shown by their number are told apart by nobody: only the others are followed.
    let figures = figures(&page);
    assert!(figures.iter().any(|(pointer, ..)| pointer.contains("~1~0")));
    assert_eq!(json!({"a/~": 1}).pointer("/a~1~0"), Some(&json!(1)));
}
