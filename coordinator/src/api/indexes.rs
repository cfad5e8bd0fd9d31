//! `IndexService`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tamis_common::ids::JobId;
use tamis_common::storage::{Access, Uri};
use tamis_common::{Error, Result};
use tamis_proto::v1::index_service_server::IndexService;
use tamis_proto::{to_status, v1};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{for_client, reply};
use crate::control::Control;
use crate::index::{Checker, IndexStats, Match};

/// Documents of one message at most.
const MOST_DOCUMENTS: usize = 1_000;
/// Messages that are compared at once; others wait.
const MOST_CHECKS: usize = 4;
/// As jobs have it unless they say otherwise.
const DEFAULT_THRESHOLD: f64 = 0.75;

pub(crate) struct Indexes {
    control: Arc<Control>,
    checks: Arc<Semaphore>,
}

impl Indexes {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self { control, checks: Arc::new(Semaphore::new(MOST_CHECKS)) }
    }

    /// Runs a call and answers with what the index is after it.
    async fn described(
        &self,
        call: impl FnOnce(&Control, &crate::index::Indexes) -> Result<String> + Send + 'static,
    ) -> Result<Response<v1::IndexDescription>, Status> {
        let described = for_client(&self.control, move |control| {
            let indexes = control.steps().indexes()?;
            let name = call(control, &indexes)?;
            describe(indexes.find(&name)?.stats()?)
        });
        reply(described.await)
    }
}

#[tonic::async_trait]
impl IndexService for Indexes {
    async fn list(
        &self,
        _: Request<v1::ListIndexesRequest>,
    ) -> Result<Response<v1::ListIndexesResponse>, Status> {
        let indexes = for_client(&self.control, |control| {
            control.steps().indexes()?.list().into_iter().map(describe).collect::<Result<Vec<_>>>()
        });
        reply(indexes.await.map(|indexes| v1::ListIndexesResponse { indexes }))
    }

    async fn describe(
        &self,
        request: Request<v1::DescribeIndexRequest>,
    ) -> Result<Response<v1::IndexDescription>, Status> {
        let name = request.into_inner().name;
        self.described(move |_, _| Ok(name)).await
    }

    type CheckStream = ReceiverStream<Result<v1::CheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<Streaming<v1::CheckRequest>>,
    ) -> Result<Response<Self::CheckStream>, Status> {
        // One answer waits for a slow caller, and the next message for that.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(check(self.control.clone(), self.checks.clone(), request.into_inner(), sender));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn forget(
        &self,
        request: Request<v1::ForgetRequest>,
    ) -> Result<Response<v1::ForgetResponse>, Status> {
        let v1::ForgetRequest { index, job_id } = request.into_inner();
        let forgotten = for_client(&self.control, move |control| {
            // A job of another coordinator, in an index that was imported, is known by its whole id only.
            let job = control.find(&job_id).unwrap_or(JobId(job_id));
            control.forget(&index, &job)
        });
        reply(forgotten.await.map(|documents| v1::ForgetResponse { documents }))
    }

    async fn verify(
        &self,
        request: Request<v1::VerifyIndexRequest>,
    ) -> Result<Response<v1::IndexDescription>, Status> {
        let name = request.into_inner().name;
        self.described(move |_, indexes| indexes.verify(&name).map(|()| name)).await
    }

    async fn export(
        &self,
        request: Request<v1::ExportIndexRequest>,
    ) -> Result<Response<v1::IndexDescription>, Status> {
        let v1::ExportIndexRequest { name, folder } = request.into_inner();
        self.described(move |control, indexes| {
            indexes.export(&name, &allowed(control, Access::Write, &folder)?)?;
            Ok(name)
        })
        .await
    }

    async fn import(
        &self,
        request: Request<v1::ImportIndexRequest>,
    ) -> Result<Response<v1::IndexDescription>, Status> {
        let v1::ImportIndexRequest { name, folder } = request.into_inner();
        self.described(move |control, indexes| {
            indexes.import(&name, &allowed(control, Access::Read, &folder)?)
        })
        .await
    }
}

