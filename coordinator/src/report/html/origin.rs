//! What the same set can be made from again.

use super::super::{IndexState, Report};
use super::escape::escaped;
use super::figures::{count, plural};
use super::parts::{Section, number, paragraph, table, words};

/// Version and digests.
pub(super) fn reproducibility(report: &Report) -> Option<Section> {
    let facts = &report.reproducibility;
    let code = |text: &str| format!("<code>{}</code>", escaped(text));
    let mut rows: Vec<Vec<String>> = [
        ("tamis", Some(&facts.tamis)),
        ("job spec", Some(&facts.spec_sha256)),
        ("tokenizer", facts.tokenizer_sha256.as_ref()),
        ("output", Some(&facts.output_sha256)),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some(vec![name.to_owned(), code(value)])
    })
    .collect();
    if let Some(IndexState { name, documents, state_digest }) = &facts.index {
        let documents = plural(*documents, "document", "documents");
        rows.push(vec!["index".to_owned(), format!("{} of {documents}: {}", code(name), code(state_digest))]);
    }
    if rows.is_empty() && facts.inputs.is_empty() {
        return None;
    }
    let mut body = String::new();
    if !rows.is_empty() {
        body.push_str(&table(
            "Version, and SHA-256 of what went in and came out",
            &[words("what"), words("version or digest")],
            &rows,
        ));
    }
    if !facts.inputs.is_empty() {
        let rows: Vec<Vec<String>> = facts
            .inputs
            .iter()
            .enumerate()
            .map(|(place, input)| {
                vec![
                    escaped(&input.source),
                    count(&format!("/reproducibility/inputs/{place}/files"), input.files),
                    code(&input.content_sha256),
                ]
            })
            .collect();
        let heads = [words("source"), number("files"), words("SHA-256 of what was read")];
        body.push_str(&table("Inputs", &heads, &rows));
    }
    if let Some(tokens) = &report.tokens {
        let engines: Vec<String> = tokens.engines.iter().map(|engine| code(engine)).collect();
        if !engines.is_empty() {
            body.push_str(&paragraph(&format!("Tokenized by {}.", engines.join(" and "))));
        }
    }
    let lead = "The same version, spec, tokenizer, index and inputs give the same output, byte for byte.";
    Some(Section::new("reproducibility", "How to make the same set again", lead, body))
}

/// Where the definitions stand.
pub(super) fn footer() -> &'static str {
    "<footer><p>Every figure stands in <code>report.json</code> beside this file, too. \
     <code>docs/report.md</code> of tamis defines each of them with its formula and source; \
     <code>training.json</code> has the steps of one epoch.</p></footer>\n"
}
