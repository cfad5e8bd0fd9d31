//! Submit, cancel, retry, fail: what happens to a job as a whole.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::Ordering;

use tamis_common::clock::wall_ms;
use tamis_common::fault::{self, Point};
use tamis_common::ids::{JobId, Phase, ShardId, TaskId};
use tamis_common::telemetry::{metrics, trace};
use tamis_common::{Class, Error, Result};

use super::inner::{Job, Live, State};
use super::{Control, new_flag, seconds};
use crate::job::{self, JobState, TaskRecord};
use crate::store::{Change, ErrorRecord, FileRef, JobRecord, Submitter, cut, digest_of};

/// As the protocol states.
const MAX_REQUEST_BYTES: usize = 128;
/// Both stand in a record of at most 4 KiB.
const MAX_NAME_BYTES: usize = 200;
const MAX_URI_BYTES: usize = 500;

impl Control {
    /// Each job that has not ended takes memory and turns.
    fn refuse_too_many(&self, state: &State, submitter: Option<&Submitter>) -> Result<()> {
        let most = self.settings.most_jobs;
        let open = || state.jobs.values().map(|job| &job.record).filter(|record| !record.state.is_ended());
        if let Some(submitter) = submitter {
            let is_theirs = |record: &&JobRecord| {
                record.submitter.as_ref().is_some_and(|other| other.token == submitter.token)
            };
            let (count, most) = (open().filter(is_theirs).count(), self.settings.most_jobs_of_client);
            if count >= most {
                let name = &submitter.name;
                let message = format!(
                    "{count} jobs of the token `{name}` have not ended yet, and {most} are the most of one"
                );
                let hint =
                    "wait for some, cancel some, or start the coordinator with a higher --max-jobs-of-client";
                return Err(Error::new(Class::Conflict, message).with_hint(hint));
            }
        }
        let count = open().count();
        if count < most {
            return Ok(());
        }
        Err(Error::new(Class::Conflict, format!("{count} jobs have not ended yet, and {most} are the most"))
            .with_hint("wait for some, cancel some, or start the coordinator with a higher --max-jobs"))
    }

    /// Accepts a job. Whether an earlier call with the same request id made it.
    ///
    /// # Errors
    /// `Class::Spec` for a wrong spec, `Class::Conflict` for an output folder in use or too many jobs, or of the store.
    pub(crate) fn submit(
        &self,
        spec_json: &str,
        request: &str,
        replace: bool,
        submitter: Option<Submitter>,
    ) -> Result<(JobId, bool)> {
        if request.len() > MAX_REQUEST_BYTES {
            return Err(Error::spec(format!(
                "`client_request_id` must have at most {MAX_REQUEST_BYTES} bytes, got {}",
                request.len()
            )));
        }
        let digest = digest_of(spec_json.as_bytes());
        if let Some(job) = self.submitted_before(&self.lock(), request, &digest)? {
            return Ok((job, true));
        }
        let spec = self.steps.parse_spec(spec_json)?;
        check_length("name", &spec.name, MAX_NAME_BYTES)?;
        check_length("output.uri", &spec.output.uri, MAX_URI_BYTES)?;
        check_length("dedup.index", spec.dedup.index.as_deref().unwrap_or_default(), MAX_NAME_BYTES)?;
        self.refuse_too_many(&self.lock(), submitter.as_ref())?;
        self.steps.check_output(&spec, replace)?;
        self.store.blobs().put(spec_json.as_bytes())?;

        let mut state = self.lock();
        // A twin of this call may have been faster.
        if let Some(job) = self.submitted_before(&state, request, &digest)? {
            return Ok((job, true));
        }
        self.refuse_too_many(&state, submitter.as_ref())?;
        refuse_shared_output(&state, &spec.output.uri, None)?;
        let last = state.jobs.last_key_value().map(|(id, _)| id);
        let id = job::new_id(wall_ms(), random(), last);
        let work = self.settings.work.join(id.as_str());
        let record = JobRecord {
            name: spec.name.clone(),
            state: JobState::Planning,
            resume: None,
            spec: FileRef { uri: work.join("spec.json"), sha256: digest },
            work,
            output: spec.output.uri.clone(),
            replace,
            index: spec.dedup.index.clone(),
            turn: None,
            plan: None,
            tokenizer: None,
            files: None,
            fingerprint: None,
            resolved: None,
            error: None,
            cancel_reason: String::new(),
            submitted_at_ms: wall_ms(),
            started_at_ms: 0,
            ended_at_ms: 0,
            failed_attempts: 0,
            scan: None,
            emit: None,
            swept: false,
            submitter,
            traceparent: trace::current().unwrap_or_default(),
            forgotten: false,
        };
        let mut change = Change::default();
        change.put_job(&id, &record)?;
        if !request.is_empty() {
            change.put_request(request, &id);
        }
        self.store.write(change)?;
        let live = Live { served: state.served, ..Live::new(spec) };
        let mut job = Job::new(record, Some(live));
        job.since_ms = Some(self.now_ms());
        state.jobs.insert(id.clone(), job);
        drop(state);
        self.start(&id);
        tracing::info!(job = %id, "a job was accepted");
        Ok((id, false))
    }

