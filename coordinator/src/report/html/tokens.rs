//! Tokens, languages and divergences by source.

use std::collections::BTreeMap;

use super::super::readiness::percent;
use super::super::{Report, grouped};
use super::escape::escaped;
use super::figures::{count, decimal, key, maybe_decimal, none, part, share, sizes_of};
use super::parts::{Section, number, paragraph, plot, table, words};
use super::plots::{self, histogram, part_bar, stacked};

/// Tokens by source, and how long documents are.
pub(super) fn tokens(report: &Report) -> Option<Section> {
    let tokens = report.tokens.as_ref()?;
    let all = tokens.total.max(1) as f64;
    let rows: Vec<Vec<String>> = tokens
        .sources
        .iter()
        .enumerate()
        .map(|(place, source)| {
            let pointer = |field: &str| format!("/tokens/sources/{place}/{field}");
            let title = format!("{} of all tokens", part(source.tokens, tokens.total));
            let role = report.sources.get(place).map_or_else(none, |source| escaped(&source.role));
            let measures = report.measures.sources.get(place);
            vec![
                escaped(&source.source),
                role,
                part_bar(&title, source.tokens as f64 / all, "s0"),
                count(&pointer("tokens"), source.tokens),
                part(source.tokens, tokens.total),
                count(&pointer("docs"), source.docs),
                maybe_decimal(&pointer("chars_per_token"), source.chars_per_token, 2),
                maybe_decimal(
                    &format!("/measures/sources/{place}/bytes_per_token"),
                    measures.and_then(|measures| measures.bytes_per_token),
                    2,
                ),
            ]
        })
        .collect();
    let heads = [
        words("source"),
        words("role"),
        plot("share of all tokens"),
        number("tokens"),
        number("share"),
        number("documents"),
        number("characters a token"),
        number("bytes a token"),
    ];
    let mut body = table("Tokens and documents in the set, by source", &heads, &rows);
    body.push_str(&lengths(report));
    if tokens.reference_checked > 0 {
        body.push_str(&paragraph(&format!(
            "The token ids of {} documents were compared with those of the reference tokenizer, and agreed.",
            count("/tokens/reference_checked", tokens.reference_checked)
        )));
    }
    if let Some(eos) = &tokens.eos {
        body.push_str(&paragraph(&format!(
            "Every document ends with the token <code>{}</code>.",
            escaped(eos)
        )));
    }
    let lead = "Few bytes a token mean that the tokenizer cuts a source into many small pieces.";
    Some(Section::new("tokens", "Tokens by source", lead, body))
}

/// Small multiples over the same lengths.
fn lengths(report: &Report) -> String {
    let sources = report.tokens.as_ref().map_or(&[][..], |tokens| &tokens.sources);
    let filled = |counts: &[u64]| {
        let first = counts.iter().position(|count| *count > 0)?;
        Some((first, counts.iter().rposition(|count| *count > 0)?))
    };
    let ranges = sources.iter().filter_map(|source| filled(&source.length_histogram.0));
    let range = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let Some((first, last)) = range else { return String::new() };
    let mut figures = String::new();
    for source in sources.iter().filter(|source| source.docs > 0) {
        let counts = &source.length_histogram.0;
        let at = |bucket: usize| counts.get(bucket).copied().unwrap_or_default();
        let columns: Vec<(String, u64)> = (first..=last)
            .map(|bucket| {
                (format!("{} tokens: {} documents", sizes_of(bucket), grouped(at(bucket))), at(bucket))
            })
            .collect();
        // The first of equal ones.
        let highest = (first..=last).rev().max_by_key(|bucket| at(*bucket)).unwrap_or(first);
        let words = format!("{}: most often {} tokens", source.source, sizes_of(highest));
        figures.push_str(&format!(
            "<figure>{}<figcaption>{}</figcaption></figure>",
            histogram(&format!("Documents by length, {words}"), &columns, &sizes_of(first), &sizes_of(last)),
            escaped(&words)
        ));
    }
    format!(
        "<h3>How long documents are</h3><p class=\"lead\">Documents by tokens, in powers of two; each plot is as high as \
         its own most frequent length.</p><div class=\"small\">{figures}</div>"
    )
}

/// Languages that have a colour of their own; the rest is one.
const NAMED: usize = 6;

/// The name of a language, where it is a common one.
fn language(code: &str) -> String {
    let name = match code {
        "ar" => "Arabic",
        "de" => "German",
        "en" => "English",
        "es" => "Spanish",
        "fr" => "French",
        "hi" => "Hindi",
        "id" => "Indonesian",
        "it" => "Italian",
        "ja" => "Japanese",
        "ko" => "Korean",
        "nl" => "Dutch",
        "pl" => "Polish",
        "pt" => "Portuguese",
        "ru" => "Russian",
        "th" => "Thai",
        "tr" => "Turkish",
        "vi" => "Vietnamese",
        "zh" => "Chinese",
        "other" => "unsure",
        code => return escaped(code),
    };
    name.to_owned()
}

