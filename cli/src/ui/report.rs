//! A report on 80 columns.

use std::collections::BTreeMap;

use tamis_common::stats::CleanerStats;
use tamis_common::{Error, Result};
use tamis_coordinator::report::{GateState, Report, SourceReport, grouped};

use super::plain;
use super::words::wrapped;

/// The funnel, the drops by rule and the tokens by source.
///
/// # Errors
/// `Class::Internal` for a report of another version.
pub(crate) fn report_text(json: &str) -> Result<String> {
    let report: Report = serde_json::from_str(json)
        .map_err(|e| Error::internal(format!("the report cannot be read: {e}")).with_source(e))?;
    let mut lines = vec![format!(
        "{:<10}{:>15}{:>18}{:>18}{:>18}",
        "stage", "documents", "characters", "bytes", "tokens"
    )];
    for stage in &report.funnel {
        lines.push(format!(
            "{:<10}{:>15}{:>18}{:>18}{:>18}",
            stage.stage,
            grouped(stage.docs),
            stage.chars.map_or("-".to_owned(), grouped),
            grouped(stage.bytes),
            stage.tokens.map_or("-".to_owned(), grouped)
        ));
    }
    if !report.drops.is_empty() {
        lines.push(format!("\n{:<62}{:>16}", "dropped by", "documents"));
    }
    for drop in &report.drops {
        lines.push(format!(
            "{:<62}{:>16}",
            fit(&format!("{} {}", drop.stage, drop.rule), 61),
            grouped(drop.docs)
        ));
    }
    cleaners(&report, &mut lines);
    clusters(&report, &mut lines);
    if let Some(tokens) = &report.tokens {
        lines.push(format!("\n{:<24}{:>15}{:>18}{:>15}", "source", "documents", "tokens", "chars/token"));
        for source in &tokens.sources {
            lines.push(format!(
                "{:<24}{:>15}{:>18}{:>15}",
                fit(&source.source, 23),
                grouped(source.docs),
                grouped(source.tokens),
                source.chars_per_token.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
            ));
        }
    }
    lines.extend(report.sources.iter().filter_map(warning));
    lines.extend(report.uneven.iter().map(|uneven| {
        format!(
            "\nwarning: `{}` drops {:.1} % of the domain documents and {:.1} % of the general ones:\n  look at its samples in report.json; it may be eating tables or statutes",
            plain(&uneven.rule),
            100.0 * uneven.domain,
            100.0 * uneven.general
        )
    }));
    lines.extend(report.corrupt.iter().map(|corrupt| format!("\nkept in part: {}", plain(corrupt))));
    readiness(&report, &mut lines);
    Ok(lines.join("\n"))
}

/// The gates, the advice and, last, the verdict.
fn readiness(report: &Report, lines: &mut Vec<String>) {
    let readiness = &report.readiness;
    if readiness.gates.is_empty() {
        return;
    }
    lines.push(format!("\n{:<8}{}", "gate", "what was found"));
    for gate in &readiness.gates {
        let state = match gate.state {
            GateState::Pass => "pass",
            GateState::Fail => "FAIL",
            GateState::Unknown => "?",
            GateState::Shown => "-",
        };
        lines.extend(wrapped(&format!("{state:<8}"), &plain(&gate.sentence)));
    }
    if !readiness.advice.is_empty() {
        lines.push(String::new());
        readiness.advice.iter().for_each(|advice| lines.extend(wrapped("advice: ", &plain(advice))));
    }
    lines.push(String::new());
    lines.extend(wrapped("", &plain(&readiness.sentence)));
}

/// What cleaners changed: documents, then each kind of change.
fn cleaners(report: &Report, lines: &mut Vec<String>) {
    let mut all: BTreeMap<&str, CleanerStats> = BTreeMap::new();
    for (name, stats) in report.sources.iter().flat_map(|source| &source.cleaners) {
        all.entry(name).or_default().merge(stats);
    }
    if !all.is_empty() {
        lines.push(format!("\n{:<40}{:>14}{:>14}", "cleaned by", "documents", "changes"));
    }
    for (name, stats) in all {
        lines.push(format!("{:<40}{:>14}", fit(name, 39), grouped(stats.docs)));
        for (what, count) in &stats.changes {
            lines.push(format!("  {:<38}{:>28}", fit(what, 37), grouped(*count)));
        }
    }
}

