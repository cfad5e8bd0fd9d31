//! Diversity, novelty and the terms of the domain.

use std::collections::BTreeSet;

use super::super::readiness::percent;
use super::super::{NgramShare, Report, grouped};
use super::escape::escaped;
use super::figures::{count, decimal, maybe_decimal, maybe_share, none, share};
use super::parts::{Section, number, paragraph, plot, table, words};
use super::plots::{self, part_bar, stacked};

/// How many sources there are in effect, and how much they repeat themselves.
pub(super) fn diversity(report: &Report) -> Option<Section> {
    let measures = &report.measures;
    let effective = measures.effective_sources?;
    let shares: Vec<(String, f64)> = measures
        .sources
        .iter()
        .map(|source| (format!("{} {}", source.source, percent(source.token_share)), source.token_share))
        .collect();
    let legend: String = measures
        .sources
        .iter()
        .enumerate()
        .map(|(place, source)| {
            let pointer = format!("/measures/sources/{place}/token_share");
            format!(
                "<li>{}{} {}</li>",
                plots::key(place),
                escaped(&source.source),
                share(&pointer, source.token_share)
            )
        })
        .collect();
    let mut body = paragraph(&format!(
        "By tokens, the {} sources are as diverse as <b>{}</b> equal ones.",
        measures.sources.len(),
        decimal("/measures/effective_sources", effective, 2)
    ));
    body.push_str(&stacked("Share of all tokens by source", &shares));
    body.push_str(&format!("<ul class=\"legend\">{legend}</ul>"));

    let every = measures.sources.iter().flat_map(|source| &source.distinct).chain(&measures.distinct);
    let lengths: BTreeSet<u64> = every.map(|one| one.n).collect();
    let cells = |pointer: &str, of: &[NgramShare]| {
        let cell = |n: &u64| match of.iter().position(|one| one.n == *n) {
            None => none(),
            Some(place) => {
                maybe_share(&format!("{pointer}/{place}/share"), of.get(place).map(|one| one.share))
            }
        };
        lengths.iter().map(cell).collect::<Vec<String>>()
    };
    let mut rows = Vec::new();
    for (place, source) in measures.sources.iter().enumerate() {
        let mut row = vec![escaped(&source.source)];
        row.extend(cells(&format!("/measures/sources/{place}/distinct"), &source.distinct));
        let pointer = format!("/measures/sources/{place}/compression_ratio");
        row.push(maybe_decimal(&pointer, source.compression_ratio, 2));
        rows.push(row);
    }
    let mut row = vec!["the whole set".to_owned()];
    row.extend(cells("/measures/distinct", &measures.distinct));
    row.push(none());
    rows.push(row);
    let mut heads = vec![words("source")];
    heads.extend(lengths.iter().map(|n| match n {
        1 => number("different tokens"),
        n => number(&format!("different {n}-grams")),
    }));
    heads.push(number("compression"));
    body.push_str(&table("Different n-grams of tokens, as a share of all of them", &heads, &rows));
    let lead = "An n-gram is n tokens in a row. The more of them are different, and the less a text can be compressed, the \
                less it repeats itself; larger sources have lower shares by their size alone. Compression is bytes of a \
                sample over its bytes under zstd.";
    Some(Section::new("diversity", "Diversity", lead, body))
}

/// What of the domain general text does not have.
pub(super) fn novelty(report: &Report) -> Option<Section> {
    let novelty = &report.measures.novelty;
    if novelty.is_empty() {
        return None;
    }
    let rows: Vec<Vec<String>> = novelty
        .iter()
        .enumerate()
        .map(|(place, one)| {
            let name = if one.n == 1 { "tokens".to_owned() } else { format!("{}-grams", one.n) };
            vec![
                name.clone(),
                part_bar(&format!("{name}: {} are new", percent(one.share)), one.share, "s2"),
                share(&format!("/measures/novelty/{place}/share"), one.share),
            ]
        })
        .collect();
    let lead = "Share of the different n-grams of domain text that general text does not have: what the domain can teach.";
    let heads = [words("n tokens in a row"), plot("share that is new"), number("new")];
    Some(Section::new(
        "novelty",
        "New against general text",
        lead,
        table("Novelty of the domain", &heads, &rows),
    ))
}

/// The lexicon.
pub(super) fn professionalism(report: &Report) -> Option<Section> {
    let lexicon = report.measures.lexicon.as_ref()?;
    let coverage = lexicon.seen as f64 / lexicon.terms.max(1) as f64;
    let general = lexicon.general_density.map_or_else(String::new, |density| {
        format!(", and {} of those of general text", share("/measures/lexicon/general_density", density))
    });
    let title = format!("{} of {} terms", grouped(lexicon.seen), grouped(lexicon.terms));
    let mut body = paragraph(&format!(
        "Domain text holds {} of the {} terms ({}). They are {} of its characters{general}.",
        count("/measures/lexicon/seen", lexicon.seen),
        count("/measures/lexicon/terms", lexicon.terms),
        percent(coverage),
        share("/measures/lexicon/domain_density", lexicon.domain_density)
    ));
    body.push_str(&part_bar(&title, coverage, "s2"));
    let rows: Vec<Vec<String>> = report
        .measures
        .sources
        .iter()
        .enumerate()
        .map(|(place, source)| {
            let pointer = |field: &str| format!("/measures/sources/{place}/{field}");
            let coverage = source.lexicon_coverage.unwrap_or_default();
            vec![
                escaped(&source.source),
                part_bar(&format!("{} of the terms", percent(coverage)), coverage, "s2"),
                maybe_share(&pointer("lexicon_coverage"), source.lexicon_coverage),
                maybe_share(&pointer("lexicon_density"), source.lexicon_density),
            ]
        })
        .collect();
    let heads = [words("source"), plot("terms found"), number("terms found"), number("of characters")];
    body.push_str(&table("Terms by source", &heads, &rows));
    if !lexicon.never_seen.is_empty() {
        let terms: String =
            lexicon.never_seen.iter().map(|term| format!("<li>{}</li>", escaped(term))).collect();
        body.push_str(&format!("<h3>Terms that no text holds</h3><ul class=\"chips\">{terms}</ul>"));
        if lexicon.never_seen.len() as u64 >= 50 {
            body.push_str(&paragraph("The first 50 are shown."));
        }
    }
    let lead = "How much of the lexicon, a list of terms of the domain, the text holds.";
    Some(Section::new("professionalism", "Terms of the domain", lead, body))
}
