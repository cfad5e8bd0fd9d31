//! What people look at, as both servers show it: tasks, drops, files.

use std::sync::Arc;

use bytes::Bytes;
use tamis_common::ids::{JobId, Phase};
use tamis_common::shard::Part;
use tamis_common::storage::ObjectReader;
use tamis_common::{Error, Result};
use tamis_proto::{phase_of, v1};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::control::{Control, TaskView};
use crate::job::Standing;
use crate::output::DropsWanted;

const DEFAULT_TASKS: u32 = 1_000;
const MOST_TASKS: u32 = 10_000;
const DEFAULT_ROWS: u32 = 100;
const MOST_ROWS: u32 = 1_000;
/// Bytes of a file that are sent at once.
const PIECE_BYTES: u64 = 1 << 20;

/// A page of tasks.
///
/// # Errors
/// As [`Control::tasks`]; `Class::Spec` for no phase.
pub(crate) fn list_tasks(control: &Control, request: &v1::ListTasksRequest) -> Result<v1::ListTasksResponse> {
    let job = control.find(&request.job_id)?;
    let size = match request.page_size {
        0 => DEFAULT_TASKS,
        size => size.min(MOST_TASKS),
    };
    tasks(control, &job, phase_of(request.phase)?, request.first_shard, size)
}

/// Up to `size` tasks from a shard on.
///
/// # Errors
/// As [`Control::tasks`].
pub(crate) fn tasks(
    control: &Control,
    job: &JobId,
    phase: Phase,
    first: u32,
    size: u32,
) -> Result<v1::ListTasksResponse> {
    let (views, tasks_total, spec) = control.tasks(job, phase, first..first.saturating_add(size))?;
    let source = |number: u16| spec.sources.get(usize::from(number)).map_or("", |source| &source.name);
    let tasks = views.into_iter().map(|view| {
        let source = source(view.shard.source).to_owned();
        wire_task(view, source)
    });
    Ok(v1::ListTasksResponse { tasks: tasks.collect(), tasks_total })
}

fn wire_task(view: TaskView, source: String) -> v1::TaskStatus {
    let state = match view.standing {
        Standing::Ready => v1::TaskState::Ready,
        Standing::Held => v1::TaskState::Held,
        Standing::Running => v1::TaskState::Running,
        Standing::Committed => v1::TaskState::Committed,
        Standing::Quarantined => v1::TaskState::Quarantined,
    };
    let part = match view.shard.part {
        Part::Whole => "whole".to_owned(),
        Part::Bytes { start, end } => format!("bytes {start} to {end}"),
        Part::RowGroups { start, end } => format!("row groups {start} to {end}"),
    };
    let (attempt, worker_id) = view.attempt.map(|(id, worker)| (id.0, worker.0)).unwrap_or_default();
    v1::TaskStatus {
        shard: view.shard.id.0,
        state: state.into(),
        failed_attempts: view.counted,
        released_attempts: view.uncounted,
        worker_id,
        attempt,
        bytes_total: view.shard.bytes,
        bytes_done: view.bytes_done,
        records_done: view.records_done,
        last_error: view.failure.as_ref().map(|failure| v1::ErrorDetail::from(&Error::from(failure))),
        source,
        uri: view.shard.uri.to_string(),
        part,
    }
}

/// Which drops a request asks for.
pub(crate) fn drops_wanted(request: v1::ListDropsRequest) -> DropsWanted {
    let limit = match request.page_size {
        0 => DEFAULT_ROWS,
        size => size.min(MOST_ROWS),
    };
    DropsWanted {
        stage: request.stage,
        rule: request.rule,
        source: request.source,
        limit: limit as usize,
        page_token: request.page_token,
    }
}

/// A file in pieces, each read when the one before it was taken: a slow reader holds no place among the calls.
pub(crate) fn pieces(control: &Arc<Control>, object: ObjectReader) -> ReceiverStream<Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(1);
    let (control, object) = (control.clone(), Arc::new(object));
    tokio::spawn(async move {
        let mut offset = 0;
        while offset < object.size() && !control.is_stopping() {
            let length = (object.size() - offset).min(PIECE_BYTES);
            let reading = object.clone();
            let piece = super::for_client(&control, move |_| reading.range(offset, length as usize)).await;
            let is_broken = piece.is_err();
            // A reader that has left takes no more.
            if sender.send(piece).await.is_err() || is_broken {
                return;
            }
            offset += length;
        }
    });
    ReceiverStream::new(receiver)
}
