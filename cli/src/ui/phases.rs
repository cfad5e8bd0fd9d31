//! The phases of a job as somebody who watches it has seen them. Pure: the time is a parameter.

use std::time::Duration;

use tamis_common::spec::show_size;
use tamis_proto::v1::{self, JobState};

use super::paint::Paint;
use super::words::{counted, span};

/// In the order in which a job goes through them.
const NAMES: [&str; 6] = ["plan", "scan", "resolve", "mix", "emit", "publish"];
const NAME_WIDTH: usize = 9;
/// A shorter bar shows nothing, a longer one nothing more.
const BAR: std::ops::RangeInclusive<usize> = 10..=40;
const GAP: &str = "  ";

/// What was seen of each phase.
#[derive(Clone, Debug)]
pub(super) struct Phases {
    seen: [Seen; NAMES.len()],
    /// The phase that runs, or ran last; `None`: nothing was seen yet.
    at: Option<usize>,
    ended: Option<JobState>,
    /// Whether the watch began with the job.
    is_new: bool,
    status: v1::JobStatus,
}

/// One phase. Of one that was not seen from its beginning nobody knows how long it took.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    begun: Option<Duration>,
    took: Option<Took>,
}

#[derive(Clone, Copy, Debug)]
enum Took {
    Exactly(Duration),
    /// Its end, or its beginning and its end, came between two looks.
    Under(Duration),
}

impl Phases {
    /// Nothing yet. `is_new`: the job begins now, too.
    pub(super) fn new(is_new: bool) -> Self {
        let status = v1::JobStatus::default();
        Self { seen: Default::default(), at: None, ended: None, is_new, status }
    }

    /// Takes a status that came `now` after the watch began.
    pub(super) fn take(&mut self, status: &v1::JobStatus, now: Duration) {
        let begun = self.is_new.then_some(Duration::ZERO);
        if self.at.is_none() {
            self.seen[0].begun = begun;
        }
        let state = status.state();
        let at = match state {
            JobState::Failed | JobState::Cancelled => self.at.unwrap_or_default(),
            state => place_of(state),
        };
        let before = self.at.unwrap_or_default();
        if at > before {
            let since = self.seen[before].begun.and_then(|begun| now.checked_sub(begun));
            let took = since.map(if at == before + 1 { Took::Exactly } else { Took::Under });
            self.seen[before..at].iter_mut().for_each(|phase| phase.took = took);
        }
        if let Some(phase) = self.seen.get_mut(at)
            && at != before
            && (self.at.is_some() || self.is_new)
        {
            *phase = Seen { begun: Some(now), took: None };
        }
        if place_of(state) < NAMES.len() {
            self.at = Some(at);
        } else {
            if let Some(phase) = self.seen.get_mut(at) {
                phase.took = phase.begun.and_then(|begun| now.checked_sub(begun)).map(Took::Exactly);
            }
            self.ended = Some(state);
        }
        self.status = status.clone();
    }

    /// Whether there is anything to show: a job that had ended before the watch has no phases to follow.
    pub(super) fn is_followed(&self) -> bool {
        self.at.is_some()
    }

    /// All phases, a line each.
    pub(super) fn lines(&self, columns: usize, now: Duration, paint: Paint) -> Vec<String> {
        (0..NAMES.len()).map(|phase| self.line(phase, columns, now, paint)).collect()
    }

    /// The phase that runs.
    pub(super) fn running_line(&self, columns: usize, now: Duration, paint: Paint) -> String {
        self.line(self.at.unwrap_or_default(), columns, now, paint)
    }

    fn line(&self, phase: usize, columns: usize, now: Duration, paint: Paint) -> String {
        let name = format!("{:<NAME_WIDTH$}", NAMES[phase]);
        let room = columns.saturating_sub(NAME_WIDTH);
        match self.stand(phase) {
            Stand::Ahead => paint.faint(name.trim_end()),
            Stand::Done => {
                format!("{name}{} {}", paint.good("done"), joined(&self.done(phase), room.saturating_sub(5)))
            }
            Stand::Broken(how) => {
                format!(
                    "{name}{} {}",
                    paint.bad(how),
                    joined(&self.done(phase), room.saturating_sub(how.len() + 1))
                )
            }
            Stand::Runs => {
                let lasts = self.seen[phase].begun.and_then(|begun| now.checked_sub(begun)).map(span);
                match self.progress(phase).filter(|progress| progress.bytes_total > 0) {
                    Some(progress) => format!("{name}{}", self.bar(progress, room)),
                    None => format!("{name}runs {}", lasts.unwrap_or_default()).trim_end().to_owned(),
                }
            }
        }
    }

