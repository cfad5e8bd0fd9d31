//! Tasks in the hands of workers: grant, heartbeat, commit, fail, release, expire.

use std::sync::Arc;

use tamis_common::artefact::TaskManifest;
use tamis_common::clock::wall_ms;
use tamis_common::fault::{self, Point};
use tamis_common::ids::{AttemptId, JobId, Phase, TaskId, WorkerId};
use tamis_common::shard::Shard;
use tamis_common::storage::Uri;
use tamis_common::telemetry::metrics;
use tamis_common::{Class, Error, Result};

use super::inner::{Attempt, Job, Live, State};
use super::workers::Order;
use super::{Control, seconds};
use crate::drive::{TokenBudget, attempt_uri, verdicts_uri};
use crate::job::{Commit, CommitVerdict, TaskRecord, Tasks, lease_lost};
use crate::schedule::{AfterFailure, Candidate, Expiry, Lease, after_failure, assign, release_delay_ms};
#[cfg(test)]
use crate::simulation::{Break, is_broken};
use crate::store::{AttemptRecord, Change, FileRef, NamedFile};

/// Who speaks about which attempt.
#[derive(Clone, Debug)]
pub(crate) struct AttemptCall {
    pub(crate) worker: WorkerId,
    pub(crate) job: JobId,
    pub(crate) task: TaskId,
    pub(crate) attempt: AttemptId,
}

/// What a heartbeat says of one attempt.
#[derive(Clone, Debug)]
pub(crate) struct AttemptBeat {
    pub(crate) job: JobId,
    pub(crate) task: TaskId,
    pub(crate) attempt: AttemptId,
    pub(crate) bytes_done: u64,
    pub(crate) records_done: u64,
}

/// The answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    Keep,
    Cancel,
    Lost,
}

/// A granted task with all that a worker needs.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) job: JobId,
    pub(crate) task: TaskId,
    pub(crate) attempt: AttemptId,
    pub(crate) spec: FileRef,
    pub(crate) shard: Shard,
    pub(crate) work: Uri,
    pub(crate) tokenizer: Option<FileRef>,
    pub(crate) files: Arc<Vec<NamedFile>>,
    /// For emit: the folder of the committed scan, and the file of the verdicts.
    pub(crate) scan: Option<Uri>,
    pub(crate) verdicts: Option<Uri>,
    /// For emit: what the shard may give; `None`: all that has no verdict.
    pub(crate) budget: Option<TokenBudget>,
    /// The context in which the job was submitted; empty: nothing is traced.
    pub(crate) traceparent: String,
}

/// The answer to a worker that asks for tasks.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    pub(crate) grants: Vec<Grant>,
    pub(crate) order: Option<Order>,
    /// Without grants: when a paused task becomes free, milliseconds from now.
    pub(crate) retry_in_ms: Option<u64>,
}

