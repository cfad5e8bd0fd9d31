//! `WorkerService`.

use std::sync::Arc;
use std::time::Duration;

use tamis_common::fault::{self, Point};
use tamis_common::ids::{AttemptId, JobId, WorkerId};
use tamis_common::{Error, Result};
use tamis_proto::v1::worker_service_server::WorkerService;
use tamis_proto::{task_of, v1};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::{blocking, reply};
use crate::access::Caller;
use crate::control::{
    AttemptBeat, AttemptCall, Beat, Control, Grant, Granted, Order, Registration, WorkerView,
};

/// As the protocol states.
const MAX_WAIT_MS: u64 = 60_000;
/// A worker has no use for more at once.
const MAX_SLOTS: u32 = 1_024;

pub(crate) struct Workers(pub(crate) Arc<Control>);

#[tonic::async_trait]
impl WorkerService for Workers {
    async fn register(
        &self,
        request: Request<v1::RegisterRequest>,
    ) -> Result<Response<v1::RegisterResponse>, Status> {
        let request = request.into_inner();
        let registration = Registration {
            worker: WorkerId(request.worker_id),
            host: request.host,
            slots: request.slots,
            protocol_min: request.protocol_min,
            protocol_max: request.protocol_max,
            version: request.version,
            fingerprint: request.pipeline_fingerprint,
        };
        let registered = blocking(&self.0, move |control| {
            Ok(v1::RegisterResponse {
                protocol: control.register(registration)?,
                lease_ms: control.lease_ms(),
                heartbeat_ms: control.heartbeat_ms(),
            })
        });
        reply(registered.await)
    }

    async fn acquire_tasks(
        &self,
        request: Request<v1::AcquireTasksRequest>,
    ) -> Result<Response<v1::AcquireTasksResponse>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let v1::AcquireTasksRequest { worker_id, slots, wait_ms } = request.into_inner();
        if slots == 0 {
            return reply(Err(Error::spec("`slots` must be at least 1, got 0")));
        }
        let wait = Duration::from_millis(wait_ms.min(MAX_WAIT_MS));
        let granted = acquire(&self.0, caller, WorkerId(worker_id), slots.min(MAX_SLOTS), wait).await;
        reply(granted.and_then(|granted| {
            if !granted.grants.is_empty() {
                fault::deliver(Point::GrantReply)?;
            }
            Ok(v1::AcquireTasksResponse {
                tasks: granted.grants.into_iter().map(wire_task).collect::<Result<_>>()?,
                order: wire_order(granted.order),
            })
        }))
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatResponse>, Status> {
        let request = request.into_inner();
        let worker = WorkerId(request.worker_id);
        let beats: Result<Vec<AttemptBeat>> = request.attempts.into_iter().map(beat_of).collect();
        let beats = match beats {
            Ok(beats) => beats,
            Err(error) => return reply(Err(error)),
        };
        let answered = blocking(&self.0, move |control| {
            let answered = control.heartbeat(&worker, &beats);
            fault::deliver(Point::BeatReply)?;
            Ok(answered)
        })
        .await;
        reply(answered.map(|(answers, order)| v1::HeartbeatResponse {
            orders: answers.into_iter().map(|answer| wire_beat(answer).into()).collect(),
            order: wire_order(order),
        }))
    }

    async fn commit_task(
        &self,
        request: Request<v1::CommitTaskRequest>,
    ) -> Result<Response<v1::CommitTaskResponse>, Status> {
        let request = request.into_inner();
        let call = call_of(request.worker_id, request.job_id, request.phase, request.shard, request.attempt);
        let committed = blocking(&self.0, move |control| {
            control.commit(&call?, &request.manifest_json)?;
            fault::deliver(Point::CommitReply)
        })
        .await;
        reply(committed.map(|()| v1::CommitTaskResponse {}))
    }

    async fn fail_task(
        &self,
        request: Request<v1::FailTaskRequest>,
    ) -> Result<Response<v1::FailTaskResponse>, Status> {
        let request = request.into_inner();
        let call = call_of(request.worker_id, request.job_id, request.phase, request.shard, request.attempt);
        let error = match &request.error {
            Some(detail) => Error::from(detail),
            None => Error::internal("the worker gave no cause"),
        };
        let failed = blocking(&self.0, move |control| control.fail_task(&call?, &error)).await;
        reply(failed.map(|()| v1::FailTaskResponse {}))
    }

    async fn release_task(
        &self,
        request: Request<v1::ReleaseTaskRequest>,
    ) -> Result<Response<v1::ReleaseTaskResponse>, Status> {
        let request = request.into_inner();
        let call = call_of(request.worker_id, request.job_id, request.phase, request.shard, request.attempt);
        let released = blocking(&self.0, move |control| control.release(&call?, &request.reason)).await;
        reply(released.map(|()| v1::ReleaseTaskResponse {}))
    }

    async fn list(
        &self,
        _: Request<v1::ListWorkersRequest>,
    ) -> Result<Response<v1::ListWorkersResponse>, Status> {
        let workers = blocking(&self.0, |control| Ok(control.workers())).await;
        reply(workers.map(|workers| v1::ListWorkersResponse {
            workers: workers.into_iter().map(wire_worker).collect(),
        }))
    }

    async fn drain(
        &self,
        request: Request<v1::DrainWorkerRequest>,
    ) -> Result<Response<v1::DrainWorkerResponse>, Status> {
        let worker = WorkerId(request.into_inner().worker_id);
        let drained = blocking(&self.0, move |control| control.drain(&worker)).await;
        reply(drained.map(|()| v1::DrainWorkerResponse {}))
    }
}