    fn stand(&self, phase: usize) -> Stand {
        match (self.at, self.ended) {
            (_, Some(JobState::Published)) => Stand::Done,
            (Some(at), _) if phase < at => Stand::Done,
            (Some(at), Some(JobState::Failed)) if phase == at => Stand::Broken("failed"),
            (Some(at), Some(_)) if phase == at => Stand::Broken("cancelled"),
            (Some(at), None) if phase == at => Stand::Runs,
            _ => Stand::Ahead,
        }
    }

    fn progress(&self, phase: usize) -> Option<&v1::PhaseProgress> {
        let wanted = match NAMES[phase] {
            "scan" => v1::Phase::Scan,
            "emit" => v1::Phase::Emit,
            _ => return None,
        };
        self.status.phases.iter().find(|progress| progress.phase() == wanted)
    }

    /// What is known of a phase that is over, the most telling first.
    fn done(&self, phase: usize) -> Vec<String> {
        let mut facts = Vec::new();
        facts.extend(self.seen[phase].took.map(|took| match took {
            Took::Exactly(took) => format!("in {}", span(took)),
            Took::Under(took) => format!("in under {}", span(took)),
        }));
        // Planning makes the shards that are scanned.
        let planned = if NAMES[phase] == "plan" { self.progress(1) } else { None };
        if let Some(plan) = planned {
            facts.push(counted(plan.tasks_total.into(), "shard"));
            facts.push(show_size(plan.bytes_total));
        }
        if let Some(progress) = self.progress(phase) {
            let (done, total) = (progress.tasks_done, progress.tasks_total);
            facts.push(match done == total {
                true => counted(total.into(), "shard"),
                false => format!("{done} of {}", counted(total.into(), "shard")),
            });
            facts.push(counted(progress.records_done, "record"));
            facts.push(show_size(progress.bytes_done));
        }
        facts
    }

    /// A bar with as much beside it as there is room for.
    fn bar(&self, progress: &v1::PhaseProgress, room: usize) -> String {
        let (rate, left) = pace(&self.status);
        let part = (progress.bytes_done as f64 / progress.bytes_total as f64).min(1.0);
        let percent = format!("{:.0} %", 100.0 * part);
        // In the order in which they stand; the figure says which go first.
        let facts = [
            (4, Some(percent.clone())),
            (0, Some(format!("{}/{} shards", progress.tasks_done, progress.tasks_total))),
            (3, Some(part_of(progress.bytes_done, progress.bytes_total))),
            (2, rate),
            (1, left),
            (5, Some(format!("{} running", progress.tasks_running))),
            (6, Some(counted(progress.records_done, "record"))),
        ];
        let around = GAP.len() + 2;
        let beside = chosen(&facts, room.saturating_sub(BAR.start() + around));
        let width = room.saturating_sub(beside.chars().count() + around).min(*BAR.end());
        if width < *BAR.start() || beside.is_empty() {
            let shards = facts[1].1.clone();
            return joined(&[percent].into_iter().chain(shards).collect::<Vec<_>>(), room);
        }
        let full = (width as f64 * part) as usize;
        format!("[{}{}]{GAP}{beside}", "#".repeat(full), ".".repeat(width - full))
    }

    /// What the job waits for, if it waits.
    pub(super) fn waits(&self) -> Option<&str> {
        waits(&self.status)
    }

    /// Attempts that failed so far, in words; `None`: there is none.
    pub(super) fn failed_attempts(&self) -> Option<String> {
        failed_attempts(&self.status)
    }

    /// What is over since the phase `before` ran, as lines that stand alone.
    pub(super) fn done_lines(&self, before: Option<usize>) -> Vec<String> {
        let Some(at) = self.at else { return Vec::new() };
        let first = before.unwrap_or(at);
        // Of a job that is published all are over; some of a short one were seen by nobody.
        let end = if self.ended == Some(JobState::Published) { NAMES.len() } else { at };
        let told = (first..end).map(|phase| (NAMES[phase], self.done(phase)));
        told.filter(|(_, facts)| !facts.is_empty())
            .map(|(name, facts)| format!("{name}: done {}", facts.join(", ")))
            .collect()
    }