/// Languages by source.
pub(super) fn languages(report: &Report) -> Option<Section> {
    let sources = &report.measures.sources;
    let mut weights: BTreeMap<&str, f64> = BTreeMap::new();
    for (code, share) in sources.iter().flat_map(|source| &source.languages) {
        *weights.entry(code).or_default() += share;
    }
    if weights.is_empty() {
        return None;
    }
    let mut order: Vec<&str> = weights.keys().copied().collect();
    order.sort_by(|a, b| weights[b].total_cmp(&weights[a]).then(a.cmp(b)));
    let (named, others) = order.split_at(order.len().min(NAMED));
    let mut rows = Vec::new();
    for (place, source) in sources.iter().enumerate().filter(|(_, source)| !source.languages.is_empty()) {
        let of = |code: &str| source.languages.get(code).copied().unwrap_or_default();
        let mut shares: Vec<(String, f64)> = named
            .iter()
            .map(|code| (format!("{} {}", language(code), percent(of(code))), of(code)))
            .collect();
        let rest: f64 = others.iter().map(|code| of(code)).sum();
        shares.push((format!("others {}", percent(rest)), rest));
        let mut said: Vec<String> = named
            .iter()
            .enumerate()
            .filter(|(_, code)| of(code) > 0.0)
            .map(|(colour, code)| {
                let pointer = format!("/measures/sources/{place}/languages/{}", key(code));
                format!("<li>{}{} {}</li>", plots::key(colour), language(code), share(&pointer, of(code)))
            })
            .collect();
        if rest > 0.0 {
            said.push(format!("<li>{}others {}</li>", plots::key(named.len()), percent(rest)));
        }
        let title = format!("Languages of {}", source.source);
        rows.push(vec![
            escaped(&source.source),
            format!("{}<ul class=\"legend\">{}</ul>", stacked(&title, &shares), said.concat()),
        ]);
    }
    let lead =
        "Documents by language, of a sample that is chosen by hash. Unsure: the identifier would only guess.";
    let body = table("Share of sampled documents by language", &[words("source"), plot("languages")], &rows);
    Some(Section::new("languages", "Languages by source", lead, body))
}

/// How far sources are apart, beside what chance alone gives.
pub(super) fn mismatch(report: &Report) -> Option<Section> {
    let measures = &report.measures;
    let mut body = String::new();
    if let Some(mismatch) = &measures.mismatch {
        let row = |name: &str, field: &str, bits: f64, class: &str| {
            vec![
                name.to_owned(),
                part_bar(&format!("{name}: {bits:.3} bits of 1"), bits, class),
                decimal(&format!("/measures/mismatch/{field}"), bits, 3),
            ]
        };
        let rows = [
            row("domain against general text", "bits", mismatch.bits, "s0"),
            row("two halves of the domain", "domain_halves", mismatch.domain_halves, "s4"),
            row("two halves of general text", "general_halves", mismatch.general_halves, "s4"),
        ];
        let heads = [words("what is compared"), plot("0 to 1 bit"), number("bits")];
        body.push_str(&table("Domain against general text, beside what chance alone gives", &heads, &rows));
    }
    if !measures.divergences.is_empty() {
        body.push_str(&matrix(report));
    }
    if body.is_empty() {
        return None;
    }
    let lead = "Jensen-Shannon divergence of how often each token occurs: 0 bits if two texts use tokens alike, 1 bit if \
                they share none. Halves of the same text, cut by chance, show how much of it is chance.";
    Some(Section::new("mismatch", "How different the sources are", lead, body))
}

fn matrix(report: &Report) -> String {
    let measures = &report.measures;
    let names: Vec<(usize, &str)> = measures
        .sources
        .iter()
        .enumerate()
        .filter(|(_, source)| source.halves.is_some())
        .map(|(place, source)| (place, source.source.as_str()))
        .collect();
    let find = |a: &str, b: &str| {
        let is_pair = |(x, y): (&str, &str)| (x == a && y == b) || (x == b && y == a);
        measures.divergences.iter().position(|one| is_pair((one.a.as_str(), one.b.as_str())))
    };
    let mut html = String::from(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Divergence of sources\"><table class=\"heat\">\
         <caption><span>Bits between each two sources, the darker the further apart; with a dashed frame: halves of one source</span></caption>\
         <thead><tr><th scope=\"col\">source</th>",
    );
    for (_, name) in &names {
        html.push_str(&format!("<th scope=\"col\">{}</th>", escaped(name)));
    }
    html.push_str("</tr></thead><tbody>");
    for (row, name) in &names {
        html.push_str(&format!("<tr><th scope=\"row\">{}</th>", escaped(name)));
        for (column, other) in &names {
            let found = if row == column {
                let pointer = format!("/measures/sources/{row}/halves");
                measures.sources.get(*row).and_then(|source| source.halves).map(|bits| (pointer, bits))
            } else {
                let bits = |place: usize| measures.divergences.get(place).map(|one| one.bits);
                find(name, other)
                    .and_then(|place| Some((format!("/measures/divergences/{place}/bits"), bits(place)?)))
            };
            let class = if row == column { " class=\"self\"" } else { "" };
            html.push_str(&match found {
                None => format!("<td>{}</td>", none()),
                Some((pointer, bits)) => format!(
                    "<td{class} style=\"background:rgba(var(--heat),{:.2})\">{}</td>",
                    0.7 * bits.clamp(0.0, 1.0).sqrt(),
                    decimal(&pointer, bits, 3)
                ),
            });
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    html
}