impl Control {
    /// Grants up to `slots` tasks; durable before it returns.
    ///
    /// # Errors
    /// Of the store.
    pub(crate) fn grant(&self, worker: &WorkerId, slots: u32) -> Result<Granted> {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        let known = match state.hear(worker, now_ms) {
            Ok(known) => known,
            Err(order) => return Ok(Granted { order: Some(order), ..Granted::default() }),
        };
        let fingerprint = known.fingerprint.clone();
        let candidates = candidates(&state, &fingerprint, slots, now_ms);
        let chosen = assign(&candidates, slots);
        if chosen.is_empty() {
            let retry_in_ms = next_ready_in_ms(&state, &fingerprint, now_ms);
            return Ok(Granted { retry_in_ms, ..Granted::default() });
        }

        let mut change = Change::default();
        let mut grants = Vec::new();
        let mut next_attempt = state.next_attempt;
        let mut served = vec![0_usize; candidates.len()];
        for i in chosen {
            let id = &candidates[i].job;
            let job = state.job(id)?;
            let attempt = AttemptId(next_attempt);
            let Some(grant) = grant_of(id, job, served[i], attempt, now_ms) else { continue };
            change.put_attempt(
                attempt,
                &AttemptRecord { job: id.clone(), task: grant.task, worker: worker.clone() },
            )?;
            served[i] += 1;
            next_attempt += 1;
            grants.push(grant);
        }
        let mut begun = Vec::new();
        for (candidate, _) in candidates.iter().zip(&served).filter(|(_, served)| **served > 0) {
            let mut record = state.job(&candidate.job)?.record.clone();
            if record.fingerprint.is_some() && record.started_at_ms > 0 {
                continue;
            }
            record.fingerprint.get_or_insert_with(|| fingerprint.clone());
            record.started_at_ms = wall_ms();
            change.put_job(&candidate.job, &record)?;
            begun.push((candidate.job.clone(), record));
        }
        fault::pass(Point::GrantBefore)?;
        let applied = self.store.apply(change)?;

        state.next_attempt = next_attempt;
        for (id, record) in begun {
            state.job_mut(&id)?.record = record;
        }
        for grant in &grants {
            state.served += 1;
            let served = state.served;
            let job = state.job_mut(&grant.job)?;
            let Some(live) = &mut job.live else { continue };
            live.served = served;
            if let Some(tasks) = live.tasks.get_mut(&grant.task.phase) {
                tasks.grant(grant.task.shard, grant.attempt)?;
            }
            let lease = Lease::begin(now_ms);
            let (task, worker) = (grant.task, worker.clone());
            live.attempts.insert(grant.attempt, Attempt { task, worker, lease, since_ms: now_ms });
            job.announce();
        }
        drop(state);
        self.store.sync(applied)?;
        fault::reach(Point::GrantAfter);
        Ok(Granted { grants, ..Granted::default() })
    }

    /// Renews the leases of a worker's attempts and answers each.
    pub(crate) fn heartbeat(&self, worker: &WorkerId, beats: &[AttemptBeat]) -> (Vec<Beat>, Option<Order>) {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        let order = state.hear(worker, now_ms).err();
        state.note_pace(worker, beats.iter().map(|beat| beat.bytes_done).sum(), now_ms);
        let answers = beats.iter().map(|beat| answer(&mut state, worker, beat, now_ms)).collect();
        (answers, order)
    }

    /// Takes a result: one durable transaction, and the same answer when it is repeated.
    ///
    /// # Errors
    /// `Class::LeaseLost` for a stale attempt, `Class::Spec` for a manifest that is none, or of the store.
    pub(crate) fn commit(&self, call: &AttemptCall, manifest_json: &str) -> Result<()> {
        let records = records_of(call.task.phase, manifest_json)?;
        let manifest = self.store.blobs().put(manifest_json.as_bytes())?;
        let now_ms = self.now_ms();
        let mut state = self.lock();
        let job = state.jobs.get_mut(&call.job).ok_or_else(|| lease_lost(call.task, call.attempt))?;
        let Some(tasks) = job.live.as_ref().and_then(|live| live.tasks.get(&call.task.phase)) else {
            return self.repeated_commit(call);
        };
        if tasks.judge_commit(call.task.shard, call.attempt)? == CommitVerdict::Repeated {
            drop(state);
            // The first call may still wait for the disk, in vain perhaps.
            return self.store.sync(self.store.last_applied());
        }
        let commit = Commit { attempt: call.attempt, manifest, records };
        let record = TaskRecord { commit: Some(commit), ..tasks.record(call.task.shard)?.clone() };
        let mut change = Change::default();
        change.put_task(&call.job, call.task, &record)?;
        change.remove_attempt(call.attempt);
        fault::pass(Point::CommitBefore)?;
        let applied = self.store.apply(change)?;
        let bytes = count_commit(job, call, records, now_ms);
        apply_end(job, call.task, call.attempt, record, 0)?;
        job.set_pause(None);
        job.note_progress(now_ms);
        job.announce();
        let capped = job.live.as_ref().is_some_and(|live| live.spec.run.max_slots > 0);
        state.count_commit(&call.worker, bytes);
        drop(state);
        if capped {
            self.announce_work();
        }
        self.store.sync(applied)?;
        fault::reach(Point::CommitAfter);
        Ok(())
    }

