//! `JobService`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tamis_common::ids::JobId;
use tamis_common::{Error, Result};
use tamis_proto::v1;
use tamis_proto::v1::job_service_server::JobService;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use super::{explain, for_client, reply, views};
use crate::access::Caller;
use crate::control::{Control, Garbage, JobFilter};
use crate::publish::REPORT;

/// A watcher sees at most five changes a second: heartbeats of many workers add up to more.
const WATCH_PAUSE: Duration = Duration::from_millis(200);
const DEFAULT_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1_000;
const DEFAULT_EXPLANATIONS: u32 = 100;

/// A file in pieces.
type Pieces = Pin<Box<dyn Stream<Item = Result<v1::OutputPiece, Status>> + Send>>;

pub(crate) struct Jobs(pub(crate) Arc<Control>);

#[tonic::async_trait]
impl JobService for Jobs {
    async fn collect_garbage(
        &self,
        request: Request<v1::CollectGarbageRequest>,
    ) -> Result<Response<v1::CollectGarbageResponse>, Status> {
        let v1::CollectGarbageRequest { remove, foreign } = request.into_inner();
        let found = for_client(&self.0, move |control| control.collect_garbage(remove, foreign)).await;
        let wire = |garbage: Garbage| v1::Garbage {
            uri: garbage.uri.to_string(),
            bytes: garbage.bytes,
            reason: garbage.reason,
            foreign: garbage.is_foreign,
            removed: remove && (foreign || !garbage.is_foreign),
        };
        reply(found.map(|found| v1::CollectGarbageResponse { found: found.into_iter().map(wire).collect() }))
    }

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let submitter = request.extensions().get::<Caller>().map(Caller::submitter);
        let v1::SubmitRequest { spec_json, client_request_id, replace } = request.into_inner();
        let submitted = for_client(&self.0, move |control| {
            control.submit(&spec_json, &client_request_id, replace, submitter)
        })
        .await;
        reply(submitted.map(|(job, existed)| v1::SubmitResponse { job_id: job.0, existed }))
    }

    async fn get(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::JobStatus>, Status> {
        let text = request.into_inner().job_id;
        reply(for_client(&self.0, move |control| control.status(&control.find(&text)?)).await)
    }

    async fn list(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        let v1::ListJobsRequest { page_size, page_token } = request.into_inner();
        reply(for_client(&self.0, move |control| list(control, page_size, page_token)).await)
    }

    async fn cancel(
        &self,
        request: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::JobStatus>, Status> {
        let v1::CancelJobRequest { job_id, reason } = request.into_inner();
        let cancelled = for_client(&self.0, move |control| {
            let job = control.find(&job_id)?;
            control.cancel(&job, &reason)?;
            control.status(&job)
        });
        reply(cancelled.await)
    }

    type WatchStream = ReceiverStream<Result<v1::JobStatus, Status>>;

    async fn watch(
        &self,
        request: Request<v1::WatchJobRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let text = request.into_inner().job_id;
        let job = match for_client(&self.0, move |control| control.find(&text)).await {
            Ok(job) => job,
            Err(error) => return reply(Err(error)),
        };
        // One status waits for a slow watcher; it gets the newest after that.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(watch(self.0.clone(), job, sender));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_report(
        &self,
        request: Request<v1::GetReportRequest>,
    ) -> Result<Response<v1::GetReportResponse>, Status> {
        let text = request.into_inner().job_id;
        let report = for_client(&self.0, move |control| report(control, &control.find(&text)?)).await;
        reply(report.map(|report_json| v1::GetReportResponse { report_json }))
    }

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let v1::ExplainRequest { job_id, document_id, limit } = request.into_inner();
        let limit = if limit == 0 { DEFAULT_EXPLANATIONS } else { limit };
        let explained = for_client(&self.0, move |control| {
            let tables = control.readable(&control.find(&job_id)?)?;
            explain::explain(control.storage(), &tables, &document_id, limit as usize)
        });
        reply(explained.await.map(|explanations| v1::ExplainResponse { explanations }))
    }

    async fn list_tasks(
        &self,
        request: Request<v1::ListTasksRequest>,
    ) -> Result<Response<v1::ListTasksResponse>, Status> {
        let request = request.into_inner();
        reply(for_client(&self.0, move |control| views::list_tasks(control, &request)).await)
    }

    async fn get_figures(
        &self,
        request: Request<v1::GetFiguresRequest>,
    ) -> Result<Response<v1::JobFigures>, Status> {
        let text = request.into_inner().job_id;
        let figures =
            for_client(&self.0, move |control| control.figures().of(control, &control.find(&text)?));
        reply(figures.await)
    }

    async fn list_drops(
        &self,
        request: Request<v1::ListDropsRequest>,
    ) -> Result<Response<v1::ListDropsResponse>, Status> {
        let request = request.into_inner();
        let page = for_client(&self.0, move |control| {
            let job = control.find(&request.job_id)?;
            control.list_drops(&job, &views::drops_wanted(request))
        });
        reply(page.await)
    }

    async fn read_document(
        &self,
        request: Request<v1::ReadDocumentRequest>,
    ) -> Result<Response<v1::ReadDocumentResponse>, Status> {
        let request = request.into_inner();
        let document = for_client(&self.0, move |control| {
            control.read_document(&control.find(&request.job_id)?, request)
        });
        reply(document.await)
    }

    async fn list_output(
        &self,
        request: Request<v1::ListOutputRequest>,
    ) -> Result<Response<v1::ListOutputResponse>, Status> {
        let text = request.into_inner().job_id;
        let files = for_client(&self.0, move |control| control.output_files(&control.find(&text)?)).await;
        reply(files.map(|files| v1::ListOutputResponse { files }))
    }

    type ReadOutputStream = Pieces;

    async fn read_output(
        &self,
        request: Request<v1::ReadOutputRequest>,
    ) -> Result<Response<Self::ReadOutputStream>, Status> {
        let v1::ReadOutputRequest { job_id, path } = request.into_inner();
        let opened =
            for_client(&self.0, move |control| control.open_output(&control.find(&job_id)?, &path)).await;
        reply(opened.map(|object| {
            let pieces = views::pieces(&self.0, object);
            let wire = |piece: Result<bytes::Bytes>| match piece {
                Ok(data) => Ok(v1::OutputPiece { data: data.into() }),
                Err(error) => Err(tamis_proto::to_status(&error)),
            };
            Box::pin(pieces.map(wire)) as Pieces
        }))
    }

    async fn retry(&self, request: Request<v1::RetryJobRequest>) -> Result<Response<v1::JobStatus>, Status> {
        let text = request.into_inner().job_id;
        let retried = for_client(&self.0, move |control| {
            let job = control.find(&text)?;
            control.retry(&job)?;
            control.status(&job)
        });
        reply(retried.await)
    }
}

