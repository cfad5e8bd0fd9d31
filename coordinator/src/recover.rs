//! The coordinator's state made anew from the copies that jobs keep in their work, for one that is damaged or lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tamis_common::artefact::{TASK_MANIFEST, TaskManifest};
use tamis_common::ids::{AttemptId, JobId, Phase, ShardId, TaskId};
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Error, Result};

use crate::copy::{self, FOLDER};
use crate::drive::attempt_uri;
use crate::job::{Commit, JobState, TaskRecord};
use crate::store::{Change, JobRecord, Store, identity};
use crate::sweep::attempt_of;

/// What a recovery made.
#[derive(Debug)]
pub struct Recovered {
    /// The jobs, by id.
    pub jobs: Vec<RecoveredJob>,
    /// Jobs whose copy is damaged, and why: they are not in the new state.
    pub damaged: Vec<(Uri, Error)>,
    /// Where the old state stands now; `None`: there was none.
    pub old: Option<PathBuf>,
}

/// A job that was recovered.
#[derive(Debug)]
pub struct RecoveredJob {
    /// Its id.
    pub id: JobId,
    /// What people call it.
    pub name: String,
    /// Where it goes on, or ended.
    pub state: JobState,
    /// Scans that need not be done again.
    pub scans: usize,
    /// Emits that need not be done again.
    pub emits: usize,
}

/// Makes the state of the coordinator in `data_dir`, which must not run, from what stands below `work`. The old state is
/// set aside, not removed. Scans that were finished are kept; emits of a phase that was under way begin anew.
///
/// # Errors
/// `Class::Conflict` while a coordinator runs there; `Class::NotFound` if no job stands below `work`; of the stores.
pub fn recover(data_dir: &Path, work: &Uri, storage: &Storage) -> Result<Recovered> {
    refuse_running(data_dir)?;
    let folders = job_folders(storage, work)?;
    if folders.is_empty() {
        return Err(Error::new(Class::NotFound, format!("no job has left its state below `{work}`"))
            .with_hint("name the folder that the coordinator had as --work; without that option it was `work` below its data folder"));
    }
    let mut found = Vec::new();
    let mut damaged = Vec::new();
    for folder in folders {
        match Found::read(storage, &folder) {
            Ok(job) => found.push(job),
            Err(error) => damaged.push((folder, error)),
        }
    }
    let old = set_aside(data_dir)?;
    let owners: BTreeSet<&str> = found.iter().map(|job| job.coordinator.as_str()).collect();
    if let ([owner], true) =
        (&*owners.into_iter().collect::<Vec<_>>(), !data_dir.join(identity::FILE).exists())
    {
        identity::adopt(data_dir, owner)?;
    }
    let store = Store::open(data_dir)?;
    let mut change = Change::default();
    let mut turns: BTreeMap<&str, u64> = BTreeMap::new();
    for job in &found {
        job.put(&store, &mut change)?;
        if let (Some(index), Some(turn)) = (&job.record.index, job.record.turn) {
            let last = turns.entry(index).or_default();
            *last = turn.max(*last);
        }
    }
    turns.into_iter().for_each(|(index, turn)| change.put_turn(index, turn));
    change.put_next_attempt(found.iter().map(|job| job.next_attempt).max().unwrap_or_default());
    store.write(change)?;
    let jobs = found.iter().map(|job| RecoveredJob {
        id: job.id.clone(),
        name: job.record.name.clone(),
        state: job.record.state,
        scans: job.of(Phase::Scan),
        emits: job.of(Phase::Emit),
    });
    Ok(Recovered { jobs: jobs.collect(), damaged, old })
}

/// A job as its work tells of it.
struct Found {
    coordinator: String,
    id: JobId,
    record: JobRecord,
    blobs: Vec<Vec<u8>>,
    tasks: Vec<(TaskId, TaskRecord, Vec<u8>)>,
    next_attempt: AttemptId,
}

