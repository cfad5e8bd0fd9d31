//! A job's way from step to step: each is one durable change.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tamis_common::fault::{self, Point};
use tamis_common::ids::{AttemptId, JobId, Phase, TaskId};
use tamis_common::shard::Shard;
use tamis_common::{Class, Error, Result};

use super::Control;
use super::inner::{Job, StepFacts};
use crate::drive::{Copies, EmitOrders, Plan, Publication, Resolved, TaskOutput, attempt_uri};
use crate::job::{JobState, Rate, Tasks};
use crate::store::{Change, JobRecord, ResolvedRecord};
use crate::sweep;

impl Control {
    /// What a step needs to know.
    ///
    /// # Errors
    /// `Class::Conflict` for a job that has ended.
    pub(crate) fn step_facts(&self, id: &JobId) -> Result<StepFacts> {
        let state = self.lock();
        let job = state.job(id)?;
        let live = job.live()?;
        Ok(StepFacts {
            spec: live.spec.clone(),
            shards: live.shards.clone(),
            files: live.files.clone(),
            record: job.record.clone(),
            cancel: job.cancel.clone(),
        })
    }

    /// The plan stands: workers may scan.
    pub(crate) fn enter_scan(
        &self,
        id: &JobId,
        cancel: &Arc<AtomicBool>,
        plan: Plan,
        copies: Copies,
    ) -> Result<()> {
        let digest = self.store.blobs().put_json(&plan.shards)?;
        let files = match copies.files.is_empty() {
            true => None,
            false => Some(self.store.blobs().put_json(&copies.files)?),
        };
        self.step(id, Some(cancel), JobState::Planning, JobState::Scanning, |job, record, _| {
            record.plan = Some(digest);
            record.tokenizer = copies.tokenizer;
            record.files = files;
            if let Some(live) = &mut job.live {
                live.tasks.insert(Phase::Scan, Tasks::new(Phase::Scan, bytes_of(&plan.shards)));
                live.shards = Arc::new(plan.shards);
                live.files = Arc::new(copies.files);
            }
            Ok(())
        })
    }

    /// All tasks of a phase are committed.
    pub(crate) fn leave_phase(&self, id: &JobId, phase: Phase) -> Result<()> {
        if phase == Phase::Emit {
            return self.step(id, None, JobState::Emitting, JobState::Publishing, |_, _, _| Ok(()));
        }
        let Some(index) = self.lock().job(id)?.record.index.clone() else {
            return self.step(id, None, JobState::Scanning, JobState::Resolving, |_, _, _| Ok(()));
        };
        self.step(id, None, JobState::Scanning, JobState::Waiting, |_, record, change| {
            // Under the lock: two jobs never take one turn.
            let turn = self.store.last_turn(&index)? + 1;
            record.turn = Some(turn);
            change.put_turn(&index, turn);
            Ok(())
        })
    }

    /// The job that stands before this one at its index.
    pub(crate) fn holder_before(&self, id: &JobId) -> Option<JobId> {
        self.lock().holder_before(id).map(|(holder, _)| holder.clone())
    }

    /// The job's turn has come.
    pub(crate) fn enter_resolve(&self, id: &JobId) -> Result<()> {
        self.step(id, None, JobState::Waiting, JobState::Resolving, |_, _, _| Ok(()))
    }

    /// Duplicates are found. Repeating it changes nothing.
    pub(crate) fn enter_mix(&self, id: &JobId, cancel: &Arc<AtomicBool>) -> Result<()> {
        if self.state_of(id) == Some(JobState::Mixing) {
            return self.lock().job(id)?.check_step(cancel);
        }
        self.step(id, Some(cancel), JobState::Resolving, JobState::Mixing, |_, _, _| Ok(()))
    }

    /// The verdicts stand: workers may emit.
    pub(crate) fn enter_emit(&self, id: &JobId, cancel: &Arc<AtomicBool>, resolved: Resolved) -> Result<()> {
        let summary = self.store.blobs().put(resolved.summary_json.as_bytes())?;
        self.step(id, Some(cancel), JobState::Mixing, JobState::Emitting, |job, record, _| {
            record.resolved = Some(ResolvedRecord { verdicts: resolved.verdicts, summary });
            if let Some(live) = &mut job.live {
                let mut tasks = Tasks::new(Phase::Emit, bytes_of(&live.shards));
                tasks.hold();
                live.tasks.insert(Phase::Emit, tasks);
                live.rate = Rate::default();
            }
            Ok(())
        })
    }

    /// Whether it must be decided which emits may be granted next.
    pub(crate) fn awaits_orders(&self, id: &JobId) -> bool {
        let state = self.lock();
        let live = state.jobs.get(id).and_then(|job| job.live.as_ref());
        live.is_some_and(|live| {
            let is_stuck = |tasks: &Tasks| tasks.only_held_are_left();
            live.orders.is_none() || live.tasks.get(&Phase::Emit).is_some_and(is_stuck)
        })
    }

    /// Lets emits go that were held back.
    ///
    /// # Errors
    /// `Class::Internal` if the orders let none go although nothing else is left to do; `Class::Cancelled` if the job
    /// was cancelled since the orders were asked for.
    pub(crate) fn order_emits(&self, id: &JobId, cancel: &Arc<AtomicBool>, orders: EmitOrders) -> Result<()> {
        let mut state = self.lock();
        let job = state.job_mut(id)?;
        job.check_step(cancel)?;
        if let Some(live) = &mut job.live {
            if let Some(tasks) = live.tasks.get_mut(&Phase::Emit) {
                orders.keys().for_each(|shard| tasks.release(*shard));
                if tasks.only_held_are_left() {
                    return Err(Error::internal(format!("no emit of job {id} may be granted")));
                }
            }
            live.orders = Some(orders);
        }
        job.announce();
        drop(state);
        self.announce_work();
        Ok(())
    }

