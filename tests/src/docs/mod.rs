//! Documentation that is run: what a page shows is typed, and what comes is compared with what it shows.
//!
//! A page is plain Markdown. Its fenced blocks are run in order, in one shell, in a folder with a copy of `examples/`:
//!
//! * `console`: lines `$ COMMAND` (continued by lines `> …`), each followed by what it prints. `…` in a line stands for any text, a
//!   line `…` for any lines. A command must succeed, unless what it shows holds a line that begins with `error:`.
//! * behind `<!-- file: PATH -->`, a block of any language is written to that file.
//! * behind `<!-- terminal: NAME -->`, the command of the block runs until the page ends; the next block waits for the lines
//!   that it shows. A coordinator listens on a free port there, and is shown as if it were the usual one.
//! * behind `<!-- not run: REASON -->`, a block is not run; `without TAMIS_TEST_…` as reason runs it where that variable is set.
//! * `text`: nothing is done with it.

mod api;
mod links;
mod page;
mod pattern;
mod place;
mod shell;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

pub use api::reference;
pub use links::broken_links;
pub use page::{Block, Exemption, Page};
use place::Place;

/// What came of a page.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Page, line, command, what was expected and what came, of each command that did something else.
    pub failures: Vec<String>,
    /// Commands that were run.
    pub commands: usize,
    /// Blocks that were not, as `PAGE:LINE: REASON`.
    pub not_run: Vec<String>,
    /// The page as it would be right.
    pub corrected: String,
}

/// Runs a page.
///
/// # Panics
/// If it does not keep to the convention, with its line.
pub fn run(path: &Path) -> Outcome {
    let text = fs::read_to_string(path).unwrap();
    let name = path.strip_prefix(crate::repository()).unwrap_or(path).display().to_string();
    let page = Page::parse(&name, &text);
    let mut place = Place::new();
    let mut outcome = Outcome::default();
    let mut edits = Vec::new();
    for block in &page.blocks {
        if let Some(exemption) = block.exemption.as_ref().filter(|exemption| exemption.holds()) {
            outcome.not_run.push(format!("{name}:{}: {}", block.line, exemption.reason));
            continue;
        }
        if let Some(file) = &block.file {
            place.write(file, &block.text());
            continue;
        }
        if block.language == "text" {
            continue;
        }
        for step in block.steps() {
            outcome.commands += 1;
            let seen = match &block.terminal {
                Some(_) => place.start(&step.command, &step.shown),
                None => place.run(&step.command),
            };
            let may_fail = step.shown.iter().any(|line| line.starts_with("error:"));
            let is_right = pattern::matches(&step.shown, &seen.lines) && (seen.code == 0 || may_fail);
            if is_right {
                continue;
            }
            let mut failure = format!("{name}:{}: $ {}\n", step.line, step.command);
            writeln!(failure, "ended with {}; expected:\n{}", seen.code, indented(&step.shown)).unwrap();
            write!(failure, "got:\n{}", indented(&seen.lines)).unwrap();
            outcome.failures.push(failure);
            edits.push((step.shown_at..step.shown_at + step.shown.len(), step.shown, seen.lines));
        }
    }
    let mut lines: Vec<&str> = text.split('\n').collect();
    let corrected: Vec<(_, Vec<String>)> =
        edits.into_iter().map(|(at, old, new)| (at, pattern::corrected(&old, &new))).collect();
    for (at, new) in corrected.iter().rev() {
        lines.splice(at.clone(), new.iter().map(String::as_str));
    }
    outcome.corrected = lines.join("\n");
    outcome
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("    {line}\n")).collect()
}

/// All Markdown files of the repository, in order.
pub fn markdown_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![crate::repository()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_built = name == "target" || name == "node_modules" || name.starts_with('.');
            match path.is_dir() {
                true if !is_built && !path.is_symlink() => folders.push(path),
                false if name.ends_with(".md") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}
