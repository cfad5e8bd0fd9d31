//! What must be true whatever happens, told from outside: from what becomes durable and from what is answered.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use tamis_common::ids::{AttemptId, JobId, Phase, ShardId, TaskId, WorkerId};

use super::steps::{Wish, verdicts_of};
use super::{LEASE_MS, STALL_MS};
use crate::control::{Durable, Grant};
use crate::job::{JobState, TaskRecord};
use crate::store::{AttemptRecord, JobRecord, Write};

/// When an attempt was last heard of, and when it last made progress.
#[derive(Clone, Copy, Debug)]
struct Heard {
    at_ms: u64,
    progress_ms: u64,
    done: u64,
}

/// The history of a schedule.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) durable: Durable,
    heard: BTreeMap<AttemptId, Heard>,
    next_attempt: u64,
    /// Commits that were answered with a yes.
    promised: BTreeMap<(JobId, TaskId), AttemptId>,
    requests: BTreeMap<u64, JobId>,
    /// Tasks that went to others while a job had some for the asking worker.
    passed_over: BTreeMap<JobId, usize>,
    /// Jobs that failed in publishing: they go on with what they have, whoever was before them meanwhile.
    published_late: Vec<JobId>,
    pub(super) commits: u64,
    pub(super) expiries: u64,
}

type Check = Result<(), String>;

impl Ledger {
    /// A change has become durable.
    pub(super) fn note(&mut self, writes: &[Write], now_ms: u64) -> Check {
        let before: BTreeMap<AttemptId, AttemptRecord> = writes
            .iter()
            .filter(|(key, value)| key.starts_with(b"a/") && value.is_none())
            .filter_map(|(key, _)| self.durable.attempts.get_key_value(&attempt_of(key)))
            .map(|(id, record)| (*id, record.clone()))
            .collect();
        for (key, value) in writes.iter().filter(|(key, _)| key.starts_with(b"a/")) {
            let attempt = attempt_of(key);
            match value {
                None => drop(self.durable.attempts.remove(&attempt)),
                Some(value) => self.note_grant(attempt, decode(value), now_ms)?,
            }
        }
        for (key, value) in writes.iter().filter(|(key, _)| key.starts_with(b"j/")) {
            if let Some(value) = value {
                self.note_job(JobId(String::from_utf8_lossy(&key[2..]).into_owned()), decode(value))?;
            }
        }
        for (key, value) in writes.iter().filter(|(key, _)| key.starts_with(b"t/")) {
            let (job, task) = task_of(key);
            self.note_task(job, task, value.as_deref().map(decode), &before)?;
        }
        Ok(())
    }

    fn note_grant(&mut self, attempt: AttemptId, record: AttemptRecord, now_ms: u64) -> Check {
        if attempt.0 < self.next_attempt {
            return Err(format!("the number of attempt {attempt} was used before"));
        }
        self.next_attempt = attempt.0 + 1;
        let same = |other: &&AttemptRecord| other.job == record.job && other.task == record.task;
        if let Some(other) = self.durable.attempts.values().find(same) {
            return Err(format!("{} is granted while worker {} holds it", record.task, other.worker));
        }
        if self.durable.commits.contains_key(&(record.job.clone(), record.task)) {
            return Err(format!("{} is granted though it has a result", record.task));
        }
        self.heard.insert(attempt, Heard { at_ms: now_ms, progress_ms: now_ms, done: 0 });
        self.durable.attempts.insert(attempt, record);
        Ok(())
    }

    fn note_job(&mut self, id: JobId, record: JobRecord) -> Check {
        if let Some(old) = self.durable.jobs.get(&id) {
            if old.state != record.state {
                old.state.step_to(record.state).map_err(|e| e.to_string())?;
                // It waits anew.
                self.passed_over.remove(&id);
            }
            if old.state == JobState::Publishing && record.state == JobState::Failed {
                self.published_late.push(id.clone());
            }
        }
        self.durable.jobs.insert(id, record.clone());
        if record.state.is_ended() {
            return Ok(());
        }
        let decides =
            |state: JobState| matches!(state, JobState::Resolving | JobState::Mixing | JobState::Emitting);
        let at_index = |other: &&JobRecord| other.index == record.index && decides(other.state);
        if record.index.is_some() && self.durable.jobs.values().filter(at_index).count() > 1 {
            return Err(format!("two jobs have their turn at the index {:?}", record.index));
        }
        Ok(())
    }