/// A folder of this machine, as the caller names it, within the allowed roots.
fn allowed(control: &Control, access: Access, folder: &str) -> Result<PathBuf> {
    let path = Path::new(folder);
    if !path.is_absolute() {
        return Err(Error::spec(format!("`folder` must be an absolute path, got `{folder}`")));
    }
    control.storage().check_named(access, &Uri::from_path(path)?)?;
    Ok(path.to_owned())
}

/// Answers message by message, until the caller ends, leaves or errs.
async fn check(
    control: Arc<Control>,
    checks: Arc<Semaphore>,
    mut requests: Streaming<v1::CheckRequest>,
    sender: mpsc::Sender<Result<v1::CheckResponse, Status>>,
) {
    let mut checker: Option<Checker> = None;
    loop {
        let request = tokio::select! {
            request = requests.message() => request,
            () = sender.closed() => return,
        };
        let request = match request {
            Ok(Some(request)) => request,
            Ok(None) => return,
            // The caller's deadline is over, or its connection is gone: nobody waits for an answer.
            Err(_) => return,
        };
        let Ok(_turn) = checks.acquire().await else { return };
        let known = checker.take();
        let answered = for_client(&control, move |control| {
            let mut checker = match known {
                Some(known) => known,
                None => begin(control, &request)?,
            };
            let response = answer(&mut checker, &request.documents)?;
            Ok((response, checker))
        });
        let (answer, is_last) = match answered.await {
            Ok((response, used)) => {
                checker = Some(used);
                (Ok(response), false)
            }
            Err(error) => (Err(to_status(&error)), true),
        };
        if sender.send(answer).await.is_err() || is_last {
            return;
        }
    }
}

/// What the first message says of the whole call.
fn begin(control: &Control, request: &v1::CheckRequest) -> Result<Checker> {
    let threshold = match request.threshold {
        0.0 => DEFAULT_THRESHOLD,
        threshold => threshold,
    };
    if !(threshold > 0.0 && threshold <= 1.0) {
        return Err(Error::spec(format!("`threshold` must be above 0 and at most 1, got {threshold}")));
    }
    Checker::new(control.steps().indexes()?.find(&request.index)?, threshold)
}

fn answer(checker: &mut Checker, documents: &[v1::CheckDocument]) -> Result<v1::CheckResponse> {
    let count = documents.len();
    if count > MOST_DOCUMENTS {
        return Err(Error::spec(format!(
            "`documents` must be at most {MOST_DOCUMENTS} a message, got {count}"
        ))
        .with_hint("send them in several messages of one call"));
    }
    let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
    let matches = checker.check(&texts)?;
    let results = documents.iter().zip(matches).map(|(document, matches)| v1::CheckResult {
        id: document.id.clone(),
        matches: matches.into_iter().map(wire).collect(),
    });
    Ok(v1::CheckResponse { results: results.collect() })
}

fn wire(found: Match) -> v1::IndexMatch {
    let Match { entry, similarity, equal } = found;
    v1::IndexMatch { job_id: entry.job.0, source: entry.source, document_id: entry.id, similarity, equal }
}

/// An index as the protocol describes it.
pub(crate) fn describe(index: IndexStats) -> Result<v1::IndexDescription> {
    let params_json = serde_json::to_string(&index.params)
        .map_err(|e| Error::internal(format!("the parameters of an index cannot be written as JSON: {e}")))?;
    let jobs = index.jobs.into_iter().map(|job| v1::IndexJob {
        job_id: job.job.0,
        name: job.name,
        documents: job.documents,
        published_at_ms: job.published_at_ms,
    });
    Ok(v1::IndexDescription {
        name: index.name,
        params_json,
        documents: index.documents,
        bytes: index.bytes,
        runs: index.runs,
        jobs: jobs.collect(),
        state_digest: index.state_digest,
    })
}
