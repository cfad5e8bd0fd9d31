//! The only owner of the coordinator's client: registers, pulls tasks, beats, brings results back, leaves in order.
//!
//! A lost connection is not a lost lease: tasks go on while the coordinator is away, and their results are offered until
//! somebody answers.

mod client;
mod heartbeat;
mod probes;
mod slots;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tamis_common::ids::{AttemptId, WorkerId};
use tamis_common::storage::Storage;
use tamis_common::{Error, Result};
use tamis_proto::connect::Access;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::progress::Progress;
use crate::run::{Executor, Task};
use crate::threads::Threads;
use client::Client;

/// How long a first connection is tried, unless `wait` is set.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a worker that was asked to leave by the coordinator may finish its tasks.
const DRAIN_PATIENCE: Duration = Duration::from_secs(60);

/// Settings of a worker.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// The coordinator's URL; `host:port` stands for `http://host:port`.
    pub coordinator: String,
    /// With what the coordinator is reached.
    pub access: Access,
    /// Tasks at once; at least 1.
    pub slots: usize,
    /// Unique among the living workers.
    pub worker_id: WorkerId,
    /// The name of this machine, for people to read.
    pub host: String,
    /// Equal fingerprints write equal bytes.
    pub fingerprint: String,
    /// Where to listen for HTTP: metrics and probes; `None`: nowhere.
    pub http: Option<SocketAddr>,
    /// Whether to wait for a coordinator that is not there yet, however long.
    pub wait: bool,
    /// How long a first connection is tried otherwise.
    pub connect_patience: Duration,
    /// How long tasks may go on once the coordinator asks the worker to leave.
    pub drain_patience: Duration,
}

impl WorkerConfig {
    /// The defaults: plain HTTP without a token, an id of host, process and time, the version of tamis as fingerprint, 10 s for a first connection.
    pub fn new(coordinator: impl Into<String>, slots: usize) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "localhost".to_owned(),
            host => host.to_owned(),
        };
        static WORKERS: AtomicU64 = AtomicU64::new(0);
        let number = WORKERS.fetch_add(1, Ordering::Relaxed);
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        let worker_id = WorkerId(format!("{host}-{}-{seconds:x}-{number}", std::process::id()));
        Self {
            coordinator: coordinator.into(),
            access: Access::default(),
            slots,
            worker_id,
            host,
            fingerprint: env!("CARGO_PKG_VERSION").to_owned(),
            http: None,
            wait: false,
            connect_patience: CONNECT_PATIENCE,
            drain_patience: DRAIN_PATIENCE,
        }
    }
}

/// Starts workers.
pub struct Worker;

impl Worker {
    /// Registers with the coordinator and begins to pull tasks.
    ///
    /// # Errors
    /// `Class::Spec` for settings that cannot work, `Class::Unavailable` if no coordinator answers in time,
    /// `Class::Permission` if it does not take this worker, `Class::Conflict` if it speaks another protocol.
    pub async fn start(
        config: WorkerConfig,
        storage: Storage,
        executor: Arc<dyn Executor>,
    ) -> Result<WorkerHandle> {
        if config.slots == 0 {
            return Err(Error::spec("`slots` must be at least 1, got 0"));
        }
        let client = Client::new(&config)?;
        let listener = match config.http {
            Some(addr) => Some(probes::listen(addr).await?),
            None => None,
        };
        let session = Arc::new(Session {
            config,
            storage,
            executor,
            threads: Threads::default(),
            client,
            heartbeat_ms: AtomicU64::default(),
            running: Mutex::default(),
            is_connected: AtomicBool::new(false),
            drain: watch::Sender::new(None),
        });
        let http_addr = listener.as_ref().map(|(_, addr)| *addr);
        // A worker that waits for its coordinator lives, and says that it is not ready.
        let probes =
            listener.map(|(listener, _)| Aborted(tokio::spawn(probes::serve(session.clone(), listener))));
        let config = &session.config;
        let terms = session.client.register_first(config).await?;
        tracing::info!(worker = %config.worker_id, coordinator = config.coordinator, slots = config.slots,
            "the worker is registered");
        session.heartbeat_ms.store(terms.heartbeat_ms, Ordering::Relaxed);
        session.is_connected.store(true, Ordering::Relaxed);
        let worker_id = config.worker_id.clone();
        let task = tokio::spawn(slots::run(session.clone()));
        Ok(WorkerHandle { worker_id, session, task, http_addr, _probes: probes })
    }
}

/// A task that ends when this is dropped.
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A running worker. Dropping it makes the worker vanish, as a killed process would.
pub struct WorkerHandle {
    worker_id: WorkerId,
    session: Arc<Session>,
    task: JoinHandle<()>,
    http_addr: Option<SocketAddr>,
    _probes: Option<Aborted>,
}

impl WorkerHandle {
    /// The worker's id.
    pub fn worker_id(&self) -> &WorkerId {
        &self.worker_id
    }

    /// Where it listens for HTTP.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http_addr
    }

    /// Pulls no more tasks, lets those that run finish until `patience` is over, gives back the others, and leaves.
    pub async fn drain(mut self, patience: Duration) {
        self.session.begin_drain(patience);
        self.wait().await;
    }

    /// Waits until the worker has left: the coordinator may ask it to.
    pub async fn wait(&mut self) {
        // A panic was logged by its hook; the worker has left either way.
        let _ = (&mut self.task).await;
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.task.abort();
        self.session.cancel_all();
    }
}

/// What the parts of a session share.
struct Session {
    config: WorkerConfig,
    storage: Storage,
    executor: Arc<dyn Executor>,
    threads: Threads,
    client: Client,
    /// As the coordinator wishes; it may change when it is restarted.
    heartbeat_ms: AtomicU64,
    /// Every attempt that this worker holds, from the grant until the coordinator has taken its end.
    running: Mutex<BTreeMap<AttemptId, Running>>,
    /// Whether the last heartbeat was answered.
    is_connected: AtomicBool,
    /// When attempts that still run are given back; `None`: the worker stays.
    drain: watch::Sender<Option<Instant>>,
}

/// An attempt that the worker holds.
struct Running {
    task: Arc<Task>,
    progress: Arc<Progress>,
    /// Set by the coordinator's answer to a heartbeat.
    revoked: bool,
}

impl Session {
    fn running(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to leave; an earlier deadline stays.
    fn begin_drain(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        self.drain.send_modify(|at| *at = Some(at.map_or(deadline, |at| at.min(deadline))));
    }

    fn is_draining(&self) -> bool {
        self.drain.borrow().is_some()
    }

    /// Tells an attempt to stop, since its end interests nobody.
    fn revoke(&self, attempt: AttemptId) {
        if let Some(running) = self.running().get_mut(&attempt) {
            running.revoked = true;
            running.progress.cancelled.store(true, Ordering::Relaxed);
        }
    }

    fn is_revoked(&self, attempt: AttemptId) -> bool {
        self.running().get(&attempt).is_none_or(|running| running.revoked)
    }

    fn cancel_all(&self) {
        for running in self.running().values() {
            running.progress.cancelled.store(true, Ordering::Relaxed);
        }
    }
}
