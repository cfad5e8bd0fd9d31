//! The reference of the command line, which stands in `docs/command-line.md` below what people wrote there.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};

use crate::args::Cli;

/// What is above it in the document is written by hand.
const MARK: &str = "<!-- What follows is made from the program: TAMIS_UPDATE_DOCS=1 cargo test --release --workspace reference -->\n";

#[test]
fn the_reference_of_the_command_line_is_that_of_this_build() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/command-line.md");
    let document = std::fs::read_to_string(&path).expect("the document is there");
    let (by_hand, made) = document.split_once(MARK).expect("the document has the mark");
    let reference = reference();
    if std::env::var_os("TAMIS_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{by_hand}{MARK}{reference}")).expect("the document can be written");
        return;
    }
    assert!(made == reference, "run with TAMIS_UPDATE_DOCS=1 and read what has changed");
}

/// All commands with their options.
fn reference() -> String {
    let mut cli = Cli::command();
    // Else each would show the variables of whoever makes the document.
    cli.build();
    let mut text = "\n## Commands\n\n| command | what it does |\n|---|---|\n".to_owned();
    let all = leaves(&cli);
    for command in &all {
        let name = name_of(command);
        let anchor = name.replace(' ', "-");
        let _ = writeln!(text, "| [`{name}`](#{anchor}) | {} |", cell(&about_of(command)));
    }
    text.push_str("\n## Options of all commands\n\n");
    text.push_str(&table(cli.get_arguments().filter(|arg| is_told(arg))));
    if let Some(after) = cli.get_after_help() {
        let _ = write!(text, "\n```text\n{}\n```\n", after.to_string().trim_end());
    }
    for command in all {
        let _ = write!(text, "\n## {}\n\n{}.\n", name_of(command), about_of(command));
        let usage = command.clone().render_usage().to_string();
        let _ = write!(text, "\n    {}\n", usage.trim_start_matches("Usage: "));
        let own: Vec<&Arg> =
            command.get_arguments().filter(|arg| is_told(arg) && !arg.is_global_set()).collect();
        if !own.is_empty() {
            let _ = write!(text, "\n{}", table(own.into_iter()));
        }
    }
    text
}

/// Commands that do something, those below others in their place.
fn leaves(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    below
        .flat_map(|command| if command.has_subcommands() { leaves(command) } else { vec![command] })
        .collect()
}

fn name_of(command: &Command) -> String {
    command.get_bin_name().unwrap_or(command.get_name()).to_owned()
}

fn about_of(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn is_told(arg: &Arg) -> bool {
    !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version")
}

fn table<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let mut text = "| | |\n|---|---|\n".to_owned();
    for arg in args {
        let mut about = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        if arg.get_action().takes_values() && !defaults.iter().all(|value| value.is_empty()) {
            let _ = write!(about, "; default: {}", defaults.join(", "));
        }
        let values: Vec<String> =
            arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if arg.get_action().takes_values() && !values.is_empty() {
            let _ = write!(about, ": {}", values.join(", "));
        }
        if let Some(variable) = arg.get_env() {
            let _ = write!(about, " (`{}`)", variable.to_string_lossy());
        }
        let _ = writeln!(text, "| `{}` | {} |", written(arg), cell(&about));
    }
    text
}

/// `--workers <WORKERS>`, `<SPEC>`, `[NAME]`.
fn written(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let value = value.unwrap_or_else(|| arg.get_id().as_str().to_uppercase());
    match arg.get_long() {
        Some(long) if arg.get_action().takes_values() => format!("--{long} <{value}>"),
        Some(long) => format!("--{long}"),
        None if arg.is_required_set() => format!("<{value}>"),
        None => format!("[{value}]"),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}