    /// A job that has ended holds no tasks in memory, but a worker may still repeat its last call.
    fn repeated_commit(&self, call: &AttemptCall) -> Result<()> {
        let stored = self.stored_task(&call.job, call.task.phase, call.task.shard)?;
        match stored.and_then(|task| task.commit) {
            Some(commit) if commit.attempt == call.attempt => Ok(()),
            _ => Err(lease_lost(call.task, call.attempt)),
        }
    }

    /// Takes note of a failed attempt, and decides what it means.
    ///
    /// # Errors
    /// `Class::LeaseLost` for a stale attempt, or of the store.
    pub(crate) fn fail_task(&self, call: &AttemptCall, error: &Error) -> Result<()> {
        let mut state = self.lock();
        let job = holder(&mut state, call)?;
        self.fail_attempt(job, call, error)?;
        drop(state);
        self.announce_work();
        Ok(())
    }

    fn fail_attempt(&self, job: &mut Job, call: &AttemptCall, error: &Error) -> Result<()> {
        let live = job.live()?;
        let Some(tasks) = live.tasks.get(&call.task.phase) else {
            return Err(lease_lost(call.task, call.attempt));
        };
        let mut task = tasks.record(call.task.shard)?.clone();
        let verdict = error.verdict();
        let decision = after_failure(verdict, task.counted, task.uncounted, live.spec.run.max_attempts);
        tracing::warn!(job = %call.job, task = %call.task, attempt = %call.attempt, worker = %call.worker, %error,
            ?decision, "an attempt failed");
        let phase = call.task.phase.as_str();
        metrics::ATTEMPTS_FAILED.add(&[("phase", phase), ("class", verdict.class.as_str())], 1);
        job.note_failure(call.task, error);
        let mut record = job.record.clone();
        record.failed_attempts += 1;
        task.uncounted += u32::from(!verdict.counts);
        let mut change = Change::default();
        change.remove_attempt(call.attempt);
        match decision {
            AfterFailure::Again { counted, delay_ms } => {
                task.counted = counted;
                change.put_task(&call.job, call.task, &task)?;
                change.put_job(&call.job, &record)?;
                self.store.write(change)?;
                job.record = record;
                apply_end(job, call.task, call.attempt, task, self.now_ms() + delay_ms)?;
                if verdict.class == Class::Resource {
                    job.set_pause(Some(error));
                }
                job.announce();
                Ok(())
            }
            AfterFailure::Quarantine { counted } => {
                let cause = quarantine_error(job, call, error, counted);
                task.counted = counted;
                task.quarantined = true;
                change.put_task(&call.job, call.task, &task)?;
                // In memory only once the whole change is written, and with the job's end nothing else is in memory.
                let before = std::mem::replace(&mut job.record, record);
                let failed = self.fail_locked(job, &call.job, change, &cause);
                if failed.is_err() {
                    job.record = before;
                }
                failed
            }
        }
    }

    /// Takes a task back without prejudice.
    ///
    /// # Errors
    /// `Class::LeaseLost` for a stale attempt, or of the store.
    pub(crate) fn release(&self, call: &AttemptCall, reason: &str) -> Result<()> {
        let mut state = self.lock();
        let job = holder(&mut state, call)?;
        let Some(tasks) = job.live()?.tasks.get(&call.task.phase) else {
            return Err(lease_lost(call.task, call.attempt));
        };
        let mut task = tasks.record(call.task.shard)?.clone();
        task.uncounted += 1;
        let mut change = Change::default();
        change.put_task(&call.job, call.task, &task)?;
        change.remove_attempt(call.attempt);
        self.store.write(change)?;
        tracing::info!(job = %call.job, task = %call.task, attempt = %call.attempt, worker = %call.worker, reason,
            "a task was given back");
        let not_before_ms = self.now_ms() + release_delay_ms(task.uncounted);
        apply_end(job, call.task, call.attempt, task, not_before_ms)?;
        job.announce();
        drop(state);
        self.announce_work();
        Ok(())
    }

