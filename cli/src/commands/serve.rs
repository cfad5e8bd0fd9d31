//! The long-running commands: coordinator and worker.

use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tamis_common::storage::{Roots, Storage, Uri, resolve};
use tamis_common::telemetry::metrics::{self, Side};
use tamis_common::{Error, Result};
use tamis_coordinator::index::Indexes;
use tamis_coordinator::steps::JobSteps;
use tamis_coordinator::{Coordinator, CoordinatorConfig, CoordinatorHandle};
use tamis_worker::execute::Tasks;
use tamis_worker::{Worker, WorkerConfig, WorkerHandle};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::access::ConnectionArgs;
use crate::args::{AllowArgs, CoordinatorArgs, WorkerArgs};
use crate::ui;

/// Tasks may go on this long after the first signal; a second one ends them.
const DRAIN_PATIENCE: Duration = Duration::from_secs(60);

/// The data folder and the work folder, absolute.
///
/// # Errors
/// `Class::Spec` for a name that is no URI.
pub(crate) fn places(data_dir: &Path, work: Option<&str>) -> Result<(PathBuf, Uri)> {
    let data_dir = without_climbs(data_dir)?;
    let work = match work {
        Some(uri) if uri.contains("://") => Uri::parse(uri)?,
        Some(path) => Uri::from_path(&without_climbs(Path::new(path))?)?,
        None => Uri::from_path(&data_dir.join("work"))?,
    };
    Ok((data_dir, work))
}

/// The roots that an operator allows; paths are those of the working directory.
///
/// # Errors
/// `Class::Spec` for a name that is no URI.
pub(crate) fn roots(allow: &AllowArgs) -> Result<Roots> {
    let absolute = |names: &[String]| names.iter().map(|name| absolute(name)).collect::<Result<Vec<_>>>();
    Roots::new(&absolute(&allow.allow_read)?, &absolute(&allow.allow_write)?)
}

fn absolute(name: &str) -> Result<String> {
    if name.contains("://") {
        return Ok(name.to_owned());
    }
    let path = std::path::absolute(name).map_err(|e| Error::io("find", name, e))?;
    Uri::from_path(&path).map(|uri| uri.to_string())
}

/// What a job that runs here may touch: the working directory and what the user allows.
///
/// # Errors
/// As [`roots`].
pub(crate) fn roots_here(allow: &AllowArgs) -> Result<Roots> {
    roots(allow)?.and_write(&Uri::parse(&absolute(".")?)?)
}

/// A path as state and artefacts hold it: absolute, and without `..`.
fn without_climbs(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(|e| Error::io("find", path.display(), e))?;
    match absolute.components().any(|part| part == Component::ParentDir) {
        true => resolve(&absolute),
        false => Ok(absolute),
    }
}

/// Starts a coordinator with its indexes. Jobs may touch what the roots allow, and nothing of its data folder.
///
/// # Errors
/// Of the state, the index, or the port.
pub(crate) async fn start_coordinator(
    data_dir: &Path,
    work: Option<&str>,
    roots: Roots,
    change: impl FnOnce(&mut CoordinatorConfig),
) -> Result<(CoordinatorHandle, Storage)> {
    let (data_dir, work) = places(data_dir, work)?;
    let roots = roots.without_folder(&data_dir, &["state", "blobs", "index"])?.with_work(&work)?;
    let storage = Storage::within(tokio::runtime::Handle::current(), roots);
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
pub(crate) async fn coordinator(args: CoordinatorArgs, insecure: bool, json: bool) -> Result<ExitCode> {
    let lease = Duration::try_from_secs_f64(args.lease_seconds)
        .map_err(|e| Error::spec(format!("--lease-seconds cannot be {}: {e}", args.lease_seconds)))?;
    let roots = roots(&args.allow)?;
    if roots.is_empty() {
        ui::note("jobs may touch nothing yet: name what they may with --allow-read and --allow-write");
    }
    metrics::install(Side::Coordinator)?;
    let http = args.ports.http();
    let scheme = if args.access.is_encrypted() { "https" } else { "http" };
    let roots = args.access.secrets().try_fold(roots, |roots, file| roots.without_secret(file))?;
    let (mut handle, _) = start_coordinator(&args.data_dir, args.work.as_deref(), roots, |config| {
        config.listen = args.ports.listen;
        config.http = http;
        config.lease = lease;
        config.max_jobs = args.max_jobs;
        config.max_jobs_of_client = args.max_jobs_of_client;
        config.max_calls_of_client = args.max_calls_of_client;
        config.max_streams = args.max_streams;
        config.connections.all = args.max_connections;
        config.connections.of_address = args.max_connections_of_address;
        config.access = args.access.config(insecure);
    })
    .await?;
    let mut signals = Signals::listen()?;
    ui::note(&format!("coordinator listens on {}", handle.addr));
    let http = handle.http_addr.map(|addr| format!("{scheme}://{addr}/"));
    if let Some(http) = &http {
        ui::note(&format!("dashboard and metrics on {http}"));
    }
    if json {
        ui::print(&json!({ "listen": handle.addr.to_string(), "http": http }).to_string());
    }
    tokio::select! {
        () = signals.next() => {}
        () = handle.ended() => {
            return Err(Error::internal("the coordinator's server ended by itself"));
        }
    }
    handle.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// `tamis worker`
pub(crate) async fn worker(args: WorkerArgs, connection: &ConnectionArgs, json: bool) -> Result<ExitCode> {
    let coordinator = connection.coordinator.as_str();
    let mut config = WorkerConfig::new(coordinator, args.slots.unwrap_or_else(cores));
    config.access = connection.access()?;
    config.wait = args.wait;
    config.http = args.http;
    metrics::install(Side::Worker)?;
    let runtime = tokio::runtime::Handle::current();
    // Without roots of its own a worker relies on its coordinator, which judges every job.
    let roots = roots(&args.allow)?;
    let storage = match roots.is_empty() {
        true => Storage::new(runtime),
        false => {
            let secrets = connection.secrets();
            let roots = secrets.into_iter().try_fold(roots, |roots, file| roots.without_secret(file))?;
            Storage::within(runtime, roots)
        }
    };
    // Before it is registered, as after: a process that is the first of its container has no other way to end.
    let mut signals = Signals::listen()?;
    let mut handle = tokio::select! {
        started = start_worker(config, storage) => started?,
        () = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    ui::note(&format!("worker {} pulls tasks from {coordinator}", handle.worker_id()));
    let http = handle.http_addr().map(|addr| format!("http://{addr}/"));
    if let Some(http) = &http {
        ui::note(&format!("metrics and probes on {http}"));
    }
    if json {
        let worker_id = handle.worker_id().as_str();
        let hello = json!({ "worker_id": worker_id, "coordinator": coordinator, "http": http });
        ui::print(&hello.to_string());
    }
    tokio::select! {
        () = signals.next() => {}
        () = handle.wait() => return Ok(ExitCode::SUCCESS),
    }
    ui::note("draining: tasks finish or are given back; a second signal ends at once");
    tokio::select! {
        () = handle.drain(DRAIN_PATIENCE) => Ok(ExitCode::SUCCESS),
        () = signals.next() => Ok(ExitCode::from(1)),
    }
}

/// The signals that ask the process to stop. Listening takes their power to end it.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// Of the system.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).map_err(|e| Error::io("listen for", "signals", e));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
