//! The sled database that is the truth about what is in the indexes.
//!
//! | key | value (JSON) |
//! |---|---|
//! | `format` | version of the whole, a number |
//! | `i` name | [`IndexRecord`] |
//! | `j` index u32 · job u32 | [`JobRecord`] |
//! | `r` index u32 · file u64 | [`RunRecord`] |
//!
//! Numbers in keys are big-endian. A change is one batch, one flush, and a real sync of sled's `db` file.

use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tamis_common::dedup::DedupParams;
use tamis_common::fault::{self, Point};
use tamis_common::ids::JobId;
use tamis_common::storage::check_room;
use tamis_common::{Class, Error, Result};

use super::file::{FileRecord, sync_folder};

/// What makes hashes and keys comparable beside the parameters. An index of another version is refused, as one of other
/// parameters is.
pub(super) const HASH_SCHEME: u32 = tamis_common::dedup::HASH_VERSION;

const FORMAT: u32 = 1;
const RECORD: u32 = 1;
const FORMAT_KEY: &[u8] = b"format";
/// sled puts longer values in files of their own, which its flush does not sync.
const MOST_VALUE: usize = 4096;
const CACHE: u64 = 16 << 20;
/// Dropping a database releases its lock a moment later; another process holds it for good.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(20);

/// An index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct IndexRecord {
    version: u32,
    /// What stands for its name in keys and file names.
    pub(super) number: u32,
    /// Its pinned parameters; `threshold` and `verify` are those of its first job.
    pub(super) params: DedupParams,
    /// [`HASH_SCHEME`] when it was made.
    pub(super) hash_scheme: u32,
    /// Ordinal of the next job.
    pub(super) next_job: u32,
    /// Job records there are, so that a lost one is noticed.
    jobs: u32,
    /// Run records there are.
    runs: u32,
}

/// A job in an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JobRecord {
    version: u32,
    pub(super) job: JobId,
    pub(super) name: String,
    pub(super) documents: u64,
    pub(super) published_at_ms: u64,
    /// Digest of its documents and keys, 32 hex digits; none while it is empty is still a digest.
    pub(super) content: String,
    /// Its columns; `None` if it has no documents, or is forgotten.
    pub(super) columns: Option<FileRecord>,
    /// Whether it is forgotten and waits for the merge that removes its rows.
    pub(super) forgotten: bool,
}

/// A live run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RunRecord {
    version: u32,
    file: FileRecord,
}

impl JobRecord {
    /// A record of a job that is in the index.
    pub(super) fn new(job: &super::IndexJob, content: String, columns: Option<FileRecord>) -> Self {
        Self {
            version: RECORD,
            job: job.job.clone(),
            name: job.name.clone(),
            documents: job.documents,
            published_at_ms: job.published_at_ms,
            content,
            columns,
            forgotten: false,
        }
    }
}

/// All that the catalogue knows of an index.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) index: IndexRecord,
    /// By ordinal.
    pub(super) jobs: BTreeMap<u32, JobRecord>,
    /// By file number.
    pub(super) runs: BTreeMap<u64, FileRecord>,
}

/// What becomes of an index in one step; all or nothing.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Jobs to enter or replace.
    pub(super) jobs: Vec<(u32, JobRecord)>,
    /// Jobs to remove without a trace.
    pub(super) gone_jobs: Vec<u32>,
    /// Runs to enter.
    pub(super) runs: Vec<FileRecord>,
    /// Runs that die.
    pub(super) gone_runs: Vec<u64>,
}

impl Contents {
    /// A new index without jobs.
    pub(super) fn new(number: u32, params: &DedupParams) -> Self {
        let index = IndexRecord {
            version: RECORD,
            number,
            params: params.clone(),
            hash_scheme: HASH_SCHEME,
            next_job: 0,
            jobs: 0,
            runs: 0,
        };
        Self { index, jobs: BTreeMap::new(), runs: BTreeMap::new() }
    }

    fn apply(&mut self, change: &Change) {
        for (ordinal, job) in &change.jobs {
            self.index.next_job = self.index.next_job.max(ordinal + 1);
            self.jobs.insert(*ordinal, job.clone());
        }
        for ordinal in &change.gone_jobs {
            self.jobs.remove(ordinal);
        }
        for file in &change.runs {
            self.runs.insert(file.number, file.clone());
        }
        for number in &change.gone_runs {
            self.runs.remove(number);
        }
        self.index.jobs = self.jobs.len() as u32;
        self.index.runs = self.runs.len() as u32;
    }
}