    fn submitted_before(&self, state: &State, request: &str, digest: &str) -> Result<Option<JobId>> {
        if request.is_empty() {
            return Ok(None);
        }
        let Some(id) = self.store.job_of_request(request)? else { return Ok(None) };
        if state.job(&id)?.record.spec.sha256 != digest {
            return Err(Error::new(
                Class::Conflict,
                format!("the request id `{request}` was used before, for job {id} with another spec"),
            )
            .with_hint("choose a new request id for each job"));
        }
        Ok(Some(id))
    }

    /// The job that a user names by its id or an unambiguous beginning.
    ///
    /// # Errors
    /// `Class::NotFound` or `Class::Spec`.
    pub(crate) fn find(&self, text: &str) -> Result<JobId> {
        job::find(&self.lock().jobs, text).map(|(id, _)| id.clone())
    }

    /// Ends a job for its user. Cancelling a cancelled job changes nothing.
    ///
    /// # Errors
    /// `Class::Conflict` from the commit point on.
    pub(crate) fn cancel(&self, id: &JobId, reason: &str) -> Result<()> {
        let mut state = self.lock();
        let job = state.job_mut(id)?;
        let from = job.record.state;
        if from == JobState::Cancelled {
            return Ok(());
        }
        if !from.is_before_commit_point() {
            return Err(Error::new(Class::Conflict, format!("job {id} is {from} and cannot be cancelled")));
        }
        let reason = cut(reason);
        self.end(job, id, Change::default(), |record| {
            record.state = record.state.step_to(JobState::Cancelled)?;
            record.cancel_reason = reason;
            Ok(())
        })
    }

    /// Ends a job by an error.
    ///
    /// # Errors
    /// `Class::Internal` for a job that has ended, or of the store.
    pub(crate) fn fail_job(&self, id: &JobId, error: &Error) -> Result<()> {
        let mut state = self.lock();
        self.fail_locked(state.job_mut(id)?, id, Change::default(), error)
    }

    /// Ends a job by an error together with what else changes.
    pub(super) fn fail_locked(&self, job: &mut Job, id: &JobId, change: Change, error: &Error) -> Result<()> {
        if job.record.state.is_ended() {
            return Ok(());
        }
        tracing::error!(job = %id, %error, "a job failed");
        self.end(job, id, change, |record| {
            record.state = record.state.step_to(JobState::Failed)?;
            record.error = Some(ErrorRecord::from(error));
            Ok(())
        })
    }

    /// Ends a job: makes `edit` durable with the end of all its attempts, then tells everyone.
    pub(super) fn end(
        &self,
        job: &mut Job,
        id: &JobId,
        mut change: Change,
        edit: impl FnOnce(&mut JobRecord) -> Result<()>,
    ) -> Result<()> {
        let mut record = job.record.clone();
        let from = record.state;
        edit(&mut record)?;
        record.resume = (record.state != JobState::Published).then_some(from);
        record.ended_at_ms = wall_ms();
        record.swept = false;
        if let Some(live) = &job.live {
            record.scan = live.totals(Phase::Scan);
            record.emit = live.totals(Phase::Emit);
            for &attempt in live.attempts.keys() {
                change.remove_attempt(attempt);
            }
        }
        change.put_job(id, &record)?;
        fault::pass(Point::StepBefore)?;
        self.store.write(change)?;
        fault::reach(Point::StepAfter);
        let state = record.state.to_string();
        metrics::JOBS_ENDED.add(&[("state", &state)], 1);
        if record.state == JobState::Published {
            job.count_step(from, self.now_ms());
            let lasted_ms = record.ended_at_ms.saturating_sub(record.submitted_at_ms);
            metrics::JOB_DURATION.record(&[], seconds(lasted_ms));
        }
        job.record = record;
        job.live = None;
        job.cancel.store(true, Ordering::Relaxed);
        job.announce();
        self.announce_move();
        // The walk sweeps; one that was given up is started for it.
        self.start(id);
        Ok(())
    }

