//! The global index made anew from what published jobs left under WORK, for one that is damaged or lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tamis_common::artefact::TaskManifest;
use tamis_common::ids::{JobId, Phase, TaskId};
use tamis_common::shard::Shard;
use tamis_common::spec::JobSpec;
use tamis_common::storage::Storage;
use tamis_common::{Class, Error, Result};

use crate::drive::attempt_uri;
use crate::index::{IndexJob, IndexStats, Indexes};
use crate::job::JobState;
use crate::publish::{Emitted, PublishedEntries, committed};
use crate::store::{JobRecord, Store};

/// What a rebuild made.
#[derive(Debug)]
pub struct Rebuilt {
    /// The new indexes.
    pub indexes: Vec<IndexStats>,
    /// Where the old ones stand now; `None`: there were none.
    pub old: Option<PathBuf>,
}

/// Rebuilds all indexes of the coordinator in `data_dir`, which must not run: every published job enters its index
/// again in the order of its turn, but for those that were forgotten. The old folder is set aside, not removed.
///
/// # Errors
/// `Class::Conflict` while a coordinator runs there; `Class::NotFound` that lists the jobs whose artefacts are gone
/// (`run.keep_work = "nothing"`); then nothing has changed. Of the stores.
pub fn rebuild(data_dir: &Path, storage: &Storage) -> Result<Rebuilt> {
    let store = Store::open(data_dir)?;
    let jobs = entered_jobs(&store)?;
    check_artefacts(storage, &jobs)?;

    let (index, fresh) = (data_dir.join("index"), data_dir.join("index.rebuilding"));
    let failed = |what, path: &Path| {
        let path = path.display().to_string();
        move |e| Error::io(what, path, e)
    };
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(failed("remove", &fresh))?;
    }
    let indexes = Indexes::open(&fresh)?;
    for job in &jobs {
        let entries = PublishedEntries::read(storage, &job.shards)?;
        let entered = IndexJob {
            job: job.id.clone(),
            name: job.record.name.clone(),
            documents: entries.len(),
            published_at_ms: job.record.ended_at_ms,
        };
        indexes.open_index(&job.index, &job.spec.dedup.params)?.publish(&entered, &entries)?;
        tracing::info!(job = %job.id, index = job.index, documents = entered.documents, "a job entered its index again");
    }
    let stats = indexes.list();
    drop(indexes);

    let old = match index.exists() {
        true => Some(free_name(data_dir)),
        false => None,
    };
    if let Some(old) = &old {
        fs::rename(&index, old).map_err(failed("set aside", &index))?;
    }
    fs::rename(&fresh, &index).map_err(failed("put in its place", &fresh))?;
    fs::File::open(data_dir).and_then(|folder| folder.sync_all()).map_err(failed("sync", data_dir))?;
    Ok(Rebuilt { indexes: stats, old })
}

/// A job that stands in an index.
struct EnteredJob {
    id: JobId,
    record: JobRecord,
    index: String,
    spec: JobSpec,
    shards: Vec<crate::publish::CommittedShard>,
}

/// Every job that was published into an index and not forgotten, in the order of turns.
fn entered_jobs(store: &Store) -> Result<Vec<EnteredJob>> {
    let mut jobs = Vec::new();
    for (id, record) in store.load()?.jobs {
        let Some(index) = record.index.clone() else { continue };
        if record.state != JobState::Published || record.forgotten {
            continue;
        }
        let naming = |e: Error| e.context(format_args!("job {id}"));
        let job = entered_job(store, id.clone(), record, index).map_err(naming)?;
        if job.spec.dedup.register {
            jobs.push(job);
        }
    }
    jobs.sort_by(|a, b| (&a.index, a.record.turn).cmp(&(&b.index, b.record.turn)));
    Ok(jobs)
}

fn entered_job(store: &Store, id: JobId, record: JobRecord, index: String) -> Result<EnteredJob> {
    let missing = |what| Error::storage(format!("the state has no {what} of a published job"));
    let json = String::from_utf8(store.blobs().get(&record.spec.sha256)?)
        .map_err(|e| Error::storage("the stored spec is not UTF-8").with_source(e))?;
    let spec = JobSpec::from_json(&json)?;
    let plan: Vec<Shard> = store.blobs().get_json(record.plan.as_ref().ok_or_else(|| missing("plan"))?)?;
    let resolved = record.resolved.as_ref().ok_or_else(|| missing("verdicts"))?;
    let mut cutoffs = BTreeMap::new();
    for (shard, task) in store.tasks(&id, Phase::Emit)? {
        let commit = task.commit.ok_or_else(|| missing("emit"))?;
        let manifest: TaskManifest = store.blobs().get_json(&commit.manifest)?;
        cutoffs.insert(shard, manifest.emit.ok_or_else(|| missing("figures of an emit"))?.cutoff);
    }
    let mut emitted = Vec::new();
    for (shard, task) in store.tasks(&id, Phase::Scan)? {
        let commit = task.commit.ok_or_else(|| missing("scan"))?;
        let scan = attempt_uri(&record.work, TaskId { phase: Phase::Scan, shard }, commit.attempt);
        emitted.push(Emitted { shard, scan, cutoff: cutoffs.get(&shard).copied().flatten() });
    }
    let shards = committed(&spec, &plan, &emitted, &resolved.verdicts)?;
    Ok(EnteredJob { id, record, index, spec, shards })
}

/// Nothing is begun that cannot be ended.
fn check_artefacts(storage: &Storage, jobs: &[EnteredJob]) -> Result<()> {
    let mut gone = Vec::new();
    for job in jobs {
        let first = job.shards.first();
        let opened = first.map(|shard| storage.open(&shard.verdicts)).transpose();
        match opened {
            Err(e) if e.class() == Class::NotFound => gone.push(format!("{} ({})", job.id, job.record.name)),
            opened => drop(opened?),
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    let jobs = gone.join(", ");
    Err(Error::new(Class::NotFound, format!("the artefacts of published jobs are gone from WORK: {jobs}"))
        .with_hint("bring WORK back, or restore the folder `index` of the data folder from a copy; jobs keep what a rebuild needs unless `run.keep_work` is nothing"))
}

/// A name for the old folder that is not used yet.
fn free_name(data_dir: &Path) -> PathBuf {
    let name = |number: u32| data_dir.join(format!("index.old-{number}"));
    (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0))
}
