//! Jobs: follow, list, cancel, retry, report, explain.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use tamis_common::clock::wall_ms;
use tamis_common::{Class, Error, Result};
use tamis_proto::v1;
use tamis_proto::v1::JobState;

use crate::args::JobsArgs;
use crate::client::{Client, refused};
use crate::ui::{self, Align, Progress};

/// How long a coordinator may be away before a watch gives up, and how often it is tried meanwhile.
const AWAY_PATIENCE: Duration = Duration::from_secs(60);
const AWAY_PAUSE: Duration = Duration::from_millis(500);

/// Draws anew this often: times go on without a change of the job.
const TICK: Duration = Duration::from_millis(250);

/// Follows a job to its end and shows its report; `is_new` if it was submitted just now. A coordinator that goes away is
/// waited for: the job goes on with it.
pub(crate) async fn watch(client: &mut Client, job: &str, is_new: bool, json: bool) -> Result<ExitCode> {
    let mut progress = Progress::new(is_new);
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
    let status = last.ok_or_else(|| Error::internal("the coordinator ended the watch without a status"))?;
    progress.end(&status);
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
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            message = stream.message() => match message {
                Ok(Some(status)) => {
                    progress.show(&status);
                    last = Some(status);
                }
                // An error behind the first answer is the connection's.
                _ => return Ok(last),
            },
            _ = ticks.tick(), if progress.ticks() => progress.tick(),
        }
    }
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
pub(crate) async fn list(client: &mut Client, args: JobsArgs, json: bool) -> Result<ExitCode> {
    let is_wanted =
        |state: JobState| args.states.is_empty() || args.states.iter().any(|wanted| wanted.is(state));
    let mut found: Vec<v1::JobStatus> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListJobsRequest { page_size: 0, page_token };
        let page = client.jobs.list(request).await.map_err(refused)?.into_inner();
        let left = args.limit.map_or(usize::MAX, |limit| limit.saturating_sub(found.len()));
        found.extend(page.jobs.into_iter().filter(|job| is_wanted(job.state())).take(left));
        let is_full = args.limit.is_some_and(|limit| found.len() >= limit);
        if page.next_page_token.is_empty() || is_full {
            break;
        }
        page_token = page.next_page_token;
    }
    match json {
        true => found.iter().for_each(|job| ui::print(&status_json(job).to_string())),
        false => jobs_table(&found, wall_ms()).iter().for_each(|line| ui::print(line)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Jobs as a table; ages are those at `now_ms`.
fn jobs_table(jobs: &[v1::JobStatus], now_ms: u64) -> Vec<String> {
    let rows: Vec<_> = jobs.iter().map(|job| job_row(job, now_ms)).collect();
    let columns = [
        ("job", Align::Left),
        ("state", Align::Left),
        ("shards", Align::Right),
        ("submitted", Align::Right),
        ("took", Align::Right),
        ("failed", Align::Right),
        ("name", Align::Left),
    ];
    ui::table(columns, &rows)
}

fn job_row(job: &v1::JobStatus, now_ms: u64) -> [String; 7] {
    // The phase of tasks that began last.
    let shards = job.phases.last().map(|phase| format!("{}/{}", phase.tasks_done, phase.tasks_total));
    let until_ms = if is_ended(job.state()) { job.ended_at_ms } else { now_ms };
    let took = Duration::from_millis(until_ms.saturating_sub(job.submitted_at_ms));
    let failed = if job.failed_attempts == 0 { String::new() } else { job.failed_attempts.to_string() };
    [
        job.job_id.clone(),
        ui::state_name(job.state()),
        shards.unwrap_or_default(),
        format!("{} ago", ui::age(now_ms.saturating_sub(job.submitted_at_ms))),
        ui::span(took),
        failed,
        job.name.clone(),
    ]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_stand_in_columns_with_their_age() {
        let phase = v1::PhaseProgress { tasks_done: 3, tasks_total: 40, ..Default::default() };
        let running = v1::JobStatus {
            job_id: "j-1".to_owned(),
            name: "finance-zh".to_owned(),
            state: JobState::Scanning.into(),
            phases: vec![phase],
            submitted_at_ms: 1_000,
            failed_attempts: 2,
            ..Default::default()
        };
        let ended = v1::JobStatus {
            job_id: "j-0".to_owned(),
            name: "old".to_owned(),
            state: JobState::Published.into(),
            submitted_at_ms: 0,
            ended_at_ms: 500,
            ..Default::default()
        };
        assert_eq!(
            jobs_table(&[running, ended], 201_000),
            [
                "job  state      shards  submitted         took  failed  name",
                "j-1  scanning     3/40  3 min ago  3 min 20 s       2  finance-zh",
                "j-0  published          3 min ago       0.5 s          old",
            ]
        );
    }
}
