//! The coordinator's live state: jobs, tasks, leases, workers, behind one lock.
//!
//! Every mutating call takes the lock, decides in pure code (`job`, `schedule`), makes the decision durable, and then
//! applies it in memory. Such calls block for a disk sync and must not run on the async threads. What is volatile
//! (heartbeats, workers, rates) is never written.
//!
//! The calls that come most often, grants and commits, wait for the disk after the lock, before the reply, so that
//! many share one sync. Memory is then ahead of the disk for a moment. No harm comes of it: whatever is decided
//! meanwhile and written becomes durable after it, what is only answered (heartbeats, status) promises nothing, and if
//! the sync fails the store takes no more changes.

#[cfg(test)]
mod audit;
mod clock;
mod garbage;
mod indexes;
mod inner;
mod jobs;
mod leases;
mod load;
mod phases;
mod status;
mod views;
mod workers;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use tamis_common::Result;
use tamis_common::ids::{JobId, Phase};
use tamis_common::storage::{Storage, Uri};
use tokio::sync::{Semaphore, mpsc, watch};

#[cfg(test)]
pub(crate) use audit::Durable;
pub(crate) use clock::Clock;
pub(crate) use garbage::Garbage;
use inner::State;
pub(crate) use inner::StepFacts;
pub(crate) use leases::{AttemptBeat, AttemptCall, Beat, Grant, Granted};
pub(crate) use status::{JobFilter, JobTables};
pub(crate) use views::{Grid, TaskView, Watched};
pub(crate) use workers::{Order, Registration, WorkerView};

use crate::drive::Steps;
use crate::figures::Figures;
use crate::job::JobState;
use crate::schedule::Terms;
use crate::store::{JobRecord, Store};

/// What the control is told once.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where all jobs' artefacts stand.
    pub(crate) work: Uri,
    /// How long attempts may be silent or stall.
    pub(crate) terms: Terms,
    /// How often workers beat, milliseconds.
    pub(crate) heartbeat_ms: u64,
    /// Jobs that have not ended at most.
    pub(crate) most_jobs: usize,
    /// The same of one client, which is known by its token.
    pub(crate) most_jobs_of_client: usize,
}

/// The coordinator's live state.
pub(crate) struct Control {
    /// Who this coordinator is, for work that several share.
    coordinator: String,
    store: Store,
    storage: Storage,
    steps: Arc<dyn Steps>,
    settings: Settings,
    state: Mutex<State>,
    /// Told whenever a task may have become grantable, or a worker's order changed: ends long polls.
    work: watch::Sender<u64>,
    /// Told whenever a job changed its state: ends waiting for a turn.
    moves: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    starts: mpsc::UnboundedSender<JobId>,
    clock: Clock,
    figures: Figures,
    /// Shared by copies of jobs' states to their work, each of another job; alone for who amends one: both write one object.
    /// Taken before `state`.
    copies: RwLock<()>,
    /// One place for each call of a client that runs.
    calls: Semaphore,
}

/// Calls of clients that run at the same time; others wait. Calls of workers are short, and wait for no one.
pub const CLIENT_CALLS: usize = 16;

impl Control {
    /// Reads the durable state. Jobs to be walked are sent to `starts`.
    ///
    /// # Errors
    /// Of the store.
    pub(crate) fn open(
        store: Store,
        storage: Storage,
        steps: Arc<dyn Steps>,
        settings: Settings,
        clock: Clock,
        starts: mpsc::UnboundedSender<JobId>,
    ) -> Result<Arc<Self>> {
        let control = Self {
            coordinator: store.identity()?,
            store,
            storage,
            steps,
            settings,
            state: Mutex::default(),
            work: watch::Sender::new(0),
            moves: watch::Sender::new(0),
            calls: Semaphore::new(CLIENT_CALLS),
            figures: Figures::default(),
            copies: RwLock::default(),
            stop: watch::Sender::new(false),
            starts,
            clock,
        };
        control.load()?;
        Ok(Arc::new(control))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Who this coordinator is.
    pub(crate) fn coordinator(&self) -> &str {
        &self.coordinator
    }

    /// What is durable of a job.
    ///
    /// # Errors
    /// `Class::NotFound`.
    pub(crate) fn record_of(&self, job: &JobId) -> Result<JobRecord> {
        Ok(self.lock().job(job)?.record.clone())
    }

    /// Where all jobs' artefacts stand.
    pub(crate) fn work(&self) -> &Uri {
        &self.settings.work
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    pub(crate) fn steps(&self) -> &Arc<dyn Steps> {
        &self.steps
    }

    /// While this is held nobody amends the copy of a job's state.
    pub(crate) fn copying(&self) -> RwLockReadGuard<'_, ()> {
        self.copies.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sums of jobs that are watched.
    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Milliseconds of a clock that only goes forward.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves a decision that was not applied; the durable state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends steps, streams and polls; nothing durable changes.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
        for job in self.lock().jobs.values() {
            job.cancel.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Becomes true when the coordinator stops.
    pub(crate) fn stop_signal(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// The places for calls of clients.
    pub(crate) fn calls(&self) -> &Semaphore {
        &self.calls
    }

    /// Changes whenever a task may be grantable or a worker has an order.
    pub(crate) fn work_signal(&self) -> watch::Receiver<u64> {
        self.work.subscribe()
    }

    /// Changes whenever any job changes its state.
    pub(crate) fn moves(&self) -> watch::Receiver<u64> {
        self.moves.subscribe()
    }

    /// Changes whenever the job does; `None` if there is no such job.
    pub(crate) fn changes_of(&self, job: &JobId) -> Option<watch::Receiver<u64>> {
        self.lock().jobs.get(job).map(|job| job.changed.subscribe())
    }

    /// Where a job is.
    pub(crate) fn state_of(&self, job: &JobId) -> Option<JobState> {
        self.lock().jobs.get(job).map(|job| job.record.state)
    }

    /// How often workers shall beat, milliseconds.
    pub(crate) fn heartbeat_ms(&self) -> u64 {
        self.settings.heartbeat_ms
    }

    /// How long a lease lasts without a heartbeat, milliseconds.
    pub(crate) fn lease_ms(&self) -> u64 {
        self.settings.terms.lease_ms
    }

    /// Whether all tasks of a job's phase are committed.
    pub(crate) fn is_phase_done(&self, job: &JobId, phase: Phase) -> bool {
        let state = self.lock();
        let live = state.jobs.get(job).and_then(|job| job.live.as_ref());
        live.and_then(|live| live.tasks.get(&phase)).is_some_and(|tasks| tasks.is_done())
    }

    fn announce_work(&self) {
        self.work.send_modify(|n| *n += 1);
    }

    fn announce_move(&self) {
        self.moves.send_modify(|n| *n += 1);
    }
}

/// Milliseconds as metrics have them.
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1_000.0
}

/// A flag that nobody has set.
fn new_flag() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}