    /// The phase that runs or ran last.
    pub(super) fn at(&self) -> Option<usize> {
        self.at
    }
}

enum Stand {
    Ahead,
    Runs,
    Done,
    Broken(&'static str),
}

/// The phase of a state; that behind the last for the end.
fn place_of(state: JobState) -> usize {
    match state {
        JobState::Unspecified | JobState::Planning => 0,
        JobState::Scanning => 1,
        JobState::Waiting | JobState::Resolving => 2,
        JobState::Mixing => 3,
        JobState::Emitting => 4,
        JobState::Publishing => 5,
        JobState::Published | JobState::Failed | JobState::Cancelled => NAMES.len(),
    }
}

/// As many of the facts, in order, as there is room for.
fn joined(facts: &[String], room: usize) -> String {
    let mut line = String::new();
    for fact in facts {
        let gap = if line.is_empty() { "" } else { GAP };
        if line.chars().count() + gap.len() + fact.chars().count() <= room {
            line.push_str(gap);
            line.push_str(fact);
        }
    }
    line
}

/// The facts for which there is room, least figures first, in their order.
fn chosen(facts: &[(u8, Option<String>)], room: usize) -> String {
    let mut by_figure: Vec<usize> = (0..facts.len()).filter(|fact| facts[*fact].1.is_some()).collect();
    by_figure.sort_by_key(|fact| facts[*fact].0);
    let mut taken: Vec<usize> = Vec::new();
    let mut line = String::new();
    for fact in by_figure {
        let place = taken.partition_point(|other| *other < fact);
        taken.insert(place, fact);
        let texts: Vec<&str> = taken.iter().filter_map(|fact| facts[*fact].1.as_deref()).collect();
        let longer = texts.join(GAP);
        if longer.chars().count() > room {
            break;
        }
        line = longer;
    }
    line
}

/// `27.1/139.5 MiB`: the unit once, where it is the same.
fn part_of(done: u64, total: u64) -> String {
    let (done, total) = (show_size(done), show_size(total));
    match (done.split_once(' '), total.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number}/{total}"),
        _ => format!("{done}/{total}"),
    }
}

/// Rate and time left, as far as the coordinator knows them.
pub(super) fn pace(status: &v1::JobStatus) -> (Option<String>, Option<String>) {
    if status.bytes_per_second < 1.0 {
        return (None, None);
    }
    let rate = format!("{}/s", show_size(status.bytes_per_second as u64));
    let left = Duration::try_from_secs_f64(status.eta_seconds).ok().filter(|left| !left.is_zero());
    // The rate is one of the last seconds: tenths would be too much.
    let left = left.map(|left| match left.as_secs() {
        seconds @ 0..10 => format!("{} s left", seconds + 1),
        _ => format!("{} left", span(left)),
    });
    (Some(rate), left)
}

/// What a job waits for: the part of its message that says so.
pub(super) fn waits(status: &v1::JobStatus) -> Option<&str> {
    const MARKS: [&str; 2] = ["waits for ", "paused until "];
    let found = MARKS.iter().filter_map(|mark| status.message.find(mark)).min()?;
    Some(&status.message[found..])
}

