//! Calls to the coordinator, with patience.

use std::time::Duration;

use tamis_common::artefact::TaskManifest;
use tamis_common::fault::{self, Point};
use tamis_common::{Class, Error, Result};
use tamis_proto::connect::Connection;
use tamis_proto::v1::worker_service_client::WorkerServiceClient;
use tamis_proto::{MAX_MESSAGE_BYTES, PROTOCOL_RANGE, from_status, v1};
use tokio::time::Instant;
use tonic::{Response, Status};

use super::WorkerConfig;
use crate::run::Task;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A call that only writes a few records takes milliseconds; this is for a coordinator that is paused.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A poll waits at the coordinator; longer waits would outlive proxies between.
const POLL: Duration = Duration::from_secs(20);
/// Dead peers are noticed though a poll is open.
const KEEPALIVE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// Tries at a call that the coordinator answers with a failure of its own.
const FAILURE_TRIES: u32 = 5;

/// Pauses that grow from 100 ms to 5 s.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(super) async fn pause(&mut self) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(MAX_PAUSE);
        self.failures += 1;
        tokio::time::sleep(pause).await;
    }
}

/// The client of one worker.
#[derive(Clone)]
pub(super) struct Client {
    worker_id: String,
    service: WorkerServiceClient<Connection>,
}

impl Client {
    /// Connects at the first call, and again whenever the connection is lost.
    pub(super) fn new(config: &WorkerConfig) -> Result<Self> {
        let endpoint = config
            .access
            .endpoint(&config.coordinator)?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true);
        let service = WorkerServiceClient::new(config.access.connect_lazy(&endpoint)?)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self { worker_id: config.worker_id.0.clone(), service })
    }

    /// Registers for the first time, waiting for the coordinator as the settings say.
    pub(super) async fn register_first(&self, config: &WorkerConfig) -> Result<v1::RegisterResponse> {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            let error = match self.register(config).await {
                Err(error) => config.access.diagnose(&config.coordinator, error).await,
                registered => return registered,
            };
            if error.class() != Class::Unavailable {
                return Err(error);
            }
            if !config.wait && start.elapsed() >= config.connect_patience {
                return Err(Error::new(
                    Class::Unavailable,
                    format!("no coordinator answers at `{}`: {}", config.coordinator, error.message()),
                )
                .with_hint("start one with `tamis coordinator`, or let the worker wait for it with --wait"));
            }
            tracing::debug!(coordinator = config.coordinator, %error, "the coordinator is not there yet");
            backoff.pause().await;
        }
    }

    /// Makes the worker known.
    pub(super) async fn register(&self, config: &WorkerConfig) -> Result<v1::RegisterResponse> {
        let request = v1::RegisterRequest {
            worker_id: self.worker_id.clone(),
            host: config.host.clone(),
            slots: config.slots as u32,
            protocol_min: *PROTOCOL_RANGE.start(),
            protocol_max: *PROTOCOL_RANGE.end(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pipeline_fingerprint: config.fingerprint.clone(),
        };
        let mut service = self.service.clone();
        within(CALL_TIMEOUT, service.register(request)).await
    }

    /// The long poll.
    pub(super) async fn acquire(&self, slots: usize) -> Result<v1::AcquireTasksResponse> {
        let request = v1::AcquireTasksRequest {
            worker_id: self.worker_id.clone(),
            slots: slots as u32,
            wait_ms: POLL.as_millis() as u64,
        };
        let mut service = self.service.clone();
        within(POLL + CALL_TIMEOUT, service.acquire_tasks(request)).await
    }

    /// Renews all attempts; `patience` bounds the call.
    pub(super) async fn heartbeat(
        &self,
        attempts: Vec<v1::AttemptProgress>,
        patience: Duration,
    ) -> Result<v1::HeartbeatResponse> {
        let request = v1::HeartbeatRequest { worker_id: self.worker_id.clone(), attempts };
        let mut service = self.service.clone();
        within(patience, service.heartbeat(request)).await
    }

    /// Brings a result, until it is answered.
    pub(super) async fn commit(&self, task: &Task, manifest: &TaskManifest) -> Result<()> {
        let manifest_json = serde_json::to_string(manifest)
            .map_err(|e| Error::internal(format!("a manifest cannot be written as JSON: {e}")))?;
        let request = v1::CommitTaskRequest {
            worker_id: self.worker_id.clone(),
            job_id: task.job.0.clone(),
            phase: v1::Phase::from(task.id.phase).into(),
            shard: task.id.shard.0,
            attempt: task.attempt.0,
            manifest_json,
        };
        until_answered("commit", || {
            let (mut service, request) = (self.service.clone(), request.clone());
            async move {
                if fault::is_doubled(Point::CommitSend) {
                    let _ = within(CALL_TIMEOUT, service.commit_task(request.clone())).await;
                }
                within(CALL_TIMEOUT, service.commit_task(request)).await.map(|_| ())
            }
        })
        .await
    }

    /// Reports a failure, until it is answered.
    pub(super) async fn fail(&self, task: &Task, error: &Error) -> Result<()> {
        let request = v1::FailTaskRequest {
            worker_id: self.worker_id.clone(),
            job_id: task.job.0.clone(),
            phase: v1::Phase::from(task.id.phase).into(),
            shard: task.id.shard.0,
            attempt: task.attempt.0,
            error: Some(v1::ErrorDetail::from(error)),
        };
        until_answered("fail", || {
            let (mut service, request) = (self.service.clone(), request.clone());
            async move { within(CALL_TIMEOUT, service.fail_task(request)).await.map(|_| ()) }
        })
        .await
    }

    /// Gives a task back, until it is answered.
    pub(super) async fn release(&self, task: &Task, reason: &str) -> Result<()> {
        let request = v1::ReleaseTaskRequest {
            worker_id: self.worker_id.clone(),
            job_id: task.job.0.clone(),
            phase: v1::Phase::from(task.id.phase).into(),
            shard: task.id.shard.0,
            attempt: task.attempt.0,
            reason: reason.to_owned(),
        };
        until_answered("release", || {
            let (mut service, request) = (self.service.clone(), request.clone());
            async move { within(CALL_TIMEOUT, service.release_task(request)).await.map(|_| ()) }
        })
        .await
    }
}

/// A call with a bound; no answer in time is `Class::Unavailable`.
async fn within<T>(patience: Duration, call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T> {
    match tokio::time::timeout(patience, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(from_status(&status)),
        Err(_) => Err(Error::new(Class::Unavailable, format!("no answer within {patience:?}"))),
    }
}

/// Repeats a call: for ever while the coordinator is away or has no room, a few times while it fails itself. Its other
/// answers are final. All such calls may be repeated: the coordinator knows the attempt.
async fn until_answered<F, Answer>(what: &str, call: F) -> Result<()>
where
    F: Fn() -> Answer,
    Answer: Future<Output = Result<()>>,
{
    let mut backoff = Backoff::default();
    let mut failures = 0;
    loop {
        let Err(error) = call().await else { return Ok(()) };
        match error.class() {
            // A full disk over there ends when somebody makes room.
            Class::Unavailable | Class::Resource => {}
            Class::Storage | Class::Internal if failures < FAILURE_TRIES => failures += 1,
            _ => return Err(error),
        }
        tracing::warn!(what, %error, "the coordinator did not take a call; it is repeated");
        backoff.pause().await;
    }
}
