//! The HTTP side: the dashboard, what it asks for as JSON and as events, metrics and probes.
//!
//! Each route stands for a call of the gRPC services and needs its role: who may do what is written in `access` alone.

mod answer;
mod assets;
mod cluster;
mod door;
mod files;
mod jobs;
mod live;
mod metrics;
mod serve;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, post};
use tamis_common::{Error, Result};
use tamis_proto::MAX_MESSAGE_BYTES;

pub(crate) use serve::serve;

use crate::access::{Guard, expires_at};
use crate::control::Control;
use door::Door;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) control: Arc<Control>,
    pub(crate) door: Door,
    /// One permit for each stream of events that is open.
    streams: Arc<tokio::sync::Semaphore>,
    /// Where the data folder is, for its disk.
    data_dir: Arc<std::path::PathBuf>,
    /// Of the certificate that is shown, which was read at start; seconds since the Unix epoch.
    certificate_expires_at: Option<i64>,
}

/// Streams of events at the same time: each looks at the state once a second.
const MOST_STREAMS: usize = 128;

impl Shared {
    pub(crate) fn new(control: Arc<Control>, guard: Guard, config: &crate::CoordinatorConfig) -> Self {
        let door = Door::new(guard, &config.access, config.http.is_some_and(|addr| addr.ip().is_loopback()));
        Self {
            control,
            door,
            streams: Arc::new(tokio::sync::Semaphore::new(MOST_STREAMS)),
            data_dir: Arc::new(config.data_dir.clone()),
            certificate_expires_at: config.access.tls.as_ref().and_then(|tls| expires_at(tls).ok().flatten()),
        }
    }

    /// Runs a call of a client where it may block.
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Control) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        crate::api::for_client(&self.control, call).await
    }
}

/// All routes.
pub(crate) fn routes(shared: Shared) -> Router {
    // Each route with the gRPC method for which it stands.
    let of = |method: &'static str, handler: MethodRouter<Shared>| {
        handler.route_layer(from_fn_with_state((shared.clone(), method), door::admit))
    };
    let api = Router::new()
        .route("/me", get(cluster::me))
        .route("/session", post(cluster::begin_session).merge(delete(cluster::end_session)))
        .route("/overview", of("WorkerService/List", get(cluster::overview)))
        .route(
            "/jobs",
            of("JobService/List", get(jobs::list)).merge(of("JobService/Submit", post(jobs::submit))),
        )
        .route("/jobs/{job}", of("JobService/Get", get(jobs::status)))
        .route("/jobs/{job}/cancel", of("JobService/Cancel", post(jobs::cancel)))
        .route("/jobs/{job}/retry", of("JobService/Retry", post(jobs::retry)))
        .route("/jobs/{job}/spec", of("JobService/Get", get(jobs::spec)))
        .route("/jobs/{job}/tasks/{phase}", of("JobService/ListTasks", get(jobs::grid)))
        .route("/jobs/{job}/tasks/{phase}/{shard}", of("JobService/ListTasks", get(jobs::task)))
        .route("/jobs/{job}/figures", of("JobService/GetFigures", get(jobs::figures)))
        .route("/jobs/{job}/samples", of("JobService/GetReport", get(jobs::samples)))
        .route("/jobs/{job}/drops", of("JobService/ListDrops", get(jobs::drops)))
        .route("/jobs/{job}/document", of("JobService/ReadDocument", get(jobs::document)))
        .route("/jobs/{job}/explain", of("JobService/Explain", get(jobs::explain)))
        .route("/jobs/{job}/report", of("JobService/GetReport", get(files::report)))
        .route("/jobs/{job}/report.html", of("JobService/ReadOutput", get(files::report_html)))
        .route("/jobs/{job}/output", of("JobService/ListOutput", get(files::list)))
        .route("/jobs/{job}/output/{*path}", of("JobService/ReadOutput", get(files::download)))
        .route("/jobs/{job}/events", of("JobService/Watch", get(live::job)))
        .route("/events", of("JobService/Watch", get(live::all)))
        .route("/workers", of("WorkerService/List", get(cluster::workers)))
        .route("/workers/{worker}/drain", of("WorkerService/Drain", post(cluster::drain)))
        .route("/indexes", of("IndexService/List", get(cluster::indexes)))
        .route("/indexes/{index}", of("IndexService/Describe", get(cluster::index)))
        .route("/indexes/{index}/forget", of("IndexService/Forget", post(cluster::forget)))
        .fallback(|| async {
            answer::Failure(Error::new(tamis_common::Class::NotFound, "there is no such call"))
        });
    Router::new()
        .nest("/api/v1", api)
        .route("/metrics", of("WorkerService/List", get(metrics::text)))
        .route("/livez", get(metrics::live))
        .route("/readyz", get(metrics::ready))
        .fallback(assets::asset)
        .layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES))
        .layer(from_fn_with_state(shared.clone(), door::enter))
        .layer(from_fn(metrics::count))
        .with_state(shared)
}