    fn note_task(
        &mut self,
        job: JobId,
        task: TaskId,
        record: Option<TaskRecord>,
        ended: &BTreeMap<AttemptId, AttemptRecord>,
    ) -> Check {
        let key = (job, task);
        let old = self.durable.commits.get(&key).copied();
        match (old, record.and_then(|record| record.commit)) {
            (None, None) => {}
            (Some(old), Some(new)) if old == new.attempt => {}
            (Some(old), Some(new)) => {
                return Err(format!("{task} has the results of attempts {old} and {}", new.attempt));
            }
            (None, Some(new)) => {
                let held = ended.get(&new.attempt);
                if !held.is_some_and(|held| held.job == key.0 && held.task == task) {
                    return Err(format!(
                        "{task} takes the result of attempt {}, which has no lease",
                        new.attempt
                    ));
                }
                self.commits += 1;
                self.durable.commits.insert(key, new.attempt);
            }
            (Some(old), None) => {
                // Only emits of verdicts that are void.
                let is_void = self.durable.jobs.get(&key.0).is_some_and(|record| record.resolved.is_none());
                if task.phase == Phase::Scan || !is_void {
                    return Err(format!("the result of {task} by attempt {old} is lost"));
                }
                self.durable.commits.remove(&key);
                self.promised.remove(&key);
            }
        }
        Ok(())
    }

    /// A coordinator has started: all leases are new.
    pub(super) fn note_start(&mut self, now_ms: u64) -> Check {
        self.heard.retain(|attempt, _| self.durable.attempts.contains_key(attempt));
        for heard in self.heard.values_mut() {
            *heard = Heard { at_ms: now_ms, progress_ms: now_ms, done: 0 };
        }
        self.passed_over.clear();
        for (key, attempt) in &self.promised {
            if self.durable.commits.get(key) != Some(attempt) {
                return Err(format!("the result of {} by attempt {attempt} was taken, and is gone", key.1));
            }
        }
        Ok(())
    }

    /// A submit was answered.
    pub(super) fn note_submitted(&mut self, request: u64, job: JobId) -> Check {
        let first = self.requests.entry(request).or_insert_with(|| job.clone());
        if *first == job { Ok(()) } else { Err(format!("request {request} made the jobs {first} and {job}")) }
    }

    /// A commit was answered with a yes.
    pub(super) fn note_promise(&mut self, job: &JobId, task: TaskId, attempt: AttemptId) -> Check {
        let key = (job.clone(), task);
        if self.durable.commits.get(&key) != Some(&attempt) {
            return Err(format!("the result of {task} by attempt {attempt} was taken, but is not durable"));
        }
        self.promised.insert(key, attempt);
        Ok(())
    }

    /// A heartbeat was answered: `keep` or not.
    pub(super) fn note_beat(
        &mut self,
        worker: &WorkerId,
        attempt: AttemptId,
        done: u64,
        keep: bool,
        now_ms: u64,
    ) -> Check {
        let is_held = self.durable.attempts.get(&attempt).is_some_and(|record| record.worker == *worker);
        if keep != is_held {
            let what = if keep { "may go on without" } else { "was refused with" };
            return Err(format!("attempt {attempt} of worker {worker} {what} a lease"));
        }
        if let Some(heard) = self.heard.get_mut(&attempt).filter(|_| keep) {
            heard.at_ms = heard.at_ms.max(now_ms);
            if done > heard.done {
                (heard.done, heard.progress_ms) = (done, now_ms);
            }
        }
        Ok(())
    }

    /// Attempts that run now, so that one can tell what a look at the leases ended.
    pub(super) fn running(&self) -> Vec<AttemptId> {
        self.durable.attempts.keys().copied().collect()
    }

    /// Leases were looked at; `before` ran before. Jobs that failed meanwhile took all their attempts with them.
    pub(super) fn note_look(
        &mut self,
        before: &[AttemptId],
        jobs: &BTreeMap<AttemptId, JobId>,
        now_ms: u64,
        is_certain: bool,
    ) -> Check {
        for attempt in before {
            let Some(heard) = self.heard.get(attempt) else { continue };
            let silent_ms = now_ms.saturating_sub(heard.at_ms);
            let stalled_ms = now_ms.saturating_sub(heard.progress_ms);
            let is_over = silent_ms > LEASE_MS || stalled_ms > STALL_MS;
            let is_gone = !self.durable.attempts.contains_key(attempt);
            let ended_with_job = jobs
                .get(attempt)
                .and_then(|job| self.durable.jobs.get(job))
                .is_some_and(|record| record.state.is_ended());
            if is_gone && !is_over && !ended_with_job {
                return Err(format!("the lease of attempt {attempt} ended after {silent_ms} ms of silence"));
            }
            if !is_gone && is_over && is_certain {
                return Err(format!("attempt {attempt} still runs after {silent_ms} ms of silence"));
            }
            self.expiries += u64::from(is_gone && is_over);
        }
        Ok(())
    }

