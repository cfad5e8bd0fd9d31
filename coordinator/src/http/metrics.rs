//! Metrics and probes.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tamis_common::Result;
use tamis_common::telemetry::metrics;

use super::Shared;
use super::answer::Failure;
use crate::control::Control;

/// Indexes whose figures are shown.
const MOST_INDEXES: usize = 100;

/// `/metrics`, as Prometheus reads it.
pub(super) async fn text(State(shared): State<Shared>) -> std::result::Result<Response, Failure> {
    let sharing = shared.clone();
    shared.call(move |control| gauge(control, &sharing)).await?;
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    Ok(([kind], metrics::text()).into_response())
}

/// Gauges say what is: they are set when somebody looks.
fn gauge(control: &Control, shared: &Shared) -> Result<()> {
    let facts = control.facts();
    for (state, count) in &facts.jobs {
        metrics::JOBS.set(&[("state", state)], *count as f64);
    }
    metrics::JOBS_PAUSED.set(&[], facts.paused as f64);
    metrics::JOBS_WITHOUT_WORKER.set(&[], facts.without_worker as f64);
    for phase in ["scan", "emit"] {
        let of =
            |counts: &std::collections::BTreeMap<&str, u64>| counts.get(phase).copied().unwrap_or_default();
        metrics::TASKS_PENDING.set(&[("phase", phase)], of(&facts.pending) as f64);
        metrics::TASKS_RUNNING.set(&[("phase", phase)], of(&facts.running) as f64);
    }
    metrics::CLUSTER_WORKERS.set(&[("state", "ready")], facts.ready_workers as f64);
    metrics::CLUSTER_WORKERS.set(&[("state", "draining")], facts.draining_workers as f64);
    metrics::CLUSTER_SLOTS.set(&[], facts.slots as f64);
    metrics::CLUSTER_SLOTS_BUSY.set(&[], facts.slots_busy as f64);
    metrics::CLUSTER_SILENCE.set(&[], facts.silence_ms as f64 / 1_000.0);
    metrics::STORE_FAILED.set(&[], f64::from(u8::from(control.store().has_failed())));
    for (dir, disk) in super::cluster::disks(control, shared) {
        metrics::DISK_FREE.set(&[("dir", dir)], disk.free as f64);
        metrics::DISK_SIZE.set(&[("dir", dir)], disk.size as f64);
    }
    if let Some(at) = shared.certificate_expires_at {
        metrics::CERTIFICATE_EXPIRES.set(&[], at as f64);
    }
    for stats in control.steps().indexes()?.list().into_iter().take(MOST_INDEXES) {
        let of = [("index", stats.name.as_str())];
        metrics::INDEX_DOCUMENTS.set(&of, stats.documents as f64);
        metrics::INDEX_SIZE.set(&of, stats.bytes as f64);
        metrics::INDEX_RUNS.set(&of, f64::from(stats.runs));
    }
    Ok(())
}

/// `/livez`: the process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// `/readyz`: jobs and tasks are taken. A state that takes no more changes is not ready, nor is a coordinator that stops.
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let control = &shared.control;
    let why = match (control.is_stopping(), control.store().has_failed()) {
        (true, _) => "the coordinator stops\n",
        (_, true) => {
            "the state takes no more changes: see to the disk of the data folder, then start again\n"
        }
        _ => return "ok\n".into_response(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

/// Counts each request by its route.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    let route = route.unwrap_or_else(|| "other".to_owned());
    metrics::HTTP_REQUESTS.add(&[("route", &route), ("code", response.status().as_str())], 1);
    response
}
