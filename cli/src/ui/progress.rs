//! Progress: a bar with rate and time left on a terminal, a line a change elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use tamis_proto::v1;
use tamis_proto::v1::JobState;

use super::{note, plain, state_name};

/// For phases whose work is measured in bytes.
const BAR: &str = "{prefix:10} {wide_bar} {bytes}/{total_bytes} {msg}";
/// For states of which only the name is known.
const SPINNER: &str = "{prefix:10} {spinner} {wide_msg}";
const TICK: Duration = Duration::from_millis(200);
/// Lines a phase, at least, where shards are few.
const LINES_A_PHASE: u64 = 10;

/// Shows how a job goes, on stderr. Dropping it takes the bar away.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// What the last line was about: state or message, shards done, tenths done.
    last: (String, u32, u64),
    /// The style that the bar has.
    style: &'static str,
}

impl Progress {
    /// For this process's stderr.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, last: Default::default(), style: "" }
    }

    /// Shows a status.
    pub(crate) fn show(&mut self, status: &v1::JobStatus) {
        if matches!(status.state(), JobState::Failed | JobState::Cancelled) {
            // Who watches says more of it at the end.
            return;
        }
        let running = status.phases.iter().find(|phase| match status.state() {
            JobState::Scanning => phase.phase() == v1::Phase::Scan,
            JobState::Emitting => phase.phase() == v1::Phase::Emit,
            _ => false,
        });
        match &self.bar {
            Some(bar) => draw(bar, &mut self.style, status, running),
            None => self.line(status, running),
        }
    }

    /// Says something that is no status, once until something else is shown.
    pub(crate) fn note(&mut self, text: &str) {
        let about = (text.to_owned(), 0, 0);
        if about == self.last {
            return;
        }
        match &self.bar {
            Some(bar) => bar.println(text),
            None => note(text),
        }
        self.last = about;
    }

    fn line(&mut self, status: &v1::JobStatus, running: Option<&v1::PhaseProgress>) {
        let state = state_name(status.state());
        let (line, about) = match running {
            Some(phase) => {
                let pace = pace(status);
                let comma = if pace.is_empty() { "" } else { ", " };
                let line = format!("{state}: {}/{} shards{comma}{pace}", phase.tasks_done, phase.tasks_total);
                let tenths = phase.bytes_done.saturating_mul(LINES_A_PHASE).checked_div(phase.bytes_total);
                (line, (state, phase.tasks_done, tenths.unwrap_or_default()))
            }
            None => {
                let line = match status.message.is_empty() {
                    true => state,
                    false => format!("{state}: {}", plain(&status.message)),
                };
                (line.clone(), (line, 0, 0))
            }
        };
        if about != self.last {
            note(&line);
            self.last = about;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn draw(
    bar: &ProgressBar,
    style: &mut &'static str,
    status: &v1::JobStatus,
    running: Option<&v1::PhaseProgress>,
) {
    let running = running.filter(|phase| phase.bytes_total > 0);
    let wanted = if running.is_some() { BAR } else { SPINNER };
    if *style != wanted {
        if let Ok(made) = ProgressStyle::with_template(wanted) {
            bar.set_style(made);
        }
        *style = wanted;
    }
    bar.set_prefix(state_name(status.state()));
    match running {
        Some(phase) => {
            bar.set_length(phase.bytes_total);
            bar.set_position(phase.bytes_done);
            bar.set_message(pace(status));
        }
        None => bar.set_message(plain(&status.message)),
    }
}

/// Rate and time left as the coordinator knows them; empty: it does not yet.
fn pace(status: &v1::JobStatus) -> String {
    if status.bytes_per_second < 1.0 {
        return String::new();
    }
    let rate = HumanBytes(status.bytes_per_second as u64);
    match Duration::try_from_secs_f64(status.eta_seconds) {
        Ok(left) if !left.is_zero() => format!("{rate}/s, {:#} left", HumanDuration(left)),
        _ => format!("{rate}/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::pace;
    use tamis_proto::v1::JobStatus;

    #[test]
    fn pace_is_said_once_it_is_known() {
        assert_eq!(pace(&JobStatus::default()), "");
        let status = JobStatus { bytes_per_second: 3_145_728.0, ..JobStatus::default() };
        assert_eq!(pace(&status), "3.00 MiB/s");
        assert_eq!(pace(&JobStatus { eta_seconds: 8.0, ..status.clone() }), "3.00 MiB/s, 8s left");
        assert_eq!(pace(&JobStatus { eta_seconds: f64::NAN, ..status }), "3.00 MiB/s");
    }
}