    /// Tasks were granted to a worker for which `with_work` had some.
    pub(super) fn note_grants(&mut self, with_work: &[JobId], grants: &[Grant]) -> Check {
        for grant in grants {
            self.check_grant(grant)?;
        }
        if grants.is_empty() {
            return match with_work.is_empty() {
                true => Ok(()),
                false => Err(format!("a worker got nothing although {with_work:?} had tasks")),
            };
        }
        self.passed_over
            .retain(|job, _| self.durable.jobs.get(job).is_some_and(|record| record.state.phase().is_some()));
        for job in with_work {
            if grants.iter().any(|grant| grant.job == *job) {
                self.passed_over.remove(job);
                continue;
            }
            let passed = self.passed_over.entry(job.clone()).or_default();
            *passed += grants.len();
            // Each other job may be served once before it.
            if *passed > self.durable.jobs.len() {
                return Err(format!("job {job} starves: {passed} tasks went to others in a row"));
            }
        }
        Ok(())
    }

    /// Tasks were granted aside from any poll.
    pub(super) fn note_served(&mut self, grants: &[Grant]) {
        self.passed_over.retain(|job, _| grants.iter().all(|grant| grant.job != *job));
    }

    fn check_grant(&self, grant: &Grant) -> Check {
        let naming = |problem: &str| format!("{} of job {}: {problem}", grant.task, grant.job);
        let Some(record) = self.durable.jobs.get(&grant.job) else { return Err(naming("no such job")) };
        if record.state.phase() != Some(grant.task.phase) {
            return Err(naming(&format!("granted though the job is {}", record.state)));
        }
        if grant.task.phase == Phase::Scan {
            return Ok(());
        }
        let wish = Wish::parse(&record.name).map_err(|e| e.to_string())?;
        let committed = |shard| {
            let task = TaskId { phase: Phase::Emit, shard };
            self.durable.commits.contains_key(&(grant.job.clone(), task))
        };
        let tokens = grant.budget.map(|budget| budget.tokens);
        match wish.budget(grant.task.shard, committed) {
            Err(missing) => return Err(naming(&format!("granted before shard {missing} is emitted"))),
            Ok(wanted) if wanted != tokens => {
                return Err(naming(&format!("granted with a budget of {tokens:?}, it is {wanted:?}")));
            }
            Ok(_) => {}
        }
        let scan = TaskId { phase: Phase::Scan, shard: grant.task.shard };
        let scanned = self.durable.commits.get(&(grant.job.clone(), scan)).copied();
        let folder = scanned.map(|attempt| crate::drive::attempt_uri(&record.work, scan, attempt));
        if grant.scan != folder || grant.verdicts != Some(verdicts_of(&record.work, grant.task.shard)) {
            return Err(naming("granted with the files of another scan"));
        }
        Ok(())
    }

    /// A job entered its index by verdicts that were made when it held `resolved_at` jobs.
    pub(super) fn note_published(&self, job: &JobId, resolved_at: u64, index_at: u64, again: bool) -> Check {
        if again || resolved_at == index_at || self.published_late.contains(job) {
            return Ok(());
        }
        Err(format!("job {job} was resolved against {resolved_at} jobs and published after {index_at}"))
    }
}

fn decode<T: DeserializeOwned>(value: impl AsRef<[u8]>) -> T {
    serde_json::from_slice(&value.as_ref()[1..]).expect("a record is a version byte and JSON")
}

fn attempt_of(key: &[u8]) -> AttemptId {
    AttemptId(u64::from_be_bytes(key[2..].try_into().expect("an attempt is 8 bytes")))
}

/// `t/JOB/PHASE/` and the shard.
fn task_of(key: &[u8]) -> (JobId, TaskId) {
    let (names, shard) = key.split_at(key.len() - 4);
    let names = String::from_utf8_lossy(names);
    let mut parts = names.split('/').skip(1);
    let job = JobId(parts.next().unwrap_or_default().to_owned());
    let phase = match parts.next() {
        Some("scan") => Phase::Scan,
        _ => Phase::Emit,
    };
    let shard = ShardId(u32::from_be_bytes(shard.try_into().expect("a shard is 4 bytes")));
    (job, TaskId { phase, shard })
}
