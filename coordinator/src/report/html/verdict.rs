//! What a reader wants to know first: may training start, and if not, why.

use serde_json::Value;

use super::super::{Gate, GateState, Report, Side, Unit};
use super::escape::escaped;
use super::figures::{count, figure, in_unit, none, plural, sentence};
use super::parts::{Section, paragraph};
use super::plots::{Piece, Sign, bar, sign};

/// Name, verdict and totals.
pub(super) fn header(report: &Report) -> String {
    let readiness = &report.readiness;
    let (shape, class, words) = match readiness.ready {
        true => (Sign::Good, "good", "Ready to train"),
        false => (Sign::Bad, "bad", "Not ready to train"),
    };
    let word = figure("/readiness/ready", readiness.ready, words);
    // The sentence begins with the same words.
    let why = readiness.sentence.strip_prefix(words).unwrap_or(&readiness.sentence);
    let why = match why.trim_start_matches([':', ' ']) {
        "" => "This report holds no verdict.".to_owned(),
        why => sentence(why),
    };
    format!(
        "<header><p class=\"eyebrow\">Readiness report: can training start on this set?</p><h1>{}</h1>\
         <div class=\"verdict {class}\">{}<p><b>{word}</b> {}</p></div>{}</header>\n",
        escaped(&report.name),
        sign(shape, words),
        escaped(&why),
        totals(report)
    )
}

fn totals(report: &Report) -> String {
    let mut tiles = Vec::new();
    if let Some(tokens) = &report.tokens {
        tiles.push((count("/tokens/total", tokens.total), "tokens in the set"));
    }
    if let [first, .., last] = report.funnel.as_slice() {
        let pointer = format!("/funnel/{}/docs", report.funnel.len() - 1);
        tiles.push((count(&pointer, last.docs), "documents in the set"));
        tiles.push((count("/funnel/0/docs", first.docs), "records were read"));
    }
    if !report.sources.is_empty() {
        tiles.push((report.sources.len().to_string(), "sources"));
    }
    if tiles.is_empty() {
        return String::new();
    }
    let tiles: String =
        tiles.into_iter().map(|(value, words)| format!("<li><b>{value}</b> {words}</li>")).collect();
    format!("<ul class=\"tiles\">{tiles}</ul>")
}

/// The gates, each with its figure against its target.
pub(super) fn gates(report: &Report) -> Option<Section> {
    let gates = &report.readiness.gates;
    if gates.is_empty() {
        return None;
    }
    let states = [
        (GateState::Fail, "not met"),
        (GateState::Unknown, "not measured"),
        (GateState::Pass, "met"),
        (GateState::Shown, "without a target"),
    ];
    let tally: Vec<String> = states
        .iter()
        .map(|(state, words)| (gates.iter().filter(|gate| gate.state == *state).count(), words))
        .filter(|(number, _)| *number > 0)
        .map(|(number, words)| format!("{number} {words}"))
        .collect();
    let items: String = gates.iter().enumerate().map(|(place, gate)| of_gate(place, gate)).collect();
    let lead = format!(
        "{}: {}. Training may start when none fails and those of tokens and of repeats were measured; one without a \
         target shows its figure and judges nothing.",
        plural(gates.len() as u64, "check", "checks"),
        tally.join(", ")
    );
    Some(Section::new("gates", "Checks before training", &lead, format!("<ul class=\"gates\">{items}</ul>")))
}

fn of_gate(place: usize, gate: &Gate) -> String {
    let (shape, class, words) = match gate.state {
        GateState::Pass => (Sign::Good, "good", "Met"),
        GateState::Fail => (Sign::Bad, "bad", "Not met"),
        GateState::Unknown => (Sign::Unknown, "unknown", "Not measured"),
        GateState::Shown => (Sign::Neutral, "neutral", "No target"),
    };
    let value = gate.value.map_or_else(none, |value| {
        figure(&format!("/readiness/gates/{place}/value"), value, &in_unit(gate.unit, value))
    });
    let side = match gate.side {
        Side::AtLeast => "at least",
        Side::AtMost => "at most",
    };
    let target = gate.target.map_or_else(String::new, |target| {
        let shown = in_unit(gate.unit, target);
        let shown = figure(&format!("/readiness/gates/{place}/target"), Value::from(target), &shown);
        format!(", wanted {side} {shown}")
    });
    format!(
        "<li class=\"gate {class}\"><h3><span class=\"state\">{} {words}</span> {}</h3>\
         <p class=\"against\"><b>{value}</b>{target}</p>{}{}<p class=\"from\">Target: {}</p></li>",
        sign(shape, words),
        escaped(&gate.title),
        gauge(gate, side).unwrap_or_default(),
        paragraph(&escaped(&sentence(&gate.sentence))),
        escaped(&gate.source)
    )
}

/// The value against the target, where both have a length.
fn gauge(gate: &Gate, side: &str) -> Option<String> {
    /// So that a target at the end is seen.
    const ROOM: f64 = 1.08;
    let value = gate.value?;
    let shown = in_unit(gate.unit, value);
    let (title, most, mark) = match gate.target {
        Some(target) if target > 0.0 => (
            format!("{shown} against a target of {side} {}", in_unit(gate.unit, target)),
            value.max(target) * ROOM,
            Some(target),
        ),
        None if matches!(gate.unit, Unit::Share | Unit::Bits) => {
            (format!("{shown} on a scale to 1"), 1.0, None)
        }
        _ => return None,
    };
    let class = match gate.state {
        GateState::Pass => "fine",
        GateState::Fail => "poor",
        GateState::Unknown | GateState::Shown => "s4",
    };
    let piece = Piece { from: 0.0, to: value / most, class: class.to_owned(), title: String::new() };
    Some(bar(&title, &[piece], mark.map(|mark| mark / most)))
}

/// What the figures suggest.
pub(super) fn advice(report: &Report) -> Option<Section> {
    let advice = &report.readiness.advice;
    if advice.is_empty() {
        return None;
    }
    let items: String = advice.iter().map(|one| format!("<li>{}</li>", escaped(&sentence(one)))).collect();
    let body = format!("<ul class=\"plain advice\">{items}</ul>");
    Some(Section::new("advice", "Advice", "What the figures suggest.", body))
}
