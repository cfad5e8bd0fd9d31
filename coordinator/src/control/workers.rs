//! The living workers. All of it is memory: a restarted coordinator lets them register again.

use std::collections::BTreeMap;

use tamis_common::ids::{AttemptId, JobId, TaskId, WorkerId};
use tamis_common::{Class, Error, Result};
use tamis_proto::PROTOCOL_RANGE;

use super::Control;
use super::inner::State;
use crate::job::Rate;

/// A worker without attempts that was silent for this many lease times has left.
const FORGET_AFTER_LEASES: u64 = 4;

/// What a worker says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) worker: WorkerId,
    pub(crate) host: String,
    pub(crate) slots: u32,
    pub(crate) protocol_min: u32,
    pub(crate) protocol_max: u32,
    pub(crate) version: String,
    pub(crate) fingerprint: String,
}

/// What a worker shall do besides its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Finish or release its tasks and leave.
    Drain,
    /// The coordinator does not know it.
    Register,
}

/// A living worker.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(super) host: String,
    pub(super) slots: u32,
    pub(super) version: String,
    pub(super) fingerprint: String,
    pub(super) heard_ms: u64,
    pub(super) draining: bool,
    pub(super) committed: u64,
    /// Input bytes of what it has committed.
    pub(super) bytes_done: u64,
    pub(super) rate: Rate,
}

/// A worker as `List` shows it.
#[derive(Clone, Debug)]
pub(crate) struct WorkerView {
    pub(crate) id: WorkerId,
    pub(crate) host: String,
    pub(crate) slots: u32,
    pub(crate) version: String,
    pub(crate) silent_ms: u64,
    pub(crate) draining: bool,
    pub(crate) committed: u64,
    pub(crate) bytes_per_second: f64,
    pub(crate) attempts: Vec<(JobId, TaskId, AttemptId, u64, u64)>,
}

impl State {
    /// Notes that a worker lives.
    ///
    /// # Errors
    /// The order that it gets instead of tasks.
    pub(super) fn hear(&mut self, id: &WorkerId, now_ms: u64) -> Result<&Worker, Order> {
        let Some(worker) = self.workers.get_mut(id) else { return Err(Order::Register) };
        worker.heard_ms = now_ms;
        if worker.draining { Err(Order::Drain) } else { Ok(worker) }
    }

    pub(super) fn count_commit(&mut self, id: &WorkerId, bytes: u64) {
        if let Some(worker) = self.workers.get_mut(id) {
            worker.committed += 1;
            worker.bytes_done += bytes;
        }
    }

    /// Notes how far the attempts of a worker are, for its rate.
    pub(super) fn note_pace(&mut self, id: &WorkerId, bytes_in_flight: u64, now_ms: u64) {
        if let Some(worker) = self.workers.get_mut(id) {
            worker.rate.note(now_ms, worker.bytes_done + bytes_in_flight);
        }
    }

    pub(super) fn forget_silent_workers(&mut self, now_ms: u64, lease_ms: u64) {
        let limit_ms = lease_ms * FORGET_AFTER_LEASES;
        self.workers.retain(|_, worker| now_ms.saturating_sub(worker.heard_ms) <= limit_ms);
    }
}

impl Control {
    /// Makes a worker known; one that is known registers anew. The protocol to speak.
    ///
    /// # Errors
    /// `Class::Spec` for a nameless worker or one without slots, `Class::Conflict` for another protocol range.
    pub(crate) fn register(&self, registration: Registration) -> Result<u32> {
        if registration.worker.as_str().is_empty() || registration.slots == 0 {
            return Err(Error::spec("a worker must have a `worker_id` and at least 1 of `slots`"));
        }
        let (mine_min, mine_max) = (*PROTOCOL_RANGE.start(), *PROTOCOL_RANGE.end());
        let (theirs_min, theirs_max) = (registration.protocol_min, registration.protocol_max);
        let protocol = mine_max.min(theirs_max);
        if protocol < mine_min.max(theirs_min) {
            return Err(Error::new(
                Class::Conflict,
                format!(
                    "worker {} speaks protocols {theirs_min} to {theirs_max}, this coordinator speaks {mine_min} to {mine_max}",
                    registration.worker
                ),
            )
            .with_hint("run the same version of tamis on both sides"));
        }
        tracing::info!(worker = %registration.worker, host = registration.host, slots = registration.slots,
            "a worker registered");
        let now_ms = self.now_ms();
        let mut state = self.lock();
        let before = state.workers.remove(&registration.worker);
        let worker = Worker {
            host: registration.host,
            slots: registration.slots,
            version: registration.version,
            fingerprint: registration.fingerprint,
            heard_ms: now_ms,
            // It shall not escape a drain by registering again.
            draining: before.as_ref().is_some_and(|worker| worker.draining),
            committed: before.as_ref().map_or(0, |worker| worker.committed),
            bytes_done: before.map_or(0, |worker| worker.bytes_done),
            rate: Rate::default(),
        };
        state.workers.insert(registration.worker, worker);
        Ok(protocol)
    }

    /// Asks a worker to leave.
    ///
    /// # Errors
    /// `Class::NotFound` if there is no such worker.
    pub(crate) fn drain(&self, id: &WorkerId) -> Result<()> {
        let mut state = self.lock();
        let Some(worker) = state.workers.get_mut(id) else {
            return Err(Error::new(Class::NotFound, format!("no worker `{id}`"))
                .with_hint("list the workers with `tamis workers`"));
        };
        worker.draining = true;
        drop(state);
        self.announce_work();
        Ok(())
    }

    /// All living workers, by id.
    pub(crate) fn workers(&self) -> Vec<WorkerView> {
        let now_ms = self.now_ms();
        let state = self.lock();
        let mut attempts: BTreeMap<&WorkerId, Vec<_>> = BTreeMap::new();
        for (job, live) in state.jobs.iter().filter_map(|(job, held)| Some((job, held.live.as_ref()?))) {
            for (&number, attempt) in &live.attempts {
                let (bytes, records) = (attempt.lease.bytes_done(), attempt.lease.records_done());
                let held = (job.clone(), attempt.task, number, bytes, records);
                attempts.entry(&attempt.worker).or_default().push(held);
            }
        }
        state
            .workers
            .iter()
            .map(|(id, worker)| WorkerView {
                id: id.clone(),
                host: worker.host.clone(),
                slots: worker.slots,
                version: worker.version.clone(),
                silent_ms: now_ms.saturating_sub(worker.heard_ms),
                draining: worker.draining,
                committed: worker.committed,
                bytes_per_second: worker.rate.bytes_per_second(now_ms),
                attempts: attempts.remove(id).unwrap_or_default(),
            })
            .collect()
    }
}
