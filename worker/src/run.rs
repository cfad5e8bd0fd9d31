//! One attempt at one task: what it is told, and the thread that it runs on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tamis_common::artefact::TaskManifest;
use tamis_common::ids::{AttemptId, JobId, Phase, TaskId};
use tamis_common::shard::Shard;
use tamis_common::storage::Uri;
use tamis_common::{Class, Error, Result};
use tamis_proto::{task_of, v1};
use tokio::sync::oneshot;

use crate::emit::Budget;
use crate::progress::Progress;
use crate::threads::Threads;

/// A file in the object store with its SHA-256 in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// Where it stands.
    pub uri: Uri,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// A file that the spec names, as the coordinator keeps it for the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// What the spec calls it.
    pub name: String,
    /// The copy.
    pub file: FileRef,
}

/// What an emit is told besides its shard.
#[derive(Clone, Debug, PartialEq)]
pub struct EmitInputs {
    /// The folder of the shard's committed scan.
    pub scan: Uri,
    /// The file of the verdicts on the shard.
    pub verdicts: Uri,
    /// What the shard may give; `None`: all that has no verdict.
    pub budget: Option<Budget>,
}

/// One attempt at one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The job.
    pub job: JobId,
    /// What to do, to which shard.
    pub id: TaskId,
    /// The grant.
    pub attempt: AttemptId,
    /// The job spec, canonical JSON.
    pub spec: FileRef,
    /// What to read.
    pub shard: Shard,
    /// The attempt writes below this folder and nowhere else.
    pub work: Uri,
    /// The tokenizer file, if the job has one.
    pub tokenizer: Option<FileRef>,
    /// The files that the spec names for cleaners, filters and report.
    pub files: Vec<NamedFile>,
    /// Set for an emit.
    pub emit: Option<EmitInputs>,
    /// W3C trace context of the job; empty: nothing is traced.
    pub traceparent: String,
}

impl Task {
    /// From the wire.
    ///
    /// # Errors
    /// `Class::Spec` for a task that is not whole.
    pub fn from_wire(task: v1::Task) -> Result<Self> {
        let id = task_of(task.phase, task.shard)?;
        let shard: Shard = serde_json::from_str(&task.shard_json)
            .map_err(|e| Error::spec(format!("`shard_json` of {id} is no shard: {e}")).with_source(e))?;
        let tokenizer = match task.tokenizer_uri.as_str() {
            "" => None,
            uri => Some(FileRef { uri: Uri::parse(uri)?, sha256: task.tokenizer_digest }),
        };
        let named = |file: v1::NamedFile| {
            let copy = FileRef { uri: Uri::parse(&file.stored_uri)?, sha256: file.digest };
            Ok(NamedFile { name: file.name, file: copy })
        };
        let files = task.files.into_iter().map(named).collect::<Result<_>>()?;
        let emit = match id.phase {
            Phase::Scan => None,
            Phase::Emit => Some(EmitInputs {
                scan: Uri::parse(&task.scan_uri)?,
                verdicts: Uri::parse(&task.verdicts_uri)?,
                budget: match task.token_budget {
                    Some(tokens) => Some(Budget::new(tokens, task.chars_per_token)?),
                    None => None,
                },
            }),
        };
        Ok(Self {
            job: JobId(task.job_id),
            id,
            attempt: AttemptId(task.attempt),
            spec: FileRef { uri: Uri::parse(&task.spec_uri)?, sha256: task.spec_digest },
            shard,
            work: Uri::parse(task.work_uri.trim_end_matches('/'))?,
            tokenizer,
            files,
            emit,
            traceparent: task.traceparent,
        })
    }
}

/// Does tasks. Calls block, one thread a slot; they look at [`Progress::check`] every few records and report what they
/// have done.
pub trait Executor: Send + Sync + 'static {
    /// Does one task and names the files that it wrote below [`Task::work`].
    ///
    /// # Errors
    /// `Class::Cancelled` once `progress` says so; any other class goes to the coordinator, which decides on a retry.
    fn run(&self, task: &Task, progress: Arc<Progress>) -> Result<TaskManifest>;
}

/// Runs a task on a thread that nothing else uses meanwhile. A panic is an error of `Class::Internal`.
pub(crate) async fn execute(
    threads: &Threads,
    executor: Arc<dyn Executor>,
    task: Arc<Task>,
    progress: Arc<Progress>,
) -> Result<TaskManifest> {
    let (sender, receiver) = oneshot::channel();
    let span = tracing::info_span!("execute");
    let started = threads.run(move || {
        let _within = span.enter();
        // What a panic leaves behind is dropped with the attempt: its folder is its own.
        let result = catch_unwind(AssertUnwindSafe(|| executor.run(&task, progress)));
        let result = result.unwrap_or_else(|panic| Err(panic_error(&task, panic.as_ref())));
        // Nobody listens if the worker was dropped.
        let _ = sender.send(result);
    });
    started.map_err(|e| Error::new(Class::Resource, format!("cannot start a thread for a task: {e}")))?;
    receiver.await.unwrap_or_else(|_| Err(Error::internal("the thread of a task ended without a result")))
}

fn panic_error(task: &Task, panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::internal(format!("{} of job {} panicked: {message}", task.id, task.job))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tamis_common::shard::{Compression, Format, Part};

    use super::*;

    fn wire() -> v1::Task {
        let shard = Shard {
            id: tamis_common::ids::ShardId(3),
            source: 0,
            uri: Uri::parse("/in").unwrap(),
            size: 1,
            version: "1".into(),
            format: Format::Jsonl,
            compression: Compression::None,
            part: Part::Whole,
            bytes: 1,
        };
        v1::Task {
            job_id: "j-1".into(),
            phase: v1::Phase::Scan.into(),
            shard: 3,
            attempt: 7,
            spec_uri: "file:///w/spec.json".into(),
            spec_digest: "ab".into(),
            shard_json: serde_json::to_string(&shard).unwrap(),
            work_uri: "file:///w/j-1/scan-00003/7/".into(),
            ..v1::Task::default()
        }
    }

    struct Panics;

    impl Executor for Panics {
        fn run(&self, _: &Task, _: Arc<Progress>) -> Result<TaskManifest> {
            panic!("a defect");
        }
    }

    #[test]
    fn a_task_comes_whole_off_the_wire() {
        let task = Task::from_wire(wire()).unwrap();
        assert_eq!(task.work.as_str(), "file:///w/j-1/scan-00003/7");
        assert_eq!((task.tokenizer, task.emit), (None, None));
        let emit = v1::Task { phase: v1::Phase::Emit.into(), ..wire() };
        assert_eq!(Task::from_wire(emit).unwrap_err().class(), Class::Spec);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_that_names_the_task() {
        let task = Arc::new(Task::from_wire(wire()).unwrap());
        let error = execute(&Threads::default(), Arc::new(Panics), task, Arc::default()).await.unwrap_err();
        assert_eq!(error.class(), Class::Internal);
        assert_eq!(error.message(), "scan-00003 of job j-1 panicked: a defect");
    }
}
