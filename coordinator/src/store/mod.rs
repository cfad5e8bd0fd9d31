//! Durable records: small ones in sled, big ones as files named by their digest.
//!
//! `DATA_DIR/state/` is a sled database that holds at most 4 KiB a value; `DATA_DIR/blobs/` holds specs, plans and manifests.
//! A change is one batch, flushed and synced before [`Store::write`] returns. Calls that come at once share a sync:
//! [`Store::apply`] under the control's lock, [`Store::sync`] after it, then the reply.

mod backend;
mod blobs;
pub(crate) mod identity;
mod records;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tamis_common::ids::{AttemptId, JobId, Phase, ShardId, TaskId};
use tamis_common::storage::check_room;
use tamis_common::telemetry::metrics;
use tamis_common::{Error, Result};

#[cfg(test)]
pub(crate) use backend::Entry;
use backend::Sled;
pub(crate) use backend::{Backend, Write};
pub use blobs::Blobs;
#[cfg(test)]
pub(crate) use blobs::Shelf;
pub(crate) use blobs::digest_of;
pub(crate) use records::cut;
pub use records::{
    AttemptRecord, ErrorRecord, FileRef, JobRecord, NamedFile, PhaseTotals, ResolvedRecord, Submitter,
};

use crate::job::TaskRecord;

/// Bigger values end in sled's blob files, which no flush syncs.
const MAX_VALUE_BYTES: usize = 4_096;
/// sled drops its lock a moment after the last handle is gone, and a dying process a moment after its end.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

const NEXT_ATTEMPT: &[u8] = b"m/next_attempt";

/// The coordinator's durable state. Calls block.
pub struct Store {
    /// Where it stands; `None`: in memory.
    folder: Option<PathBuf>,
    records: Box<dyn Backend>,
    blobs: Blobs,
    /// After a failed sync nobody knows what the disk holds: nothing more is written.
    failed: AtomicBool,
    /// Changes that were applied.
    applied: AtomicU64,
    /// How many of them are known to be durable.
    synced: Mutex<u64>,
}

/// A change that was applied, and is durable once it is given to [`Store::sync`].
#[derive(Debug)]
#[must_use = "a change may be lost until it is synced"]
pub struct Applied(u64);

/// Everything that the store holds, but blobs.
#[derive(Debug, Default)]
pub struct Loaded {
    /// All jobs.
    pub jobs: Vec<(JobId, JobRecord)>,
    /// Attempts that were running.
    pub attempts: Vec<(AttemptId, AttemptRecord)>,
    /// Number of the next attempt.
    pub next_attempt: u64,
}

impl Store {
    /// Opens or makes the state below `data_dir`, waiting a moment while another process holds it.
    ///
    /// # Errors
    /// `Class::Conflict` if another coordinator uses the folder, `Class::Permission` or `Class::Storage` otherwise.
    pub fn open(data_dir: &Path) -> Result<Self> {
        Self::open_within(data_dir, LOCK_PATIENCE)
    }

    fn open_within(data_dir: &Path, patience: Duration) -> Result<Self> {
        std::fs::create_dir_all(data_dir)
            .map_err(|e| Error::io("create the data folder", data_dir.display(), e))?;
        let records = Sled::open(data_dir, patience)?;
        let blobs = Blobs::open(&data_dir.join("blobs"))?;
        Ok(Self { folder: Some(data_dir.to_owned()), ..Self::of(Box::new(records), blobs)? })
    }

    /// A store over what holds its records and its blobs.
    pub(crate) fn of(records: Box<dyn Backend>, blobs: Blobs) -> Result<Self> {
        records.sync()?;
        Ok(Self {
            folder: None,
            records,
            blobs,
            failed: AtomicBool::new(false),
            applied: AtomicU64::new(0),
            synced: Mutex::new(0),
        })
    }

    /// Who the coordinator of this data folder is.
    ///
    /// # Errors
    /// Of the file system.
    pub fn identity(&self) -> Result<String> {
        self.folder.as_deref().map_or(Ok(String::new()), identity::of)
    }

