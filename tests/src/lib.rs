//! What the end-to-end tests share: a corpus, the `tamis` binary as people run it, and readers of what it writes.

#![expect(clippy::unwrap_used, reason = "tests")]

pub mod chaos;
pub mod corpus;
pub mod docs;
pub mod http;
pub mod output;
pub mod process;
pub mod s3;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// No test waits longer for a condition: a hang is a failure.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in the repository").to_owned()
}

/// The small tokenizer of the example, 4,000 tokens.
pub fn small_tokenizer() -> PathBuf {
    repository().join("examples/finance-zh/tokenizer.json")
}

/// A path that `.ci/fetch` names.
///
/// # Panics
/// If the variable is not set: the test was asked for, and is not skipped in silence.
pub fn fixture(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    value.unwrap_or_else(|| panic!("set {variable}: `.ci/fetch` fetches what it names")).into()
}

/// Asks until there is an answer.
///
/// # Panics
/// After [`PATIENCE`], with `what`.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A job spec over `inputs` with the small tokenizer; `more` is added at its end.
pub fn spec(inputs: &str, output: &str, more: &str) -> String {
    let tokenizer = small_tokenizer();
    format!(
        "name = \"test\"\n[tokenizer]\npath = {tokenizer:?}\n[[source]]\nname = \"web\"\ninputs = [{inputs:?}]\n\
         [output]\nuri = {output:?}\n{more}\n"
    )
}
