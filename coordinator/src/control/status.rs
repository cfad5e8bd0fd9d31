//! What users see of a job.

use std::collections::HashMap;

use tamis_common::ids::{JobId, Phase, ShardId};
use tamis_common::shard::Shard;
use tamis_common::spec::JobSpec;
use tamis_common::storage::Uri;
use tamis_common::{Error, Result};
use tamis_proto::v1;

use super::Control;
use super::inner::{Job, State};
use crate::job::JobState;
use crate::store::{JobRecord, PhaseTotals};

/// What Explain needs of a job.
pub(crate) struct JobTables {
    pub(crate) state: JobState,
    pub(crate) spec: JobSpec,
    pub(crate) shards: Vec<Shard>,
    pub(crate) output: Uri,
    /// The folder of each committed scan.
    pub(crate) scans: Vec<(ShardId, Uri)>,
}

/// Which jobs are listed.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobFilter {
    /// Empty: all.
    states: Vec<JobState>,
    /// Lower case; in the name or the id.
    text: String,
}

impl JobFilter {
    /// States between commas (empty: all) and a text in the name or the id (empty: any).
    ///
    /// # Errors
    /// `Class::Spec` for a state that is none.
    pub(crate) fn new(states: &str, text: &str) -> Result<Self> {
        let states = states.split(',').map(str::trim).filter(|name| !name.is_empty()).map(|name| {
            JobState::ALL.into_iter().find(|state| state.as_str() == name).ok_or_else(|| {
                let all = JobState::ALL.map(JobState::as_str).join(", ");
                Error::spec(format!("`{}` is no state of a job: they are {all}", name.escape_debug()))
            })
        });
        Ok(Self { states: states.collect::<Result<_>>()?, text: text.to_lowercase() })
    }

    fn takes(&self, id: &JobId, record: &JobRecord) -> bool {
        (self.states.is_empty() || self.states.contains(&record.state))
            && (self.text.is_empty()
                || record.name.to_lowercase().contains(&self.text)
                || id.as_str().contains(&self.text))
    }
}

impl Control {
    /// The jobs that have changed since `seen` was what this gave, newest first, and what is seen now. At first those
    /// are the newest, and all that have not ended.
    pub(crate) fn changed_jobs(
        &self,
        seen: HashMap<JobId, u64>,
        newest: usize,
    ) -> (Vec<v1::JobStatus>, HashMap<JobId, u64>) {
        let now_ms = self.now_ms();
        let state = self.lock();
        let is_first = seen.is_empty();
        let mut changed = Vec::new();
        let mut now = HashMap::with_capacity(state.jobs.len());
        for (place, (id, job)) in state.jobs.iter().rev().enumerate() {
            let version = job.version();
            let is_new = match is_first {
                true => place < newest || !job.record.state.is_ended(),
                false => seen.get(id) != Some(&version),
            };
            if is_new {
                changed.push(status_of(&state, id, job, now_ms));
            }
            now.insert(id.clone(), version);
        }
        (changed, now)
    }

    /// A number that changes whenever the job does; `None` if there is no such job.
    pub(crate) fn version_of(&self, id: &JobId) -> Option<u64> {
        self.lock().jobs.get(id).map(Job::version)
    }

    /// A job's status.
    ///
    /// # Errors
    /// `Class::NotFound`.
    pub(crate) fn status(&self, id: &JobId) -> Result<v1::JobStatus> {
        let now_ms = self.now_ms();
        let state = self.lock();
        Ok(status_of(&state, id, state.job(id)?, now_ms))
    }

    /// Up to `limit` jobs older than `before`, newest first, and whether there are more.
    pub(crate) fn list(
        &self,
        before: Option<&JobId>,
        limit: usize,
        filter: &JobFilter,
    ) -> (Vec<v1::JobStatus>, bool) {
        let now_ms = self.now_ms();
        let state = self.lock();
        let is_older = |id: &JobId| before.is_none_or(|before| id < before);
        let mut older =
            state.jobs.iter().rev().filter(|(id, job)| is_older(id) && filter.takes(id, &job.record));
        let page = older.by_ref().take(limit).map(|(id, job)| status_of(&state, id, job, now_ms)).collect();
        (page, older.next().is_some())
    }

    /// What Explain and GetReport read.
    ///
    /// # Errors
    /// `Class::NotFound`, or of the store.
    pub(crate) fn tables(&self, id: &JobId) -> Result<JobTables> {
        let record = self.lock().job(id)?.record.clone();
        let json = self.store.blobs().get(&record.spec.sha256)?;
        let spec = self.steps.parse_spec(&String::from_utf8_lossy(&json))?;
        let shards = match &record.plan {
            Some(plan) => self.store.blobs().get_json(plan)?,
            None => Vec::new(),
        };
        let mut scans = Vec::new();
        for (shard, task) in self.store.tasks(id, Phase::Scan)? {
            let task_id = tamis_common::ids::TaskId { phase: Phase::Scan, shard };
            scans.extend(
                task.commit
                    .map(|commit| (shard, crate::drive::attempt_uri(&record.work, task_id, commit.attempt))),
            );
        }
        Ok(JobTables { state: record.state, spec, shards, output: Uri::parse(&record.output)?, scans })
    }
}

