//! What a worker does with a task: the job's spec and tokenizer are fetched once, then scan or emit runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};
use tamis_common::artefact::{TASK_MANIFEST, TaskManifest};
use tamis_common::ids::Phase;
use tamis_common::sieve::filter::Terms;
use tamis_common::sieve::resources::Resources;
use tamis_common::spec::JobSpec;
use tamis_common::storage::{Storage, Uri, hex};
use tamis_common::{Error, Result};

use crate::emit::{EmitContext, emit};
use crate::progress::Progress;
use crate::run::{Executor, FileRef, Task};
use crate::scan::{ScanContext, scan};
use crate::sieve::Sieve;
use crate::tokenize::{Encoder, Tokenizer};

/// Files that are kept ready; a worker sees few jobs at a time.
const MOST_CACHED: usize = 8;

/// Executes tasks for all slots of a worker.
pub struct Tasks {
    storage: Storage,
    jobs: Mutex<HashMap<String, Arc<Job>>>,
    tokenizers: Mutex<HashMap<String, Arc<Tokenizer>>>,
}

/// What the tasks of a job share.
struct Job {
    spec: JobSpec,
    /// Made by the first scan; emits need none.
    sieve: OnceLock<Arc<Sieve>>,
    /// Made by the first emit; scans need none.
    lexicon: OnceLock<Option<Arc<Terms>>>,
}

impl Tasks {
    /// An executor that reads and writes through `storage`.
    pub fn new(storage: Storage) -> Self {
        Self { storage, jobs: Mutex::default(), tokenizers: Mutex::default() }
    }

    fn fetch(&self, uri: &Uri, sha256: &str) -> Result<Vec<u8>> {
        let bytes = self.storage.read(uri)?;
        let found = hex(&Sha256::digest(&bytes));
        if found != sha256 {
            return Err(Error::storage(format!("`{uri}` has the digest {found}, not {sha256}")));
        }
        Ok(bytes)
    }

    /// The value made from a file, by digest. Other slots wait for it rather than make it too.
    fn cached<T>(
        &self,
        cache: &Mutex<HashMap<String, Arc<T>>>,
        file: &FileRef,
        make: impl FnOnce(Vec<u8>) -> Result<T>,
    ) -> Result<Arc<T>> {
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = cache.get(&file.sha256) {
            return Ok(value.clone());
        }
        let value = Arc::new(make(self.fetch(&file.uri, &file.sha256)?)?);
        if cache.len() == MOST_CACHED {
            cache.clear();
        }
        cache.insert(file.sha256.clone(), value.clone());
        Ok(value)
    }
}

impl Tasks {
    /// The cleaners and filters of a job. Other slots may make them at the same time: one of them stays.
    fn sieve(&self, job: &Job, task: &Task) -> Result<Arc<Sieve>> {
        if let Some(sieve) = job.sieve.get() {
            return Ok(sieve.clone());
        }
        let sieve = Arc::new(Sieve::build(&job.spec, &self.files(task, |_| true)?)?);
        Ok(job.sieve.get_or_init(|| sieve).clone())
    }

    /// The terms whose coverage the report shows; as [`Tasks::sieve`].
    fn lexicon(&self, job: &Job, task: &Task) -> Result<Option<Arc<Terms>>> {
        let lists = &job.spec.report.lexicon;
        if lists.is_empty() {
            return Ok(None);
        }
        if let Some(lexicon) = job.lexicon.get() {
            return Ok(lexicon.clone());
        }
        let files = self.files(task, |name| lists.iter().any(|list| list == name))?;
        let terms = Terms::of_files(lists, &files).map_err(|e| Error::spec(e.0))?;
        Ok(job.lexicon.get_or_init(|| Some(Arc::new(terms))).clone())
    }

    /// A coordinator that lost its state finds which scans were done. Emits begin anew then: by which verdicts one was
    /// made, its manifest does not say.
    fn leave_manifest(&self, work: &Uri, made: &TaskManifest) -> Result<()> {
        let json = serde_json::to_vec(made)
            .map_err(|e| Error::internal(format!("a manifest cannot be written as JSON: {e}")))?;
        self.storage.put(&work.join(TASK_MANIFEST), &json).map(drop)
    }

    fn files(&self, task: &Task, wanted: impl Fn(&str) -> bool) -> Result<Resources> {
        let mut files = Resources::default();
        for named in task.files.iter().filter(|named| wanted(&named.name)) {
            files.insert(named.name.as_str(), self.fetch(&named.file.uri, &named.file.sha256)?);
        }
        Ok(files)
    }
}

impl Executor for Tasks {
    fn run(&self, task: &Task, progress: Arc<Progress>) -> Result<TaskManifest> {
        let job = self.cached(&self.jobs, &task.spec, |bytes| {
            let json = String::from_utf8(bytes)
                .map_err(|e| Error::storage(format!("`{}` is not UTF-8", task.spec.uri)).with_source(e))?;
            Ok(Job { spec: JobSpec::from_json(&json)?, sieve: OnceLock::new(), lexicon: OnceLock::new() })
        })?;
        let spec = &job.spec;
        let tokenizer = match &task.tokenizer {
            None => None,
            Some(file) => Some(self.cached(&self.tokenizers, file, |bytes| {
                let name = spec.tokenizer.as_ref().map_or(file.uri.as_str(), |t| t.path.as_str());
                Tokenizer::load(&bytes, name)
            })?),
        };
        let (storage, shard, work) = (&self.storage, &task.shard, &task.work);
        let tokenizer = match (tokenizer.as_deref(), &spec.tokenizer) {
            (Some(tokenizer), Some(spec)) => Some(Encoder::new(tokenizer, spec)?),
            _ => None,
        };
        let progress = &*progress;
        match (task.id.phase, &task.emit) {
            (Phase::Scan, _) => {
                let sieve = &*self.sieve(&job, task)?;
                let made = scan(&ScanContext { storage, spec, shard, work, sieve, tokenizer, progress })?;
                self.leave_manifest(work, &made)?;
                Ok(made)
            }
            (Phase::Emit, Some(inputs)) => emit(&EmitContext {
                storage,
                spec,
                shard,
                scan: &inputs.scan,
                verdicts: &inputs.verdicts,
                work,
                tokenizer,
                budget: inputs.budget,
                lexicon: self.lexicon(&job, task)?.as_deref(),
                progress,
            }),
            (Phase::Emit, None) => Err(Error::internal(format!("{} came without its inputs", task.id))),
        }
    }
}
