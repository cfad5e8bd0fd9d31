//! `tamis completions`: a script by which a shell completes the command.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::args::Cli;
use crate::ui;

/// Prints the script.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "tamis", &mut script);
    ui::print(String::from_utf8_lossy(&script).trim_end());
    ExitCode::SUCCESS
}
