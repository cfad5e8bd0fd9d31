//! Jobs as JSON.

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use tamis_common::artefact::{SAMPLES, Samples};
use tamis_common::error::Found as _;
use tamis_common::ids::{JobId, Phase};
use tamis_common::spec::JobSpec;
use tamis_common::{Class, Error, Result};
use tamis_proto::v1;

use super::Shared;
use super::answer::{Answer, json};
use crate::access::Caller;
use crate::api::{explain, views};
use crate::control::{Control, Grid, JobFilter};

/// Explanations of one id.
const MOST_EXPLANATIONS: usize = 100;
/// Committed scans whose samples are shown while a job runs.
const MOST_SAMPLED: usize = 16;
const DEFAULT_PAGE: usize = 100;
const MOST_PAGE: usize = 1_000;

#[derive(Deserialize)]
pub(super) struct ListQuery {
    #[serde(default)]
    page_size: usize,
    #[serde(default)]
    page_token: String,
    /// States between commas; empty: all.
    #[serde(default)]
    state: String,
    /// In the name or the id; empty: any.
    #[serde(default)]
    text: String,
}

/// A page of jobs, newest first.
pub(super) async fn list(
    State(shared): State<Shared>,
    Query(query): Query<ListQuery>,
) -> Answer<v1::ListJobsResponse> {
    let limit = if query.page_size == 0 { DEFAULT_PAGE } else { query.page_size.min(MOST_PAGE) };
    let page = shared.call(move |control| {
        let filter = JobFilter::new(&query.state, &query.text)?;
        let before = (!query.page_token.is_empty()).then_some(JobId(query.page_token));
        let (jobs, more) = control.list(before.as_ref(), limit, &filter);
        let next_page_token = match jobs.last() {
            Some(last) if more => last.job_id.clone(),
            _ => String::new(),
        };
        Ok(v1::ListJobsResponse { jobs, next_page_token })
    });
    json(page.await)
}

#[derive(Deserialize)]
pub(super) struct SubmitBody {
    /// TOML or JSON, paths absolute.
    spec: String,
    #[serde(default)]
    replace: bool,
    #[serde(default)]
    request_id: String,
}

/// Accepts a job.
pub(super) async fn submit(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
    Json(body): Json<SubmitBody>,
) -> Answer<v1::SubmitResponse> {
    let submitter = caller.map(|Extension(caller)| caller.submitter());
    let submitted = shared.call(move |control| {
        let spec = JobSpec::parse(&body.spec, "the spec")?;
        let spec_json = spec.to_canonical_json();
        let (job, existed) = control.submit(&spec_json, &body.request_id, body.replace, submitter)?;
        Ok(v1::SubmitResponse { job_id: job.0, existed })
    });
    json(submitted.await)
}

/// A job's status.
pub(super) async fn status(State(shared): State<Shared>, Path(job): Path<String>) -> Answer<v1::JobStatus> {
    json(shared.call(move |control| control.status(&control.find(&job)?)).await)
}

#[derive(Default, Deserialize)]
pub(super) struct CancelBody {
    #[serde(default)]
    reason: String,
}

/// Ends a job.
pub(super) async fn cancel(
    State(shared): State<Shared>,
    Path(job): Path<String>,
    Json(body): Json<CancelBody>,
) -> Answer<v1::JobStatus> {
    let cancelled = shared.call(move |control| {
        let job = control.find(&job)?;
        control.cancel(&job, &body.reason)?;
        control.status(&job)
    });
    json(cancelled.await)
}

/// Goes on with a job.
pub(super) async fn retry(State(shared): State<Shared>, Path(job): Path<String>) -> Answer<v1::JobStatus> {
    let retried = shared.call(move |control| {
        let job = control.find(&job)?;
        control.retry(&job)?;
        control.status(&job)
    });
    json(retried.await)
}

/// A job's spec.
pub(super) async fn spec(State(shared): State<Shared>, Path(job): Path<String>) -> Answer<serde_json::Value> {
    let spec = shared.call(move |control| {
        serde_json::from_slice(&control.spec_json(&control.find(&job)?)?)
            .map_err(|e| Error::storage(format!("the stored spec is no JSON: {e}")))
    });
    json(spec.await)
}