fn status_of(state: &State, id: &JobId, job: &Job, now_ms: u64) -> v1::JobStatus {
    let record = &job.record;
    let mut phases = Vec::new();
    let (mut bytes_per_second, mut eta_seconds) = (0.0, 0.0);
    for (phase, stored) in [(Phase::Scan, record.scan), (Phase::Emit, record.emit)] {
        let live = job.live.as_ref().and_then(|live| Some((live, live.totals(phase)?)));
        let Some((live, totals)) = live else {
            phases.extend(stored.map(|totals| progress(phase, totals, 0, (0, 0))));
            continue;
        };
        let running = live.tasks.get(&phase).map_or(0, |tasks| tasks.running());
        let in_flight = live.in_flight(phase);
        phases.push(progress(phase, totals, running, in_flight));
        if record.state.phase() == Some(phase) {
            let left = totals.bytes.saturating_sub(totals.bytes_done + in_flight.0);
            bytes_per_second = live.rate.bytes_per_second(now_ms);
            eta_seconds = live.rate.eta_seconds(now_ms, left);
        }
    }
    v1::JobStatus {
        job_id: id.to_string(),
        name: record.name.clone(),
        state: wire_state(record.state).into(),
        message: message(state, id, job),
        phases,
        submitted_at_ms: record.submitted_at_ms,
        started_at_ms: record.started_at_ms,
        ended_at_ms: record.ended_at_ms,
        bytes_per_second,
        eta_seconds,
        output_uri: record.output.clone(),
        error: record.error.as_ref().map(|error| v1::ErrorDetail::from(&Error::from(error))),
        failed_attempts: record.failed_attempts,
        submitted_by: record.submitter.as_ref().map_or_else(String::new, |submitter| submitter.name.clone()),
    }
}

fn progress(phase: Phase, totals: PhaseTotals, running: u32, in_flight: (u64, u64)) -> v1::PhaseProgress {
    v1::PhaseProgress {
        phase: v1::Phase::from(phase).into(),
        tasks_total: totals.tasks,
        tasks_done: totals.done,
        tasks_running: running,
        bytes_total: totals.bytes,
        bytes_done: totals.bytes_done + in_flight.0,
        records_done: totals.records_done + in_flight.1,
    }
}

/// One sentence on what happens now, or why it does not.
fn message(state: &State, id: &JobId, job: &Job) -> String {
    let doing = doing(state, id, job);
    match job.live.as_ref().and_then(|live| live.pause.as_ref()) {
        Some(pause) => format!("{doing}; paused until there is room: {pause}"),
        None => doing,
    }
}

fn doing(state: &State, id: &JobId, job: &Job) -> String {
    let record = &job.record;
    match record.state {
        JobState::Planning => "lists its inputs and cuts them into shards".to_owned(),
        JobState::Scanning => task_message(state, job, "read"),
        JobState::Waiting => turn_message(state, id).unwrap_or_else(|| "its turn has come".to_owned()),
        JobState::Resolving => "finds the duplicates of the whole job".to_owned(),
        JobState::Mixing => "chooses the mixture".to_owned(),
        JobState::Emitting => task_message(state, job, "written"),
        JobState::Publishing => {
            turn_message(state, id).unwrap_or_else(|| "moves the output to its place".to_owned())
        }
        JobState::Published => format!("the output stands in {}", record.output),
        JobState::Failed => record.error.as_ref().map_or_else(String::new, |error| error.message.clone()),
        JobState::Cancelled if record.cancel_reason.is_empty() => "cancelled".to_owned(),
        JobState::Cancelled => format!("cancelled: {}", record.cancel_reason),
    }
}

fn turn_message(state: &State, id: &JobId) -> Option<String> {
    let (holder, before) = state.holder_before(id)?;
    let index = before.record.index.as_deref().unwrap_or_default();
    Some(format!(
        "waits for job {holder} ({}), which has its turn at the index `{index}` and is {}",
        before.record.name, before.record.state
    ))
}

fn task_message(state: &State, job: &Job, done: &str) -> String {
    let Some(tasks) = job.open_tasks() else { return String::new() };
    let counts = format!("{} of {} shards are {done}", tasks.committed(), tasks.total());
    if tasks.running() > 0 || tasks.is_done() {
        return counts;
    }
    let usable =
        |fingerprint: &str| job.record.fingerprint.as_deref().is_none_or(|pinned| pinned == fingerprint);
    let mut workers = state.workers.values().filter(|worker| !worker.draining).peekable();
    if workers.peek().is_none() {
        return format!("{counts}; waits for a worker");
    }
    match workers.any(|worker| usable(&worker.fingerprint)) {
        true => counts,
        // Workers of another build would write other bytes.
        false => {
            format!("{counts}; waits for a worker of the build that began the job: the living ones differ")
        }
    }
}

fn wire_state(state: JobState) -> v1::JobState {
    match state {
        JobState::Planning => v1::JobState::Planning,
        JobState::Scanning => v1::JobState::Scanning,
        JobState::Waiting => v1::JobState::Waiting,
        JobState::Resolving => v1::JobState::Resolving,
        JobState::Mixing => v1::JobState::Mixing,
        JobState::Emitting => v1::JobState::Emitting,
        JobState::Publishing => v1::JobState::Publishing,
        JobState::Published => v1::JobState::Published,
        JobState::Failed => v1::JobState::Failed,
        JobState::Cancelled => v1::JobState::Cancelled,
    }
}
