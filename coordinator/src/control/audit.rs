//! What must be true behind the lock at any moment. Tests only.

use std::collections::BTreeMap;

use tamis_common::ids::{AttemptId, JobId, Phase, TaskId};

use super::Control;
use super::inner::Job;
use crate::store::{AttemptRecord, JobRecord};

/// What the disk holds.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    pub(crate) jobs: BTreeMap<JobId, JobRecord>,
    /// Attempts that run.
    pub(crate) attempts: BTreeMap<AttemptId, AttemptRecord>,
    /// Who committed what.
    pub(crate) commits: BTreeMap<(JobId, TaskId), AttemptId>,
}

impl Durable {
    fn committed(&self, job: &JobId, phase: Phase) -> usize {
        self.commits.keys().filter(|(of, task)| of == job && task.phase == phase).count()
    }
}

impl Control {
    /// Checks the live state against itself and against the disk.
    pub(crate) fn audit(&self, durable: &Durable) -> Result<(), String> {
        let state = self.lock();
        if state.jobs.len() != durable.jobs.len() {
            return Err(format!("{} jobs are known, {} are durable", state.jobs.len(), durable.jobs.len()));
        }
        let mut attempts = 0;
        for (id, job) in &state.jobs {
            let naming = |problem: String| format!("job {id}, which is {}: {problem}", job.record.state);
            if durable.jobs.get(id) != Some(&job.record) {
                return Err(naming(format!(
                    "in memory {:?}, durable {:?}",
                    job.record,
                    durable.jobs.get(id)
                )));
            }
            audit_job(id, job, durable).map_err(naming)?;
            attempts += job.live.as_ref().map_or(0, |live| live.attempts.len());
        }
        if attempts != durable.attempts.len() {
            return Err(format!("{attempts} attempts run, {} are durable", durable.attempts.len()));
        }
        if durable.attempts.keys().any(|attempt| attempt.0 >= state.next_attempt) {
            return Err(format!("the next attempt is {}, which was given out", state.next_attempt));
        }
        Ok(())
    }

    /// Jobs that have a task for a worker of this build now.
    pub(crate) fn jobs_with_work(&self, fingerprint: &str) -> Vec<JobId> {
        let now_ms = self.now_ms();
        let state = self.lock();
        let has_work = |job: &Job| {
            let pinned = job.record.fingerprint.as_deref();
            let (Some(tasks), Some(live)) = (job.grantable_tasks(), &job.live) else { return false };
            let cap = live.spec.run.max_slots;
            pinned.is_none_or(|pinned| pinned == fingerprint)
                && (cap == 0 || tasks.running() < cap)
                && !tasks.ready(now_ms, 1).is_empty()
        };
        state.jobs.iter().filter(|(_, job)| has_work(job)).map(|(id, _)| id.clone()).collect()
    }

    /// Workers that were silent for so long that they must be forgotten.
    pub(crate) fn workers_silent_for(&self, silent_ms: u64) -> usize {
        let now_ms = self.now_ms();
        let state = self.lock();
        state.workers.values().filter(|worker| now_ms.saturating_sub(worker.heard_ms) > silent_ms).count()
    }
}

fn audit_job(id: &JobId, job: &Job, durable: &Durable) -> Result<(), String> {
    let Some(live) = &job.live else {
        return match job.record.state.is_ended() {
            true => Ok(()),
            false => Err("it has no live part".to_owned()),
        };
    };
    if job.record.state.is_ended() {
        return Err("it holds tasks in memory though it has ended".to_owned());
    }
    for (attempt, held) in &live.attempts {
        let stored = durable.attempts.get(attempt);
        let same = |stored: &AttemptRecord| {
            stored.job == *id && stored.task == held.task && stored.worker == held.worker
        };
        if !stored.is_some_and(same) {
            return Err(format!("attempt {attempt} of {} runs, durable is {stored:?}", held.task));
        }
    }
    let mut running = 0;
    for (&phase, tasks) in &live.tasks {
        tasks.audit()?;
        if tasks.total() as usize != live.shards.len() {
            return Err(format!("{} tasks for {} shards", tasks.total(), live.shards.len()));
        }
        if tasks.committed() as usize != durable.committed(id, phase) {
            let stored = durable.committed(id, phase);
            return Err(format!(
                "{} tasks of {phase:?} are committed, durable are {stored}",
                tasks.committed()
            ));
        }
        let of_phase = |(_, held): &(&AttemptId, &super::inner::Attempt)| held.task.phase == phase;
        for (&attempt, held) in live.attempts.iter().filter(of_phase) {
            if !tasks.holds(held.task.shard, attempt) {
                return Err(format!("attempt {attempt} runs but does not hold {}", held.task));
            }
        }
        running += tasks.running() as usize;
        let cap = live.spec.run.max_slots;
        if cap > 0 && tasks.running() > cap {
            return Err(format!("{} tasks run, the job may hold {cap}", tasks.running()));
        }
    }
    if running != live.attempts.len() {
        return Err(format!("{running} tasks are granted to {} attempts", live.attempts.len()));
    }
    Ok(())
}
