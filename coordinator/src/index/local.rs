//! One named index on local disk: what the catalogue says of it, and its open runs.
//!
//! Readers take the state as it is and keep it for the call; writers, one at a time, make files, commit, put a new
//! state in its place, and only then unlink what died.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sha2::{Digest, Sha256};
use tamis_common::artefact::BandRow;
use tamis_common::fault::{self, Point};
use tamis_common::ids::{DocRef, JobId};
use tamis_common::{Class, Error, Result};

use super::catalogue::{Catalogue, Change, Contents, JobRecord};
use super::columns::Columns;
use super::enter::{Folder, JobFiles, write_job};
use super::file::{check_length, remove};
use super::list::{Probe, Scratch};
use super::merge::{RunFacts, merge, plan};
use super::run::Run;
use super::{DedupIndex, EntryInfo, EntryRef, EntrySource, IndexJob, IndexStats, archive};

/// Rows looked up at a time, which bounds the matches held to be put in order.
const BATCH: usize = 1 << 16;

/// What a call sees.
#[derive(Clone)]
struct State {
    contents: Contents,
    /// By file number.
    runs: BTreeMap<u64, Arc<Run>>,
}

impl State {
    fn live(&self, ordinal: u32) -> Option<&JobRecord> {
        self.contents.jobs.get(&ordinal).filter(|job| !job.forgotten)
    }

    fn live_jobs(&self) -> impl Iterator<Item = (u32, &JobRecord)> {
        let jobs = self.contents.jobs.iter().map(|(ordinal, job)| (*ordinal, job));
        jobs.filter(|(_, job)| !job.forgotten)
    }

    fn ordinal(&self, job: &JobId) -> Option<u32> {
        self.live_jobs().find(|(_, record)| record.job == *job).map(|(ordinal, _)| ordinal)
    }