/// The open database.
pub(super) struct Catalogue {
    db: sled::Db,
    path: PathBuf,
    next_file: AtomicU64,
}

impl Catalogue {
    /// Opens the database at `path`, or makes it; says whether it is new.
    ///
    /// # Errors
    /// `Class::Unavailable` while another process has it open, `Class::Storage` if it does not open.
    pub(super) fn open(path: &Path) -> Result<(Self, bool)> {
        let db = open_sled(path)?;
        let catalogue = Self { db, path: path.to_owned(), next_file: AtomicU64::new(0) };
        let is_new = match catalogue.db.get(FORMAT_KEY).map_err(|e| catalogue.wrong(e))? {
            Some(value) => {
                let found: u32 = catalogue.decode("format", &value)?;
                if found != FORMAT {
                    return Err(catalogue.unknown_version("format", found));
                }
                false
            }
            None if catalogue.db.is_empty() => true,
            None => return Err(catalogue.damaged("its format record is missing")),
        };
        Ok((catalogue, is_new))
    }

    /// Makes a new database durable.
    ///
    /// # Errors
    /// Of the store.
    pub(super) fn initialize(&self) -> Result<()> {
        let mut batch = sled::Batch::default();
        batch.insert(FORMAT_KEY, self.encode("format", &FORMAT)?);
        self.commit_batch(batch)?;
        sync_folder(&self.path)?;
        self.path.parent().map_or(Ok(()), sync_folder)
    }

    /// All indexes by name.
    ///
    /// # Errors
    /// `Class::Storage` if a record is missing or does not decode.
    pub(super) fn load(&self) -> Result<BTreeMap<String, Contents>> {
        let mut indexes = BTreeMap::new();
        let mut highest = 0;
        for item in self.db.scan_prefix(b"i") {
            let (key, value) = item.map_err(|e| self.wrong(e))?;
            let name = String::from_utf8_lossy(&key[1..]).into_owned();
            let index: IndexRecord = self.record(&format!("index {name}"), &value)?;
            let contents = self.load_index(&name, index)?;
            let columns = contents.jobs.values().filter_map(|job| job.columns.as_ref());
            let files = contents.runs.values().chain(columns);
            highest = files.map(|file| file.number + 1).fold(highest, u64::max);
            indexes.insert(name, contents);
        }
        self.next_file.fetch_max(highest, Ordering::Relaxed);
        Ok(indexes)
    }

    /// A number that no file of any index has.
    pub(super) fn next_file(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes a change durable and applies it to `contents`, which are those of the index `name`.
    ///
    /// # Errors
    /// Of the store; `Class::Spec` for a record beyond 4 KiB. `contents` are then as they were.
    pub(super) fn commit(&self, name: &str, contents: &mut Contents, change: &Change) -> Result<()> {
        let mut after = contents.clone();
        after.apply(change);
        let number = after.index.number;
        let mut batch = sled::Batch::default();
        batch.insert(index_key(name), self.encode(name, &after.index)?);
        for (ordinal, job) in &change.jobs {
            batch.insert(job_key(number, *ordinal), self.encode(job.job.as_str(), job)?);
        }
        for ordinal in &change.gone_jobs {
            batch.remove(job_key(number, *ordinal));
        }
        for file in &change.runs {
            let record = RunRecord { version: RECORD, file: file.clone() };
            batch.insert(run_key(number, file.number), self.encode("run", &record)?);
        }
        for file in &change.gone_runs {
            batch.remove(run_key(number, *file));
        }
        fault::pass(Point::IndexRecordBefore)?;
        self.commit_batch(batch)?;
        fault::reach(Point::IndexRecordAfter);
        *contents = after;
        Ok(())
    }

    /// The error for a catalogue that is not as it was written.
    pub(super) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        damaged(&self.path, what)
    }

