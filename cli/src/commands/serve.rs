//! The long-running commands: coordinator and worker.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tamis_common::storage::{Storage, Uri};
use tamis_common::{Error, Result};
use tamis_coordinator::index::Indexes;
use tamis_coordinator::steps::JobSteps;
use tamis_coordinator::{Coordinator, CoordinatorConfig, CoordinatorHandle};
use tamis_worker::execute::Tasks;
use tamis_worker::{Worker, WorkerConfig, WorkerHandle};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{CoordinatorArgs, WorkerArgs};

/// Tasks may go on this long after the first signal; a second one ends them.
const DRAIN_PATIENCE: Duration = Duration::from_secs(60);

/// Starts a coordinator with its indexes.
///
/// # Errors
/// Of the state, the index, or the port.
pub(crate) async fn start_coordinator(
    data_dir: &Path,
    work: Option<&str>,
    change: impl FnOnce(&mut CoordinatorConfig),
) -> Result<(CoordinatorHandle, Storage)> {
    let data_dir = std::path::absolute(data_dir).map_err(|e| Error::io("find", data_dir.display(), e))?;
    let work = match work {
        Some(uri) if uri.contains("://") => Uri::parse(uri)?,
        Some(path) => Uri::from_path(&std::path::absolute(path).map_err(|e| Error::io("find", path, e))?)?,
        None => Uri::from_path(&data_dir.join("work"))?,
    };
    let storage = Storage::new(tokio::runtime::Handle::current());
    let index_dir = data_dir.join("index");
    let indexes = tokio::task::spawn_blocking(move || Indexes::open(&index_dir))
        .await
        .unwrap_or_else(|e| Err(Error::internal(format!("opening the index ended badly: {e}"))))?;
    let steps = Arc::new(JobSteps::new(storage.clone(), Arc::new(indexes), work.clone()));
    let mut config = CoordinatorConfig::new(data_dir, work);
    change(&mut config);
    let handle = Coordinator::start(config, storage.clone(), steps).await?;
    Ok((handle, storage))
}

/// Starts a worker.
///
/// # Errors
/// `Class::Unavailable` if no coordinator answers.
pub(crate) async fn start_worker(config: WorkerConfig, storage: Storage) -> Result<WorkerHandle> {
    let executor = Arc::new(Tasks::new(storage.clone()));
    Worker::start(config, storage, executor).await
}

/// The cores of this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// `tamis coordinator`
pub(crate) async fn coordinator(args: CoordinatorArgs) -> Result<ExitCode> {
    let (mut handle, _) = start_coordinator(&args.data_dir, args.work.as_deref(), |config| {
        config.listen = args.listen;
        config.lease = Duration::from_secs_f64(args.lease_seconds.max(0.0));
    })
    .await?;
    eprintln!("coordinator listens on {}", handle.addr);
    let (mut interrupt, mut terminate) = signals()?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = handle.ended() => {
            return Err(Error::internal("the coordinator's server ended by itself"));
        }
    }
    handle.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// `tamis worker`
pub(crate) async fn worker(args: WorkerArgs, coordinator: &str) -> Result<ExitCode> {
    let mut config = WorkerConfig::new(coordinator, args.slots.unwrap_or_else(cores));
    config.wait = args.wait;
    let storage = Storage::new(tokio::runtime::Handle::current());
    let mut handle = start_worker(config, storage).await?;
    eprintln!("worker {} pulls tasks from {coordinator}", handle.worker_id());
    let (mut interrupt, mut terminate) = signals()?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = handle.wait() => return Ok(ExitCode::SUCCESS),
    }
    eprintln!("draining: tasks finish or are given back; a second signal ends at once");
    tokio::select! {
        () = handle.drain(DRAIN_PATIENCE) => Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::from(1)),
        _ = terminate.recv() => Ok(ExitCode::from(1)),
    }
}

fn signals() -> Result<(Signal, Signal)> {
    let listen = |kind| signal(kind).map_err(|e| Error::io("listen for", "signals", e));
    Ok((listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?))
}