/// All tasks of a phase at a glance.
pub(super) async fn grid(
    State(shared): State<Shared>,
    Path((job, phase)): Path<(String, String)>,
) -> Answer<Grid> {
    json(shared.call(move |control| control.grid(&control.find(&job)?, phase_named(&phase)?)).await)
}

/// One task.
pub(super) async fn task(
    State(shared): State<Shared>,
    Path((job, phase, shard)): Path<(String, String, u32)>,
) -> Answer<v1::TaskStatus> {
    let task = shared.call(move |control| {
        let page = views::tasks(control, &control.find(&job)?, phase_named(&phase)?, shard, 1)?;
        let missing = || Error::new(Class::NotFound, format!("the job has no {phase} of shard {shard}"));
        page.tasks.into_iter().next().ok_or_else(missing)
    });
    json(task.await)
}

/// The figures so far.
pub(super) async fn figures(State(shared): State<Shared>, Path(job): Path<String>) -> Answer<v1::JobFigures> {
    json(shared.call(move |control| control.figures().of(control, &control.find(&job)?)).await)
}

/// Samples of what was dropped, by `stage/rule`; while a job runs, those of its first committed scans.
pub(super) async fn samples(State(shared): State<Shared>, Path(job): Path<String>) -> Answer<Samples> {
    let samples = shared.call(move |control| {
        let job = control.find(&job)?;
        match control.published_report(&job) {
            Ok(report) => Ok(report.samples),
            Err(error) if error.class() == Class::Conflict => samples_so_far(control, &job),
            Err(error) => Err(error),
        }
    });
    json(samples.await)
}

fn samples_so_far(control: &Control, job: &JobId) -> Result<Samples> {
    let mut samples = Samples::default();
    for (_, folder) in control.tables(job)?.scans.iter().take(MOST_SAMPLED) {
        let uri = folder.join(SAMPLES);
        samples.merge(Samples::read(control.storage(), &uri).found()?.unwrap_or_default());
    }
    Ok(samples)
}

#[derive(Deserialize)]
pub(super) struct DropsQuery {
    #[serde(default)]
    stage: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    page_size: u32,
    #[serde(default)]
    page_token: String,
}

/// A page of drops.
pub(super) async fn drops(
    State(shared): State<Shared>,
    Path(job): Path<String>,
    Query(query): Query<DropsQuery>,
) -> Answer<v1::ListDropsResponse> {
    let page = shared.call(move |control| {
        let DropsQuery { stage, rule, source, page_size, page_token } = query;
        let request =
            v1::ListDropsRequest { job_id: String::new(), stage, rule, source, page_size, page_token };
        control.list_drops(&control.find(&job)?, &views::drops_wanted(request))
    });
    json(page.await)
}

#[derive(Deserialize)]
pub(super) struct DocumentQuery {
    #[serde(default)]
    uri: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    source: String,
    #[serde(default)]
    document_id: String,
}

/// A document as its input holds it.
pub(super) async fn document(
    State(shared): State<Shared>,
    Path(job): Path<String>,
    Query(query): Query<DocumentQuery>,
) -> Answer<v1::ReadDocumentResponse> {
    let document = shared.call(move |control| {
        let DocumentQuery { uri, offset, source, document_id } = query;
        let wanted = v1::ReadDocumentRequest { job_id: String::new(), uri, offset, source, document_id };
        control.read_document(&control.find(&job)?, wanted)
    });
    json(document.await)
}

#[derive(Deserialize)]
pub(super) struct ExplainQuery {
    id: String,
}

/// What happened to a document.
pub(super) async fn explain(
    State(shared): State<Shared>,
    Path(job): Path<String>,
    Query(query): Query<ExplainQuery>,
) -> Answer<v1::ExplainResponse> {
    let explained = shared.call(move |control| {
        let tables = control.readable(&control.find(&job)?)?;
        let explanations = explain::explain(control.storage(), &tables, &query.id, MOST_EXPLANATIONS)?;
        Ok(v1::ExplainResponse { explanations })
    });
    json(explained.await)
}

/// The phase of a path.
pub(super) fn phase_named(name: &str) -> Result<Phase> {
    match name {
        "scan" => Ok(Phase::Scan),
        "emit" => Ok(Phase::Emit),
        _ => Err(Error::spec(format!("a phase must be scan or emit, got `{}`", name.escape_debug()))),
    }
}
