//! The running coordinator: its server, its walks, its watch over leases.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tamis_common::storage::Storage;
use tamis_common::{Class, Error, Result};
use tamis_proto::v1::index_service_server::IndexServiceServer;
use tamis_proto::v1::job_service_server::JobServiceServer;
use tamis_proto::v1::worker_service_server::WorkerServiceServer;
use tamis_proto::{DESCRIPTORS, MAX_MESSAGE_BYTES};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_rustls::rustls;
use tonic::transport::{Server, ServerTlsConfig};

use crate::access::{Guard, http_config, server_config};
use crate::api::{Indexes, Jobs, Workers};
use crate::config::CoordinatorConfig;
use crate::connections::{Bounds, connections};
use crate::control::{Clock, Control, Settings};
use crate::drive::{self, Steps};
use crate::http;
use crate::observe::Observe;
use crate::schedule::Terms;
use crate::store::Store;

/// Open calls may end by themselves for this long once the coordinator stops.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);
/// Leases are looked at this often, a fraction of the lease.
const LOOKS_A_LEASE: u32 = 8;
/// Headers of a call, decompressed; a token is the longest thing that they hold.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// No call takes longer, unless it streams; checking every byte of a large index comes nearest.
const MAX_CALL: Duration = Duration::from_secs(3_600);
/// Dead peers are noticed though no call is open.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Starts coordinators.
pub struct Coordinator;

impl Coordinator {
    /// Opens the state, listens, and goes on with what the state says.
    ///
    /// # Errors
    /// `Class::Conflict` for a port or a data folder in use, `Class::Spec` for settings that cannot work, or of the store.
    pub async fn start(
        config: CoordinatorConfig,
        storage: Storage,
        steps: Arc<dyn Steps>,
    ) -> Result<CoordinatorHandle> {
        config.validate()?;
        let doors = Doors::of(&config)?;
        let (listener, addr) = listen(config.listen, "--listen").await?;
        let http = match config.http {
            Some(http) => Some(listen(http, "--http").await?),
            None => None,
        };
        let (starts, walks) = mpsc::unbounded_channel();
        let settings = Settings {
            work: config.work.clone(),
            terms: Terms {
                lease_ms: config.lease.as_millis() as u64,
                stall_ms: config.stall.as_millis() as u64,
            },
            heartbeat_ms: config.heartbeat_ms(),
            most_jobs: config.max_jobs,
            most_jobs_of_client: config.max_jobs_of_client,
        };
        let data_dir = config.data_dir.clone();
        let opening = tokio::task::spawn_blocking(move || {
            Control::open(Store::open(&data_dir)?, storage, steps, settings, Clock::of_machine(), starts)
        });
        let control = opening
            .await
            .unwrap_or_else(|e| Err(Error::internal(format!("opening the state ended badly: {e}"))))?;
        config.access.warn_if_tokens_travel_in_the_clear(addr);
        let http_addr = http.as_ref().map(|(_, addr)| *addr);
        let http = http.map(|(listener, _)| {
            let shared = http::Shared::new(control.clone(), doors.guard.clone(), &config);
            let (routes, tls) = (http::routes(shared), doors.http_tls.clone());
            tokio::spawn(http::serve(listener, doors.connections, tls, routes, control.stop_signal()))
        });
        let server = tokio::spawn(serve(control.clone(), listener, doors)?);
        let drive = tokio::spawn(drive::run(control.clone(), walks, control.stop_signal()));
        let leases = tokio::spawn(watch_leases(control.clone(), config.lease / LOOKS_A_LEASE));
        tracing::info!(%addr, data_dir = %config.data_dir.display(), work = %config.work, "the coordinator is ready");
        let tasks: Vec<_> = [server, drive, leases].into_iter().chain(http).collect();
        let aborts = tasks.iter().map(JoinHandle::abort_handle).collect();
        Ok(CoordinatorHandle { addr, http_addr, control, tasks, aborts })
    }
}

