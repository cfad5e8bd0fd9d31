//! Traces and logs: what a cluster tells of a job, received by a collector as real ones are.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;
use tamis_tests::process::{Process, command, tamis_ok};
use tamis_tests::{corpus, spec, until};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A collector: spans with the services that sent them.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let name = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
            let service = format!("{:?}", name.value);
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| (service.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let served = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(served);
        (collector, addr)
    }

    fn spans(&self) -> Vec<(String, Span)> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_one_trace_from_submit_to_publish() {
    let (collector, addr) = Collector::start().await;
    let spans = tokio::task::spawn_blocking(move || traced_job(&collector, addr)).await.unwrap();

    let submit = spans.iter().find(|(_, span)| span.name == "tamis submit").unwrap();
    let trace = submit.1.trace_id.clone();
    let of_job: Vec<&(String, Span)> = spans.iter().filter(|(_, span)| span.trace_id == trace).collect();
    let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (service, span) in &of_job {
        services.entry(&span.name).or_default().insert(service);
    }
    for (name, service) in [
        ("tamis submit", "\"tamis\""),
        ("tamis.v1.JobService/Submit", "\"tamis-coordinator\""),
        ("plan", "\"tamis-coordinator\""),
        ("scan attempt", "\"tamis-worker\""),
        ("execute", "\"tamis-worker\""),
        ("tamis.v1.WorkerService/CommitTask", "\"tamis-coordinator\""),
        ("resolve and mix", "\"tamis-coordinator\""),
        ("emit attempt", "\"tamis-worker\""),
        ("publish", "\"tamis-coordinator\""),
    ] {
        let told =
            services.get(name).unwrap_or_else(|| panic!("no `{name}` in the trace: {:?}", services.keys()));
        assert!(told.iter().all(|said| said.contains(service)), "{name}: {told:?}");
    }
    // Whole: each span's parent is there, and only the first has none.
    let ids: BTreeSet<&[u8]> = of_job.iter().map(|(_, span)| span.span_id.as_slice()).collect();
    for (_, span) in &of_job {
        let is_root = span.name == "tamis submit";
        assert_eq!(span.parent_span_id.is_empty(), is_root, "{}", span.name);
        assert!(
            is_root || ids.contains(span.parent_span_id.as_slice()),
            "the parent of `{}` is missing",
            span.name
        );
    }
    // What workers ask all the time is no trace.
    assert!(
        spans.iter().all(|(_, span)| !span.name.contains("Heartbeat") && !span.name.contains("AcquireTasks"))
    );
    // Nothing of the documents is told.
    let told = format!("{spans:?}");
    for text in ["lantern", "in/part"] {
        assert!(!told.contains(text), "`{text}` is in a span");
    }
}

fn traced_job(collector: &Collector, addr: SocketAddr) -> Vec<(String, Span)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let otlp = format!("http://{addr}");
    fs::create_dir(path.join("in")).unwrap();
    let line =
        "{\"id\":\"a\",\"text\":\"the lantern of the harbour was lit before the ships came in at night\"}\n";
    fs::write(path.join("in/part-0.jsonl"), line).unwrap();
    fs::write(path.join("job.toml"), spec("in", "out", "")).unwrap();
    let coordinator = Process::start(
        path,
        &["coordinator", "--listen", "127.0.0.1:0", "--data-dir", "data", "--otlp", &otlp],
    );
    let url = format!("http://{}", coordinator.hello["listen"].as_str().unwrap());
    let worker = Process::start(path, &["--coordinator", &url, "worker", "--slots", "1", "--otlp", &otlp]);
    tamis_ok(path, &["--coordinator", &url, "--otlp", &otlp, "submit", "--wait", "job.toml"]);
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!(coordinator.terminate(), Some(0));
    // Each process sends what is left before it ends.
    until("the last span has come", || {
        collector.spans().iter().any(|(_, span)| span.name == "publish").then_some(())
    });
    collector.spans()
}

#[test]
fn a_collector_that_is_away_changes_nothing_and_a_wrong_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(10, 31), 1);
    fs::write(path.join("job.toml"), spec("in", "out", "")).unwrap();
    // Nobody listens on port 1.
    tamis_ok(path, &["run", "job.toml", "--otlp", "http://127.0.0.1:1"]);
    let wrong = command(path).args(["--otlp", "collector:4317", "jobs"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        said.contains("cannot be sent to `collector:4317`") && said.contains("http://127.0.0.1:4317"),
        "{said}"
    );
}

#[test]
fn logs_are_json_when_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(10, 32), 1);
    fs::write(path.join("job.toml"), spec("in", "out", "")).unwrap();
    let mut call = command(path);
    call.env("TAMIS_LOG", "tamis_coordinator=info").args(["--log-format", "json", "run", "job.toml"]);
    let output = call.output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<Value> = said
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let accepted = lines.iter().find(|line| line["message"] == "a job was accepted").unwrap();
    assert_eq!(accepted["level"], "INFO");
    assert!(accepted["job"].as_str().unwrap().len() > 8, "{accepted}");
}
