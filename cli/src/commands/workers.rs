//! `tamis workers` and `tamis drain`.

use std::process::ExitCode;

use serde_json::json;
use tamis_common::Result;
use tamis_proto::v1;

use crate::client::{Client, refused};
use crate::ui;

/// `tamis workers`
pub(crate) async fn list(client: &mut Client, json: bool) -> Result<ExitCode> {
    let answer = client.workers.list(v1::ListWorkersRequest {}).await.map_err(refused)?.into_inner();
    for worker in &answer.workers {
        let (busy, slots) = (worker.attempts.len(), worker.slots);
        ui::print(&match json {
            true => json!({
                "worker_id": worker.worker_id, "host": worker.host, "version": worker.version, "slots": slots,
                "busy": busy, "last_seen_ms": worker.last_seen_ms, "draining": worker.draining,
                "tasks_committed": worker.tasks_committed,
            })
            .to_string(),
            false => format!(
                "{}  {:<8}  {busy}/{slots} slots  {} tasks  seen {} ago",
                ui::plain(&worker.worker_id),
                state(worker),
                worker.tasks_committed,
                ui::age(worker.last_seen_ms)
            ),
        });
    }
    Ok(ExitCode::SUCCESS)
}

/// A worker beats every few seconds; one that is silent for so long is gone.
const LOST_MS: u64 = 60_000;

/// What a worker does, in a word.
fn state(worker: &v1::WorkerStatus) -> &'static str {
    match worker {
        worker if worker.last_seen_ms > LOST_MS => "gone",
        worker if worker.draining => "draining",
        worker if worker.attempts.is_empty() => "idle",
        _ => "busy",
    }
}

/// `tamis drain`
pub(crate) async fn drain(client: &mut Client, worker_id: String, json: bool) -> Result<ExitCode> {
    let request = v1::DrainWorkerRequest { worker_id: worker_id.clone() };
    client.workers.drain(request).await.map_err(refused)?;
    ui::print(&match json {
        true => json!({ "worker_id": worker_id, "draining": true }).to_string(),
        false => format!("{}  draining", ui::plain(&worker_id)),
    });
    Ok(ExitCode::SUCCESS)
}