/// The long poll: looks again whenever there may be work, until the wait is over or the caller's token is revoked.
async fn acquire(
    control: &Arc<Control>,
    caller: Option<Caller>,
    worker: WorkerId,
    slots: u32,
    wait: Duration,
) -> Result<Granted> {
    let deadline = Instant::now() + wait;
    let mut work = control.work_signal();
    let mut stop = control.stop_signal();
    loop {
        // Before the look, so that nothing that comes after it is missed.
        work.borrow_and_update();
        caller.as_ref().map_or(Ok(()), Caller::check)?;
        let granted = grant(control, &worker, slots).await?;
        if !granted.grants.is_empty() || granted.order.is_some() || Instant::now() >= deadline {
            return Ok(granted);
        }
        let paused =
            granted.retry_in_ms.map_or(deadline, |ms| Instant::now() + Duration::from_millis(ms.max(1)));
        tokio::select! {
            _ = work.changed() => {}
            () = tokio::time::sleep_until(paused.min(deadline)) => {}
            _ = stop.wait_for(|&stop| stop) => return Ok(Granted::default()),
        }
    }
}

/// Grants; what a worker that has hung up meanwhile would never hear of is taken back.
async fn grant(control: &Arc<Control>, worker: &WorkerId, slots: u32) -> Result<Granted> {
    let (sender, receiver) = oneshot::channel();
    let (control, worker) = (control.clone(), worker.clone());
    tokio::task::spawn_blocking(move || {
        let Err(Ok(unheard)) = sender.send(control.grant(&worker, slots)) else { return };
        for Grant { job, task, attempt, .. } in unheard.grants {
            let call = AttemptCall { worker: worker.clone(), job, task, attempt };
            if let Err(error) = control.release(&call, "the worker hung up") {
                // Its lease will expire.
                tracing::debug!(%error, "a grant could not be taken back");
            }
        }
    });
    receiver.await.unwrap_or_else(|_| Err(Error::internal("the grant ended badly")))
}

fn call_of(worker: String, job: String, phase: i32, shard: u32, attempt: u64) -> Result<AttemptCall> {
    Ok(AttemptCall {
        worker: WorkerId(worker),
        job: JobId(job),
        task: task_of(phase, shard)?,
        attempt: AttemptId(attempt),
    })
}

fn beat_of(progress: v1::AttemptProgress) -> Result<AttemptBeat> {
    Ok(AttemptBeat {
        task: task_of(progress.phase, progress.shard)?,
        job: JobId(progress.job_id),
        attempt: AttemptId(progress.attempt),
        bytes_done: progress.bytes_done,
        records_done: progress.records_done,
    })
}

fn wire_task(grant: Grant) -> Result<v1::Task> {
    let shard_json = serde_json::to_string(&grant.shard)
        .map_err(|e| Error::internal(format!("a shard cannot be written as JSON: {e}")))?;
    let tokenizer = grant.tokenizer.map(|file| (file.uri.to_string(), file.sha256));
    let (tokenizer_uri, tokenizer_digest) = tokenizer.unwrap_or_default();
    let files = grant.files.iter().map(|named| v1::NamedFile {
        name: named.name.clone(),
        stored_uri: named.file.uri.to_string(),
        digest: named.file.sha256.clone(),
    });
    let text = |uri: Option<tamis_common::storage::Uri>| uri.map_or_else(String::new, |uri| uri.to_string());
    Ok(v1::Task {
        job_id: grant.job.0,
        phase: v1::Phase::from(grant.task.phase).into(),
        shard: grant.task.shard.0,
        attempt: grant.attempt.0,
        spec_uri: grant.spec.uri.to_string(),
        spec_digest: grant.spec.sha256,
        shard_json,
        work_uri: format!("{}/", grant.work),
        tokenizer_uri,
        tokenizer_digest,
        scan_uri: text(grant.scan),
        verdicts_uri: text(grant.verdicts),
        files: files.collect(),
        token_budget: grant.budget.map(|budget| budget.tokens),
        chars_per_token: grant.budget.map_or(0.0, |budget| budget.chars_per_token),
        traceparent: grant.traceparent,
    })
}

fn wire_order(order: Option<Order>) -> i32 {
    match order {
        None => v1::WorkerOrder::Unspecified,
        Some(Order::Drain) => v1::WorkerOrder::Drain,
        Some(Order::Register) => v1::WorkerOrder::Register,
    }
    .into()
}

fn wire_beat(beat: Beat) -> v1::AttemptOrder {
    match beat {
        Beat::Keep => v1::AttemptOrder::Keep,
        Beat::Cancel => v1::AttemptOrder::Cancel,
        Beat::Lost => v1::AttemptOrder::Lost,
    }
}

/// A worker as the protocol shows it.
pub(crate) fn wire_worker(worker: WorkerView) -> v1::WorkerStatus {
    let attempts = worker.attempts.into_iter().map(|(job, task, attempt, bytes_done, records_done)| {
        v1::AttemptProgress {
            job_id: job.0,
            phase: v1::Phase::from(task.phase).into(),
            shard: task.shard.0,
            attempt: attempt.0,
            bytes_done,
            records_done,
        }
    });
    v1::WorkerStatus {
        worker_id: worker.id.0,
        host: worker.host,
        version: worker.version,
        slots: worker.slots,
        attempts: attempts.collect(),
        last_seen_ms: worker.silent_ms,
        draining: worker.draining,
        tasks_committed: worker.committed,
        bytes_per_second: worker.bytes_per_second,
    }
}
