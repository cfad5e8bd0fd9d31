//! Jobs: follow, list, cancel, retry, report, explain.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use tamis_common::{Class, Error, Result};
use tamis_proto::v1;
use tamis_proto::v1::JobState;

use crate::client::{Client, refused};
use crate::ui::{self, Progress};

/// How long a coordinator may be away before a watch gives up, and how often it is tried meanwhile.
const AWAY_PATIENCE: Duration = Duration::from_secs(60);
const AWAY_PAUSE: Duration = Duration::from_millis(500);

/// Follows a job to its end and shows its report. A coordinator that goes away is waited for: the job goes on with it.
pub(crate) async fn watch(client: &mut Client, job: &str, json: bool) -> Result<ExitCode> {
    let mut progress = Progress::new();
    let mut last = follow(client, job, &mut progress).await?;
    let mut away_since = Instant::now();
    while !last.as_ref().is_some_and(|status| is_ended(status.state())) {
        progress.note("the coordinator has gone away; watching on when it is back");
        tokio::time::sleep(AWAY_PAUSE).await;
        match follow(client, job, &mut progress).await {
            Ok(Some(status)) => (last, away_since) = (Some(status), Instant::now()),
            Err(error) if !matches!(error.class(), Class::Unavailable | Class::Internal) => {
                return Err(error);
            }
            _ if away_since.elapsed() < AWAY_PATIENCE => {}
            _ => {
                let message = format!("the coordinator has been away for {} s", AWAY_PATIENCE.as_secs());
                return Err(Error::new(Class::Unavailable, message).with_hint(format!(
                    "the job goes on when the coordinator runs again: `tamis watch {job}` then"
                )));
            }
        }
    }
    drop(progress);
    let status = last.ok_or_else(|| Error::internal("the coordinator ended the watch without a status"))?;
    match status.state() {
        JobState::Published => report(client, status.job_id, json).await,
        JobState::Failed | JobState::Cancelled => {
            if json {
                ui::print(&status_json(&status).to_string());
            }
            let error = status.error.as_ref();
            let message = error.map_or(status.message.as_str(), |error| error.message.as_str());
            // A cancelled job's message says so itself.
            let failed = if status.state() == JobState::Failed { " failed" } else { "" };
            ui::note(&format!("error: job {}{failed}: {}", status.job_id, ui::plain(message)));
            if let Some(hint) = error.map(|error| &error.hint).filter(|hint| !hint.is_empty()) {
                ui::note(&format!("hint: {}", ui::plain(hint)));
            }
            Ok(ExitCode::from(1))
        }
        state => Err(Error::internal(format!("a job that is {} has not ended", ui::state_name(state)))),
    }
}

/// Shows the progress of a job until it ends or the connection does; the last status.
///
/// # Errors
/// Of the first answer: `Class::NotFound` for no such job, `Class::Unavailable` if nobody answers.
async fn follow(client: &mut Client, job: &str, progress: &mut Progress) -> Result<Option<v1::JobStatus>> {
    let request = v1::WatchJobRequest { job_id: job.to_owned() };
    let mut stream = client.jobs.watch(request).await.map_err(refused)?.into_inner();
    let mut last = None;
    // An error behind the first answer is the connection's.
    while let Ok(Some(status)) = stream.message().await {
        progress.show(&status);
        last = Some(status);
    }
    Ok(last)
}

fn is_ended(state: JobState) -> bool {
    matches!(state, JobState::Published | JobState::Failed | JobState::Cancelled)
}

/// `tamis status`
pub(crate) async fn status(client: &mut Client, job_id: String, json: bool) -> Result<ExitCode> {
    let status = client.jobs.get(v1::GetJobRequest { job_id }).await.map_err(refused)?.into_inner();
    show_status(&status, json);
    Ok(ExitCode::SUCCESS)
}

fn show_status(status: &v1::JobStatus, json: bool) {
    match json {
        true => ui::print(&status_json(status).to_string()),
        false => ui::print(&ui::status_text(status)),
    }
}

fn status_json(status: &v1::JobStatus) -> serde_json::Value {
    // Fields and names are those of the protocol, as over HTTP.
    json!(status)
}

/// `tamis jobs`
pub(crate) async fn list(client: &mut Client, json: bool) -> Result<ExitCode> {
    let mut page_token = String::new();
    loop {
        let request = v1::ListJobsRequest { page_size: 0, page_token };
        let page = client.jobs.list(request).await.map_err(refused)?.into_inner();
        for status in &page.jobs {
            match json {
                true => ui::print(&status_json(status).to_string()),
                false => {
                    let state = ui::state_name(status.state());
                    ui::print(&format!("{}  {state:<10}  {}", status.job_id, ui::plain(&status.name)));
                }
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        page_token = page.next_page_token;
    }
}

/// `tamis cancel`
pub(crate) async fn cancel(client: &mut Client, job_id: String, json: bool) -> Result<ExitCode> {
    let request = v1::CancelJobRequest { job_id, reason: "on the command line".to_owned() };
    show_status(&client.jobs.cancel(request).await.map_err(refused)?.into_inner(), json);
    Ok(ExitCode::SUCCESS)
}

/// `tamis retry`
pub(crate) async fn retry(client: &mut Client, job_id: String, json: bool) -> Result<ExitCode> {
    let request = v1::RetryJobRequest { job_id };
    show_status(&client.jobs.retry(request).await.map_err(refused)?.into_inner(), json);
    Ok(ExitCode::SUCCESS)
}

/// `tamis report`
pub(crate) async fn report(client: &mut Client, job_id: String, json: bool) -> Result<ExitCode> {
    let response = client.jobs.get_report(v1::GetReportRequest { job_id }).await.map_err(refused)?;
    let report = response.into_inner().report_json;
    match json {
        true => ui::print(report.trim_end()),
        false => ui::print(&ui::report_text(&report)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// `tamis explain`
pub(crate) async fn explain(
    client: &mut Client,
    job_id: String,
    document_id: String,
    json: bool,
) -> Result<ExitCode> {
    let request = v1::ExplainRequest { job_id, document_id, limit: 0 };
    let found = client.jobs.explain(request).await.map_err(refused)?.into_inner().explanations;
    for explanation in &found {
        match json {
            true => ui::print(&ui::explanation_json(explanation).to_string()),
            false => ui::print(&ui::explanation_text(explanation)),
        }
    }
    Ok(ExitCode::SUCCESS)
}