fn list(control: &Control, page_size: u32, page_token: String) -> Result<v1::ListJobsResponse> {
    let limit = match page_size {
        0 => DEFAULT_PAGE,
        size => size.min(MAX_PAGE),
    };
    let before = (!page_token.is_empty()).then_some(JobId(page_token));
    let (jobs, more) = control.list(before.as_ref(), limit as usize, &JobFilter::default());
    let next_page_token = match jobs.last() {
        Some(last) if more => last.job_id.clone(),
        _ => String::new(),
    };
    Ok(v1::ListJobsResponse { jobs, next_page_token })
}

fn report(control: &Control, job: &JobId) -> Result<String> {
    let uri = control.published(job)?.output.join(REPORT);
    String::from_utf8(control.storage().read(&uri)?)
        .map_err(|e| Error::storage(format!("`{uri}` is not UTF-8: {e}")))
}

/// Sends the status now and at each change, until the job ends, the watcher leaves or the coordinator stops.
async fn watch(control: Arc<Control>, job: JobId, sender: mpsc::Sender<Result<v1::JobStatus, Status>>) {
    let Some(mut changed) = control.changes_of(&job) else { return };
    let mut stop = control.stop_signal();
    loop {
        changed.borrow_and_update();
        let status = {
            let job = job.clone();
            for_client(&control, move |control| control.status(&job)).await
        };
        let ended = match &status {
            Ok(status) => is_ended(status),
            Err(_) => true,
        };
        if sender.send(status.map_err(|error| tamis_proto::to_status(&error))).await.is_err() || ended {
            return;
        }
        let next = async {
            tokio::time::sleep(WATCH_PAUSE).await;
            changed.changed().await.is_ok()
        };
        tokio::select! {
            more = next => if !more { return },
            () = sender.closed() => return,
            _ = stop.wait_for(|&stop| stop) => return,
        }
    }
}

fn is_ended(status: &v1::JobStatus) -> bool {
    matches!(status.state(), v1::JobState::Published | v1::JobState::Failed | v1::JobState::Cancelled)
}