/// A running coordinator. Dropping it stops it at once; [`CoordinatorHandle::shutdown`] waits for the end.
pub struct CoordinatorHandle {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where it listens for HTTP.
    pub http_addr: Option<SocketAddr>,
    control: Arc<Control>,
    tasks: Vec<JoinHandle<()>>,
    aborts: Vec<AbortHandle>,
}

impl CoordinatorHandle {
    /// Stops taking calls, ends what runs, and waits for that. Jobs go on at the next start.
    pub async fn shutdown(mut self) {
        self.control.stop();
        for mut task in std::mem::take(&mut self.tasks) {
            if tokio::time::timeout(SHUTDOWN_PATIENCE, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    /// Waits until the coordinator ends by itself: its server failed.
    pub async fn ended(&mut self) {
        if let Some(server) = self.tasks.first_mut() {
            // A panic there was logged by its hook; either way it serves no more.
            let _ = server.await;
        }
    }
}

impl Drop for CoordinatorHandle {
    fn drop(&mut self) {
        self.control.stop();
        for task in &self.aborts {
            task.abort();
        }
    }
}

async fn listen(addr: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr)> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            Error::new(Class::Conflict, format!("cannot listen on {addr}: the port is in use"))
                .with_hint(format!("stop the process that listens there, or name another with {flag}"))
                .with_source(error)
        }
        _ => Error::io("listen on", addr, error),
    };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// What every call passes before it comes to a service.
struct Doors {
    tls: Option<ServerTlsConfig>,
    http_tls: Option<rustls::ServerConfig>,
    guard: Guard,
    connections: Bounds,
    streams: u32,
}

impl Doors {
    fn of(config: &CoordinatorConfig) -> Result<Self> {
        let tls = config.access.tls.as_ref().map(server_config).transpose()?;
        let http_tls = match config.http {
            Some(_) => config.access.tls.as_ref().map(http_config).transpose()?,
            None => None,
        };
        let guard = Guard::open(&config.access, config.max_calls_of_client)?;
        Ok(Self { tls, http_tls, guard, connections: config.connections, streams: config.max_streams })
    }
}

/// The server as a future that ends when the coordinator stops.
fn serve(
    control: Arc<Control>,
    listener: TcpListener,
    doors: Doors,
) -> Result<impl Future<Output = ()> + Send + use<>> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()
        .map_err(|e| Error::internal(format!("the compiled descriptors are wrong: {e}")))?;
    let (health, health_service) = tonic_health::server::health_reporter();
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .max_concurrent_streams(doors.streams)
        .timeout(MAX_CALL);
    if let Some(tls) = doors.tls {
        server =
            server.tls_config(tls).map_err(|e| Error::internal(format!("TLS was set up before: {e}")))?;
    }
    let mut stop = control.stop_signal();
    Ok(async move {
        health.set_serving::<JobServiceServer<Jobs>>().await;
        health.set_serving::<WorkerServiceServer<Workers>>().await;
        health.set_serving::<IndexServiceServer<Indexes>>().await;
        let jobs = JobServiceServer::new(Jobs(control.clone()))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let workers = WorkerServiceServer::new(Workers(control.clone()))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let indexes = IndexServiceServer::new(Indexes::new(control))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let served = server
            .layer(Observe)
            .layer(doors.guard)
            .add_service(jobs)
            .add_service(workers)
            .add_service(indexes)
            .add_service(health_service)
            .add_service(reflection)
            .serve_with_incoming_shutdown(
                connections(listener, doors.connections, "grpc"),
                stopped(&mut stop),
            );
        if let Err(error) = served.await {
            tracing::error!(%error, "the server failed");
        }
    })
}

/// Waits until the coordinator stops.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the control is gone, which is an end, too.
    let _ = stop.wait_for(|&stop| stop).await;
}

/// Ends leases whose time is over.
async fn watch_leases(control: Arc<Control>, pause: Duration) {
    let mut stop = control.stop_signal();
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(&mut stop) => return,
        }
        let looking = control.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || looking.expire()).await {
            tracing::error!(%error, "the watch over leases ended badly");
        }
    }
}