/// As [`Phases::failed_attempts`].
pub(super) fn failed_attempts(status: &v1::JobStatus) -> Option<String> {
    let count = u64::from(status.failed_attempts);
    (count > 0).then(|| counted(count, "failed attempt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: JobState, done: u32, total: u32) -> v1::JobStatus {
        let progress = |phase: v1::Phase, done: u32| v1::PhaseProgress {
            phase: phase.into(),
            tasks_total: total,
            tasks_done: done,
            tasks_running: 2,
            bytes_total: u64::from(total) << 20,
            bytes_done: u64::from(done) << 20,
            records_done: u64::from(done) * 100,
        };
        let phases = match state {
            JobState::Planning => vec![],
            JobState::Emitting => {
                vec![progress(v1::Phase::Scan, total), progress(v1::Phase::Emit, done)]
            }
            _ => vec![progress(v1::Phase::Scan, done)],
        };
        v1::JobStatus {
            state: state.into(),
            phases,
            bytes_per_second: 3_145_728.0,
            eta_seconds: 75.0,
            ..v1::JobStatus::default()
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A watch of a new job up to the middle of its second phase.
    fn scanning() -> Phases {
        let mut phases = Phases::new(true);
        phases.take(&status(JobState::Planning, 0, 0), seconds(0));
        phases.take(&status(JobState::Scanning, 0, 40), seconds(3));
        phases.take(&status(JobState::Scanning, 10, 40), seconds(20));
        phases
    }

    #[test]
    fn phases_stay_in_order_and_fill_a_usual_terminal() {
        let lines = scanning().lines(80, seconds(20), Paint::PLAIN);
        assert_eq!(
            lines,
            [
                "plan     done in 3.0 s  40 shards  40.0 MiB",
                "scan     [###.........]  25 %  10/40 shards  10.0/40.0 MiB  3.0 MiB/s  75 s left",
                "resolve",
                "mix",
                "emit",
                "publish",
            ]
        );
    }

    #[test]
    fn a_wide_terminal_shows_more_and_a_narrow_one_less() {
        let phases = scanning();
        let at = |columns| phases.lines(columns, seconds(20), Paint::PLAIN)[1].clone();
        assert_eq!(
            at(200),
            "scan     [##########..............................]  25 %  10/40 shards  10.0/40.0 MiB  3.0 MiB/s  \
             75 s left  2 running  1,000 records"
        );
        assert_eq!(at(50), "scan     [###...........]  10/40 shards  75 s left");
        assert_eq!(at(30), "scan     25 %  10/40 shards");
        assert_eq!(at(20), "scan     25 %");
        for columns in 1..220 {
            // Below that the name alone is wider; the screen cuts it.
            let widest = phases.lines(columns, seconds(20), Paint::PLAIN);
            let widest = widest.iter().map(|line| line.chars().count()).max();
            assert!(widest <= Some(columns.max(NAME_WIDTH + 5)), "{columns}: {widest:?}");
        }
    }

    #[test]
    fn what_is_over_tells_its_time_and_its_records() {
        let mut phases = scanning();
        phases.take(&status(JobState::Resolving, 40, 40), seconds(90));
        phases.take(&status(JobState::Emitting, 1, 40), seconds(95));
        let lines = phases.lines(80, seconds(95), Paint::PLAIN);
        assert_eq!(lines[1], "scan     done in 87 s  40 shards  4,000 records  40.0 MiB");
        // The mixture was chosen between two looks.
        assert_eq!(
            lines[2..4],
            ["resolve  done in under 5.0 s", "mix      done in under 5.0 s"].map(str::to_owned)
        );
        phases.take(&status(JobState::Failed, 1, 40), seconds(99));
        let lines = phases.lines(80, seconds(99), Paint::PLAIN);
        assert_eq!(lines[4..], ["emit     failed in 4.0 s", "publish"].map(str::to_owned));
    }

    #[test]
    fn a_phase_that_was_not_seen_from_its_beginning_has_no_time() {
        let mut phases = Phases::new(false);
        phases.take(&status(JobState::Scanning, 10, 40), seconds(0));
        phases.take(&status(JobState::Resolving, 40, 40), seconds(9));
        let lines = phases.lines(80, seconds(10), Paint::PLAIN);
        assert_eq!(lines[0], "plan     done 40 shards  40.0 MiB");
        assert_eq!(lines[1], "scan     done 40 shards  4,000 records  40.0 MiB");
        assert_eq!(lines[2], "resolve  runs 1.0 s");
        let mut ended = Phases::new(false);
        ended.take(&status(JobState::Published, 40, 40), seconds(0));
        assert!(!ended.is_followed());
    }

    #[test]
    fn what_a_job_waits_for_is_found_in_its_message() {
        let of = |message: &str| {
            let status = v1::JobStatus { message: message.to_owned(), ..Default::default() };
            waits(&status).map(str::to_owned)
        };
        assert_eq!(of("0 of 3 shards are read; waits for a worker").as_deref(), Some("waits for a worker"));
        assert_eq!(
            of("1 of 3 shards are read; paused until there is room: x").as_deref(),
            Some("paused until there is room: x")
        );
        assert_eq!(of("1 of 3 shards are read"), None);
    }
}
