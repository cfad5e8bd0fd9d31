//! What is wrong with a spec, gathered so that all of it is told at once.

use crate::error::Error;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Path of the key, like `source[1].inputs`; sources count from 0.
    pub(super) key: String,
    /// Line in the file, where that is known.
    pub(super) line: Option<usize>,
    /// The rule and the value: `must be at least 1, got `0``.
    pub(super) rule: String,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { key: key.into(), line: None, rule: rule.into() }
    }

    fn line_of_text(&self) -> String {
        let place = self.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        match self.key.is_empty() {
            true => format!("{place}{}", self.rule),
            false => format!("{place}`{}` {}", self.key, self.rule),
        }
    }
}

/// One error of `Class::Spec` that lists `problems`, one a line, in the order of the file.
pub(super) fn error_of(file_name: &str, mut problems: Vec<Problem>) -> Error {
    problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    let lines: Vec<String> = problems.iter().map(|p| format!("\n  {}", p.line_of_text())).collect();
    Error::spec(format!("{count} in the job spec `{file_name}`:{}", lines.concat()))
}

/// The value among `known` that `given` was probably meant to be.
pub(super) fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let given = given.to_lowercase();
    let (distance, best) = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&given, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance)?;
    // Half of the letters may be wrong: beyond that a guess misleads more than it helps.
    (distance <= given.chars().count().max(best.len()).div_ceil(2)).then_some(best)
}
