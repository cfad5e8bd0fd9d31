//! What stands behind the lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tamis_common::clock::wall_ms;
use tamis_common::ids::{AttemptId, JobId, Phase, TaskId, WorkerId};
use tamis_common::shard::Shard;
use tamis_common::spec::JobSpec;
use tamis_common::telemetry::metrics;
use tamis_common::{Class, Error, Result};
use tokio::sync::watch;

use super::workers::Worker;
use super::{new_flag, seconds};
use crate::drive::EmitOrders;
use crate::job::{Done, History, JobState, Rate, Tasks};
use crate::schedule::Lease;
use crate::store::{ErrorRecord, JobRecord, NamedFile, PhaseTotals};

/// Failures that are kept of a job.
const MOST_FAILURES: usize = 1_000;

/// Everything that the coordinator knows.
#[derive(Default)]
pub(super) struct State {
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    /// Never reused: the store counts on after a restart.
    pub(super) next_attempt: u64,
    /// Tasks granted since the start: by it jobs take turns.
    pub(super) served: u64,
}

impl State {
    pub(super) fn job(&self, id: &JobId) -> Result<&Job> {
        self.jobs.get(id).ok_or_else(|| no_job(id))
    }

    pub(super) fn job_mut(&mut self, id: &JobId) -> Result<&mut Job> {
        self.jobs.get_mut(id).ok_or_else(|| no_job(id))
    }

    /// The job that stands before `id` at its index, if one does: the smallest turn among those that have not ended.
    pub(super) fn holder_before(&self, id: &JobId) -> Option<(&JobId, &Job)> {
        let record = &self.jobs.get(id)?.record;
        let (index, turn) = (record.index.as_ref()?, record.turn?);
        self.jobs
            .iter()
            .filter(|(_, other)| {
                let other = &other.record;
                !other.state.is_ended()
                    && other.index.as_ref() == Some(index)
                    && other.turn.is_some_and(|theirs| theirs < turn)
            })
            .min_by_key(|(_, other)| other.record.turn)
    }
}

fn no_job(id: &JobId) -> Error {
    Error::new(Class::NotFound, format!("no job `{id}`"))
}

/// A job.
pub(super) struct Job {
    /// What is durable.
    pub(super) record: JobRecord,
    /// Only of a job that has not ended.
    pub(super) live: Option<Live>,
    /// Ends the step that runs; a retry makes a new one.
    pub(super) cancel: Arc<AtomicBool>,
    /// Told at each change, heartbeats included.
    pub(super) changed: watch::Sender<u64>,
    /// How fast it went since the coordinator started.
    pub(super) history: History,
    /// What went wrong last of each task since the coordinator started.
    pub(super) failures: BTreeMap<TaskId, ErrorRecord>,
    /// When it came into its state, on the control's clock; `None`: before the coordinator started.
    pub(super) since_ms: Option<u64>,
}

impl Job {
    pub(super) fn new(record: JobRecord, live: Option<Live>) -> Self {
        Self {
            record,
            live,
            cancel: new_flag(),
            changed: watch::Sender::new(0),
            history: History::default(),
            failures: BTreeMap::new(),
            since_ms: None,
        }
    }

    /// Changes whenever the job does.
    pub(super) fn version(&self) -> u64 {
        *self.changed.borrow()
    }