    /// Goes on with a failed or cancelled job from its committed tasks.
    ///
    /// # Errors
    /// `Class::Conflict` for another state or an output folder in use, or of the store.
    pub(crate) fn retry(&self, id: &JobId) -> Result<()> {
        let mut state = self.lock();
        let old = state.job(id)?.record.clone();
        if !matches!(old.state, JobState::Failed | JobState::Cancelled) {
            let hint = "only a failed or cancelled job can be retried";
            return Err(Error::new(Class::Conflict, format!("job {id} is {}", old.state)).with_hint(hint));
        }
        refuse_shared_output(&state, &old.output, Some(id))?;
        let mut record = old;
        let mut change = Change::default();
        let mut to = record.resume.take().unwrap_or(JobState::Planning);
        if let (Some(index), Some(turn)) = (record.index.clone(), record.turn) {
            let last = self.store.last_turn(&index)?;
            if last != turn {
                // Others have had their turn since: go behind them, and what was decided against the old index is void,
                // unless it is past the commit point.
                record.turn = Some(last + 1);
                change.put_turn(&index, last + 1);
                if to != JobState::Publishing {
                    to = JobState::Waiting;
                    record.resolved = None;
                }
            }
        }
        record.state = record.state.step_to(to)?;
        record.error = None;
        record.cancel_reason.clear();
        record.ended_at_ms = 0;
        record.swept = false;
        (record.scan, record.emit) = (None, None);
        self.forgive_tasks(id, &record, &mut change)?;
        change.put_job(id, &record)?;
        self.store.write(change)?;
        let live = self.load_live(id, &record);
        let (served, now_ms) = (state.served, self.now_ms());
        let job = state.job_mut(id)?;
        job.record = record;
        job.since_ms = Some(now_ms);
        job.failures.clear();
        job.cancel = new_flag();
        match live {
            Ok(live) => job.live = Some(Live { served, ..live }),
            Err(error) => return self.fail_locked(job, id, Change::default(), &error).and(Err(error)),
        }
        job.announce();
        drop(state);
        self.announce_work();
        self.announce_move();
        self.start(id);
        tracing::info!(job = %id, %to, "a job is retried");
        Ok(())
    }

    /// Tasks without a result begin anew; emits of void verdicts, too.
    fn forgive_tasks(&self, id: &JobId, record: &JobRecord, change: &mut Change) -> Result<()> {
        for phase in [Phase::Scan, Phase::Emit] {
            let void = phase == Phase::Emit && record.resolved.is_none();
            for (shard, task) in self.store.tasks(id, phase)? {
                if void || task.commit.is_none() {
                    change.remove_task(id, TaskId { phase, shard });
                }
            }
        }
        Ok(())
    }

    pub(super) fn start(&self, id: &JobId) {
        // Without a receiver the coordinator is at its end.
        let _ = self.starts.send(id.clone());
    }

    /// The durable record of a task, of whatever job.
    pub(super) fn stored_task(
        &self,
        job: &JobId,
        phase: Phase,
        shard: ShardId,
    ) -> Result<Option<TaskRecord>> {
        self.store.task(job, TaskId { phase, shard })
    }
}

fn check_length(key: &str, value: &str, max_bytes: usize) -> Result<()> {
    if value.len() > max_bytes {
        return Err(Error::spec(format!("`{key}` must have at most {max_bytes} bytes, got {}", value.len())));
    }
    Ok(())
}

/// Two jobs that run must not write to one folder.
fn refuse_shared_output(state: &State, output: &str, except: Option<&JobId>) -> Result<()> {
    let same = |job: &Job| job.record.output.trim_end_matches('/') == output.trim_end_matches('/');
    let other =
        state.jobs.iter().find(|(id, job)| Some(*id) != except && !job.record.state.is_ended() && same(job));
    let Some((id, job)) = other else { return Ok(()) };
    Err(Error::new(
        Class::Conflict,
        format!("`output.uri` is `{output}`, where job {id} writes, which is {}", job.record.state),
    )
    .with_hint("choose another folder, or wait for that job"))
}

/// Seeded by the operating system once a process and different at each call.
fn random() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}
