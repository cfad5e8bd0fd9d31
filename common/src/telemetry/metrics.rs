//! The metrics of tamis, in one table: their names, units, labels and meanings. Nothing else names one.
//!
//! Names follow Prometheus: base units at the end, `_total` for counters. No label takes more values than stand here, but
//! for the names of indexes, of which the first hundred are shown.

use std::sync::{Mutex, OnceLock, PoisonError};

use metrics::{Label, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::error::{Error, Result};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It only grows while the process runs.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution, by the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As Prometheus sees it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// One sentence.
    pub help: &'static str,
    /// Its labels, each with the values that it takes; none: any of few.
    pub labels: &'static [(&'static str, &'static [&'static str])],
}

/// Seconds of a call, or of a sync of the disk.
const SHORT: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Seconds of a task, a step or a job.
const LONG: &[f64] =
    &[0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0];

const STATES: &[&str] = &[
    "planning",
    "scanning",
    "waiting",
    "resolving",
    "mixing",
    "emitting",
    "publishing",
    "published",
    "failed",
    "cancelled",
];
const PHASE: (&str, &[&str]) = ("phase", &["scan", "emit"]);
const STAGES: &[&str] = &["parse", "clean", "filter", "index", "exact", "near", "mix"];
const CLASSES: &[&str] = &[
    "spec",
    "input",
    "not_found",
    "conflict",
    "permission",
    "storage",
    "resource",
    "unavailable",
    "lease_lost",
    "cancelled",
    "internal",
];

