//! Events, as they happen: each stream looks once a second at what has changed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tamis_common::ids::{JobId, Phase};
use tamis_common::{Class, Error, Result};
use tamis_proto::v1;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::Shared;
use super::answer::Failure;
use super::cluster::{Overview, workers_now};
use crate::access::Caller;
use crate::control::{Control, Grid};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at workers and disks.
const SLOW_PAUSE: Duration = Duration::from_secs(2);
/// What keeps proxies from closing a stream on which nothing happens.
const BEAT: Duration = Duration::from_secs(15);
/// Jobs of the first event, beside those that run.
const NEWEST: usize = 100;

type Sender = mpsc::Sender<std::result::Result<Event, Infallible>>;

/// A stream, and its place among all.
struct Stream {
    shared: Shared,
    sender: Sender,
    caller: Option<Caller>,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// A stream and its answer.
    fn open(shared: &Shared, caller: Option<Caller>) -> std::result::Result<(Self, Response), Failure> {
        let place = shared.streams.clone().try_acquire_owned().map_err(|_| {
            Error::new(Class::Unavailable, "too many streams of events are open")
                .with_hint("close some, or ask again")
        })?;
        let (sender, receiver) = mpsc::channel(4);
        let beat = KeepAlive::new().interval(BEAT).text("beat");
        let answer = Sse::new(ReceiverStream::new(receiver)).keep_alive(beat).into_response();
        Ok((Self { shared: shared.clone(), sender, caller, _place: place }, answer))
    }

    /// Sends an event; false once nobody listens any more, or may.
    async fn send(&self, name: &str, value: &impl Serialize) -> bool {
        if self.caller.as_ref().is_some_and(|caller| caller.check().is_err()) {
            return false;
        }
        let Ok(event) = Event::default().event(name).json_data(value) else { return false };
        self.sender.send(Ok(event)).await.is_ok()
    }

    /// Waits for the next look; false once nobody listens any more or the coordinator stops.
    async fn pause(&self) -> bool {
        let mut stop = self.shared.control.stop_signal();
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => true,
            () = self.sender.closed() => false,
            _ = stop.wait_for(|&stop| stop) => false,
        }
    }

    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Control) -> Result<T> + Send + 'static,
    ) -> Option<T> {
        self.shared.call(look).await.inspect_err(|error| tracing::debug!(%error, "a stream ends")).ok()
    }
}

/// All jobs, the workers and the whole.
pub(super) async fn all(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
) -> std::result::Result<Response, Failure> {
    let (stream, answer) = Stream::open(&shared, caller.map(|Extension(caller)| caller))?;
    tokio::spawn(follow_all(stream));
    Ok(answer)
}

async fn follow_all(stream: Stream) {
    let mut seen: HashMap<JobId, u64> = HashMap::new();
    let mut last = (None, None);
    let mut slow = Instant::now();
    loop {
        let before = std::mem::take(&mut seen);
        let Some((changed, now)) = stream.look(move |control| Ok(control.changed_jobs(before, NEWEST))).await
        else {
            return;
        };
        seen = now;
        if !changed.is_empty() && !stream.send("jobs", &changed).await {
            return;
        }
        if Instant::now() >= slow {
            slow = Instant::now() + SLOW_PAUSE;
            let shared = stream.shared.clone();
            let Some((overview, workers)) = stream
                .look(move |control| Ok((Overview::of(control, &shared), workers_now(control).workers)))
                .await
            else {
                return;
            };
            if last.0.as_ref() != Some(&overview) && !stream.send("overview", &overview).await {
                return;
            }
            if last.1.as_ref() != Some(&workers) && !stream.send("workers", &workers).await {
                return;
            }
            last = (Some(overview), Some(workers));
        }
        if !stream.pause().await {
            return;
        }
    }
}

/// One job.
pub(super) async fn job(
    State(shared): State<Shared>,
    Path(job): Path<String>,
    caller: Option<Extension<Caller>>,
) -> std::result::Result<Response, Failure> {
    let job = shared.call(move |control| control.find(&job)).await?;
    let (stream, answer) = Stream::open(&shared, caller.map(|Extension(caller)| caller))?;
    tokio::spawn(follow_job(stream, job));
    Ok(answer)
}

/// What a look at a job gives.
struct Look {
    status: v1::JobStatus,
    figures: v1::JobFigures,
    grids: Vec<NamedGrid>,
}

#[derive(Clone, PartialEq, Eq, Serialize)]
struct NamedGrid {
    phase: &'static str,
    #[serde(flatten)]
    grid: Grid,
}

async fn follow_job(stream: Stream, job: JobId) {
    let mut seen = None;
    let mut last: Option<Look> = None;
    loop {
        let version = stream.shared.control.version_of(&job);
        if version != seen {
            seen = version;
            let looked = job.clone();
            let Some(look) = stream.look(move |control| look_at(control, &looked)).await else { return };
            let before = last.as_ref();
            if before.is_none_or(|before| before.status != look.status)
                && !stream.send("status", &look.status).await
            {
                return;
            }
            if before.is_none_or(|before| before.figures != look.figures)
                && !stream.send("figures", &look.figures).await
            {
                return;
            }
            for grid in &look.grids {
                let is_new = before.is_none_or(|before| !before.grids.contains(grid));
                if is_new && !stream.send("tasks", grid).await {
                    return;
                }
            }
            last = Some(look);
        }
        if !stream.pause().await {
            return;
        }
    }
}

fn look_at(control: &Control, job: &JobId) -> Result<Look> {
    let grid = |phase: Phase| Ok(NamedGrid { phase: phase.as_str(), grid: control.grid(job, phase)? });
    let status = control.status(job)?;
    let grids = [Phase::Scan, Phase::Emit].into_iter().map(grid).collect::<Result<Vec<_>>>()?;
    Ok(Look {
        status,
        figures: control.figures().of(control, job)?,
        grids: grids.into_iter().filter(|named| named.grid.total > 0).collect(),
    })
}