    /// Ends the leases whose time is over.
    pub(crate) fn expire(&self) {
        let now_ms = self.now_ms();
        let terms = self.settings.terms;
        let mut state = self.lock();
        let mut over = Vec::new();
        for (id, job) in &state.jobs {
            let attempts = job.live.iter().flat_map(|live| &live.attempts);
            over.extend(attempts.filter_map(|(&attempt, held)| {
                let expiry = held.lease.expiry(terms, now_ms)?;
                let (worker, job, task) = (held.worker.clone(), id.clone(), held.task);
                Some((AttemptCall { worker, job, task, attempt }, expiry))
            }));
        }
        state.forget_silent_workers(now_ms, terms.lease_ms);
        let any = !over.is_empty();
        for (call, expiry) in over {
            let cause = match expiry {
                Expiry::Silent { .. } => "silent",
                Expiry::Stalled { .. } => "stalled",
            };
            metrics::LEASES_EXPIRED.add(&[("cause", cause)], 1);
            let error = Error::new(Class::LeaseLost, format!("the lease was lost: {expiry}"));
            // An earlier one may have failed the job, and with it ended all its attempts.
            let Ok(job) = holder(&mut state, &call) else { continue };
            if let Err(error) = self.fail_attempt(job, &call, &error) {
                tracing::error!(job = %call.job, task = %call.task, %error, "an expiry could not be recorded");
            }
        }
        drop(state);
        if any {
            self.announce_work();
        }
    }
}

/// Jobs that may give tasks to a worker of this fingerprint.
fn jobs_for<'a>(
    state: &'a State,
    fingerprint: &'a str,
) -> impl Iterator<Item = (&'a JobId, &'a Tasks, &'a Live)> {
    state.jobs.iter().filter_map(move |(id, job)| {
        let pinned = job.record.fingerprint.as_deref();
        let is_usable = pinned.is_none_or(|pinned| pinned == fingerprint);
        is_usable.then_some((id, job.grantable_tasks()?, job.live.as_ref()?))
    })
}

fn candidates(state: &State, fingerprint: &str, slots: u32, now_ms: u64) -> Vec<Candidate> {
    let candidate = |(id, tasks, live): (&JobId, &Tasks, &Live)| Candidate {
        job: id.clone(),
        ready: tasks.ready(now_ms, slots as usize).len() as u32,
        running: tasks.running(),
        max_slots: live.spec.run.max_slots,
        served: live.served,
    };
    jobs_for(state, fingerprint).map(candidate).collect()
}

/// How long until a paused task is free. Looks at every task, hence only if none is free now.
fn next_ready_in_ms(state: &State, fingerprint: &str, now_ms: u64) -> Option<u64> {
    let next = jobs_for(state, fingerprint).filter_map(|(_, tasks, _)| tasks.next_ready_ms(now_ms)).min();
    next.map(|at| at - now_ms)
}

/// The grant of a job's `nth` free task; `None` if there is none.
fn grant_of(id: &JobId, job: &Job, nth: usize, attempt: AttemptId, now_ms: u64) -> Option<Grant> {
    let phase = job.record.state.phase()?;
    let live = job.live.as_ref()?;
    let shard = *job.grantable_tasks()?.ready(now_ms, nth + 1).get(nth)?;
    let task = TaskId { phase, shard };
    let record = &job.record;
    let (scan, verdicts) = match phase {
        Phase::Scan => (None, None),
        Phase::Emit => {
            let commit = live.tasks.get(&Phase::Scan)?.record(shard).ok()?.commit.as_ref()?;
            let scan = attempt_uri(&record.work, TaskId { phase: Phase::Scan, shard }, commit.attempt);
            (Some(scan), Some(verdicts_uri(&record.resolved.as_ref()?.verdicts, shard)))
        }
    };
    Some(Grant {
        job: id.clone(),
        task,
        attempt,
        spec: record.spec.clone(),
        shard: live.shards.get(shard.0 as usize)?.clone(),
        work: attempt_uri(&record.work, task, attempt),
        tokenizer: record.tokenizer.clone(),
        files: live.files.clone(),
        scan,
        verdicts,
        budget: live.orders.as_ref().and_then(|orders| orders.get(&shard).copied().flatten()),
        traceparent: record.traceparent.clone(),
    })
}