    pub(super) fn announce(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    /// Notes how far the job is, for its rate and its history.
    pub(super) fn note_progress(&mut self, now_ms: u64) {
        let (Some(live), Some(phase)) = (&mut self.live, self.record.state.phase()) else { return };
        let Some(totals) = live.totals(phase) else { return };
        let (bytes, records) = live.in_flight(phase);
        let done = Done { phase, bytes: totals.bytes_done + bytes, records: totals.records_done + records };
        live.rate.note(now_ms, done.bytes);
        self.history.note(now_ms, wall_ms(), done);
    }

    /// Counts the step that ends as the job leaves `from`; the next one begins.
    pub(super) fn count_step(&mut self, from: JobState, now_ms: u64) {
        let begun_ms = self.since_ms.replace(now_ms);
        let (Some(begun_ms), Some(step)) = (begun_ms, from.step_name()) else { return };
        metrics::STEP_DURATION.record(&[("step", step)], seconds(now_ms.saturating_sub(begun_ms)));
    }

    /// Notes what went wrong with a task.
    pub(super) fn note_failure(&mut self, task: TaskId, error: &Error) {
        if self.failures.len() < MOST_FAILURES || self.failures.contains_key(&task) {
            self.failures.insert(task, ErrorRecord::from(error));
        }
    }

    /// Notes why nothing goes on, or that it does again.
    pub(super) fn set_pause(&mut self, cause: Option<&Error>) {
        if let Some(live) = &mut self.live {
            live.pause = cause.map(|cause| cause.message().to_owned());
        }
    }

    /// The live part of a job that must not have ended.
    pub(super) fn live(&self) -> Result<&Live> {
        self.live.as_ref().ok_or_else(|| Error::new(Class::Conflict, ended(self.record.state)))
    }

    /// Refuses the result of a step that was overtaken by a cancel.
    pub(super) fn check_step(&self, cancel: &Arc<AtomicBool>) -> Result<()> {
        if cancel.load(Ordering::Relaxed) || !Arc::ptr_eq(cancel, &self.cancel) {
            return Err(Error::new(Class::Cancelled, "the step was cancelled"));
        }
        Ok(())
    }

    /// The tasks of the phase that the job is in.
    pub(super) fn open_tasks(&self) -> Option<&Tasks> {
        let phase = self.record.state.phase()?;
        self.live.as_ref()?.tasks.get(&phase)
    }

    /// The tasks that workers may do now. Emits wait for their orders: after a start an attempt may end before the
    /// budgets are known again, and its task is free then.
    pub(super) fn grantable_tasks(&self) -> Option<&Tasks> {
        let tasks = self.open_tasks()?;
        let has_orders = self.live.as_ref()?.orders.is_some();
        (has_orders || self.record.state.phase() == Some(Phase::Scan)).then_some(tasks)
    }
}

fn ended(state: JobState) -> String {
    format!("the job is {state}")
}

/// What is known of a job that has not ended.
pub(super) struct Live {
    pub(super) spec: Arc<JobSpec>,
    /// Empty before the plan.
    pub(super) shards: Arc<Vec<Shard>>,
    /// The files that cleaners and filters name.
    pub(super) files: Arc<Vec<NamedFile>>,
    /// Of the phases that have begun.
    pub(super) tasks: BTreeMap<Phase, Tasks>,
    /// The emits that may be granted, with their budgets; `None`: it is not known yet.
    pub(super) orders: Option<EmitOrders>,
    pub(super) attempts: BTreeMap<AttemptId, Attempt>,
    pub(super) rate: Rate,
    /// Why nothing goes on: a disk is full. Told to users; forgotten with the next result.
    pub(super) pause: Option<String>,
    /// The place of the job's last grant among all grants, or where it came in: behind those that wait.
    pub(super) served: u64,
}

impl Live {
    pub(super) fn new(spec: JobSpec) -> Self {
        Self {
            spec: Arc::new(spec),
            shards: Arc::default(),
            files: Arc::default(),
            tasks: BTreeMap::new(),
            orders: None,
            attempts: BTreeMap::new(),
            rate: Rate::default(),
            pause: None,
            served: 0,
        }
    }

    /// How far a phase is, running attempts aside.
    pub(super) fn totals(&self, phase: Phase) -> Option<PhaseTotals> {
        let tasks = self.tasks.get(&phase)?;
        Some(PhaseTotals {
            tasks: tasks.total(),
            done: tasks.committed(),
            bytes: tasks.bytes(),
            bytes_done: tasks.bytes_done(),
            records_done: tasks.records_done(),
        })
    }

    /// Bytes and records that running attempts of a phase report.
    pub(super) fn in_flight(&self, phase: Phase) -> (u64, u64) {
        self.attempts.values().filter(|attempt| attempt.task.phase == phase).fold((0, 0), |sum, attempt| {
            // An emit counts other bytes than the plan: it is never further than its shard.
            let bytes = attempt.lease.bytes_done().min(self.bytes_of(attempt.task.shard));
            (sum.0 + bytes, sum.1 + attempt.lease.records_done())
        })
    }

    pub(super) fn bytes_of(&self, shard: tamis_common::ids::ShardId) -> u64 {
        self.shards.get(shard.0 as usize).map_or(0, |shard| shard.bytes)
    }
}

/// A running attempt.
pub(super) struct Attempt {
    pub(super) task: TaskId,
    pub(super) worker: WorkerId,
    pub(super) lease: Lease,
    /// When it was granted, on the control's clock.
    pub(super) since_ms: u64,
}

/// What a step needs to know, taken under the lock at once.
pub(crate) struct StepFacts {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) shards: Arc<Vec<Shard>>,
    pub(crate) files: Arc<Vec<NamedFile>>,
    pub(crate) record: JobRecord,
    pub(crate) cancel: Arc<AtomicBool>,
}