    /// The files named by digest.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Reads all jobs and attempts.
    ///
    /// # Errors
    /// `Class::Storage` for a record that cannot be read.
    pub fn load(&self) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        for (key, value) in self.records.scan_prefix(b"j/")? {
            loaded.jobs.push((JobId(text_of(&key[2..])?), records::decode(&key, &value)?));
        }
        for (key, value) in self.records.scan_prefix(b"a/")? {
            loaded.attempts.push((AttemptId(number_of(&key, &key[2..])?), records::decode(&key, &value)?));
        }
        if let Some(value) = self.records.get(NEXT_ATTEMPT)? {
            loaded.next_attempt = number_of(NEXT_ATTEMPT, &value)?;
        }
        Ok(loaded)
    }

    /// The tasks of a phase that have a record.
    ///
    /// # Errors
    /// `Class::Storage` for a record that cannot be read.
    pub fn tasks(&self, job: &JobId, phase: Phase) -> Result<Vec<(ShardId, TaskRecord)>> {
        let prefix = task_prefix(job, phase);
        let mut tasks = Vec::new();
        for (key, value) in self.records.scan_prefix(&prefix)? {
            let shard = key[prefix.len()..]
                .try_into()
                .map(u32::from_be_bytes)
                .map_err(|_| Error::storage(format!("the key `{}` names no shard", key.escape_ascii())))?;
            tasks.push((ShardId(shard), records::decode(&key, &value)?));
        }
        Ok(tasks)
    }

    /// One task, if it has a record.
    ///
    /// # Errors
    /// `Class::Storage` for a record that cannot be read.
    pub fn task(&self, job: &JobId, task: TaskId) -> Result<Option<TaskRecord>> {
        let key = task_key(job, task);
        let value = self.records.get(&key)?;
        value.map(|value| records::decode(&key, &value)).transpose()
    }

    /// The job that a client's request made.
    ///
    /// # Errors
    /// `Class::Storage` if the store fails.
    pub fn job_of_request(&self, request: &str) -> Result<Option<JobId>> {
        let value = self.records.get(&request_key(request))?;
        value.map(|value| text_of(&value).map(JobId)).transpose()
    }

    /// The last turn that was given out for an index; 0: none.
    ///
    /// # Errors
    /// `Class::Storage` if the store fails.
    pub fn last_turn(&self, index: &str) -> Result<u64> {
        let key = turn_key(index);
        let value = self.records.get(&key)?;
        value.map_or(Ok(0), |value| number_of(&key, &value))
    }

    /// Makes a change durable: all of it, or none.
    ///
    /// # Errors
    /// `Class::Resource` if the disk is full: nothing is begun, and a later call may succeed. `Class::Storage` if it fails;
    /// after that the store refuses all changes.
    pub fn write(&self, change: Change) -> Result<()> {
        let applied = self.apply(change)?;
        self.sync(applied)
    }

    /// Applies a change: reads see it, and no later change becomes durable before it does.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn apply(&self, change: Change) -> Result<Applied> {
        self.check()?;
        // Nothing is begun that a full disk could leave half done: this may be tried again.
        self.folder.as_deref().map_or(Ok(()), check_room)?;
        self.records.apply(change.writes).inspect_err(|_| self.failed.store(true, Ordering::Release))?;
        Ok(Applied(self.applied.fetch_add(1, Ordering::AcqRel) + 1))
    }

    /// The last change that was applied.
    pub fn last_applied(&self) -> Applied {
        Applied(self.applied.load(Ordering::Acquire))
    }

    /// Waits until a change is durable. One of those that wait at once syncs for all.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn sync(&self, applied: Applied) -> Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= applied.0 {
            return Ok(());
        }
        self.check()?;
        // Before the sync: what is applied meanwhile may not be in it.
        let covered = self.applied.load(Ordering::Acquire);
        let begun = Instant::now();
        self.records.sync().inspect_err(|_| self.failed.store(true, Ordering::Release))?;
        metrics::STORE_SYNC.record(&[], begun.elapsed().as_secs_f64());
        *synced = covered;
        Ok(())
    }

    /// Whether it takes no more changes.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    fn check(&self) -> Result<()> {
        if !self.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::storage("the state could not be synced before and takes no more changes")
            .with_hint("see to the disk of the data folder, then start the coordinator again"))
    }
}

/// A change of several records that becomes durable at once.
#[derive(Debug, Default)]
pub struct Change {
    writes: Vec<Write>,
}

impl Change {
    /// Sets a job.
    ///
    /// # Errors
    /// `Class::Internal` for a record over 4 KiB.
    pub fn put_job(&mut self, id: &JobId, record: &JobRecord) -> Result<()> {
        self.put(format!("j/{id}").into_bytes(), records::encode(record)?)
    }

    /// Sets a task.
    ///
    /// # Errors
    /// `Class::Internal` for a record over 4 KiB.
    pub fn put_task(&mut self, job: &JobId, task: TaskId, record: &TaskRecord) -> Result<()> {
        self.put(task_key(job, task), records::encode(record)?)
    }

    /// Removes a task: nobody has tried it.
    pub fn remove_task(&mut self, job: &JobId, task: TaskId) {
        self.writes.push((task_key(job, task), None));
    }

    /// Sets a running attempt and, with it, the number of the next.
    ///
    /// # Errors
    /// `Class::Internal` for a record over 4 KiB.
    pub fn put_attempt(&mut self, id: AttemptId, record: &AttemptRecord) -> Result<()> {
        self.writes.push((NEXT_ATTEMPT.to_vec(), Some((id.0 + 1).to_be_bytes().to_vec())));
        self.put(attempt_key(id), records::encode(record)?)
    }