macro_rules! metrics {
    ($($id:ident = $name:literal, $kind:expr, [$($label:expr),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $id: Metric = Metric { name: $name, kind: $kind, help: $help, labels: &[$($label),*] };
        )*
        /// All of them.
        pub const ALL: &[Metric] = &[$($id),*];
    };
}

metrics! {
    BUILD_INFO = "tamis_build_info", Kind::Gauge, [("version", &[])], "Always 1; the version of tamis that runs.";
    JOBS = "tamis_jobs", Kind::Gauge, [("state", STATES)], "Jobs, by state.";
    JOBS_PAUSED = "tamis_jobs_paused", Kind::Gauge, [], "Jobs that pause until there is room on a disk.";
    JOBS_WITHOUT_WORKER = "tamis_jobs_without_worker", Kind::Gauge, [],
        "Jobs that have tasks to give, none running, and no worker that may take them.";
    JOBS_ENDED = "tamis_jobs_ended_total", Kind::Counter, [("state", &["published", "failed", "cancelled"])],
        "Jobs that ended, by how.";
    JOB_DURATION = "tamis_job_duration_seconds", Kind::Histogram(LONG), [], "From submit to published.";
    STEP_DURATION = "tamis_step_duration_seconds", Kind::Histogram(LONG),
        [("step", &["plan", "scan", "resolve", "mix", "emit", "publish"])], "From the begin of a step of a job to its end.";
    TASKS_PENDING = "tamis_tasks_pending", Kind::Gauge, [PHASE], "Tasks of jobs that run which no worker has.";
    TASKS_RUNNING = "tamis_tasks_running", Kind::Gauge, [PHASE], "Tasks that workers have.";
    TASKS_COMMITTED = "tamis_tasks_committed_total", Kind::Counter, [PHASE], "Tasks whose result was taken.";
    ATTEMPTS_FAILED = "tamis_attempts_failed_total", Kind::Counter, [PHASE, ("class", CLASSES)],
        "Attempts that failed, by the class of the error.";
    LEASES_EXPIRED = "tamis_leases_expired_total", Kind::Counter, [("cause", &["silent", "stalled"])],
        "Leases that ended since their worker was silent, or beat without progress.";
    TASK_DURATION = "tamis_task_duration_seconds", Kind::Histogram(LONG), [PHASE], "From the grant of a task to its commit.";
    INPUT_BYTES = "tamis_input_bytes_total", Kind::Counter, [], "Bytes of inputs whose scans were committed.";
    INPUT_RECORDS = "tamis_input_records_total", Kind::Counter, [], "Records of committed scans.";
    DOCUMENTS_DROPPED = "tamis_documents_dropped_total", Kind::Counter, [("stage", STAGES)],
        "Records that published jobs dropped, by stage.";
    DOCUMENTS_EMITTED = "tamis_documents_emitted_total", Kind::Counter, [], "Documents that were published.";
    TOKENS_EMITTED = "tamis_tokens_emitted_total", Kind::Counter, [], "Tokens that were published.";
    CLUSTER_WORKERS = "tamis_cluster_workers", Kind::Gauge, [("state", &["ready", "draining"])], "Living workers.";
    CLUSTER_SLOTS = "tamis_cluster_slots", Kind::Gauge, [], "Tasks that all workers can do at once.";
    CLUSTER_SLOTS_BUSY = "tamis_cluster_slots_busy", Kind::Gauge, [], "Slots that have a task.";
    CLUSTER_SILENCE = "tamis_cluster_silence_seconds", Kind::Gauge, [], "Since the last call of the most silent worker.";
    INDEX_DOCUMENTS = "tamis_index_documents", Kind::Gauge, [("index", &[])], "Documents in an index.";
    INDEX_SIZE = "tamis_index_size_bytes", Kind::Gauge, [("index", &[])], "An index on disk.";
    INDEX_RUNS = "tamis_index_runs", Kind::Gauge, [("index", &[])], "Run files of an index.";
    RPC_REQUESTS = "tamis_rpc_requests_total", Kind::Counter, [("method", &[]), ("code", &[])],
        "gRPC calls, by method and status; of streams the status with which they began.";
    RPC_DURATION = "tamis_rpc_duration_seconds", Kind::Histogram(SHORT), [("method", &[])],
        "gRPC calls until their answer begins; AcquireTasks waits for tasks.";
    HTTP_REQUESTS = "tamis_http_requests_total", Kind::Counter, [("route", &[]), ("code", &[])], "HTTP requests.";
    CALLS_REFUSED = "tamis_calls_refused_total", Kind::Counter, [("reason", &["unauthenticated", "forbidden"])],
        "Calls without a known token, and calls of a wrong role.";
    CONNECTIONS = "tamis_connections", Kind::Gauge, [("server", &["grpc", "http"])], "Open connections.";
    CONNECTIONS_REFUSED = "tamis_connections_refused_total", Kind::Counter, [], "Connections beyond what an address may open.";
    DISK_FREE = "tamis_disk_free_bytes", Kind::Gauge, [("dir", &["data", "work"])],
        "Room for tamis on the disk of a folder; of work only where it is a local folder.";
    DISK_SIZE = "tamis_disk_size_bytes", Kind::Gauge, [("dir", &["data", "work"])], "Size of that disk.";
    STORE_SYNC = "tamis_store_sync_duration_seconds", Kind::Histogram(SHORT), [], "Syncs of the state to its disk.";
    STORE_FAILED = "tamis_store_failed", Kind::Gauge, [],
        "1 after a failed sync: the state takes no more changes until the coordinator is started again.";
    CERTIFICATE_EXPIRES = "tamis_certificate_expires_timestamp_seconds", Kind::Gauge, [],
        "When the coordinator's certificate ends.";
    WORKER_CONNECTED = "tamis_worker_connected", Kind::Gauge, [], "Whether the coordinator answered the worker's last call.";
    WORKER_DRAINING = "tamis_worker_draining", Kind::Gauge, [], "Whether the worker takes no more tasks.";
    WORKER_SLOTS = "tamis_worker_slots", Kind::Gauge, [], "Tasks that the worker can do at once.";
    WORKER_SLOTS_BUSY = "tamis_worker_slots_busy", Kind::Gauge, [], "Tasks that the worker has.";
    WORKER_TASKS = "tamis_worker_tasks_total", Kind::Counter,
        [PHASE, ("outcome", &["committed", "failed", "released", "lost"])], "Attempts of the worker that ended, by how.";
    WORKER_TASK_DURATION = "tamis_worker_task_duration_seconds", Kind::Histogram(LONG), [PHASE],
        "Attempts of the worker, without the way to the coordinator.";
    WORKER_INPUT_BYTES = "tamis_worker_input_bytes_total", Kind::Counter, [PHASE], "Input bytes of committed attempts of the worker.";
    WORKER_INPUT_RECORDS = "tamis_worker_input_records_total", Kind::Counter, [PHASE], "Records of committed attempts of the worker.";
}

impl Metric {
    /// Adds to a counter.
    pub fn add(&self, labels: &[(&'static str, &str)], count: u64) {
        debug_assert!(matches!(self.kind, Kind::Counter), "{}", self.name);
        metrics::counter!(self.name, owned(labels)).increment(count);
    }

    /// Sets a gauge.
    pub fn set(&self, labels: &[(&'static str, &str)], value: f64) {
        debug_assert!(matches!(self.kind, Kind::Gauge), "{}", self.name);
        metrics::gauge!(self.name, owned(labels)).set(value);
    }

    /// Adds a value to a histogram.
    pub fn record(&self, labels: &[(&'static str, &str)], value: f64) {
        debug_assert!(matches!(self.kind, Kind::Histogram(_)), "{}", self.name);
        metrics::histogram!(self.name, owned(labels)).record(value);
    }
}

/// A gauge that is one higher while this lives.
pub struct Held(metrics::Gauge);

impl Held {
    /// Holds a gauge.
    pub fn of(gauge: &Metric, labels: &[(&'static str, &str)]) -> Self {
        let gauge = metrics::gauge!(gauge.name, owned(labels));
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

fn owned(labels: &[(&'static str, &str)]) -> Vec<Label> {
    labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect()
}

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
static INSTALLING: Mutex<()> = Mutex::new(());

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A coordinator.
    Coordinator,
    /// A worker.
    Worker,
}

impl Metric {
    /// Whether a process of this kind counts it.
    fn is_of(&self, side: Side) -> bool {
        let is_worker = self.name.starts_with("tamis_worker_");
        self.name == BUILD_INFO.name || is_worker == (side == Side::Worker)
    }
}

/// Begins to count, for the whole process; before, nothing is counted. Once is enough.
///
/// # Errors
/// `Class::Internal` if something else counts in this process.
pub fn install(side: Side) -> Result<()> {
    let _one = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if HANDLE.get().is_some() {
        return Ok(());
    }
    let handle =
        build().map_err(|e| Error::internal(format!("metrics cannot be counted: {e}")).with_source(e))?;
    // It is set under the lock, once.
    let _ = HANDLE.set(handle);
    for metric in ALL.iter().filter(|metric| metric.is_of(side)) {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, Unit::Count, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram(_) => metrics::describe_histogram!(metric.name, Unit::Seconds, metric.help),
        }
        if metric.kind == Kind::Counter {
            begin(metric);
        }
    }
    BUILD_INFO.set(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    metrics_process::Collector::default().describe();
    Ok(())
}

/// A counter whose labels are known is there from the start: a first failure is then an increase from 0.
fn begin(counter: &Metric) {
    match counter.labels {
        [] => counter.add(&[], 0),
        [(name, values)] => values.iter().for_each(|value| counter.add(&[(name, value)], 0)),
        [(first, values), (second, more)] => {
            for (one, other) in values.iter().flat_map(|one| more.iter().map(move |other| (one, other))) {
                counter.add(&[(first, one), (second, other)], 0);
            }
        }
        _ => {}
    }
}

fn build() -> std::result::Result<PrometheusHandle, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in ALL {
        if let Kind::Histogram(bounds) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)?;
        }
    }
    builder.install_recorder()
}

/// All metrics in Prometheus' text form, version 0.0.4; empty before [`install`].
pub fn text() -> String {
    let Some(handle) = HANDLE.get() else { return String::new() };
    metrics_process::Collector::default().collect();
    handle.run_upkeep();
    handle.render()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_as_prometheus_wants_them() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len(), "a name stands twice");
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("tamis_"), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert_eq!(
                name.ends_with("_duration_seconds"),
                matches!(metric.kind, Kind::Histogram(_)),
                "{name}"
            );
            assert!(metric.help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn what_is_counted_is_shown() {
        install(Side::Coordinator).unwrap();
        install(Side::Coordinator).unwrap();
        TASKS_COMMITTED.add(&[("phase", "scan")], 2);
        TASK_DURATION.record(&[("phase", "scan")], 3.0);
        let text = text();
        assert!(text.contains("# TYPE tamis_tasks_committed_total counter"), "{text}");
        assert!(text.contains("tamis_tasks_committed_total{phase=\"scan\"} 2"), "{text}");
        assert!(text.contains("tamis_attempts_failed_total{phase=\"emit\",class=\"internal\"} 0"), "{text}");
        assert!(text.contains("tamis_task_duration_seconds_bucket{phase=\"scan\",le=\"5\"} 1"), "{text}");
        assert!(!text.contains("tamis_worker_tasks_total"), "{text}");
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
    }
}
