//! Beats on a task of its own, so that busy slots never make a worker look dead.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tamis_common::Class;
use tamis_common::ids::AttemptId;
use tamis_proto::v1;

use super::Session;

/// A beat that is not answered within this many periods is given up for the next; the lease is five periods.
const PATIENCE_PERIODS: u64 = 2;
/// Short periods leave a busy machine no time to answer.
const MIN_PATIENCE_MS: u64 = 200;

/// Beats until it is aborted.
pub(super) async fn run(session: Arc<Session>) {
    let mut away = false;
    loop {
        let period_ms = session.heartbeat_ms.load(Ordering::Relaxed).max(1);
        tokio::time::sleep(Duration::from_millis(period_ms)).await;
        let (ids, attempts) = report(&session);
        let patience = Duration::from_millis((period_ms * PATIENCE_PERIODS).max(MIN_PATIENCE_MS));
        match session.client.heartbeat(attempts, patience).await {
            Ok(response) => {
                session.is_connected.store(true, Ordering::Relaxed);
                if away {
                    tracing::info!("the coordinator is back");
                }
                away = false;
                obey(&session, &ids, response).await;
            }
            Err(error) if !away => {
                away = true;
                session.is_connected.store(false, Ordering::Relaxed);
                let what = match error.class() {
                    Class::Permission => "the coordinator refuses this worker",
                    _ => "the coordinator does not answer",
                };
                tracing::warn!(%error, "{what}; tasks go on");
            }
            Err(_) => {}
        }
    }
}

fn report(session: &Session) -> (Vec<AttemptId>, Vec<v1::AttemptProgress>) {
    session
        .running()
        .iter()
        .map(|(&id, running)| {
            let progress = v1::AttemptProgress {
                job_id: running.task.job.0.clone(),
                phase: v1::Phase::from(running.task.id.phase).into(),
                shard: running.task.id.shard.0,
                attempt: id.0,
                bytes_done: running.progress.bytes_done.load(Ordering::Relaxed),
                records_done: running.progress.records_done.load(Ordering::Relaxed),
            };
            (id, progress)
        })
        .unzip()
}

async fn obey(session: &Session, ids: &[AttemptId], response: v1::HeartbeatResponse) {
    for (&id, order) in ids.iter().zip(response.orders()) {
        if matches!(order, v1::AttemptOrder::Cancel | v1::AttemptOrder::Lost) {
            tracing::info!(attempt = %id, ?order, "an attempt shall stop");
            session.revoke(id);
        }
    }
    match response.order() {
        v1::WorkerOrder::Drain => session.begin_drain(session.config.drain_patience),
        v1::WorkerOrder::Register => register_again(session).await,
        v1::WorkerOrder::Unspecified => {}
    }
}

/// The coordinator was restarted: it knows the attempts, but not the worker.
pub(super) async fn register_again(session: &Session) {
    match session.client.register(&session.config).await {
        Ok(terms) => session.heartbeat_ms.store(terms.heartbeat_ms, Ordering::Relaxed),
        // The next beat or poll tries again.
        Err(error) => tracing::warn!(%error, "the worker could not register again"),
    }
}
