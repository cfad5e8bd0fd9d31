//! A report on 80 columns.

use tamis_common::{Error, Result};
use tamis_coordinator::report::Report;

use super::plain;

/// The funnel, the drops by rule and the tokens by source.
///
/// # Errors
/// `Class::Internal` for a report of another version.
pub(crate) fn report_text(json: &str) -> Result<String> {
    let report: Report = serde_json::from_str(json)
        .map_err(|e| Error::internal(format!("the report cannot be read: {e}")).with_source(e))?;
    let mut lines = vec![format!(
        "{:<10}{:>14}{:>17}{:>17}{:>17}",
        "stage", "documents", "characters", "bytes", "tokens"
    )];
    for stage in &report.funnel {
        lines.push(format!(
            "{:<10}{:>14}{:>17}{:>17}{:>17}",
            stage.stage,
            grouped(stage.docs),
            stage.chars.map_or("-".to_owned(), grouped),
            grouped(stage.bytes),
            stage.tokens.map_or("-".to_owned(), grouped)
        ));
    }
    if !report.drops.is_empty() {
        lines.push(format!("\n{:<40}{:>14}", "dropped by", "documents"));
    }
    for drop in &report.drops {
        lines.push(format!(
            "{:<40}{:>14}",
            plain(&format!("{} {}", drop.stage, drop.rule)),
            grouped(drop.docs)
        ));
    }
    if let Some(tokens) = &report.tokens {
        lines.push(format!("\n{:<24}{:>14}{:>17}{:>15}", "source", "documents", "tokens", "chars/token"));
        for source in &tokens.sources {
            lines.push(format!(
                "{:<24}{:>14}{:>17}{:>15}",
                plain(&source.source),
                grouped(source.docs),
                grouped(source.tokens),
                source.chars_per_token.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
            ));
        }
    }
    if let Some(mix) = &report.decisions.mix
        && mix.shortfall.1 > 0.0
    {
        lines.push(format!(
            "\nthe mixture lacks about {} general tokens for the asked ratio",
            grouped(mix.shortfall.1 as u64)
        ));
    }
    lines.extend(report.corrupt.iter().map(|corrupt| format!("\nkept in part: {}", plain(corrupt))));
    Ok(lines.join("\n"))
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
