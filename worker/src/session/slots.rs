//! Pulls tasks into free slots and brings their results back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tamis_common::telemetry::{metrics, trace};
use tamis_common::{Class, Error};
use tamis_proto::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::client::Backoff;
use super::{Aborted, Running, Session, heartbeat};
use crate::progress::Progress;
use crate::run::{Task, execute};

/// How long attempts that were told to stop may take to notice, and their release to be answered.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Works until the worker is drained.
pub(super) async fn run(session: Arc<Session>) {
    let _beats = Aborted(tokio::spawn(heartbeat::run(session.clone())));
    let mut attempts = JoinSet::new();
    pull(&session, &mut attempts).await;
    leave(&session, attempts).await;
    tracing::info!(worker = %session.config.worker_id, "the worker has left");
}

/// Pulls until the drain begins.
async fn pull(session: &Arc<Session>, attempts: &mut JoinSet<()>) {
    let slots = Arc::new(Semaphore::new(session.config.slots));
    let mut drain = session.drain.subscribe();
    let mut backoff = Backoff::default();
    let mut refused = false;
    loop {
        while attempts.try_join_next().is_some() {}
        let polled = tokio::select! {
            _ = drain.wait_for(Option::is_some) => return,
            polled = poll(session, &slots) => polled,
        };
        match polled {
            Ok((response, permits)) => {
                refused = false;
                let known = response.order() != v1::WorkerOrder::Register;
                take(session, attempts, response, permits).await;
                if known {
                    backoff = Backoff::default();
                    continue;
                }
            }
            // Whoever runs the coordinator may take it back: a file of tokens is replaced, a certificate renewed.
            Err(error) if error.class() == Class::Permission && !refused => {
                refused = true;
                tracing::warn!(%error, hint = error.hint(), "the coordinator refuses this worker; it goes on asking");
            }
            Err(error) => tracing::debug!(%error, "no tasks could be pulled"),
        }
        tokio::select! {
            _ = drain.wait_for(Option::is_some) => return,
            () = backoff.pause() => {}
        }
    }
}

/// Waits for a free slot, then for tasks for all slots that are free by then.
async fn poll(
    session: &Session,
    slots: &Arc<Semaphore>,
) -> tamis_common::Result<(v1::AcquireTasksResponse, Vec<OwnedSemaphorePermit>)> {
    let closed = |_| Error::internal("the slots are closed");
    let mut permits = vec![slots.clone().acquire_owned().await.map_err(closed)?];
    while let Ok(permit) = slots.clone().try_acquire_owned() {
        permits.push(permit);
    }
    let response = session.client.acquire(permits.len()).await?;
    Ok((response, permits))
}

async fn take(
    session: &Arc<Session>,
    attempts: &mut JoinSet<()>,
    response: v1::AcquireTasksResponse,
    permits: Vec<OwnedSemaphorePermit>,
) {
    let order = response.order();
    for (task, permit) in response.tasks.into_iter().zip(permits) {
        let (job, attempt) = (task.job_id.clone(), task.attempt);
        match Task::from_wire(task) {
            Ok(task) => {
                let (task, progress) = (Arc::new(task), Arc::<Progress>::default());
                let running = Running { task: task.clone(), progress: progress.clone(), revoked: false };
                // Before anything else, so that the next beat renews it.
                session.running().insert(task.attempt, running);
                let phase = task.id.phase.as_str();
                let span = tracing::info_span!("attempt", otel.name = format!("{phase} attempt"), job = %task.job,
                    task = %task.id, attempt = %task.attempt, worker = %session.config.worker_id);
                trace::adopt(&span, &task.traceparent);
                attempts.spawn(attempt_task(session.clone(), task, progress, permit).instrument(span));
            }
            // Nobody beats for it: its lease ends, and that counts.
            Err(error) => tracing::error!(job, attempt, %error, "a task could not be read"),
        }
    }
    match order {
        v1::WorkerOrder::Drain => session.begin_drain(session.config.drain_patience),
        v1::WorkerOrder::Register => heartbeat::register_again(session).await,
        v1::WorkerOrder::Unspecified => {}
    }
}

