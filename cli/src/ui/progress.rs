//! Progress: bars on a terminal, a line a change elsewhere.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use tamis_proto::v1;
use tamis_proto::v1::JobState;

use super::{phase_name, plain, state_name};

/// Shows how a job goes, on stderr.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    last_line: String,
}

impl Progress {
    /// For this process's stderr.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let template = "{prefix:10} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, last_line: String::new() }
    }

    /// Shows a status.
    pub(crate) fn show(&mut self, status: &v1::JobStatus) {
        let state = state_name(status.state());
        let running = status.phases.iter().find(|phase| match status.state() {
            JobState::Scanning => phase.phase() == v1::Phase::Scan,
            JobState::Emitting => phase.phase() == v1::Phase::Emit,
            _ => false,
        });
        if let Some(bar) = &self.bar {
            if bar.prefix() != state {
                bar.reset_eta();
                bar.set_prefix(state);
            }
            if let Some(phase) = running {
                bar.set_length(phase.bytes_total);
                bar.set_position(phase.bytes_done);
            }
            return;
        }
        let line = match running {
            Some(phase) => format!(
                "{state}: {} {}/{} shards",
                phase_name(phase.phase()),
                phase.tasks_done,
                phase.tasks_total
            ),
            None if status.message.is_empty() => state,
            None => format!("{state}: {}", plain(&status.message)),
        };
        if line != self.last_line {
            eprintln!("{line}");
            self.last_line = line;
        }
    }

    /// Takes the bars away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