/// Clusters by members: `2-3`, `4-7` and so on.
fn clusters(report: &Report, lines: &mut Vec<String>) {
    let sizes = &report.decisions.cluster_sizes.0;
    if sizes.iter().any(|count| *count > 0) {
        lines.push(format!("\n{:<40}{:>14}", "duplicates in clusters of", "clusters"));
    }
    for (bucket, count) in sizes.iter().enumerate().filter(|(_, count)| **count > 0) {
        let least = 1_u64 << bucket.saturating_sub(1);
        let range = format!("{}-{} members", grouped(least), grouped(2 * least - 1));
        lines.push(format!("{range:<40}{:>14}", grouped(*count)));
    }
}

/// Said of a source of which half or more could not be read: rather a wrong setting than bad records.
fn warning(source: &SourceReport) -> Option<String> {
    let unread: Vec<(&str, u64)> =
        source.drops.iter().filter_map(|(key, count)| Some((key.strip_prefix("parse/")?, *count))).collect();
    let (rule, most) = unread.iter().copied().max_by_key(|(_, count)| *count)?;
    let all: u64 = unread.iter().map(|(_, count)| count).sum();
    (2 * all >= source.records).then(|| {
        format!(
            "\nwarning: {} of {} records of source `{}` could not be read, {} by `{}`:\n  are its `text_field`, `format` and `encoding` right?",
            grouped(all),
            grouped(source.records),
            plain(&source.name),
            grouped(most),
            plain(rule)
        )
    })
}

/// Text for a column of a table, cut where it is too long.
fn fit(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tamis_common::stats::Log2Histogram;
    use tamis_coordinator::report::{Decisions, FunnelStage, Report, RuleDrops, SourceTokens, TokensReport};

    use super::{grouped, report_text, wrapped};

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn sentences_are_wrapped_behind_their_mark() {
        let text = "word ".repeat(40);
        let lines = wrapped("pass    ", text.trim());
        assert!(lines.len() > 2 && lines.iter().all(|line| line.chars().count() <= 80));
        assert!(lines[0].starts_with("pass    word") && lines[1].starts_with("        word"));
        assert_eq!(wrapped("", "one"), ["one"]);
    }

    #[test]
    fn terabytes_and_long_names_fit_80_columns_and_stay_apart() {
        let (docs, size) = (99_999_999_999, 9_999_999_999_999);
        let report = Report {
            version: 1,
            name: "big".into(),
            funnel: vec![FunnelStage {
                stage: "emitted".into(),
                docs,
                chars: Some(size),
                bytes: size,
                tokens: Some(size),
            }],
            sources: Vec::new(),
            samples: Default::default(),
            uneven: Vec::new(),
            drops: vec![RuleDrops { stage: "filter".into(), rule: "r".repeat(200), docs }],
            tokens: Some(TokensReport {
                tokenizer_sha256: String::new(),
                engines: Default::default(),
                reference_checked: 0,
                eos: None,
                tokenized_over_written: None,
                total: size,
                sources: vec![SourceTokens {
                    source: "s".repeat(200),
                    docs,
                    tokens: size,
                    chars_per_token: Some(1.5),
                    length_histogram: Log2Histogram::default(),
                }],
            }),
            readiness: Default::default(),
            measures: Default::default(),
            mix: None,
            decisions: Decisions::default(),
            corrupt: Vec::new(),
            reproducibility: Default::default(),
        };
        let text = report_text(&serde_json::to_string(&report).unwrap()).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let columns = |start: &str| {
            text.lines().find(|line| line.starts_with(start)).map(|line| line.split_whitespace().count())
        };
        assert_eq!(columns("emitted"), Some(5), "{text}");
        assert_eq!(columns("sss"), Some(4), "{text}");
        assert_eq!(columns("filter"), Some(3), "{text}");
    }
}