/// One attempt, from its start to the coordinator's answer.
async fn attempt_task(
    session: Arc<Session>,
    task: Arc<Task>,
    progress: Arc<Progress>,
    permit: OwnedSemaphorePermit,
) {
    tracing::debug!(job = %task.job, task = %task.id, attempt = %task.attempt, "an attempt begins");
    let begun = Instant::now();
    let result = execute(&session.threads, session.executor.clone(), task.clone(), progress.clone()).await;
    let phase = ("phase", task.id.phase.as_str());
    metrics::WORKER_TASK_DURATION.record(&[phase], begun.elapsed().as_secs_f64());
    // The slot is free for the next task while the result is brought back.
    drop(permit);
    let outcome = match result {
        Ok(manifest) => match session.client.commit(&task, &manifest).await {
            Ok(()) => "committed",
            Err(error) if matches!(error.class(), Class::LeaseLost | Class::Cancelled) => {
                tracing::warn!(job = %task.job, task = %task.id, attempt = %task.attempt, %error,
                    "a result came too late");
                "lost"
            }
            Err(error) => {
                report(&session, &task, error.context("the result was not taken")).await;
                "failed"
            }
        },
        Err(error) => end_without_result(&session, &task, &progress, error).await,
    };
    session.running().remove(&task.attempt);
    metrics::WORKER_TASKS.add(&[phase, ("outcome", outcome)], 1);
    if outcome == "committed" {
        metrics::WORKER_INPUT_BYTES.add(&[phase], task.shard.bytes);
        metrics::WORKER_INPUT_RECORDS.add(&[phase], progress.records_done.load(Ordering::Relaxed));
    } else {
        remove_leftovers(&session, &task).await;
    }
}

/// Tells the coordinator of an attempt that has no result; how it ended, as metrics name it.
async fn end_without_result(
    session: &Session,
    task: &Task,
    progress: &Progress,
    error: Error,
) -> &'static str {
    if session.is_revoked(task.attempt) {
        // The coordinator has ended the attempt itself.
        tracing::info!(job = %task.job, task = %task.id, attempt = %task.attempt, "an attempt stopped");
        return "lost";
    }
    if error.class() == Class::Cancelled && progress.cancelled.load(Ordering::Relaxed) {
        let reason = if session.is_draining() { "drain" } else { "cancelled" };
        if let Err(error) = session.client.release(task, reason).await {
            tracing::warn!(job = %task.job, task = %task.id, %error, "a task could not be given back");
        }
        return "released";
    }
    report(session, task, error).await;
    "failed"
}

async fn report(session: &Session, task: &Task, error: Error) {
    tracing::warn!(job = %task.job, task = %task.id, attempt = %task.attempt, %error, "an attempt failed");
    if let Err(refused) = session.client.fail(task, &error).await {
        tracing::warn!(job = %task.job, task = %task.id, error = %refused, "a failure could not be reported");
    }
}

/// Nobody reads what an attempt without a commit wrote. What stays here is swept at the job's end.
async fn remove_leftovers(session: &Session, task: &Task) {
    let (storage, work) = (session.storage.clone(), task.work.clone());
    let removed = tokio::task::spawn_blocking(move || storage.remove(&work)).await;
    if let Ok(Err(error)) = removed {
        tracing::debug!(work = %task.work, %error, "leftovers could not be removed");
    }
}

/// Lets attempts finish until the deadline, then stops and gives back the others.
async fn leave(session: &Session, mut attempts: JoinSet<()>) {
    let mut drain = session.drain.subscribe();
    loop {
        let deadline = drain.borrow_and_update().unwrap_or_else(Instant::now);
        tokio::select! {
            ended = attempts.join_next() => if ended.is_none() { return },
            () = tokio::time::sleep_until(deadline) => break,
            // The deadline may come nearer.
            _ = drain.changed() => {}
        }
    }
    session.cancel_all();
    let stopped = async { while attempts.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_PATIENCE, stopped).await.is_err() {
        tracing::warn!(attempts = attempts.len(), "attempts did not stop in time; their leases will end");
    }
}
