//! Figures: how they are written, and where in `report.json` they stand.

use serde_json::Value;

use super::super::grouped;
use super::super::readiness::{Unit, percent};
use super::escape::escaped;

/// A figure of the report, with its place there and its value as it stands there; `shown` is HTML.
pub(super) fn figure(pointer: &str, value: impl Into<Value>, shown: &str) -> String {
    format!(
        "<span data-figure=\"{}\" data-value=\"{}\">{shown}</span>",
        escaped(pointer),
        escaped(&value.into().to_string())
    )
}

/// A number of things.
pub(super) fn count(pointer: &str, number: u64) -> String {
    figure(pointer, number, &grouped(number))
}

/// A number of things, or a dash.
pub(super) fn maybe_count(pointer: &str, number: Option<u64>) -> String {
    number.map_or_else(none, |number| count(pointer, number))
}

/// A part of 1 in per cent.
pub(super) fn share(pointer: &str, share: f64) -> String {
    figure(pointer, share, &unbroken(&percent(share)))
}

/// A part of 1 in per cent, or a dash.
pub(super) fn maybe_share(pointer: &str, value: Option<f64>) -> String {
    value.map_or_else(none, |value| share(pointer, value))
}

/// A number with so many digits behind the point.
pub(super) fn decimal(pointer: &str, number: f64, digits: usize) -> String {
    figure(pointer, number, &format!("{number:.digits$}"))
}

/// A number, or a dash.
pub(super) fn maybe_decimal(pointer: &str, number: Option<f64>, digits: usize) -> String {
    number.map_or_else(none, |number| decimal(pointer, number, digits))
}

/// Where there is no figure.
pub(super) fn none() -> String {
    "<span class=\"none\">–</span>".to_owned()
}

/// A key as part of a JSON pointer.
pub(super) fn key(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The value of a gate in its unit.
pub(super) fn in_unit(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Tokens => format!("{} tokens", grouped(value.round() as u64)),
        Unit::Documents => format!("{} documents", grouped(value.round() as u64)),
        Unit::Share => unbroken(&percent(value)),
        Unit::Bits => format!("{value:.3} bits"),
        Unit::Number => format!("{value:.2}"),
    }
}

/// With no line break before the sign of per cent.
fn unbroken(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

/// Part of a whole in per cent; a dash of nothing.
pub(super) fn part(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { unbroken(&percent(part as f64 / whole as f64)) }
}

/// A measured value of any size, in few digits.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1_000.0 => grouped(value.abs().round() as u64),
        size if size >= 10.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// The sizes that a bucket of powers of two holds.
pub(super) fn sizes_of(bucket: usize) -> String {
    let least = |bucket: usize| u32::try_from(bucket).ok().and_then(|places| 1_u64.checked_shl(places));
    let Some(below) = bucket.checked_sub(1) else { return "0".to_owned() };
    let first = least(below).unwrap_or(u64::MAX);
    let last = least(bucket).map_or(u64::MAX, |next| next - 1);
    if first == last { grouped(first) } else { format!("{} to {}", grouped(first), grouped(last)) }
}

/// With a capital at its start.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    let mut sentence: String = unbroken(&first.to_uppercase().chain(chars).collect::<String>());
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// `one document`, `2 documents`.
pub(super) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_told_by_what_they_hold() {
        assert_eq!([0, 1, 2, 11].map(sizes_of), ["0", "1", "2 to 3", "1,024 to 2,047"]);
        assert_eq!(sizes_of(64), "9,223,372,036,854,775,808 to 18,446,744,073,709,551,615");
    }

    #[test]
    fn a_figure_tells_its_place_and_its_value() {
        assert_eq!(count("/a/b~1c", 1_234), "<span data-figure=\"/a/b~1c\" data-value=\"1234\">1,234</span>");
        assert_eq!(key("filter/a~b"), "filter~1a~0b");
        assert!(share("/s", 0.25).contains("data-value=\"0.25\">25.0\u{a0}%<"));
    }
}
