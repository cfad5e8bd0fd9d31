//! `report.html`: the report for people, in one file that asks for nothing else: no script, no network, no other file.
//!
//! What stands in a figure stands in `report.json` too: its place there and its value are attributes of it. All text of
//! documents and specs is escaped.

mod doubles;
mod escape;
mod figures;
mod flow;
mod measured;
mod noise;
mod origin;
mod parts;
mod plots;
mod style;
mod tokens;
mod verdict;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

use super::Report;

pub use escape::{escaped, is_hidden};

/// The page. The same report gives the same bytes.
pub fn html(report: &Report) -> String {
    let sections = [
        verdict::gates(report),
        verdict::advice(report),
        flow::mixture(report),
        flow::funnel(report),
        tokens::tokens(report),
        tokens::languages(report),
        tokens::mismatch(report),
        measured::diversity(report),
        measured::novelty(report),
        measured::professionalism(report),
        doubles::repeats(report),
        doubles::duplicates(report),
        flow::drops(report),
        noise::noise(report),
        noise::cleaners(report),
        noise::samples(report),
        noise::corrupt(report),
        origin::reproducibility(report),
    ];
    let sections: Vec<parts::Section> = sections.into_iter().flatten().collect();
    let links: String = sections
        .iter()
        .map(|section| format!("<li><a href=\"#{}\">{}</a></li>", section.id, section.title))
        .collect();
    let contents = parts::folded("On this page", &format!("<ul>{links}</ul>"));
    let body: String = sections.iter().map(parts::Section::html).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\">\
         <title>{} – readiness report</title><style>{}</style></head><body>\n{}\
         <nav class=\"contents\" aria-label=\"Sections\">{contents}</nav>\n<main>\n{body}</main>\n{}</body></html>\n",
        escaped(&report.name),
        style::STYLE,
        verdict::header(report),
        origin::footer(),
    )
}