    fn facts(&self) -> Vec<RunFacts> {
        let facts = self.runs.values().map(|run| {
            let dead = run.segments().as_slice().iter().filter(|s| self.live(s.job).is_none());
            RunFacts {
                rows: u64::from(run.segments().rows()),
                dead: dead.map(|s| u64::from(s.entries)).sum(),
            }
        });
        facts.collect()
    }

    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (_, job) in self.live_jobs() {
            digest.update((job.job.as_str().len() as u64).to_le_bytes());
            digest.update(job.job.as_str());
            digest.update(&job.content);
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A named index.
pub(super) struct LocalIndex {
    name: String,
    folder: Folder,
    catalogue: Arc<Catalogue>,
    state: RwLock<Arc<State>>,
    writer: Mutex<()>,
}

impl LocalIndex {
    /// Opens the files that the catalogue names.
    ///
    /// # Errors
    /// `Class::Storage` if one is missing or damaged.
    pub(super) fn open(
        name: &str,
        folder: &Path,
        catalogue: Arc<Catalogue>,
        contents: Contents,
    ) -> Result<Self> {
        let folder = Folder::new(folder, contents.index.number);
        let mut runs = BTreeMap::new();
        for (number, record) in &contents.runs {
            let run = Run::open(&folder.run(*number), record, contents.index.params.bands)?;
            runs.insert(*number, Arc::new(run));
        }
        for columns in contents.jobs.values().filter_map(|job| job.columns.as_ref()) {
            check_length(&folder.columns(columns.number), columns)?;
        }
        let state = RwLock::new(Arc::new(State { contents, runs }));
        Ok(Self { name: name.to_owned(), folder, catalogue, state, writer: Mutex::new(()) })
    }

    /// What the catalogue says of it.
    pub(super) fn contents(&self) -> Contents {
        self.state().contents.clone()
    }

    /// The index at a glance.
    pub(super) fn glance(&self) -> IndexStats {
        let state = self.state();
        let columns = state.contents.jobs.values().filter_map(|job| job.columns.as_ref());
        let files = state.contents.runs.values().chain(columns);
        let jobs = state.live_jobs().map(|(_, job)| IndexJob {
            job: job.job.clone(),
            name: job.name.clone(),
            documents: job.documents,
            published_at_ms: job.published_at_ms,
        });
        IndexStats {
            name: self.name.clone(),
            params: state.contents.index.params.clone(),
            documents: state.live_jobs().map(|(_, job)| job.documents).sum(),
            bytes: files.map(|file| file.bytes).sum(),
            runs: state.runs.len() as u32,
            jobs: jobs.collect(),
            state_digest: state.digest(),
        }
    }

    /// Reads every byte of every file.
    ///
    /// # Errors
    /// `Class::Storage` if one is missing or damaged.
    pub(super) fn verify(&self) -> Result<()> {
        let state = self.state();
        state.runs.values().try_for_each(|run| run.verify())?;
        for (ordinal, _) in state.live_jobs() {
            if let Some(columns) = self.columns(&state, ordinal)? {
                columns.verify()?;
            }
        }
        Ok(())
    }

    /// Copies it to a folder that is empty or not there; nothing is entered meanwhile.
    ///
    /// # Errors
    /// As [`archive::export`].
    pub(super) fn export(&self, folder: &Path) -> Result<()> {
        let _one = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        archive::export(&self.name, &self.state().contents, &self.folder, folder)
    }

    /// Writes the files of a job that will have the next ordinal; nobody sees them yet.
    pub(super) fn prepare(&self, job: &IndexJob, entries: &dyn EntrySource) -> Result<JobFiles> {
        let contents = self.contents();
        let place = (contents.index.next_job, job.documents);
        let numbers = (self.catalogue.next_file(), self.catalogue.next_file());
        write_job(&self.folder, &contents.index.params, place, numbers, entries)
    }

    /// Makes a prepared job part of the index.
    fn enter(&self, job: &IndexJob, prepared: JobFiles) -> Result<()> {
        let mut state = State::clone(&self.state());
        let (columns, run) = prepared.files.unzip();
        if let Some(run) = &run {
            let opened = Run::open(&self.folder.run(run.number), run, state.contents.index.params.bands)?;
            state.runs.insert(run.number, Arc::new(opened));
        }
        let record = JobRecord::new(job, prepared.content, columns);
        let change = Change {
            jobs: vec![(state.contents.index.next_job, record)],
            runs: run.into_iter().collect(),
            ..Change::default()
        };
        self.catalogue.commit(&self.name, &mut state.contents, &change)?;
        self.replace_state(state);
        Ok(())
    }

    /// Merges runs until the plan asks for nothing more.
    fn tidy(&self) -> Result<()> {
        loop {
            let state = self.state();
            let Some(chosen) = plan(&state.facts()) else {
                return Ok(());
            };
            let all: Vec<&Arc<Run>> = state.runs.values().collect();
            let runs: Vec<Arc<Run>> = chosen.into_iter().map(|index| all[index].clone()).collect();
            self.merge(State::clone(&state), &runs)?;
        }
    }

    fn merge(&self, mut state: State, runs: &[Arc<Run>]) -> Result<()> {
        fault::pass(Point::IndexMergeBefore)?;
        let bands = state.contents.index.params.bands;
        let number = self.catalogue.next_file();
        let path = self.folder.run(number);
        let live = |job| state.live(job).is_some();
        let merged = merge(runs, bands as usize + 1, live, &path, number)?;
        fault::pass(Point::IndexMergeAfter)?;
        // A job's rows stand in one run: what is forgotten is gone with it.
        let segments = runs.iter().flat_map(|run| run.segments().as_slice());
        let gone_jobs = segments.map(|segment| segment.job).filter(|job| !live(*job)).collect();
        let gone_runs: Vec<u64> = runs.iter().map(|run| run.record().number).collect();
        for number in &gone_runs {
            state.runs.remove(number);
        }
        if let Some(record) = &merged {
            state.runs.insert(number, Arc::new(Run::open(&path, record, bands)?));
        }
        let change = Change { gone_jobs, gone_runs, runs: merged.into_iter().collect(), ..Change::default() };
        self.catalogue.commit(&self.name, &mut state.contents, &change)?;
        self.replace_state(state);
        fault::pass(Point::IndexUnlink)?;
        change.gone_runs.iter().try_for_each(|number| remove(&self.folder.run(*number)))
    }

    /// Calls `hit` for every pair of a row and an entry with one key in `list`: by key, entry, document, so that the
    /// order does not tell how runs were merged.
    fn look_up<R>(
        &self,
        list: usize,
        rows: &[R],
        key: impl Fn(&R) -> (u64, u64),
        doc: impl Fn(&R) -> DocRef,
        hit: &mut dyn FnMut(DocRef, EntryRef),
    ) -> Result<()> {
        if !rows.is_sorted_by_key(&key) {
            return Err(Error::internal("rows looked up in an index are not sorted"));
        }
        let state = self.state();
        let mut scratch = Scratch::default();
        let mut probes = Vec::new();
        let mut matches: Vec<(u32, EntryRef)> = Vec::new();
        let mut rest = rows;
        while !rest.is_empty() {
            probes.clear();
            matches.clear();
            let mut starts = Vec::new();
            let mut len = 0;
            for same in rest.chunk_by(|a, b| key(a) == key(b)) {
                let (high, low) = key(&same[0]);
                probes.push(Probe { high, low, tag: starts.len() as u32 });
                starts.push(len..len + same.len());
                len += same.len();
                if len >= BATCH {
                    break;
                }
            }
            for run in state.runs.values() {
                run.look_up(list, &probes, &mut scratch, &mut |tag, entry| {
                    if state.live(entry.job).is_some() {
                        matches.push((tag, entry));
                    }
                })?;
            }
            matches.sort_unstable();
            for (tag, entry) in &matches {
                for row in &rest[starts[*tag as usize].clone()] {
                    hit(doc(row), *entry);
                }
            }
            rest = &rest[len..];
        }
        Ok(())
    }

    /// Calls `each` with the columns of each job of `entries`, and its entries.
    fn by_job(
        &self,
        entries: &[EntryRef],
        mut each: impl FnMut(&JobRecord, &Columns, &[EntryRef]) -> Result<()>,
    ) -> Result<()> {
        if !entries.is_sorted() {
            return Err(Error::internal("entries of an index are not sorted"));
        }
        let state = self.state();
        for of_job in entries.chunk_by(|a, b| a.job == b.job) {
            let ordinal = of_job[0].job;
            let Some((job, columns)) = state.live(ordinal).zip(self.columns(&state, ordinal)?) else {
                return Err(self.forgotten(ordinal));
            };
            each(job, &columns, of_job)?;
        }
        Ok(())
    }

    /// The columns of a job; `None` if it has none.
    fn columns(&self, state: &State, ordinal: u32) -> Result<Option<Columns>> {
        let Some(record) = state.live(ordinal).and_then(|job| job.columns.as_ref()) else {
            return Ok(None);
        };
        match Columns::open(&self.folder.columns(record.number), record) {
            // Not damage: the file went while this call held an older state.
            Err(_) if self.state().live(ordinal).is_none() => Err(self.forgotten(ordinal)),
            opened => opened.map(Some),
        }
    }

    fn forgotten(&self, ordinal: u32) -> Error {
        let message = format!("index `{}` no longer holds its job number {ordinal}", self.name);
        Error::new(Class::Conflict, message).with_hint("it was forgotten meanwhile: retry")
    }

    fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace_state(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    /// Merges; a failure is no failure of what was committed before.
    fn try_tidy(&self) {
        if let Err(error) = self.tidy() {
            tracing::warn!(index = %self.name, %error, "cannot merge runs of index `{}`", self.name);
        }
    }
}

impl DedupIndex for LocalIndex {
    fn stats(&self) -> Result<IndexStats> {
        Ok(self.glance())
    }

    fn lookup_hashes(&self, rows: &[(u128, DocRef)], hit: &mut dyn FnMut(DocRef, EntryRef)) -> Result<()> {
        self.look_up(0, rows, |row| ((row.0 >> 64) as u64, row.0 as u64), |row| row.1, hit)
    }

    fn lookup_band(&self, band: u32, rows: &[BandRow], hit: &mut dyn FnMut(DocRef, EntryRef)) -> Result<()> {
        let bands = self.state().contents.index.params.bands;
        if band >= bands {
            return Err(Error::internal(format!("index `{}` has {bands} bands, not band {band}", self.name)));
        }
        self.look_up(band as usize + 1, rows, |row| (row.key, 0), |row| row.doc, hit)
    }

    fn signatures(
        &self,
        entries: &[EntryRef],
        each: &mut dyn FnMut(EntryRef, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.by_job(entries, |record, columns, of_job| {
            columns.signatures(of_job.iter().map(|e| e.entry), |entry, signature| match signature {
                Some(signature) => each(EntryRef { job: of_job[0].job, entry }, signature),
                None => Err(Error::internal(format!("document {entry} of {} has no signature", record.job))),
            })
        })
    }

    fn infos(&self, entries: &[EntryRef]) -> Result<Vec<EntryInfo>> {
        let mut infos = Vec::with_capacity(entries.len());
        self.by_job(entries, |record, columns, of_job| {
            columns.names(of_job.iter().map(|e| e.entry), |source, id| {
                infos.push(EntryInfo {
                    job: record.job.clone(),
                    source: source.to_owned(),
                    id: id.to_owned(),
                });
            })
        })?;
        Ok(infos)
    }

    fn publish(&self, job: &IndexJob, entries: &dyn EntrySource) -> Result<()> {
        let _one = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state().ordinal(&job.job).is_some() {
            // A crash may have come between the entry and the merge.
            self.try_tidy();
            return Ok(());
        }
        fault::pass(Point::IndexFilesBefore)?;
        let prepared = self.prepare(job, entries)?;
        fault::pass(Point::IndexFilesAfter)?;
        self.enter(job, prepared)?;
        self.try_tidy();
        Ok(())
    }

    fn forget(&self, job: &JobId) -> Result<()> {
        let _one = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = State::clone(&self.state());
        let Some(ordinal) = state.ordinal(job) else {
            return Ok(());
        };
        let Some(mut record) = state.live(ordinal).cloned() else {
            return Ok(());
        };
        let columns = record.columns.take();
        record.forgotten = true;
        let change = match columns {
            Some(_) => Change { jobs: vec![(ordinal, record)], ..Change::default() },
            // It has no rows that a merge would have to remove.
            None => Change { gone_jobs: vec![ordinal], ..Change::default() },
        };
        self.catalogue.commit(&self.name, &mut state.contents, &change)?;
        self.replace_state(state);
        if let Some(columns) = columns {
            remove(&self.folder.columns(columns.number))?;
        }
        self.try_tidy();
        Ok(())
    }
}
