//! `tamis workers` and `tamis drain`.

use std::process::ExitCode;

use serde_json::json;
use tamis_common::Result;
use tamis_common::spec::show_size;
use tamis_proto::v1;

use crate::client::{Client, refused};
use crate::ui::{self, Align};

/// `tamis workers`
pub(crate) async fn list(client: &mut Client, json: bool) -> Result<ExitCode> {
    let answer = client.workers.list(v1::ListWorkersRequest {}).await.map_err(refused)?.into_inner();
    match json {
        true => answer.workers.iter().for_each(|worker| ui::print(&as_json(worker).to_string())),
        false => workers_table(&answer.workers).iter().for_each(|line| ui::print(line)),
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(worker: &v1::WorkerStatus) -> serde_json::Value {
    json!({
        "worker_id": worker.worker_id, "host": worker.host, "version": worker.version, "slots": worker.slots,
        "busy": worker.attempts.len(), "last_seen_ms": worker.last_seen_ms, "draining": worker.draining,
        "tasks_committed": worker.tasks_committed, "bytes_per_second": worker.bytes_per_second,
    })
}

fn workers_table(workers: &[v1::WorkerStatus]) -> Vec<String> {
    let row = |worker: &v1::WorkerStatus| {
        let rate = (worker.bytes_per_second >= 1.0).then(|| show_size(worker.bytes_per_second as u64));
        [
            worker.worker_id.clone(),
            state(worker).to_owned(),
            format!("{}/{}", worker.attempts.len(), worker.slots),
            worker.tasks_committed.to_string(),
            rate.map_or_else(String::new, |rate| format!("{rate}/s")),
            format!("{} ago", ui::age(worker.last_seen_ms)),
            worker.version.clone(),
        ]
    };
    let rows: Vec<_> = workers.iter().map(row).collect();
    let columns = [
        ("worker", Align::Left),
        ("state", Align::Left),
        ("busy", Align::Right),
        ("tasks", Align::Right),
        ("rate", Align::Right),
        ("seen", Align::Right),
        ("version", Align::Left),
    ];
    ui::table(columns, &rows)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_stand_in_columns() {
        let worker = |id: &str, busy: usize, rate: f64| v1::WorkerStatus {
            worker_id: id.to_owned(),
            version: "0.1.0".to_owned(),
            slots: 2,
            attempts: vec![v1::AttemptProgress::default(); busy],
            last_seen_ms: 1_500,
            tasks_committed: 12,
            bytes_per_second: rate,
            ..Default::default()
        };
        assert_eq!(
            workers_table(&[worker("host-a-1", 2, 3_145_728.0), worker("b", 0, 0.0)]),
            [
                "worker    state  busy  tasks       rate     seen  version",
                "host-a-1  busy    2/2     12  3.0 MiB/s  1 s ago  0.1.0",
                "b         idle    0/2     12             1 s ago  0.1.0",
            ]
        );
    }
}
