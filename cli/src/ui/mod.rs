//! What people see.

mod forecast;
mod paint;
mod phases;
mod progress;
mod report;
mod screen;
mod table;
mod trial;
mod words;

use std::io::Write as _;

use serde_json::json;
use tamis_coordinator::report::is_hidden;
use tamis_proto::v1::{JobState, Phase};
use tamis_proto::{names, v1};

pub(crate) use forecast::forecast_text;
pub(crate) use paint::Paint;
pub(crate) use progress::Progress;
pub(crate) use report::report_text;
pub(crate) use screen::Stderr;
pub(crate) use table::{Align, table};
pub(crate) use trial::{trial_html, trial_text};
pub(crate) use words::{age, counted, span, wrapped};

/// Prints a line of data. A reader that has gone away is no error, and does not change how the command ends: a failed
/// job still exits with 1.
pub(crate) fn print(text: &str) {
    // Text is plain by now; in JSON names of files may still hide or turn something.
    let Err(error) = writeln!(std::io::stdout(), "{}", shown_json(text)) else { return };
    if error.kind() != std::io::ErrorKind::BrokenPipe {
        note(&format!("error: cannot write to stdout: {error}"));
        std::process::exit(1);
    }
}

/// Prints a line for people on stderr, where perhaps nobody reads.
pub(crate) fn note(text: &str) {
    let _ = Stderr.write_all(format!("{text}\n").as_bytes());
}

/// Text of strangers for a terminal: what would not be seen, control characters and marks that turn the direction of
/// writing among it, is shown as escapes.
pub(crate) fn plain(text: &str) -> String {
    let hidden = |c: char| c != '\n' && is_hidden(c);
    text.chars().map(|c| if hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// As [`plain`], of what must stay one line.
pub(crate) fn plain_line(text: &str) -> String {
    plain(text).replace('\n', "\\n")
}

/// JSON with what would not be seen as escapes of JSON: it says the same.
pub(crate) fn shown_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match !matches!(c, '\n' | '\t') && is_hidden(c) {
            true => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")))
            }
            false => shown.push(c),
        }
    }
    shown
}

/// The name of a state, lower case.
pub(crate) fn state_name(state: JobState) -> String {
    names::of_state(state)
}

/// The name of a phase, lower case.
pub(crate) fn phase_name(phase: Phase) -> String {
    names::of_phase(phase)
}

/// A status as text.
pub(crate) fn status_text(status: &v1::JobStatus) -> String {
    let mut text = format!("{}  {}  {}", status.job_id, state_name(status.state()), plain(&status.name));
    if !status.message.is_empty() {
        text.push_str(&format!("\n  {}", plain(&status.message)));
    }
    for phase in &status.phases {
        text.push_str(&format!(
            "\n  {}: {} of {}, {}",
            phase_name(phase.phase()),
            phase.tasks_done,
            counted(phase.tasks_total.into(), "shard"),
            counted(phase.records_done, "record")
        ));
    }
    if status.failed_attempts > 0 {
        text.push_str(&format!("\n  {}", counted(status.failed_attempts.into(), "failed attempt")));
    }
    text
}

fn partner_text(partner: &v1::Partner) -> String {
    let job = if partner.job_id.is_empty() { String::new() } else { format!(" of job {}", partner.job_id) };
    plain(&format!("`{}` of source {}{job}", partner.document_id, partner.source))
}

/// The fate of a document as text.
pub(crate) fn explanation_text(explanation: &v1::Explanation) -> String {
    let place = plain(&format!(
        "{} (source {}, {} at {})",
        explanation.document_id, explanation.source, explanation.uri, explanation.offset
    ));
    let Some(drop) = &explanation.drop else {
        if explanation.undecided {
            return format!("{place}\n  passed the filters; what becomes of it is not decided yet");
        }
        return format!("{place}\n  kept in {}", plain(&explanation.part));
    };
    let mut text = format!("{place}\n  dropped by {}: {}", drop.stage, plain(&drop.rule));
    if let (Some(value), Some(threshold)) = (drop.value, drop.threshold) {
        text.push_str(&format!(", value {value:.4} against {threshold}"));
    }
    if !drop.detail.is_empty() {
        text.push_str(&format!(" ({})", plain(&drop.detail)));
    }
    if let Some(via) = &drop.via {
        let similarity = drop.similarity.unwrap_or_default();
        text.push_str(&format!("\n  nearest: {}, similarity {similarity:.3}", partner_text(via)));
    }
    if let Some(kept) = &drop.kept {
        text.push_str(&format!("\n  kept instead: {}", partner_text(kept)));
    }
    text
}

/// The fate of a document as JSON.
pub(crate) fn explanation_json(explanation: &v1::Explanation) -> serde_json::Value {
    let partner = |partner: &Option<v1::Partner>| {
        partner
            .as_ref()
            .map(|p| json!({ "job_id": p.job_id, "source": p.source, "document_id": p.document_id }))
    };
    json!({
        "document_id": explanation.document_id,
        "source": explanation.source,
        "uri": explanation.uri,
        "offset": explanation.offset,
        "kept": explanation.kept,
        "undecided": explanation.undecided,
        "part": explanation.part,
        "drop": explanation.drop.as_ref().map(|drop| json!({
            "stage": drop.stage, "rule": drop.rule, "value": drop.value, "threshold": drop.threshold,
            "detail": drop.detail, "kept": partner(&drop.kept), "via": partner(&drop.via),
            "similarity": drop.similarity,
        })),
    })
}
