//! From the durable state to the live one, at start and for a retry.

use tamis_common::clock::wall_ms;
use tamis_common::ids::{JobId, Phase};
use tamis_common::{Error, Result};

use super::Control;
use super::inner::{Attempt, Job, Live, State};
use super::phases::bytes_of;
use crate::job::{JobState, Tasks};
use crate::schedule::Lease;
#[cfg(test)]
use crate::simulation::{Break, is_broken};
use crate::store::{Change, ErrorRecord, JobRecord};

impl Control {
    /// Reads everything. A job that this build cannot read is failed, and says why: it must not keep the others down.
    pub(super) fn load(&self) -> Result<()> {
        let loaded = self.store.load()?;
        let mut state = self.lock();
        state.next_attempt = loaded.next_attempt;
        for (id, record) in loaded.jobs {
            let job = match record.state.is_ended() {
                true => Job::new(record, None),
                false => self.load_job(&id, record)?,
            };
            if !job.record.state.is_ended() || !job.record.swept {
                // The receiver lives as long as the control; at its end there is nothing to walk.
                let _ = self.starts.send(id.clone());
            }
            state.jobs.insert(id, job);
        }
        self.load_attempts(&mut state, loaded.attempts)
    }

    fn load_job(&self, id: &JobId, record: JobRecord) -> Result<Job> {
        match self.load_live(id, &record) {
            Ok(live) => Ok(Job::new(record, Some(live))),
            Err(error) => {
                let error = error.context("the job could not be loaded");
                tracing::error!(job = %id, %error, "a job is given up");
                let mut record = record;
                record.resume = Some(record.state);
                record.state = JobState::Failed;
                record.ended_at_ms = wall_ms();
                record.error = Some(ErrorRecord::from(&error));
                let mut change = Change::default();
                change.put_job(id, &record)?;
                self.store.write(change)?;
                Ok(Job::new(record, None))
            }
        }
    }

    /// The live part of a job: its spec, its shards, what is committed.
    pub(super) fn load_live(&self, id: &JobId, record: &JobRecord) -> Result<Live> {
        let json = String::from_utf8(self.store.blobs().get(&record.spec.sha256)?)
            .map_err(|e| Error::storage(format!("the stored spec is not UTF-8: {e}")))?;
        let mut live = Live::new(self.steps.parse_spec(&json)?);
        let Some(plan) = &record.plan else { return Ok(live) };
        live.shards = std::sync::Arc::new(self.store.blobs().get_json(plan)?);
        if let Some(files) = &record.files {
            live.files = std::sync::Arc::new(self.store.blobs().get_json(files)?);
        }
        for phase in [Phase::Scan, Phase::Emit] {
            if phase == Phase::Emit && record.resolved.is_none() {
                break;
            }
            let mut tasks = Tasks::new(phase, bytes_of(&live.shards));
            for (shard, task) in self.store.tasks(id, phase)? {
                tasks.restore(shard, task)?;
            }
            if phase == Phase::Emit {
                // Which may go, and with what budget, is decided again.
                tasks.hold();
            }
            live.tasks.insert(phase, tasks);
        }
        Ok(live)
    }

    /// Attempts go on with a full lease: their workers had no chance to beat.
    fn load_attempts(
        &self,
        state: &mut State,
        attempts: Vec<(tamis_common::ids::AttemptId, crate::store::AttemptRecord)>,
    ) -> Result<()> {
        let now_ms = self.now_ms();
        #[cfg(test)]
        let now_ms = if is_broken(Break::NoGrace) { 0 } else { now_ms };
        let mut gone = Change::default();
        let mut any_gone = false;
        for (id, record) in attempts {
            let task = record.task;
            let live = state.jobs.get_mut(&record.job).and_then(|job| job.live.as_mut());
            let granted = live.and_then(|live| {
                let tasks = live.tasks.get_mut(&task.phase)?;
                tasks.grant(task.shard, id).ok()?;
                Some(live)
            });
            match granted {
                Some(live) => {
                    let lease = Lease::begin(now_ms);
                    live.attempts
                        .insert(id, Attempt { task, worker: record.worker, lease, since_ms: now_ms });
                }
                None => {
                    gone.remove_attempt(id);
                    any_gone = true;
                }
            }
        }
        if any_gone { self.store.write(gone) } else { Ok(()) }
    }
}
