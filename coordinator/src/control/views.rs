//! What people watch beyond a job's status: its tasks one by one, its failures, its history, the state of the whole.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use tamis_common::ids::{AttemptId, JobId, Phase, ShardId, TaskId, WorkerId};
use tamis_common::shard::Shard;
use tamis_common::spec::JobSpec;
use tamis_common::{Error, Result};

use super::Control;
use super::inner::{Job, Live};
use crate::job::{JobState, Point, Standing, Tasks};
use crate::store::{ErrorRecord, JobRecord};

/// A task as people see it.
#[derive(Clone, Debug)]
pub(crate) struct TaskView {
    pub(crate) shard: Shard,
    pub(crate) standing: Standing,
    pub(crate) counted: u32,
    pub(crate) uncounted: u32,
    pub(crate) attempt: Option<(AttemptId, WorkerId)>,
    pub(crate) bytes_done: u64,
    pub(crate) records_done: u64,
    pub(crate) failure: Option<ErrorRecord>,
}

/// All tasks of a phase at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Grid {
    /// Number of tasks.
    pub(crate) total: u32,
    /// A letter a shard: `.` ready, `H` held, `R` running, `C` committed, `Q` quarantined.
    pub(crate) states: String,
    /// Failed attempts of the shards that have any.
    pub(crate) failed: BTreeMap<u32, u32>,
}

/// A committed task and the digest of its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommittedTask {
    pub(crate) task: TaskId,
    pub(crate) manifest: String,
}

/// A job as its figures are made from it.
pub(crate) struct Watched {
    pub(crate) record: JobRecord,
    pub(crate) spec: Arc<JobSpec>,
    /// Empty before the plan.
    pub(crate) shards: Arc<Vec<Shard>>,
    /// How fast it went since the coordinator started.
    pub(crate) points: Vec<Point>,
}

/// What is known of a cluster at some moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// Jobs by state.
    pub(crate) jobs: BTreeMap<String, u64>,
    /// Jobs that pause until a disk has room.
    pub(crate) paused: u64,
    /// Jobs that have tasks to give, and nobody who may take them.
    pub(crate) without_worker: u64,
    /// Tasks that nobody has, and those that run, by phase.
    pub(crate) pending: BTreeMap<&'static str, u64>,
    pub(crate) running: BTreeMap<&'static str, u64>,
    /// Workers that take tasks, and those that leave.
    pub(crate) ready_workers: u64,
    pub(crate) draining_workers: u64,
    pub(crate) slots: u64,
    pub(crate) slots_busy: u64,
    /// Since the last call of the most silent worker, milliseconds.
    pub(crate) silence_ms: u64,
}

impl Control {
    /// Some tasks of a phase, by shard, with the specs of their sources, and how many there are in all; none of a phase that
    /// has not begun.
    ///
    /// # Errors
    /// `Class::NotFound`, or of the store.
    pub(crate) fn tasks(
        &self,
        id: &JobId,
        phase: Phase,
        shards: Range<u32>,
    ) -> Result<(Vec<TaskView>, u32, Arc<JobSpec>)> {
        self.with_tasks(id, phase, |job, live, tasks| {
            let now_ms = self.now_ms();
            let Some(tasks) = tasks else { return Ok((Vec::new(), 0, live.spec.clone())) };
            let end = shards.end.min(tasks.total());
            let views =
                (shards.start.min(end)..end).map(|shard| view(job, live, tasks, ShardId(shard), now_ms));
            Ok((views.collect::<Result<_>>()?, tasks.total(), live.spec.clone()))
        })
    }

    /// All tasks of a phase at a glance.
    ///
    /// # Errors
    /// As [`Control::tasks`].
    pub(crate) fn grid(&self, id: &JobId, phase: Phase) -> Result<Grid> {
        self.with_tasks(id, phase, |_, _, tasks| {
            let now_ms = self.now_ms();
            let Some(tasks) = tasks else { return Ok(Grid::default()) };
            let mut grid = Grid { total: tasks.total(), ..Grid::default() };
            for shard in (0..tasks.total()).map(ShardId) {
                grid.states.push(letter(tasks.standing(shard, now_ms).0));
                let record = tasks.record(shard)?;
                if record.counted + record.uncounted > 0 {
                    grid.failed.insert(shard.0, record.counted + record.uncounted);
                }
            }
            Ok(grid)
        })
    }

    /// Looks at the tasks of a phase; those of an ended job are read again.
    fn with_tasks<T>(
        &self,
        id: &JobId,
        phase: Phase,
        look: impl FnOnce(&Job, &Live, Option<&Tasks>) -> Result<T>,
    ) -> Result<T> {
        let record = {
            let state = self.lock();
            let job = state.job(id)?;
            if let Some(live) = &job.live {
                return look(job, live, live.tasks.get(&phase));
            }
            job.record.clone()
        };
        let live = self.load_live(id, &record)?;
        let state = self.lock();
        look(state.job(id)?, &live, live.tasks.get(&phase))
    }