fn answer(state: &mut State, worker: &WorkerId, beat: &AttemptBeat, now_ms: u64) -> Beat {
    let Some(job) = state.jobs.get_mut(&beat.job) else { return Beat::Lost };
    let Some(live) = &mut job.live else { return Beat::Cancel };
    #[cfg(test)]
    if is_broken(Break::UnfencedBeat) && !live.attempts.contains_key(&beat.attempt) {
        return Beat::Keep;
    }
    let Some(attempt) = live.attempts.get_mut(&beat.attempt) else { return Beat::Lost };
    if attempt.task != beat.task || attempt.worker != *worker {
        return Beat::Lost;
    }
    attempt.lease.renew(now_ms, beat.bytes_done, beat.records_done);
    job.note_progress(now_ms);
    job.announce();
    Beat::Keep
}

/// The job of an attempt that still holds its task.
fn holder<'a>(state: &'a mut State, call: &AttemptCall) -> Result<&'a mut Job> {
    let stale = || lease_lost(call.task, call.attempt);
    let job = state.jobs.get_mut(&call.job).ok_or_else(stale)?;
    let held = job.live.as_ref().and_then(|live| live.attempts.get(&call.attempt));
    match held {
        Some(held) if held.task == call.task && held.worker == call.worker => Ok(job),
        _ => Err(stale()),
    }
}

/// Counts what an attempt that commits has done; its input bytes.
fn count_commit(job: &Job, call: &AttemptCall, records: u64, now_ms: u64) -> u64 {
    let Some(live) = &job.live else { return 0 };
    let bytes = live.bytes_of(call.task.shard);
    let phase = [("phase", call.task.phase.as_str())];
    metrics::TASKS_COMMITTED.add(&phase, 1);
    if let Some(attempt) = live.attempts.get(&call.attempt) {
        metrics::TASK_DURATION.record(&phase, seconds(now_ms.saturating_sub(attempt.since_ms)));
    }
    if call.task.phase == Phase::Scan {
        metrics::INPUT_BYTES.add(&[], bytes);
        metrics::INPUT_RECORDS.add(&[], records);
    }
    bytes
}

fn apply_end(
    job: &mut Job,
    task: TaskId,
    attempt: AttemptId,
    record: TaskRecord,
    not_before_ms: u64,
) -> Result<()> {
    let Some(live) = &mut job.live else { return Ok(()) };
    live.attempts.remove(&attempt);
    match live.tasks.get_mut(&task.phase) {
        Some(tasks) => tasks.end(task.shard, attempt, record, not_before_ms),
        None => Ok(()),
    }
}

/// Why a job fails by one of its shards: shard, worker, cause.
fn quarantine_error(job: &Job, call: &AttemptCall, error: &Error, attempts: u32) -> Error {
    let shard = job.live.as_ref().and_then(|live| live.shards.get(call.task.shard.0 as usize));
    let input = shard.map_or_else(String::new, |shard| format!(" (`{}`)", shard.uri));
    let tries = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
    let message =
        format!("{}{input} failed on worker {} after {tries}: {}", call.task, call.worker, error.message());
    let failed = Error::new(error.class(), message);
    failed.with_hint(match error.hint() {
        Some(hint) => hint.to_owned(),
        None => format!("mend the cause, then `tamis retry {}` goes on from what is done", call.job),
    })
}

/// Records that a manifest speaks of, which must fit its phase.
fn records_of(phase: Phase, manifest_json: &str) -> Result<u64> {
    let manifest: TaskManifest = serde_json::from_str(manifest_json)
        .map_err(|e| Error::spec(format!("`manifest_json` is no manifest: {e}")).with_source(e))?;
    let records = match phase {
        Phase::Scan => manifest.scan.map(|scan| scan.records),
        Phase::Emit => manifest
            .emit
            .map(|emit| emit.emitted.docs + emit.dropped.values().map(|dropped| dropped.docs).sum::<u64>()),
    };
    let missing =
        || Error::spec(format!("`manifest_json` has no `{0}`, but the task is a {0}", phase.as_str()));
    records.ok_or_else(missing)
}