impl Found {
    fn read(storage: &Storage, work: &Uri) -> Result<Self> {
        let copy = copy::job_in(storage, work)?;
        let mut record = copy.record;
        // A moved WORK is known by where it stands now.
        record.work = work.clone();
        let blobs = copy::blobs_of(storage, &record)?;
        let attempts = attempts_in(storage, work)?;
        let next_attempt =
            AttemptId(attempts.iter().map(|(_, attempt, _)| attempt.0 + 1).max().unwrap_or_default());
        let mut tasks = Vec::new();
        let finished = copy::finished(&record);
        for phase in &finished {
            let Some(phase_copy) = copy::phase_in(storage, work, *phase)? else {
                return Err(Error::storage(format!(
                    "`{work}` has no list of the tasks of {}, which was finished",
                    phase.as_str()
                )));
            };
            for (shard, task, manifest) in phase_copy.tasks {
                tasks.push((
                    TaskId { phase: *phase, shard },
                    task,
                    manifest.unwrap_or_default().into_bytes(),
                ));
            }
        }
        if !finished.contains(&Phase::Scan) && record.plan.is_some() {
            tasks.extend(finished_scans(storage, work, &attempts)?);
        }
        Ok(Self { coordinator: copy.coordinator, id: copy.job, record, blobs, tasks, next_attempt })
    }

    fn put(&self, store: &Store, change: &mut Change) -> Result<()> {
        for blob in &self.blobs {
            store.blobs().put(blob)?;
        }
        for (id, task, manifest) in &self.tasks {
            if task.commit.is_some() {
                store.blobs().put(manifest)?;
            }
            change.put_task(&self.id, *id, task)?;
        }
        change.put_job(&self.id, &self.record)
    }

    fn of(&self, phase: Phase) -> usize {
        self.tasks.iter().filter(|(id, task, _)| id.phase == phase && task.commit.is_some()).count()
    }
}

/// Scans of which an attempt made everything: whichever did, they hold the same.
fn finished_scans(
    storage: &Storage,
    work: &Uri,
    attempts: &BTreeSet<(TaskId, AttemptId, bool)>,
) -> Result<Vec<(TaskId, TaskRecord, Vec<u8>)>> {
    let mut scans: BTreeMap<ShardId, (TaskId, TaskRecord, Vec<u8>)> = BTreeMap::new();
    for (task, attempt, is_whole) in attempts {
        if task.phase != Phase::Scan || !is_whole {
            continue;
        }
        let bytes = storage.read(&attempt_uri(work, *task, *attempt).join(TASK_MANIFEST))?;
        let Ok(manifest) = serde_json::from_slice::<TaskManifest>(&bytes) else { continue };
        let Some(stats) = manifest.scan else { continue };
        let digest = crate::store::digest_of(&bytes);
        let commit = Commit { attempt: *attempt, manifest: digest, records: stats.records };
        scans
            .insert(task.shard, (*task, TaskRecord { commit: Some(commit), ..TaskRecord::default() }, bytes));
    }
    Ok(scans.into_values().collect())
}

/// The attempts that left files below a job's work; whether their manifest is there.
fn attempts_in(storage: &Storage, work: &Uri) -> Result<BTreeSet<(TaskId, AttemptId, bool)>> {
    let mut whole: BTreeMap<(TaskId, AttemptId), bool> = BTreeMap::new();
    for object in storage.list(work)? {
        let Some((task, attempt)) = attempt_of(work, &object.uri) else { continue };
        let manifest = attempt_uri(work, task, attempt).join(TASK_MANIFEST);
        *whole.entry((task, attempt)).or_default() |= object.uri == manifest;
    }
    Ok(whole.into_iter().map(|((task, attempt), is_whole)| (task, attempt, is_whole)).collect())
}

/// The folders below `work` that hold the copy of a state.
fn job_folders(storage: &Storage, work: &Uri) -> Result<BTreeSet<Uri>> {
    let prefix = format!("{}/", work.as_str().trim_end_matches('/'));
    let mut folders = BTreeSet::new();
    for object in storage.list(work)? {
        let mut parts = object.uri.as_str().strip_prefix(&prefix).unwrap_or_default().split('/');
        if let (Some(job), Some(FOLDER)) = (parts.next(), parts.next()) {
            folders.insert(work.join(job));
        }
    }
    Ok(folders)
}

/// A state that opens is let go again; one that another process holds is not touched; any other is damaged.
fn refuse_running(data_dir: &Path) -> Result<()> {
    if !data_dir.join("state").exists() {
        return Ok(());
    }
    match Store::open(data_dir) {
        Err(error) if error.class() == Class::Conflict => Err(error),
        _ => Ok(()),
    }
}

fn set_aside(data_dir: &Path) -> Result<Option<PathBuf>> {
    let state = data_dir.join("state");
    if !state.exists() {
        return Ok(None);
    }
    let name = |number: u32| data_dir.join(format!("state.old-{number}"));
    let old = (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0));
    std::fs::rename(&state, &old).map_err(|e| Error::io("set aside", state.display(), e))?;
    Ok(Some(old))
}

impl Recovered {
    /// Whether every job that was found is there again.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty()
    }
}
