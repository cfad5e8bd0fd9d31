//! What was looked at, what was found, and what to do.

use serde::Serialize;
use serde_json::{Value, json};
use tamis_common::Error;

use crate::ui::{Paint, counted, plain, wrapped};

/// Widths of what begins a line.
const STATE: usize = 6;
const WHAT: usize = 14;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// It will not work.
    Fail,
}

#[derive(Clone, Debug, Serialize)]
struct Check {
    state: State,
    what: &'static str,
    detail: String,
    hint: Option<String>,
}

/// All checks, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<Check>);

impl Checks {
    /// All is well.
    pub(super) fn ok(&mut self, what: &'static str, detail: impl Into<String>) {
        self.0.push(Check { state: State::Ok, what, detail: detail.into(), hint: None });
    }

    /// It works, but somebody should know; `hint` says what to do.
    pub(super) fn warn(&mut self, what: &'static str, detail: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Check { state: State::Warn, what, detail: detail.into(), hint: Some(hint.into()) });
    }

    /// It will not work.
    pub(super) fn fail(&mut self, what: &'static str, error: &Error) {
        let (detail, hint) = (error.message().to_owned(), error.hint().map(ToOwned::to_owned));
        self.0.push(Check { state: State::Fail, what, detail, hint });
    }

    /// Well with what a check found, or failed.
    pub(super) fn judge(&mut self, what: &'static str, found: Result<String, Error>) {
        match found {
            Ok(detail) => self.ok(what, detail),
            Err(error) => self.fail(what, &error),
        }
    }

    /// Adds those of another.
    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether something will not work.
    pub(super) fn have_failed(&self) -> bool {
        self.count(State::Fail) > 0
    }

    fn count(&self, state: State) -> u64 {
        self.0.iter().filter(|check| check.state == state).count() as u64
    }

    /// A line a check, then what to do, then the verdict.
    pub(super) fn lines(&self, paint: Paint) -> Vec<String> {
        let mut lines = Vec::new();
        for check in &self.0 {
            let (state, painted) = match check.state {
                State::Ok => ("ok", paint.good("ok")),
                State::Warn => ("warn", paint.notable("warn")),
                State::Fail => ("FAIL", paint.bad("FAIL")),
            };
            let first = format!("{state:<STATE$}{:<WHAT$}  ", check.what);
            let mut of_check = wrapped(&first, &one_line(&check.detail));
            // Painted only now: colour has no width.
            of_check[0] = of_check[0].replacen(state, &painted, 1);
            lines.append(&mut of_check);
        }
        let hints: Vec<&Check> = self.0.iter().filter(|check| check.hint.is_some()).collect();
        if !hints.is_empty() {
            lines.extend([String::new(), paint.bold("What to do")]);
        }
        for check in hints {
            let hint = check.hint.as_deref().unwrap_or_default();
            lines.extend(wrapped(&format!("  {:<WHAT$}  ", check.what), &one_line(hint)));
        }
        let (failed, warned) = (self.count(State::Fail), self.count(State::Warn));
        lines.extend([
            String::new(),
            match (failed, warned) {
                (0, 0) => "All is well.".to_owned(),
                (0, warned) => format!("It works; {}.", counted(warned, "warning")),
                (failed, 0) => format!("{} failed.", counted(failed, "check")),
                (failed, warned) => {
                    format!("{} failed; {}.", counted(failed, "check"), counted(warned, "warning"))
                }
            },
        ]);
        lines
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "checks": self.0,
            "failed": self.count(State::Fail),
            "warnings": self.count(State::Warn),
        })
    }
}

/// An error may have several lines.
fn one_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_a_line_and_what_to_do_follows() {
        let mut checks = Checks::default();
        checks.ok("processor", "2 cores");
        assert_eq!(checks.lines(Paint::PLAIN).last().map(String::as_str), Some("All is well."));
        checks.warn("open files", "1,024 at most", "ulimit -n 65536");
        checks.fail("tokenizer", &Error::spec("`t.json` is\n  none").with_hint("name another"));
        assert_eq!(
            checks.lines(Paint::PLAIN),
            [
                "ok    processor       2 cores",
                "warn  open files      1,024 at most",
                "FAIL  tokenizer       `t.json` is none",
                "",
                "What to do",
                "  open files      ulimit -n 65536",
                "  tokenizer       name another",
                "",
                "1 check failed; 1 warning.",
            ]
        );
        assert!(checks.have_failed());
        assert_eq!(checks.to_json()["checks"][2]["state"], "fail");
    }
}