    fn load_index(&self, name: &str, index: IndexRecord) -> Result<Contents> {
        let mut jobs = BTreeMap::new();
        let mut runs = BTreeMap::new();
        for item in self.db.scan_prefix(prefix(b'j', index.number)) {
            let (key, value) = item.map_err(|e| self.wrong(e))?;
            let ordinal = key.last_chunk().map_or(0, |number| u32::from_be_bytes(*number));
            let job: JobRecord = self.record(&format!("job {ordinal} of index {name}"), &value)?;
            jobs.insert(ordinal, job);
        }
        for item in self.db.scan_prefix(prefix(b'r', index.number)) {
            let (_, value) = item.map_err(|e| self.wrong(e))?;
            let run: RunRecord = self.record(&format!("a run of index {name}"), &value)?;
            runs.insert(run.file.number, run.file);
        }
        if jobs.len() != index.jobs as usize || runs.len() != index.runs as usize {
            return Err(self.damaged(format_args!(
                "index `{name}` has {} jobs and {} runs, not {} and {}",
                jobs.len(),
                runs.len(),
                index.jobs,
                index.runs
            )));
        }
        Ok(Contents { index, jobs, runs })
    }

    fn commit_batch(&self, batch: sled::Batch) -> Result<()> {
        check_room(&self.path)?;
        self.db.apply_batch(batch).map_err(|e| self.wrong(e))?;
        self.db.flush().map_err(|e| self.wrong(e))?;
        // sled's flush hands the pages to the kernel only.
        let file = self.path.join("db");
        File::open(&file).and_then(|db| db.sync_all()).map_err(|e| Error::io("sync", file.display(), e))
    }

    fn encode(&self, what: &str, record: &impl Serialize) -> Result<Vec<u8>> {
        let value = serde_json::to_vec(record)
            .map_err(|e| Error::internal(format!("cannot encode the record of `{what}`")).with_source(e))?;
        if value.len() > MOST_VALUE {
            let bytes = value.len();
            return Err(Error::spec(format!(
                "index record of `{what:.40}` must be at most {MOST_VALUE} bytes, got {bytes}"
            ))
            .with_hint("give the job a shorter name"));
        }
        Ok(value)
    }

    /// Decodes a versioned record.
    fn record<T: DeserializeOwned>(&self, what: &str, value: &[u8]) -> Result<T> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = self.decode(what, value)?;
        if version != RECORD {
            return Err(self.unknown_version(what, version));
        }
        self.decode(what, value)
    }

    fn decode<T: DeserializeOwned>(&self, what: &str, value: &[u8]) -> Result<T> {
        serde_json::from_slice(value)
            .map_err(|e| self.damaged(format_args!("record of {what} does not decode: {e}")))
    }

    fn unknown_version(&self, what: &str, version: u32) -> Error {
        let path = self.path.display();
        Error::storage(format!("record of {what} in `{path}` has version {version}, not {RECORD}"))
            .with_hint("use the tamis that wrote it, or rebuild the index with `tamis index rebuild`")
    }

    fn wrong(&self, error: sled::Error) -> Error {
        classify(&self.path, error)
    }
}

fn index_key(name: &str) -> Vec<u8> {
    [b"i", name.as_bytes()].concat()
}

fn prefix(kind: u8, index: u32) -> Vec<u8> {
    [&[kind][..], &index.to_be_bytes()].concat()
}

fn job_key(index: u32, ordinal: u32) -> Vec<u8> {
    [&prefix(b'j', index)[..], &ordinal.to_be_bytes()].concat()
}

fn run_key(index: u32, file: u64) -> Vec<u8> {
    [&prefix(b'r', index)[..], &file.to_be_bytes()].concat()
}

fn damaged(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::storage(format!("index catalogue `{}` is damaged: {what}", path.display()))
        .with_hint("rebuild the index from the published outputs with `tamis index rebuild`")
}

fn classify(path: &Path, error: sled::Error) -> Error {
    match error {
        sled::Error::Io(e) => Error::io("use the index catalogue", path.display(), e),
        other => damaged(path, &other).with_source(other),
    }
}

fn open_sled(path: &Path) -> Result<sled::Db> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        let config = sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(None);
        // sled panics on some kinds of damage.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| damaged(path, "sled cannot read it"))?;
        match opened {
            Ok(db) => return Ok(db),
            Err(e) if is_locked(&e) => {
                if Instant::now() >= deadline {
                    let message = format!("the index in `{}` is in use by another process", path.display());
                    return Err(Error::new(Class::Unavailable, message)
                        .with_hint("a coordinator that runs there takes jobs by `tamis submit`; or stop it, or name another --data-dir")
                        .with_source(e));
                }
                thread::sleep(LOCK_POLL);
            }
            Err(e) => return Err(classify(path, e)),
        }
    }
}

fn is_locked(error: &sled::Error) -> bool {
    // sled wraps the kind in its own message.
    matches!(error, sled::Error::Io(e) if e.to_string().contains("could not acquire lock"))
}
