//! The copy of a job's state that stands in its work, from which a lost state is made anew.
//!
//! ```text
//! WORK/JOB/state/job.json          the record, and whose job it is; written anew after each step
//! WORK/JOB/state/SHA256            spec, plan, named files, decisions: what the record names by digest
//! WORK/JOB/state/scan.json         the tasks of a phase with their manifests, once all are committed
//! WORK/JOB/state/emit.json
//! WORK/JOB/scan-00042/7/manifest.json   what one attempt made, written by its worker
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tamis_common::error::Found as _;
use tamis_common::ids::{JobId, Phase, ShardId};
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Error, Result};

use crate::job::{JobState, TaskRecord};
use crate::store::{JobRecord, Store, digest_of};

/// The folder below a job's work.
pub(crate) const FOLDER: &str = "state";
const JOB: &str = "job.json";
/// Raised when a copy of this version cannot be read by an older build.
const VERSION: u32 = 1;

/// `job.json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobCopy {
    version: u32,
    /// The coordinator whose job it is.
    pub(crate) coordinator: String,
    /// The job.
    pub(crate) job: JobId,
    /// Its record.
    pub(crate) record: JobRecord,
}

/// `scan.json` and `emit.json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PhaseCopy {
    version: u32,
    /// By shard, with the manifest of its commit.
    pub(crate) tasks: Vec<(ShardId, TaskRecord, Option<String>)>,
}

/// Writes the copies of a job after its steps; what did not change is not written again.
#[derive(Debug, Default)]
pub(crate) struct Copier {
    written: Option<JobRecord>,
    phases: Vec<Phase>,
}

impl Copier {
    /// Writes what is new.
    ///
    /// # Errors
    /// Of the stores.
    pub(crate) fn write(
        &mut self,
        storage: &Storage,
        store: &Store,
        coordinator: &str,
        (job, record): (&JobId, &JobRecord),
    ) -> Result<()> {
        if self.written.as_ref() == Some(record) {
            return Ok(());
        }
        let folder = record.work.join(FOLDER);
        let before = self.written.as_ref().map(digests).unwrap_or_default();
        for digest in digests(record).into_iter().filter(|digest| !before.contains(digest)) {
            storage.put(&folder.join(&digest), &store.blobs().get(&digest)?)?;
        }
        for phase in finished(record) {
            if self.phases.contains(&phase) {
                continue;
            }
            let mut tasks = Vec::new();
            for (shard, task) in store.tasks(job, phase)? {
                let manifest =
                    task.commit.as_ref().map(|commit| store.blobs().get(&commit.manifest)).transpose()?;
                let manifest = manifest.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                tasks.push((shard, task, manifest));
            }
            put(storage, &folder.join(&name_of(phase)), &PhaseCopy { version: VERSION, tasks })?;
            self.phases.push(phase);
        }
        // A retry may void what was emitted.
        self.phases.retain(|phase| finished(record).contains(phase));
        let copy = JobCopy {
            version: VERSION,
            coordinator: coordinator.to_owned(),
            job: job.clone(),
            record: record.clone(),
        };
        put(storage, &folder.join(JOB), &copy)?;
        self.written = Some(record.clone());
        Ok(())
    }
}

/// Changes the copy of a record, if there is one.
///
/// # Errors
/// Of the store.
pub(crate) fn amend(storage: &Storage, record: &JobRecord) -> Result<()> {
    let uri = record.work.join(FOLDER).join(JOB);
    let old: JobCopy = match read(storage, &uri) {
        Err(error) if error.class() == Class::NotFound => return Ok(()),
        old => old?,
    };
    put(storage, &uri, &JobCopy { record: record.clone(), ..old })
}

/// The copy of the job whose work stands in a folder.
///
/// # Errors
/// `Class::NotFound` if there is none; `Class::Storage` if it cannot be read, or is of another version.
pub(crate) fn job_in(storage: &Storage, work: &Uri) -> Result<JobCopy> {
    read(storage, &work.join(FOLDER).join(JOB))
}

/// What the record names by digest.
///
/// # Errors
/// As [`job_in`]; `Class::Storage` for bytes of another digest.
pub(crate) fn blobs_of(storage: &Storage, record: &JobRecord) -> Result<Vec<Vec<u8>>> {
    let folder = record.work.join(FOLDER);
    let blob = |digest: String| {
        let uri = folder.join(&digest);
        let bytes = storage.read(&uri)?;
        match digest_of(&bytes) == digest {
            true => Ok(bytes),
            false => Err(Error::storage(format!("`{uri}` is damaged: its digest is {}", digest_of(&bytes)))),
        }
    };
    digests(record).into_iter().map(blob).collect()
}

/// The tasks of a finished phase; `None` if its copy was not written.
///
/// # Errors
/// As [`job_in`], but for what is not there.
pub(crate) fn phase_in(storage: &Storage, work: &Uri, phase: Phase) -> Result<Option<PhaseCopy>> {
    read(storage, &work.join(FOLDER).join(&name_of(phase))).found()
}

fn name_of(phase: Phase) -> String {
    format!("{}.json", phase.as_str())
}

fn digests(record: &JobRecord) -> Vec<String> {
    let optional = [
        record.plan.clone(),
        record.files.clone(),
        record.resolved.as_ref().map(|resolved| resolved.summary.clone()),
    ];
    [record.spec.sha256.clone()].into_iter().chain(optional.into_iter().flatten()).collect()
}

/// The phases that are behind a job.
pub(crate) fn finished(record: &JobRecord) -> Vec<Phase> {
    let state = match record.state {
        JobState::Failed | JobState::Cancelled => record.resume.unwrap_or(JobState::Planning),
        state => state,
    };
    match state {
        JobState::Planning | JobState::Scanning | JobState::Failed | JobState::Cancelled => vec![],
        JobState::Waiting | JobState::Resolving | JobState::Mixing | JobState::Emitting => vec![Phase::Scan],
        JobState::Publishing | JobState::Published => vec![Phase::Scan, Phase::Emit],
    }
}

fn put(storage: &Storage, uri: &Uri, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(value)
        .map_err(|e| Error::internal(format!("a record cannot be written as JSON: {e}")))?;
    storage.put(uri, &bytes).map(drop)
}

fn read<T: DeserializeOwned>(storage: &Storage, uri: &Uri) -> Result<T> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let bytes = storage.read(uri)?;
    let damaged = |e: serde_json::Error| Error::storage(format!("`{uri}` is damaged: {e}"));
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if version != VERSION {
        return Err(Error::storage(format!("`{uri}` has version {version}, this build reads {VERSION}"))
            .with_hint("use the version of tamis that wrote it, or a newer one"));
    }
    serde_json::from_slice(&bytes).map_err(damaged)
}