    /// Sets the number of the next attempt: no number is used twice.
    pub fn put_next_attempt(&mut self, next: AttemptId) {
        self.writes.push((NEXT_ATTEMPT.to_vec(), Some(next.0.to_be_bytes().to_vec())));
    }

    /// Removes an attempt that is over.
    pub fn remove_attempt(&mut self, id: AttemptId) {
        self.writes.push((attempt_key(id), None));
    }

    /// Notes which job a client's request made.
    pub fn put_request(&mut self, request: &str, job: &JobId) {
        self.writes.push((request_key(request), Some(job.as_str().into())));
    }

    /// Notes the last turn that was given out for an index.
    pub fn put_turn(&mut self, index: &str, turn: u64) {
        self.writes.push((turn_key(index), Some(turn.to_be_bytes().to_vec())));
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        if value.len() > MAX_VALUE_BYTES {
            return Err(Error::internal(format!(
                "the record `{}` has {} bytes, more than {MAX_VALUE_BYTES}",
                key.escape_ascii(),
                value.len()
            )));
        }
        self.writes.push((key, Some(value)));
        Ok(())
    }
}

fn task_prefix(job: &JobId, phase: Phase) -> Vec<u8> {
    format!("t/{job}/{}/", phase.as_str()).into_bytes()
}

fn task_key(job: &JobId, task: TaskId) -> Vec<u8> {
    let mut key = task_prefix(job, task.phase);
    key.extend_from_slice(&task.shard.0.to_be_bytes());
    key
}

fn attempt_key(id: AttemptId) -> Vec<u8> {
    let mut key = b"a/".to_vec();
    key.extend_from_slice(&id.0.to_be_bytes());
    key
}

fn request_key(request: &str) -> Vec<u8> {
    format!("r/{request}").into_bytes()
}

fn turn_key(index: &str) -> Vec<u8> {
    format!("i/{index}").into_bytes()
}

fn number_of(key: &[u8], bytes: &[u8]) -> Result<u64> {
    bytes
        .try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| Error::storage(format!("the record `{}` is no number", key.escape_ascii())))
}

fn text_of(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec())
        .map_err(|e| Error::storage(format!("the state holds an id that is not UTF-8: {e}")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tamis_common::Class;

    use super::*;

    fn attempt(worker: &str) -> AttemptRecord {
        AttemptRecord {
            job: "j-1".into(),
            task: TaskId { phase: Phase::Scan, shard: ShardId(3) },
            worker: worker.into(),
        }
    }

    #[test]
    fn a_written_change_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        {
            let store = Store::open(dir.path()).unwrap();
            let mut change = Change::default();
            change.put_attempt(AttemptId(7), &attempt("w")).unwrap();
            change.put_request("r-1", &"j-1".into());
            change.put_turn("default", 2);
            let record = TaskRecord { counted: 1, ..TaskRecord::default() };
            change.put_task(&"j-1".into(), attempt("w").task, &record).unwrap();
            store.write(change).unwrap();
        }
        let store = Store::open(dir.path()).unwrap();
        let loaded = store.load().unwrap();
        assert_eq!(loaded.attempts, [(AttemptId(7), attempt("w"))]);
        assert_eq!(loaded.next_attempt, 8);
        assert_eq!(store.job_of_request("r-1").unwrap(), Some("j-1".into()));
        assert_eq!(store.last_turn("default").unwrap(), 2);
        assert_eq!(store.last_turn("other").unwrap(), 0);
        assert_eq!(store.tasks(&"j-1".into(), Phase::Scan).unwrap().len(), 1);
        assert!(store.tasks(&"j-1".into(), Phase::Emit).unwrap().is_empty());
    }

    #[test]
    fn numbers_of_attempts_go_on_after_the_attempts_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        {
            let store = Store::open(dir.path()).unwrap();
            let mut grant = Change::default();
            grant.put_attempt(AttemptId(0), &attempt("w")).unwrap();
            store.write(grant).unwrap();
            let mut end = Change::default();
            end.remove_attempt(AttemptId(0));
            store.write(end).unwrap();
        }
        let loaded = Store::open(dir.path()).unwrap().load().unwrap();
        assert!(loaded.attempts.is_empty());
        assert_eq!(loaded.next_attempt, 1);
    }

    #[test]
    fn a_folder_in_use_is_refused_with_a_hint() {
        let dir = tempfile::tempdir().unwrap();
        let _held = Store::open(dir.path()).unwrap();
        let error = Store::open_within(dir.path(), Duration::ZERO).err().unwrap();
        assert_eq!(error.class(), Class::Conflict);
        assert!(error.message().contains("in use by another process"));
        assert!(error.hint().unwrap().contains("--data-dir"));
    }

    #[test]
    fn a_record_over_4_kib_is_refused() {
        let mut change = Change::default();
        assert!(change.put_attempt(AttemptId(0), &attempt(&"w".repeat(5_000))).is_err());
    }
}