    /// The committed tasks of a job of which `is_new` is true.
    ///
    /// # Errors
    /// `Class::NotFound`, or of the store.
    pub(crate) fn commits(&self, id: &JobId, is_new: impl Fn(TaskId) -> bool) -> Result<Vec<CommittedTask>> {
        let mut commits = Vec::new();
        let state = self.lock();
        if let Some(live) = &state.job(id)?.live {
            for tasks in live.tasks.values() {
                for shard in (0..tasks.total()).map(ShardId) {
                    let task = TaskId { phase: tasks.phase(), shard };
                    let Some(commit) = tasks.record(shard)?.commit.as_ref().filter(|_| is_new(task)) else {
                        continue;
                    };
                    commits.push(CommittedTask { task, manifest: commit.manifest.clone() });
                }
            }
            return Ok(commits);
        }
        drop(state);
        for phase in [Phase::Scan, Phase::Emit] {
            for (shard, record) in self.store.tasks(id, phase)? {
                let task = TaskId { phase, shard };
                let Some(commit) = record.commit.filter(|_| is_new(task)) else { continue };
                commits.push(CommittedTask { task, manifest: commit.manifest });
            }
        }
        Ok(commits)
    }

    /// A job's record, its spec and shards, and its points in time.
    ///
    /// # Errors
    /// `Class::NotFound`, or of the store.
    pub(crate) fn watched(&self, id: &JobId) -> Result<Watched> {
        let (record, points) = {
            let state = self.lock();
            let job = state.job(id)?;
            let points: Vec<Point> = job.history.points().copied().collect();
            if let Some(live) = &job.live {
                let (record, spec, shards) = (job.record.clone(), live.spec.clone(), live.shards.clone());
                return Ok(Watched { record, spec, shards, points });
            }
            (job.record.clone(), points)
        };
        let json = self.store.blobs().get(&record.spec.sha256)?;
        let spec = self.steps.parse_spec(&String::from_utf8_lossy(&json))?;
        let shards = match &record.plan {
            Some(plan) => self.store.blobs().get_json(plan)?,
            None => Vec::new(),
        };
        Ok(Watched { record, spec: Arc::new(spec), shards: Arc::new(shards), points })
    }

    /// A job's spec, canonical JSON.
    ///
    /// # Errors
    /// `Class::NotFound`, or of the store.
    pub(crate) fn spec_json(&self, id: &JobId) -> Result<Vec<u8>> {
        let digest = self.lock().job(id)?.record.spec.sha256.clone();
        self.store.blobs().get(&digest)
    }

    /// What is known of the cluster now.
    pub(crate) fn facts(&self) -> Facts {
        let now_ms = self.now_ms();
        let state = self.lock();
        let mut facts = Facts::default();
        for job_state in JobState::ALL {
            facts.jobs.insert(job_state.to_string(), 0);
        }
        for job in state.jobs.values() {
            *facts.jobs.entry(job.record.state.to_string()).or_default() += 1;
            let Some(live) = &job.live else { continue };
            facts.paused += u64::from(live.pause.is_some());
            facts.slots_busy += live.attempts.len() as u64;
            let Some(tasks) = job.open_tasks() else { continue };
            let phase = job.record.state.phase().map_or("", Phase::as_str);
            let left = u64::from(tasks.total() - tasks.committed() - tasks.running());
            *facts.pending.entry(phase).or_default() += left;
            *facts.running.entry(phase).or_default() += u64::from(tasks.running());
            let usable = |fingerprint: &str| {
                job.record.fingerprint.as_deref().is_none_or(|pinned| pinned == fingerprint)
            };
            let any = state.workers.values().any(|worker| !worker.draining && usable(&worker.fingerprint));
            facts.without_worker += u64::from(left > 0 && tasks.running() == 0 && !any);
        }
        for worker in state.workers.values() {
            facts.slots += u64::from(worker.slots);
            facts.silence_ms = facts.silence_ms.max(now_ms.saturating_sub(worker.heard_ms));
            *if worker.draining { &mut facts.draining_workers } else { &mut facts.ready_workers } += 1;
        }
        facts
    }
}

fn view(job: &Job, live: &Live, tasks: &Tasks, shard: ShardId, now_ms: u64) -> Result<TaskView> {
    let task = TaskId { phase: tasks.phase(), shard };
    let (standing, attempt) = tasks.standing(shard, now_ms);
    let record = tasks.record(shard)?;
    let pinned = live.shards.get(shard.0 as usize);
    let pinned = pinned.ok_or_else(|| Error::internal(format!("{task} has no shard")))?;
    let running = attempt.and_then(|id| Some((id, live.attempts.get(&id)?)));
    let (bytes_done, records_done) = match (&record.commit, &running) {
        (Some(commit), _) => (pinned.bytes, commit.records),
        (None, Some((_, held))) => (held.lease.bytes_done().min(pinned.bytes), held.lease.records_done()),
        (None, None) => (0, 0),
    };
    Ok(TaskView {
        shard: pinned.clone(),
        standing,
        counted: record.counted,
        uncounted: record.uncounted,
        attempt: running.map(|(id, held)| (id, held.worker.clone())),
        bytes_done,
        records_done,
        failure: job.failures.get(&task).cloned(),
    })
}

fn letter(standing: Standing) -> char {
    match standing {
        Standing::Ready => '.',
        Standing::Held => 'H',
        Standing::Running => 'R',
        Standing::Committed => 'C',
        Standing::Quarantined => 'Q',
    }
}
