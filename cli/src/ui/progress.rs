//! The progress of a job: a line a phase on a terminal, drawn anew as it changes; a line a change elsewhere.

use std::time::{Duration, Instant};

use tamis_proto::v1;
use tamis_proto::v1::JobState;

use super::paint::Paint;
use super::phases::{self, Phases};
use super::screen::{self, Size};
use super::words::span;
use super::{note, plain, state_name};

/// Lines a phase: at least so many, where shards are few; and at most about so many, where they are many.
const LINES_A_PHASE: u64 = 10;
const MOST_LINES_A_PHASE: u32 = 50;
/// On a terminal of fewer rows only the phase that runs is shown.
const ROWS_OF_ALL: usize = 12;

/// Shows how a job goes, on stderr. What it has drawn stays.
pub(crate) struct Progress {
    phases: Phases,
    begun: Instant,
    /// Colours, where lines can be drawn anew.
    paint: Option<Paint>,
    /// What the last line was about, where lines cannot be drawn anew.
    last: About,
    /// What was said last that is no status.
    noted: String,
}

/// Another line is due when this changes.
#[derive(Clone, Default, PartialEq, Eq)]
struct About {
    state: String,
    /// In steps.
    shards: u32,
    tenths: u64,
    waits: String,
    failed: u32,
}

impl Progress {
    /// For this process's stderr. `is_new`: the job begins now, so that its first phase is seen from its beginning.
    pub(crate) fn new(is_new: bool) -> Self {
        let paint = screen::can_draw().then(Paint::of_stderr);
        Self {
            phases: Phases::new(is_new),
            begun: Instant::now(),
            paint,
            last: About::default(),
            noted: String::new(),
        }
    }

    /// Whether [`Progress::tick`] has something to do.
    pub(crate) fn ticks(&self) -> bool {
        self.paint.is_some() && self.phases.is_followed()
    }

    /// Shows a status.
    pub(crate) fn show(&mut self, status: &v1::JobStatus) {
        let before = self.phases.at();
        self.phases.take(status, self.begun.elapsed());
        self.noted.clear();
        match self.paint {
            Some(_) => self.tick(),
            None => self.lines(status, before),
        }
    }

    /// Draws anew: time has passed, or the terminal has another size.
    pub(crate) fn tick(&self) {
        let Some(paint) = self.paint.filter(|_| self.phases.is_followed()) else { return };
        let (now, size) = (self.begun.elapsed(), Size::now());
        let mut lines = match size.rows >= ROWS_OF_ALL {
            true => self.phases.lines(size.columns.saturating_sub(1), now, paint),
            false => vec![self.phases.running_line(size.columns.saturating_sub(1), now, paint)],
        };
        lines.extend(self.phases.failed_attempts().map(|failed| paint.notable(&failed)));
        lines.extend(self.phases.waits().map(|waits| paint.notable(&plain(waits))));
        screen::draw(&lines, size);
    }

    /// Says something that is no status, once until something else is shown.
    pub(crate) fn note(&mut self, text: &str) {
        if self.noted != text {
            note(text);
            text.clone_into(&mut self.noted);
        }
    }

    /// Says how the job ended, and after how long.
    pub(crate) fn end(self, status: &v1::JobStatus) {
        screen::leave();
        let how = match status.state() {
            JobState::Published => "published",
            JobState::Failed => "failed",
            _ => "cancelled",
        };
        let took = status.ended_at_ms.saturating_sub(status.submitted_at_ms);
        note(&format!("{how} {} after it was submitted", span(Duration::from_millis(took))));
    }

    fn lines(&mut self, status: &v1::JobStatus, before: Option<usize>) {
        self.phases.done_lines(before).iter().for_each(|done| note(done));
        if matches!(status.state(), JobState::Published | JobState::Failed | JobState::Cancelled) {
            // Who watches says more of it at the end.
            return;
        }
        let (line, about) = line_of(status);
        if about != self.last {
            note(&line);
            self.last = about;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        screen::leave();
    }
}

/// A status as one line, and what it is about.
fn line_of(status: &v1::JobStatus) -> (String, About) {
    let state = state_name(status.state());
    let waits = phases::waits(status).unwrap_or_default();
    let running = status.phases.iter().find(|phase| match status.state() {
        JobState::Scanning => phase.phase() == v1::Phase::Scan,
        JobState::Emitting => phase.phase() == v1::Phase::Emit,
        _ => false,
    });
    let mut about = About {
        state: state.clone(),
        waits: waits.to_owned(),
        failed: status.failed_attempts,
        ..About::default()
    };
    let mut parts = Vec::new();
    match running {
        Some(phase) => {
            parts.push(format!("{}/{} shards", phase.tasks_done, phase.tasks_total));
            let (rate, left) = phases::pace(status);
            parts.extend(rate.into_iter().chain(left));
            let tenths = phase.bytes_done.saturating_mul(LINES_A_PHASE).checked_div(phase.bytes_total);
            let step = phase.tasks_total.div_ceil(MOST_LINES_A_PHASE).max(1);
            (about.shards, about.tenths) = (phase.tasks_done / step, tenths.unwrap_or_default());
        }
        None if waits.is_empty() && !status.message.is_empty() => parts.push(plain(&status.message)),
        None => {}
    }
    parts.extend(phases::failed_attempts(status));
    if !waits.is_empty() {
        parts.push(plain(waits));
    }
    (format!("{state}: {}", parts.join(", ")), about)
}

#[cfg(test)]
mod tests {
    use super::line_of;
    use super::phases::pace;
    use tamis_proto::v1::{JobState, JobStatus, Phase, PhaseProgress};

    #[test]
    fn pace_is_said_once_it_is_known() {
        let said = |status: &JobStatus| {
            let (rate, left) = pace(status);
            rate.into_iter().chain(left).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(said(&JobStatus::default()), "");
        let status = JobStatus { bytes_per_second: 3_145_728.0, ..JobStatus::default() };
        assert_eq!(said(&status), "3.0 MiB/s");
        assert_eq!(said(&JobStatus { eta_seconds: 7.5, ..status.clone() }), "3.0 MiB/s, 8 s left");
        assert_eq!(said(&JobStatus { eta_seconds: 200.0, ..status.clone() }), "3.0 MiB/s, 3 min 20 s left");
        assert_eq!(said(&JobStatus { eta_seconds: f64::NAN, ..status }), "3.0 MiB/s");
    }

    #[test]
    fn a_line_says_what_is_done_what_failed_and_what_is_waited_for() {
        let phase = PhaseProgress {
            phase: Phase::Scan.into(),
            tasks_total: 3,
            tasks_done: 1,
            bytes_total: 30,
            bytes_done: 17,
            ..PhaseProgress::default()
        };
        let status = JobStatus {
            state: JobState::Scanning.into(),
            message: "1 of 3 shards are read; waits for a worker".to_owned(),
            phases: vec![phase],
            failed_attempts: 1,
            ..JobStatus::default()
        };
        let (line, about) = line_of(&status);
        assert_eq!(line, "scanning: 1/3 shards, 1 failed attempt, waits for a worker");
        assert_eq!(about.tenths, 5);
        let message = "waits for job j-1 (a), which has its turn".to_owned();
        let status = JobStatus { state: JobState::Waiting.into(), message, ..JobStatus::default() };
        assert_eq!(line_of(&status).0, "waiting: waits for job j-1 (a), which has its turn");
    }
}