    /// The output is in its place.
    pub(crate) fn enter_published(&self, id: &JobId) -> Result<()> {
        let mut state = self.lock();
        self.end(state.job_mut(id)?, id, Change::default(), |record| {
            record.state = record.state.step_to(JobState::Published)?;
            Ok(())
        })
    }

    /// Says why a job does not go on although it has not ended.
    pub(crate) fn pause_job(&self, id: &JobId, cause: &Error) {
        if let Some(job) = self.lock().jobs.get_mut(id) {
            job.set_pause(Some(cause));
            job.announce();
        }
    }

    /// One step: `edit` changes the record (durable before it is applied) and the live part.
    ///
    /// # Errors
    /// `Class::Cancelled` for a job that is no longer in `from`, or no longer has its turn: a cancel, and perhaps a
    /// retry, came between.
    fn step(
        &self,
        id: &JobId,
        cancel: Option<&Arc<AtomicBool>>,
        from: JobState,
        to: JobState,
        edit: impl FnOnce(&mut Job, &mut JobRecord, &mut Change) -> Result<()>,
    ) -> Result<()> {
        let mut state = self.lock();
        let has_turn = from != JobState::Waiting || state.holder_before(id).is_none();
        let job = state.job_mut(id)?;
        if let Some(cancel) = cancel {
            job.check_step(cancel)?;
        }
        if job.record.state != from || !has_turn {
            let message =
                format!("the step from {from} to {to} was overtaken: the job is {}", job.record.state);
            return Err(Error::new(Class::Cancelled, message));
        }
        let mut record = job.record.clone();
        let mut change = Change::default();
        record.state = record.state.step_to(to)?;
        // Tasks that `edit` adds are of a phase that the state does not yet allow: nobody sees them if the write fails.
        edit(job, &mut record, &mut change)?;
        change.put_job(id, &record)?;
        fault::pass(Point::StepBefore)?;
        self.store.write(change)?;
        fault::reach(Point::StepAfter);
        tracing::info!(job = %id, %from, %to, "a job goes on");
        job.count_step(from, self.now_ms());
        job.record = record;
        job.set_pause(None);
        job.announce();
        drop(state);
        self.announce_move();
        if to.phase().is_some() {
            self.announce_work();
        }
        Ok(())
    }

    /// The committed tasks of a phase, by shard, with their manifests.
    pub(crate) fn outputs(&self, id: &JobId, phase: Phase) -> Result<Vec<TaskOutput>> {
        let work = self.lock().job(id)?.record.work.clone();
        let mut outputs = Vec::new();
        for (shard, task) in self.store.tasks(id, phase)? {
            let Some(commit) = task.commit else { continue };
            let task = TaskId { phase, shard };
            outputs.push(TaskOutput {
                shard,
                folder: attempt_uri(&work, task, commit.attempt),
                manifest: self.store.blobs().get_json(&commit.manifest)?,
            });
        }
        Ok(outputs)
    }

    /// What publish needs beyond the facts.
    pub(crate) fn publication(&self, id: &JobId) -> Result<Publication> {
        let record = self.lock().job(id)?.record.clone();
        let resolved = record
            .resolved
            .ok_or_else(|| Error::internal(format!("job {id} is {} but was not resolved", record.state)))?;
        let summary = self.store.blobs().get(&resolved.summary)?;
        Ok(Publication {
            emits: self.outputs(id, Phase::Emit)?,
            resolved: Resolved {
                verdicts: resolved.verdicts,
                summary_json: String::from_utf8_lossy(&summary).into_owned(),
            },
            replace: record.replace,
        })
    }

    /// The attempts of a job that have committed.
    pub(super) fn committed(&self, id: &JobId) -> Result<Vec<(TaskId, AttemptId)>> {
        let mut committed = Vec::new();
        for phase in [Phase::Scan, Phase::Emit] {
            for (shard, task) in self.store.tasks(id, phase)? {
                committed.extend(task.commit.map(|commit| (TaskId { phase, shard }, commit.attempt)));
            }
        }
        Ok(committed)
    }

    /// Removes what an ended job's work needs no more. Repeating it changes nothing.
    pub(crate) fn sweep(&self, id: &JobId) -> Result<()> {
        let (record, next_attempt) = {
            let state = self.lock();
            (state.job(id)?.record.clone(), AttemptId(state.next_attempt))
        };
        if !record.state.is_ended() || record.swept {
            return Ok(());
        }
        let json = self.store.blobs().get(&record.spec.sha256)?;
        let spec = self.steps.parse_spec(&String::from_utf8_lossy(&json))?;
        let committed = self.committed(id)?.into_iter().collect();
        let keep = match record.state {
            JobState::Published => spec.run.keep_work,
            // A retry goes on from it.
            _ => tamis_common::spec::KeepWork::All,
        };
        fault::pass(Point::SweepBefore)?;
        sweep::sweep(&self.storage, &record.work, &committed, next_attempt, keep)?;
        fault::pass(Point::SweepAfter)?;
        let mut state = self.lock();
        let job = state.job_mut(id)?;
        if job.record.state != record.state {
            return Ok(());
        }
        let mut swept = job.record.clone();
        swept.swept = true;
        let mut change = Change::default();
        change.put_job(id, &swept)?;
        self.store.write(change)?;
        job.record = swept;
        Ok(())
    }
}

/// The input bytes of each shard.
pub(super) fn bytes_of(shards: &[Shard]) -> impl Iterator<Item = u64> {
    shards.iter().map(|shard| shard.bytes)
}
